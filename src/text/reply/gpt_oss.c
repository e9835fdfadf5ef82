/* SPDX-License-Identifier: Apache-2.0
 *
 * gpt-oss: every part is a message with a header, "harmony". A message to a tool is a call; else the channel says what
 * it is: analysis is thinking, final is text, and so is commentary, which people are meant to read. The prompt ends
 * within the first header. Browser and Python are tools of their own; what goes to Python is code.
 *
 *   <|channel|>analysis<|message|> thoughts <|end|>
 *   <|start|>assistant<|channel|>final<|message|> text <|return|>
 *   <|start|>assistant to=functions.NAME<|channel|>commentary json<|message|>{...}<|call|>
 *   <|start|>assistant<|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{...}<|call|>
 */
#include "text/reply/format.h"

enum stage { START, ROLE, HEADER, BODY, ARGUMENTS, CODE, AFTER };

enum { MAX_HEADER_BYTES = 512 };

/* What ends a message; the last two begin the next header. */
static const char *const ends[] = {"<|end|>", "<|call|>", "<|return|>", "<|start|>", "<|channel|>", NULL};

enum { N_PLAIN_ENDS = 3 };

/* What a header goes on with after "assistant". */
static const char *const heads[] = {"<|channel|>", "<|message|>", " to=", "<|constrain|>", NULL};

/* The word after `mark` in a header, or an empty span. */
static struct str word_after(struct str header, const char *mark)
{
    size_t at = str_find(header, str_of(mark), 0), end;
    if (at == SIZE_MAX)
        return STR("");
    at += strlen(mark);
    for (end = at; end < header.len && !byte_in(header.ptr[end], " \n<"); end++)
        ;
    return (struct str){header.ptr + at, end - at};
}

/* A message of this kind begins: parts of one kind are told from each other by a newline. */
static void begin_message(struct reply_parser *parser, bool thinking)
{
    bool again = thinking ? parser->has_thought : parser->has_text;
    parser->thinking = thinking;
    reply_tell_mark(parser);
    if (thinking)
        parser->fresh = !parser->has_thought;
    if (again)
        reply_tell(parser, thinking ? REPLY_THINKING : REPLY_TEXT, STR("\n"));
    parser->has_thought = parser->has_thought || thinking;
    parser->stage = BODY;
}

/* Begins what a header says. */
static enum reply_read take_header(struct reply_parser *parser, struct str header)
{
    struct str to = word_after(header, " to="), channel = word_after(header, "<|channel|>"), space = STR("functions.");
    if (to.len == 0) {
        begin_message(parser, str_eq(channel, STR("analysis")));
        return REPLY_YES;
    }
    bool code = str_eq(to, STR("python"));
    if (str_starts(to, space))
        to = str_from(to, space.len);
    parser->name.len = 0;
    buf_str(&parser->name, to);
    if (reply_call_begin(parser) == REPLY_NO)
        return REPLY_NO;
    reply_forget_read(parser);
    if (code)
        reply_argument_begin_text(parser, STR("code"));
    parser->stage = code ? CODE : ARGUMENTS;
    return REPLY_YES;
}

/* Between messages: an end that is still to come, the next header, or, where neither stands there, text. */
static enum reply_read read_start(struct reply_parser *parser)
{
    bool more = reply_unread(parser).len == 0;
    for (unsigned i = 0; heads[i]; i++) {
        enum reply_read found = reply_read_text(parser, heads[i]);
        more = more || found == REPLY_MORE;
        if (found != REPLY_YES)
            continue;
        parser->at -= strlen(heads[i]);
        parser->stage = HEADER;
        return REPLY_YES;
    }
    enum reply_read start = reply_read_text(parser, "<|start|>");
    if (start == REPLY_YES)
        parser->stage = ROLE;
    for (unsigned i = 0; i < N_PLAIN_ENDS && start == REPLY_NO; i++)
        start = reply_read_text(parser, ends[i]);
    if (start != REPLY_NO)
        return start;
    if (more)
        return REPLY_MORE;
    parser->stage = BODY;
    parser->thinking = false;
    return REPLY_YES;
}

static void put_body(struct reply_parser *parser, struct str bytes)
{
    reply_tell(parser, parser->thinking ? REPLY_THINKING : REPLY_TEXT, bytes);
}

/* A message's body, up to what ends it. */
static enum reply_read read_body(struct reply_parser *parser)
{
    unsigned which = 0;
    bool code = parser->stage == CODE;
    enum reply_read found = reply_read_stream(parser, ends, code ? reply_argument_add : put_body, &which);
    if (!code)
        reply_forget_read(parser);
    if (found != REPLY_YES)
        return found;
    if (code) {
        reply_argument_end(parser);
        reply_arguments_end(parser);
        reply_call_end(parser);
    }
    reply_tell_mark(parser);
    parser->stage = which == N_PLAIN_ENDS ? ROLE : START;
    if (which > N_PLAIN_ENDS) { /* a channel without a start */
        parser->raw.len = parser->at = 0;
        buf_str(&parser->raw, str_of(ends[which]));
    }
    return REPLY_YES;
}

/* No arguments at all: the message ends at once. */
static enum reply_read read_empty(struct reply_parser *parser)
{
    struct str rest = reply_unread(parser);
    if (parser->arguments || (rest.len && *rest.ptr != '<'))
        return REPLY_NO;
    bool more = false;
    for (unsigned i = 0; i < N_PLAIN_ENDS; i++) {
        if (str_starts(rest, str_of(ends[i])))
            return REPLY_YES;
        more = more || str_starts(str_of(ends[i]), rest);
    }
    return more ? REPLY_MORE : REPLY_NO;
}

static enum reply_read read_on(struct reply_parser *parser)
{
    static const char *const message[] = {"<|message|>", NULL};
    enum reply_read found;
    struct str text;
    unsigned which;
    switch ((enum stage)parser->stage) {
    case START:
        return read_start(parser);
    case ROLE:
        found = reply_read_until(parser, heads, MAX_HEADER_BYTES, &text, &which);
        if (found == REPLY_YES) {
            parser->at -= strlen(heads[which]);
            parser->stage = HEADER;
        }
        return found;
    case HEADER:
        found = reply_read_until(parser, message, MAX_HEADER_BYTES, &text, &which);
        return found == REPLY_YES ? take_header(parser, text) : found;
    case BODY:
    case CODE:
        return read_body(parser);
    case ARGUMENTS:
        found = read_empty(parser);
        found = found == REPLY_NO ? reply_read_arguments(parser) : found;
        if (found == REPLY_YES) {
            reply_call_end(parser);
            parser->stage = AFTER;
        }
        return found;
    case AFTER:
        parser->stage = reply_read_space(parser) == REPLY_YES ? START : AFTER;
        return parser->stage == START ? REPLY_YES : REPLY_MORE;
    }
    return REPLY_NO;
}

static enum reply_read step(struct reply_parser *parser)
{
    enum reply_read found = read_on(parser);
    if (found != REPLY_NO)
        return found;
    reply_call_broken(parser);
    parser->stage = BODY;
    parser->thinking = false;
    return REPLY_YES;
}

/* A header that was cut says nothing. */
static void finish(struct reply_parser *parser)
{
    if (parser->stage == START)
        parser->thinking = false;
    if (parser->stage == START || parser->stage == BODY)
        put_body(parser, reply_unread(parser));
    else if (parser->stage == CODE)
        reply_argument_add(parser, reply_unread(parser));
    if (parser->stage == CODE) {
        reply_argument_end(parser);
        reply_arguments_end(parser);
    }
    parser->closing = parser->stage != ARGUMENTS;
}

/* The header of a call and its arguments. The recipient stands before the channel, or in it. */
static uint32_t one_tool(struct reply_grammar *g, const struct reply_tool *tool)
{
    struct grammar_builder *b = g->builder;
    uint32_t to = grammar_then(b, reply_literal(g, " to=functions."), grammar_literal(b, tool->name));
    uint32_t channel =
        reply_seq(g, (uint32_t[]){reply_mark(g, "<|channel|>"), reply_literal(g, "commentary"), REPLY_GRAMMAR_END});
    uint32_t head = grammar_or(b, grammar_then(b, to, channel), grammar_then(b, channel, to));
    /* " json" without the mark: what stands before it ends in a name */
    uint32_t space = reply_literal(g, " "), mark = reply_mark(g, "<|constrain|>");
    uint32_t before = grammar_or(b, grammar_then(b, space, reply_optional(g, mark)), mark);
    uint32_t type = grammar_then(b, before, reply_literal(g, "json"));
    return reply_seq(g, (uint32_t[]){head, reply_optional(g, type), reply_mark(g, "<|message|>"),
                                     reply_json_arguments(g, tool), REPLY_GRAMMAR_END});
}

/* A message in one of the channels (n). */
static uint32_t message(struct reply_grammar *g, const struct str *channels, size_t n, uint32_t body)
{
    return reply_seq(g, (uint32_t[]){reply_mark(g, "<|channel|>"), grammar_choices(g->builder, channels, n),
                                     reply_mark(g, "<|message|>"), body, REPLY_GRAMMAR_END});
}

/* Messages, with a header each; the first one's has been begun by the prompt. The last of them is a call, the answer
 * or, where it is free, any. */
static uint32_t grammar(struct reply_grammar *g, unsigned trigger)
{
    static const struct str marks[] = {
        {"<|end|>", 7}, {"<|start|>", 9}, {"<|channel|>", 11}, {"<|call|>", 8}, {"<|return|>", 10}};
    static const struct str channels[] = {{"analysis", 8}, {"commentary", 10}, {"final", 5}};
    struct grammar_builder *b = g->builder;
    const struct str *first = g->no_thinking ? channels + 1 : channels;
    const struct str *before_end = g->has_answer ? channels + 1 : g->must ? channels + 2 : channels + 3;
    size_t n = (size_t)(before_end - first);
    uint32_t last = json_array_size(g->tools) ? reply_any_tool(g, one_tool) : GRAMMAR_NOTHING;
    uint32_t body = grammar_without(b, marks, sizeof marks / sizeof *marks);
    uint32_t next = n ? message(g, first, n, body) : GRAMMAR_NOTHING;
    (void)trigger;
    if (g->has_answer && !g->must)
        last = grammar_or(b, last, message(g, channels + 2, 1, g->answer));
    else if (!g->must)
        last = grammar_or(b, last, next);
    next = reply_seq(g, (uint32_t[]){next, reply_mark(g, "<|end|>"), reply_mark(g, "<|start|>"),
                                     reply_literal(g, "assistant"), REPLY_GRAMMAR_END});
    return grammar_then(b, grammar_repeat(b, next, 0, GRAMMAR_MANY), last);
}

const struct reply_format reply_gpt_oss = {
    .name = "gpt-oss",
    .signs = {"<|channel|>", "<|message|>"},
    .think_open = "<|start|>assistant",
    .think_close = "<|channel|>final<|message|>",
    .tokens = {"<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>", "<|call|>", "<|return|>"},
    .whole = true,
    .step = step,
    .grammar = grammar,
    .finish = finish,
};
