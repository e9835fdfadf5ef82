/* SPDX-License-Identifier: Apache-2.0
 *
 * Cohere's Command. Since R7B and A, marks stand around each part; Command R writes a word and a block of JSON.
 *
 *   Command A  <|START_THINKING|> thoughts <|END_THINKING|><|START_RESPONSE|> text <|END_RESPONSE|>
 *              <|START_ACTION|>[{"tool_call_id": ID, "tool_name": NAME, "parameters": {...}}, ...]<|END_ACTION|>
 *   Command R  Action: ```json
 *              [{"tool_name": NAME, "parameters": {...}}, ...]```
 */
#include "text/reply/format.h"

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
    if (parser->stage)
        return reply_read_close(parser, close);
    enum reply_read found = reply_read_calls(parser);
    parser->stage = found == REPLY_YES;
    return found;
}

/* [{"tool_call_id": "0", "tool_name": NAME, "parameters": ARGUMENTS}, ...] */
static uint32_t grammar_a(struct reply_grammar *g, unsigned trigger)
{
    struct code_set digits = {0};
    code_set_add(&digits, '0', '9');
    uint32_t space = reply_space(g), number = grammar_repeat(g->builder, grammar_char(g->builder, &digits), 1, 4);
    uint32_t call = reply_call_in_json(g, "\", \"tool_name\": \"", "\", \"parameters\": ", "}");
    uint32_t between = reply_seq(g, (uint32_t[]){reply_literal(g, ","), space, REPLY_GRAMMAR_END});
    call = reply_seq(g, (uint32_t[]){reply_literal(g, "{\"tool_call_id\": \""), number, call, REPLY_GRAMMAR_END});
    code_set_clear(&digits);
    (void)trigger;
    return reply_seq(g, (uint32_t[]){space, reply_literal(g, "["), space, reply_one_or_many(g, call, between), space,
                                     reply_literal(g, "]"), space, reply_mark(g, "<|END_ACTION|>"), REPLY_GRAMMAR_END});
}

/* [{"tool_name": NAME, "parameters": ARGUMENTS}, ...]``` */
static uint32_t grammar_r(struct reply_grammar *g, unsigned trigger)
{
    uint32_t blank = grammar_choices(g->builder, (struct str[]){STR(" "), STR("\n")}, 2);
    uint32_t space = grammar_repeat(g->builder, blank, 0, 16);
    uint32_t name = GRAMMAR_NOTHING;
    (void)trigger;
    for (unsigned indent = 0; indent < 2; indent++) { /* on one line, or as its template shows it */
        const char *before = indent ? "{\n        \"tool_name\": \"" : "{\"tool_name\": \"";
        const char *between = indent ? "\",\n        \"parameters\": " : "\", \"parameters\": ";
        name = grammar_or(g->builder, name, reply_call_in_json(g, before, between, indent ? "\n    }" : "}"));
    }
    uint32_t between = reply_seq(g, (uint32_t[]){reply_literal(g, ","), space, REPLY_GRAMMAR_END});
    return reply_seq(g, (uint32_t[]){space, reply_literal(g, "["), space, reply_one_or_many(g, name, between), space,
                                     reply_literal(g, "]"), space, reply_literal(g, "```"), REPLY_GRAMMAR_END});
}

const struct reply_format reply_command_a = {
    .name = "command-a",
    .signs = {"<|START_ACTION|>"},
    .think_open = "<|START_THINKING|>",
    .think_close = "<|END_THINKING|>",
    .think_anywhere = true,
    .triggers = {"<|START_ACTION|>"},
    .around = {"<|START_RESPONSE|>", "<|END_RESPONSE|>"},
    .dropped = {"<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>", "<|END_OF_TURN_TOKEN|>"},
    .tokens = {"<|END_ACTION|>"},
    .step = step_a,
    .grammar = grammar_a,
};

const struct reply_format reply_command_r = {
    .name = "command-r",
    .signs = {"Action:", "```json", "<|START_OF_TURN_TOKEN|>"},
    .triggers = {"Action: ```json", "Action:```json"},
    .step = step_r,
    .grammar = grammar_r,
};
