/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of pairs that may be joined, as bpe.c fills it and bpe_encode.c reads it.
 *
 *   key   left id << 32 | right id, or BPE_FREE
 *   rank  the lower, the earlier the pair is joined
 */
#ifndef HOB_TEXT_BPE_PAIR_H
#define HOB_TEXT_BPE_PAIR_H

#include "text/tokenizer/bpe.h"

#define BPE_FREE    UINT64_MAX
#define BPE_NO_RANK UINT32_MAX
#define BPE_MARK    "\xe2\x96\x81" /* U+2581, SentencePiece's space */

struct bpe_pair {
    uint64_t key;
    uint32_t rank;
    int32_t result;
};

/* The key of two ids, which are not negative. */
static inline uint64_t bpe_key(int32_t left, int32_t right)
{
    return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

/* The pair of this key or the free slot where it belongs; the table is at most three quarters full. */
static inline struct bpe_pair *bpe_find_pair(const struct bpe *bpe, uint64_t key)
{
    size_t mask = SIZE_MAX >> bpe->pairs_shift;
    for (size_t i = (size_t)(key * bpe->pairs_factor >> bpe->pairs_shift);; i = (i + 1) & mask) {
        struct bpe_pair *pair = &bpe->pairs[i];
        if (pair->key == key || pair->key == BPE_FREE)
            return pair;
    }
}

#endif
