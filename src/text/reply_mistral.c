/* SPDX-License-Identifier: Apache-2.0
 *
 * Mistral: a list of calls in JSON up to Nemo and Small 3.1, name and arguments apart since; the mark stands before
 * each call then. Magistral thinks between [THINK] and [/THINK].
 *
 *   [TOOL_CALLS] [{"name": NAME, "arguments": {...}, "id": ID}, ...]
 *   [TOOL_CALLS]NAME[CALL_ID]ID[ARGS]{...}[TOOL_CALLS]...        [CALL_ID]ID and [ARGS] may be missing
 */
#include "text/reply_format.h"

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

const struct reply_format reply_mistral = {
    .name = "mistral",
    .signs = {"[TOOL_CALLS]"},
    .think_open = "[THINK]",
    .think_close = "[/THINK]",
    .think_anywhere = true,
    .triggers = {"[TOOL_CALLS]"},
    .tokens = {"[CALL_ID]", "[ARGS]"},
    .step = step,
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
};
