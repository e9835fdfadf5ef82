/* SPDX-License-Identifier: Apache-2.0
 *
 * hob ps: the models that the server has in memory.
 */
#include <time.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/library_view.h"
#include "cli/output.h"

/* Seconds since 1970 of an RFC 3339 time in UTC. */
static int64_t read_time(const char *text)
{
    struct tm tm = {0};
    return text && strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) ? (int64_t)timegm(&tm) : 0;
}

static bool ps_run(struct args *args, struct hob_error *err)
{
    json_t *answer = ask_server("GET", "/api/ps", NULL, err), *model;
    size_t i;
    if (!answer)
        return false;
    if (json_is_false(json_object_get(answer, "sandboxed")))
        message("the server runs without a wall: --allow-unsandboxed; hob selftest says which");
    if (args->json) {
        output_json(json_object_get(answer, "models"));
        json_decref(answer);
        return true;
    }
    output_format("%-28s  %-12s  %-8s  %-9s  %-8s  %s\n", "NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL");
    json_array_foreach(json_object_get(answer, "models"), i, model)
    {
        char size[16], age[48];
        int64_t until = read_time(json_string_value(json_object_get(model, "expires_at"))), now = time(NULL);
        const char *digest = json_string_value(json_object_get(model, "digest"));
        output_format("%-28s  %-12.12s  %-8s  %-9s  %-8lld  %s\n", json_string_value(json_object_get(model, "name")),
                      digest && *digest ? digest : "-",
                      view_size((uint64_t)json_integer_value(json_object_get(model, "size")), size), "100% CPU",
                      (long long)json_integer_value(json_object_get(model, "context_length")),
                      until - now > 3155760000 ? "Forever" : view_age(until, now, age));
    }
    json_decref(answer);
    return true;
}

static const struct example examples[] = {
    {"hob ps", "what is loaded, and for how long"},
    {0},
};

const struct command ps_command = {
    .name = "ps",
    .summary = "Lists the models that the server has in memory",
    .usage = "",
    .help = "It asks the server at $HOB_HOST, else at 127.0.0.1:11434, with the key in $HOB_KEY if it wants one.",
    .examples = examples,
    .json = "an array, as /api/ps has it",
    .run = ps_run,
};
