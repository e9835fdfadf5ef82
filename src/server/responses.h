/* SPDX-License-Identifier: Apache-2.0
 *
 * Responses that are kept: in memory, for a time, so many bytes of them, for their owner alone. Each is a record, an
 * object: "body", the response; "input", the items it answers; "messages", what it and all before it are made of.
 */
#ifndef HOB_SERVER_RESPONSES_H
#define HOB_SERVER_RESPONSES_H

#include "server/exchange.h"

/* Keeps a record. */
void responses_keep(struct server *server, uint64_t owner, const char *id, const json_t *record);

/* A part of it, a new reference; NULL when it is not there or another's. */
json_t *responses_find(struct server *server, uint64_t owner, const char *id, const char *part);

/* Puts the owner's items, input and output, into `items`, an object whose keys are the ids of those that are wanted,
 * and whose values are null. */
void responses_items(struct server *server, uint64_t owner, json_t *items);

/* Forgets it. False when it was not there. */
bool responses_forget(struct server *server, uint64_t owner, const char *id);

/* Forgets all. */
void responses_free(struct server *server);

#endif
