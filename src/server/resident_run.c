/* SPDX-License-Identifier: Apache-2.0
 *
 * A resident's queue and its steps. What waits for a place is an answer, not a request: the answers of one request
 * begin as places become free, and nobody waits for more than one at once.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/limits.h"
#include "server/resident_internal.h"

/* ---------------------------------------------------------------------------------------------------- the queue */

/* Seconds until a place may be free, by the work that waits. Under the lock. */
static unsigned retry_after(const struct resident *r)
{
    double tokens = 0;
    for (const struct generation *g = r->queue; g; g = g->next)
        for (size_t i = g->n_started; i < g->n; i++) {
            size_t n_prompt, n_generated;
            reply_tokens(g->answers[i].reply, &n_prompt, &n_generated);
            tokens += (double)n_prompt / 8 + 128;
        }
    double seconds = r->tokens_a_second > 0 ? tokens / r->tokens_a_second : 1;
    return seconds < 1 ? 1 : seconds > 120 ? 120 : (unsigned)(seconds + 0.999);
}

/* Fails a generation that gets no place: its client may come back after `retry_s`. Without the lock. */
static void turn_away(struct resident *r, struct generation *g, unsigned retry_s, const struct hob_error *err)
{
    g->exchange->retry_after_s = retry_s;
    resident_release(r, g->keep_alive_s);
    generation_fail(g, MHD_HTTP_SERVICE_UNAVAILABLE, err);
}

void resident_queue(struct resident *r, struct generation *g)
{
    struct server *server = r->server;
    struct hob_error err = {0};
    pthread_mutex_lock(&server->lock);
    bool places = r->n_running + r->n_queued < r->parallel; /* it will not wait */
    if (r->state == RESIDENT_LEAVING)
        error_set(&err, HOB_INTERRUPTED, "the server is stopping");
    else if (!places && r->n_queued >= (size_t)limits[LIMIT_QUEUE].value)
        error_set(&err, HOB_LIMIT, "server busy: %lld requests are waiting already", limits[LIMIT_QUEUE].value);
    if (err.status != HOB_OK) {
        unsigned retry_s = err.status == HOB_LIMIT ? retry_after(r) : 5;
        pthread_mutex_unlock(&server->lock);
        turn_away(r, g, retry_s, &err);
        return;
    }
    g->queued_ms = clock_ms();
    if (g->stream) {
        exchange_stream(g->exchange, g->dialect->stream_type);
        if (g->dialect->begin)
            g->dialect->begin(g);
    }
    *(r->queue ? &r->queue_last->next : &r->queue) = g;
    r->queue_last = g;
    r->n_queued++;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&server->lock);
}

/* Takes a generation out of the queue, where `at` points to it. Under the lock. */
static struct generation *unqueue(struct resident *r, struct generation **at)
{
    struct generation *g = *at;
    *at = g->next;
    r->queue_last = NULL;
    for (struct generation *last = r->queue; last; last = last->next)
        r->queue_last = last;
    r->n_queued--;
    g->next = NULL;
    return g;
}

/* Answers of `owner` that run. */
static size_t running_of(const struct resident *r, uint64_t owner)
{
    size_t n = 0;
    for (const struct generation *g = r->running; g; g = g->next_running)
        n += g->exchange->owner == owner ? g->n_started - g->n_ended : 0;
    return n;
}

/* Takes one out of the queue that is not to begin: its client has left, or it waits for too long. Those whose answers
 * have begun stay where they are; what they have not begun then counts as ended. Under the lock. */
static struct generation *take_dead(struct resident *r)
{
    double now = clock_ms(), longest_ms = r->server->options.queue_s * 1000;
    for (struct generation **at = &r->queue; *at;) {
        struct generation *g = *at;
        bool left = atomic_load(&g->cancelled);
        if (g->n_started == 0 && (left || now - g->queued_ms > longest_ms))
            return unqueue(r, at);
        if (!left) {
            at = &g->next;
            continue;
        }
        g->n_ended += g->n - g->n_started;
        g->n_started = g->n;
        unqueue(r, at);
    }
    return NULL;
}

/* The next whose answer gets a place: the oldest of the owner with the fewest. Under the lock; NULL when nobody waits
 * or no place is free. */
static struct generation *take_next(struct resident *r)
{
    struct generation **best = NULL;
    size_t fewest = SIZE_MAX;
    if (r->n_running >= r->parallel)
        return NULL;
    for (struct generation **at = &r->queue; *at; at = &(*at)->next) {
        size_t n = running_of(r, (*at)->exchange->owner);
        if (n >= fewest)
            continue;
        best = at;
        fewest = n;
    }
    if (!best)
        return NULL;
    struct generation *g = *best;
    if (g->n_started + 1 == g->n)
        unqueue(r, best);
    return g;
}

/* ---------------------------------------------------------------------------------------------------- the steps */

/* Begins an answer. Under the lock. */
static void begin(struct resident *r, struct generation *g)
{
    if (g->n_started == 0) {
        g->begun_ms = clock_ms();
        g->next_running = r->running;
        r->running = g;
    }
    chat_queue(r->chat, g->answers[g->n_started++].reply);
    r->n_running++;
}

/* Frees one that never began. */
static void bury(struct resident *r, struct generation *g)
{
    struct hob_error err;
    if (!atomic_load(&g->cancelled)) {
        error_set(&err, HOB_LIMIT, "server busy: no place became free within %g seconds", r->server->options.queue_s);
        turn_away(r, g, 10, &err);
        return;
    }
    atomic_fetch_add(&r->server->counters.cancelled, 1);
    double keep_alive_s = g->keep_alive_s;
    generation_free(g);
    resident_release(r, keep_alive_s);
}

static void on_event(void *user, const struct chat_event *event)
{
    struct answer *answer = reply_user(event->reply);
    (void)user;
    generation_event(answer->generation, event);
}

/* Ends what is whole. Whoever hears of the end finds its places free. */
static void collect(struct resident *r)
{
    size_t running = 0;
    struct generation *whole = NULL;
    for (struct generation **at = &r->running; *at;) {
        struct generation *g = *at;
        running += g->n_started - g->n_ended;
        if (g->n_ended < g->n) {
            at = &g->next_running;
            continue;
        }
        *at = g->next_running;
        g->next_running = whole;
        whole = g;
    }
    pthread_mutex_lock(&r->server->lock);
    r->n_running = running;
    pthread_mutex_unlock(&r->server->lock);
    while (whole) {
        struct generation *g = whole;
        double keep_alive_s = g->keep_alive_s;
        whole = g->next_running;
        generation_end(g);
        resident_release(r, keep_alive_s);
    }
}

/* Waits until there is something to do. Under the lock; false when nobody uses the model any longer. */
static bool wait_for_work(struct resident *r)
{
    double now = clock_ms(), wait = 60000;
    if (r->n_users == 0 && r->expires_ms != FOR_EVER) {
        if (now >= r->expires_ms)
            return false;
        wait = r->expires_ms - now < wait ? r->expires_ms - now : wait;
    }
    struct timespec until = server_deadline(wait);
    pthread_cond_timedwait(&r->wake, &r->server->lock, &until);
    return true;
}

/* One step of all that run. Without the lock. */
static void step(struct resident *r)
{
    struct counters *counters = &r->server->counters;
    for (struct generation *g = r->running; g; g = g->next_running)
        for (size_t i = 0; atomic_load(&g->cancelled) && i < g->n_started; i++)
            reply_cancel(g->answers[i].reply);
    double start_ms = clock_ms();
    chat_step(r->chat, on_event, r);
    double step_ms = clock_ms() - start_ms;
    atomic_fetch_add(&counters->steps, 1);
    atomic_fetch_add(&counters->step_replies, r->n_running);
    if (step_ms > 0) {
        double rate = (double)r->n_running * 1000 / step_ms;
        r->tokens_a_second = r->tokens_a_second > 0 ? 0.95 * r->tokens_a_second + 0.05 * rate : rate;
    }
}

void resident_run(struct resident *r)
{
    struct server *server = r->server;
    while (r->state != RESIDENT_LEAVING) {
        struct generation *dead = take_dead(r), *next = dead ? NULL : take_next(r);
        if (next) {
            begin(r, next);
        } else if (dead || r->running) {
            pthread_mutex_unlock(&server->lock);
            if (dead)
                bury(r, dead);
            else
                step(r);
            collect(r);
            pthread_mutex_lock(&server->lock);
        } else if (!wait_for_work(r)) {
            break;
        }
    }
    r->state = RESIDENT_LEAVING;
}

void resident_abandon(struct resident *r)
{
    struct hob_error err;
    error_set(&err, HOB_INTERRUPTED, "the server is stopping");
    for (struct generation *g; (g = r->running);) {
        r->running = g->next_running;
        for (struct generation **at = &r->queue; *at; at = &(*at)->next)
            if (*at == g) {
                unqueue(r, at);
                break;
            }
        generation_fail(g, MHD_HTTP_SERVICE_UNAVAILABLE, &err);
    }
    for (struct generation *g; (g = r->queue);) {
        r->queue = g->next;
        generation_fail(g, MHD_HTTP_SERVICE_UNAVAILABLE, &err);
    }
}
