/* SPDX-License-Identifier: Apache-2.0
 *
 * The library: finding and listing.
 */
#include "store/library.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "store/database.h"
#include "store/digest.h"
#include "store/home.h"
#include "store/name.h"
#include "store/remote.h"

enum { MAX_ENTRIES = 4096, MAX_FILES = 4096 };

static const struct str suffix = {".gguf", 5};

/* A list that grows in an arena. */
struct listing {
    struct arena *arena;
    struct library_entry *entries;
    size_t n;
    sqlite3 *db; /* may be NULL */
};

/* Sets the digest if all files' are remembered. */
static void set_digest(struct listing *list, struct library_entry *entry)
{
    char hex[65];
    if (list->db && digest_known(list->db, entry->files, entry->n_files, hex))
        entry->digest = arena_copy(list->arena, hex, 64);
}

/* Reads the entry's files, [{"path", "stamp"}], and compares them with what lies there. */
static bool read_stamps(struct listing *list, struct library_entry *entry, struct str text)
{
    json_t *stamps = json_read(text, "library.db", NULL);
    size_t n = json_array_size(stamps);
    entry->files = arena_array(list->arena, n + 1, sizeof *entry->files);
    bool good = entry->files && n <= MAX_FILES;
    for (size_t i = 0; good && i < n; i++) {
        const json_t *stamp = json_array_get(stamps, i);
        struct str path = json_span(json_object_get(stamp, "path")), was = json_span(json_object_get(stamp, "stamp"));
        struct stat st;
        char now[96];
        entry->files[i] = arena_copy(list->arena, path.ptr, path.len);
        good = entry->files[i] != NULL;
        entry->n_files += good;
        if (!good || stat(entry->files[i], &st) != 0) {
            entry->state = LIBRARY_GONE;
            continue;
        }
        entry->size_bytes += (uint64_t)st.st_size;
        snprintf(now, sizeof now, "%llu %lld.%09ld", (unsigned long long)st.st_size, (long long)st.st_mtim.tv_sec,
                 st.st_mtim.tv_nsec);
        if (!str_eq(was, str_of(now)) && entry->state == LIBRARY_GOOD)
            entry->state = LIBRARY_CHANGED;
    }
    json_decref(stamps);
    return good;
}

/* The next entry to be filled, or NULL. */
static struct library_entry *next_entry(struct listing *list)
{
    if (!list->entries)
        list->entries = arena_array(list->arena, MAX_ENTRIES, sizeof *list->entries);
    return list->entries && list->n < MAX_ENTRIES ? &list->entries[list->n] : NULL;
}

/* Adds the rows of the index: all, or that of `name`. */
static bool list_index(struct listing *list, const char *name, struct hob_error *err)
{
    if (!list->db)
        return true;
    sqlite3_stmt *rows = database_prepare(list->db,
                                          "SELECT name, path, stamps, modified, settings FROM model"
                                          " WHERE ?1 IS NULL OR name = ?1 LIMIT 4096",
                                          &name, 1, err);
    bool good = rows != NULL;
    int step = SQLITE_DONE;
    while (good && (step = sqlite3_step(rows)) == SQLITE_ROW) {
        struct library_entry *entry = next_entry(list);
        struct str text = database_text(rows, 0), path = database_text(rows, 1), settings = database_text(rows, 4);
        if (!entry) {
            good = error_memory(err, sizeof *entry);
            break;
        }
        *entry = (struct library_entry){
            .name = arena_copy(list->arena, text.ptr, text.len),
            .path = arena_copy(list->arena, path.ptr, path.len),
            .settings = arena_copy(list->arena, settings.ptr, settings.len),
            .modified_s = sqlite3_column_int64(rows, 3),
            .indexed = true,
        };
        good = (entry->name && entry->path && entry->settings && read_stamps(list, entry, database_text(rows, 2))) ||
               error_memory(err, text.len);
        if (good)
            set_digest(list, entry);
        list->n += good;
    }
    if (good && step != SQLITE_DONE)
        good = database_error(list->db, err);
    sqlite3_finalize(rows);
    return good;
}

/* The places of files that nobody added, the one that hides the other first. False where the environment names none. */
static bool place(unsigned i, struct buf *path)
{
    if (!(i == 0 ? home_data(path, NULL) : home_cache(path, NULL)))
        return false;
    return buf_str(path, STR("/models"));
}

/* Adds one file of a place, unless it is hidden or no model. */
static bool list_file(struct listing *list, const char *folder, struct str file, const char *wanted)
{
    char name[NAME_BYTES];
    struct stat st;
    struct library_entry *entry = next_entry(list);
    if (!entry)
        return list->n == MAX_ENTRIES;
    if (!str_ends(file, suffix) || !name_canonical((struct str){file.ptr, file.len - suffix.len}, name, NULL) ||
        (wanted && !name_equal(name, wanted)))
        return true;
    for (size_t i = 0; i < list->n; i++)
        if (name_equal(list->entries[i].name, name))
            return true;
    *entry = (struct library_entry){
        .name = arena_copy(list->arena, name, strlen(name)),
        .path = arena_format(list->arena, "%s/%s", folder, file.ptr),
        .files = arena_array(list->arena, 1, sizeof *entry->files),
        .n_files = 1,
        .settings = "{}",
    };
    if (!entry->name || !entry->path || !entry->files)
        return false;
    entry->files[0] = entry->path;
    if (stat(entry->path, &st) != 0 || !S_ISREG(st.st_mode))
        return true;
    entry->size_bytes = (uint64_t)st.st_size;
    entry->modified_s = st.st_mtim.tv_sec;
    set_digest(list, entry);
    list->n++;
    return true;
}

/* Adds the files of the places: all, or that of `wanted`. */
static bool list_places(struct listing *list, const char *wanted)
{
    bool good = true;
    for (unsigned i = 0; i < 2 && good; i++) {
        struct buf folder = {0};
        DIR *dir = place(i, &folder) ? opendir(buf_text(&folder)) : NULL;
        for (struct dirent *file; good && dir && (file = readdir(dir));)
            good = list_file(list, folder.ptr, str_of(file->d_name), wanted);
        if (dir)
            closedir(dir);
        buf_clear(&folder);
    }
    return good;
}

/* Fills a listing with all, or with what `name` means. */
static bool fill(struct listing *list, const char *name, struct hob_error *err)
{
    struct hob_error failure;
    if (store_ask)
        return remote_list(list->arena, name, &list->entries, &list->n, err);
    list->db = database_open_existing(&failure);
    bool good = list->db || failure.status == HOB_OK || failure.status == HOB_NOT_FOUND;
    if (!good)
        error_set(err, failure.status, "%s", failure.text);
    good = good && list_index(list, name, err);
    if (good && !(name && list->n))
        good = list_places(list, name) || error_memory(err, NAME_BYTES);
    sqlite3_close(list->db);
    list->db = NULL;
    return good;
}

static int newest_first(const void *a, const void *b)
{
    const struct library_entry *x = a, *y = b;
    if (x->modified_s != y->modified_s)
        return x->modified_s < y->modified_s ? 1 : -1;
    return strcasecmp(x->name, y->name);
}

bool library_list(struct arena *arena, struct library_entry **entries, size_t *n, struct hob_error *err)
{
    struct listing list = {.arena = arena};
    bool good = fill(&list, NULL, err);
    if (good && list.n > 1)
        qsort(list.entries, list.n, sizeof *list.entries, newest_first);
    *entries = list.entries;
    *n = list.n;
    return good;
}

bool library_has_path(const char *path)
{
    sqlite3 *db = database_open_existing(&(struct hob_error){0});
    sqlite3_stmt *rows =
        db ? database_prepare(db, "SELECT 1 FROM model WHERE path = ?1 LIMIT 1", &path, 1, NULL) : NULL;
    bool found = rows && sqlite3_step(rows) == SQLITE_ROW;
    sqlite3_finalize(rows);
    sqlite3_close(db);
    return found;
}

/* The error for a name that no place has, with what to do. */
static bool not_found(struct str name, struct hob_error *err)
{
    struct arena arena = {0};
    struct buf names = {.limit = 200};
    struct library_entry *entries;
    size_t n;
    if (library_list(&arena, &entries, &n, NULL)) {
        for (size_t i = 0; i < n; i++) {
            struct str shown = name_shown(entries[i].name, true);
            buf_format(&names, "%s%.*s", i ? ", " : "", (int)shown.len, shown.ptr);
        }
    }
    int length = (int)(name.len < 100 ? name.len : 100);
    if (names.len)
        error_set(err, HOB_NOT_FOUND, "%.*s: no such model; there are %.*s", length, name.ptr, (int)names.len,
                  names.ptr);
    else
        error_set(err, HOB_NOT_FOUND,
                  "%.*s: no such model, and there are none yet; \"tools/models smollm2\" fetches one", length,
                  name.ptr);
    buf_clear(&names);
    arena_clear(&arena);
    return false;
}

bool library_find(struct arena *arena, struct str name, struct library_entry *entry, struct hob_error *err)
{
    struct listing list = {.arena = arena};
    char canonical[NAME_BYTES];
    if (!name_canonical(name, canonical, err) || !fill(&list, canonical, err))
        return false;
    if (list.n == 0)
        return not_found(name, err);
    *entry = list.entries[0];
    return true;
}

bool library_check(const struct library_entry *entry, struct hob_error *err)
{
    struct str name = name_shown(entry->name, true);
    if (entry->state == LIBRARY_GONE)
        return error_set(err, HOB_NOT_FOUND, "%.*s: its file has vanished: %s", (int)name.len, name.ptr, entry->path);
    if (entry->state == LIBRARY_CHANGED)
        return error_set(err, HOB_INTEGRITY,
                         "%.*s: its file has changed since it was added; to take it as it is now: hob add %s --name "
                         "%.*s",
                         (int)name.len, name.ptr, entry->path, (int)name.len, name.ptr);
    return true;
}

/* Takes `word` itself as the path. */
static bool take_path(const char *word, struct buf *path, struct hob_error *err)
{
    return buf_str(path, str_of(word)) || error_memory(err, strlen(word));
}

/* Whether the folder `word` holds a model. Without this, any folder that is called `smollm2` would hide the library's.
 */
static bool holds_model(const char *word)
{
    struct buf config = {0};
    bool holds = buf_format(&config, "%s/config.json", word) && buf_text(&config) && file_exists(config.ptr);
    buf_clear(&config);
    return holds;
}

bool library_resolve(const char *word, struct buf *path, json_t **settings, struct hob_error *err)
{
    struct str name = str_of(word);
    char canonical[NAME_BYTES];
    bool exists = name.len > 0 && file_exists(word), is_name = name_canonical(name, canonical, NULL);
    if (settings)
        *settings = NULL;
    if (exists && (strchr(word, '/') || str_ends(name, suffix) || !file_is_folder(word) || holds_model(word)))
        return take_path(word, path, err);
    struct arena arena = {0};
    struct library_entry entry;
    struct hob_error failure = {0};
    bool found = is_name && library_find(&arena, name, &entry, &failure);
    bool good = found && library_check(&entry, err) && take_path(entry.path, path, err);
    if (good && settings)
        *settings = json_read(str_of(entry.settings), entry.name, err);
    arena_clear(&arena);
    if (found)
        return good;
    if (exists)
        return take_path(word, path, err);
    if (strchr(word, '/') || str_ends(name, suffix))
        return error_set(err, HOB_NOT_FOUND, "%s: no such file or folder", word);
    if (!is_name)
        return error_set(err, HOB_USAGE, "\"%s\": is no model: want a .gguf file, a folder, or a name of the library",
                         word);
    return error_set(err, failure.status, "%s", failure.text);
}
