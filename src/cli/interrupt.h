/* SPDX-License-Identifier: Apache-2.0
 *
 * Ctrl-C. It ends the program with exit code 130 at once, until a command says that it looks at the flag; from then on
 * the first sets the flag, and only a second one, while the first has not been taken, ends the program. SIGTERM and
 * SIGHUP act like Ctrl-C.
 */
#ifndef HOB_CLI_INTERRUPT_H
#define HOB_CLI_INTERRUPT_H

#include <hob.h>

/* Installs the handlers. */
void interrupt_init(void);

/* Has `restore` called before the program ends by a signal; it does only what a signal handler may. */
void interrupt_before_end(void (*restore)(void));

/* From now on the command looks at the flag, within a step of what it does. */
void interrupt_catch(void);

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
