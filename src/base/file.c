/* SPDX-License-Identifier: Apache-2.0
 *
 * Files.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

const struct file_broker *file_broker;

int file_descriptor(const char *path, enum file_use use, struct hob_error *err)
{
    static const int flags[] = {
        /* O_NONBLOCK: opening a FIFO must not wait for a writer. It means nothing to a regular file. */
        [FILE_READ] = O_RDONLY | O_NONBLOCK,
        [FILE_HOLD] = O_RDONLY | O_NONBLOCK,
        [FILE_STREAM] = O_RDONLY,
        [FILE_LIST] = O_RDONLY | O_DIRECTORY,
        [FILE_APPEND] = O_RDWR | O_CREAT | O_APPEND,
        [FILE_HISTORY] = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW,
        [FILE_THROUGH] = O_WRONLY,
    };
    if (file_broker)
        return file_broker->open(path, use, NULL, err);
    int fd = open(path, flags[use] | O_CLOEXEC | O_NOCTTY, use == FILE_HISTORY ? 0600 : 0666);
    if (fd < 0)
        error_system(err, path, "cannot be opened");
    struct stat st;
    bool good = true;
    if (fd >= 0 && use == FILE_APPEND && file_stat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        good = error_set(err, HOB_USAGE, "%s: another hob is writing to it", path);
    if (fd >= 0 && use == FILE_HOLD &&
        ((flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) || file_stat(fd, &st) != 0 || st.st_nlink == 0))
        good = error_set(err, HOB_NOT_FOUND, "%s: was removed", path);
    if (good)
        return fd;
    close(fd);
    return -1;
}

int file_stat(int fd, struct stat *st)
{
    return (int)syscall(SYS_fstat, fd, st);
}

static int64_t time_ns(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bool file_open(struct file *file, const char *path, struct hob_error *err)
{
    return file_open_for(file, path, FILE_READ, err);
}

bool file_open_for(struct file *file, const char *path, enum file_use use, struct hob_error *err)
{
    *file = (struct file){.fd = -1};
    int fd = file_descriptor(path, use, err);
    if (fd < 0)
        return false;
    struct stat st;
    bool good = file_stat(fd, &st) == 0 || error_system(err, path, "cannot be examined");
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
            return error_system(err, file->path, "cannot be read");
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
            good = error_system(err, name, "cannot be read");
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

/* Loads what has no size: a pipe, a device. */
static bool load_stream(const char *path, size_t max, struct buf *out, struct hob_error *err)
{
    int fd = file_descriptor(path, FILE_STREAM, err);
    if (fd < 0)
        return false;
    bool good = read_to_end(fd, path, max, out, err);
    close(fd);
    return good;
}

bool file_load(const char *path, size_t max, struct buf *out, struct hob_error *err)
{
    struct file file;
    out->len = 0;
    if (strcmp(path, "-") == 0)
        return read_to_end(STDIN_FILENO, "standard input", max, out, err);
    if (file_is_stream(path))
        return load_stream(path, max, out, err);
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

enum file_kind file_kind(const char *path)
{
    struct stat st;
    if (file_broker)
        return file_broker->kind(path);
    if (stat(path, &st) != 0)
        return FILE_NOTHING;
    return S_ISREG(st.st_mode) ? FILE_REGULAR : S_ISDIR(st.st_mode) ? FILE_FOLDER : FILE_OTHER;
}

char *file_absolute(const char *path)
{
    return file_broker ? file_broker->absolute(path) : realpath(path, NULL);
}

bool file_is_folder(const char *path)
{
    return file_kind(path) == FILE_FOLDER;
}

bool file_is_stream(const char *path)
{
    return file_kind(path) == FILE_OTHER;
}

bool file_exists(const char *path)
{
    return file_kind(path) != FILE_NOTHING;
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
        int failure = mkdir(part, 0700) != 0 ? errno : 0;
        if (failure && !file_is_folder(part)) {
            errno = failure;
            good = error_system(err, part, "cannot be made");
        }
        if (i < len)
            part[i] = '/';
    }
    free(part);
    return good;
}
