/* SPDX-License-Identifier: Apache-2.0
 *
 * hob limits: the limits of the server.
 */
#include "cli/commands.h"
#include "cli/output.h"
#include "server/limits.h"

static bool limits_run(struct args *args, struct hob_error *err)
{
    (void)err;
    if (args->json) {
        json_t *list = limits_json();
        output_json(list);
        json_decref(list);
        return true;
    }
    output_format("%-20s  %9s  %-14s  %-52s  %s\n", "NAME", "VALUE", "UNIT", "LIMITS", "BEYOND IT");
    for (size_t i = 0; i < N_LIMITS; i++)
        output_format("%-20s  %9lld  %-14s  %-52s  %s\n", limits[i].name, limits[i].value, limits[i].unit,
                      limits[i].what, limits[i].over);
    return true;
}

static const struct example examples[] = {
    {"hob limits", "the table"},
    {"hob serve --limit queue=16", "another value"},
    {0},
};

const struct command limits_command = {
    .name = "limits",
    .summary = "Lists the limits of the server",
    .usage = "",
    .help = "The values are those of a server that is started without --limit; GET /limits tells those of one that "
            "runs.",
    .examples = examples,
    .json = "an array of {\"name\", \"limits\", \"value\", \"unit\", \"over\"}",
    .run = limits_run,
};
