/* SPDX-License-Identifier: Apache-2.0 */
#include "text/reply_grammar.h"

#include <stdlib.h>

#include "base/error.h"
#include "text/regex_automaton.h"
#include "text/reply_format.h"

enum { MAX_SPACE = 8, MAX_TOOLS = 256, MAX_NAME_BYTES = 128, MAX_CONTROL = 4096 };

uint32_t reply_seq(struct reply_grammar *g, const uint32_t *parts)
{
    size_t n = 0;
    while (parts[n] != REPLY_GRAMMAR_END)
        n++;
    return grammar_seq(g->builder, parts, n);
}

uint32_t reply_literal(struct reply_grammar *g, const char *text)
{
    return grammar_literal(g->builder, str_of(text));
}

/* The control token whose text this is, or TOKEN_NONE. */
static int32_t control_token(const struct reply_grammar *g, struct str text)
{
    int32_t id = g->tokenizer ? tokenizer_find(g->tokenizer, text) : TOKEN_NONE;
    return id != TOKEN_NONE && tokenizer_type(g->tokenizer, id) == TOKEN_CONTROL ? id : TOKEN_NONE;
}

/* What follows a control token that `mark` starts with, as text: "<|channel>thought" is a token and a word. */
static int32_t leading_token(const struct reply_grammar *g, struct str mark, struct str *rest)
{
    for (size_t n = mark.len; n > 1; n--) {
        int32_t id = control_token(g, (struct str){mark.ptr, n});
        if (id == TOKEN_NONE)
            continue;
        *rest = (struct str){mark.ptr + n, mark.len - n};
        return id;
    }
    return TOKEN_NONE;
}

uint32_t reply_mark(struct reply_grammar *g, const char *mark)
{
    struct str rest = {0};
    uint32_t text = reply_literal(g, mark);
    int32_t id = leading_token(g, str_of(mark), &rest);
    if (id == TOKEN_NONE)
        return text;
    uint32_t token = grammar_tokens(g->builder, &id, 1, false);
    return grammar_or(g->builder, text, grammar_then(g->builder, token, grammar_literal(g->builder, rest)));
}

uint32_t reply_space(struct reply_grammar *g)
{
    uint32_t one = grammar_choices(g->builder, (struct str[]){STR(" "), STR("\n")}, 2);
    return grammar_repeat(g->builder, one, 0, MAX_SPACE);
}

uint32_t reply_optional(struct reply_grammar *g, uint32_t part)
{
    return grammar_or(g->builder, GRAMMAR_EMPTY, part);
}

uint32_t reply_many(struct reply_grammar *g, uint32_t part, uint32_t between)
{
    uint32_t more = grammar_repeat(g->builder, grammar_then(g->builder, between, part), 0, GRAMMAR_MANY);
    return grammar_then(g->builder, part, more);
}

/* ---- tools ---- */

/* The schema as one of objects: what says nothing of types is taken to mean them. */
static const json_t *object_schema(struct reply_grammar *g, const json_t *schema)
{
    if (json_object_get(schema, "type") || json_object_get(schema, "$ref") || json_object_get(schema, "anyOf"))
        return schema;
    json_t *copy = json_is_object(schema) ? json_copy((json_t *)schema) : json_object();
    json_object_set_new(copy, "type", json_string("object"));
    json_array_append_new(g->made, copy);
    return copy;
}

uint32_t reply_any_tool(struct reply_grammar *g,
                        uint32_t (*one)(struct reply_grammar *g, const struct reply_tool *tool))
{
    uint32_t any = GRAMMAR_NOTHING;
    for (size_t i = 0; i < json_array_size(g->tools) && !grammar_failed(g->builder); i++) {
        const json_t *entry = json_array_get(g->tools, i), *inner = json_object_get(entry, "function");
        struct str name = json_span(json_object_get(inner ? inner : entry, "name"));
        struct reply_tool tool = {name, object_schema(g, reply_tool_schema(g->tools, name))};
        any = grammar_or(g->builder, any, one(g, &tool));
    }
    return any;
}

uint32_t reply_json_arguments(struct reply_grammar *g, const struct reply_tool *tool)
{
    return schema_grammar(g->builder, tool->schema);
}

uint32_t reply_call_in_json(struct reply_grammar *g, const char *before, const char *between, const char *after)
{
    uint32_t any = GRAMMAR_NOTHING;
    bool quoted = str_ends(str_of(before), STR("\""));
    for (size_t i = 0; i < json_array_size(g->tools) && !grammar_failed(g->builder); i++) {
        const json_t *entry = json_array_get(g->tools, i), *inner = json_object_get(entry, "function");
        struct str name = json_span(json_object_get(inner ? inner : entry, "name"));
        struct buf head = {0};
        buf_str(&head, str_of(before));
        if (quoted)
            reply_json_escape(name, &head);
        else
            buf_str(&head, name);
        buf_str(&head, str_of(between));
        uint32_t parts[] = {grammar_literal(g->builder, buf_view(&head)),
                            schema_grammar(g->builder, object_schema(g, reply_tool_schema(g->tools, name))),
                            reply_literal(g, after), REPLY_GRAMMAR_END};
        any = grammar_or(g->builder, any, reply_seq(g, parts));
        buf_clear(&head);
    }
    return any;
}

uint32_t reply_members(struct reply_grammar *g, const uint32_t *parts, const bool *required, size_t n, uint32_t between)
{
    struct grammar_builder *b = g->builder;
    uint32_t first = GRAMMAR_EMPTY, rest = GRAMMAR_EMPTY; /* what may follow before, and after, the first member */
    for (size_t i = n; i-- > 0;) {
        uint32_t begun = grammar_then(b, parts[i], rest);
        uint32_t later = grammar_then(b, grammar_then(b, between, parts[i]), rest);
        first = required[i] ? begun : grammar_or(b, begun, first);
        rest = required[i] ? later : grammar_or(b, later, rest);
    }
    return first;
}

uint32_t reply_arguments_of(struct reply_grammar *g, const struct reply_tool *tool,
                            uint32_t (*one)(struct reply_grammar *g, const struct reply_tool *tool, const char *key),
                            const char *between)
{
    json_t *properties = json_object_get(tool->schema, "properties"), *value;
    const json_t *needed = json_object_get(tool->schema, "required");
    size_t n = 0, room = json_object_size(properties) + 1;
    uint32_t *parts = calloc(room, sizeof *parts), all = GRAMMAR_NOTHING;
    bool *required = calloc(room, sizeof *required);
    const char *key;
    if (parts && required) {
        json_object_foreach(properties, key, value)
        {
            for (size_t i = 0; i < json_array_size(needed); i++)
                required[n] = required[n] || str_eq(json_span(json_array_get(needed, i)), str_of(key));
            parts[n++] = one(g, tool, key);
        }
        all = reply_members(g, parts, required, n, reply_literal(g, between));
    } else {
        grammar_fail(g->builder, HOB_LIMIT, "no memory for a tool's arguments");
    }
    free(parts);
    free(required);
    return all;
}

/* ---- a whole reply ---- */

/* A control token that is none of the marks, and what follows it; nothing where there is none. */
static uint32_t control_then(struct reply_grammar *g, const struct str *marks, size_t n, uint32_t rest)
{
    struct grammar_builder *b = g->builder;
    int32_t *ids = malloc(MAX_CONTROL * sizeof *ids);
    size_t n_ids = 0;
    if (!ids)
        return grammar_fail(b, HOB_LIMIT, "no memory for a reply's grammar");
    for (size_t i = 0; g->tokenizer && i < tokenizer_size(g->tokenizer) && n_ids < MAX_CONTROL; i++) {
        int32_t id = (int32_t)i;
        bool is_mark = tokenizer_type(g->tokenizer, id) != TOKEN_CONTROL || tokenizer_is_eog(g->tokenizer, id);
        for (size_t k = 0; k < n && !is_mark; k++)
            is_mark = str_eq(tokenizer_text(g->tokenizer, id), marks[k]);
        if (!is_mark)
            ids[n_ids++] = id;
    }
    uint32_t control = n_ids ? grammar_tokens(b, ids, n_ids, false) : GRAMMAR_NOTHING;
    free(ids);
    return grammar_then(b, control, rest);
}

/* Bytes in which none of the marks stands, and control tokens other than them. */
static uint32_t free_text(struct reply_grammar *g, const struct str *marks, size_t n)
{
    uint32_t bytes = grammar_without(g->builder, marks, n);
    uint32_t more = grammar_repeat(g->builder, control_then(g, marks, n, bytes), 0, GRAMMAR_MANY);
    return grammar_then(g->builder, bytes, more);
}

/* Takes the texts in which `before` MARK stands out of `all`. */
static struct automaton *take_out(struct grammar_builder *b, struct automaton *all, const char *before, struct str mark)
{
    struct buf pattern = {0};
    buf_str(&pattern, str_of(before));
    for (size_t i = 0; i < mark.len; i++)
        buf_format(&pattern, strchr("\\^$.|?*+()[]{}", mark.ptr[i]) ? "\\%c" : "%c", mark.ptr[i]);
    struct automaton *found = automaton_search(b, buf_view(&pattern));
    buf_clear(&pattern);
    return automaton_both(b, all, found, true);
}

/* Text at a reply's start, where a call without a mark may stand: it has none of the marks, and does not start with
 * `bare`. */
static uint32_t start_text(struct reply_grammar *g, const struct str *marks, size_t n, struct str bare)
{
    struct automaton *all = automaton_length(g->builder, 0, GRAMMAR_MANY);
    all = take_out(g->builder, all, "^[ \n]*", bare);
    for (size_t i = 0; i < n; i++)
        all = take_out(g->builder, all, "", marks[i]);
    uint32_t part = all ? automaton_grammar(g->builder, all, false) : GRAMMAR_NOTHING;
    automaton_free(all);
    return part;
}

/* Free text and calls, as often as they like. */
static uint32_t whole_reply(struct reply_grammar *g, const struct reply_format *format)
{
    struct grammar_builder *b = g->builder;
    struct str marks[REPLY_MARKS + 1];
    struct buf line = {0}; /* a call without a mark starts a line with these bytes */
    uint32_t calls = GRAMMAR_NOTHING, bare = GRAMMAR_NOTHING;
    size_t n = 0;
    for (unsigned i = 0; i < REPLY_MARKS && format->triggers[i]; i++) {
        bool is_bare = format->bare && (i + 1 == REPLY_MARKS || !format->triggers[i + 1]);
        uint32_t body = format->grammar(g, i);
        if (is_bare) {
            bare = body;
            buf_format(&line, "\n%s", format->bare_start);
            marks[n++] = buf_view(&line);
            calls = grammar_or(b, calls, grammar_then(b, reply_literal(g, "\n"), bare));
            continue;
        }
        marks[n++] = str_of(format->triggers[i]);
        calls = grammar_or(b, calls, grammar_then(b, reply_mark(g, format->triggers[i]), body));
    }
    uint32_t text = free_text(g, marks, n);
    uint32_t rest = grammar_repeat(b, grammar_then(b, calls, text), 0, GRAMMAR_MANY);
    uint32_t whole = grammar_then(b, text, rest);
    if (format->bare) {
        uint32_t call = grammar_then(b, reply_space(g), grammar_then(b, bare, whole));
        uint32_t start = start_text(g, marks, n, str_of(format->bare_start));
        start = grammar_then(b, start, reply_optional(g, control_then(g, marks, n, text)));
        whole = grammar_or(b, call, grammar_then(b, start, rest));
    }
    buf_clear(&line);
    return whole;
}

/* The same behind a thinking part, in which marks mean nothing. */
static uint32_t behind_thinking(struct reply_grammar *g, const struct reply_format *format, bool in_thinking,
                                uint32_t reply)
{
    struct grammar_builder *b = g->builder;
    if (!format->think_open || format->whole)
        return reply;
    struct str close = str_of(format->think_close);
    uint32_t thoughts =
        grammar_then(b, free_text(g, &close, 1), grammar_then(b, reply_mark(g, format->think_close), reply));
    if (!in_thinking)
        thoughts =
            reply_seq(g, (uint32_t[]){reply_space(g), reply_mark(g, format->think_open), thoughts, REPLY_GRAMMAR_END});
    else
        reply = grammar_or(b, reply, free_text(g, &close, 1));
    return grammar_or(b, reply, thoughts);
}

/* Whether tools have names that can stand in every format. */
static bool check_tools(const json_t *tools, struct hob_error *err)
{
    size_t n = json_array_size(tools);
    if (n == 0 || n > MAX_TOOLS)
        return error_set(err, HOB_USAGE, "tools: want an array of 1 to %d tools", MAX_TOOLS);
    for (size_t i = 0; i < n; i++) {
        const json_t *entry = json_array_get(tools, i), *inner = json_object_get(entry, "function");
        struct str name = json_span(json_object_get(inner ? inner : entry, "name"));
        if (name.len == 0 || name.len > MAX_NAME_BYTES)
            return error_set(err, HOB_USAGE, "tools[%zu]: want a tool with a name of 1 to %d bytes", i, MAX_NAME_BYTES);
        for (size_t k = 0; k < name.len; k++)
            if ((unsigned char)name.ptr[k] <= ' ' || strchr("<>{}[]\"'\\", name.ptr[k]))
                return error_set(err, HOB_USAGE, "tools[%zu]: \"%.*s\" is no name of a tool", i, (int)name.len,
                                 name.ptr);
    }
    return true;
}

struct grammar *reply_grammar_new(const struct reply_format *format, const json_t *tools, bool in_thinking,
                                  const struct tokenizer *tokenizer, struct hob_error *err)
{
    if (!format->grammar) {
        error_set(err, HOB_FORMAT, "replies of the format \"%s\" have no tool calls", format->name);
        return NULL;
    }
    if (!check_tools(tools, err))
        return NULL;
    struct reply_grammar g = {
        .builder = grammar_begin(err), .tokenizer = tokenizer, .tools = tools, .made = json_array()};
    struct grammar *grammar = NULL;
    if (g.builder && g.made) {
        uint32_t root = format->whole ? format->grammar(&g, 0) : whole_reply(&g, format);
        grammar = grammar_finish(g.builder, behind_thinking(&g, format, in_thinking, root), err);
    } else {
        grammar_drop(g.builder);
        if (!g.made)
            error_memory(err, 64);
    }
    json_decref(g.made);
    if (!grammar)
        error_prefix(err, "tools");
    return grammar;
}
