/* SPDX-License-Identifier: Apache-2.0
 *
 * The library: adding, copying, removing. Files come before the row that names them and go after it, so that whenever
 * the program is killed, every name has its files.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "model/model.h"
#include "store/collect.h"
#include "store/database.h"
#include "store/home.h"
#include "store/library.h"
#include "store/name.h"
#include "store/remote.h"

enum { COPY_BYTES = 1 << 20 };

/* The absolute paths of the files of the model at `path`, an array. The caller owns it. */
static json_t *files_of(const char *path, struct hob_error *err)
{
    struct model *model = model_open(path, err);
    size_t n = 0;
    const struct file *const *files = model ? model_files(model, &n) : NULL;
    json_t *paths = json_array();
    bool good = model != NULL;
    for (size_t i = 0; good && i < n; i++) {
        char *absolute = file_absolute(files[i]->path);
        json_t *name = absolute ? json_string(absolute) : NULL;
        if (name)
            json_array_append_new(paths, name);
        else
            good = error_set(err, HOB_DISK, "%s: its path is not UTF-8", files[i]->path);
        free(absolute);
    }
    model_close(model);
    if (good)
        return paths;
    json_decref(paths);
    return NULL;
}

/* [{"path", "stamp"}] of files. The caller owns it. */
static json_t *stamps_of(const json_t *files, struct hob_error *err)
{
    json_t *stamps = json_array(), *file;
    size_t i;
    json_array_foreach((json_t *)files, i, file)
    {
        struct stat st;
        const char *path = json_string_value(file);
        if (!path || stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
            error_set(err, HOB_NOT_FOUND, "%s: is not there", path ? path : "a file");
            json_decref(stamps);
            return NULL;
        }
        json_array_append_new(stamps,
                              json_pack("{s:O, s:o}", "path", file, "stamp",
                                        json_sprintf("%llu %lld.%09lld", (unsigned long long)st.st_size,
                                                     (long long)st.st_mtim.tv_sec, (long long)st.st_mtim.tv_nsec)));
    }
    return stamps;
}

/* Appends the folder of copies. */
static bool copies_folder(struct buf *path, struct hob_error *err)
{
    return home_data(path, err) && (buf_str(path, STR("/files")) || error_memory(err, path->len));
}

/* The path that a name stands for, in the index that is open. The caller frees it; NULL: there is none. */
static char *path_of(sqlite3 *db, const char *name)
{
    sqlite3_stmt *row = database_prepare(db, "SELECT path FROM model WHERE name = ?1", &name, 1, NULL);
    char *path = row && sqlite3_step(row) == SQLITE_ROW ? strdup(database_text(row, 0).ptr) : NULL;
    sqlite3_finalize(row);
    return path;
}

bool library_index(struct str name, const char *path, const json_t *files, const json_t *settings,
                   struct hob_error *err)
{
    char canonical[NAME_BYTES], modified[32], *old = NULL;
    struct buf stamps_text = {0}, options = {0};
    if (!name_canonical(name, canonical, err))
        return false;
    sqlite3 *db = database_begin(err); /* from here on no file is removed */
    json_t *stamps = db ? stamps_of(files, err) : NULL;
    bool good =
        stamps && ((json_write(stamps, &stamps_text) && buf_text(&stamps_text) &&
                    (settings ? json_write(settings, &options) : buf_str(&options, STR("{}"))) && buf_text(&options)) ||
                   error_memory(err, stamps_text.len));
    if (good) {
        snprintf(modified, sizeof modified, "%lld", (long long)time(NULL));
        const char *const texts[] = {canonical, path, stamps_text.ptr, modified, options.ptr};
        old = path_of(db, canonical);
        good = database_run(db,
                            "INSERT OR REPLACE INTO model (name, path, stamps, modified, settings)"
                            " VALUES (?1, ?2, ?3, CAST(?4 AS INTEGER), ?5)",
                            texts, 5, err) &&
               database_commit(db, err);
    }
    sqlite3_close(db);
    if (good && old && strcmp(old, path) != 0)
        collect(old);
    free(old);
    json_decref(stamps);
    buf_clear(&stamps_text);
    buf_clear(&options);
    return good;
}

bool library_add(struct str name, const char *path, const json_t *settings, struct hob_error *err)
{
    char canonical[NAME_BYTES];
    if (!name_canonical(name, canonical, err))
        return false;
    char *absolute = file_absolute(path);
    if (!absolute)
        return error_system(err, path, "cannot be found");
    json_t *files = files_of(absolute, err);
    bool good = files != NULL;
    if (good && store_ask) {
        json_t *done = store_ask("add",
                                 json_pack("{s:o, s:o, s:O, s:O?}", "name", json_bytes(name), "path",
                                           json_bytes(str_of(absolute)), "files", files, "settings", settings),
                                 err);
        good = done != NULL;
        json_decref(done);
    } else if (good) {
        good = library_index(name, absolute, files, settings, err);
    }
    json_decref(files);
    free(absolute);
    return good;
}

/* Copies one file, in pieces. */
static bool copy_file(const struct file *from, const char *to, struct hob_error *err)
{
    char *piece = malloc(COPY_BYTES);
    struct file_writer writer = {.fd = -1};
    bool good = piece ? file_writer_open(&writer, to, err) : error_memory(err, COPY_BYTES);
    for (uint64_t at = 0; good && at < from->size; at += COPY_BYTES) {
        size_t size = from->size - at < COPY_BYTES ? (size_t)(from->size - at) : COPY_BYTES;
        good = file_read_at(from, at, piece, size, err) && file_writer_add(&writer, (struct str){piece, size}, err);
    }
    good = good && file_writer_end(&writer, err);
    file_writer_drop(&writer);
    free(piece);
    return good;
}

/* Copies the file `name` of the folder `from`, or of the folder that holds it, into the folder `to`. */
static bool copy_into(const char *from, const char *name, struct str to, struct hob_error *err)
{
    struct buf source = {0}, target = {0};
    struct file file = {.fd = -1};
    bool good = (buf_format(&source, "%s/%s", from, name) && buf_text(&source) && buf_str(&target, to) &&
                 buf_format(&target, "/%s", name) && buf_text(&target)) ||
                error_memory(err, to.len);
    good = good && file_open(&file, source.ptr, err) && copy_file(&file, target.ptr, err);
    file_close(&file);
    buf_clear(&source);
    buf_clear(&target);
    return good;
}

/* Copies all regular files of a folder: what a publisher lays beside the weights says how they are to be used. */
static bool copy_folder(const char *from, struct str to, struct hob_error *err)
{
    DIR *dir = opendir(from);
    bool good = dir || error_system(err, from, "cannot be read");
    for (struct dirent *file; good && (file = readdir(dir));) {
        struct stat st;
        if (file->d_name[0] != '.' && fstatat(dirfd(dir), file->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
            good = copy_into(from, file->d_name, to, err);
    }
    if (dir)
        closedir(dir);
    return good;
}

/* A folder of its own for a copy, appended to `path`. */
static bool make_copy_folder(struct buf *path, struct hob_error *err)
{
    unsigned char random[8];
    if (!copies_folder(path, err) || !buf_text(path))
        return false;
    collect_old();
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return error_set(err, HOB_DISK, "the system gives no random bytes");
    buf_byte(path, '/');
    for (size_t i = 0; i < sizeof random; i++)
        buf_format(path, "%02x", random[i]);
    return buf_text(path) ? file_make_folder(path->ptr, err) : error_memory(err, path->len);
}

bool library_take_copy(const char *path, struct buf *copy, struct hob_error *err)
{
    struct model *model = model_open(path, err); /* to see that it is one */
    size_t n = 0;
    const struct file *const *files = model ? model_files(model, &n) : NULL;
    bool good = model && make_copy_folder(copy, err);
    struct str folder = buf_view(copy);
    if (good && file_is_folder(path))
        good = copy_folder(path, folder, err);
    for (size_t i = 0; good && !file_is_folder(path) && i < n; i++) { /* one, or a split set */
        const char *name = file_name(files[i]);
        char *beside = strndup(files[i]->path, (size_t)(name - files[i]->path));
        good = (beside || error_memory(err, 1)) && copy_into(*beside ? beside : ".", name, folder, err);
        free(beside);
    }
    if (!good && folder.len)
        collect_folder(copy->ptr);
    if (good && !file_is_folder(path))
        good = (buf_format(copy, "/%s", file_name(files[0])) && buf_text(copy)) || error_memory(err, copy->len);
    model_close(model);
    return good;
}

bool library_copy(struct str from, struct str to, struct hob_error *err)
{
    struct arena arena = {0};
    struct library_entry entry;
    bool good = library_find(&arena, from, &entry, err) && library_check(&entry, err);
    json_t *settings = good ? json_read(str_of(entry.settings), entry.name, err) : NULL;
    good = good && settings && library_add(to, entry.path, settings, err);
    json_decref(settings);
    arena_clear(&arena);
    return good;
}

bool library_remove(struct str name, struct hob_error *err)
{
    struct arena arena = {0};
    struct library_entry entry;
    if (store_ask) {
        json_t *done = store_ask("remove", json_pack("{s:o}", "name", json_bytes(name)), err);
        json_decref(done);
        return done != NULL;
    }
    bool good = library_find(&arena, name, &entry, err);
    if (good && entry.indexed) {
        sqlite3 *db = database_begin(err);
        char *path =
            db ? path_of(db, entry.name) : NULL; /* since it was found it may have been given to another file */
        good = db && database_run(db, "DELETE FROM model WHERE name = ?1", &entry.name, 1, err) &&
               database_commit(db, err);
        sqlite3_close(db);
        if (good && path)
            collect(path);
        free(path);
    } else if (good) {
        good = unlink(entry.path) == 0 || error_system(err, entry.path, "cannot be removed");
    }
    arena_clear(&arena);
    return good;
}
