/* SPDX-License-Identifier: Apache-2.0
 *
 * The library: models by name. A name of the index (database.h) stands for a file or folder wherever it lies, and for
 * settings (modelfile.h). Besides, NAME is the file models/NAME.gguf of the data directory, or of the cache directory,
 * where tools/models puts what it fetches.
 *
 * The index is read at every call, so names that another program adds or removes are seen at once.
 */
#ifndef HOB_STORE_LIBRARY_H
#define HOB_STORE_LIBRARY_H

#include <hob.h>

#include "base/arena.h"
#include "base/json.h"

/* What has become of an entry's files since it was added. */
enum library_state { LIBRARY_GOOD, LIBRARY_CHANGED, LIBRARY_GONE };

/* One model of the library. All lives in an arena. */
struct library_entry {
    const char *name; /* canonical (name.h) */
    const char *path;
    const char **files; /* [n_files] what it consists of */
    size_t n_files;
    uint64_t size_bytes;
    int64_t modified_s;   /* when the name was given, or the file was written */
    const char *settings; /* a JSON object's text */
    const char *digest;   /* of the files as 64 hex digits; NULL: not computed yet */
    bool indexed;         /* false: a file of models/ that nobody added */
    enum library_state state;
};

/* Finds what `name` means. HOB_USAGE when it is no name, HOB_NOT_FOUND says which models there are or how to get one.
 */
bool library_find(struct arena *arena, struct str name, struct library_entry *entry, struct hob_error *err);

/* Whether the entry's files are as they were: else HOB_NOT_FOUND or HOB_INTEGRITY, with what to do. */
bool library_check(const struct library_entry *entry, struct hob_error *err);

/* Appends the path of the file or folder that `word` means: a path that exists (a word that ends in .gguf is only a
 * path), else a model of the library, whose settings go to *settings (may be NULL) as a new reference, NULL for a path.
 * HOB_USAGE for what can be neither. */
bool library_resolve(const char *word, struct buf *path, json_t **settings, struct hob_error *err);

/* All models, the newest first, [*n]; an indexed name hides a file of models/. They live in `arena`. */
bool library_list(struct arena *arena, struct library_entry **entries, size_t *n, struct hob_error *err);

/* Whether a name of the index stands for exactly `path`; much faster than a list. */
bool library_has_path(const char *path);

/* Gives `name` to the model at `path`, which is opened to see that it is one, with `settings` (an object, or NULL).
 * What had the name before loses it. */
bool library_add(struct str name, const char *path, const json_t *settings, struct hob_error *err);

/* Writes the index's row: `files` is an array of the absolute paths that the model at `path` consists of, which must be
 * regular files. What had the name before loses it. */
bool library_index(struct str name, const char *path, const json_t *files, const json_t *settings,
                   struct hob_error *err);

/* Copies the model's files into the data directory and appends the path of the copy. */
bool library_take_copy(const char *path, struct buf *copy, struct hob_error *err);

/* Gives what is called `from` the name `to` besides. */
bool library_copy(struct str from, struct str to, struct hob_error *err);

/* Takes a name away; files that library_take_copy() made go with the last name that uses them. A name that only a file
 * of models/ has: that file. */
bool library_remove(struct str name, struct hob_error *err);

#endif
