/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects. Named properties come in the order of the schema, then any others. Where nothing must be counted, what may
 * follow property i is one part for "something stands before it" and one for "nothing does":
 *
 *   first(i) = pair(i) rest(i + 1)  |  first(i + 1) if i may be left out
 *   rest(i)  = "," first(i)  |  nothing, if all from i on may be left out
 *
 * With minProperties or maxProperties there is one such pair of parts for each number of properties so far.
 */
#include <stdlib.h>

#include "base/error.h"
#include "text/schema/schema.h"

enum { MAX_PATTERNS = 4, MAX_CELLS = 200000 };

struct property {
    struct str name;
    uint32_t pair; /* "name": value */
    bool required;
};

struct object {
    struct schema_compiler *c;
    const struct conjunction *bases;
    struct property *properties;
    size_t n, cap;
    struct map index;            /* from name to its place in `properties` */
    struct map required;         /* names */
    uint32_t other;              /* a pair of any other name, or GRAMMAR_NOTHING */
    uint32_t min, max;           /* properties */
    struct automaton **patterns; /* of each distinct patternProperties key: names that it matches for sure, */
    struct automaton **wide;     /* and those that it may match, by the language of who looks */
    struct str pattern_names[MAX_PATTERNS];
    size_t n_patterns;
};

static bool out_of_memory(struct object *o)
{
    grammar_fail(o->c->builder, HOB_LIMIT, "no memory for a schema");
    return false;
}

/* ---- names ---- */

static bool add_property(struct object *o, struct str name)
{
    if (map_get(&o->index, name) != MAP_NONE)
        return true;
    if (o->n == o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 16;
        struct property *properties = realloc(o->properties, cap * sizeof *properties);
        if (!properties)
            return out_of_memory(o);
        o->properties = properties;
        o->cap = cap;
    }
    if (!map_add(&o->index, name, (uint32_t)o->n, NULL))
        return out_of_memory(o);
    o->properties[o->n++] = (struct property){.name = name, .required = map_get(&o->required, name) != MAP_NONE};
    return true;
}

static bool collect_names(struct object *o)
{
    for (size_t i = 0; i < o->bases->n; i++) {
        const json_t *required = json_object_get(o->bases->parts[i].schema, "required");
        for (size_t k = 0; k < json_array_size(required); k++)
            if (!map_add(&o->required, json_span(json_array_get(required, k)), 1, NULL))
                return out_of_memory(o);
    }
    for (size_t i = 0; i < o->bases->n; i++) {
        const json_t *properties = json_object_get(o->bases->parts[i].schema, "properties");
        void *iter = json_object_iter((json_t *)(uintptr_t)properties);
        for (; iter; iter = json_object_iter_next((json_t *)(uintptr_t)properties, iter))
            if (!add_property(o, (struct str){json_object_iter_key(iter), json_object_iter_key_len(iter)}))
                return false;
    }
    for (size_t i = 0; i < o->bases->n; i++) {
        const json_t *required = json_object_get(o->bases->parts[i].schema, "required");
        for (size_t k = 0; k < json_array_size(required); k++)
            if (!add_property(o, json_span(json_array_get(required, k))))
                return false;
    }
    return true;
}

/* ---- patterns of names ---- */

static size_t pattern_at(const struct object *o, struct str pattern)
{
    size_t i = 0;
    while (i < o->n_patterns && !str_eq(o->pattern_names[i], pattern))
        i++;
    return i;
}

static bool collect_patterns(struct object *o)
{
    for (size_t i = 0; i < o->bases->n; i++) {
        const json_t *schema = o->bases->parts[i].schema, *patterns = json_object_get(schema, "patternProperties");
        void *iter = json_object_iter((json_t *)(uintptr_t)patterns);
        for (; iter; iter = json_object_iter_next((json_t *)(uintptr_t)patterns, iter)) {
            struct str pattern = {json_object_iter_key(iter), json_object_iter_key_len(iter)};
            if (pattern_at(o, pattern) < o->n_patterns)
                continue;
            if (o->n_patterns == MAX_PATTERNS)
                return schema_fail(o->c, schema, "patternProperties: more than %d patterns", MAX_PATTERNS);
            o->patterns[o->n_patterns] = automaton_search(o->c->builder, pattern);
            o->wide[o->n_patterns] = automaton_search_wide(o->c->builder, pattern);
            o->pattern_names[o->n_patterns++] = pattern;
            if (grammar_failed(o->c->builder))
                return schema_fail(o->c, schema, "patternProperties");
        }
    }
    return true;
}

/* ---- values ---- */

/* What the bases ask of the value under a name that matches these patterns (bits), and is `name` where that is not
 * NULL. False with nothing asked: the name may not stand there. */
static bool value_parts(struct object *o, const struct str *name, unsigned matching, struct conjunction *parts)
{
    *parts = (struct conjunction){0};
    for (size_t i = 0; i < o->bases->n; i++) {
        const json_t *schema = o->bases->parts[i].schema, *properties = json_object_get(schema, "properties");
        const json_t *patterns = json_object_get(schema, "patternProperties");
        const json_t *own = name ? json_object_getn(properties, name->ptr, name->len) : NULL;
        const json_t *other = json_object_get(schema, "additionalProperties");
        bool met = own != NULL;
        if (own && !conjunction_add(o->c, parts, own, PART_WHOLE))
            return false;
        void *iter = json_object_iter((json_t *)(uintptr_t)patterns);
        for (; iter; iter = json_object_iter_next((json_t *)(uintptr_t)patterns, iter)) {
            size_t at = pattern_at(o, (struct str){json_object_iter_key(iter), json_object_iter_key_len(iter)});
            if (!(matching >> at & 1))
                continue;
            met = true;
            if (!conjunction_add(o->c, parts, json_object_iter_value(iter), PART_WHOLE))
                return false;
        }
        if (!met && other && (json_is_false(other) || !conjunction_add(o->c, parts, other, PART_WHOLE)))
            return false;
    }
    return true;
}

/* A name's string and the value that its patterns want; GRAMMAR_NOTHING where it may not stand. */
static uint32_t pair_grammar(struct object *o, uint32_t key, const struct str *name, unsigned matching)
{
    struct conjunction parts;
    uint32_t pair = GRAMMAR_NOTHING;
    if (value_parts(o, name, matching, &parts)) {
        uint32_t list[] = {key, o->c->space, schema_rule(o->c, &parts)};
        pair = grammar_seq(o->c->builder, list, 3);
    }
    conjunction_clear(&parts);
    return pair;
}

static void make_named(struct object *o)
{
    for (size_t i = 0; i < o->n && !grammar_failed(o->c->builder); i++) {
        struct str name = o->properties[i].name;
        unsigned matching = 0;
        for (size_t k = 0; k < o->n_patterns; k++) {
            bool matches = automaton_accepts(o->patterns[k], name);
            matching |= (unsigned)matches << k;
            if (!matches && automaton_accepts(o->wide[k], name))
                schema_fail(o->c, o->bases->parts[0].schema,
                            "patternProperties: Python and ECMAScript do not agree on property %zu", i);
        }
        o->properties[i].pair = pair_grammar(o, schema_quoted(o->c, name, STR(":")), &name, matching);
    }
}

/* Names that match just these patterns, and none of the named properties. */
static uint32_t other_names(struct object *o, const struct automaton *unnamed, unsigned matching)
{
    struct grammar_builder *b = o->c->builder;
    struct automaton *names = automaton_copy(b, unnamed);
    for (size_t k = 0; k < o->n_patterns && names; k++)
        names = matching >> k & 1 ? automaton_both(b, names, automaton_copy(b, o->patterns[k]), false)
                                  : automaton_both(b, names, automaton_copy(b, o->wide[k]), true);
    uint32_t key = GRAMMAR_NOTHING;
    if (names && !automaton_empty(names))
        key = grammar_seq(b,
                          (uint32_t[]){grammar_literal(b, STR("\"")), automaton_grammar(b, names, true),
                                       grammar_literal(b, STR("\":"))},
                          3);
    automaton_free(names);
    return key;
}

/* Pairs of any other names: a way for each set of patterns that a name may match. */
static void make_other(struct object *o)
{
    struct grammar_builder *b = o->c->builder;
    struct str *names = malloc((o->n + 1) * sizeof *names);
    bool closed = true;
    for (unsigned matching = 0; matching < 1u << o->n_patterns && closed; matching++) {
        struct conjunction parts;
        closed = !value_parts(o, NULL, matching, &parts);
        conjunction_clear(&parts);
    }
    for (size_t i = 0; i < o->n && names; i++)
        names[i] = o->properties[i].name;
    struct automaton *unnamed = closed || !names ? NULL : automaton_except(b, names, o->n);
    for (unsigned matching = 0; unnamed && matching < 1u << o->n_patterns && !grammar_failed(b); matching++) {
        struct conjunction parts;
        bool open = value_parts(o, NULL, matching, &parts);
        conjunction_clear(&parts);
        if (open)
            o->other = grammar_or(b, o->other, pair_grammar(o, other_names(o, unnamed, matching), NULL, matching));
    }
    automaton_free(unnamed);
    free(names);
    if (!names)
        out_of_memory(o);
}

/* ---- the order of pairs ---- */

/* Tables over [i][count]: count goes up to n_counts - 1, and stays there. */
struct order {
    const struct object *o;
    struct grammar_builder *b;
    uint32_t comma;
    size_t n_counts;
    uint32_t *first, *rest;
};

static uint32_t counted(const struct order *order, const uint32_t *table, size_t i, size_t count)
{
    return table[i * order->n_counts + (count < order->n_counts ? count : order->n_counts - 1)];
}

/* Whether `count` properties (all counts from the last on are one) are enough. */
static bool enough(const struct order *order, size_t count)
{
    return count >= order->o->min;
}

/* After all named properties: other pairs. They may have one name, so that many of them are sure to be one property. */
static void order_last(struct order *order, size_t count)
{
    const struct object *o = order->o;
    size_t at = o->n * order->n_counts + count;
    uint32_t most = o->max == GRAMMAR_MANY ? GRAMMAR_MANY : count < o->max ? o->max - (uint32_t)count : 0;
    uint32_t end = enough(order, count) ? GRAMMAR_EMPTY : GRAMMAR_NOTHING, others = GRAMMAR_NOTHING;
    if (most && enough(order, count + 1)) {
        uint32_t more = grammar_then(order->b, order->comma, o->other);
        others =
            grammar_then(order->b, o->other, grammar_repeat(order->b, more, 0, most == GRAMMAR_MANY ? most : most - 1));
    }
    order->first[at] = others;
    order->rest[at] = grammar_or(order->b, end, grammar_then(order->b, order->comma, others));
}

static void order_named(struct order *order, size_t i, size_t count)
{
    const struct object *o = order->o;
    const struct property *property = &o->properties[i];
    size_t at = i * order->n_counts + count;
    uint32_t here = count < o->max
                        ? grammar_then(order->b, property->pair, counted(order, order->rest, i + 1, count + 1))
                        : GRAMMAR_NOTHING;
    uint32_t left_out = property->required ? GRAMMAR_NOTHING : counted(order, order->first, i + 1, count);
    uint32_t ends = GRAMMAR_NOTHING;
    if (enough(order, count)) {
        bool optional = true;
        for (size_t k = i; k < o->n && optional; k++)
            optional = !o->properties[k].required;
        ends = optional ? GRAMMAR_EMPTY : GRAMMAR_NOTHING;
    }
    order->first[at] = grammar_or(order->b, here, left_out);
    order->rest[at] = grammar_or(order->b, ends, grammar_then(order->b, order->comma, order->first[at]));
}

static uint32_t order_pairs(struct object *o)
{
    struct grammar_builder *b = o->c->builder;
    size_t counts = o->max == GRAMMAR_MANY ? o->min : o->max;
    if (counts > o->n + 1 && o->max == GRAMMAR_MANY)
        counts = o->n + 1;
    struct order order = {.o = o, .b = b, .n_counts = counts + 1};
    size_t cells = (o->n + 1) * order.n_counts;
    if (counts > MAX_CELLS || cells > MAX_CELLS)
        return grammar_fail(b, HOB_LIMIT, "schema: minProperties or maxProperties is too large");
    order.comma = grammar_then(b, grammar_literal(b, STR(",")), o->c->space);
    order.first = malloc(cells * sizeof *order.first);
    order.rest = malloc(cells * sizeof *order.rest);
    uint32_t node = GRAMMAR_NOTHING;
    if (order.first && order.rest) {
        for (size_t count = 0; count < order.n_counts; count++)
            order_last(&order, count);
        for (size_t i = o->n; i-- > 0 && !grammar_failed(b);)
            for (size_t count = order.n_counts; count-- > 0;)
                order_named(&order, i, count);
        bool may_be_empty = o->min == 0;
        for (size_t i = 0; i < o->n; i++)
            may_be_empty = may_be_empty && !o->properties[i].required;
        node =
            grammar_or(b, may_be_empty ? GRAMMAR_EMPTY : GRAMMAR_NOTHING, grammar_then(b, order.first[0], o->c->space));
    } else {
        out_of_memory(o);
    }
    free(order.first);
    free(order.rest);
    return node;
}

/* Names that may stand but are not named cannot be told apart, so that they count as one for minProperties. */
static bool check_min(struct object *o)
{
    size_t possible = o->other != GRAMMAR_NOTHING;
    for (size_t i = 0; i < o->n; i++)
        possible += o->properties[i].pair != GRAMMAR_NOTHING;
    if (o->min <= possible || o->other == GRAMMAR_NOTHING)
        return true;
    for (size_t i = 0; i < o->bases->n; i++)
        if (json_object_get(o->bases->parts[i].schema, "minProperties"))
            return schema_fail(o->c, o->bases->parts[i].schema,
                               "minProperties: %u is more than the properties with names and one other", o->min);
    return false;
}

uint32_t schema_object(struct schema_compiler *c, const struct conjunction *bases)
{
    struct automaton *patterns[MAX_PATTERNS] = {0}, *wide[MAX_PATTERNS] = {0};
    struct object o = {.c = c, .bases = bases, .max = GRAMMAR_MANY, .patterns = patterns, .wide = wide};
    struct grammar_builder *b = c->builder;
    uint32_t node = GRAMMAR_NOTHING;
    for (size_t i = 0; i < bases->n; i++) {
        uint32_t min = schema_count(json_object_get(bases->parts[i].schema, "minProperties"), 0);
        uint32_t max = schema_count(json_object_get(bases->parts[i].schema, "maxProperties"), GRAMMAR_MANY);
        o.min = min > o.min ? min : o.min;
        o.max = max < o.max ? max : o.max;
    }
    if (collect_names(&o) && collect_patterns(&o)) {
        make_named(&o);
        make_other(&o);
        /* More than this cannot be told from no bound. */
        if (o.other == GRAMMAR_NOTHING && o.max > o.n)
            o.max = GRAMMAR_MANY;
        if (!grammar_failed(b) && check_min(&o)) {
            uint32_t parts[] = {grammar_literal(b, STR("{")), c->space, order_pairs(&o), grammar_literal(b, STR("}"))};
            node = grammar_seq(b, parts, 4);
        }
    }
    for (size_t i = 0; i < o.n_patterns; i++) {
        automaton_free(o.patterns[i]);
        automaton_free(o.wide[i]);
    }
    free(o.properties);
    map_clear(&o.index);
    map_clear(&o.required);
    return grammar_failed(b) ? GRAMMAR_NOTHING : node;
}
