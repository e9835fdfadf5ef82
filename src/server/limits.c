/* SPDX-License-Identifier: Apache-2.0 */
#include "server/limits.h"

const struct limit limits[N_LIMITS] = {
    [LIMIT_HEADER_BYTES] = {"request line and headers", 16 << 10, "bytes", "431"},
    [LIMIT_LINE_BYTES] = {"request line", 8 << 10, "bytes", "414"},
    [LIMIT_HEADERS] = {"headers", 100, "fields", "431"},
    [LIMIT_HEADER_S] = {"time for the headers", 10, "seconds", "closed"},
    [LIMIT_BODY_BYTES] = {"body", 32 << 20, "bytes", "413, before it is read"},
    [LIMIT_BODY_S] = {"time for the body", 120, "seconds", "closed"},
    [LIMIT_JSON_KEYS] = {"values of a JSON body", 100000, "values", "400"},
    [LIMIT_IDLE_S] = {"idle connection, or a reader that takes nothing", 30, "seconds", "closed; its reply ends"},
    [LIMIT_REQUESTS] = {"requests on one connection", 1000, "requests", "closed after the answer"},
    [LIMIT_CONNECTIONS] = {"connections", 1024, "connections", "refused"},
    [LIMIT_CONNECTIONS_IP] = {"connections of one address, loopback aside", 64, "connections", "refused"},
    [LIMIT_QUEUE] = {"requests that wait for a place, a model", 64, "requests", "503 with Retry-After"},
    [LIMIT_QUEUE_S] = {"time of waiting for a place", 600, "seconds", "503 with Retry-After"},
    [LIMIT_STALLED_BYTES] = {"reply that its reader has not taken", 8 << 20, "bytes", "closed; its reply ends"},
    [LIMIT_CHOICES] = {"n, the replies to one request", 64, "replies", "400"},
    [LIMIT_DRAIN_S] = {"time for replies in flight after SIGTERM", 30, "seconds", "they are cut"},
    [LIMIT_LOAD_WAIT_S] = {"time of waiting for the memory of another model", 60, "seconds", "503 with Retry-After"},
    [LIMIT_RESPONSES] = {"responses kept for previous_response_id, an owner", 256, "responses", "the oldest goes"},
    [LIMIT_INPUTS] = {"texts of a request for embeddings", 2048, "texts", "400"},
    [LIMIT_VECTOR_NUMBERS] = {"numbers of the vectors of a request", 4 << 20, "numbers", "400"},
    [LIMIT_RESPONSE_S] = {"time that a response is kept", 3600, "seconds", "404"},
};
