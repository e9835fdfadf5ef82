/* SPDX-License-Identifier: Apache-2.0
 *
 * hob stop: takes a model out of the server's memory.
 */
#include "base/json.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/output.h"

static bool stop_run(struct args *args, struct hob_error *err)
{
    json_t *body = json_pack("{s:s, s:i, s:b}", "model", args->words[0], "keep_alive", 0, "stream", 0);
    json_t *answer = ask_server("POST", "/api/generate", body, err);
    if (answer && args->json)
        output_json(answer);
    json_decref(body);
    json_decref(answer);
    return answer != NULL;
}

static const struct example examples[] = {
    {"hob stop smollm2", "its memory is free when its replies have ended"},
    {0},
};

const struct command stop_command = {
    .name = "stop",
    .summary = "Takes a model out of the server's memory",
    .usage = "NAME",
    .help = "Replies in flight are ended first. It asks the server at $HOB_HOST, else at 127.0.0.1:11434.",
    .examples = examples,
    .json = "as /api/generate has it",
    .min_words = 1,
    .max_words = 1,
    .run = stop_run,
};
