/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands of the chat, each one row of a table.
 */
#ifndef HOB_CLI_SLASH_H
#define HOB_CLI_SLASH_H

#include "cli/line.h"
#include "cli/talk.h"

/* A chat on a terminal. */
struct repl {
    struct talk *talk;
    struct args *args;
    struct line_reader *lines;
    struct options initial; /* the options as they were at the start */
    bool colours, quits;
};

/* Does what `line`, which starts with a slash, says. A mistake is told; false only for what ends the chat. */
bool slash_run(struct repl *repl, struct str line, struct hob_error *err);

/* Asks for a reply to the messages (repl.c). A failure is told; false only for what ends the chat. */
bool repl_answer(struct repl *repl, struct hob_error *err);

#endif
