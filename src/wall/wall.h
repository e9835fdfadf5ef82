/* SPDX-License-Identifier: Apache-2.0
 *
 * The wall: what this process may no longer do once it sees text. Three processes (docs/security.md):
 *
 *   engine   sees prompts and models; opens no socket, no file, no program (wall_raise())
 *   keeper   opens what the engine may read, by name, and keeps the library; sees no prompt (keeper.h)
 *   clients  speak HTTP through the one listener, which was open before
 *
 * Each row of the table in wall.c is a wall; exits.c tries them all from inside.
 */
#ifndef HOB_WALL_WALL_H
#define HOB_WALL_WALL_H

#include <hob.h>
#include <jansson.h>

/* Who stands behind the wall. */
enum wall_role {
    WALL_ENGINE = 1,
    WALL_KEEPER = 2 /* files are open to it */
};

struct wall_options {
    enum wall_role role;
    int listener;       /* the one socket that stays besides the keeper's; -1: none */
    int keeper;         /* the descriptor of the socket between engine and keeper; -1: none */
    int keep;           /* one more descriptor that stays; -1: none */
    unsigned n_threads; /* that there may be already; the wall "files" does not stand around those before. 0: one */
    bool allow_holes;   /* a wall that cannot be raised is noted, not an error */
    /* For tests: the name of a wall, of a system call, or "paths" (all calls that take paths) or "landlock", that is
     * left out; "files" is both of these. NULL: none. */
    const char *without;
};

/* Raises the walls around this process, for ever. HOB_REFUSED, with the reason, when one cannot be raised. Call it
 * while there is one thread: some walls stand only around threads that begin behind them. */
bool wall_raise(const struct wall_options *options, struct hob_error *err);

/* {"sandboxed": whether every wall stands, "missing": [{"wall", "reason"}]}. The caller owns it. */
json_t *wall_status(void);

/* Tries every exit from inside this process: [{"exit", "wall", "found", "held"}], a row each; *n_leaks counts those
 * that are open. The caller owns it. */
json_t *wall_try_exits(unsigned *n_leaks);

/* The same in a new process that raises the walls around itself (all but `without`, see above), with what only such a
 * one can try: a thread and a socket from before, calls that kill. NULL with an error when a wall cannot be raised. The
 * caller owns it. */
json_t *wall_selftest(const char *without, unsigned *n_leaks, struct hob_error *err);

#endif
