/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings. A length or a pattern is a part of a grammar by itself, with its counts where they are; together they are an
 * automaton whose texts are counted.
 */
#include <stdlib.h>

#include "base/error.h"
#include "text/regex/grammar.h"
#include "text/schema/schema.h"

enum { MAX_MIN_LENGTH = 100000, PATTERN_COST = 500 /* of comparing patterns, in other comparisons */ };

/* What the bases ask. */
struct limits {
    uint32_t min, max;
    struct str *patterns; /* of pattern and format, distinct */
    size_t n_patterns;
};

static void add_pattern(struct limits *limits, struct str pattern)
{
    for (size_t i = 0; i < limits->n_patterns; i++)
        if (str_eq(limits->patterns[i], pattern))
            return;
    limits->patterns[limits->n_patterns++] = pattern;
}

/* `limits->patterns` has room for two a base. */
static bool read_limits(struct schema_compiler *c, const struct conjunction *bases, struct limits *limits)
{
    limits->max = GRAMMAR_MANY;
    for (size_t i = 0; i < bases->n; i++) {
        const json_t *schema = bases->parts[i].schema;
        const json_t *pattern = json_object_get(schema, "pattern"), *format = json_object_get(schema, "format");
        uint32_t min = schema_count(json_object_get(schema, "minLength"), 0);
        uint32_t max = schema_count(json_object_get(schema, "maxLength"), GRAMMAR_MANY);
        if (min > MAX_MIN_LENGTH)
            return schema_fail(c, schema, "minLength: %u, want at most %d", min, MAX_MIN_LENGTH);
        limits->min = min > limits->min ? min : limits->min;
        limits->max = max < limits->max ? max : limits->max;
        if (pattern)
            add_pattern(limits, json_span(pattern));
        uint32_t most = GRAMMAR_MANY;
        if (format)
            add_pattern(limits, str_of(schema_format(json_span(format), &most)));
        limits->max = most < limits->max ? most : limits->max;
    }
    return true;
}

/* Several patterns are one automaton, their product; its texts are counted where there is a length. */
static uint32_t combine(struct schema_compiler *c, const struct limits *limits)
{
    struct grammar_builder *b = c->builder;
    struct automaton *all = automaton_search(b, limits->patterns[0]);
    for (size_t i = 1; i < limits->n_patterns && all; i++)
        all = automaton_both(b, all, automaton_search(b, limits->patterns[i]), false);
    uint32_t node = GRAMMAR_NOTHING, low, high;
    if (all && limits->n_patterns == 1 && automaton_lengths(b, all, &low, &high) && low >= limits->min &&
        high <= limits->max)
        node = regex_grammar(b, limits->patterns[0], REGEX_JSON_SEARCH); /* which says as much */
    else if (all && limits->min == 0 && limits->max == GRAMMAR_MANY)
        node = automaton_grammar(b, all, true);
    else if (all)
        node = automaton_counted(b, all, limits->min, limits->max, true);
    automaton_free(all);
    return node;
}

static uint32_t contents(struct schema_compiler *c, const struct limits *limits)
{
    bool bounded = limits->min > 0 || limits->max != GRAMMAR_MANY;
    if (limits->n_patterns == 0)
        return grammar_repeat(c->builder, c->character, limits->min, limits->max);
    if (limits->n_patterns == 1 && !bounded)
        return regex_grammar(c->builder, limits->patterns[0], REGEX_JSON_SEARCH);
    return combine(c, limits);
}

/* With its quotes; made once for the same limits. */
static uint32_t quoted(struct schema_compiler *c, const struct limits *limits)
{
    struct buf key = {0};
    buf_format(&key, "string %u %u", limits->min, limits->max);
    for (size_t i = 0; i < limits->n_patterns; i++) {
        buf_format(&key, " %zu ", limits->patterns[i].len);
        buf_str(&key, limits->patterns[i]);
    }
    uint32_t node = schema_made(c, &key);
    if (node == MAP_NONE) {
        uint32_t quote = grammar_literal(c->builder, STR("\"")), inner = contents(c, limits);
        node = schema_remember(c, &key, grammar_seq(c->builder, (uint32_t[]){quote, inner, quote}, 3));
    }
    buf_clear(&key);
    return node;
}

uint32_t schema_string(struct schema_compiler *c, const struct conjunction *bases)
{
    struct grammar_builder *b = c->builder;
    struct limits limits = {.patterns = malloc((2 * bases->n + 1) * sizeof *limits.patterns)};
    uint32_t node = GRAMMAR_NOTHING;
    if (!limits.patterns)
        return grammar_fail(b, HOB_LIMIT, "no memory for a schema");
    if (read_limits(c, bases, &limits) && limits.min <= limits.max) {
        node = quoted(c, &limits);
        for (size_t i = 0; i < bases->n && grammar_failed(b); i++)
            if (json_object_get(bases->parts[i].schema, "pattern"))
                schema_fail(c, bases->parts[i].schema, "pattern");
    }
    free(limits.patterns);
    return node;
}

/* Whether no text has all the patterns of both. */
static bool patterns_apart(struct schema_compiler *c, const struct limits *a, const struct limits *b)
{
    struct automaton *all = NULL;
    c->n_compared += PATTERN_COST;
    for (size_t i = 0; i < a->n_patterns + b->n_patterns; i++) {
        struct str pattern = i < a->n_patterns ? a->patterns[i] : b->patterns[i - a->n_patterns];
        struct automaton *own = automaton_search_wide(c->builder, pattern);
        all = i == 0 ? own : automaton_both(c->builder, all, own, false);
    }
    bool apart = all && automaton_empty(all);
    automaton_free(all);
    return apart;
}

bool schema_strings_apart(struct schema_compiler *c, const struct conjunction *a, const struct conjunction *b)
{
    struct limits x = {.patterns = malloc((2 * a->n + 1) * sizeof *x.patterns)};
    struct limits y = {.patterns = malloc((2 * b->n + 1) * sizeof *y.patterns)};
    bool apart = false;
    if (!x.patterns || !y.patterns)
        grammar_fail(c->builder, HOB_LIMIT, "no memory for a schema");
    else if (read_limits(c, a, &x) && read_limits(c, b, &y))
        apart = x.min > y.max || y.min > x.max || (x.n_patterns && y.n_patterns && patterns_apart(c, &x, &y));
    free(x.patterns);
    free(y.patterns);
    return apart;
}
