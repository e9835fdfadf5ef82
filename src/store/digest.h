/* SPDX-License-Identifier: Apache-2.0
 *
 * Digests of model files, computed once and remembered in the data directory by device, inode, size and times.
 *
 *   digests   one line a file:  <sha256> <device> <inode> <size> <mtime ns> <ctime ns> <path>\n
 *             and one a model of several files:  <sha256> model <path>\n
 */
#ifndef HOB_STORE_DIGEST_H
#define HOB_STORE_DIGEST_H

#include "base/file.h"
#include "base/sha256.h"

/* The digest of the files of the model at `path` as 64 hex digits: of the one file, or of the lines "<sha256>\n" of all
 * of them. A memory that cannot be written is no error. `progress` (may be NULL) hears of each file that must be read,
 * as sha256_file() tells it. */
bool digest_model(const char *path, const struct file *const *files, size_t n, char out[65],
                  sha256_progress_fn *progress, void *ctx, struct hob_error *err);

/* The path of the model that had this digest when it was last computed, appended to `path`. HOB_NOT_FOUND says what to
 * do. */
bool digest_find(const char *sha256, struct buf *path, struct hob_error *err);

#endif
