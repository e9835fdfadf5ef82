/* SPDX-License-Identifier: Apache-2.0
 *
 * Deterministic automata over code points, for what a grammar's parts cannot do: both of two patterns, one without the
 * other, a pattern and a length. Every automaton is complete: each state has a step for each character.
 */
#ifndef HOB_TEXT_REGEX_AUTOMATON_H
#define HOB_TEXT_REGEX_AUTOMATON_H

#include "text/grammar/grammar.h"

/* Characters are cut into classes that are never told apart: class k is the code points from starts[k] up to
 * starts[k + 1] (or the last). State 0 is the start. */
struct automaton {
    uint32_t *starts; /* [n_classes] ascending, starts[0] == 0 */
    uint32_t *next;   /* [n_states][n_classes] */
    bool *accepts;    /* [n_states] */
    size_t n_classes, n_states;
};

/* The texts in which a pattern matches somewhere, to Python and to ECMAScript, or (wide) to either. NULL after the
 * builder has failed: HOB_FORMAT at what a pattern may not have, HOB_LIMIT for one that is too large. The caller owns
 * it, as below. */
struct automaton *automaton_search(struct grammar_builder *builder, struct str pattern);
struct automaton *automaton_search_wide(struct grammar_builder *builder, struct str pattern);

/* All texts but these. */
struct automaton *automaton_except(struct grammar_builder *builder, const struct str *texts, size_t n);

/* All texts. */
struct automaton *automaton_any(struct grammar_builder *builder);

/* What is in `a`, and in `b` (or, with `without`, not in `b`). Both are freed; either may be NULL after a failure. */
struct automaton *automaton_both(struct grammar_builder *builder, struct automaton *a, struct automaton *b,
                                 bool without);

/* A copy. */
struct automaton *automaton_copy(struct grammar_builder *builder, const struct automaton *a);

/* Whether it accepts this text. */
bool automaton_accepts(const struct automaton *a, struct str text);

/* Whether it accepts no text. */
bool automaton_empty(const struct automaton *a);

/* The characters of its shortest and its longest text (GRAMMAR_MANY: it has no longest); false where it has none, or
 * the builder has failed. */
bool automaton_lengths(struct grammar_builder *builder, const struct automaton *a, uint32_t *low, uint32_t *high);

/* The texts it accepts, as they stand or (`json`) written as within a JSON string. */
uint32_t automaton_grammar(struct grammar_builder *builder, const struct automaton *a, bool json);

/* Those of its texts that have `min` to `max` (GRAMMAR_MANY: any number) characters; written likewise. */
uint32_t automaton_counted(struct grammar_builder *builder, const struct automaton *a, uint32_t min, uint32_t max,
                           bool json);

/* Frees it (NULL is fine). */
void automaton_free(struct automaton *a);

#endif
