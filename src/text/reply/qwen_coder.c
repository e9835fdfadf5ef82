/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls in tags, of Qwen3-Coder, Qwen3.5 and others; a value is plain text, with a newline before it and after it. The
 * outer tags are often forgotten, and some of this line write Hermes' JSON between them.
 *
 *   <tool_call>
 *   <function=NAME>
 *   <parameter=KEY>
 *   VALUE
 *   </parameter>
 *   </function>
 *   </tool_call>
 */
#include "text/reply/format.h"

enum stage { START, FUNCTION, NAME, TAG, KEY, VALUE_START, VALUE, CLOSE, JSON };

enum { MAX_NAME_BYTES = 256 };

/* The next tag: <parameter=, </function>, or </tool_call> where that is forgotten. */
static enum reply_read read_tag(struct reply_parser *parser)
{
    static const char *const tags[] = {"<parameter=", "</function>", "</tool_call>"};
    bool more = false;
    if (reply_read_space(parser) == REPLY_MORE)
        return REPLY_MORE;
    for (unsigned i = 0; i < 3; i++) {
        enum reply_read found = reply_read_text(parser, tags[i]);
        more = more || found == REPLY_MORE;
        if (found != REPLY_YES)
            continue;
        parser->stage = i == 0 ? KEY : CLOSE;
        if (!parser->began && reply_call_begin(parser) == REPLY_NO) /* a name alone may be talk of one */
            return REPLY_NO;
        if (i > 0) {
            reply_arguments_end(parser);
            reply_call_end(parser);
        }
        return REPLY_YES;
    }
    return more ? REPLY_MORE : REPLY_NO;
}

/* What ends a value: its closing tag on a line of its own, or with space or a tag behind it; where it is forgotten, the
 * next tag. Of all but the first, what follows `stays` bytes from the end on is not the value's. */
static const char *const ends[] = {
    "\n</parameter>", "</parameter>\n", "</parameter> ", "</parameter><", "\n<parameter=", "\n</function>", NULL};
static const size_t stays[] = {0, 1, 1, 1, 12, 12};

/* The value. */
static enum reply_read read_value(struct reply_parser *parser)
{
    unsigned which = 0;
    enum reply_read found = reply_read_stream(parser, ends, reply_argument_add, &which);
    if (found != REPLY_YES)
        return found;
    reply_argument_end(parser);
    parser->at -= stays[which];
    parser->stage = TAG;
    return REPLY_YES;
}

static enum reply_read step(struct reply_parser *parser)
{
    static const char *const name_end[] = {">", NULL}, *const close[] = {"</tool_call>", NULL};
    enum reply_read found;
    struct str text;
    unsigned which;
    switch ((enum stage)parser->stage) {
    case START:
        parser->stage = parser->trigger == 1 ? NAME : FUNCTION;
        return REPLY_YES;
    case FUNCTION:
        found = reply_read_space(parser);
        if (found == REPLY_YES && parser->raw.ptr[parser->at] == '{')
            parser->stage = JSON;
        else if (found == REPLY_YES && (found = reply_read_text(parser, "<function=")) == REPLY_YES)
            parser->stage = NAME;
        return found;
    case NAME:
    case KEY:
        found = reply_read_until(parser, name_end, MAX_NAME_BYTES, &text, &which);
        if (found != REPLY_YES)
            return found;
        if (parser->stage == KEY) {
            parser->stage = VALUE_START;
            reply_argument_begin(parser, text);
            return REPLY_YES;
        }
        parser->stage = TAG;
        buf_str(&parser->name, text);
        return REPLY_YES;
    case TAG:
        return read_tag(parser);
    case VALUE_START:
        if (reply_unread(parser).len == 0)
            return REPLY_MORE;
        parser->stage = VALUE;
        parser->at += parser->raw.ptr[parser->at] == '\n';
        return REPLY_YES;
    case VALUE:
        return read_value(parser);
    case CLOSE:
        return reply_read_close(parser, close);
    case JSON:
        found = reply_read_calls(parser);
        parser->stage = found == REPLY_YES ? CLOSE : JSON;
        return found;
    }
    return REPLY_NO;
}

static uint32_t one_argument(struct reply_grammar *g, const struct reply_tool *tool, const struct reply_member *member)
{
    static const char *const none[] = {"</parameter>", "\n<parameter=", "\n</function>", NULL};
    return reply_seq(g, (uint32_t[]){reply_literal(g, "<parameter="), reply_literal(g, member->key),
                                     reply_literal(g, ">\n"), reply_plain_value(g, tool, member->schema, none),
                                     reply_literal(g, "\n</parameter>\n"), REPLY_GRAMMAR_END});
}

static uint32_t one_tool(struct reply_grammar *g, const struct reply_tool *tool)
{
    return reply_seq(g, (uint32_t[]){grammar_literal(g->builder, tool->name), reply_literal(g, ">\n"),
                                     reply_arguments_of(g, tool, one_argument, ""), reply_literal(g, "</function>"),
                                     REPLY_GRAMMAR_END});
}

static uint32_t grammar(struct reply_grammar *g, unsigned trigger)
{
    uint32_t call = g->shared ? g->shared : reply_any_tool(g, one_tool), space = reply_space(g);
    g->shared = call;
    if (trigger)
        return call;
    return reply_seq(g, (uint32_t[]){space, reply_literal(g, "<function="), call, space, reply_mark(g, "</tool_call>"),
                                     REPLY_GRAMMAR_END});
}

const struct reply_format reply_qwen_coder = {
    .name = "qwen-coder",
    .signs = {"<function=", "<parameter="},
    .think_open = "<think>",
    .think_close = "</think>",
    .triggers = {"<tool_call>", "<function="},
    .tokens = {"</tool_call>"},
    .step = step,
    .grammar = grammar,
};
