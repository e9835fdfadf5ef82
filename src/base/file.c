/* SPDX-License-Identifier: Apache-2.0
 *
 * Files.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/map.h"

/* The error of a system call on `path`, by errno. */
static bool errno_error(struct hob_error *err, const char *path, const char *action)
{
    int number = errno;
    char text[128];
    const char *reason = strerror_r(number, text, sizeof(text));
    if (number == ENOENT || number == ENOTDIR || number == ELOOP || number == ENAMETOOLONG)
        return error_set(err, HOB_NOT_FOUND, "%s: %s: %s", path, action, reason);
    if (number == ENOMEM)
        return error_set(err, HOB_LIMIT, "%s: %s: %s", path, action, reason);
    return error_set(err, HOB_DISK, "%s: %s: %s", path, action, reason);
}

static int64_t time_ns(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bool file_open(struct file *file, const char *path, struct hob_error *err)
{
    *file = (struct file){.fd = -1};
    /* O_NONBLOCK: opening a FIFO must not wait for a writer. It means nothing to a regular file. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno_error(err, path, "cannot be opened");
    struct stat st;
    bool good = fstat(fd, &st) == 0 || errno_error(err, path, "cannot be examined");
    if (good && S_ISDIR(st.st_mode))
        good = error_set(err, HOB_FORMAT, "%s: is a folder, want a file", path);
    else if (good && !S_ISREG(st.st_mode))
        good = error_set(err, HOB_FORMAT, "%s: is not a regular file", path);
    char *copy = good ? strdup(path) : NULL;
    if (good && !copy)
        good = error_memory(err, strlen(path) + 1);
    if (!good) {
        close(fd);
        return false;
    }
    *file = (struct file){.fd = fd,
                          .size = (uint64_t)st.st_size,
                          .device = st.st_dev,
                          .inode = st.st_ino,
                          .mtime_ns = time_ns(st.st_mtim),
                          .ctime_ns = time_ns(st.st_ctim),
                          .path = copy};
    return true;
}

void file_close(struct file *file)
{
    if (!file->path)
        return;
    close(file->fd);
    free(file->path);
    *file = (struct file){.fd = -1};
}

const char *file_name(const struct file *file)
{
    const char *slash = strrchr(file->path, '/');
    return slash ? slash + 1 : file->path;
}

bool file_read_at(const struct file *file, uint64_t offset, void *out, size_t size, struct hob_error *err)
{
    char *to = out;
    if (offset > (uint64_t)INT64_MAX || size > (uint64_t)INT64_MAX - offset)
        return error_set(err, HOB_FORMAT, "%s: offset %llu is out of range", file->path, (unsigned long long)offset);
    while (size) {
        ssize_t got = pread(file->fd, to, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno_error(err, file->path, "cannot be read");
        if (got == 0)
            return error_set(err, HOB_INTEGRITY, "%s: was cut: want %llu bytes, it ends at %llu", file->path,
                             (unsigned long long)(offset + size), (unsigned long long)offset);
        to += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}

/* Reads `fd` to its end into `out`, at most `max` bytes. */
static bool read_to_end(int fd, const char *name, size_t max, struct buf *out, struct hob_error *err)
{
    enum { CHUNK_BYTES = 1 << 16 };
    char *chunk = malloc(CHUNK_BYTES);
    bool good = chunk || error_memory(err, CHUNK_BYTES);
    while (good) {
        ssize_t got = read(fd, chunk, CHUNK_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            good = errno_error(err, name, "cannot be read");
        else if (got > 0 && (size_t)got > max - out->len)
            good = error_set(err, HOB_LIMIT, "%s: is larger than %zu bytes", name, max);
        else if (got > 0 && !buf_add(out, chunk, (size_t)got))
            good = error_memory(err, out->len + (size_t)got);
        if (got == 0)
            break;
    }
    free(chunk);
    return good;
}

bool file_load(const char *path, size_t max, struct buf *out, struct hob_error *err)
{
    out->len = 0;
    if (strcmp(path, "-") == 0)
        return read_to_end(STDIN_FILENO, "standard input", max, out, err);
    struct file file;
    if (!file_open(&file, path, err))
        return false;
    bool good = false;
    if (file.size > max)
        error_set(err, HOB_LIMIT, "%s: is %llu bytes, want at most %zu", path, (unsigned long long)file.size, max);
    else if (!buf_reserve(out, (size_t)file.size))
        error_memory(err, (size_t)file.size);
    else if (read_to_end(file.fd, path, max, out, err))
        good = out->len >= file.size || error_set(err, HOB_INTEGRITY, "%s: was cut: want %llu bytes, it ends at %zu",
                                                  path, (unsigned long long)file.size, out->len);
    file_close(&file);
    return good;
}

/* Writes all of `bytes`. */
static bool write_all(int fd, const char *name, struct str bytes, struct hob_error *err)
{
    while (bytes.len) {
        ssize_t put = write(fd, bytes.ptr, bytes.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno_error(err, name, "cannot be written");
        bytes.ptr += put;
        bytes.len -= (size_t)put;
    }
    return true;
}

/* Writes to something that is not a regular file (a device, a FIFO), which cannot be replaced. */
static bool write_through(const char *path, struct str bytes, struct hob_error *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno_error(err, path, "cannot be opened");
    bool good = write_all(fd, path, bytes, err);
    return (close(fd) == 0 || !good || errno_error(err, path, "cannot be written")) && good;
}

/* Makes a rename in the folder of `path` durable. */
static bool sync_folder(const char *path, struct hob_error *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    if (!folder)
        return error_memory(err, strlen(path) + 1);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Some file systems have no fsync for folders, and a folder may be writable but not readable. */
    bool good =
        fd < 0 ? errno == EACCES || errno_error(err, folder, "cannot be opened")
               : fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP || errno_error(err, folder, "cannot be synced");
    if (fd >= 0)
        close(fd);
    free(folder);
    return good;
}

/* Writes `bytes` to a new file beside `path` and renames it over `path`. */
static bool replace_file(const char *path, mode_t mode, bool keep_mode, struct str bytes, struct hob_error *err)
{
    struct buf temporary = {0};
    static _Atomic unsigned counter;
    int fd = -1;
    for (int attempt = 0; fd < 0 && attempt < 100; attempt++) {
        temporary.len = 0;
        unsigned serial = counter++;
        buf_format(&temporary, "%s.%08x.tmp", path,
                   (unsigned)hash_bytes(&(unsigned[2]){(unsigned)getpid(), serial}, 2 * sizeof(unsigned)));
        if (!buf_text(&temporary))
            return error_memory(err, strlen(path));
        fd = open(temporary.ptr, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    bool good = fd >= 0 || errno_error(err, path, "cannot be written");
    if (good) {
        good = (!keep_mode || fchmod(fd, mode) == 0 || errno_error(err, path, "cannot be given its mode")) &&
               write_all(fd, path, bytes, err) && (fsync(fd) == 0 || errno_error(err, path, "cannot be synced"));
        if (close(fd) != 0 && good)
            good = errno_error(err, path, "cannot be written");
        if (good && rename(temporary.ptr, path) != 0)
            good = errno_error(err, path, "cannot be replaced");
        if (!good)
            unlink(temporary.ptr);
    }
    good = good && sync_folder(path, err);
    buf_clear(&temporary);
    return good;
}

bool file_save(const char *path, struct str bytes, struct hob_error *err)
{
    if (strcmp(path, "-") == 0)
        return write_all(STDOUT_FILENO, "standard output", bytes, err);
    struct stat st;
    if (stat(path, &st) != 0)
        return replace_file(path, 0666, false, bytes, err);
    if (S_ISDIR(st.st_mode))
        return error_set(err, HOB_DISK, "%s: is a folder, want a file", path);
    if (!S_ISREG(st.st_mode))
        return write_through(path, bytes, err);
    /* A link stays a link: what it points to is replaced. */
    char *target = realpath(path, NULL);
    if (!target)
        return errno_error(err, path, "cannot be found");
    bool good = replace_file(target, st.st_mode & 0777, true, bytes, err);
    free(target);
    return good;
}

bool file_is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool file_make_folder(const char *path, struct hob_error *err)
{
    size_t len = strlen(path);
    char *part = strdup(path);
    if (!part)
        return error_memory(err, len + 1);
    bool good = true;
    for (size_t i = 1; good && i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, 0700) != 0 && !file_is_folder(part))
            good = errno_error(err, part, "cannot be made");
        if (i < len)
            part[i] = '/';
    }
    free(part);
    return good;
}
