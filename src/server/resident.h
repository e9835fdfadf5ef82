/* SPDX-License-Identifier: Apache-2.0
 *
 * Models in memory, each with a thread that steps its engine.
 *
 *   loading --> ready --(nobody uses it for keep_alive, or another model needs its memory)--> gone
 *
 * Requests wait in the resident's queue until the engine has a place. The next is the oldest of whoever has the fewest
 * places, so that nobody's many requests keep out another's one.
 */
#ifndef HOB_SERVER_RESIDENT_H
#define HOB_SERVER_RESIDENT_H

#include "server/generation.h"

/* Finds the model that the generation's entry names, or loads it; goes on with generation_continue() on a handler's
 * thread, or fails the generation. */
void resident_find(struct server *server, struct generation *generation);

/* Its chat and its options; while a generation holds it. */
struct chat *resident_chat(struct resident *resident);
const struct options *resident_options(struct resident *resident);

/* Queues a prepared generation, and begins its stream; a full queue fails it. */
void resident_queue(struct resident *resident, struct generation *generation);

/* A generation no longer needs the resident. `keep_alive_s`, its own, counts from now. */
void resident_release(struct resident *resident, double keep_alive_s);

/* What is loaded: an array of {"name", "path", "digest", "bytes", "context", "parallel", "expires_s" (absent: never),
 * "running", "waiting", "settings"}. The caller owns it. */
json_t *residents_json(struct server *server);

/* Ends all threads and frees all models. */
void residents_free(struct server *server);

#endif
