/* SPDX-License-Identifier: Apache-2.0
 *
 * The walls that have files of their own.
 */
#ifndef HOB_WALL_INTERNAL_H
#define HOB_WALL_INTERNAL_H

#include "wall/wall.h"

/* System calls: all but those of a table are refused (EPERM), in every thread; foreign instruction sets kill. */
bool filter_raise(const struct wall_options *options, struct hob_error *err);

/* Whether that wall's table has a system call for this role, by its number. */
bool filter_lists(int call, enum wall_role role);

/* Files: none may be opened by path; no signal to, and no abstract socket of, others. */
bool files_raise(const struct wall_options *options, struct hob_error *err);

/* Descriptors: what came from outside is closed, but standard input and output. */
bool descriptors_raise(const struct wall_options *options, struct hob_error *err);

/* Whether a row, or a part of it, is left out. */
bool wall_is_without(const struct wall_options *options, const char *name);

/* Answers on `channel` until its other end is closed; `hole` is the wall that does not stand, if one does not. */
void keeper_serve(int channel, const struct hob_error *hole);

/* The keeper's life: answers on `channel` until its other end is closed. Does not return. */
void keeper_run(int channel, int argc, char **argv) __attribute__((noreturn));

#endif
