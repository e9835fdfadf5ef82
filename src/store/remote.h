/* SPDX-License-Identifier: Apache-2.0
 *
 * The library of a process that may not touch the data directory: its calls are messages, and whoever may answers them
 * (wall/keeper.h). The calls, with their arguments and what they return:
 *
 *   list     {"name": or null}                       [entries]
 *   add      {"name", "path", "files", "settings"}   {}
 *   remove   {"name"}                                {}
 *   facts    {"stamp"}                               what is known of the file, or {}
 *   note     {"stamp", "path", "facts"|"sha256"}     {}
 *   digest   {"stamp"}                               {"sha256"}, or {}
 *   find     {"sha256"}                              {"path"}
 */
#ifndef HOB_STORE_REMOTE_H
#define HOB_STORE_REMOTE_H

#include "store/library.h"

/* Sends a call; takes `arguments`. The caller owns the answer; NULL with an error. Any thread. */
typedef json_t *store_ask_fn(const char *call, json_t *arguments, struct hob_error *err);

/* How this process sends calls; NULL: it does them itself. Set while there is one thread. */
extern store_ask_fn *store_ask;

/* Whether the one who asks may give a name to the file or folder `path`, or a digest. */
typedef bool store_may_fn(void *user, const char *path);

/* Does a call that was sent. The caller owns the answer; NULL with an error, HOB_REFUSED for a path that it may not
 * name. */
json_t *store_answer(const char *call, const json_t *arguments, store_may_fn *may, void *user, struct hob_error *err);

/* Asks for the entries that `list` answers, [*n], in `arena`. */
bool remote_list(struct arena *arena, const char *name, struct library_entry **entries, size_t *n,
                 struct hob_error *err);

#endif
