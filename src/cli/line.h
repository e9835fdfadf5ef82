/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading lines from the terminal, with editing and a history that is kept in the data directory:
 *
 *   history   one entry a line, oldest first; mode 0600
 */
#ifndef HOB_CLI_LINE_H
#define HOB_CLI_LINE_H

#include <hob.h>

#include "base/str.h"

struct line_reader;

/* What must be done before the walls are raised: makes the data directory, sets a locale whose characters are UTF-8,
 * whatever the environment says, and reads the description of the terminal. */
void line_prepare(void);

/* A reader on standard input. The caller owns it; one at a time. */
struct line_reader *line_open(struct hob_error *err);

/* Restores the terminal and frees (NULL is fine). */
void line_close(struct line_reader *reader);

enum line_result {
    LINE_TEXT,
    LINE_INTERRUPTED, /* Ctrl-C on an empty line; it was taken */
    LINE_DROPPED,     /* Ctrl-C on a line with text, which is dropped */
    LINE_END          /* Ctrl-D, or the terminal is gone */
};

/* Shows `prompt` and reads a line, without its newline, into `out`, whose content it replaces. */
enum line_result line_read(struct line_reader *reader, const char *prompt, struct buf *out);

/* Adds a line to the history, and to its file while that is on. An empty line is left out. */
void line_remember(struct line_reader *reader, struct str line);

/* Turns writing of the history's file on or off. */
void line_set_history(struct line_reader *reader, bool on);

#endif
