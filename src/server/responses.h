/* SPDX-License-Identifier: Apache-2.0
 *
 * Responses that are kept for previous_response_id: in memory, for a time, for their owner alone.
 */
#ifndef HOB_SERVER_RESPONSES_H
#define HOB_SERVER_RESPONSES_H

#include "server/exchange.h"

/* Keeps a response: its body, and the messages that it and what went before it are made of. */
void responses_keep(struct server *server, uint64_t owner, const char *id, const json_t *body, const json_t *messages);

/* Its body, or with `messages` those; a new reference, NULL when it is not there or another's. */
json_t *responses_find(struct server *server, uint64_t owner, const char *id, bool messages);

/* Forgets it. False when it was not there. */
bool responses_forget(struct server *server, uint64_t owner, const char *id);

/* Forgets all. */
void responses_free(struct server *server);

#endif
