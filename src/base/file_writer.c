/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that appear whole: a temporary beside the file, fsync, rename, fsync of the folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/map.h"

enum { MAX_ATTEMPTS = 100 }; /* to find a name that is free */

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
        fd < 0 ? errno == EACCES || error_system(err, folder, "cannot be opened")
               : fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP || error_system(err, folder, "cannot be synced");
    if (fd >= 0)
        close(fd);
    free(folder);
    return good;
}

/* Makes the temporary beside writer->path. */
static bool make_temporary(struct file_writer *writer, mode_t mode, struct hob_error *err)
{
    static _Atomic unsigned counter;
    struct buf name = {0};
    for (int attempt = 0; writer->fd < 0 && attempt < MAX_ATTEMPTS; attempt++) {
        unsigned key[2] = {(unsigned)getpid(), counter++};
        name.len = 0;
        buf_format(&name, "%s.%08x.tmp", writer->path, (unsigned)hash_bytes(key, sizeof key));
        if (!buf_text(&name)) {
            buf_clear(&name);
            return error_memory(err, strlen(writer->path));
        }
        writer->fd = open(name.ptr, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (writer->fd < 0 && errno != EEXIST)
            break;
    }
    if (writer->fd >= 0)
        writer->temporary = name.ptr;
    else
        free(name.ptr);
    return writer->fd >= 0 || error_system(err, writer->path, "cannot be written");
}

/* Replaces the regular file `path`. A link stays a link: what it points to is replaced. */
static bool open_over(struct file_writer *writer, const char *path, mode_t mode, struct hob_error *err)
{
    writer->path = realpath(path, NULL);
    if (!writer->path)
        return error_system(err, path, "cannot be found");
    return make_temporary(writer, mode, err) &&
           (fchmod(writer->fd, mode) == 0 || error_system(err, path, "cannot be given its mode"));
}

/* Opens what can only be written to: standard output, a device, a FIFO. */
static bool open_through(struct file_writer *writer, const char *path, struct hob_error *err)
{
    bool is_output = strcmp(path, "-") == 0;
    writer->path = strdup(is_output ? "standard output" : path);
    if (!writer->path)
        return error_memory(err, strlen(path) + 1);
    if (!is_output)
        return (writer->fd = file_descriptor(path, FILE_THROUGH, err)) >= 0;
    writer->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    return writer->fd >= 0 || error_system(err, writer->path, "cannot be opened");
}

/* Lets the broker make the temporary, or whatever the path wants. */
static bool open_by_broker(struct file_writer *writer, const char *path, struct hob_error *err)
{
    writer->path = strdup(path);
    if (!writer->path)
        return error_memory(err, strlen(path) + 1);
    writer->fd = file_broker->open(path, FILE_REPLACE, &writer->handle, err);
    return writer->fd >= 0;
}

bool file_writer_open(struct file_writer *writer, const char *path, struct hob_error *err)
{
    struct stat st = {0};
    bool good, is_path = strcmp(path, "-") != 0, is_new = is_path && !file_broker && stat(path, &st) != 0;
    *writer = (struct file_writer){.fd = -1};
    if (is_path && file_broker) {
        good = open_by_broker(writer, path, err);
    } else if (is_new) {
        writer->path = strdup(path);
        good = writer->path ? make_temporary(writer, 0666, err) : error_memory(err, strlen(path) + 1);
    } else if (is_path && S_ISDIR(st.st_mode)) {
        good = error_set(err, HOB_DISK, "%s: is a folder, want a file", path);
    } else if (is_path && S_ISREG(st.st_mode)) {
        good = open_over(writer, path, st.st_mode & 0777, err);
    } else {
        good = open_through(writer, path, err);
    }
    if (!good)
        file_writer_drop(writer);
    return good;
}

bool file_writer_add(struct file_writer *writer, struct str bytes, struct hob_error *err)
{
    while (bytes.len) {
        ssize_t put = write(writer->fd, bytes.ptr, bytes.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == EPIPE) /* its reader has enough, and knows */
            return error_set(err, HOB_DISK, "%s", "");
        if (put < 0)
            return error_system(err, writer->path, "cannot be written");
        bytes.ptr += put;
        bytes.len -= (size_t)put;
    }
    return true;
}

bool file_writer_end(struct file_writer *writer, struct hob_error *err)
{
    bool good = !writer->temporary || fsync(writer->fd) == 0 || error_system(err, writer->path, "cannot be synced");
    int closed = close(writer->fd);
    writer->fd = -1;
    if (good && closed != 0)
        good = error_system(err, writer->path, "cannot be written");
    if (good && writer->handle) {
        int handle = writer->handle;
        writer->handle = 0;
        good = file_broker->finish(handle, true, err);
    }
    if (good && writer->temporary && rename(writer->temporary, writer->path) != 0)
        good = error_system(err, writer->path, "cannot be replaced");
    if (good && writer->temporary) {
        free(writer->temporary); /* it is the file now */
        writer->temporary = NULL;
        good = sync_folder(writer->path, err);
    }
    file_writer_drop(writer);
    return good;
}

void file_writer_drop(struct file_writer *writer)
{
    if (writer->fd >= 0)
        close(writer->fd);
    if (writer->handle)
        file_broker->finish(writer->handle, false, NULL);
    if (writer->temporary)
        unlink(writer->temporary);
    free(writer->temporary);
    free(writer->path);
    *writer = (struct file_writer){.fd = -1};
}

bool file_save(const char *path, struct str bytes, struct hob_error *err)
{
    struct file_writer writer;
    if (!file_writer_open(&writer, path, err))
        return false;
    if (file_writer_add(&writer, bytes, err))
        return file_writer_end(&writer, err);
    file_writer_drop(&writer);
    return false;
}
