/* SPDX-License-Identifier: Apache-2.0
 *
 * Grammars of arguments that are written as plain text.
 */
#include "base/error.h"
#include "text/reply/format.h"
#include "text/reply/grammar.h"
#include "text/schema/schema.h"

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

void reply_quote_pattern(struct str text, struct buf *pattern)
{
    for (size_t i = 0; i < text.len; i++)
        buf_format(pattern, byte_in(text.ptr[i], "\\^$.|?*+()[]{}/") ? "\\%c" : "%c", text.ptr[i]);
}

/* The texts that hold `end` somewhere. */
static struct automaton *with_end(struct grammar_builder *b, const char *end)
{
    struct buf pattern = {0};
    reply_quote_pattern(str_of(end), &pattern);
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

/* Takes out of `all` the texts that would be read as a value of one of `types`. */
static struct automaton *take_out(struct reply_grammar *g, struct automaton *all, unsigned types)
{
#define BLANK "[ \\t\\r\\n]*"
    static const struct {
        unsigned types;
        const char *pattern;
    } looks[] = {
        {REPLY_NULL, "^" BLANK "(null|None)" BLANK "$"},
        {REPLY_BOOLEAN, "^" BLANK "([tT]rue|[fF]alse)" BLANK "$"},
        {REPLY_NUMBER, "^" BLANK "-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?" BLANK "$"},
        {REPLY_ARRAY, "^" BLANK "[\\[(]"},
        {REPLY_OBJECT, "^" BLANK "\\{"},
    };
#undef BLANK
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
        if (looks[i].types & types)
            all = automaton_both(g->builder, all, automaton_search(g->builder, str_of(looks[i].pattern)), true);
    return all;
}

/* The texts of a string schema without any of `ends` in them, and none that would be read as a value of `others`. */
static uint32_t plain_string(struct reply_grammar *g, const json_t *schema, const char *const *ends, unsigned others)
{
    struct grammar_builder *b = g->builder;
    const json_t *pattern = json_object_get(schema, "pattern"), *format = json_object_get(schema, "format");
    uint32_t low = schema_count(json_object_get(schema, "minLength"), 0), most = GRAMMAR_MANY;
    uint32_t high = schema_count(json_object_get(schema, "maxLength"), GRAMMAR_MANY);
    struct automaton *all = automaton_any(b);
    if (pattern)
        all = automaton_both(b, all, automaton_search(b, json_span(pattern)), false);
    if (format) {
        const char *known = schema_format(json_span(format), &most);
        if (known)
            all = automaton_both(b, all, automaton_search(b, str_of(known)), false);
        else
            reply_schema_refuse(g, "format");
    }
    for (size_t i = 0; ends[i]; i++)
        all = automaton_both(b, all, with_end(b, ends[i]), true);
    all = take_out(g, all, others);
    high = most < high ? most : high;
    uint32_t part = GRAMMAR_NOTHING;
    if (all)
        part = low > 0 || high != GRAMMAR_MANY ? automaton_counted(b, all, low, high, false)
                                               : automaton_grammar(b, all, false);
    automaton_free(all);
    return part;
}

uint32_t reply_plain_string(struct reply_grammar *g, const json_t *schema, const char *const *ends)
{
    return reply_schema_says(schema, NULL, REPLY_STRING) ? plain_string(g, schema, ends, 0) : any_text(g, ends);
}

/* One of the values of an enum or a const, strings as they stand; nothing where that would be read as another value. */
static uint32_t plain_choice(struct reply_grammar *g, const json_t *value, unsigned types, const char *const *ends)
{
    struct buf text = {0}, read = {0};
    uint32_t part = GRAMMAR_NOTHING;
    if (json_is_string(value))
        buf_str(&text, json_span(value));
    else
        json_write(value, &text);
    reply_value_json(buf_view(&text), types, &read);
    json_t *again = json_read(buf_view(&read), "enum", NULL);
    bool ended = false;
    for (size_t i = 0; ends[i]; i++)
        ended = ended || str_find(buf_view(&text), str_of(ends[i]), 0) != SIZE_MAX;
    if (!ended && json_equal(again, (json_t *)value))
        part = grammar_literal(g->builder, buf_view(&text));
    json_decref(again);
    buf_clear(&text);
    buf_clear(&read);
    return part;
}

/* A schema with enum or const. */
static uint32_t plain_choices(struct reply_grammar *g, const json_t *schema, unsigned types, const char *const *ends)
{
    const json_t *constant = json_object_get(schema, "const"), *list = json_object_get(schema, "enum");
    const char *more = reply_schema_says(schema, constant ? "const" : "enum", REPLY_ANY);
    uint32_t any = GRAMMAR_NOTHING;
    if (more)
        return reply_schema_refuse(g, more);
    if (constant)
        return plain_choice(g, constant, types, ends);
    for (size_t i = 0; i < json_array_size(list); i++)
        any = grammar_or(g->builder, any, plain_choice(g, json_array_get(list, i), types, ends));
    return any;
}

/* A value that may be a string; `types` are those of the whole argument, which its text is read as. */
static uint32_t plain_value(struct reply_grammar *g, const struct reply_tool *tool, const json_t *schema,
                            unsigned types, const char *const *ends)
{
    static const struct {
        unsigned types;
        const char *name;
    } others[] = {{REPLY_NULL, "null"},
                  {REPLY_BOOLEAN, "boolean"},
                  {REPLY_NUMBER, "number"},
                  {REPLY_ARRAY, "array"},
                  {REPLY_OBJECT, "object"}};
    struct grammar_builder *b = g->builder;
    schema = reply_schema_follow(g, tool, schema);
    unsigned own = reply_schema_types(tool->schema, schema) & types;
    const json_t *any_of = json_object_get(schema, "anyOf"), *list = any_of ? any_of : json_object_get(schema, "oneOf");
    uint32_t part = GRAMMAR_NOTHING;
    if (json_object_get(schema, "enum") || json_object_get(schema, "const"))
        return plain_choices(g, schema, types, ends);
    if (list) {
        const char *more = reply_schema_says(schema, any_of ? "anyOf" : "oneOf", REPLY_ANY);
        if (more)
            return reply_schema_refuse(g, more);
        for (size_t i = 0; i < json_array_size(list) && !grammar_failed(b); i++)
            part = grammar_or(b, part, plain_value(g, tool, json_array_get(list, i), types, ends));
        return part;
    }
    if (json_object_get(schema, "allOf"))
        return reply_schema_refuse(g, "allOf");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        bool integer = others[i].types == REPLY_NUMBER && (own & REPLY_NUMBER) == REPLY_INTEGER;
        if (own & others[i].types)
            part = grammar_or(b, part, reply_schema_typed(g, tool, schema, integer ? "integer" : others[i].name));
    }
    if (own & REPLY_STRING)
        part = grammar_or(b, part, plain_string(g, schema, ends, types));
    return part;
}

uint32_t reply_plain_value(struct reply_grammar *g, const struct reply_tool *tool, const json_t *schema,
                           const char *const *ends)
{
    unsigned types = reply_schema_types(tool->schema, schema);
    if (json_is_false(schema))
        return GRAMMAR_NOTHING;
    if (!reply_schema_says(schema, NULL, REPLY_ANY) && (types & REPLY_STRING))
        return any_text(g, ends); /* whatever it is read as will do */
    if (!(types & REPLY_STRING))
        return schema_grammar(g->builder, reply_inner_schema(g, tool, schema));
    return plain_value(g, tool, schema, types, ends);
}
