/* SPDX-License-Identifier: Apache-2.0
 *
 * Phi-4-mini: calls in JSON, between marks or, as Microsoft's examples have it, after a word. Its published template
 * shows tools and leaves the calls to the model.
 *
 *   <|tool_call|>[{"name": NAME, "arguments": {...}}, ...]<|/tool_call|>
 *   functools[{"name": NAME, "arguments": {...}}, ...]
 */
#include "text/reply_format.h"

static enum reply_read step(struct reply_parser *parser)
{
    static const char *const close[] = {"<|/tool_call|>", NULL};
    if (parser->stage)
        return reply_read_close(parser, close);
    enum reply_read found = reply_read_calls(parser);
    parser->stage = found == REPLY_YES;
    return found;
}

const struct reply_format reply_phi4_mini = {
    .name = "phi4-mini",
    .signs = {"<|tool|>", "<|/tool|>"},
    .think_open = "<think>",
    .think_close = "</think>",
    .triggers = {"<|tool_call|>", "functools"},
    .tokens = {"<|/tool_call|>"},
    .step = step,
};
