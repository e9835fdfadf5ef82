/* SPDX-License-Identifier: Apache-2.0
 *
 * SentencePiece's precompiled normalization: a trie of texts and what each becomes.
 *
 *   u32 LE   bytes of the trie
 *   u32 LE   its units, a double array in Darts-clone's form (see tokenizer/charsmap.c)
 *   bytes    the replacements, each ended by a NUL; a value of the trie is an offset among them
 */
#ifndef HOB_TEXT_TOKENIZER_CHARSMAP_H
#define HOB_TEXT_TOKENIZER_CHARSMAP_H

#include "base/error.h"
#include "base/str.h"

/* Zero-initialised changes nothing. */
struct charsmap {
    uint32_t *units; /* owned */
    size_t n_units;
    char *texts; /* owned, a NUL at its end */
    size_t n_texts;
};

/* Reads and copies a precompiled map. HOB_FORMAT when its sizes do not agree. */
bool charsmap_init(struct charsmap *map, struct str bytes, struct hob_error *err);

/* Frees what it holds. */
void charsmap_clear(struct charsmap *map);

/* Appends `text` rewritten as SentencePiece does: everywhere the longest text of the map. False when memory is
 * exhausted. Thread-safe. */
bool charsmap_apply(const struct charsmap *map, struct str text, struct buf *out);

/* Appends `text` rewritten as the `tokenizers` library does: each grapheme of less than six bytes as a whole by the
 * shortest text of the map that it starts with, others character by character. False when memory is exhausted. */
bool charsmap_apply_graphemes(const struct charsmap *map, struct str text, struct buf *out);

#endif
