/* SPDX-License-Identifier: Apache-2.0
 *
 * Phi-4-mini: calls in JSON, between marks or, as Microsoft's examples have it, after a word. Its published template
 * shows tools and leaves the calls to the model.
 *
 *   <|tool_call|>[{"name": NAME, "arguments": {...}}, ...]<|/tool_call|>
 *   functools[{"name": NAME, "arguments": {...}}, ...]
 */
#include "text/reply/format.h"

enum stage { START, LIST, CLOSE };

static enum reply_read step(struct reply_parser *parser)
{
    static const char *const close[] = {"<|/tool_call|>", NULL};
    enum reply_read found;
    switch ((enum stage)parser->stage) {
    case START:
        parser->at -= parser->trigger == 1; /* the bracket belongs to the list */
        parser->stage = LIST;
        return REPLY_YES;
    case LIST:
        found = reply_read_calls(parser);
        parser->stage = found == REPLY_YES ? CLOSE : LIST;
        return found;
    case CLOSE:
        return reply_read_close(parser, close);
    }
    return REPLY_NO;
}

static uint32_t grammar(struct reply_grammar *g, unsigned trigger)
{
    uint32_t space = reply_space(g), call = reply_call_in_json(g, "{\"name\": \"", "\", \"arguments\": ", "}");
    uint32_t between = reply_seq(g, (uint32_t[]){reply_literal(g, ","), space, REPLY_GRAMMAR_END});
    uint32_t list = reply_seq(g, (uint32_t[]){trigger ? GRAMMAR_EMPTY : reply_literal(g, "["), space,
                                              reply_one_or_many(g, call, between), space, reply_literal(g, "]"),
                                              REPLY_GRAMMAR_END});
    if (trigger)
        return list;
    return reply_seq(g, (uint32_t[]){space, grammar_or(g->builder, list, call), space, reply_mark(g, "<|/tool_call|>"),
                                     REPLY_GRAMMAR_END});
}

const struct reply_format reply_phi4_mini = {
    .name = "phi4-mini",
    .signs = {"<|tool|>", "<|/tool|>"},
    .think_open = "<think>",
    .think_close = "</think>",
    .triggers = {"<|tool_call|>", "functools["},
    .tokens = {"<|/tool_call|>"},
    .step = step,
    .grammar = grammar,
};
