/* SPDX-License-Identifier: Apache-2.0
 *
 * hob key: a key for clients of the server.
 */
#include "cli/commands.h"
#include "cli/output.h"
#include "server/keys.h"

static bool key_run(struct args *args, struct hob_error *err)
{
    char key[64];
    if (!keys_add(args->words[0], args_own(args, "manage")->flag ? SCOPE_MANAGE : SCOPE_USE, key, err))
        return false;
    output_format("%s\n", key);
    message("added to %s, which holds its digest alone: keep the key itself now", args->words[0]);
    return true;
}

static const struct option own_options[] = {
    {"manage", 0, OPTION_FLAG, OPTION_REPORT, 0, 0, NULL, NULL, "its owner may also add, copy and delete models"},
    {0},
};

static const struct example examples[] = {
    {"hob key ~/.config/hob-keys", "a key for replies"},
    {"hob key --manage ~/.config/hob-keys", "one for the library, too"},
    {0},
};

const struct command key_command = {
    .name = "key",
    .summary = "Makes a key for clients of the server",
    .usage = "FILE [--manage]",
    .help = "It draws a key, prints it, and adds a line with its digest to FILE, which is made for you alone (0600) "
            "where it is missing. \"hob serve --key-file FILE\" asks clients for one of its keys; to take one away, "
            "delete its line and start the server anew.",
    .examples = examples,
    .options = own_options,
    .min_words = 1,
    .max_words = 1,
    .run = key_run,
};
