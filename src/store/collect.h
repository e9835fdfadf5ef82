/* SPDX-License-Identifier: Apache-2.0
 *
 * What the data directory holds for names, and who takes it away: files/KEY/, copies of models, and blobs/sha256-HEX,
 * files that clients have sent (blob.h). Each goes with the last name that uses it; what no name has used within an
 * hour goes when the next one comes, or when a server starts.
 *
 * A name is written, and a file removed, under the lock of the index, and each looks for the other there; so no name
 * loses its file. Who makes a name of a blob holds it meanwhile, so that it does not go with another name.
 */
#ifndef HOB_STORE_COLLECT_H
#define HOB_STORE_COLLECT_H

#include "base/file.h"

/* Removes the copy or blob that `path` is or lies in, unless a name or somebody else uses it. Other paths stay. */
void collect(const char *path);

/* Removes a folder of files/, whoever uses it. */
void collect_folder(const char *path);

/* Removes the copies, blobs and halves of such that nobody has used for an hour. */
void collect_old(void);

/* Keeps an open blob that no name uses for an hour from now. */
void collect_renew(const struct file *blob);

#endif
