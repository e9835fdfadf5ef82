/* SPDX-License-Identifier: Apache-2.0
 *
 * DeepSeek V3 and R1 give a call's type, its name and a block of JSON; V3.1 gives the name and the JSON alone. Both are
 * read everywhere: models of the one write the other's.
 *
 *   V3    <calls begin> <call begin>function<sep>NAME\n```json\n{...}\n```<call end> ... <calls end>
 *   V3.1  <calls begin> <call begin>NAME<sep>{...}<call end> ... <calls end>
 */
#include "text/reply/format.h"

/* The marks' bars are U+FF5C, their gaps U+2581. */
#define CALLS_BEGIN                                                                                                    \
    "<\xef\xbd\x9ctool\xe2\x96\x81"                                                                                    \
    "calls\xe2\x96\x81"                                                                                                \
    "begin\xef\xbd\x9c>"
#define CALLS_END                                                                                                      \
    "<\xef\xbd\x9ctool\xe2\x96\x81"                                                                                    \
    "calls\xe2\x96\x81"                                                                                                \
    "end\xef\xbd\x9c>"
#define CALL_BEGIN                                                                                                     \
    "<\xef\xbd\x9ctool\xe2\x96\x81"                                                                                    \
    "call\xe2\x96\x81"                                                                                                 \
    "begin\xef\xbd\x9c>"
#define CALL_END                                                                                                       \
    "<\xef\xbd\x9ctool\xe2\x96\x81"                                                                                    \
    "call\xe2\x96\x81"                                                                                                 \
    "end\xef\xbd\x9c>"
#define SEP "<\xef\xbd\x9ctool\xe2\x96\x81sep\xef\xbd\x9c>"

enum stage { BETWEEN, TYPE, AFTER_TYPE, NAME, FENCE, ARGUMENTS, AFTER };

enum { MAX_NAME_BYTES = 256 };

/* The next call, or the end of all. */
static enum reply_read read_between(struct reply_parser *parser)
{
    if (reply_read_space(parser) == REPLY_MORE)
        return REPLY_MORE;
    enum reply_read begin = reply_read_text(parser, CALL_BEGIN), end = reply_read_text(parser, CALLS_END);
    parser->closing = parser->n_calls > 0;
    if (begin == REPLY_YES) {
        parser->closing = false;
        parser->stage = TYPE;
        return REPLY_YES;
    }
    if (end == REPLY_YES)
        return REPLY_LEAVE;
    if (begin == REPLY_MORE || end == REPLY_MORE)
        return REPLY_MORE;
    return parser->n_calls ? REPLY_LEAVE : REPLY_NO;
}

/* What stands before the separator is the type or the name; the byte after it says which. */
static enum reply_read read_after_type(struct reply_parser *parser)
{
    if (reply_read_space(parser) == REPLY_MORE)
        return REPLY_MORE;
    char c = parser->raw.ptr[parser->at];
    bool fenced = c == '`';
    if (c != '{' && c != '"' && !fenced) {
        parser->stage = NAME;
        return REPLY_YES;
    }
    parser->stage = fenced ? FENCE : ARGUMENTS;
    return reply_call_begin(parser);
}

/* The end of a call; a fence may stand before it. */
static enum reply_read read_after(struct reply_parser *parser)
{
    static const char *const ends[] = {CALL_END, NULL};
    struct str between;
    unsigned which;
    parser->closing = true;
    enum reply_read found = reply_read_until(parser, ends, 64, &between, &which);
    parser->stage = BETWEEN;
    if (found == REPLY_MORE)
        parser->stage = AFTER;
    return found == REPLY_NO ? REPLY_LEAVE : found;
}

static enum reply_read step(struct reply_parser *parser)
{
    static const char *const sep[] = {SEP, NULL}, *const name_end[] = {"\n", "`", "{", NULL};
    enum reply_read found;
    struct str text;
    unsigned which;
    switch ((enum stage)parser->stage) {
    case BETWEEN:
        return read_between(parser);
    case TYPE:
        found = reply_read_until(parser, sep, MAX_NAME_BYTES, &text, &which);
        if (found == REPLY_YES) {
            buf_str(&parser->name, text);
            parser->stage = AFTER_TYPE;
        }
        return found;
    case AFTER_TYPE:
        return read_after_type(parser);
    case NAME:
        found = reply_read_until(parser, name_end, MAX_NAME_BYTES, &text, &which);
        if (found != REPLY_YES)
            return found;
        parser->at -= 1;
        parser->name.len = 0;
        while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\r'))
            text.len--;
        buf_str(&parser->name, text);
        parser->stage = FENCE;
        return reply_call_begin(parser);
    case FENCE:
        found = reply_read_space(parser);
        if (found == REPLY_YES && parser->raw.ptr[parser->at] == '`')
            found = reply_read_text(parser, "```json");
        if (found == REPLY_YES)
            parser->stage = ARGUMENTS;
        return found;
    case ARGUMENTS:
        found = reply_read_arguments(parser);
        if (found == REPLY_YES) {
            reply_call_end(parser);
            parser->stage = AFTER;
        }
        return found;
    case AFTER:
        return read_after(parser);
    }
    return REPLY_NO;
}

/* Calls of which each is `call`. */
static uint32_t calls_grammar(struct reply_grammar *g, uint32_t call)
{
    call = reply_seq(g, (uint32_t[]){reply_mark(g, CALL_BEGIN), call, reply_mark(g, CALL_END), REPLY_GRAMMAR_END});
    return reply_seq(
        g, (uint32_t[]){reply_one_or_many(g, call, reply_space(g)), reply_mark(g, CALLS_END), REPLY_GRAMMAR_END});
}

static uint32_t grammar_v3(struct reply_grammar *g, unsigned trigger)
{
    uint32_t call = reply_call_in_json(g, "", "\n```json\n", "\n```");
    (void)trigger;
    return calls_grammar(
        g, reply_seq(g, (uint32_t[]){reply_literal(g, "function"), reply_mark(g, SEP), call, REPLY_GRAMMAR_END}));
}

static uint32_t one_tool(struct reply_grammar *g, const struct reply_tool *tool)
{
    return reply_seq(g, (uint32_t[]){grammar_literal(g->builder, tool->name), reply_mark(g, SEP),
                                     reply_json_arguments(g, tool), REPLY_GRAMMAR_END});
}

static uint32_t grammar_v31(struct reply_grammar *g, unsigned trigger)
{
    (void)trigger;
    return calls_grammar(g, reply_any_tool(g, one_tool));
}

const struct reply_format reply_deepseek_v3 = {
    .name = "deepseek-v3",
    .signs = {CALLS_BEGIN, "```json"},
    .think_open = "<think>",
    .think_close = "</think>",
    .triggers = {CALLS_BEGIN},
    .tokens = {CALLS_END, CALL_BEGIN, CALL_END, SEP},
    .step = step,
    .grammar = grammar_v3,
};

const struct reply_format reply_deepseek_v31 = {
    .name = "deepseek-v3.1",
    .signs = {CALLS_BEGIN},
    .think_open = "<think>",
    .think_close = "</think>",
    .triggers = {CALLS_BEGIN},
    .tokens = {CALLS_END, CALL_BEGIN, CALL_END, SEP},
    .step = step,
    .grammar = grammar_v31,
};
