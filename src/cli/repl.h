/* SPDX-License-Identifier: Apache-2.0
 *
 * The chat on a terminal: a prompt, lines and commands, replies.
 */
#ifndef HOB_CLI_REPL_H
#define HOB_CLI_REPL_H

#include "cli/talk.h"

/* Reads lines and answers until the person leaves. HOB_INTERRUPTED with an empty text after two Ctrl-C. */
bool repl_run(struct talk *talk, struct args *args, struct hob_error *err);

#endif
