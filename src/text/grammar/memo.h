/* SPDX-License-Identifier: Apache-2.0
 *
 * Characters of sets, remembered: patterns have few sets in many places.
 */
#ifndef HOB_TEXT_GRAMMAR_MEMO_H
#define HOB_TEXT_GRAMMAR_MEMO_H

#include "text/grammar/grammar.h"

/* Zero-initialised is empty. */
struct set_memo {
    struct code_set *sets;
    uint32_t *nodes; /* [n] the part of each set */
    size_t n, cap;
};

/* One character of the set: grammar_char() or (`json`) grammar_json_char(), always the same of one memo. */
uint32_t set_memo_char(struct grammar_builder *builder, struct set_memo *memo, const struct code_set *set, bool json);

/* Frees what it holds. */
void set_memo_clear(struct set_memo *memo);

#endif
