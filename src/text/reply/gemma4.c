/* SPDX-License-Identifier: Apache-2.0
 *
 * Gemma 4: thoughts in a channel, calls in a notation of their own. Strings stand between quotes that are a token, keys
 * may stand bare; numbers, true, false and null are JSON's.
 *
 *   <|channel>thought\n thoughts <channel|> text
 *   <|tool_call>call:NAME{KEY:<|"|>TEXT<|"|>,KEY:5,KEY:[1,2],KEY:{KEY:true}}<tool_call|>
 */
#include <stdlib.h>

#include "base/error.h"
#include "text/reply/format.h"
#include "text/schema/schema.h"

#define QUOTE "<|\"|>"

enum stage { START, NAME, FIRST, NEXT, KEY, BARE_KEY, COLON, VALUE, STRING, BARE, QUOTED, AFTER, CLOSE };

enum { MAX_NAME_BYTES = 256, MAX_BARE_BYTES = 4096, MAX_KEY = 64, MAX_DEPTH = 16 };

/* Tells JSON punctuation. */
static void put(struct reply_parser *parser, const char *json)
{
    reply_call_arguments(parser, str_of(json));
}

static bool in_object(const struct reply_parser *parser)
{
    return parser->scan.objects >> (parser->scan.depth - 1) & 1;
}

static enum reply_read open_bracket(struct reply_parser *parser)
{
    bool object = parser->raw.ptr[parser->at++] == '{';
    if (parser->scan.depth == REPLY_JSON_DEPTH - 1)
        return REPLY_NO;
    uint64_t bit = (uint64_t)1 << parser->scan.depth++;
    parser->scan.objects = object ? parser->scan.objects | bit : parser->scan.objects & ~bit;
    put(parser, object ? "{" : "[");
    parser->types = REPLY_ANY; /* what a schema says of the argument is not of what is in it */
    parser->stage = FIRST;
    return REPLY_YES;
}

static enum reply_read close_bracket(struct reply_parser *parser)
{
    char c = parser->raw.ptr[parser->at++];
    if (in_object(parser) != (c == '}'))
        return REPLY_NO;
    put(parser, c == '}' ? "}" : "]");
    parser->stage = AFTER;
    if (--parser->scan.depth)
        return REPLY_YES;
    parser->stage = CLOSE;
    reply_call_end(parser);
    return REPLY_YES;
}

/* A key's or an element's first byte, or the closing bracket. */
static enum reply_read read_element(struct reply_parser *parser)
{
    char c = parser->raw.ptr[parser->at];
    if (c == '}' || c == ']')
        return close_bracket(parser);
    if (parser->stage == NEXT)
        put(parser, ", ");
    parser->stage = in_object(parser) ? KEY : VALUE;
    return REPLY_YES;
}

/* How a value or a key starts: with the quote token, or otherwise. */
static enum reply_read read_start(struct reply_parser *parser)
{
    enum reply_read quote = reply_read_text(parser, QUOTE);
    char c = quote == REPLY_NO ? parser->raw.ptr[parser->at] : 0;
    if (quote == REPLY_MORE)
        return quote;
    if (quote == REPLY_YES) {
        put(parser, "\"");
        parser->in_string = parser->stage == KEY; /* it is a key */
        parser->key.len = 0;
        parser->stage = STRING;
    } else if (parser->stage == KEY) {
        parser->stage = BARE_KEY;
    } else if (c == '{' || c == '[') {
        return open_bracket(parser);
    } else {
        parser->stage = c == '"' ? QUOTED : BARE;
        parser->value.len = 0;
    }
    return REPLY_YES;
}

/* Tells bytes within a string. */
static void put_escaped(struct reply_parser *parser, struct str bytes)
{
    struct buf json = {0};
    reply_json_escape(bytes, &json);
    reply_call_arguments(parser, buf_view(&json));
    buf_clear(&json);
}

/* Tells bytes within a key, and keeps them. */
static void put_key(struct reply_parser *parser, struct str bytes)
{
    buf_str(&parser->key, bytes);
    put_escaped(parser, bytes);
}

/* A key of the arguments themselves says what its value should be. */
static void set_types(struct reply_parser *parser, struct str key)
{
    const json_t *schema = reply_tool_schema(parser->tools, buf_view(&parser->name));
    parser->types = parser->scan.depth == 1 ? reply_argument_types(schema, key) : REPLY_ANY;
}

static enum reply_read read_bare_key(struct reply_parser *parser)
{
    static const char *const colon[] = {":", NULL};
    struct str key;
    unsigned which;
    enum reply_read found = reply_read_until(parser, colon, MAX_NAME_BYTES, &key, &which);
    if (found != REPLY_YES)
        return found;
    while (key.len && key.ptr[key.len - 1] == ' ')
        key.len--;
    if (key.len >= 2 && *key.ptr == '"' && key.ptr[key.len - 1] == '"')
        key = (struct str){key.ptr + 1, key.len - 2};
    put(parser, "\"");
    put_escaped(parser, key);
    put(parser, "\": ");
    set_types(parser, key);
    parser->stage = VALUE;
    return REPLY_YES;
}

static void put_bare(struct reply_parser *parser, struct str text)
{
    struct buf json = {0};
    while (text.len && byte_in(text.ptr[text.len - 1], " \t\r\n"))
        text.len--;
    reply_value_json(text, parser->types, &json);
    reply_call_arguments(parser, buf_view(&json));
    buf_clear(&json);
}

/* A number or a word, up to what ends it. */
static enum reply_read read_bare(struct reply_parser *parser)
{
    static const char *const ends[] = {",", "}", "]", NULL};
    struct str text;
    unsigned which;
    enum reply_read found = reply_read_until(parser, ends, MAX_BARE_BYTES, &text, &which);
    if (found != REPLY_YES)
        return found;
    put_bare(parser, text);
    parser->at--;
    parser->stage = AFTER;
    return REPLY_YES;
}

/* A string in JSON's quotes, which some models write. */
static enum reply_read read_quoted(struct reply_parser *parser)
{
    bool closed = false;
    while (parser->at < parser->raw.len && !closed) {
        char c = parser->raw.ptr[parser->at++];
        closed = c == '"' && parser->value.len && !parser->escaped;
        parser->escaped = c == '\\' && !parser->escaped;
        buf_byte(&parser->value, c);
    }
    if (!closed)
        return REPLY_MORE;
    struct buf json = {0};
    bool good = reply_literal_json(buf_view(&parser->value), &json) == REPLY_STRING;
    if (good)
        reply_call_arguments(parser, buf_view(&json));
    buf_clear(&json);
    parser->stage = AFTER;
    return good ? REPLY_YES : REPLY_NO;
}

/* Punctuation after a value. */
static enum reply_read read_after(struct reply_parser *parser)
{
    char c = parser->raw.ptr[parser->at];
    if (c == '}' || c == ']')
        return close_bracket(parser);
    parser->at++;
    parser->stage = NEXT;
    return c == ',' ? REPLY_YES : REPLY_NO;
}

static enum reply_read read_string(struct reply_parser *parser)
{
    static const char *const quote[] = {QUOTE, NULL};
    unsigned which;
    enum reply_read found = reply_read_stream(parser, quote, parser->in_string ? put_key : put_escaped, &which);
    if (found != REPLY_YES)
        return found;
    put(parser, "\"");
    parser->stage = parser->in_string ? COLON : AFTER;
    if (parser->in_string)
        set_types(parser, buf_view(&parser->key));
    return REPLY_YES;
}

/* What stands before the arguments: call:NAME{ */
static enum reply_read read_head(struct reply_parser *parser)
{
    static const char *const brace[] = {"{", NULL};
    struct str name;
    unsigned which;
    enum reply_read found;
    if (parser->stage == START) {
        found = reply_read_text(parser, "call:");
        parser->stage = found == REPLY_YES ? NAME : START;
        return found;
    }
    found = reply_read_until(parser, brace, MAX_NAME_BYTES, &name, &which);
    if (found != REPLY_YES)
        return found;
    while (name.len && byte_in(name.ptr[name.len - 1], " \n"))
        name.len--;
    buf_str(&parser->name, name);
    parser->at--;
    found = reply_call_begin(parser);
    return found == REPLY_YES ? open_bracket(parser) : found;
}

static enum reply_read step(struct reply_parser *parser)
{
    static const char *const close[] = {"<tool_call|>", NULL};
    enum reply_read found = REPLY_YES;
    switch ((enum stage)parser->stage) {
    case START:
    case NAME:
        return read_head(parser);
    case FIRST:
    case NEXT:
        found = reply_read_space(parser);
        return found == REPLY_YES ? read_element(parser) : found;
    case KEY:
    case VALUE:
        found = reply_read_space(parser);
        return found == REPLY_YES ? read_start(parser) : found;
    case BARE_KEY:
        return read_bare_key(parser);
    case COLON:
        found = reply_read_space(parser);
        if (found == REPLY_YES && (found = reply_read_text(parser, ":")) == REPLY_YES) {
            put(parser, ": ");
            parser->stage = VALUE;
        }
        return found;
    case STRING:
        return read_string(parser);
    case BARE:
        return read_bare(parser);
    case QUOTED:
        return read_quoted(parser);
    case AFTER:
        found = reply_read_space(parser);
        return found == REPLY_YES ? read_after(parser) : found;
    case CLOSE:
        return reply_read_close(parser, close);
    }
    return REPLY_NO;
}

/* ---- the grammar ---- */

/* A value's schema, and those it stands in. */
struct within {
    const json_t *schema;
    const struct within *around;
};

static uint32_t value_grammar(struct reply_grammar *g, const struct reply_tool *tool, const json_t *schema,
                              const struct within *around);

static uint32_t quoted_grammar(struct reply_grammar *g, uint32_t text)
{
    return reply_seq(g, (uint32_t[]){reply_mark(g, QUOTE), text, reply_mark(g, QUOTE), REPLY_GRAMMAR_END});
}

/* One value as it stands. */
static uint32_t constant_grammar(struct reply_grammar *g, const json_t *value)
{
    struct buf json = {0};
    if (json_is_string(value) && str_find(json_span(value), STR(QUOTE), 0) != SIZE_MAX)
        return GRAMMAR_NOTHING;
    if (json_is_string(value))
        return quoted_grammar(g, grammar_literal(g->builder, json_span(value)));
    if (json_is_object(value) || json_is_array(value))
        return grammar_fail(g->builder, HOB_FORMAT, "enum: objects and arrays cannot be honoured in this format");
    json_write(value, &json);
    uint32_t part = grammar_literal(g->builder, buf_view(&json));
    buf_clear(&json);
    return part;
}

/* A string, or a number, true, false or null, which JSON writes the same way. */
static uint32_t scalar_grammar(struct reply_grammar *g, const struct reply_tool *tool, const json_t *schema,
                               unsigned types)
{
    static const char *const quote[] = {QUOTE, NULL};
    static const struct {
        unsigned types;
        const char *name;
    } scalars[] = {{REPLY_NULL, "null"}, {REPLY_BOOLEAN, "boolean"}, {REPLY_NUMBER, "number"}};
    uint32_t any = GRAMMAR_NOTHING;
    if (types & REPLY_STRING)
        any = quoted_grammar(g, reply_plain_string(g, schema, quote));
    for (size_t i = 0; i < 3; i++) {
        bool integer = scalars[i].types == REPLY_NUMBER && (types & REPLY_NUMBER) == REPLY_INTEGER;
        if (types & scalars[i].types)
            any =
                grammar_or(g->builder, any, reply_schema_typed(g, tool, schema, integer ? "integer" : scalars[i].name));
    }
    return any;
}

static uint32_t array_grammar(struct reply_grammar *g, const struct reply_tool *tool, const json_t *schema,
                              const struct within *around)
{
    static const char *const refused[] = {"prefixItems", "uniqueItems"};
    const json_t *low = json_object_get(schema, "minItems"), *high = json_object_get(schema, "maxItems");
    uint32_t min = schema_count(low, 0), max = schema_count(high, GRAMMAR_MANY);
    for (size_t i = 0; i < 2; i++)
        if (json_object_get(schema, refused[i]) && !json_is_false(json_object_get(schema, refused[i])))
            return reply_schema_refuse(g, refused[i]);
    if (max < min)
        return GRAMMAR_NOTHING;
    uint32_t item = max ? value_grammar(g, tool, json_object_get(schema, "items"), around) : GRAMMAR_NOTHING;
    uint32_t more = grammar_repeat(g->builder, grammar_then(g->builder, reply_literal(g, ","), item), min ? min - 1 : 0,
                                   max == GRAMMAR_MANY || max == 0 ? max : max - 1);
    uint32_t items = grammar_then(g->builder, item, more);
    return reply_seq(g, (uint32_t[]){reply_literal(g, "["), min ? items : reply_optional(g, items),
                                     reply_literal(g, "]"), REPLY_GRAMMAR_END});
}

static uint32_t any_grammar(struct reply_grammar *g);

/* An object of which the schema names no member: all of them are `value`. */
static uint32_t open_object(struct reply_grammar *g, uint32_t value)
{
    struct code_set letters = {0};
    code_set_add(&letters, '0', '9');
    code_set_add(&letters, 'A', 'Z');
    code_set_add(&letters, 'a', 'z');
    code_set_add(&letters, '_', '_');
    uint32_t key = grammar_repeat(g->builder, grammar_char(g->builder, &letters), 1, MAX_KEY);
    code_set_clear(&letters);
    uint32_t member = reply_seq(g, (uint32_t[]){key, reply_literal(g, ":"), value, REPLY_GRAMMAR_END});
    uint32_t members = reply_optional(g, reply_many(g, member, reply_literal(g, ",")));
    return reply_seq(g, (uint32_t[]){reply_literal(g, "{"), members, reply_literal(g, "}"), REPLY_GRAMMAR_END});
}

/* Any value, of which the notation alone is asked; a rule, which names itself. */
static uint32_t any_grammar(struct reply_grammar *g)
{
    struct grammar_builder *b = g->builder;
    if (g->shared)
        return g->shared;
    g->shared = grammar_rule(b, STR("any value"));
    uint32_t items = reply_optional(g, reply_many(g, g->shared, reply_literal(g, ",")));
    uint32_t array = reply_seq(g, (uint32_t[]){reply_literal(g, "["), items, reply_literal(g, "]"), REPLY_GRAMMAR_END});
    uint32_t parts[] = {scalar_grammar(g, NULL, NULL, REPLY_ANY), open_object(g, g->shared), array};
    grammar_define(b, g->shared, grammar_alt(b, parts, 3));
    return g->shared;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct reply_member *)a)->key, ((const struct reply_member *)b)->key);
}

/* A key: bare where it is a word, else a string. */
static uint32_t key_grammar(struct reply_grammar *g, const char *key)
{
    static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    if (strstr(key, QUOTE))
        return grammar_fail(g->builder, HOB_FORMAT, "\"%.40s\" is no name of an argument", key);
    return *key && !key[strspn(key, word)] ? reply_literal(g, key) : quoted_grammar(g, reply_literal(g, key));
}

/* Members in the order of their names, as the template writes them. */
static uint32_t object_grammar(struct reply_grammar *g, const struct reply_tool *tool, const json_t *schema,
                               const struct within *around)
{
    const json_t *others = json_object_get(schema, "additionalProperties");
    size_t n = 0;
    struct reply_member *members = reply_schema_members(g, schema, &n);
    if (n == 0 && !grammar_failed(g->builder) && json_object_size(json_object_get(schema, "properties")) == 0 &&
        !json_is_false(others)) {
        free(members);
        if (json_object_get(schema, "maxProperties"))
            return reply_schema_refuse(g, "maxProperties");
        return open_object(g, value_grammar(g, tool, others, around));
    }
    uint32_t *parts = calloc(n + 1, sizeof *parts), all = GRAMMAR_NOTHING;
    bool *required = calloc(n + 1, sizeof *required);
    if (members && parts && required) {
        qsort(members, n, sizeof *members, by_key);
        for (size_t i = 0; i < n && !grammar_failed(g->builder); i++) {
            required[i] = members[i].required;
            parts[i] = reply_seq(g, (uint32_t[]){key_grammar(g, members[i].key), reply_literal(g, ":"),
                                                 value_grammar(g, tool, members[i].schema, around), REPLY_GRAMMAR_END});
        }
        all = reply_seq(g,
                        (uint32_t[]){reply_literal(g, "{"), reply_members(g, parts, required, n, reply_literal(g, ",")),
                                     reply_literal(g, "}"), REPLY_GRAMMAR_END});
    } else {
        grammar_fail(g->builder, HOB_LIMIT, "no memory for a tool's arguments");
    }
    free(members);
    free(parts);
    free(required);
    return all;
}

/* A schema that is one of several, or of some values. */
static uint32_t choice_grammar(struct reply_grammar *g, const struct reply_tool *tool, const json_t *schema,
                               const struct within *here)
{
    static const char *const choices[] = {"const", "enum", "anyOf", "oneOf"};
    struct grammar_builder *b = g->builder;
    uint32_t any = GRAMMAR_NOTHING;
    unsigned kind = 0;
    while (!json_object_get(schema, choices[kind]))
        kind++;
    const json_t *list = json_object_get(schema, choices[kind]);
    const char *more = reply_schema_says(schema, choices[kind], REPLY_ANY);
    if (more)
        return reply_schema_refuse(g, more);
    if (kind == 0)
        return constant_grammar(g, list);
    for (size_t i = 0; i < json_array_size(list) && !grammar_failed(b); i++) {
        const json_t *one = json_array_get(list, i);
        any = grammar_or(b, any, kind == 1 ? constant_grammar(g, one) : value_grammar(g, tool, one, here));
    }
    return any;
}

static uint32_t value_grammar(struct reply_grammar *g, const struct reply_tool *tool, const json_t *schema,
                              const struct within *around)
{
    struct within here = {reply_schema_follow(g, tool, schema), around};
    unsigned depth = 0, types;
    uint32_t any = GRAMMAR_NOTHING;
    schema = here.schema;
    if (grammar_failed(g->builder) || json_is_false(schema))
        return GRAMMAR_NOTHING;
    types = reply_schema_types(tool->schema, schema);
    const char *more = reply_schema_says(schema, NULL, REPLY_ANY);
    if (!more && types == REPLY_ANY)
        return any_grammar(g);
    for (; around; around = around->around)
        if (around->schema == schema || ++depth == MAX_DEPTH)
            return grammar_fail(g->builder, HOB_FORMAT,
                                "a schema within itself, or nested too deep, cannot be honoured in this format");
    if (json_object_get(schema, "allOf"))
        return reply_schema_refuse(g, "allOf");
    if (json_object_get(schema, "const") || json_object_get(schema, "enum") || json_object_get(schema, "anyOf") ||
        json_object_get(schema, "oneOf"))
        return choice_grammar(g, tool, schema, &here);
    if (types & ~(unsigned)(REPLY_OBJECT | REPLY_ARRAY))
        any = scalar_grammar(g, tool, schema, types);
    if (types & REPLY_ARRAY)
        any = grammar_or(g->builder, any, array_grammar(g, tool, schema, &here));
    if (types & REPLY_OBJECT)
        any = grammar_or(g->builder, any, object_grammar(g, tool, schema, &here));
    return any;
}

static uint32_t one_tool(struct reply_grammar *g, const struct reply_tool *tool)
{
    const json_t *schema = reply_schema_follow(g, tool, tool->schema);
    reply_json_arguments(g, tool); /* what no format honours is refused here too */
    const char *more = reply_schema_says(schema, NULL, REPLY_ANY & ~(unsigned)REPLY_OBJECT);
    if (more)
        return reply_schema_refuse(g, more);
    return grammar_then(g->builder, grammar_literal(g->builder, tool->name), object_grammar(g, tool, schema, NULL));
}

static uint32_t grammar(struct reply_grammar *g, unsigned trigger)
{
    (void)trigger;
    return reply_seq(g, (uint32_t[]){reply_literal(g, "call:"), reply_any_tool(g, one_tool),
                                     reply_mark(g, "<tool_call|>"), REPLY_GRAMMAR_END});
}

const struct reply_format reply_gemma4 = {
    .name = "gemma4",
    .signs = {"<|tool_call>", "<tool_call|>"},
    .think_open = "<|channel>thought",
    .think_close = "<channel|>",
    .think_anywhere = true,
    .triggers = {"<|tool_call>"},
    .dropped = {"<|tool_response>", "<turn|>"},
    .tokens = {"<tool_call|>", QUOTE},
    .step = step,
    .grammar = grammar,
};
