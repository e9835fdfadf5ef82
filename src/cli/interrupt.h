/* SPDX-License-Identifier: Apache-2.0
 *
 * Ctrl-C. The first sets a flag that commands look at; a second one, while the first has not been taken, ends the
 * program with exit code 130 at once. SIGTERM and SIGHUP act like the first.
 */
#ifndef HOB_CLI_INTERRUPT_H
#define HOB_CLI_INTERRUPT_H

#include <hob.h>

/* Installs the handlers. */
void interrupt_init(void);

/* Whether Ctrl-C was pressed and not taken. */
bool interrupt_pending(void);

/* The same, and takes it. */
bool interrupt_take(void);

/* A descriptor that is readable while Ctrl-C is pending, for poll(). -1 if there is none. */
int interrupt_fd(void);

/* Whether the program was asked to end (SIGTERM, SIGHUP), not only interrupted. */
bool interrupt_is_final(void);

/* The error for a command that stops because of it. Always returns false. */
bool interrupt_error(struct hob_error *err);

#endif
