/* SPDX-License-Identifier: Apache-2.0
 *
 * Grammars of arguments that are written as plain text.
 */
#include "base/error.h"
#include "text/reply_format.h"
#include "text/reply_grammar.h"
#include "text/schema.h"

const json_t *reply_inner_schema(struct reply_grammar *g, const struct reply_tool *tool, const json_t *inner)
{
    static const char *const shared[] = {"$defs", "definitions"};
    json_t *schema = json_is_object(inner) ? json_copy((json_t *)inner) : json_object();
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
        json_t *value = tool ? json_object_get(tool->schema, shared[i]) : NULL;
        if (value && !json_object_get(schema, shared[i]))
            json_object_set(schema, shared[i], value);
    }
    json_array_append_new(g->made, schema);
    return schema;
}

/* Adds what a regular expression finds to what `all` has. */
static struct automaton *and_search(struct grammar_builder *b, struct automaton *all, struct str pattern)
{
    struct automaton *one = automaton_search(b, pattern);
    return all ? automaton_both(b, all, one, false) : one;
}

/* The texts that hold `end` somewhere. */
static struct automaton *with_end(struct grammar_builder *b, const char *end)
{
    struct buf pattern = {0};
    for (; *end; end++)
        buf_format(&pattern, strchr("\\^$.|?*+()[]{}", *end) ? "\\%c" : "%c", *end);
    struct automaton *found = automaton_search(b, buf_view(&pattern));
    buf_clear(&pattern);
    return found;
}

/* Any text without the ends. */
static uint32_t any_text(struct reply_grammar *g, const char *const *ends)
{
    struct str marks[REPLY_MARKS];
    size_t n = 0;
    for (; ends[n] && n < REPLY_MARKS; n++)
        marks[n] = str_of(ends[n]);
    return grammar_without(g->builder, marks, n);
}

uint32_t reply_plain_string(struct reply_grammar *g, const json_t *schema, const char *const *ends)
{
    struct grammar_builder *b = g->builder;
    const json_t *pattern = json_object_get(schema, "pattern"), *format = json_object_get(schema, "format");
    uint32_t low = schema_count(json_object_get(schema, "minLength"), 0), most = GRAMMAR_MANY;
    uint32_t high = schema_count(json_object_get(schema, "maxLength"), GRAMMAR_MANY);
    struct automaton *all = NULL;
    if (pattern)
        all = and_search(b, all, json_span(pattern));
    if (format) {
        const char *known = schema_format(json_span(format), &most);
        if (!known)
            return grammar_fail(b, HOB_FORMAT, "format \"%.*s\": cannot be honoured", (int)json_span(format).len,
                                json_span(format).ptr);
        all = and_search(b, all, str_of(known));
    }
    high = most < high ? most : high;
    bool counted = low > 0 || high != GRAMMAR_MANY;
    if (!all && counted)
        all = automaton_any(b);
    if (!all)
        return grammar_failed(b) ? GRAMMAR_NOTHING : any_text(g, ends);
    for (size_t i = 0; ends[i]; i++)
        all = automaton_both(b, all, with_end(b, ends[i]), true);
    uint32_t part = GRAMMAR_NOTHING;
    if (all)
        part = counted ? automaton_counted(b, all, low, high, false) : automaton_grammar(b, all, false);
    automaton_free(all);
    return part;
}

/* One of the values of an enum or a const, strings as they stand. */
static uint32_t plain_choice(struct reply_grammar *g, const json_t *value)
{
    struct buf text = {0};
    if (json_is_string(value))
        buf_str(&text, json_span(value));
    else
        json_write(value, &text);
    uint32_t part = grammar_literal(g->builder, buf_view(&text));
    buf_clear(&text);
    return part;
}

uint32_t reply_plain_value(struct reply_grammar *g, const struct reply_tool *tool, const char *key,
                           const char *const *ends)
{
    const json_t *property = json_object_get(json_object_get(tool->schema, "properties"), key);
    const json_t *list = json_object_get(property, "enum"), *constant = json_object_get(property, "const");
    unsigned types = reply_argument_types(tool->schema, str_of(key));
    uint32_t any = GRAMMAR_NOTHING;
    if (constant)
        return plain_choice(g, constant);
    for (size_t i = 0; i < json_array_size(list); i++)
        any = grammar_or(g->builder, any, plain_choice(g, json_array_get(list, i)));
    if (list)
        return any;
    if (!(types & REPLY_STRING))
        return schema_grammar(g->builder, reply_inner_schema(g, tool, property));
    if (types == REPLY_STRING && json_is_string(json_object_get(property, "type")))
        return reply_plain_string(g, property, ends);
    return any_text(g, ends);
}
