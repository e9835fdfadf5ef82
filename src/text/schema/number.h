/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers in schemas: sizes, which are numbers without a sign, digit by digit.
 */
#ifndef HOB_TEXT_SCHEMA_NUMBER_H
#define HOB_TEXT_SCHEMA_NUMBER_H

#include "text/schema/schema.h"

enum {
    MAX_PLACES = 24, /* digits after the point: 17 and some zeros before them */
    MAX_WHOLE = 100  /* digits before the point where nothing bounds them */
};

/* Digits of a bound: `n_whole` before the point, all of MAX_PLACES after it, the last `n_places`-th not 0. */
struct size {
    int n_whole, n_places;
    char whole[MAX_WHOLE + 2], places[MAX_PLACES + 1];
};

/* The digits of a decimal below 10^MAX_WHOLE, its sign left out. What lies past MAX_PLACES is cut, or with `up` makes
 * the last place one more. */
struct size size_of(const struct decimal *d, bool up);

/* The least whole number that is not below (`open`: that is above). */
void size_whole_up(struct size *s, bool open);

/* The greatest whole number that is not above (`open`: that is below); false where that is below 0. */
bool size_whole_down(struct size *s, bool open);

/* The order of two: below, at or above 0. */
int size_compare(const struct size *a, const struct size *b);

/* Numbers from `low` to `high` (NULL: no bound), with up to `n_places` (at most MAX_PLACES) digits after the point, or
 * (0) as whole multiples of `step`. */
uint32_t size_grammar(struct grammar_builder *builder, const struct size *low, const struct size *high, int n_places,
                      uint32_t step);

#endif
