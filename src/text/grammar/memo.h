/* SPDX-License-Identifier: Apache-2.0
 *
 * Characters of sets, remembered: patterns have few sets in many places.
 */
#ifndef HOB_TEXT_GRAMMAR_MEMO_H
#define HOB_TEXT_GRAMMAR_MEMO_H

#include "text/grammar/set.h"

/* Zero-initialised is empty. */
struct set_memo {
    struct code_set *sets;
    uint32_t *nodes; /* [n] the part of each set */
    size_t n, cap;
};

/* The part of a set that was remembered; false where there is none. */
bool set_memo_find(const struct set_memo *memo, const struct code_set *set, uint32_t *node);

/* Remembers the part of a set, where there is room. */
void set_memo_add(struct set_memo *memo, const struct code_set *set, uint32_t node);

/* Frees what it holds. */
void set_memo_clear(struct set_memo *memo);

#endif
