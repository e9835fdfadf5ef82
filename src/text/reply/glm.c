/* SPDX-License-Identifier: Apache-2.0
 *
 * GLM 4.5 to 4.7: a value that is no string is JSON, a string stands as it is. White space between tags may be missing.
 *
 *   <tool_call>NAME
 *   <arg_key>KEY</arg_key>
 *   <arg_value>VALUE</arg_value>
 *   </tool_call>
 */
#include "text/reply/format.h"

enum stage { NAME, TAG, KEY, VALUE_TAG, VALUE };

enum { MAX_NAME_BYTES = 256 };

/* The name, which the first tag or a newline ends. */
static enum reply_read read_name(struct reply_parser *parser)
{
    static const char *const ends[] = {"\n", "<arg_key>", "</tool_call>", NULL};
    struct str name;
    unsigned which;
    if (reply_read_space(parser) == REPLY_MORE)
        return REPLY_MORE;
    enum reply_read found = reply_read_until(parser, ends, MAX_NAME_BYTES, &name, &which);
    if (found != REPLY_YES)
        return found;
    while (name.len && name.ptr[name.len - 1] == ' ')
        name.len--;
    parser->at -= strlen(ends[which]);
    parser->stage = TAG;
    buf_str(&parser->name, name);
    return REPLY_YES;
}

/* The next argument, or the end. */
static enum reply_read read_tag(struct reply_parser *parser)
{
    if (reply_read_space(parser) == REPLY_MORE)
        return REPLY_MORE;
    enum reply_read key = reply_read_text(parser, "<arg_key>");
    enum reply_read end = key == REPLY_YES ? REPLY_NO : reply_read_text(parser, "</tool_call>");
    if (key != REPLY_YES && end != REPLY_YES)
        return key == REPLY_MORE || end == REPLY_MORE ? REPLY_MORE : REPLY_NO;
    if (!parser->began && reply_call_begin(parser) == REPLY_NO)
        return REPLY_NO;
    if (key == REPLY_YES) {
        parser->stage = KEY;
        return REPLY_YES;
    }
    reply_arguments_end(parser);
    reply_call_end(parser);
    return REPLY_LEAVE;
}

static enum reply_read step(struct reply_parser *parser)
{
    static const char *const key_end[] = {"</arg_key>", NULL}, *const value_end[] = {"</arg_value>", NULL};
    enum reply_read found;
    struct str key;
    unsigned which;
    switch ((enum stage)parser->stage) {
    case NAME:
        return read_name(parser);
    case TAG:
        return read_tag(parser);
    case KEY:
        found = reply_read_until(parser, key_end, MAX_NAME_BYTES, &key, &which);
        if (found == REPLY_YES) {
            reply_argument_begin(parser, key);
            parser->stage = VALUE_TAG;
        }
        return found;
    case VALUE_TAG:
        found = reply_read_space(parser);
        if (found == REPLY_YES && (found = reply_read_text(parser, "<arg_value>")) == REPLY_YES)
            parser->stage = VALUE;
        return found;
    case VALUE:
        found = reply_read_stream(parser, value_end, reply_argument_add, &which);
        if (found == REPLY_YES) {
            reply_argument_end(parser);
            parser->stage = TAG;
        }
        return found;
    }
    return REPLY_NO;
}

static uint32_t one_argument(struct reply_grammar *g, const struct reply_tool *tool, const struct reply_member *member)
{
    static const char *const ends[] = {"</arg_value>", NULL};
    return reply_seq(g, (uint32_t[]){reply_mark(g, "<arg_key>"), reply_literal(g, member->key),
                                     reply_mark(g, "</arg_key>"), reply_space(g), reply_mark(g, "<arg_value>"),
                                     reply_plain_value(g, tool, member->schema, ends), reply_mark(g, "</arg_value>"),
                                     reply_space(g), REPLY_GRAMMAR_END});
}

static uint32_t one_tool(struct reply_grammar *g, const struct reply_tool *tool)
{
    return reply_seq(g, (uint32_t[]){grammar_literal(g->builder, tool->name), reply_space(g),
                                     reply_arguments_of(g, tool, one_argument, ""), REPLY_GRAMMAR_END});
}

static uint32_t grammar(struct reply_grammar *g, unsigned trigger)
{
    (void)trigger;
    return grammar_then(g->builder, reply_any_tool(g, one_tool), reply_mark(g, "</tool_call>"));
}

const struct reply_format reply_glm = {
    .name = "glm",
    .signs = {"<arg_key>"},
    .think_open = "<think>",
    .think_close = "</think>",
    .triggers = {"<tool_call>"},
    .tokens = {"</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"},
    .step = step,
    .grammar = grammar,
};
