/* SPDX-License-Identifier: Apache-2.0
 *
 * hob cp: gives a model of the library another name besides.
 */
#include "cli/commands.h"
#include "cli/output.h"
#include "store/library.h"

static bool cp_run(struct args *args, struct hob_error *err)
{
    if (!library_copy(str_of(args->words[0]), str_of(args->words[1]), err))
        return false;
    if (args->json)
        output_format("{\"copied\":true}\n");
    else
        message("copied \"%s\" to \"%s\"", args->words[0], args->words[1]);
    return true;
}

static const struct example examples[] = {
    {"hob cp smollm2 gpt-4o", "an alias for a client that insists on a name"},
    {0},
};

const struct command cp_command = {
    .name = "cp",
    .summary = "Gives a model another name besides",
    .usage = "NAME NEW-NAME",
    .help = "Both names stand for the same files and have the same settings; no file is copied.",
    .examples = examples,
    .json = "{\"copied\": true}",
    .min_words = 2,
    .max_words = 2,
    .run = cp_run,
};
