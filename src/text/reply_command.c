/* SPDX-License-Identifier: Apache-2.0
 *
 * Cohere's Command. Since R7B and A, marks stand around each part; Command R writes a word and a block of JSON.
 *
 *   Command A  <|START_THINKING|> thoughts <|END_THINKING|><|START_RESPONSE|> text <|END_RESPONSE|>
 *              <|START_ACTION|>[{"tool_call_id": ID, "tool_name": NAME, "parameters": {...}}, ...]<|END_ACTION|>
 *   Command R  Action: ```json
 *              [{"tool_name": NAME, "parameters": {...}}, ...]```
 */
#include "text/reply_format.h"

static enum reply_read step_a(struct reply_parser *parser)
{
    static const char *const close[] = {"<|END_ACTION|>", NULL};
    if (parser->stage)
        return reply_read_close(parser, close);
    enum reply_read found = reply_read_calls(parser);
    parser->stage = found == REPLY_YES;
    return found;
}

static enum reply_read step_r(struct reply_parser *parser)
{
    static const char *const close[] = {"```", NULL};
    enum { FENCE, LIST, CLOSE };
    enum reply_read found;
    switch (parser->stage) {
    case FENCE:
        found = reply_read_space(parser);
        if (found == REPLY_YES && parser->raw.ptr[parser->at] == '`')
            found = reply_read_text(parser, "```json");
        if (found == REPLY_YES)
            parser->stage = LIST;
        return found;
    case LIST:
        found = reply_read_calls(parser);
        parser->stage = found == REPLY_YES ? CLOSE : LIST;
        return found;
    default:
        return reply_read_close(parser, close);
    }
}

const struct reply_format reply_command_a = {
    .name = "command-a",
    .signs = {"<|START_ACTION|>"},
    .think_open = "<|START_THINKING|>",
    .think_close = "<|END_THINKING|>",
    .think_anywhere = true,
    .triggers = {"<|START_ACTION|>"},
    .dropped = {"<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>", "<|END_OF_TURN_TOKEN|>"},
    .tokens = {"<|END_ACTION|>"},
    .step = step_a,
};

const struct reply_format reply_command_r = {
    .name = "command-r",
    .signs = {"Action:", "```json", "<|START_OF_TURN_TOKEN|>"},
    .triggers = {"Action:"},
    .step = step_r,
};
