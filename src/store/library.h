/* SPDX-License-Identifier: Apache-2.0
 *
 * The library: models by name. NAME is the file models/NAME.gguf of the data directory, or of the cache directory,
 * where tools/models puts what it fetches.
 */
#ifndef HOB_STORE_LIBRARY_H
#define HOB_STORE_LIBRARY_H

#include <hob.h>

#include "base/arena.h"
#include "base/str.h"

/* One model of the library. */
struct library_entry {
    const char *name, *path;
    uint64_t size_bytes;
};

/* Appends the path of the file or folder that `word` means: a path that exists (a word with a `/`, or ending in .gguf,
 * is only a path), else a model of the library. A name is letters, digits and `.`, `_`, `-`, with `:` before a tag.
 * HOB_USAGE for what can be neither, HOB_NOT_FOUND says which models there are or how to get one. */
bool library_resolve(const char *word, struct buf *path, struct hob_error *err);

/* All models, sorted by name, [*n]; one that the data directory has hides the cache's. They live in `arena`. False
 * without memory. */
bool library_list(struct arena *arena, struct library_entry **entries, size_t *n, struct hob_error *err);

#endif
