/* SPDX-License-Identifier: Apache-2.0
 *
 * Where hob keeps what is its own.
 */
#ifndef HOB_STORE_HOME_H
#define HOB_STORE_HOME_H

#include <hob.h>

#include "base/str.h"

/* Appends the data directory: $HOB_HOME, else $XDG_DATA_HOME/hob, else ~/.local/share/hob. It need not exist.
 * HOB_NOT_FOUND when none of these variables is set to an absolute path. */
bool home_data(struct buf *path, struct hob_error *err);

/* Appends the cache directory: $XDG_CACHE_HOME/hob, else ~/.cache/hob. */
bool home_cache(struct buf *path, struct hob_error *err);

#endif
