/* SPDX-License-Identifier: Apache-2.0
 *
 * Standard output and what it is. Results go through here, so that a full disk or a reader that left is seen. Messages
 * for the person go to standard error.
 */
#ifndef HOB_CLI_OUTPUT_H
#define HOB_CLI_OUTPUT_H

#include <hob.h>
#include <jansson.h>

#include "base/str.h"

/* Makes descriptors 0 to 2 safe to use when they are closed, and a pipe whose reader left an error and not a signal.
 * Called once, first. */
void output_init(void);

/* Writes bytes; buffered. False after a failure, which output_end() tells. */
bool output_write(struct str bytes);

/* Writes formatted text. */
bool output_format(const char *format, ...) HOB_PRINTF(1, 2);

/* Writes compact JSON and a newline. */
bool output_json(const json_t *value);

/* Sends what is buffered on its way. False after a failure. */
bool output_flush(void);

/* Whether writing failed: a command may as well stop. */
bool output_failed(void);

/* Flushes; HOB_DISK when something could not be written, with an empty text when the reader of a pipe left. */
bool output_end(struct hob_error *err);

/* Whether standard output, or standard error, is a terminal. */
bool output_is_terminal(void);
bool messages_are_terminal(void);

/* Columns of the terminal at standard output or error (80 when it is none). */
unsigned terminal_columns(void);

/* Its rows (24 when it is none). */
unsigned terminal_rows(void);

/* What a text looks like on a terminal. */
enum style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_ITALIC, STYLE_GREEN, STYLE_CYAN, STYLE_YELLOW };

/* The escape sequence that turns a style on, STYLE_PLAIN: that turns all off; "" when standard output is no terminal or
 * NO_COLOR is set. */
const char *style_on(enum style style);

/* Prints one line to standard error: "hob: " and formatted text, with control characters made visible, 200 bytes at
 * most: of a longer one the middle is left out. */
void message(const char *format, ...) HOB_PRINTF(1, 2);

/* Prints the error as message() does, if it has a text. */
void message_error(const struct hob_error *err);

/* Appends `text` to `out` with what a terminal would act on made inert: control characters but newline and tab become
 * \xHH, and so do bytes that are not UTF-8. */
bool text_inert(struct str text, struct buf *out);

#endif
