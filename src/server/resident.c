/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/limits.h"
#include "server/resident_internal.h"
#include "store/digest.h"

struct chat *resident_chat(struct resident *resident)
{
    return resident->chat;
}

const struct options *resident_options(struct resident *resident)
{
    return &resident->options;
}

/* Takes it out of the server's list. Under the lock. */
static void unlink_resident(struct resident *resident)
{
    for (struct resident **at = &resident->server->residents; *at; at = &(*at)->next)
        if (*at == resident) {
            *at = resident->next;
            break;
        }
    pthread_cond_broadcast(&resident->server->resident_left);
}

void resident_free(struct resident *resident)
{
    chat_free(resident->chat);
    model_close(resident->model);
    options_clear(&resident->options);
    pthread_cond_destroy(&resident->wake);
    free(resident->path);
    free(resident->name);
    free(resident->digest);
    free(resident);
}

/* Hands the parked generations on. With the lock. */
static void unpark(struct resident *r, bool good)
{
    struct generation *parked = r->parked;
    struct server *server = r->server;
    r->parked = NULL;
    pthread_mutex_unlock(&server->lock);
    while (parked) {
        struct generation *g = parked;
        parked = g->next;
        g->next = NULL;
        g->load_ms = clock_ms() - g->start_ms;
        if (good && server_hand(server, WORK_LONG, g->exchange, generation_continue))
            continue;
        if (good)
            error_set(&r->error, HOB_INTERRUPTED, "the server is stopping");
        bool busy = r->error.status == HOB_LIMIT || r->error.status == HOB_INTERRUPTED;
        if (busy)
            g->exchange->retry_after_s = 10;
        generation_fail(g, busy ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_INTERNAL_SERVER_ERROR, &r->error);
    }
    pthread_mutex_lock(&server->lock);
}

static void *live(void *user)
{
    struct resident *r = user;
    struct server *server = r->server;
    bool good = resident_load(r, &r->error);
    pthread_mutex_lock(&server->lock);
    if (good) {
        if (r->state == RESIDENT_LOADING)
            r->state = RESIDENT_READY;
        unpark(r, true);
        resident_run(r);
    } else {
        r->state = RESIDENT_LEAVING;
        unpark(r, false);
    }
    pthread_mutex_unlock(&server->lock);
    resident_abandon(r);
    chat_free(r->chat); /* before it leaves the list: whoever waits for its memory shall find it */
    r->chat = NULL;
    model_close(r->model);
    r->model = NULL;
    pthread_mutex_lock(&server->lock);
    bool joined = atomic_load(&server->stopping) || atomic_load(&server->draining);
    if (!joined) {
        unlink_resident(r);
        pthread_detach(pthread_self());
    }
    pthread_mutex_unlock(&server->lock);
    if (!joined)
        resident_free(r);
    return NULL;
}

/* A new resident, that loads. Under the lock. */
static struct resident *start(struct server *server, const struct library_entry *entry, const char *stamp)
{
    struct resident *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->server = server;
    r->path = strdup(entry->path);
    r->name = strdup(entry->name);
    r->digest = strdup(entry->digest ? entry->digest : "");
    snprintf(r->stamp, sizeof r->stamp, "%s", stamp);
    server_init_wait(&r->wake);
    bool good = r->path && r->name && r->digest;
    if (good) {
        r->next = server->residents;
        server->residents = r;
        good = pthread_create(&r->thread, NULL, live, r) == 0;
        if (!good)
            server->residents = r->next;
    }
    if (good)
        return r;
    resident_free(r);
    return NULL;
}

/* -------------------------------------------------------------------------------------------------- the others */

/* It is used now, and stays for `keep` seconds without another use. Under the lock. */
static void use(struct resident *r, double keep)
{
    r->used_ms = clock_ms();
    r->expires_ms = keep < 0 ? FOR_EVER : r->used_ms + keep * 1000;
}

void resident_find(struct server *server, struct generation *g)
{
    char stamp[128] = "";
    struct hob_error err;
    if (g->entry.n_files)
        digest_stamp(g->entry.files[0], stamp);
    pthread_mutex_lock(&server->lock);
    if (atomic_load(&server->draining)) {
        pthread_mutex_unlock(&server->lock);
        error_set(&err, HOB_INTERRUPTED, "the server is stopping");
        g->exchange->retry_after_s = 5;
        generation_fail(g, MHD_HTTP_SERVICE_UNAVAILABLE, &err);
        return;
    }
    struct resident *r = server->residents;
    while (r && (r->state == RESIDENT_LEAVING || strcmp(r->path, g->entry.path) != 0 || strcmp(r->stamp, stamp) != 0))
        r = r->next;
    bool unload = g->load_only && g->has_keep_alive && g->keep_alive_s == 0;
    if (!r && unload) { /* it is not loaded: that is what was wanted */
        pthread_mutex_unlock(&server->lock);
        json_object_set_new(g->extra, "reason", json_string("unload"));
        if (g->stream)
            exchange_stream(g->exchange, g->dialect->stream_type);
        g->dialect->end(g);
        generation_free(g);
        return;
    }
    if (!r)
        r = start(server, &g->entry, stamp);
    if (!r) {
        pthread_mutex_unlock(&server->lock);
        error_memory(&err, sizeof *r);
        generation_fail(g, MHD_HTTP_SERVICE_UNAVAILABLE, &err);
        return;
    }
    g->resident = r;
    r->n_users++;
    use(r, g->keep_alive_s);
    bool ready = r->state == RESIDENT_READY;
    if (!ready) {
        struct generation **last = &r->parked;
        while (*last)
            last = &(*last)->next;
        *last = g;
    }
    pthread_mutex_unlock(&server->lock);
    if (!ready || server_hand(server, WORK_LONG, g->exchange, generation_continue))
        return;
    error_set(&err, HOB_INTERRUPTED, "the server is stopping");
    resident_release(g->resident, g->keep_alive_s);
    generation_fail(g, MHD_HTTP_SERVICE_UNAVAILABLE, &err);
}

void resident_release(struct resident *r, double keep)
{
    pthread_mutex_lock(&r->server->lock);
    r->n_users--;
    use(r, keep);
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->server->lock);
}

json_t *residents_json(struct server *server)
{
    json_t *list = json_array();
    double now = clock_ms();
    pthread_mutex_lock(&server->lock);
    for (const struct resident *r = server->residents; r; r = r->next) {
        if (r->state != RESIDENT_READY)
            continue;
        json_t *one = json_object();
        json_object_set_new(one, "name", json_string(r->name));
        json_object_set_new(one, "path", json_bytes(str_of(r->path)));
        json_object_set_new(one, "digest", json_string(r->digest));
        json_object_set_new(one, "bytes", json_integer((json_int_t)r->bytes));
        json_object_set_new(one, "context", json_integer((json_int_t)r->ctx));
        json_object_set_new(one, "parallel", json_integer(r->parallel));
        json_object_set_new(one, "running", json_integer((json_int_t)r->n_running));
        json_object_set_new(one, "waiting", json_integer((json_int_t)r->n_queued));
        if (r->expires_ms != FOR_EVER)
            json_object_set_new(one, "expires_s",
                                json_integer(time(NULL) + (json_int_t)(fmax(r->expires_ms - now, 0) / 1000)));
        json_array_append_new(list, one);
    }
    pthread_mutex_unlock(&server->lock);
    return list;
}

void residents_free(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    struct resident *r = server->residents;
    for (struct resident *at = r; at; at = at->next) {
        at->state = RESIDENT_LEAVING;
        pthread_cond_signal(&at->wake);
    }
    pthread_mutex_unlock(&server->lock);
    while (r) {
        struct resident *next = r->next;
        pthread_join(r->thread, NULL);
        resident_free(r);
        r = next;
    }
    server->residents = NULL;
}
