/* SPDX-License-Identifier: Apache-2.0
 *
 * Every limit of the server, a row each.
 */
#ifndef HOB_SERVER_LIMITS_H
#define HOB_SERVER_LIMITS_H

#include <hob.h>
#include <jansson.h>

enum limit_name {
    LIMIT_HEADER_BYTES,
    LIMIT_LINE_BYTES,
    LIMIT_HEADERS,
    LIMIT_HEADER_S,
    LIMIT_BODY_BYTES,
    LIMIT_BODY_S,
    LIMIT_BODY_RATE,
    LIMIT_JSON_DEPTH,
    LIMIT_JSON_KEYS,
    LIMIT_TEXT_BYTES,
    LIMIT_IDLE_S,
    LIMIT_REQUESTS,
    LIMIT_CONNECTIONS,
    LIMIT_CONNECTIONS_IP,
    LIMIT_KEY_MS,
    LIMIT_QUEUE,
    LIMIT_QUEUE_S,
    LIMIT_STALLED_BYTES,
    LIMIT_CHOICES,
    LIMIT_DRAIN_S,
    LIMIT_LOAD_WAIT_S,
    LIMIT_RESPONSES,
    LIMIT_RESPONSE_BYTES,
    LIMIT_OWNER_RESPONSE_BYTES,
    LIMIT_RESPONSE_S,
    LIMIT_INPUTS,
    LIMIT_VECTOR_NUMBERS,
    N_LIMITS
};

/* One limit. */
struct limit {
    const char *name; /* for --limit */
    const char *what;
    long long value;
    const char *unit;
    const char *over; /* what happens beyond it */
};

/* The table, by enum limit_name. Set before the server starts, then only read. */
extern struct limit limits[N_LIMITS];

/* Sets one from "NAME=N". */
bool limits_set(const char *text, struct hob_error *err);

/* All of them: [{"name", "limits", "value", "unit", "over"}]. The caller owns it. */
json_t *limits_json(void);

#endif
