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

/* What a handler does: reads a request and looks up names, or renders, tokenizes and compiles. */
enum work_kind { WORK_SHORT, WORK_LONG, N_WORK_KINDS };

/* The handlers of one kind of work. */
struct handlers {
    struct server *server;
    pthread_t threads[N_HANDLERS];
    unsigned n, most;                     /* that run; that may work for one owner at once */
    pthread_cond_t there;                 /* something waits, or may be taken that could not */
    struct exchange *waiting;             /* the oldest first */
    struct exchange *working[N_HANDLERS]; /* what they work on, or NULL */
};

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
    pthread_t watcher;
    bool watching;
    atomic_bool stopping, draining;
    struct counters counters;
    double started_ms;
    json_t *wall;            /* wall_status() */
    struct options defaults; /* when the caller gave none */

    pthread_mutex_t lock; /* of all below; taken before an exchange's */
    pthread_cond_t resident_left;
    struct handlers handlers[N_WORK_KINDS];
    struct exchange *exchanges; /* all that are open */
    size_t n_exchanges;
    uint64_t n_numbers;
    struct resident *residents;
    struct stored_response *responses;
};

/* Hands an exchange to the handlers, to run `work`. Any thread. False when the server is stopping. */
bool server_hand(struct server *server, enum work_kind kind, struct exchange *exchange,
                 void (*work)(struct exchange *exchange));

/* Makes the handlers of a new server ready, starts their threads, and ends these when all is done that waits: nothing
 * can be handed to them then. */
void handlers_init(struct server *server);
bool handlers_start(struct server *server, struct hob_error *err);
void handlers_stop(struct server *server);

/* Watches whether the exchange's client leaves. */
void server_watch(struct exchange *exchange);

/* Makes a condition whose waits end by server_deadline(): the time of day may be set meanwhile. */
void server_init_wait(pthread_cond_t *cond);

/* The time a number of milliseconds from now, for pthread_cond_timedwait(). */
struct timespec server_deadline(double ms);

#endif
