/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls in JSON between tags, as Hermes has them and Qwen2.5, Qwen3, SmolLM3 and many others took over.
 *
 *   <think> thoughts </think> text <tool_call> {"name": NAME, "arguments": {...}} </tool_call> <tool_call> ...
 *
 * SmolLM3's published templates name the tags only where tools are given, and some copies leave the tools out.
 */
#include "text/reply/format.h"

static enum reply_read step(struct reply_parser *parser)
{
    static const char *const close[] = {"</tool_call>", NULL};
    if (parser->stage)
        return reply_read_close(parser, close);
    enum reply_read found = reply_read_calls(parser);
    parser->stage = found == REPLY_YES;
    return found;
}

static uint32_t grammar(struct reply_grammar *g, unsigned trigger)
{
    (void)trigger;
    return reply_seq(g, (uint32_t[]){reply_space(g), reply_call_in_json(g, "{\"name\": \"", "\", \"arguments\": ", "}"),
                                     reply_space(g), reply_mark(g, "</tool_call>"), REPLY_GRAMMAR_END});
}

const struct reply_format reply_hermes = {
    .name = "hermes",
    .signs = {"<tool_call>"},
    .think_open = "<think>",
    .think_close = "</think>",
    .triggers = {"<tool_call>"},
    .tokens = {"</tool_call>"},
    .step = step,
    .grammar = grammar,
};

const struct reply_format reply_smollm3 = {
    .name = "smollm3",
    .signs = {"SmolLM", "<think>"},
    .think_open = "<think>",
    .think_close = "</think>",
    .triggers = {"<tool_call>"},
    .tokens = {"</tool_call>"},
    .step = step,
    .grammar = grammar,
};
