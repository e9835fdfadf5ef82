/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal's modes in a chat: what is typed while an answer streams is neither shown nor lost, pastes are marked,
 * and the terminal is as it was when the program ends, also by a signal.
 */
#ifndef HOB_CLI_TTY_H
#define HOB_CLI_TTY_H

#include <stdbool.h>

/* Takes the terminal at standard input. `marks`: what is pasted comes between "ESC [200~" and "ESC [201~". */
void tty_take(bool marks);

/* Gives it back as it was. */
void tty_give_back(void);

/* Holds what is typed, unseen, for whoever reads next; or lets it be as it was. */
void tty_hold(bool on);

/* Whether the window has got another size, or the program was stopped and goes on, since it was last asked. */
bool tty_was_resized(void);
bool tty_was_stopped(void);

#endif
