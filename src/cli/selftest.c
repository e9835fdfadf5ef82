/* SPDX-License-Identifier: Apache-2.0
 *
 * hob selftest: tries every exit of a sealed process.
 */
#include "base/error.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "wall/wall.h"

static bool selftest_run(struct args *args, struct hob_error *err)
{
    unsigned n_leaks;
    json_t *rows = wall_selftest(NULL, &n_leaks, err), *row;
    size_t i;
    if (!rows)
        return false;
    if (args->json) {
        output_json(rows);
    } else {
        output_format("%-32s %-18s %-8s %s\n", "EXIT", "CLOSED BY", "FOUND", "");
        json_array_foreach(rows, i, row)
        {
            output_format("%-32s %-18s %-8s %s\n", json_string_value(json_object_get(row, "exit")),
                          json_string_value(json_object_get(row, "wall")),
                          json_string_value(json_object_get(row, "found")),
                          json_is_true(json_object_get(row, "held")) ? "held" : "OPEN");
        }
        output_format("%zu exits tried, %u open\n", json_array_size(rows), n_leaks);
    }
    json_decref(rows);
    return n_leaks == 0 || error_set(err, HOB_REFUSED, "%u exits are open", n_leaks);
}

static const struct example examples[] = {
    {"hob selftest", "the table"},
    {0},
};

const struct command selftest_command = {
    .name = "selftest",
    .summary = "Tries to get out from behind the wall, every way",
    .usage = "",
    .help = "Commands that see text run behind walls (docs/security.md): they can open no socket, no file that was not "
            "named, no program. This raises the same walls around a process of its own and tries every exit from "
            "inside; a row is held when the wall itself refuses. Exit code 6 when one is open, or when a wall cannot "
            "be raised on this system.",
    .examples = examples,
    .json = "an array of {\"exit\", \"wall\", \"found\", \"held\"}",
    .run = selftest_run,
};
