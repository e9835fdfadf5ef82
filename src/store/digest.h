/* SPDX-License-Identifier: Apache-2.0
 *
 * Digests of model files, computed once and remembered in the index (database.h) by device, inode, size and times.
 */
#ifndef HOB_STORE_DIGEST_H
#define HOB_STORE_DIGEST_H

#include <sqlite3.h>

#include "base/file.h"
#include "base/sha256.h"

/* The digest of the files of the model at `path` as 64 hex digits: of the one file, or of the lines "<sha256>\n" of all
 * of them. An index that cannot be written is no error. `progress` (may be NULL) hears of each file that must be read,
 * as sha256_file() tells it. */
bool digest_model(const char *path, const struct file *const *files, size_t n, char out[65],
                  sha256_progress_fn *progress, void *ctx, struct hob_error *err);

/* The same of files that are not open, only if it is remembered. False where it is not, or a file is not there. */
bool digest_known(sqlite3 *db, const char *const *paths, size_t n, char out[65]);

/* The path of the model that had this digest when it was last computed, appended to `path`. HOB_NOT_FOUND says what to
 * do. */
bool digest_find(const char *sha256, struct buf *path, struct hob_error *err);

/* The digest that is remembered for a file's stamp; false where there is none. */
bool digest_recall(const char *stamp, char out[65]);

/* Remembers one, of the file or folder `path`. A failure is no error. */
void digest_note(const char *stamp, const char *path, const char *digest);

/* What tells one state of a file from another: "device inode size mtime ctime". */
bool digest_stamp(const char *path, char out[128]);

#endif
