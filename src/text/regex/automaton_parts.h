/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files that make automata share.
 */
#ifndef HOB_TEXT_REGEX_AUTOMATON_PARTS_H
#define HOB_TEXT_REGEX_AUTOMATON_PARTS_H

#include "text/grammar/parts.h"
#include "text/regex/automaton.h"
#include "text/regex/parts.h"

/* One character that leads from `state` to `next`. */
uint32_t automaton_char(struct grammar_builder *builder, const struct automaton *a, size_t state, uint32_t next,
                        bool json);

/* One with all steps to state 0, none accepting. NULL after the builder has failed. */
struct automaton *automaton_new(struct grammar_builder *builder, size_t n_states, size_t n_classes);

#endif
