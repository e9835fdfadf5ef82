/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of code points, as sorted ranges.
 */
#ifndef HOB_TEXT_GRAMMAR_SET_H
#define HOB_TEXT_GRAMMAR_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CODE_MAX 0x10FFFFu

struct code_range {
    uint32_t first, last;
};

/* Zero-initialised is empty. Ranges are ascending, disjoint and not adjacent. A failed growth (past 8192 ranges,
 * or no memory) sets `failed`, which sticks. Surrogates are no characters: code_set_scalars() takes them out. */
struct code_set {
    struct code_range *ranges;
    size_t n, cap;
    bool failed;
};

/* Adds [first, last]. */
void code_set_add(struct code_set *set, uint32_t first, uint32_t last);

/* Adds all of `other`. */
void code_set_add_set(struct code_set *set, const struct code_set *other);

/* The set becomes all code points that were not in it. */
void code_set_invert(struct code_set *set);

/* Keeps what is also in `other`. */
void code_set_keep(struct code_set *set, const struct code_set *other);

/* Takes [first, last] out. */
void code_set_remove(struct code_set *set, uint32_t first, uint32_t last);

/* Takes the surrogates, U+D800 to U+DFFF, out. */
void code_set_scalars(struct code_set *set);

/* Whether `code` is in it. */
bool code_set_has(const struct code_set *set, uint32_t code);

/* Frees the ranges; the set is empty again. */
void code_set_clear(struct code_set *set);

#endif
