/* SPDX-License-Identifier: Apache-2.0
 *
 * The exits of a sealed process: what is tried, and what must be found.
 */
#ifndef HOB_WALL_EXITS_H
#define HOB_WALL_EXITS_H

#include "wall/wall.h"

/* One exit. */
struct exit_row {
    const char *name;
    const char *wall; /* what closes it: a wall's name, or a system call's; see struct wall_options */
    int (*try)(void); /* the error, EPERM where it is closed; 0: it is open */
};

/* All that can be tried within a process and leave it alive, [*n]. */
const struct exit_row *exits_all(size_t *n);

/* The report of one: {"exit", "wall", "found", "held"}; *n_leaks grows where it is open. The caller owns it. */
json_t *exit_json(const struct exit_row *row, int error, unsigned *n_leaks);

#endif
