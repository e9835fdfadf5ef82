/* SPDX-License-Identifier: Apache-2.0
 *
 * hob list: the models that can be named.
 */
#include "base/error.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "store/library.h"

static bool list_run(struct args *args, struct hob_error *err)
{
    struct arena arena = {0};
    struct library_entry *entries;
    size_t n;
    bool good = library_list(&arena, &entries, &n, err);
    if (good && args->json) {
        json_t *array = json_array();
        for (size_t i = 0; i < n; i++) {
            json_t *entry = json_object();
            json_object_set_new(entry, "name", json_string(entries[i].name));
            json_object_set_new(entry, "size", json_integer((json_int_t)entries[i].size_bytes));
            json_object_set_new(entry, "path", json_bytes(str_of(entries[i].path)));
            json_array_append_new(array, entry);
        }
        output_json(array);
        json_decref(array);
    } else if (good && n == 0) {
        message("there are no models yet; \"tools/models smollm2\" fetches one");
    } else if (good) {
        output_format("%-32s %9s  %s\n", "NAME", "SIZE", "PATH");
        for (size_t i = 0; i < n; i++)
            output_format("%-32s %6.0f MB  %s\n", entries[i].name, (double)entries[i].size_bytes / 1e6,
                          entries[i].path);
    }
    arena_clear(&arena);
    return good;
}

static const struct example examples[] = {
    {"hob list", "the models that hob run takes by name"},
    {"hob list --json", "an array of objects with name, size and path"},
    {0},
};

const struct command list_command = {
    .name = "list",
    .summary = "Lists the models that can be named",
    .usage = "",
    .help = "A model of the library is the file models/NAME.gguf of the data directory ($HOB_HOME, else "
            "~/.local/share/hob), or of the cache (~/.cache/hob), where tools/models puts what it fetches.",
    .examples = examples,
    .json = "an array of {\"name\", \"size\", \"path\"}",
    .run = list_run,
};
