/* SPDX-License-Identifier: Apache-2.0 */
#include "store/collect.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"
#include "store/database.h"
#include "store/home.h"

enum { ABANDONED_S = 3600, RENEW_S = 600 };

static const char *const folders[] = {"/files/", "/blobs/"};

/* The parts of the data directory that names use: "/blobs/sha256-HEX", "/files/KEY". Those of paths elsewhere count as
 * well, because a data directory may be seen by another path than when a name was given. */
struct parts {
    struct arena arena;
    char **names;
    size_t n, room;
};

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_part(struct parts *parts, const char *name, size_t len)
{
    if (parts->n == parts->room) {
        size_t room = parts->room ? 2 * parts->room : 64;
        char **grown = realloc(parts->names, room * sizeof *grown);
        if (!grown)
            return false;
        parts->names = grown;
        parts->room = room;
    }
    char *copy = arena_copy(&parts->arena, name, len);
    if (copy)
        parts->names[parts->n++] = copy;
    return copy != NULL;
}

static bool add_path(struct parts *parts, const char *path)
{
    bool good = true;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        for (const char *at = path; good && (at = strstr(at, folders[i])); at++) {
            size_t n = strlen(folders[i]);
            good = add_part(parts, at, n + strcspn(at + n, "/"));
        }
    return good;
}

/* Reads what all names use. False where that cannot be known. */
static bool parts_read(struct parts *parts, sqlite3 *db)
{
    sqlite3_stmt *rows = database_prepare(db, "SELECT path, stamps FROM model", NULL, 0, NULL);
    bool good = rows != NULL;
    int step = SQLITE_DONE;
    while (good && (step = sqlite3_step(rows)) == SQLITE_ROW) {
        size_t i;
        json_t *file, *files = json_read(database_text(rows, 1), "library.db", NULL);
        good = add_path(parts, database_text(rows, 0).ptr);
        json_array_foreach(files, i, file)
        {
            const char *path = json_string_value(json_object_get(file, "path"));
            good = good && (!path || add_path(parts, path));
        }
        json_decref(files);
    }
    sqlite3_finalize(rows);
    if (parts->n)
        qsort(parts->names, parts->n, sizeof *parts->names, compare);
    return good && step == SQLITE_DONE;
}

static bool parts_have(const struct parts *parts, const char *name)
{
    return parts->n && bsearch(&name, parts->names, parts->n, sizeof *parts->names, compare);
}

static void parts_clear(struct parts *parts)
{
    free(parts->names);
    arena_clear(&parts->arena);
}

void collect_folder(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *file; dir && (file = readdir(dir));)
        if (strcmp(file->d_name, ".") != 0 && strcmp(file->d_name, "..") != 0)
            unlinkat(dirfd(dir), file->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(path);
}

/* Whether a file, or a file of a folder, was written within the hour. */
static bool is_young(const char *path)
{
    struct stat st;
    time_t since = time(NULL) - ABANDONED_S;
    bool young = lstat(path, &st) != 0 || st.st_mtime > since;
    DIR *dir = !young && S_ISDIR(st.st_mode) ? opendir(path) : NULL;
    for (struct dirent *file; !young && dir && (file = readdir(dir));)
        young = strcmp(file->d_name, "..") != 0 &&
                (fstatat(dirfd(dir), file->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_mtime > since);
    if (dir)
        closedir(dir);
    return young;
}

/* Removes a file unless somebody holds it. */
static void remove_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        unlink(path);
    if (fd >= 0)
        close(fd);
}

/* The data directory without links, as paths of names have it. */
static bool real_home(char real[PATH_MAX])
{
    struct buf home = {0};
    bool good = home_data(&home, NULL) && buf_text(&home) && realpath(home.ptr, real);
    buf_clear(&home);
    return good;
}

void collect(const char *path)
{
    char home[PATH_MAX];
    size_t n = real_home(home) ? strlen(home) : 0;
    char *name = NULL;
    for (size_t i = 0; n && strncmp(path, home, n) == 0 && i < sizeof folders / sizeof *folders; i++) {
        size_t start = strlen(folders[i]);
        if (strncmp(path + n, folders[i], start) == 0)
            name = strndup(path + n, start + strcspn(path + n + start, "/"));
    }
    sqlite3 *lock = name ? database_begin(NULL) : NULL;
    struct parts parts = {0};
    struct buf whole = {0};
    if (lock && parts_read(&parts, lock) && !parts_have(&parts, name) && buf_format(&whole, "%s%s", home, name) &&
        buf_text(&whole)) {
        if (file_is_folder(whole.ptr))
            collect_folder(whole.ptr);
        else
            remove_file(whole.ptr);
    }
    sqlite3_close(lock);
    parts_clear(&parts);
    buf_clear(&whole);
    free(name);
}

/* Removes what is old and unused in one folder of the data directory. */
static void collect_in(const char *home, const char *folder, const struct parts *parts)
{
    struct buf path = {0};
    DIR *dir = buf_format(&path, "%s%s", home, folder) && buf_text(&path) ? opendir(path.ptr) : NULL;
    for (struct dirent *file; dir && (file = readdir(dir));) {
        path.len = 0;
        if (file->d_name[0] == '.' || !buf_format(&path, "%s%s%s", home, folder, file->d_name) || !buf_text(&path) ||
            parts_have(parts, path.ptr + strlen(home)) || is_young(path.ptr))
            continue;
        if (file_is_folder(path.ptr))
            collect_folder(path.ptr);
        else
            remove_file(path.ptr);
    }
    if (dir)
        closedir(dir);
    buf_clear(&path);
}

void collect_old(void)
{
    char home[PATH_MAX];
    struct hob_error none;
    sqlite3 *index = database_open_existing(&none); /* a start that finds nothing writes nothing */
    sqlite3_close(index);
    sqlite3 *lock = index && real_home(home) ? database_begin(NULL) : NULL;
    struct parts parts = {0};
    if (lock && parts_read(&parts, lock))
        for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
            collect_in(home, folders[i], &parts);
    sqlite3_close(lock);
    parts_clear(&parts);
}

void collect_renew(const struct file *blob)
{
    struct stat st;
    const char *name = strstr(blob->path, folders[1]);
    for (const char *later = name; later; later = strstr(later + 1, folders[1]))
        name = later;
    if (!name || fstat(blob->fd, &st) != 0 || st.st_mtime + RENEW_S > time(NULL))
        return;
    sqlite3 *lock = database_begin(NULL);
    struct parts parts = {0};
    if (lock && parts_read(&parts, lock) && !parts_have(&parts, name)) /* what a name uses has to stay as it is */
        futimens(blob->fd, NULL);
    sqlite3_close(lock);
    parts_clear(&parts);
}
