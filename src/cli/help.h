/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said of commands, from their descriptions alone: help, man pages, completions.
 */
#ifndef HOB_CLI_HELP_H
#define HOB_CLI_HELP_H

#include "cli/cli.h"

/* One option as help, man page and completions see it. */
struct help_option {
    struct option option;
    const char *section; /* heading it stands under */
};

/* The options of a command in the order of help, --json and --help last: fills `out` [max], returns how many. */
size_t help_options(const struct command *command, struct help_option *out, size_t max);

/* "-n, --max-tokens N" into `out` [size]. */
void help_spelling(const struct option *option, char *out, size_t size);

/* Prints what `hob --help` prints: the commands. */
void help_print_program(void);

/* Prints what `hob NAME --help` prints. */
void help_print_command(const struct command *command);

/* Commands of their own: `hob help`, and the hidden `hob man` and `hob completion` that the build runs. */
extern const struct command help_command, man_command, completion_command;

#endif
