/* SPDX-License-Identifier: Apache-2.0
 *
 * Rewriting a text character by character, as the normalizers of the `tokenizers` library do it.
 */
#ifndef HOB_TEXT_TOKENIZER_CHARACTERS_H
#define HOB_TEXT_TOKENIZER_CHARACTERS_H

#include "base/str.h"

enum character_map {
    CHARACTER_LOWER,            /* to lower case */
    CHARACTER_DROP_MARKS,       /* combining marks go */
    CHARACTER_DROP_NONSPACING,  /* those of category Mn go */
    CHARACTER_CLEAN,            /* control characters go, white space becomes a space (BERT) */
    CHARACTER_SPACE_IDEOGRAPHS, /* a space before and after each (BERT) */
    CHARACTER_NMT               /* control characters go, what is like a space becomes one (SentencePiece's nmt) */
};

/* Appends `text` rewritten. Bytes that are not UTF-8 stay as they are. False when memory is exhausted. */
bool characters_map(enum character_map map, struct str text, struct buf *out);

/* Whether nothing is left of the character `code`. */
bool characters_drops(enum character_map map, int32_t code);

#endif
