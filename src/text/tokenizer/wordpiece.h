/* SPDX-License-Identifier: Apache-2.0
 *
 * WordPiece: a word is cut from the left, each time as long as an entry can be; a word that cannot be cut to its end
 * is unknown as a whole.
 */
#ifndef HOB_TEXT_WORDPIECE_H
#define HOB_TEXT_WORDPIECE_H

#include "text/tokenizer/lexicon.h"
#include "text/tokenizer/trie.h"

struct wordpiece {
    struct trie trie;      /* the entries that text may become */
    uint32_t first, next;  /* the nodes from which entries that start a word, or go on in it, are looked up */
    int32_t unknown;       /* id, or TOKEN_NONE: an unknown word is refused */
    size_t max_characters; /* a longer word is unknown */
};

/* Prepares `wordpiece`. Entries that start a word start with `first` and those that go on in it with `next`, one of
 * which may be empty. */
bool wordpiece_init(struct wordpiece *wordpiece, const struct lexicon *lexicon, struct str first, struct str next,
                    int32_t unknown, size_t max_characters, struct hob_error *err);

/* Frees what it holds. */
void wordpiece_clear(struct wordpiece *wordpiece);

/* Appends the ids of a word to `out`. HOB_FORMAT when it is unknown and there is no unknown token, or is not UTF-8.
 * Thread-safe. O(bytes * longest entry). */
bool wordpiece_encode(const struct wordpiece *wordpiece, struct str word, struct ids *out, struct hob_error *err);

#endif
