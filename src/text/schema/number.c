/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers: bounds, signs, and the forms with an exponent.
 */
#include "text/schema/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

enum {
    MAX_STEP = 1000,
    MAX_STEP_DIGITS = 30, /* of a bound beside multipleOf */
    MANTISSA_PLACES = 16, /* json.dumps writes 17 digits at most: from 1e16 on that is whole */
    LOW_EXPONENT = -300,
    SMALL_EXPONENT = -5, /* exponents that json.dumps writes: these, */
    LARGE_EXPONENT = 16,
    HIGH_EXPONENT = 308 /* and these */
};

/* ---- decimals ---- */

static struct decimal decimal_parse(const char *text)
{
    struct decimal d = {.negative = *text == '-'};
    int point = -1, seen = 0, leading = 0;
    for (text += d.negative; *text && (*text | 32) != 'e'; text++) {
        if (*text == '.') {
            point = seen;
        } else if (d.n || *text != '0') {
            if (d.n < MAX_DIGITS)
                d.digits[d.n++] = *text;
            seen++;
        } else {
            seen++;
            leading++;
        }
    }
    d.exponent = (point < 0 ? seen : point) - leading - 1 + (*text ? (int)strtol(text + 1, NULL, 10) : 0);
    while (d.n && d.digits[d.n - 1] == '0')
        d.n--;
    if (d.n == 0)
        d = (struct decimal){0};
    return d;
}

static struct decimal decimal_of(double value)
{
    char text[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision - 1, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return decimal_parse(text);
}

struct decimal decimal_read(const json_t *number)
{
    char text[40];
    if (json_is_real(number))
        return decimal_of(json_real_value(number));
    snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
    return decimal_parse(text);
}

static double decimal_double(const struct decimal *d)
{
    char text[MAX_DIGITS + 20];
    snprintf(text, sizeof text, "%s%.1s.%.*se%d", d->negative ? "-" : "", d->n ? d->digits : "0",
             d->n > 1 ? d->n - 1 : 1, d->n > 1 ? d->digits + 1 : "0", d->exponent);
    return strtod(text, NULL);
}

static int compare_sizes(const struct decimal *a, const struct decimal *b)
{
    if (!a->n || !b->n)
        return (a->n > 0) - (b->n > 0);
    if (a->exponent != b->exponent)
        return a->exponent < b->exponent ? -1 : 1;
    for (int i = 0; i < a->n || i < b->n; i++) {
        char x = i < a->n ? a->digits[i] : '0', y = i < b->n ? b->digits[i] : '0';
        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    return a->negative ? compare_sizes(b, a) : compare_sizes(a, b);
}

/* ---- bounds ---- */

static void tighten(struct number_bounds *bounds, const json_t *value, bool low, bool open)
{
    struct decimal d;
    if (!value)
        return;
    d = decimal_read(value);
    int order = low ? decimal_compare(&d, &bounds->low) : -decimal_compare(&d, &bounds->high);
    bool has = low ? bounds->has_low : bounds->has_high;
    if (has && (order < 0 || (order == 0 && !open)))
        return;
    if (low) {
        bounds->has_low = true;
        bounds->open_low = open;
        bounds->low = d;
    } else {
        bounds->has_high = true;
        bounds->open_high = open;
        bounds->high = d;
    }
}

struct number_bounds schema_bounds(const struct conjunction *bases)
{
    struct number_bounds bounds = {0};
    for (size_t i = 0; i < bases->n; i++) {
        const json_t *schema = bases->parts[i].schema;
        tighten(&bounds, json_object_get(schema, "minimum"), true, false);
        tighten(&bounds, json_object_get(schema, "maximum"), false, false);
        tighten(&bounds, json_object_get(schema, "exclusiveMinimum"), true, true);
        tighten(&bounds, json_object_get(schema, "exclusiveMaximum"), false, true);
    }
    return bounds;
}

/* A double below an open bound is at most the one before it. */
static void close_bounds(struct number_bounds *bounds)
{
    if (bounds->has_low && bounds->open_low)
        bounds->low = decimal_of(nextafter(decimal_double(&bounds->low), HUGE_VAL));
    if (bounds->has_high && bounds->open_high)
        bounds->high = decimal_of(nextafter(decimal_double(&bounds->high), -HUGE_VAL));
    bounds->open_low = bounds->open_high = false;
}

/* ---- with an exponent: d.ddde+XX, as json.dumps writes what is very small or large ---- */

/* The exponents from `from` to `to` that are written as such. */
static uint32_t exponents(struct grammar_builder *b, int from, int to)
{
    enum { MOST = HIGH_EXPONENT - LOW_EXPONENT + 1 };
    char texts[MOST][8];
    struct str list[MOST];
    size_t n = 0;
    from = from < LOW_EXPONENT ? LOW_EXPONENT : from;
    to = to > HIGH_EXPONENT ? HIGH_EXPONENT : to;
    for (int e = from; e <= to; e++) {
        if (e > SMALL_EXPONENT && e < LARGE_EXPONENT)
            continue;
        snprintf(texts[n], sizeof texts[n], "e%c%02d", e < 0 ? '-' : '+', e < 0 ? -e : e);
        list[n] = str_of(texts[n]);
        n++;
    }
    return grammar_choices(b, list, n);
}

/* Mantissas from `low` to `high` (NULL: below 10), whose exponents are taken for 0. */
static uint32_t mantissas(struct grammar_builder *b, const struct decimal *low, const struct decimal *high)
{
    struct decimal from = low ? *low : (struct decimal){.n = 1, .digits = "1"}, to = {.n = MAX_PLACES + 1};
    memset(to.digits, '9', MAX_PLACES + 1);
    to = high ? *high : to;
    from.exponent = to.exponent = 0;
    struct size least = size_of(&from, true), most = size_of(&to, false);
    return size_grammar(b, &least, &most, MANTISSA_PLACES, 1);
}

static uint32_t with_exponent(struct grammar_builder *b, const struct decimal *low, const struct decimal *high)
{
    struct decimal top = decimal_of(DBL_MAX);
    high = high && compare_sizes(high, &top) < 0 ? high : &top;
    if (!high->n || compare_sizes(low, high) > 0)
        return GRAMMAR_NOTHING;
    int from = low->n ? low->exponent : LOW_EXPONENT - 1, to = high->exponent;
    if (from == to)
        return grammar_then(b, mantissas(b, low, high), exponents(b, from, to));
    uint32_t ways[] = {
        low->n ? grammar_then(b, mantissas(b, low, NULL), exponents(b, from, from)) : GRAMMAR_NOTHING,
        grammar_then(b, mantissas(b, NULL, NULL), exponents(b, from + 1, to - 1)),
        grammar_then(b, mantissas(b, NULL, high), exponents(b, to, to)),
    };
    return grammar_alt(b, ways, 3);
}

/* ---- with a sign ---- */

/* Sizes from `low` to `high` (NULL: no bound), written in any way. */
static uint32_t number_sizes(struct grammar_builder *b, const struct decimal *low, const struct decimal *high)
{
    uint32_t plain = GRAMMAR_NOTHING;
    if (low->exponent < MAX_WHOLE) {
        struct size least = size_of(low, true), most;
        bool bounded = high && high->exponent < MAX_WHOLE;
        if (bounded)
            most = size_of(high, false);
        plain = size_grammar(b, &least, bounded ? &most : NULL, MAX_PLACES, 1);
    }
    return grammar_or(b, plain, with_exponent(b, low, high));
}

static uint32_t integer_sizes(struct grammar_builder *b, const struct decimal *low, bool open_low,
                              const struct decimal *high, bool open_high, uint32_t step)
{
    struct decimal cut = {.n = MAX_STEP_DIGITS, .exponent = MAX_STEP_DIGITS - 1};
    memset(cut.digits, '9', MAX_STEP_DIGITS);
    if (high && step > 1 && compare_sizes(high, &cut) > 0)
        high = &cut;
    if (low->exponent >= (step > 1 ? MAX_STEP_DIGITS : MAX_WHOLE))
        return GRAMMAR_NOTHING;
    struct size least = size_of(low, true), most;
    bool bounded = high && high->exponent < MAX_WHOLE;
    size_whole_up(&least, open_low);
    if (bounded)
        most = size_of(high, false);
    if (bounded && !size_whole_down(&most, open_high))
        return GRAMMAR_NOTHING;
    return size_grammar(b, &least, bounded ? &most : NULL, 0, step);
}

/* The two halves of a range: above and below zero. Each may be missing. */
struct half {
    bool has, bounded, open_low, open_high;
    struct decimal low, high;
};

static struct half half_of(const struct number_bounds *bounds, bool negative)
{
    bool has_near = negative ? bounds->has_high : bounds->has_low,
         has_far = negative ? bounds->has_low : bounds->has_high;
    const struct decimal *near = negative ? &bounds->high : &bounds->low,
                         *far = negative ? &bounds->low : &bounds->high;
    struct half half = {.has = true};
    if (has_far && far->n && far->negative != negative)
        half.has = false;
    if (has_far) {
        half.bounded = true;
        half.high = *far;
        half.open_high = negative ? bounds->open_low : bounds->open_high;
    }
    if (has_near && (near->negative == negative || !near->n)) {
        half.low = *near;
        half.open_low = negative ? bounds->open_high : bounds->open_low;
    }
    half.low.negative = half.high.negative = false;
    return half;
}

/* What json.dumps writes, and some more that models do: 1e5, 1E5, 1e05. */
static uint32_t any_exponent(struct grammar_builder *b)
{
    struct code_set set = {0};
    code_set_add(&set, '0', '9');
    uint32_t digit = grammar_char(b, &set);
    code_set_clear(&set);
    uint32_t e = grammar_choices(b, (struct str[]){STR("e"), STR("E")}, 2);
    uint32_t minus = grammar_then(b, grammar_literal(b, STR("-")), grammar_repeat(b, digit, 1, 3));
    uint32_t below_300 =
        grammar_then(b, grammar_choices(b, (struct str[]){STR("1"), STR("2")}, 2), grammar_repeat(b, digit, 2, 2));
    uint32_t plus = grammar_then(b, grammar_or(b, grammar_literal(b, STR("+")), GRAMMAR_EMPTY),
                                 grammar_or(b, grammar_repeat(b, digit, 1, 2), below_300));
    return grammar_seq(b, (uint32_t[]){mantissas(b, NULL, NULL), e, grammar_or(b, minus, plus)}, 3);
}

uint32_t number_grammar(struct grammar_builder *builder, const struct number_bounds *bounds)
{
    struct grammar_builder *b = builder;
    struct number_bounds closed = *bounds;
    close_bounds(&closed);
    struct half above = half_of(&closed, false), below = half_of(&closed, true);
    uint32_t extra = bounds->has_low || bounds->has_high ? GRAMMAR_NOTHING : any_exponent(b);
    uint32_t up = GRAMMAR_NOTHING, down = GRAMMAR_NOTHING;
    if (above.has)
        up = grammar_or(b, number_sizes(b, &above.low, above.bounded ? &above.high : NULL), extra);
    if (below.has)
        down = grammar_or(b, number_sizes(b, &below.low, below.bounded ? &below.high : NULL), extra);
    return grammar_or(b, up, grammar_then(b, grammar_literal(b, STR("-")), down));
}

uint32_t integer_grammar(struct grammar_builder *builder, const struct number_bounds *bounds, uint32_t step)
{
    struct grammar_builder *b = builder;
    struct half above = half_of(bounds, false), below = half_of(bounds, true);
    uint32_t up = GRAMMAR_NOTHING, down = GRAMMAR_NOTHING;
    if (above.has)
        up = integer_sizes(b, &above.low, above.open_low, above.bounded ? &above.high : NULL, above.open_high, step);
    if (below.has) {
        /* There is no -0: from below zero on. */
        bool from_zero = below.low.n == 0;
        down = integer_sizes(b, &below.low, below.open_low || from_zero, below.bounded ? &below.high : NULL,
                             below.open_high, step);
    }
    return grammar_or(b, up, grammar_then(b, grammar_literal(b, STR("-")), down));
}

/* ---- schemas ---- */

/* The least common multiple of all multipleOf; 0 after a failure. */
static uint32_t read_step(struct schema_compiler *c, const struct conjunction *bases, bool integer)
{
    uint64_t step = 1;
    for (size_t i = 0; i < bases->n; i++) {
        const json_t *schema = bases->parts[i].schema, *value = json_object_get(schema, "multipleOf");
        double number = json_number_value(value);
        if (!value)
            continue;
        if (number > 0 && number < 1 && integer && 1 / number == floor(1 / number))
            continue; /* every integer is a multiple */
        if (!(number >= 1) || number != floor(number) || number > MAX_STEP)
            return schema_fail(c, schema, "multipleOf: want an integer from 1 to %d", MAX_STEP);
        uint64_t own = (uint64_t)number, a = step, d = own;
        while (d) {
            uint64_t rest = a % d;
            a = d;
            d = rest;
        }
        step = step / a * own;
        if (step > MAX_STEP)
            return schema_fail(c, schema, "multipleOf: several that come to more than %d", MAX_STEP);
    }
    return (uint32_t)step;
}

/* What json.dumps writes of a double from 1e16 on, all of which are whole. */
static uint32_t large_doubles(struct grammar_builder *b, const struct number_bounds *bounds)
{
    struct number_bounds closed = *bounds;
    close_bounds(&closed);
    uint32_t ways[2] = {GRAMMAR_NOTHING, GRAMMAR_NOTHING};
    for (int negative = 0; negative < 2; negative++) {
        struct half half = half_of(&closed, negative);
        struct decimal low = {.n = 1, .exponent = LARGE_EXPONENT, .digits = "1"};
        low = compare_sizes(&half.low, &low) > 0 ? half.low : low;
        if (half.has)
            ways[negative] = with_exponent(b, &low, half.bounded ? &half.high : NULL);
    }
    return grammar_or(b, ways[0], grammar_then(b, grammar_literal(b, STR("-")), ways[1]));
}

/* Whole numbers with ".0", which are doubles: only those that a double has exactly. */
static uint32_t whole_doubles(struct grammar_builder *b, const struct number_bounds *bounds, uint32_t step)
{
    struct number_bounds narrow = *bounds;
    struct decimal low = decimal_parse("-9007199254740992"), high = decimal_parse("9007199254740992"), zero = {0};
    if (!narrow.has_low || decimal_compare(&narrow.low, &low) < 0) {
        narrow.low = low;
        narrow.open_low = false;
    }
    if (!narrow.has_high || decimal_compare(&narrow.high, &high) > 0) {
        narrow.high = high;
        narrow.open_high = false;
    }
    narrow.has_low = narrow.has_high = true;
    int above = decimal_compare(&zero, &narrow.low), below = decimal_compare(&zero, &narrow.high);
    bool has_zero = (above > 0 || (above == 0 && !narrow.open_low)) && (below < 0 || (below == 0 && !narrow.open_high));
    uint32_t whole =
        grammar_or(b, integer_grammar(b, &narrow, step), has_zero ? grammar_literal(b, STR("-0")) : GRAMMAR_NOTHING);
    return grammar_then(b, whole, grammar_literal(b, STR(".0")));
}

/* Numbers as `bounds` and `step` want them. With `integer` only whole ones, and without a point: to JSON Schema 1.0 is
 * an integer, but programs that read one into an integer refuse it. */
static uint32_t make_number(struct grammar_builder *b, const struct number_bounds *bounds, uint32_t step, bool integer)
{
    if (integer)
        return integer_grammar(b, bounds, step ? step : 1);
    if (step == 0)
        return number_grammar(b, bounds);
    uint32_t ways[] = {integer_grammar(b, bounds, step), whole_doubles(b, bounds, step),
                       step == 1 ? large_doubles(b, bounds) : GRAMMAR_NOTHING};
    return grammar_alt(b, ways, 3);
}

uint32_t schema_number(struct schema_compiler *c, const struct conjunction *bases, bool integer)
{
    struct number_bounds bounds = schema_bounds(bases);
    struct buf key = {0};
    uint32_t step = read_step(c, bases, integer);
    bool multiple = false;
    for (size_t i = 0; i < bases->n; i++)
        multiple = multiple || json_object_get(bases->parts[i].schema, "multipleOf");
    if (!step)
        return GRAMMAR_NOTHING;
    buf_format(&key, "number %u %d ", multiple ? step : 0, integer);
    buf_add(&key, (const char *)&bounds, sizeof bounds);
    uint32_t node = schema_made(c, &key);
    if (node == MAP_NONE)
        node = schema_remember(c, &key, make_number(c->builder, &bounds, multiple ? step : 0, integer));
    buf_clear(&key);
    return node;
}
