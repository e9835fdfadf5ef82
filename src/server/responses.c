/* SPDX-License-Identifier: Apache-2.0 */
#include "server/responses.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "server/internal.h"
#include "server/limits.h"

struct stored_response {
    struct stored_response *next; /* the newest first */
    uint64_t owner;
    double kept_ms;
    char id[64];
    struct buf body, messages; /* as text, so that what they take is known */
};

static void free_one(struct stored_response *one)
{
    buf_clear(&one->body);
    buf_clear(&one->messages);
    free(one);
}

/* Drops what is too old, and what is beyond the limits: of an owner, and of all. Under the lock. */
static void prune(struct server *server, uint64_t owner)
{
    double oldest = clock_ms() - (double)limits[LIMIT_RESPONSE_S].value * 1000;
    long long n = 0, bytes = 0;
    for (struct stored_response **at = &server->responses; *at;) {
        struct stored_response *one = *at;
        long long size = (long long)(one->body.len + one->messages.len);
        n += one->owner == owner;
        bytes += size;
        if (one->kept_ms >= oldest && bytes <= limits[LIMIT_RESPONSE_BYTES].value &&
            !(one->owner == owner && n > limits[LIMIT_RESPONSES].value)) {
            at = &one->next;
            continue;
        }
        bytes -= size;
        *at = one->next;
        free_one(one);
    }
}

void responses_keep(struct server *server, uint64_t owner, const char *id, const json_t *body, const json_t *messages)
{
    struct stored_response *one = calloc(1, sizeof *one);
    if (!one)
        return;
    *one = (struct stored_response){.owner = owner, .kept_ms = clock_ms()};
    if (!json_write(body, &one->body) || !json_write(messages, &one->messages)) {
        free_one(one);
        return;
    }
    snprintf(one->id, sizeof one->id, "%s", id);
    pthread_mutex_lock(&server->lock);
    one->next = server->responses;
    server->responses = one;
    prune(server, owner);
    pthread_mutex_unlock(&server->lock);
}

json_t *responses_find(struct server *server, uint64_t owner, const char *id, bool messages)
{
    struct buf text = {0};
    pthread_mutex_lock(&server->lock);
    prune(server, owner);
    for (struct stored_response *one = server->responses; one && text.len == 0; one = one->next)
        if (one->owner == owner && strcmp(one->id, id) == 0)
            buf_str(&text, buf_view(messages ? &one->messages : &one->body));
    pthread_mutex_unlock(&server->lock);
    json_t *found = text.len ? json_loadb(text.ptr, text.len, JSON_ALLOW_NUL, NULL) : NULL;
    buf_clear(&text);
    return found;
}

bool responses_forget(struct server *server, uint64_t owner, const char *id)
{
    bool found = false;
    pthread_mutex_lock(&server->lock);
    for (struct stored_response **at = &server->responses; *at && !found; at = &(*at)->next) {
        struct stored_response *one = *at;
        if (one->owner != owner || strcmp(one->id, id) != 0)
            continue;
        *at = one->next;
        free_one(one);
        found = true;
        break;
    }
    pthread_mutex_unlock(&server->lock);
    return found;
}

void responses_free(struct server *server)
{
    while (server->responses) {
        struct stored_response *one = server->responses;
        server->responses = one->next;
        free_one(one);
    }
}
