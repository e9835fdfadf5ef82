/* SPDX-License-Identifier: Apache-2.0
 *
 * Grammars, put together from parts: what GBNF, JSON Schema, regular expressions and reply formats are compiled with.
 * A grammar is a set of byte strings in which control tokens may stand; constraint.h has what is done with one.
 *
 * Parts are named by numbers, and a part may be used in many places. Parts are made by a builder; the first failure
 * (memory, a limit) sticks, later calls return GRAMMAR_NOTHING, and grammar_finish() reports it.
 */
#ifndef HOB_TEXT_GRAMMAR_H
#define HOB_TEXT_GRAMMAR_H

#include <hob.h>

#include "base/str.h"
#include "text/grammar/set.h"

#define GRAMMAR_NOTHING 0u /* the part that no text matches */
#define GRAMMAR_EMPTY   1u /* the part that is the empty text */
#define GRAMMAR_MANY    UINT32_MAX

struct grammar_builder;
struct grammar;

/* An empty builder. The caller owns it until grammar_finish() or grammar_drop(). NULL without memory. */
struct grammar_builder *grammar_begin(struct hob_error *err);

/* Whether an earlier call failed. */
bool grammar_failed(const struct grammar_builder *builder);

/* Makes the builder fail with this error, unless it has failed already. Returns GRAMMAR_NOTHING. */
uint32_t grammar_fail(struct grammar_builder *builder, enum hob_status status, const char *format, ...)
    HOB_PRINTF(3, 4);

/* Takes the cost of looking at `n` elements; false, and the builder fails, once all together took too many. */
bool grammar_spend(struct grammar_builder *builder, size_t n);

/* These bytes. */
uint32_t grammar_literal(struct grammar_builder *builder, struct str text);

/* One of these texts. */
uint32_t grammar_choices(struct grammar_builder *builder, const struct str *texts, size_t n);

/* One character of the set, in UTF-8. */
uint32_t grammar_char(struct grammar_builder *builder, const struct code_set *set);

/* One character of the set as it stands within a JSON string: itself where JSON allows it, else its short escape; what
 * is not printable ASCII also as \uXXXX (a pair of them past U+FFFF). */
uint32_t grammar_json_char(struct grammar_builder *builder, const struct code_set *set);

/* One after the other. */
uint32_t grammar_seq(struct grammar_builder *builder, const uint32_t *parts, size_t n);

/* Two, one after the other. */
uint32_t grammar_then(struct grammar_builder *builder, uint32_t first, uint32_t second);

/* One of them. */
uint32_t grammar_alt(struct grammar_builder *builder, const uint32_t *parts, size_t n);

/* One of two. */
uint32_t grammar_or(struct grammar_builder *builder, uint32_t a, uint32_t b);

/* `part` at least `min` and at most `max` (GRAMMAR_MANY: no bound) times. */
uint32_t grammar_repeat(struct grammar_builder *builder, uint32_t part, uint32_t min, uint32_t max);

/* One whole token: of `ids`, or with `negated` any that is neither in `ids` nor ends generation. The only way to a
 * control token. */
uint32_t grammar_tokens(struct grammar_builder *builder, const int32_t *ids, size_t n, bool negated);

/* Bytes in which none of `texts` (1 to 64, none empty) occurs, not even at their end; may be empty. A reply that is
 * free until a trigger is SEQ(without(trigger), literal(trigger), ...). */
uint32_t grammar_without(struct grammar_builder *builder, const struct str *texts, size_t n);

/* A part that is defined later, for recursion. `name` stands in errors; borrowed until the end. */
uint32_t grammar_rule(struct grammar_builder *builder, struct str name);

/* Says what a rule is. Once for each rule. */
void grammar_define(struct grammar_builder *builder, uint32_t rule, uint32_t part);

/* Whether grammar_define() was called for this rule. */
bool grammar_defined(const struct grammar_builder *builder, uint32_t rule);

/* Checks and ends the grammar whose root is `root`, and frees the builder. NULL with HOB_FORMAT: left recursion, an
 * undefined rule, nothing can match; HOB_LIMIT: too large. The caller owns the grammar. */
struct grammar *grammar_finish(struct grammar_builder *builder, uint32_t root, struct hob_error *err);

/* Frees a builder without a grammar (NULL is fine). */
void grammar_drop(struct grammar_builder *builder);

/* Frees a grammar that no matcher uses (NULL is fine). A grammar is immutable and may be used by many threads. */
void grammar_free(struct grammar *grammar);

#endif
