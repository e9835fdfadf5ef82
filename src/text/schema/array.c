/* SPDX-License-Identifier: Apache-2.0
 *
 * Arrays: the first elements by prefixItems, the others by items.
 */
#include <stdlib.h>

#include "base/error.h"
#include "text/schema/schema.h"

enum { MAX_MIN_ITEMS = 100000 };

/* The element at `at`, or (past all prefixes) any other. */
static uint32_t element(struct schema_compiler *c, const struct conjunction *bases, size_t at)
{
    struct conjunction parts = {0};
    uint32_t node = GRAMMAR_NOTHING;
    bool possible = true;
    for (size_t i = 0; i < bases->n && possible; i++) {
        const json_t *schema = bases->parts[i].schema;
        const json_t *own = json_array_get(json_object_get(schema, "prefixItems"), at);
        own = own ? own : json_object_get(schema, "items");
        if (own)
            possible = !json_is_false(own) && conjunction_add(c, &parts, own, PART_WHOLE);
    }
    if (possible)
        node = schema_rule(c, &parts);
    conjunction_clear(&parts);
    return node;
}

static bool check_unique(struct schema_compiler *c, const struct conjunction *bases, uint32_t max)
{
    for (size_t i = 0; i < bases->n && max > 1; i++)
        if (json_is_true(json_object_get(bases->parts[i].schema, "uniqueItems")))
            return schema_fail(c, bases->parts[i].schema, "keyword \"uniqueItems\" is not supported");
    return true;
}

/* Elements from `first_other` on: at least `min` and at most `max`, each after a comma. */
static uint32_t others(struct schema_compiler *c, const struct conjunction *bases, size_t first_other, uint32_t comma,
                       uint32_t min, uint32_t max)
{
    uint32_t turn = grammar_then(c->builder, comma, element(c, bases, first_other));
    return grammar_repeat(c->builder, turn, min, max);
}

/* All elements, before the last bracket. */
static uint32_t elements(struct schema_compiler *c, const struct conjunction *bases, size_t n_prefix, uint32_t min,
                         uint32_t max)
{
    struct grammar_builder *b = c->builder;
    uint32_t comma = grammar_then(b, grammar_literal(b, STR(",")), c->space), tail = GRAMMAR_EMPTY;
    uint32_t prefix = n_prefix ? (uint32_t)n_prefix : 1; /* the first element is special by having no comma */
    if (max > prefix)
        tail = others(c, bases, n_prefix, comma, min > prefix ? min - prefix : 0,
                      max == GRAMMAR_MANY ? max : max - prefix);
    else if (min > prefix)
        tail = GRAMMAR_NOTHING;
    for (uint32_t i = prefix; i-- > 1;) {
        uint32_t here = i < max ? grammar_seq(b, (uint32_t[]){comma, element(c, bases, i), tail}, 3) : GRAMMAR_NOTHING;
        tail = i < min ? here : grammar_or(b, GRAMMAR_EMPTY, here);
    }
    uint32_t all = max ? grammar_seq(b, (uint32_t[]){element(c, bases, 0), tail, c->space}, 3) : GRAMMAR_NOTHING;
    return min ? all : grammar_or(b, GRAMMAR_EMPTY, all);
}

uint32_t schema_array(struct schema_compiler *c, const struct conjunction *bases)
{
    struct grammar_builder *b = c->builder;
    uint32_t min = 0, max = GRAMMAR_MANY;
    size_t n_prefix = 0;
    for (size_t i = 0; i < bases->n; i++) {
        const json_t *schema = bases->parts[i].schema;
        uint32_t own_min = schema_count(json_object_get(schema, "minItems"), 0);
        uint32_t own_max = schema_count(json_object_get(schema, "maxItems"), GRAMMAR_MANY);
        size_t own_prefix = json_array_size(json_object_get(schema, "prefixItems"));
        if (own_min > MAX_MIN_ITEMS)
            return schema_fail(c, schema, "minItems: %u, want at most %d", own_min, MAX_MIN_ITEMS);
        min = own_min > min ? own_min : min;
        max = own_max < max ? own_max : max;
        n_prefix = own_prefix > n_prefix ? own_prefix : n_prefix;
    }
    if (min > max || !check_unique(c, bases, max))
        return GRAMMAR_NOTHING;
    uint32_t parts[] = {grammar_literal(b, STR("[")), c->space, elements(c, bases, n_prefix, min, max),
                        grammar_literal(b, STR("]"))};
    return grammar_seq(b, parts, 4);
}
