/* SPDX-License-Identifier: Apache-2.0
 *
 * Mistral: a list of calls in JSON up to Nemo and Small 3.1, name and arguments apart since; the mark stands before
 * each call then. Magistral thinks between [THINK] and [/THINK].
 *
 *   [TOOL_CALLS] [{"name": NAME, "arguments": {...}, "id": ID}, ...]
 *   [TOOL_CALLS]NAME[CALL_ID]ID[ARGS]{...}[TOOL_CALLS]...        [CALL_ID]ID and [ARGS] may be missing
 */
#include "text/reply/format.h"

enum stage { START, LIST, NAME, ID, ARGUMENTS, AFTER };

enum { MAX_NAME_BYTES = 256 };

/* The name, and the mark or the brace that ends it. */
static enum reply_read read_name(struct reply_parser *parser)
{
    static const char *const ends[] = {"[CALL_ID]", "[ARGS]", "{", NULL};
    struct str text;
    unsigned which;
    enum reply_read found = reply_read_until(parser, ends, MAX_NAME_BYTES, &text, &which);
    if (found != REPLY_YES)
        return found;
    while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\n'))
        text.len--;
    parser->at -= which == 2;
    buf_str(&parser->name, text);
    parser->stage = which == 0 ? ID : ARGUMENTS;
    return which == 0 ? REPLY_YES : reply_call_begin(parser);
}

static enum reply_read step(struct reply_parser *parser)
{
    static const char *const id_ends[] = {"[ARGS]", "{", NULL}, *const none[] = {NULL};
    enum reply_read found;
    struct str text;
    unsigned which;
    switch ((enum stage)parser->stage) {
    case START:
        found = reply_read_space(parser);
        if (found == REPLY_YES)
            parser->stage = parser->raw.ptr[parser->at] == '[' || parser->raw.ptr[parser->at] == '{' ? LIST : NAME;
        return found;
    case LIST:
        found = reply_read_calls(parser);
        parser->stage = found == REPLY_YES ? AFTER : LIST;
        return found;
    case NAME:
        return read_name(parser);
    case ID:
        found = reply_read_until(parser, id_ends, MAX_NAME_BYTES, &text, &which);
        if (found != REPLY_YES)
            return found;
        parser->at -= which == 1;
        buf_str(&parser->id, text);
        parser->stage = ARGUMENTS;
        return reply_call_begin(parser);
    case ARGUMENTS:
        found = reply_read_arguments(parser);
        if (found == REPLY_YES) {
            reply_call_end(parser);
            parser->stage = AFTER;
        }
        return found;
    case AFTER:
        return reply_read_close(parser, none);
    }
    return REPLY_NO;
}

/* An id of nine letters and digits. */
static uint32_t id_grammar(struct reply_grammar *g)
{
    struct code_set set = {0};
    code_set_add(&set, '0', '9');
    code_set_add(&set, 'A', 'Z');
    code_set_add(&set, 'a', 'z');
    uint32_t id = grammar_repeat(g->builder, grammar_char(g->builder, &set), 9, 9);
    code_set_clear(&set);
    return id;
}

/* [{"name": NAME, "arguments": ARGUMENTS, "id": ID}, ...] */
static uint32_t list_grammar(struct reply_grammar *g, unsigned trigger)
{
    uint32_t space = reply_space(g), call = reply_call_in_json(g, "{\"name\": \"", "\", \"arguments\": ", "");
    uint32_t id = reply_seq(
        g, (uint32_t[]){reply_literal(g, ", \"id\": \""), id_grammar(g), reply_literal(g, "\""), REPLY_GRAMMAR_END});
    uint32_t between = reply_seq(g, (uint32_t[]){reply_literal(g, ","), space, REPLY_GRAMMAR_END});
    call = reply_seq(g, (uint32_t[]){call, reply_optional(g, id), reply_literal(g, "}"), REPLY_GRAMMAR_END});
    (void)trigger;
    return reply_seq(g, (uint32_t[]){space, reply_literal(g, "["), reply_one_or_many(g, call, between),
                                     reply_literal(g, "]"), REPLY_GRAMMAR_END});
}

/* NAME, an id where the model wants one, and the arguments. */
static uint32_t one_tool(struct reply_grammar *g, const struct reply_tool *tool)
{
    uint32_t id = grammar_then(g->builder, reply_mark(g, "[CALL_ID]"), id_grammar(g));
    uint32_t marks = grammar_then(g->builder, reply_optional(g, id), reply_mark(g, "[ARGS]"));
    return reply_seq(g, (uint32_t[]){grammar_literal(g->builder, tool->name), reply_optional(g, marks),
                                     reply_json_arguments(g, tool), REPLY_GRAMMAR_END});
}

static uint32_t args_grammar(struct reply_grammar *g, unsigned trigger)
{
    (void)trigger;
    return reply_any_tool(g, one_tool);
}

const struct reply_format reply_mistral = {
    .name = "mistral",
    .signs = {"[TOOL_CALLS]"},
    .think_open = "[THINK]",
    .think_close = "[/THINK]",
    .think_anywhere = true,
    .triggers = {"[TOOL_CALLS]"},
    .tokens = {"[CALL_ID]", "[ARGS]"},
    .step = step,
    .grammar = list_grammar,
};

const struct reply_format reply_mistral_args = {
    .name = "mistral-args",
    .signs = {"[TOOL_CALLS]", "[ARGS]"},
    .think_open = "[THINK]",
    .think_close = "[/THINK]",
    .think_anywhere = true,
    .triggers = {"[TOOL_CALLS]"},
    .tokens = {"[CALL_ID]", "[ARGS]"},
    .step = step,
    .grammar = args_grammar,
};
