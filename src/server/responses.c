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
    struct buf record; /* as text, so that what it takes is known */
    struct buf ids;    /* of its items, each with a NUL behind it */
};

static void free_one(struct stored_response *one)
{
    buf_clear(&one->record);
    buf_clear(&one->ids);
    free(one);
}

/* Drops what is too old, and what is beyond the limits: of an owner, and of all. Under the lock. */
static void prune(struct server *server, uint64_t owner)
{
    double oldest = clock_ms() - (double)limits[LIMIT_RESPONSE_S].value * 1000;
    long long n_own = 0, own = 0, all = 0;
    for (struct stored_response **at = &server->responses; *at;) {
        struct stored_response *one = *at;
        bool is_own = one->owner == owner;
        long long size = (long long)(sizeof *one + one->record.len + one->ids.len);
        n_own += is_own;
        own += is_own ? size : 0;
        all += size;
        bool much = is_own && (n_own > limits[LIMIT_RESPONSES].value || own > limits[LIMIT_OWNER_RESPONSE_BYTES].value);
        if (one->kept_ms >= oldest && all <= limits[LIMIT_RESPONSE_BYTES].value && !much) {
            at = &one->next;
            continue;
        }
        all -= size;
        *at = one->next;
        free_one(one);
    }
}

/* Adds the ids of a list's items. */
static void add_ids(struct buf *ids, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *id = json_string_value(json_object_get(json_array_get(list, i), "id"));
        if (id)
            buf_add(ids, id, strlen(id) + 1);
    }
}

void responses_keep(struct server *server, uint64_t owner, const char *id, const json_t *record)
{
    struct stored_response *one = calloc(1, sizeof *one);
    if (!one)
        return;
    *one = (struct stored_response){.owner = owner, .kept_ms = clock_ms()};
    add_ids(&one->ids, json_object_get(json_object_get(record, "body"), "output"));
    add_ids(&one->ids, json_object_get(record, "input"));
    long long size = json_write(record, &one->record) ? (long long)(sizeof *one + one->record.len + one->ids.len) : 0;
    bool fits = size && size <= limits[LIMIT_OWNER_RESPONSE_BYTES].value && size <= limits[LIMIT_RESPONSE_BYTES].value;
    if (!fits || one->ids.failed) { /* too large a one goes at once, and no others for it */
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

/* Reads a copy of a record. The caller owns it; NULL where there is none. */
static json_t *read_record(struct buf *text)
{
    json_t *record = text->len ? json_loadb(text->ptr, text->len, JSON_ALLOW_NUL, NULL) : NULL;
    buf_clear(text);
    return record;
}

json_t *responses_find(struct server *server, uint64_t owner, const char *id, const char *part)
{
    struct buf text = {0};
    pthread_mutex_lock(&server->lock);
    prune(server, owner);
    for (struct stored_response *one = server->responses; one && text.len == 0; one = one->next)
        if (one->owner == owner && strcmp(one->id, id) == 0)
            buf_str(&text, buf_view(&one->record));
    pthread_mutex_unlock(&server->lock);
    json_t *record = read_record(&text), *found = json_incref(json_object_get(record, part));
    json_decref(record);
    return found;
}

/* Whether one of these items is wanted. */
static bool has_wanted(const struct buf *ids, const json_t *items)
{
    for (size_t at = 0; at < ids->len; at += strlen(ids->ptr + at) + 1)
        if (json_is_null(json_object_get(items, ids->ptr + at)))
            return true;
    return false;
}

/* Puts those of a list's items that are wanted. */
static void put_items(json_t *items, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *item = json_array_get(list, i);
        const char *id = json_string_value(json_object_get(item, "id"));
        if (id && json_is_null(json_object_get(items, id)))
            json_object_set(items, id, item);
    }
}

void responses_items(struct server *server, uint64_t owner, json_t *items)
{
    struct buf text = {0};
    do {
        json_t *record = read_record(&text);
        put_items(items, json_object_get(json_object_get(record, "body"), "output"));
        put_items(items, json_object_get(record, "input"));
        json_decref(record);
        pthread_mutex_lock(&server->lock);
        prune(server, owner);
        for (struct stored_response *one = server->responses; one && text.len == 0; one = one->next)
            if (one->owner == owner && has_wanted(&one->ids, items))
                buf_str(&text, buf_view(&one->record));
        pthread_mutex_unlock(&server->lock);
    } while (text.len);
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
