/* SPDX-License-Identifier: Apache-2.0
 *
 * Unigram: of all ways to cut a piece into vocabulary entries, the one with the largest sum of scores.
 */
#ifndef HOB_TEXT_UNIGRAM_H
#define HOB_TEXT_UNIGRAM_H

#include "text/tokenizer/lexicon.h"
#include "text/tokenizer/trie.h"

struct unigram {
    const struct lexicon *lexicon;
    struct trie trie;      /* the entries that text may become */
    double *scores;        /* by id, logarithms of probabilities */
    double unknown_score;  /* of one unknown character */
    bool spelled_bytes;    /* text may spell byte tokens, as it may to the `tokenizers` library */
    bool single_precision; /* sums of scores are rounded to floats, as SentencePiece does it */
    int32_t unknown;       /* id, or TOKEN_NONE: unknown characters are refused */
    int32_t bytes[256];    /* by byte: its `<0xHH>` token, or TOKEN_NONE */
};

/* Prepares `unigram` over `lexicon`, which must outlive it. `scores` [lexicon->n] is copied; an unknown character
 * scores 10 less than the lowest. `byte_fallback`: unknown text becomes byte tokens where there are all of them.
 * HOB_FORMAT names a score that is not a number. */
bool unigram_init(struct unigram *unigram, const struct lexicon *lexicon, const double *scores, int32_t unknown,
                  bool byte_fallback, struct hob_error *err);

/* Frees what it holds. */
void unigram_clear(struct unigram *unigram);

/* What encoding needs, made by each caller. */
struct unigram_scratch {
    struct unigram_node *nodes;
    size_t cap;
};

/* Frees it. */
void unigram_scratch_clear(struct unigram_scratch *scratch);

/* Appends the ids of `piece` to `out`, neighbouring unknown characters as one. Bytes that are not UTF-8 become byte
 * tokens, HOB_FORMAT where there are none. Thread-safe for distinct scratches. O(bytes * longest entry). Source: Kudo,
 * "Subword Regularization", 2018. */
bool unigram_encode(const struct unigram *unigram, struct unigram_scratch *scratch, struct str piece, struct ids *out,
                    struct hob_error *err);

#endif
