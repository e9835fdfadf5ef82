/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers without a sign between two bounds, as digits. A number of as many digits as a bound is compared with it digit
 * by digit: as long as all were equal it is tight against the bound; one that differs sets it free, and what follows
 * may be anything. Fractions go on where the digits before the point end.
 *
 *   3.25 .. 17    "3." "25" and more | "3." "2" [6-9]... | "3." [3-9]... | [4-9]... | "1" [0-6]... | "17" and zeros
 *
 * For multiples the remainder is carried along.
 */
#include <stdlib.h>

#include "text/schema/number.h"

static char digit_at(const struct decimal *d, int power)
{
    int i = d->exponent - power;
    return d->n && i >= 0 && i < d->n ? d->digits[i] : '0';
}

/* Adds one at the last place (after the point, or before it where `whole`). */
static void add_one(struct size *s, bool whole)
{
    int i = MAX_PLACES;
    while (!whole && i > 0 && s->places[i - 1] == '9')
        s->places[--i] = '0';
    if (!whole && i > 0) {
        s->places[i - 1]++;
        return;
    }
    for (i = s->n_whole; i > 0 && s->whole[i - 1] == '9';)
        s->whole[--i] = '0';
    if (i > 0) {
        s->whole[i - 1]++;
        return;
    }
    memmove(s->whole + 1, s->whole, (size_t)s->n_whole++);
    s->whole[0] = '1';
}

struct size size_of(const struct decimal *d, bool up)
{
    struct size s = {.n_whole = d->n && d->exponent > 0 ? d->exponent + 1 : 1};
    for (int i = 0; i < s.n_whole; i++)
        s.whole[i] = digit_at(d, s.n_whole - 1 - i);
    for (int i = 0; i < MAX_PLACES; i++)
        s.places[i] = digit_at(d, -1 - i);
    if (up && d->n && d->exponent - (d->n - 1) < -MAX_PLACES)
        add_one(&s, false);
    s.n_places = MAX_PLACES;
    while (s.n_places && s.places[s.n_places - 1] == '0')
        s.n_places--;
    return s;
}

static void drop_places(struct size *s)
{
    memset(s->places, '0', MAX_PLACES);
    s->n_places = 0;
}

void size_whole_up(struct size *s, bool open)
{
    bool more = s->n_places || open;
    drop_places(s);
    if (more)
        add_one(s, true);
}

bool size_whole_down(struct size *s, bool open)
{
    bool less = !s->n_places && open;
    drop_places(s);
    if (!less)
        return true;
    int i = s->n_whole;
    for (; i > 0 && s->whole[i - 1] == '0'; i--)
        s->whole[i - 1] = '9';
    if (i == 0)
        return false;
    s->whole[i - 1]--;
    if (s->whole[0] == '0' && s->n_whole > 1)
        memmove(s->whole, s->whole + 1, (size_t)--s->n_whole);
    return true;
}

int size_compare(const struct size *a, const struct size *b)
{
    if (a->n_whole != b->n_whole)
        return a->n_whole < b->n_whole ? -1 : 1;
    int order = memcmp(a->whole, b->whole, (size_t)a->n_whole);
    return order ? order : memcmp(a->places, b->places, MAX_PLACES);
}

struct range {
    struct grammar_builder *b;
    const struct size *low, *high; /* high is NULL: no bound */
    int n_places;                  /* at most so many digits after the point; 0: whole numbers */
    uint32_t step;                 /* whole numbers are its multiples */
    uint32_t *free;                /* [MAX_WHOLE + 1][step] parts of so many digits after a remainder, plus one */
    uint32_t *endless;             /* [step] rules of any number of digits after a remainder; NULL: none follow */
};

static uint32_t digits_between(struct grammar_builder *b, char from, char to)
{
    struct code_set set = {0};
    code_set_add(&set, (uint8_t)from, (uint8_t)to);
    uint32_t node = from > to ? GRAMMAR_NOTHING : grammar_char(b, &set);
    code_set_clear(&set);
    return node;
}

static uint32_t some_digits(struct grammar_builder *b, uint32_t min, uint32_t max)
{
    return grammar_repeat(b, digits_between(b, '0', '9'), min, max);
}

/* Whether no digit of a bound from place `i` on is more than 0. */
static bool ends_at(const struct size *bound, int i)
{
    return i >= bound->n_places;
}

/* Digits after the point from place `i` on, at least one; `low` and `high` are NULL once free of them. */
static uint32_t places(const struct range *r, int i, const struct size *low, const struct size *high)
{
    struct grammar_builder *b = r->b;
    if (low && ends_at(low, i))
        low = NULL;
    if (i >= r->n_places)
        return GRAMMAR_NOTHING;
    if (!low && !high)
        return some_digits(b, 1, (uint32_t)(r->n_places - i));
    char from = low ? low->places[i] : '0', to = high ? high->places[i] : '9';
    uint32_t way = GRAMMAR_NOTHING;
    if (low && high && from == to) {
        uint32_t end = ends_at(low, i + 1) ? GRAMMAR_EMPTY : GRAMMAR_NOTHING;
        return grammar_then(b, digits_between(b, from, from), grammar_or(b, end, places(r, i + 1, low, high)));
    }
    if (low) {
        uint32_t end = ends_at(low, i + 1) ? GRAMMAR_EMPTY : GRAMMAR_NOTHING;
        way = grammar_then(b, digits_between(b, from, from), grammar_or(b, end, places(r, i + 1, low, NULL)));
        from++;
    }
    if (high) {
        uint32_t more = grammar_or(b, GRAMMAR_EMPTY, places(r, i + 1, NULL, high));
        way = grammar_or(b, way, grammar_then(b, digits_between(b, to, to), more));
        to--;
    }
    uint32_t rest = some_digits(b, 0, (uint32_t)(r->n_places - 1 - i));
    return grammar_or(b, way, grammar_then(b, digits_between(b, from, to), rest));
}

/* What comes after all digits before the point. */
static uint32_t fraction(const struct range *r, const struct size *low, const struct size *high)
{
    struct grammar_builder *b = r->b;
    uint32_t whole = !low || ends_at(low, 0) ? GRAMMAR_EMPTY : GRAMMAR_NOTHING;
    if (!r->n_places)
        return whole;
    return grammar_or(b, whole, grammar_then(b, grammar_literal(b, STR(".")), places(r, 0, low, high)));
}

/* Any `n` digits after a remainder, and a fraction. */
static uint32_t free_digits(const struct range *r, int n, uint32_t remainder)
{
    struct grammar_builder *b = r->b;
    if (r->step == 1)
        return grammar_then(b, some_digits(b, (uint32_t)n, (uint32_t)n), fraction(r, NULL, NULL));
    if (n == 0)
        return r->endless ? r->endless[remainder] : remainder == 0 ? GRAMMAR_EMPTY : GRAMMAR_NOTHING;
    uint32_t *memo = &r->free[(size_t)n * r->step + remainder];
    if (*memo == 0 && !grammar_failed(b)) {
        uint32_t ways[10];
        for (uint32_t d = 0; d < 10; d++)
            ways[d] = grammar_then(b, digits_between(b, (char)('0' + d), (char)('0' + d)),
                                   free_digits(r, n - 1, (remainder * 10 + d) % r->step));
        *memo = grammar_alt(b, ways, 10) + 1;
    }
    return *memo ? *memo - 1 : GRAMMAR_NOTHING;
}

static uint32_t digits(const struct range *r, int i, int n, const struct size *low, const struct size *high,
                       uint32_t remainder);

/* The digits `from` to `to` at place `i` of `n`, after which all is free. */
static uint32_t freed(const struct range *r, int i, int n, char from, char to, uint32_t remainder)
{
    struct grammar_builder *b = r->b;
    if (r->step == 1)
        return grammar_then(b, digits_between(b, from, to), free_digits(r, n - 1 - i, 0));
    uint32_t way = GRAMMAR_NOTHING;
    for (char d = from; d <= to; d++)
        way = grammar_or(b, way,
                         grammar_then(b, digits_between(b, d, d),
                                      free_digits(r, n - 1 - i, (remainder * 10 + (uint32_t)(d - '0')) % r->step)));
    return way;
}

/* Digits from `i` on of a number with `n` before the point. */
static uint32_t digits(const struct range *r, int i, int n, const struct size *low, const struct size *high,
                       uint32_t remainder)
{
    struct grammar_builder *b = r->b;
    if (i == n)
        return remainder ? GRAMMAR_NOTHING : fraction(r, low, high);
    char from = low ? low->whole[i] : i == 0 && n > 1 ? '1' : '0', to = high ? high->whole[i] : '9';
    uint32_t way = GRAMMAR_NOTHING;
    if (low && high && from == to)
        return grammar_then(b, digits_between(b, from, to),
                            digits(r, i + 1, n, low, high, (remainder * 10 + (uint32_t)(from - '0')) % r->step));
    if (low) {
        way = grammar_then(b, digits_between(b, from, from),
                           digits(r, i + 1, n, low, NULL, (remainder * 10 + (uint32_t)(from - '0')) % r->step));
        from++;
    }
    if (high) {
        uint32_t tight = digits(r, i + 1, n, NULL, high, (remainder * 10 + (uint32_t)(to - '0')) % r->step);
        way = grammar_or(b, way, grammar_then(b, digits_between(b, to, to), tight));
        to--;
    }
    return grammar_or(b, way, freed(r, i, n, from, to, remainder));
}

/* The endless rules of a range: any number of digits that end in a multiple. */
static void define_endless(const struct range *r)
{
    for (uint32_t at = 0; at < r->step; at++)
        r->endless[at] = grammar_rule(r->b, STR("of a multiple"));
    for (uint32_t at = 0; at < r->step && !grammar_failed(r->b); at++) {
        uint32_t ways[11] = {at == 0 ? GRAMMAR_EMPTY : GRAMMAR_NOTHING};
        for (uint32_t d = 0; d < 10; d++)
            ways[d + 1] = grammar_then(r->b, digits_between(r->b, (char)('0' + d), (char)('0' + d)),
                                       r->endless[(at * 10 + d) % r->step]);
        grammar_define(r->b, r->endless[at], grammar_alt(r->b, ways, 11));
    }
}

/* Numbers of more than `n` digits; takes `r` as a copy, for its own tables. */
static uint32_t longer(struct range r, int n)
{
    struct grammar_builder *b = r.b;
    if (r.step <= 1) {
        uint32_t more = some_digits(b, (uint32_t)n, MAX_WHOLE - 1);
        return grammar_seq(b, (uint32_t[]){digits_between(b, '1', '9'), more, fraction(&r, NULL, NULL)}, 3);
    }
    uint32_t way = GRAMMAR_NOTHING;
    r.free = calloc((size_t)(n + 1) * r.step, sizeof *r.free);
    r.endless = calloc(r.step, sizeof *r.endless);
    if (r.free && r.endless) {
        define_endless(&r);
        for (int d = 1; d <= 9; d++) {
            uint32_t digit = digits_between(b, (char)('0' + d), (char)('0' + d));
            way = grammar_or(b, way, grammar_then(b, digit, free_digits(&r, n, (uint32_t)d % r.step)));
        }
    } else {
        grammar_fail(b, HOB_LIMIT, "no memory for a schema");
    }
    free(r.free);
    free(r.endless);
    return way;
}

uint32_t size_grammar(struct grammar_builder *builder, const struct size *low, const struct size *high, int n_places,
                      uint32_t step)
{
    int last = high ? high->n_whole : low->n_whole;
    struct range r = {.b = builder, .low = low, .high = high, .n_places = n_places, .step = step};
    uint32_t way = GRAMMAR_NOTHING;
    if (high && size_compare(low, high) > 0)
        return GRAMMAR_NOTHING;
    r.free = step > 1 ? calloc((size_t)(last + 1) * step, sizeof *r.free) : NULL;
    if (step > 1 && !r.free)
        return grammar_fail(builder, HOB_LIMIT, "no memory for a schema");
    for (int n = low->n_whole; n <= last; n++)
        way = grammar_or(builder, way,
                         digits(&r, 0, n, n == low->n_whole ? low : NULL, high && n == last ? high : NULL, 0));
    if (!high)
        way = grammar_or(builder, way, longer(r, last));
    free(r.free);
    return way;
}
