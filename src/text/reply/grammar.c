/* SPDX-License-Identifier: Apache-2.0 */
#include "text/reply/grammar.h"

#include <stdlib.h>

#include "base/error.h"
#include "text/regex/automaton.h"
#include "text/reply/format.h"

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
        *rest = str_from(mark, n);
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

uint32_t reply_one_or_many(struct reply_grammar *g, uint32_t call, uint32_t between)
{
    return g->one_call ? call : reply_many(g, call, between);
}

/* ---- tools ---- */

/* The schema as one of objects: what says nothing of types is taken to mean them. */
static const json_t *object_schema(struct reply_grammar *g, const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type");
    bool fits = !type;
    if (str_eq(json_span(type), STR("object")))
        return schema;
    for (size_t i = 0; i < json_array_size(type); i++)
        fits = fits || str_eq(json_span(json_array_get(type, i)), STR("object"));
    if (!fits || json_is_false(schema)) {
        grammar_fail(g->builder, HOB_FORMAT, "parameters: want a schema of objects");
        return schema;
    }
    json_t *copy = json_is_object(schema) ? json_copy((json_t *)schema) : json_object();
    json_object_set_new(copy, "type", json_string("object"));
    json_array_append_new(g->made, copy);
    return copy;
}

/* Tool number `at`; failures from here on are its. */
static struct reply_tool tool_at(struct reply_grammar *g, size_t at)
{
    const json_t *entry = json_array_get(g->tools, at), *inner = json_object_get(entry, "function");
    g->at = json_span(json_object_get(inner ? inner : entry, "name"));
    return (struct reply_tool){g->at, object_schema(g, reply_tool_schema(g->tools, g->at)), at};
}

uint32_t reply_any_tool(struct reply_grammar *g,
                        uint32_t (*one)(struct reply_grammar *g, const struct reply_tool *tool))
{
    uint32_t any = GRAMMAR_NOTHING;
    for (size_t i = 0; i < json_array_size(g->tools) && !grammar_failed(g->builder); i++) {
        struct reply_tool tool = tool_at(g, i);
        any = grammar_or(g->builder, any, one(g, &tool));
    }
    return any;
}

uint32_t reply_json_arguments(struct reply_grammar *g, const struct reply_tool *tool)
{
    if (!g->json[tool->at])
        g->json[tool->at] = schema_grammar(g->builder, tool->schema);
    return g->json[tool->at];
}

uint32_t reply_call_in_json(struct reply_grammar *g, const char *before, const char *between, const char *after)
{
    uint32_t any = GRAMMAR_NOTHING;
    bool quoted = str_ends(str_of(before), STR("\""));
    for (size_t i = 0; i < json_array_size(g->tools) && !grammar_failed(g->builder); i++) {
        struct reply_tool tool = tool_at(g, i);
        struct buf head = {0};
        buf_str(&head, str_of(before));
        if (quoted)
            reply_json_escape(tool.name, &head);
        else
            buf_str(&head, tool.name);
        buf_str(&head, str_of(between));
        uint32_t parts[] = {grammar_literal(g->builder, buf_view(&head)), reply_json_arguments(g, &tool),
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
                            uint32_t (*one)(struct reply_grammar *g, const struct reply_tool *tool,
                                            const struct reply_member *member),
                            const char *between)
{
    size_t n = 0;
    const json_t *schema = reply_schema_follow(g, tool, tool->schema);
    reply_json_arguments(g, tool); /* what no format honours is refused here too */
    const char *more = reply_schema_says(schema, NULL, REPLY_ANY & ~(unsigned)REPLY_OBJECT);
    if (more)
        return reply_schema_refuse(g, more);
    struct reply_member *members = reply_schema_members(g, schema, &n);
    uint32_t *parts = calloc(n + 1, sizeof *parts), all = GRAMMAR_NOTHING;
    bool *required = calloc(n + 1, sizeof *required);
    if (members && parts && required) {
        for (size_t i = 0; i < n && !grammar_failed(g->builder); i++) {
            if (!*members[i].key || strpbrk(members[i].key, "<>\n"))
                grammar_fail(g->builder, HOB_FORMAT, "\"%.40s\" is no name of an argument", members[i].key);
            required[i] = members[i].required;
            parts[i] = one(g, tool, &members[i]);
        }
        all = reply_members(g, parts, required, n, reply_literal(g, between));
    } else {
        grammar_fail(g->builder, HOB_LIMIT, "no memory for a tool's arguments");
    }
    free(members);
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

/* What starts calls, and what follows. */
struct ways {
    struct str marks[REPLY_MARKS + 1]; /* that free text does not hold */
    size_t n_marks;
    uint32_t first, bare; /* a call at the start of a reply; one without a mark */
    uint32_t later;       /* a call behind text or calls */
    uint32_t text;        /* what may stand before, between and behind calls */
};

/* Takes what matches a pattern out of `all`. */
static struct automaton *take_out(struct grammar_builder *b, struct automaton *all, struct str pattern)
{
    return automaton_both(b, all, automaton_search(b, pattern), true);
}

/* Text where a call without a mark may stand: it has none of the marks, and none of its lines starts like such a call.
 * Control tokens would hide where a line starts. */
static uint32_t bare_text(struct reply_grammar *g, const struct reply_format *format, const struct ways *w)
{
    struct automaton *all = automaton_any(g->builder);
    struct buf look = {0}, pattern = {0};
    format->bare_look(g, &look);
    for (size_t i = 0; i < w->n_marks; i++) {
        pattern.len = 0;
        reply_quote_pattern(w->marks[i], &pattern);
        all = take_out(g->builder, all, buf_view(&pattern));
    }
    for (int i = 0; i < 2; i++) {
        pattern.len = 0;
        buf_format(&pattern, "%s[ \\t\\r\\n;]*%.*s", i ? "\\n" : "^", (int)look.len, buf_text(&look));
        all = take_out(g->builder, all, buf_view(&pattern));
    }
    uint32_t part = all ? automaton_grammar(g->builder, all, false) : GRAMMAR_NOTHING;
    automaton_free(all);
    buf_clear(&look);
    buf_clear(&pattern);
    return part;
}

static struct ways find_ways(struct reply_grammar *g, const struct reply_format *format)
{
    struct grammar_builder *b = g->builder;
    struct ways w = {.first = GRAMMAR_NOTHING, .bare = GRAMMAR_NOTHING, .later = GRAMMAR_NOTHING};
    for (unsigned i = 0; i < REPLY_MARKS && format->triggers[i]; i++) {
        bool is_bare = format->bare && (i + 1 == REPLY_MARKS || !format->triggers[i + 1]);
        uint32_t body = json_array_size(g->tools) ? format->grammar(g, i) : GRAMMAR_NOTHING;
        if (is_bare) {
            w.bare = body;
            body = grammar_then(b, grammar_choices(b, (struct str[]){STR("\n"), STR("; "), STR(";")}, 3), body);
        } else {
            w.marks[w.n_marks++] = str_of(format->triggers[i]);
            body = grammar_then(b, reply_mark(g, format->triggers[i]), body);
            w.first = grammar_or(b, w.first, body);
        }
        w.later = grammar_or(b, w.later, body);
    }
    if (g->no_thinking)
        w.marks[w.n_marks++] = str_of(format->think_open);
    w.first = grammar_or(b, w.first, w.bare);
    w.text = format->bare ? bare_text(g, format, &w) : free_text(g, w.marks, w.n_marks);
    return w;
}

/* Free text and calls, as often as they like. */
static uint32_t free_reply(struct reply_grammar *g, struct ways *w)
{
    struct grammar_builder *b = g->builder;
    uint32_t max = g->one_call ? 1 : GRAMMAR_MANY;
    uint32_t whole = grammar_then(b, w->text, grammar_repeat(b, grammar_then(b, w->later, w->text), 0, max));
    if (w->bare == GRAMMAR_NOTHING)
        return whole;
    return grammar_or(
        b, whole,
        reply_seq(g, (uint32_t[]){reply_space(g), w->bare, g->one_call ? w->text : whole, REPLY_GRAMMAR_END}));
}

/* Calls and nothing else. */
static uint32_t only_calls(struct reply_grammar *g, struct ways *w)
{
    struct grammar_builder *b = g->builder;
    uint32_t space = reply_space(g);
    uint32_t more = grammar_repeat(b, grammar_then(b, space, w->later), 0, g->one_call ? 0 : GRAMMAR_MANY);
    return reply_seq(g, (uint32_t[]){space, w->first, more, REPLY_GRAMMAR_END});
}

/* The answer, and the marks that may stand around it. */
static uint32_t answer(struct reply_grammar *g, const struct reply_format *format)
{
    uint32_t whole = g->answer;
    if (format->around[0])
        whole = reply_seq(g, (uint32_t[]){reply_optional(g, reply_mark(g, format->around[0])), whole,
                                          reply_optional(g, reply_mark(g, format->around[1])), REPLY_GRAMMAR_END});
    return whole;
}

/* What may follow the thinking part. */
static uint32_t reply_body(struct reply_grammar *g, const struct reply_format *format)
{
    struct ways w = find_ways(g, format);
    uint32_t body;
    if (g->must)
        body = only_calls(g, &w);
    else if (!g->has_answer)
        body = free_reply(g, &w);
    else if (json_array_size(g->tools))
        body = grammar_or(g->builder, answer(g, format), only_calls(g, &w));
    else
        body = answer(g, format);
    return body;
}

/* The same behind a thinking part, in which marks mean nothing. */
static uint32_t behind_thinking(struct reply_grammar *g, const struct reply_form *form, uint32_t body)
{
    struct grammar_builder *b = g->builder;
    if (form->format->whole || !reply_form_may_think(form))
        return body;
    bool inside = reply_form_in_thinking(form), is_free = !g->must && !g->has_answer;
    struct str close = str_of(form->format->think_close);
    uint32_t thoughts = free_text(g, &close, 1), space = is_free ? GRAMMAR_EMPTY : reply_space(g);
    uint32_t both =
        reply_seq(g, (uint32_t[]){thoughts, reply_mark(g, form->format->think_close), space, body, REPLY_GRAMMAR_END});
    if (inside)
        return is_free ? grammar_or(b, thoughts, both) : both;
    if (g->no_thinking)
        return body;
    uint32_t open = grammar_then(b, reply_space(g), reply_mark(g, form->format->think_open));
    return grammar_or(b, body, grammar_then(b, open, both));
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
            if ((unsigned char)name.ptr[k] <= ' ' || byte_in(name.ptr[k], "<>{}[]\"'\\"))
                return error_set(err, HOB_USAGE, "tools[%zu]: \"%.*s\" is no name of a tool", i, (int)name.len,
                                 name.ptr);
    }
    return true;
}

/* Whether the list of names has this one. */
static bool has_name(const json_t *names, struct str name)
{
    for (size_t i = 0; i < json_array_size(names); i++)
        if (str_eq(json_span(json_array_get(names, i)), name))
            return true;
    return false;
}

static struct str tool_name(const json_t *tools, size_t i)
{
    const json_t *entry = json_array_get(tools, i), *inner = json_object_get(entry, "function");
    return json_span(json_object_get(inner ? inner : entry, "name"));
}

/* Whether each name of a choice is that of a tool. */
static bool check_only(const struct reply_demand *demand, struct hob_error *err)
{
    for (size_t i = 0; i < json_array_size(demand->only); i++) {
        struct str name = json_span(json_array_get(demand->only, i));
        size_t k = 0, n = json_array_size(demand->tools);
        while (k < n && !str_eq(tool_name(demand->tools, k), name))
            k++;
        if (k == n)
            return error_set(err, HOB_USAGE, "tool_choice: no tool is named \"%.*s\"",
                             (int)(name.len < 80 ? name.len : 80), name.ptr);
    }
    return true;
}

/* The tools that may be called: all, those that are named, or none. The caller owns the reference. */
static json_t *callable(const struct reply_demand *demand, struct hob_error *err)
{
    if (!check_only(demand, err))
        return NULL;
    json_t *some = json_array();
    for (size_t i = 0; demand->choice != REPLY_CALLS_NONE && i < json_array_size(demand->tools); i++)
        if (!demand->only || has_name(demand->only, tool_name(demand->tools, i)))
            json_array_append(some, json_array_get(demand->tools, i));
    if (some && (json_array_size(some) || demand->choice != REPLY_CALLS_MUST))
        return some;
    if (!some)
        error_memory(err, 64);
    else
        error_set(err, HOB_USAGE, "tool_choice: there are no tools to be called");
    json_decref(some);
    return NULL;
}

/* Whether the format can do what is demanded. */
static bool check_demand(const struct reply_demand *demand, struct hob_error *err)
{
    const struct reply_format *format = demand->form.format;
    if (json_array_size(demand->tools) == 0)
        return true;
    if (!format->grammar)
        return error_set(err, HOB_FORMAT, "tools: replies of the format \"%s\" have no tool calls", format->name);
    if (format->bare && demand->answer && demand->choice == REPLY_CALLS_MAY)
        return error_set(err, HOB_FORMAT,
                         "tools: a constraint beside them is not possible in the format \"%s\", where a call and an "
                         "answer in JSON look the same",
                         format->name);
    return check_tools(demand->tools, err);
}

struct grammar *reply_grammar_new(const struct reply_demand *demand, const struct tokenizer *tokenizer,
                                  struct hob_error *err)
{
    const struct reply_format *format = demand->form.format;
    if (!check_demand(demand, err))
        return NULL;
    struct reply_grammar g = {.builder = grammar_begin(err),
                              .tokenizer = tokenizer,
                              .must = demand->choice == REPLY_CALLS_MUST,
                              .one_call = demand->one_call,
                              .no_thinking = demand->no_thinking,
                              .has_answer = demand->answer != NULL};
    struct grammar *grammar = NULL;
    if (g.builder && (g.tools = callable(demand, err)) && (g.made = json_array()) &&
        (g.json = calloc(json_array_size(g.tools) + 1, sizeof *g.json))) {
        if (demand->answer)
            g.answer = demand->answer(g.builder, demand->user);
        bool failed = grammar_failed(g.builder); /* by what has nothing to do with tools */
        uint32_t root = format->whole ? format->grammar(&g, 0) : reply_body(&g, format);
        bool by_tool = !failed && grammar_failed(g.builder);
        grammar = grammar_finish(g.builder, behind_thinking(&g, &demand->form, root), err);
        if (!grammar && by_tool && g.at.len)
            error_prefix(err, "tools: %.*s", (int)g.at.len, g.at.ptr);
        else if (!grammar && !demand->answer)
            error_prefix(err, "tools");
    } else {
        grammar_drop(g.builder);
        if (g.tools && g.builder)
            error_memory(err, 64);
    }
    json_decref(g.made);
    json_decref(g.tools);
    free(g.json);
    return grammar;
}
