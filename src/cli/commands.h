/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands, one file each. A new one is declared here and listed in main.c.
 */
#ifndef HOB_CLI_COMMANDS_H
#define HOB_CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct command list_command;   /* list.c */
extern const struct command logits_command; /* logits.c */
extern const struct command run_command;    /* run.c */

#endif
