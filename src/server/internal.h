/* SPDX-License-Identifier: Apache-2.0
 *
 * What the server's own files share.
 */
#ifndef HOB_SERVER_INTERNAL_H
#define HOB_SERVER_INTERNAL_H

#include <time.h>

#include "server/exchange.h"
#include "server/guard.h"

enum { N_HANDLERS = 4 };

struct resident;

/* What is counted for /metrics. */
struct counters {
    atomic_ullong requests, refused, cancelled, prompt_tokens, generated_tokens, loads;
    atomic_ullong steps, step_replies; /* of all engines; and the replies that took part in them */
};

struct server {
    struct server_options options;
    struct guard guard;
    char address[160], notice[128];
    struct MHD_Daemon *daemon;
    int epoll;
    pthread_t watcher, handlers[N_HANDLERS];
    unsigned n_handlers;
    bool watching;
    atomic_bool stopping, draining;
    struct counters counters;
    double started_ms;
    json_t *wall;            /* wall_status() */
    struct options defaults; /* when the caller gave none */

    pthread_mutex_t lock; /* of all below; taken before an exchange's */
    pthread_cond_t work_there, resident_left;
    struct exchange *work, *work_last; /* for the handlers */
    struct exchange *exchanges;        /* all that are open */
    size_t n_exchanges;
    uint64_t n_numbers;
    struct resident *residents;
    struct stored_response *responses;
};

/* Hands an exchange to the handlers, to run `work`. Any thread. False when the server is stopping. */
bool server_hand(struct server *server, struct exchange *exchange, void (*work)(struct exchange *exchange));

/* Watches whether the exchange's client leaves. */
void server_watch(struct exchange *exchange);

/* Makes a condition whose waits end by server_deadline(): the time of day may be set meanwhile. */
void server_init_wait(pthread_cond_t *cond);

/* The time a number of milliseconds from now, for pthread_cond_timedwait(). */
struct timespec server_deadline(double ms);

#endif
