/* SPDX-License-Identifier: Apache-2.0
 *
 * Schemas of arguments, for formats that do not write them as JSON: what such a format can hold a model to, and what is
 * refused by name.
 */
#include <stdlib.h>

#include "base/error.h"
#include "text/reply/format.h"
#include "text/reply/grammar.h"

enum { MAX_REFERENCES = 16 };

/* Keywords that say more than a type does, and the types they speak of (REPLY_ANY: of any). */
static const struct {
    const char *name;
    unsigned types;
} keywords[] = {
    {"enum", REPLY_ANY},
    {"const", REPLY_ANY},
    {"anyOf", REPLY_ANY},
    {"oneOf", REPLY_ANY},
    {"allOf", REPLY_ANY},
    {"$ref", REPLY_ANY},
    {"pattern", REPLY_STRING},
    {"format", REPLY_STRING},
    {"minLength", REPLY_STRING},
    {"maxLength", REPLY_STRING},
    {"minimum", REPLY_NUMBER},
    {"maximum", REPLY_NUMBER},
    {"exclusiveMinimum", REPLY_NUMBER},
    {"exclusiveMaximum", REPLY_NUMBER},
    {"multipleOf", REPLY_NUMBER},
    {"items", REPLY_ARRAY},
    {"prefixItems", REPLY_ARRAY},
    {"minItems", REPLY_ARRAY},
    {"maxItems", REPLY_ARRAY},
    {"uniqueItems", REPLY_ARRAY},
    {"properties", REPLY_OBJECT},
    {"required", REPLY_OBJECT},
    {"additionalProperties", REPLY_OBJECT},
    {"patternProperties", REPLY_OBJECT},
    {"minProperties", REPLY_OBJECT},
    {"maxProperties", REPLY_OBJECT},
};

const char *reply_schema_says(const json_t *schema, const char *but, unsigned types)
{
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if ((keywords[i].types & types) && json_object_get(schema, keywords[i].name) &&
            !(but && strcmp(keywords[i].name, but) == 0))
            return keywords[i].name;
    return NULL;
}

uint32_t reply_schema_refuse(struct reply_grammar *g, const char *keyword)
{
    return grammar_fail(g->builder, HOB_FORMAT, "%s: cannot be honoured in arguments that are not JSON", keyword);
}

const json_t *reply_schema_follow(struct reply_grammar *g, const struct reply_tool *tool, const json_t *schema)
{
    for (int i = 0;; i++) {
        const json_t *reference = json_object_get(schema, "$ref"), *all = json_object_get(schema, "allOf");
        const char *kind = reference ? "$ref" : "allOf", *more = reply_schema_says(schema, kind, REPLY_ANY);
        if (!reference && json_array_size(all) != 1)
            return schema;
        if (more || i == MAX_REFERENCES) {
            reply_schema_refuse(g, more ? more : kind);
            return NULL;
        }
        schema = reference ? reply_schema_resolve(tool->schema, json_span(reference)) : json_array_get(all, 0);
    }
}

/* Whether a list of names holds this one. */
static bool is_listed(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_eq(json_span(json_array_get(list, i)), str_of(name)))
            return true;
    return false;
}

/* What keeps an object of this schema from being written member by member, or NULL. */
static const char *refused(const json_t *schema, size_t n_members, size_t n_required)
{
    const json_t *low = json_object_get(schema, "minProperties"), *high = json_object_get(schema, "maxProperties");
    if (json_object_size(json_object_get(schema, "patternProperties")))
        return "patternProperties";
    if (low && json_number_value(low) > (double)n_required)
        return "minProperties";
    return high && json_number_value(high) < (double)n_members ? "maxProperties" : NULL;
}

struct reply_member *reply_schema_members(struct reply_grammar *g, const json_t *schema, size_t *n)
{
    json_t *properties = json_object_get(schema, "properties"), *needed = json_object_get(schema, "required"), *value;
    json_t *others = json_object_get(schema, "additionalProperties");
    struct reply_member *members = calloc(json_object_size(properties) + json_array_size(needed) + 1, sizeof *members);
    const char *key;
    size_t i, n_required = 0;
    *n = 0;
    if (!members) {
        grammar_fail(g->builder, HOB_LIMIT, "no memory for a tool's arguments");
        return NULL;
    }
    json_object_foreach(properties, key, value)
    {
        bool required = is_listed(needed, key);
        if (required || !json_is_false(value))
            members[(*n)++] = (struct reply_member){key, value, required};
    }
    json_array_foreach(needed, i, value)
    {
        key = json_string_value(value);
        bool known = json_object_get(properties, key) != NULL;
        for (size_t k = 0; k < *n && !known; k++)
            known = strcmp(members[k].key, key) == 0;
        if (!known)
            members[(*n)++] = (struct reply_member){key, others, true};
    }
    for (i = 0; i < *n; i++)
        n_required += members[i].required;
    const char *what = refused(schema, *n, n_required);
    if (what)
        reply_schema_refuse(g, what);
    return members;
}

uint32_t reply_schema_typed(struct reply_grammar *g, const struct reply_tool *tool, const json_t *schema,
                            const char *type)
{
    json_t *one = json_is_object(schema) ? json_copy((json_t *)schema) : json_object();
    json_object_set_new(one, "type", json_string(type));
    uint32_t part = schema_grammar(g->builder, reply_inner_schema(g, tool, one));
    json_decref(one);
    return part;
}
