/* SPDX-License-Identifier: Apache-2.0
 *
 * The library.
 */
#include "store/library.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "store/home.h"

enum { MAX_NAME = 128, MAX_ENTRIES = 4096 };

static const struct str suffix = {".gguf", 5};

/* The places, the one that hides the other first. False where the environment names none. */
static bool place(unsigned i, struct buf *path)
{
    if (!(i == 0 ? home_data(path, NULL) : home_cache(path, NULL)))
        return false;
    return buf_str(path, STR("/models"));
}

/* Whether `name` may be looked up: no path, not hidden. */
static bool is_name(struct str name)
{
    if (name.len == 0 || name.len > MAX_NAME)
        return false;
    unsigned n_tags = 0;
    bool starts = true; /* of the name or its tag */
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (!is_word && (starts || (c != '.' && c != '-' && c != ':')))
            return false;
        starts = c == ':';
        n_tags += c == ':';
    }
    return !starts && n_tags <= 1;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct library_entry *)a)->name, ((const struct library_entry *)b)->name);
}

/* Adds the models of one place that are not there yet. */
static bool list_place(struct arena *arena, struct str folder, struct library_entry *entries, size_t *n)
{
    char *path = arena_copy(arena, folder.ptr, folder.len);
    DIR *dir = path ? opendir(path) : NULL;
    bool good = path != NULL;
    for (struct dirent *file; good && dir && *n < MAX_ENTRIES && (file = readdir(dir));) {
        struct str name = str_of(file->d_name);
        struct stat st;
        bool hidden = false;
        if (!str_ends(name, suffix) || !is_name((struct str){name.ptr, name.len - suffix.len}))
            continue;
        struct library_entry entry = {.name = arena_copy(arena, name.ptr, name.len - suffix.len),
                                      .path = arena_format(arena, "%s/%s", path, name.ptr)};
        good = entry.name && entry.path;
        for (size_t i = 0; good && i < *n; i++)
            hidden = hidden || strcmp(entries[i].name, entry.name) == 0;
        if (!good || hidden || stat(entry.path, &st) != 0 || !S_ISREG(st.st_mode))
            continue;
        entry.size_bytes = (uint64_t)st.st_size;
        entries[(*n)++] = entry;
    }
    if (dir)
        closedir(dir);
    return good;
}

bool library_list(struct arena *arena, struct library_entry **entries, size_t *n, struct hob_error *err)
{
    *n = 0;
    *entries = arena_array(arena, MAX_ENTRIES, sizeof **entries);
    if (!*entries)
        return error_memory(err, MAX_ENTRIES * sizeof **entries);
    for (unsigned i = 0; i < 2; i++) {
        struct buf folder = {0};
        bool good = !place(i, &folder) || list_place(arena, buf_view(&folder), *entries, n);
        buf_clear(&folder);
        if (!good)
            return error_memory(err, MAX_NAME);
    }
    qsort(*entries, *n, sizeof **entries, by_name);
    return true;
}

/* The error for a name that no place has, with what to do. */
static bool not_found(const char *name, struct hob_error *err)
{
    struct arena arena = {0};
    struct buf names = {.limit = 200};
    struct library_entry *entries;
    size_t n;
    if (library_list(&arena, &entries, &n, NULL))
        for (size_t i = 0; i < n; i++)
            buf_format(&names, "%s%s", i ? ", " : "", entries[i].name);
    if (names.len)
        error_set(err, HOB_NOT_FOUND, "%s: no such model; there are %.*s", name, (int)names.len, names.ptr);
    else
        error_set(err, HOB_NOT_FOUND, "%s: no such model, and there are none yet; \"tools/models smollm2\" fetches one",
                  name);
    buf_clear(&names);
    arena_clear(&arena);
    return false;
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

bool library_resolve(const char *word, struct buf *path, struct hob_error *err)
{
    struct str name = str_of(word);
    bool exists = name.len > 0 && file_exists(word);
    if (strchr(word, '/') || str_ends(name, suffix))
        return exists ? take_path(word, path, err) : error_set(err, HOB_NOT_FOUND, "%s: no such file or folder", word);
    if (exists && (!file_is_folder(word) || holds_model(word)))
        return take_path(word, path, err);
    for (unsigned i = 0; is_name(name) && i < 2; i++) {
        path->len = 0;
        if (place(i, path) && buf_format(path, "/%s.gguf", word) && buf_text(path) && file_exists(path->ptr))
            return true;
    }
    path->len = 0;
    if (exists)
        return take_path(word, path, err);
    if (!is_name(name))
        return error_set(err, HOB_USAGE, "\"%s\": is no model: want a .gguf file, a folder, or a name of the library",
                         word);
    return path->failed ? error_memory(err, name.len) : not_found(word, err);
}
