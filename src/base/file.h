/* SPDX-License-Identifier: Apache-2.0
 *
 * Files. Input is read with pread, never mapped, so a file that is cut while it is read is an error and not a
 * signal. Output appears whole or not at all.
 */
#ifndef HOB_BASE_FILE_H
#define HOB_BASE_FILE_H

#include <hob.h>
#include <sys/stat.h>

#include "base/str.h"

/* An open regular file and what it was when it was opened. */
struct file {
    int fd; /* -1 when closed */
    uint64_t size;
    uint64_t device, inode;
    int64_t mtime_ns, ctime_ns;
    char *path; /* owned */
};

/* What a descriptor is for. */
enum file_use {
    FILE_READ,    /* never blocks on a FIFO or device */
    FILE_HOLD,    /* the same, and locked for readers: collect() leaves it; HOB_NOT_FOUND where it is being removed */
    FILE_STREAM,  /* to be read to its end: a pipe, a device */
    FILE_LIST,    /* a folder, whose names are read */
    FILE_APPEND,  /* made where it is missing, 0666, and locked, HOB_USAGE where another has it; read too */
    FILE_HISTORY, /* the same without reading, 0600, and no link is followed */
    FILE_THROUGH, /* written to as it is: a pipe, a device */
    FILE_REPLACE  /* a temporary that becomes the file (struct file_writer) */
};

/* What lies at a path, after following links. */
enum file_kind {
    FILE_NOTHING,
    FILE_REGULAR,
    FILE_FOLDER,
    FILE_OTHER /* a pipe, a device, a socket */
};

/* Who opens files for a process that may not: the wall's keeper. NULL for a process that may. */
struct file_broker {
    /* A descriptor, or -1 with an error. *handle (FILE_REPLACE only) names the temporary to finish(). */
    int (*open)(const char *path, enum file_use use, int *handle, struct hob_error *err);
    /* Gives a temporary its name, durably, or takes it away. */
    bool (*finish)(int handle, bool keep, struct hob_error *err);
    /* What lies at a path; FILE_NOTHING for what it would not open. */
    enum file_kind (*kind)(const char *path);
    /* As file_absolute(). */
    char *(*absolute)(const char *path);
};
extern const struct file_broker *file_broker; /* set while there is one thread */

/* A descriptor on `path` for any use but FILE_REPLACE, close-on-exec; -1 with an error. The caller closes it. */
int file_descriptor(const char *path, enum file_use use, struct hob_error *err);

/* As fstat(), which in the C library is a call that takes paths as well, and is not there behind the walls. */
int file_stat(int fd, struct stat *st);

/* Opens a regular file for reading (close-on-exec, never blocks on a FIFO or device). */
bool file_open(struct file *file, const char *path, struct hob_error *err);

/* The same for a use that is FILE_READ or FILE_HOLD. */
bool file_open_for(struct file *file, const char *path, enum file_use use, struct hob_error *err);

/* Closes; safe on a zeroed file whose fd is -1 or a file already closed. */
void file_close(struct file *file);

/* The base name of its path, for messages. Borrowed. */
const char *file_name(const struct file *file);

/* Reads exactly `size` bytes at `offset`; short files are HOB_INTEGRITY errors ("was cut"). Thread-safe. */
bool file_read_at(const struct file *file, uint64_t offset, void *out, size_t size, struct hob_error *err);

/* Reads a whole file, pipe or device (or "-": standard input) of at most `max` bytes into `out`, which the caller
 * clears. A path that does not come from the person is asked file_is_stream() first. */
bool file_load(const char *path, size_t max, struct buf *out, struct hob_error *err);

/* Writes a whole file: a temporary beside it, fsync, rename, fsync of the folder. "-" is standard output. */
bool file_save(const char *path, struct str bytes, struct hob_error *err);

/* A file being written in pieces, as file_save() would: it appears whole under its name or not at all. */
struct file_writer {
    int fd;          /* -1 when closed */
    char *path;      /* what it will be; owned */
    char *temporary; /* what it is until then; NULL: written to directly (a device, a FIFO, standard output); owned */
    int handle;      /* of the broker's, above 0, where it is the broker's temporary */
};

/* Starts a file. Errors name `path`. */
bool file_writer_open(struct file_writer *writer, const char *path, struct hob_error *err);

/* Writes more. HOB_DISK with an empty text when the reader of a pipe left. */
bool file_writer_add(struct file_writer *writer, struct str bytes, struct hob_error *err);

/* Makes what was written durable and gives it its name; the writer is closed also after a failure. */
bool file_writer_end(struct file_writer *writer, struct hob_error *err);

/* Gives up: nothing is left behind. Safe on a closed writer. */
void file_writer_drop(struct file_writer *writer);

/* What lies at `path`. */
enum file_kind file_kind(const char *path);

/* Where `path` leads, without links; NULL with errno. The caller frees it. */
char *file_absolute(const char *path);

/* Whether `path` is a folder. */
bool file_is_folder(const char *path);

/* Whether `path` is neither file nor folder: a pipe, a device, a socket. Reading it may wait for ever. */
bool file_is_stream(const char *path);

/* Whether `path` exists (after following links). */
bool file_exists(const char *path);

/* Makes the folder `path` and its parents, mode 0700. */
bool file_make_folder(const char *path, struct hob_error *err);

#endif
