/* SPDX-License-Identifier: Apache-2.0
 *
 * hob list, hob ls: the models that can be named.
 */
#include <stdio.h>
#include <time.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/library_view.h"
#include "cli/output.h"
#include "store/name.h"

static json_t *entry_json(const struct library_entry *entry)
{
    static const char *const states[] = {"good", "changed", "gone"};
    json_t *json = json_object();
    struct str shown = name_shown(entry->name, true);
    json_object_set_new(json, "name", json_bytes(shown));
    json_object_set_new(json, "size", json_integer((json_int_t)entry->size_bytes));
    json_object_set_new(json, "path", json_bytes(str_of(entry->path)));
    json_object_set_new(json, "modified", json_integer(entry->modified_s));
    if (entry->digest)
        json_object_set_new(json, "digest", json_string(entry->digest));
    json_object_set_new(json, "state", json_string(states[entry->state]));
    return json;
}

static bool list_run(struct args *args, struct hob_error *err)
{
    struct arena arena = {0};
    struct library_entry *entries;
    size_t n;
    bool good = library_list(&arena, &entries, &n, err);
    if (good && args->json) {
        json_t *array = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(array, entry_json(&entries[i]));
        output_json(array);
        json_decref(array);
    } else if (good && n == 0) {
        message("there are no models yet; \"tools/models smollm2\" fetches one");
    } else if (good) {
        output_format("%-32s  %-12s  %-8s  %s\n", "NAME", "ID", "SIZE", "MODIFIED");
        for (size_t i = 0; i < n; i++) {
            char size[16], age[48];
            const struct library_entry *entry = &entries[i];
            output_format("%-32s  %-12.12s  %-8s  %s\n", entry->name, entry->digest ? entry->digest : "-",
                          view_size(entry->size_bytes, size),
                          entry->state == LIBRARY_GONE      ? "its file has vanished"
                          : entry->state == LIBRARY_CHANGED ? "its file has changed"
                                                            : view_age(entry->modified_s, time(NULL), age));
        }
    }
    arena_clear(&arena);
    return good;
}

static const struct example examples[] = {
    {"hob list", "the models that hob run takes by name"},
    {"hob list --json", "an array of objects with name, size, path, ..."},
    {0},
};

static const char help[] =
    "A name was given by \"hob add\", \"hob cp\" or \"hob create\", or is that of a file models/NAME.gguf of the data "
    "directory ($HOB_HOME, else ~/.local/share/hob) or of the cache (~/.cache/hob), where tools/models puts what it "
    "fetches. The newest come first. ID is the start of the files' digest, \"-\" as long as it is not computed.";

const struct command list_command = {
    .name = "list",
    .summary = "Lists the models that can be named",
    .usage = "",
    .help = help,
    .examples = examples,
    .json = "an array of {\"name\", \"size\", \"path\", \"modified\", \"digest\", \"state\"}",
    .run = list_run,
};

const struct command ls_command = {
    .name = "ls",
    .summary = "The same as list",
    .usage = "",
    .help = help,
    .examples = examples,
    .json = "as hob list",
    .hidden = true,
    .run = list_run,
};
