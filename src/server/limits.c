/* SPDX-License-Identifier: Apache-2.0 */
#include "server/limits.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

struct limit limits[N_LIMITS] = {
    [LIMIT_HEADER_BYTES] = {"header-bytes", "request line and headers", 16 << 10, "bytes", "431"},
    [LIMIT_LINE_BYTES] = {"line-bytes", "request line", 8 << 10, "bytes", "414"},
    [LIMIT_HEADERS] = {"headers", "headers", 100, "fields", "431"},
    [LIMIT_HEADER_S] = {"header-seconds", "time for the headers", 10, "seconds", "408"},
    [LIMIT_BODY_BYTES] = {"body-bytes", "body", 32 << 20, "bytes", "413, before it is read"},
    [LIMIT_BODY_S] = {"body-seconds", "time for the body", 120, "seconds", "408"},
    [LIMIT_BODY_RATE] = {"body-rate", "rate of the body, after 5 seconds", 1024, "bytes a second", "408"},
    [LIMIT_JSON_DEPTH] = {"json-depth", "depth of a JSON body", JSON_MAX_DEPTH, "levels", "400"},
    [LIMIT_JSON_KEYS] = {"json-values", "values of a JSON body", 100000, "values", "400"},
    [LIMIT_TEXT_BYTES] = {"text-bytes", "text of /tokenize", 4 << 20, "bytes", "400"},
    [LIMIT_IDLE_S] = {"idle-seconds", "idle connection, or a reader that takes nothing", 30, "seconds",
                      "closed; its reply ends"},
    [LIMIT_REQUESTS] = {"requests", "requests on one connection", 1000, "requests", "closed after the answer"},
    [LIMIT_CONNECTIONS] = {"connections", "connections", 1024, "connections", "refused"},
    [LIMIT_CONNECTIONS_IP] = {"connections-address", "connections of one address, loopback aside", 64, "connections",
                              "refused"},
    [LIMIT_KEY_MS] = {"key-milliseconds", "delay of the answer to a wrong key", 500, "milliseconds", "401"},
    [LIMIT_QUEUE] = {"queue", "requests that wait for a place, a model", 64, "requests", "503 with Retry-After"},
    [LIMIT_QUEUE_S] = {"queue-seconds", "time of waiting for a place", 600, "seconds", "503 with Retry-After"},
    [LIMIT_STALLED_BYTES] = {"stalled-bytes", "reply that its reader has not taken", 8 << 20, "bytes",
                             "closed; its reply ends"},
    [LIMIT_CHOICES] = {"choices", "n, the replies to one request", 64, "replies", "400"},
    [LIMIT_DRAIN_S] = {"drain-seconds", "time for replies in flight after SIGTERM", 30, "seconds", "they are cut"},
    [LIMIT_LOAD_WAIT_S] = {"load-seconds", "time of waiting for the memory of another model", 60, "seconds",
                           "503 with Retry-After"},
    [LIMIT_RESPONSES] = {"responses", "responses kept for previous_response_id, an owner", 256, "responses",
                         "the oldest goes"},
    [LIMIT_RESPONSE_BYTES] = {"response-bytes", "responses kept, all owners", 256 << 20, "bytes", "the oldest goes"},
    [LIMIT_OWNER_RESPONSE_BYTES] = {"owner-response-bytes", "responses kept, an owner", 64 << 20, "bytes",
                                    "the oldest goes"},
    [LIMIT_INPUTS] = {"inputs", "texts of a request for embeddings", 2048, "texts", "400"},
    [LIMIT_VECTOR_NUMBERS] = {"vector-numbers", "numbers of the vectors of a request", 4 << 20, "numbers", "400"},
    [LIMIT_RESPONSE_S] = {"response-seconds", "time that a response is kept", 3600, "seconds", "404"},
};

bool limits_set(const char *text, struct hob_error *err)
{
    const char *equals = strchr(text, '=');
    size_t n = equals ? (size_t)(equals - text) : 0;
    for (size_t i = 0; n && i < N_LIMITS; i++) {
        char *end;
        if (strlen(limits[i].name) != n || strncmp(limits[i].name, text, n) != 0)
            continue;
        long long value = strtoll(equals + 1, &end, 10);
        if (end == equals + 1 || *end || value < 1 || value > INT_MAX || i == LIMIT_JSON_DEPTH)
            return error_set(err, HOB_USAGE, "--limit %.60s: want a whole number above 0 (json-depth is fixed)", text);
        limits[i].value = value;
        return true;
    }
    return error_set(err, HOB_USAGE, "--limit %.60s: want NAME=N; \"hob limits\" lists the names", text);
}

json_t *limits_json(void)
{
    json_t *list = json_array();
    for (size_t i = 0; i < N_LIMITS; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:s, s:s}", "name", limits[i].name, "limits",
                                              limits[i].what, "value", (json_int_t)limits[i].value, "unit",
                                              limits[i].unit, "over", limits[i].over));
    return list;
}
