/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that clients send, by their digest: blobs/sha256-HEX in the data directory. A file gets its name only when it
 * is whole and what it claims to be.
 */
#ifndef HOB_STORE_BLOB_H
#define HOB_STORE_BLOB_H

#include "base/file.h"

/* Appends the path of "sha256:HEX", written anew from its digits, so that nothing else of the text gets into it. */
bool blob_path(const char *digest, struct buf *path, struct hob_error *err);

/* The same, only of one that is there: else HOB_NOT_FOUND. */
bool blob_find(const char *digest, struct buf *path, struct hob_error *err);

/* Whether `path` is the path of a blob; then its 64 digits go to `hex`. */
bool blob_is(const char *path, char hex[65]);

/* Starts the file at a blob's path, and makes the folder where it is missing. */
bool blob_open(struct file_writer *writer, const char *path, struct hob_error *err);

/* Compares what was written with the digits of its name, then gives it that name. HOB_FORMAT where they differ. The
 * writer is closed also after a failure. */
bool blob_end(struct file_writer *writer, struct hob_error *err);

#endif
