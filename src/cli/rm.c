/* SPDX-License-Identifier: Apache-2.0
 *
 * hob rm: takes names away.
 */
#include "cli/commands.h"
#include "cli/output.h"
#include "store/library.h"

static bool rm_run(struct args *args, struct hob_error *err)
{
    for (size_t i = 0; i < args->n_words; i++) {
        if (!library_remove(str_of(args->words[i]), err))
            return false;
        if (args->json)
            output_format("{\"deleted\":true}\n");
        else
            message("deleted \"%s\"", args->words[i]);
    }
    return true;
}

static const struct example examples[] = {
    {"hob rm gpt-4o", "the name goes, the file stays"},
    {0},
};

const struct command rm_command = {
    .name = "rm",
    .summary = "Takes a model's name away",
    .usage = "NAME...",
    .help = "A file that was added where it lies stays there. A copy that \"hob add --copy\" made goes with the last "
            "name that uses it; so does a file that tools/models has fetched.",
    .examples = examples,
    .json = "{\"deleted\": true}, a line each",
    .min_words = 1,
    .max_words = SIZE_MAX,
    .run = rm_run,
};
