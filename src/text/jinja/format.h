/* SPDX-License-Identifier: Apache-2.0
 *
 * How a value is written into a field of '%5.2f' % x (jinja/percent.c) or '{:>5.2f}'.format(x) (jinja/braces.c):
 *
 *   [[fill]align][sign][z][#][0][width][,_][.precision][type]
 */
#ifndef HOB_TEXT_JINJA_FORMAT_H
#define HOB_TEXT_JINJA_FORMAT_H

#include "text/jinja/jinja.h"

enum { FORMAT_MAX_PRECISION = 1000 };

/* A field. */
struct spec {
    uint32_t fill;         /* 0: not said */
    char align;            /* '<', '>', '^', '=' or 0 */
    char sign;             /* '+', ' ' or 0 */
    bool no_negative_zero; /* what is rounded to -0.0 is written as 0.0 */
    bool alternate, zero;
    char grouping;            /* ',', '_' or 0 */
    int64_t width, precision; /* precision -1: not said */
    size_t min_digits;        /* of integers */
    char type;                /* 0: not said */
};

/* Appends a number. False after an error, here and below. */
bool format_number(struct jinja *j, struct text_builder *out, struct value v, const struct spec *spec);

/* Appends a text, cut to the precision. */
bool format_text(struct jinja *j, struct text_builder *out, const struct text *text, const struct spec *spec);

/* Appends a string of one character, or the character of a code. */
bool format_character(struct jinja *j, struct text_builder *out, struct value v, const struct spec *spec);

/* str() for 's', repr() for 'r', ascii() for 'a'; NULL after an error. */
const struct text *format_converted(struct jinja *j, struct value v, char conversion);

#endif
