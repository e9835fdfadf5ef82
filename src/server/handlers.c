/* SPDX-License-Identifier: Apache-2.0
 *
 * The threads that handle requests. Those that read requests and look names up are others than those that prepare
 * replies, which may take seconds; and of these nobody's requests keep all.
 */
#include "base/error.h"
#include "server/internal.h"

bool server_hand(struct server *server, enum work_kind kind, struct exchange *exchange,
                 void (*work)(struct exchange *exchange))
{
    struct handlers *handlers = &server->handlers[kind];
    pthread_mutex_lock(&server->lock);
    bool good = !atomic_load(&server->stopping);
    if (good) {
        struct exchange **at = &handlers->waiting;
        while (*at)
            at = &(*at)->next_work;
        exchange_hold(exchange);
        exchange->work = work;
        exchange->next_work = NULL;
        *at = exchange;
        pthread_cond_signal(&handlers->there);
    }
    pthread_mutex_unlock(&server->lock);
    return good;
}

/* How many of them work for `owner`. Under the lock. */
static unsigned working_for(const struct handlers *handlers, uint64_t owner)
{
    unsigned n = 0;
    for (unsigned i = 0; i < N_HANDLERS; i++)
        n += handlers->working[i] && handlers->working[i]->owner == owner;
    return n;
}

/* The oldest that may be worked on now, moved to a place of `working`; NULL: there is none. Under the lock. */
static struct exchange **take(struct handlers *handlers)
{
    struct exchange **at = &handlers->waiting, **place = handlers->working;
    while (*at && working_for(handlers, (*at)->owner) >= handlers->most)
        at = &(*at)->next_work;
    if (!*at)
        return NULL;
    while (*place)
        place++;
    *place = *at;
    *at = (*at)->next_work;
    return place;
}

static void *handle(void *user)
{
    struct handlers *handlers = user;
    struct server *server = handlers->server;
    pthread_mutex_lock(&server->lock);
    while (true) {
        struct exchange **place = take(handlers);
        if (!place && !handlers->waiting && atomic_load(&server->stopping))
            break;
        if (!place) {
            pthread_cond_wait(&handlers->there, &server->lock);
            continue;
        }
        pthread_mutex_unlock(&server->lock);
        struct exchange *exchange = *place;
        exchange->work(exchange);
        pthread_mutex_lock(&server->lock);
        *place = NULL;
        pthread_cond_broadcast(&handlers->there); /* its owner's next may be taken now */
        pthread_mutex_unlock(&server->lock);
        exchange_drop(exchange);
        pthread_mutex_lock(&server->lock);
    }
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

void handlers_init(struct server *server)
{
    for (unsigned kind = 0; kind < N_WORK_KINDS; kind++) {
        server->handlers[kind].server = server;
        server->handlers[kind].most = kind == WORK_LONG ? N_HANDLERS / 2 : N_HANDLERS;
        pthread_cond_init(&server->handlers[kind].there, NULL);
    }
}

bool handlers_start(struct server *server, struct hob_error *err)
{
    for (unsigned kind = 0; kind < N_WORK_KINDS; kind++)
        for (struct handlers *h = &server->handlers[kind]; h->n < N_HANDLERS; h->n++)
            if (pthread_create(&h->threads[h->n], NULL, handle, h) != 0)
                return error_set(err, HOB_LIMIT, "the system gives no more threads");
    return true;
}

void handlers_stop(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    atomic_store(&server->stopping, true);
    for (unsigned kind = 0; kind < N_WORK_KINDS; kind++)
        pthread_cond_broadcast(&server->handlers[kind].there);
    pthread_mutex_unlock(&server->lock);
    for (unsigned kind = 0; kind < N_WORK_KINDS; kind++) {
        struct handlers *h = &server->handlers[kind];
        for (unsigned i = 0; i < h->n; i++)
            pthread_join(h->threads[i], NULL);
        pthread_cond_destroy(&h->there);
    }
}
