/* SPDX-License-Identifier: Apache-2.0
 *
 * hob: the table of commands, and the way to them. A command is described in the file of its name.
 */
#include <malloc.h>
#include <stdlib.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/seal.h"
#include "wall/keeper.h"

/* In the order of help, a row each. */
/* clang-format off */
static const struct command *const commands[] = {
    &run_command,
    &generate_command,
    &batch_command,
    &replay_command,
    &tokenize_command,
    &render_command,
    &parse_command,
    &constrain_command,
    &inspect_command,
    &serve_command,
    &ps_command,
    &stop_command,
    &list_command,
    &ls_command,
    &show_command,
    &add_command,
    &create_command,
    &cp_command,
    &rm_command,
    &logits_command,
    &embed_command,
    &perplexity_command,
    &bench_command,
    &key_command,
    &limits_command,
    &selftest_command,
    &help_command,
    &man_command,
    &completion_command,
    NULL,
};
/* clang-format on */

enum { N_COMMANDS = sizeof commands / sizeof *commands - 1 };

const struct command *const *commands_all(void)
{
    return commands;
}

const struct command *commands_find(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static bool unknown_command(const char *word, struct hob_error *err)
{
    const char *names[N_COMMANDS];
    size_t n = 0;
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (!commands[i]->hidden)
            names[n++] = commands[i]->name;
    const char *meant = suggest(word, names, n);
    if (meant)
        return error_set(err, HOB_USAGE, "%.60s: no such command; did you mean \"hob %s\"?", word, meant);
    return error_set(err, HOB_USAGE, "%.60s: no such command (see \"hob --help\")", word);
}

/* Copies the words, and wipes them where whoever lists processes would read them: all but the command and what stands
 * after it. NULL without memory. The copy lives for ever. */
static char **hide_words(int argc, char **argv, struct hob_error *err)
{
    static char **words;
    words = calloc((size_t)argc + 1, sizeof *words);
    for (int i = 0; words && i < argc; i++) {
        if (!(words[i] = strdup(argv[i])))
            words = NULL;
        else if (i > 1 || (i == 1 && argv[i][0] == '-'))
            explicit_bzero(argv[i], strlen(argv[i]));
    }
    if (!words)
        error_memory(err, (size_t)argc * sizeof *words);
    return words;
}

static bool run_words(int argc, char **argv, struct hob_error *err)
{
    const struct command *command = commands_find(argv[0]);
    struct args args;
    if (!command)
        return unknown_command(argv[0], err);
    if (command->wall != WALL_NONE && !keeper_start(argc, argv, err))
        return false;
    char **words = command->wall == WALL_AT_ONCE ? hide_words(argc, argv, err) : argv;
    bool good = words && args_parse(&args, command, argc - 1, words + 1, err);
    if (good && args.help)
        help_print_command(command);
    else if (good)
        good = (command->wall != WALL_AT_ONCE || seal(&args, -1, err)) && command->run(&args, err);
    if (words)
        args_clear(&args);
    keeper_stop();
    return good;
}

int main(int argc, char **argv)
{
    struct hob_error err = {0}, lost = {0};
    mallopt(M_MMAP_THRESHOLD, 1 << 17); /* large buffers go back to the system when they are freed */
    output_init();
    interrupt_init();
    bool good = true;
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        help_print_program();
    else if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        output_format("hob %s\n", HOB_VERSION);
    else
        good = run_words(argc - 1, argv + 1, &err);
    if (!good && err.status == HOB_OK)
        error_set(&err, HOB_FORMAT, "%s failed and did not say why; please report this", argv[1]);
    if (!good)
        message_error(&err);
    if (!output_end(&lost) && err.status == HOB_OK) {
        message_error(&lost);
        err.status = lost.status;
    }
    return (int)err.status;
}
