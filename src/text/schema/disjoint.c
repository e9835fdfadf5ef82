/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether two conjunctions can match the same value: what oneOf must not do. Only what is certain counts: other types,
 * other values, numbers apart, strings or arrays of other lengths, patterns that exclude each other, a property that
 * both must have and that is disjoint, or that one must have and the other may not.
 */
#include "text/schema/schema.h"

enum { MAX_DEPTH = 12, MAX_COMPARED = 100000 };

static bool disjoint(struct schema_compiler *c, const struct conjunction *a, const struct conjunction *b,
                     unsigned depth);

/* `all` with part `group` replaced by a branch of it. */
static bool with_branch(struct schema_compiler *c, const struct conjunction *all, size_t group, const json_t *branch,
                        struct conjunction *out)
{
    *out = (struct conjunction){0};
    for (size_t i = 0; i < all->n; i++)
        if (!conjunction_add(c, out, i == group ? branch : all->parts[i].schema,
                             i == group ? PART_WHOLE : all->parts[i].kind))
            return false;
    return true;
}

/* Whether `b` is disjoint from every branch of a group of `a`. */
static bool all_branches(struct schema_compiler *c, const struct conjunction *a, size_t group,
                         const struct conjunction *b, unsigned depth)
{
    struct schema_part part = a->parts[group];
    const json_t *branches = json_object_get(part.schema, part.kind == PART_ONE_OF ? "oneOf" : "anyOf");
    bool apart = true;
    for (size_t i = 0; i < json_array_size(branches) && apart; i++) {
        struct conjunction chosen;
        apart = with_branch(c, a, group, json_array_get(branches, i), &chosen) && disjoint(c, &chosen, b, depth + 1);
        conjunction_clear(&chosen);
    }
    return apart;
}

static size_t find_group(const struct conjunction *parts)
{
    size_t group = 0;
    while (group < parts->n && parts->parts[group].kind == PART_BASE)
        group++;
    return group;
}

/* A base with enum or const, or NULL. */
static const json_t *valued(const struct conjunction *bases)
{
    for (size_t i = 0; i < bases->n; i++)
        if (json_object_get(bases->parts[i].schema, "const") || json_object_get(bases->parts[i].schema, "enum"))
            return bases->parts[i].schema;
    return NULL;
}

static bool same(const json_t *x, const json_t *y)
{
    if (json_is_number(x) && json_is_number(y))
        return json_number_value(x) == json_number_value(y);
    return json_equal(x, y);
}

static const json_t *value_at(const json_t *schema, size_t i)
{
    const json_t *one = json_object_get(schema, "const");
    return one ? i == 0 ? one : NULL : json_array_get(json_object_get(schema, "enum"), i);
}

static bool values_apart(const json_t *a, const json_t *b)
{
    for (size_t i = 0; a && b && value_at(a, i); i++)
        for (size_t k = 0; value_at(b, k); k++)
            if (same(value_at(a, i), value_at(b, k)))
                return false;
    return a && b;
}

/* The types that bases leave, by type and by the values they spell out. */
static unsigned types_of(const struct conjunction *bases)
{
    unsigned types = schema_types(bases);
    const json_t *schema = valued(bases);
    unsigned of_values = 0;
    for (size_t i = 0; schema && value_at(schema, i); i++)
        of_values |= schema_type_of(value_at(schema, i));
    return schema ? types & of_values : types;
}

static bool numbers_apart(const struct conjunction *a, const struct conjunction *b)
{
    struct number_bounds x = schema_bounds(a), y = schema_bounds(b);
    int above = x.has_low && y.has_high ? decimal_compare(&x.low, &y.high) : -1;
    int below = y.has_low && x.has_high ? decimal_compare(&y.low, &x.high) : -1;
    return above > 0 || below > 0 || (above == 0 && (x.open_low || y.open_high)) ||
           (below == 0 && (y.open_low || x.open_high));
}

/* Whether what one must have at least is more than the other may have. */
static bool counts_apart(const struct conjunction *a, const struct conjunction *b, const char *min, const char *max)
{
    const struct conjunction *sides[2] = {a, b};
    uint32_t low[2] = {0, 0}, high[2] = {GRAMMAR_MANY, GRAMMAR_MANY};
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < sides[side]->n; i++) {
            uint32_t least = schema_count(json_object_get(sides[side]->parts[i].schema, min), 0);
            uint32_t most = schema_count(json_object_get(sides[side]->parts[i].schema, max), GRAMMAR_MANY);
            low[side] = least > low[side] ? least : low[side];
            high[side] = most < high[side] ? most : high[side];
        }
    return low[0] > high[1] || low[1] > high[0];
}

static bool requires(const struct conjunction *bases, struct str name)
{
    for (size_t i = 0; i < bases->n; i++) {
        const json_t *required = json_object_get(bases->parts[i].schema, "required");
        for (size_t k = 0; k < json_array_size(required); k++)
            if (str_eq(json_span(json_array_get(required, k)), name))
                return true;
    }
    return false;
}

/* Whether some base has no place for a property. */
static bool forbids(const struct conjunction *bases, struct str name)
{
    for (size_t i = 0; i < bases->n; i++) {
        const json_t *schema = bases->parts[i].schema;
        const json_t *own = json_object_getn(json_object_get(schema, "properties"), name.ptr, name.len);
        if (json_is_false(own) || (!own && json_is_false(json_object_get(schema, "additionalProperties")) &&
                                   !json_object_get(schema, "patternProperties")))
            return true;
    }
    return false;
}

static bool property_of(struct schema_compiler *c, const struct conjunction *bases, struct str name,
                        struct conjunction *out)
{
    *out = (struct conjunction){0};
    for (size_t i = 0; i < bases->n; i++) {
        const json_t *properties = json_object_get(bases->parts[i].schema, "properties");
        const json_t *own = json_object_getn(properties, name.ptr, name.len);
        if (own && !conjunction_add(c, out, own, PART_WHOLE))
            return false;
    }
    return true;
}

/* Whether a property that `a` must have keeps it from `b`. */
static bool property_apart(struct schema_compiler *c, const struct conjunction *a, const struct conjunction *b,
                           struct str name, unsigned depth)
{
    if (forbids(b, name))
        return true;
    if (!requires(b, name))
        return false;
    struct conjunction x, y = {0};
    bool apart = property_of(c, a, name, &x) && property_of(c, b, name, &y) && disjoint(c, &x, &y, depth + 1);
    conjunction_clear(&x);
    conjunction_clear(&y);
    return apart;
}

static bool objects_apart(struct schema_compiler *c, const struct conjunction *a, const struct conjunction *b,
                          unsigned depth)
{
    for (size_t i = 0; i < a->n; i++) {
        const json_t *required = json_object_get(a->parts[i].schema, "required");
        for (size_t k = 0; k < json_array_size(required); k++)
            if (property_apart(c, a, b, json_span(json_array_get(required, k)), depth))
                return true;
    }
    return false;
}

static bool bases_apart(struct schema_compiler *c, const struct conjunction *a, const struct conjunction *b,
                        unsigned depth)
{
    unsigned shared = types_of(a) & types_of(b);
    if (!shared || values_apart(valued(a), valued(b)))
        return true;
    if (shared & (TYPE_NULL | TYPE_BOOLEAN))
        return false;
    if ((shared & TYPE_STRING) && !schema_strings_apart(c, a, b))
        return false;
    if ((shared & TYPE_ARRAY) && !counts_apart(a, b, "minItems", "maxItems"))
        return false;
    if ((shared & (TYPE_NUMBER | TYPE_INTEGER)) && !numbers_apart(a, b))
        return false;
    return !(shared & TYPE_OBJECT) || objects_apart(c, a, b, depth) || objects_apart(c, b, a, depth);
}

static bool disjoint(struct schema_compiler *c, const struct conjunction *a, const struct conjunction *b,
                     unsigned depth)
{
    struct conjunction x = {0}, y = {0};
    bool possible_x, possible_y, apart = false;
    if (depth < MAX_DEPTH && c->n_compared++ < MAX_COMPARED && schema_spread(c, a, &x, &possible_x) &&
        schema_spread(c, b, &y, &possible_y)) {
        if (!possible_x || !possible_y)
            apart = true;
        else if (find_group(&x) < x.n)
            apart = all_branches(c, &x, find_group(&x), &y, depth);
        else if (find_group(&y) < y.n)
            apart = all_branches(c, &y, find_group(&y), &x, depth);
        else
            apart = bases_apart(c, &x, &y, depth);
    }
    conjunction_clear(&x);
    conjunction_clear(&y);
    return apart;
}

bool schema_disjoint(struct schema_compiler *c, const struct conjunction *a, const struct conjunction *b)
{
    return disjoint(c, a, b, 0);
}
