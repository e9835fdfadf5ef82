/* SPDX-License-Identifier: Apache-2.0
 *
 * Added tokens: texts that are found in a text as they stand, before any other rule, leftmost first and the longest
 * of those that start at one place. Control tokens count only where text may name them.
 */
#ifndef HOB_TEXT_TOKENIZER_ADDED_H
#define HOB_TEXT_TOKENIZER_ADDED_H

#include "text/tokenizer/tokenizer.h"
#include "text/tokenizer/regex.h"
#include "text/tokenizer/trie.h"

enum { ADDED_MAX_BYTES = 1024 };

/* Zero-initialised but for the borrowed arrays is empty. */
struct added_tokens {
    struct trie trie;
    size_t n_tokens;
    bool starts[256];          /* by byte: a token starts with it */
    const uint8_t *types;      /* by id, borrowed */
    const uint8_t *attributes; /* by id, borrowed, or NULL */
    struct regex *word;        /* one character of a word, anchored; NULL unless a token has TOKEN_SINGLE_WORD */
};

/* Frees what added_add() took. */
void added_clear(struct added_tokens *added);

/* Adds `text` as `id`; the first of equal texts stays. An empty text and one that is not UTF-8 are left out, for no
 * text can name them. HOB_FORMAT for one of more than ADDED_MAX_BYTES, which bounds the cost of a search. */
bool added_add(struct added_tokens *added, struct str text, int32_t id, struct hob_error *err);

/* Where text may name control tokens. */
struct added_trust {
    bool special;
    const struct text_span *untrusted;
    size_t n_untrusted;
    size_t offset; /* of the walked text in the text that the spans count from */
};

/* A walk over the added tokens of a text. */
struct added_walk {
    const struct added_tokens *added;
    const struct added_trust *trust;
    struct regex_scratch *scratch;
    struct str text;
    size_t at;    /* the search goes on here */
    size_t taken; /* the text before it is part of a token or of a gap that was given out */
    size_t span;  /* the first untrusted span that does not end before `at` */
};

/* Finds the next token: `*gap` is the text before it (may be empty) and `*id` its id, or TOKEN_NONE when there is
 * none any more and `*gap` is the rest. False on an error. */
bool added_next(struct added_walk *walk, struct str *gap, int32_t *id, struct hob_error *err);

#endif
