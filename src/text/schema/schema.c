/* SPDX-License-Identifier: Apache-2.0
 *
 * Conjunctions of schemas become rules, one after the other, without recursion.
 */
#include "text/schema/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "text/grammar/parts.h"

enum { MAX_TEXT_BYTES = 1 << 20, MAX_JOBS = 20000, MAX_PARTS = 1000, MAX_SPREAD_DEPTH = 200, MAX_INDENT = 128 };

uint32_t schema_fail(struct schema_compiler *c, const json_t *schema, const char *format, ...)
{
    struct buf pointer = {.limit = 200};
    char text[240];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    schema_pointer(c->root, schema, &pointer);
    int shown = pointer.len ? (int)pointer.len : 1;
    const char *place = pointer.len ? pointer.ptr : "/";
    if (!c->builder->failed)
        grammar_fail(c->builder, HOB_FORMAT, "schema: %.*s: %s", shown, place, text);
    else if (strncmp(c->builder->error.text, "schema: ", 8) != 0)
        error_prefix(&c->builder->error, "schema: %.*s", shown, place);
    buf_clear(&pointer);
    return GRAMMAR_NOTHING;
}

/* ---- conjunctions ---- */

bool conjunction_add(struct schema_compiler *c, struct conjunction *to, const json_t *schema,
                     enum schema_part_kind kind)
{
    for (size_t i = 0; i < to->n; i++)
        if (to->parts[i].schema == schema && to->parts[i].kind == kind)
            return true;
    if (to->n == MAX_PARTS) {
        grammar_fail(c->builder, HOB_LIMIT, "schema: more than %d schemas at one place", MAX_PARTS);
        return false;
    }
    if (to->n == to->cap) {
        size_t cap = to->cap ? to->cap * 2 : 4;
        struct schema_part *parts = realloc(to->parts, cap * sizeof *parts);
        if (!parts) {
            grammar_fail(c->builder, HOB_LIMIT, "no memory for a schema");
            return false;
        }
        to->parts = parts;
        to->cap = cap;
    }
    to->parts[to->n++] = (struct schema_part){schema, kind};
    return true;
}

void conjunction_clear(struct conjunction *conjunction)
{
    free(conjunction->parts);
    *conjunction = (struct conjunction){0};
}

static bool conjunction_copy(struct schema_compiler *c, const struct conjunction *from, struct conjunction *to)
{
    *to = (struct conjunction){0};
    for (size_t i = 0; i < from->n; i++)
        if (!conjunction_add(c, to, from->parts[i].schema, from->parts[i].kind))
            return false;
    return true;
}

/* ---- spreading ---- */

struct spread {
    struct schema_compiler *c;
    struct conjunction *to;
    bool possible;
    const json_t *open[MAX_SPREAD_DEPTH]; /* schemas that are being spread, to see loops */
    size_t depth;
};

static bool spread_one(struct spread *s, const json_t *schema);

static bool spread_keyword(struct spread *s, const json_t *schema, const char *key, const json_t *value)
{
    if (strcmp(key, "$ref") == 0) {
        const json_t *target = schema_resolve(s->c, schema);
        return target && spread_one(s, target);
    }
    if (strcmp(key, "allOf") == 0)
        for (size_t i = 0; i < json_array_size(value); i++)
            if (!spread_one(s, json_array_get(value, i)))
                return false;
    if (strcmp(key, "anyOf") == 0)
        return conjunction_add(s->c, s->to, schema, PART_ANY_OF);
    if (strcmp(key, "oneOf") == 0)
        return conjunction_add(s->c, s->to, schema, PART_ONE_OF);
    /* The base stands where its properties do, so that properties come in the order of the text. */
    if (strcmp(key, "properties") == 0)
        return conjunction_add(s->c, s->to, schema, PART_BASE);
    return true;
}

static bool spread_one(struct spread *s, const json_t *schema)
{
    if (json_is_boolean(schema)) {
        s->possible = s->possible && json_is_true(schema);
        return true;
    }
    if (!schema_check(s->c, schema))
        return false;
    for (size_t i = 0; i < s->depth; i++)
        if (s->open[i] == schema)
            return schema_fail(s->c, schema, "refers to itself without an end");
    /* What was spread already holds, however often it is named. */
    for (size_t i = 0; i < s->to->n; i++)
        if (s->to->parts[i].schema == schema && s->to->parts[i].kind == PART_BASE)
            return true;
    if (s->depth == MAX_SPREAD_DEPTH)
        return schema_fail(s->c, schema, "references lead on through more than %d schemas", MAX_SPREAD_DEPTH);
    s->open[s->depth++] = schema;
    void *iter = json_object_iter((json_t *)(uintptr_t)schema);
    for (; iter; iter = json_object_iter_next((json_t *)(uintptr_t)schema, iter))
        if (!spread_keyword(s, schema, json_object_iter_key(iter), json_object_iter_value(iter)))
            return false;
    s->depth--;
    return conjunction_add(s->c, s->to, schema, PART_BASE);
}

bool schema_spread(struct schema_compiler *c, const struct conjunction *from, struct conjunction *to, bool *possible)
{
    struct spread s = {.c = c, .to = to, .possible = true};
    *to = (struct conjunction){0};
    for (size_t i = 0; i < from->n; i++) {
        bool good = from->parts[i].kind == PART_WHOLE
                        ? spread_one(&s, from->parts[i].schema)
                        : conjunction_add(c, to, from->parts[i].schema, from->parts[i].kind);
        if (!good)
            return false;
    }
    *possible = s.possible;
    return true;
}

/* ---- rules ---- */

uint32_t schema_rule(struct schema_compiler *c, const struct conjunction *conjunction)
{
    if (grammar_failed(c->builder))
        return GRAMMAR_NOTHING;
    size_t n = conjunction->n * 2;
    uintptr_t *key = arena_array(&c->arena, n + 1, sizeof *key);
    for (size_t i = 0; key && i < conjunction->n; i++) {
        key[2 * i] = (uintptr_t)conjunction->parts[i].schema;
        key[2 * i + 1] = conjunction->parts[i].kind;
    }
    struct str name = {(const char *)key, n * sizeof *key};
    uint32_t rule = key ? map_get(&c->rules, name) : MAP_NONE;
    if (rule != MAP_NONE)
        return rule;
    if (c->n_jobs == MAX_JOBS)
        return grammar_fail(c->builder, HOB_LIMIT, "schema: more than %d combinations of schemas", MAX_JOBS);
    if (c->n_jobs == c->cap_jobs) {
        size_t cap = c->cap_jobs ? c->cap_jobs * 2 : 64;
        struct schema_job *jobs = realloc(c->jobs, cap * sizeof *jobs);
        c->jobs = jobs ? jobs : c->jobs;
        c->cap_jobs = jobs ? cap : c->cap_jobs;
    }
    rule = grammar_rule(c->builder, STR("of a schema"));
    if (!key || c->n_jobs == c->cap_jobs || !map_add(&c->rules, name, rule, NULL))
        return grammar_fail(c->builder, HOB_LIMIT, "no memory for a schema");
    struct schema_job *job = &c->jobs[c->n_jobs++];
    job->rule = rule;
    conjunction_copy(c, conjunction, &job->conjunction);
    return rule;
}

uint32_t schema_made(const struct schema_compiler *c, const struct buf *key)
{
    return key->failed ? MAP_NONE : map_get(&c->made, buf_view(key));
}

uint32_t schema_remember(struct schema_compiler *c, const struct buf *key, uint32_t part)
{
    char *kept = grammar_failed(c->builder) || key->failed ? NULL : arena_alloc(&c->arena, key->len);
    if (!kept)
        return part;
    memcpy(kept, key->ptr, key->len);
    map_add(&c->made, (struct str){kept, key->len}, part, NULL);
    return part;
}

/* ---- choices ---- */

/* `all` with part `group` replaced by one of its branches. */
static bool choose(struct schema_compiler *c, const struct conjunction *all, size_t group, const json_t *branch,
                   struct conjunction *out)
{
    *out = (struct conjunction){0};
    for (size_t i = 0; i < all->n; i++)
        if (!conjunction_add(c, out, i == group ? branch : all->parts[i].schema,
                             i == group ? PART_WHOLE : all->parts[i].kind))
            return false;
    return true;
}

/* Refuses branches of a oneOf that may both match. */
static bool check_one_of(struct schema_compiler *c, const struct conjunction *all, size_t group, const json_t *branches)
{
    size_t n = json_array_size(branches);
    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++) {
            struct conjunction a = {0}, b = {0};
            bool apart = choose(c, all, group, json_array_get(branches, i), &a) &&
                         choose(c, all, group, json_array_get(branches, k), &b) && schema_disjoint(c, &a, &b);
            conjunction_clear(&a);
            conjunction_clear(&b);
            if (!apart && !grammar_failed(c->builder))
                schema_fail(c, all->parts[group].schema,
                            "oneOf: branches %zu and %zu may both match; anyOf would do, or a property that tells them "
                            "apart",
                            i, k);
            if (!apart)
                return false;
        }
    return true;
}

static uint32_t compile_group(struct schema_compiler *c, const struct conjunction *all, size_t group)
{
    struct schema_part part = all->parts[group];
    const json_t *branches = json_object_get(part.schema, part.kind == PART_ONE_OF ? "oneOf" : "anyOf");
    if (part.kind == PART_ONE_OF && !check_one_of(c, all, group, branches))
        return GRAMMAR_NOTHING;
    uint32_t ways = GRAMMAR_NOTHING;
    size_t n = json_array_size(branches);
    uint32_t *parts = malloc((n + 1) * sizeof *parts);
    if (!parts)
        return grammar_fail(c->builder, HOB_LIMIT, "no memory for a schema");
    for (size_t i = 0; i < n; i++) {
        struct conjunction chosen;
        parts[i] =
            choose(c, all, group, json_array_get(branches, i), &chosen) ? schema_rule(c, &chosen) : GRAMMAR_NOTHING;
        conjunction_clear(&chosen);
    }
    ways = grammar_alt(c->builder, parts, n);
    free(parts);
    return ways;
}

/* ---- by type ---- */

static unsigned type_bit(struct str name)
{
    static const char *const names[] = {"null", "boolean", "object", "array", "string", "integer"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(name, str_of(names[i])))
            return 1u << i;
    return TYPE_NUMBER | TYPE_INTEGER;
}

unsigned schema_types(const struct conjunction *bases)
{
    unsigned types = TYPE_ALL;
    for (size_t i = 0; i < bases->n; i++) {
        const json_t *type = json_object_get(bases->parts[i].schema, "type");
        unsigned own = 0;
        if (json_is_string(type))
            own = type_bit(json_span(type));
        for (size_t k = 0; k < json_array_size(type); k++)
            own |= type_bit(json_span(json_array_get(type, k)));
        types &= type ? own : TYPE_ALL;
    }
    return types;
}

static bool has_values(const struct conjunction *bases)
{
    for (size_t i = 0; i < bases->n; i++)
        if (json_object_get(bases->parts[i].schema, "enum") || json_object_get(bases->parts[i].schema, "const"))
            return true;
    return false;
}

static uint32_t compile_bases(struct schema_compiler *c, const struct conjunction *bases)
{
    struct grammar_builder *b = c->builder;
    unsigned types = schema_types(bases);
    if (has_values(bases))
        return schema_enum(c, bases, types);
    uint32_t ways[8];
    size_t n = 0;
    if (types & TYPE_OBJECT)
        ways[n++] = schema_object(c, bases);
    if (types & TYPE_ARRAY)
        ways[n++] = schema_array(c, bases);
    if (types & TYPE_STRING)
        ways[n++] = schema_string(c, bases);
    if (types & TYPE_INTEGER)
        ways[n++] = schema_number(c, bases, !(types & TYPE_NUMBER));
    if (types & TYPE_BOOLEAN)
        ways[n++] = grammar_choices(b, (struct str[]){STR("true"), STR("false")}, 2);
    if (types & TYPE_NULL)
        ways[n++] = grammar_literal(b, STR("null"));
    return grammar_alt(b, ways, n);
}

static uint32_t compile(struct schema_compiler *c, const struct conjunction *conjunction)
{
    struct conjunction parts;
    bool possible;
    uint32_t node = GRAMMAR_NOTHING;
    if (schema_spread(c, conjunction, &parts, &possible) && possible) {
        size_t group = 0;
        while (group < parts.n && parts.parts[group].kind == PART_BASE)
            group++;
        node = group < parts.n ? compile_group(c, &parts, group) : compile_bases(c, &parts);
    }
    conjunction_clear(&parts);
    return node;
}

/* ---- the whole ---- */

/* At most one space, or one line end and an indentation: models cannot lose themselves in white space. */
static uint32_t make_space(struct grammar_builder *b)
{
    uint32_t blank = grammar_choices(b, (struct str[]){STR(" "), STR("\t")}, 2);
    uint32_t line = grammar_then(b, grammar_literal(b, STR("\n")), grammar_repeat(b, blank, 0, MAX_INDENT));
    return grammar_alt(b, (uint32_t[]){GRAMMAR_EMPTY, grammar_literal(b, STR(" ")), line}, 3);
}

uint32_t schema_grammar(struct grammar_builder *builder, const json_t *schema)
{
    struct schema_compiler c = {.builder = builder, .root = schema};
    struct code_set all = {0};
    struct conjunction whole = {0};
    code_set_add(&all, 0, CODE_MAX);
    c.space = make_space(builder);
    c.character = grammar_json_char(builder, &all);
    uint32_t root = GRAMMAR_NOTHING;
    if (conjunction_add(&c, &whole, schema, PART_WHOLE))
        root = schema_rule(&c, &whole);
    for (size_t i = 0; i < c.n_jobs && !grammar_failed(builder); i++) {
        struct conjunction conjunction = c.jobs[i].conjunction; /* jobs move as they are added */
        uint32_t node = compile(&c, &conjunction);
        grammar_define(builder, c.jobs[i].rule, node);
    }
    for (size_t i = 0; i < c.n_jobs; i++)
        conjunction_clear(&c.jobs[i].conjunction);
    conjunction_clear(&whole);
    code_set_clear(&all);
    free(c.jobs);
    map_clear(&c.rules);
    map_clear(&c.checked);
    map_clear(&c.made);
    arena_clear(&c.arena);
    return root;
}

struct grammar *constraint_schema(const json_t *schema, struct hob_error *err)
{
    struct grammar_builder *builder = grammar_begin(err);
    return builder ? grammar_finish(builder, schema_grammar(builder, schema), err) : NULL;
}

struct grammar *constraint_schema_text(struct str text, const char *name, struct hob_error *err)
{
    if (text.len > MAX_TEXT_BYTES) {
        error_set(err, HOB_LIMIT, "%s: %zu bytes, want at most %d", name, text.len, MAX_TEXT_BYTES);
        return NULL;
    }
    json_t *schema = json_read(text, name, err);
    struct grammar *grammar = schema ? constraint_schema(schema, err) : NULL;
    json_decref(schema);
    return grammar;
}

struct grammar *constraint_json_object(struct hob_error *err)
{
    json_t *schema = json_pack("{s:s}", "type", "object");
    struct grammar *grammar = schema ? constraint_schema(schema, err) : NULL;
    if (!schema)
        error_memory(err, sizeof *schema);
    json_decref(schema);
    return grammar;
}
