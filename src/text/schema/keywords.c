/* SPDX-License-Identifier: Apache-2.0
 *
 * The keywords of JSON Schema: what is known, what kind of value each wants, and where references lead.
 */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "text/schema/schema.h"

enum value_kind {
    VALUE_ANY,
    VALUE_STRING,
    VALUE_BOOLEAN,
    VALUE_NUMBER,
    VALUE_COUNT, /* an integer from 0 on */
    VALUE_SCHEMA,
    VALUE_SCHEMAS, /* an array of them, not empty */
    VALUE_SCHEMA_MAP,
    VALUE_STRINGS,
    VALUE_LIST,
    VALUE_TYPE,
    VALUE_REFUSED
};

static const struct keyword {
    const char *name;
    enum value_kind kind;
} keywords[] = {
    {"type", VALUE_TYPE},
    {"properties", VALUE_SCHEMA_MAP},
    {"required", VALUE_STRINGS},
    {"additionalProperties", VALUE_SCHEMA},
    {"patternProperties", VALUE_SCHEMA_MAP},
    {"minProperties", VALUE_COUNT},
    {"maxProperties", VALUE_COUNT},
    {"items", VALUE_SCHEMA},
    {"prefixItems", VALUE_SCHEMAS},
    {"minItems", VALUE_COUNT},
    {"maxItems", VALUE_COUNT},
    {"uniqueItems", VALUE_BOOLEAN},
    {"enum", VALUE_LIST},
    {"const", VALUE_ANY},
    {"pattern", VALUE_STRING},
    {"format", VALUE_STRING},
    {"minLength", VALUE_COUNT},
    {"maxLength", VALUE_COUNT},
    {"minimum", VALUE_NUMBER},
    {"maximum", VALUE_NUMBER},
    {"exclusiveMinimum", VALUE_NUMBER},
    {"exclusiveMaximum", VALUE_NUMBER},
    {"multipleOf", VALUE_NUMBER},
    {"anyOf", VALUE_SCHEMAS},
    {"oneOf", VALUE_SCHEMAS},
    {"allOf", VALUE_SCHEMAS},
    {"$ref", VALUE_STRING},
    {"$defs", VALUE_SCHEMA_MAP},
    {"definitions", VALUE_SCHEMA_MAP},
    /* Notes, which no value can break. */
    {"$schema", VALUE_STRING},
    {"$id", VALUE_STRING},
    {"$anchor", VALUE_STRING},
    {"$comment", VALUE_STRING},
    {"title", VALUE_STRING},
    {"description", VALUE_STRING},
    {"default", VALUE_ANY},
    {"example", VALUE_ANY},
    {"examples", VALUE_ANY},
    {"deprecated", VALUE_BOOLEAN},
    {"readOnly", VALUE_BOOLEAN},
    {"writeOnly", VALUE_BOOLEAN},
    {"contentEncoding", VALUE_STRING},
    {"contentMediaType", VALUE_STRING},
};

static bool is_schema(const json_t *value)
{
    return json_is_object(value) || json_is_boolean(value);
}

static bool all_schemas(const json_t *map)
{
    void *iter = json_object_iter((json_t *)(uintptr_t)map);
    for (; iter; iter = json_object_iter_next((json_t *)(uintptr_t)map, iter))
        if (!is_schema(json_object_iter_value(iter)))
            return false;
    return json_is_object(map);
}

static bool is_type(const json_t *value)
{
    static const char *const names[] = {"null", "boolean", "object", "array", "string", "integer", "number"};
    for (size_t i = 0; json_is_string(value) && i < sizeof names / sizeof *names; i++)
        if (str_eq(json_span(value), str_of(names[i])))
            return true;
    return false;
}

static bool all_of(const json_t *list, bool (*holds)(const json_t *))
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!holds(json_array_get(list, i)))
            return false;
    return json_is_array(list);
}

static bool is_string(const json_t *value)
{
    return json_is_string(value);
}

static bool is_count(const json_t *value)
{
    double number = json_number_value(value);
    return json_is_number(value) && number >= 0 && number == floor(number);
}

/* NULL if the value is of the kind, else what is wanted. */
static const char *mismatch(const json_t *value, enum value_kind kind)
{
    switch (kind) {
    case VALUE_ANY:
    case VALUE_REFUSED:
        break;
    case VALUE_STRING:
        return json_is_string(value) ? NULL : "a string";
    case VALUE_BOOLEAN:
        return json_is_boolean(value) ? NULL : "true or false";
    case VALUE_NUMBER:
        return json_is_number(value) && isfinite(json_number_value(value)) ? NULL : "a number";
    case VALUE_COUNT:
        return is_count(value) ? NULL : "an integer from 0 on";
    case VALUE_SCHEMA:
        return is_schema(value) ? NULL : "a schema";
    case VALUE_SCHEMAS:
        return all_of(value, is_schema) && json_array_size(value) ? NULL : "an array of schemas";
    case VALUE_SCHEMA_MAP:
        return all_schemas(value) ? NULL : "an object of schemas";
    case VALUE_STRINGS:
        return all_of(value, is_string) ? NULL : "an array of strings";
    case VALUE_LIST:
        return json_is_array(value) ? NULL : "an array";
    case VALUE_TYPE:
        return is_type(value) || (all_of(value, is_type) && json_array_size(value))
                   ? NULL
                   : "a type (null, boolean, object, array, string, integer, number) or an array of them";
    }
    return NULL;
}

static bool check_keyword(struct schema_compiler *c, const json_t *schema, const char *name, const json_t *value)
{
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if (strcmp(keywords[i].name, name) != 0)
            continue;
        uint32_t max;
        const char *wanted = mismatch(value, keywords[i].kind);
        if (!wanted && strcmp(name, "format") == 0 && !schema_format(json_span(value), &max))
            wanted = "a format that is known (date, time, date-time, duration, email, hostname, ipv4, ipv6, uuid, uri)";
        if (wanted)
            schema_fail(c, schema, "%s: want %s", name, wanted);
        return !wanted;
    }
    schema_fail(c, schema, "keyword \"%.60s\" is not supported", name);
    return false;
}

bool schema_check(struct schema_compiler *c, const json_t *schema)
{
    bool existed;
    if (!is_schema(schema)) {
        schema_fail(c, schema, "want a schema, an object or a boolean");
        return false;
    }
    const json_t **key = arena_alloc(&c->arena, sizeof *key);
    if (!key) {
        grammar_fail(c->builder, HOB_LIMIT, "no memory for a schema");
        return false;
    }
    *key = schema;
    if (!map_add(&c->checked, (struct str){(const char *)key, sizeof *key}, 1, &existed)) {
        grammar_fail(c->builder, HOB_LIMIT, "no memory for a schema");
        return false;
    }
    void *iter = json_object_iter((json_t *)(uintptr_t)schema);
    for (; iter && !existed; iter = json_object_iter_next((json_t *)(uintptr_t)schema, iter))
        if (!check_keyword(c, schema, json_object_iter_key(iter), json_object_iter_value(iter)))
            return false;
    if (!existed && schema != c->root && json_object_get(schema, "$id")) {
        schema_fail(c, schema, "keyword \"$id\" is supported at the root only");
        return false;
    }
    return !grammar_failed(c->builder);
}

uint32_t schema_count(const json_t *value, uint32_t none)
{
    double number = json_number_value(value);
    return !value ? none : number < GRAMMAR_MANY ? (uint32_t)number : GRAMMAR_MANY;
}

/* ---- places ---- */

static void add_step(struct buf *out, struct str step)
{
    buf_byte(out, '/');
    for (size_t i = 0; i < step.len; i++) {
        if (step.ptr[i] == '~' || step.ptr[i] == '/')
            buf_str(out, step.ptr[i] == '~' ? STR("~0") : STR("~1"));
        else
            buf_byte(out, step.ptr[i]);
    }
}

/* Depth is bounded by that of JSON. */
static bool find(const json_t *at, const json_t *value, struct buf *out)
{
    size_t before = out->len;
    if (at == value)
        return true;
    void *iter = json_is_object(at) ? json_object_iter((json_t *)(uintptr_t)at) : NULL;
    for (; iter; iter = json_object_iter_next((json_t *)(uintptr_t)at, iter)) {
        add_step(out, (struct str){json_object_iter_key(iter), json_object_iter_key_len(iter)});
        if (find(json_object_iter_value(iter), value, out))
            return true;
        out->len = before;
        out->failed = false;
    }
    for (size_t i = 0; i < json_array_size(at); i++) {
        buf_format(out, "/%zu", i);
        if (find(json_array_get(at, i), value, out))
            return true;
        out->len = before;
        out->failed = false;
    }
    return false;
}

void schema_pointer(const json_t *root, const json_t *value, struct buf *out)
{
    if (!find(root, value, out))
        out->len = 0;
}

/* ---- references ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* One step of a pointer in a URI fragment: %41 and ~0, ~1 decoded. */
static void read_step(struct str pointer, size_t *at, struct buf *step)
{
    step->len = 0;
    for (; *at < pointer.len && pointer.ptr[*at] != '/'; ++*at) {
        char c = pointer.ptr[*at];
        if (c == '%' && *at + 2 < pointer.len && hex_digit(pointer.ptr[*at + 1]) >= 0 &&
            hex_digit(pointer.ptr[*at + 2]) >= 0) {
            c = (char)(hex_digit(pointer.ptr[*at + 1]) << 4 | hex_digit(pointer.ptr[*at + 2]));
            *at += 2;
        }
        if (c == '~' && *at + 1 < pointer.len && (pointer.ptr[*at + 1] == '0' || pointer.ptr[*at + 1] == '1'))
            c = pointer.ptr[++*at] == '0' ? '~' : '/';
        buf_byte(step, c);
    }
}

static const json_t *follow(const json_t *at, struct str pointer)
{
    struct buf step = {0};
    for (size_t i = 0; at && i < pointer.len;) {
        i++; /* the slash */
        read_step(pointer, &i, &step);
        char *end, *text = buf_text(&step);
        if (json_is_object(at)) {
            at = text ? json_object_getn(at, text, step.len) : NULL;
        } else {
            unsigned long index = text && step.len && *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 0;
            at = text && step.len && *text >= '0' && *text <= '9' && !*end ? json_array_get(at, index) : NULL;
        }
    }
    buf_clear(&step);
    return at;
}

static const json_t *find_anchor(const json_t *at, struct str name)
{
    if (json_is_object(at) && json_is_string(json_object_get(at, "$anchor")) &&
        str_eq(json_span(json_object_get(at, "$anchor")), name))
        return at;
    const json_t *found = NULL;
    void *iter = json_is_object(at) ? json_object_iter((json_t *)(uintptr_t)at) : NULL;
    for (; iter && !found; iter = json_object_iter_next((json_t *)(uintptr_t)at, iter))
        found = find_anchor(json_object_iter_value(iter), name);
    for (size_t i = 0; i < json_array_size(at) && !found; i++)
        found = find_anchor(json_array_get(at, i), name);
    return found;
}

const json_t *schema_resolve(struct schema_compiler *c, const json_t *schema)
{
    struct str ref = json_span(json_object_get(schema, "$ref")), id = json_span(json_object_get(c->root, "$id"));
    int shown = ref.len < 100 ? (int)ref.len : 100;
    if (id.len && id.ptr[id.len - 1] == '#')
        id.len--;
    if (id.len && str_starts(ref, id) && (ref.len == id.len || ref.ptr[id.len] == '#'))
        ref = str_from(ref, id.len);
    if (ref.len && ref.ptr[0] != '#') {
        schema_fail(c, schema, "$ref \"%.*s\": only references within the schema are followed", shown, ref.ptr);
        return NULL;
    }
    struct str fragment = {ref.ptr + (ref.len > 0), ref.len ? ref.len - 1 : 0};
    const json_t *target = fragment.len == 0        ? c->root
                           : fragment.ptr[0] == '/' ? follow(c->root, fragment)
                                                    : find_anchor(c->root, fragment);
    if (!target || !is_schema(target)) {
        schema_fail(c, schema, "$ref \"%.*s\" leads to no schema", shown, ref.ptr);
        return NULL;
    }
    return target;
}
