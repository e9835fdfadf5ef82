/* SPDX-License-Identifier: Apache-2.0
 *
 * A resident's way into memory: its plan in bytes, who has to leave for it, its load.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/memory.h"
#include "families/families.h"
#include "server/limits.h"
#include "server/resident_internal.h"

/* What the others have planned for: all of it, or what they may not have touched yet. Under the lock. */
static size_t planned_bytes(const struct resident *but, bool all)
{
    size_t sum = 0;
    for (const struct resident *r = but->server->residents; r; r = r->next)
        if (r != but)
            sum += all ? r->bytes : r->reserved;
    return sum;
}

/* Makes the idle one that was not used for the longest leave. Under the lock; false when none is idle. */
static bool evict(struct server *server, const struct resident *but)
{
    struct resident *oldest = NULL;
    bool leaving = false;
    for (struct resident *r = server->residents; r; r = r->next) {
        leaving = leaving || (r != but && r->state == RESIDENT_LEAVING);
        if (r != but && r->state == RESIDENT_READY && r->n_users == 0 && (!oldest || r->used_ms < oldest->used_ms))
            oldest = r;
    }
    if (leaving) /* one is on its way already */
        return true;
    if (oldest) {
        oldest->state = RESIDENT_LEAVING;
        pthread_cond_signal(&oldest->wake);
    }
    return oldest != NULL;
}

/* Notes what an engine takes. Under the lock. */
static void take_plan(struct resident *r, const struct engine_plan *plan)
{
    r->bytes = plan->weight_bytes + plan->cache_bytes + plan->work_bytes;
    r->reserved = plan->cache_bytes + plan->work_bytes;
    r->ctx = plan->ctx;
    r->parallel = plan->parallel;
}

static size_t less(size_t a, size_t b)
{
    return a > b ? a - b : 0;
}

/* Sets the memory that the engine may take at most: of what the machine has left, and of --memory, which is for all
 * residents together, what the others leave. `others`: whether there are any. */
static bool set_memory(struct resident *r, bool *others, struct hob_error *err)
{
    struct server *server = r->server;
    const struct option_value *given = options_get(server->options.options, "memory");
    char text[32];
    pthread_mutex_lock(&server->lock);
    size_t untouched = planned_bytes(r, false), all = planned_bytes(r, true);
    pthread_mutex_unlock(&server->lock);
    size_t bytes = less(memory_left().bytes, untouched);
    *others = all > 0;
    if (given->given && less((size_t)given->i << 20, all) < bytes)
        bytes = less((size_t)given->i << 20, all);
    snprintf(text, sizeof text, "%zu", bytes >> 20 ? bytes >> 20 : 1);
    return options_set(&r->options, options_find(STR("memory")), text, err);
}

/* Plans; while it does not fit, others leave. */
static bool make_room(struct resident *r, struct hob_error *err)
{
    struct engine_options engine;
    struct engine_plan plan;
    struct server *server = r->server;
    double until = clock_ms() + (double)limits[LIMIT_LOAD_WAIT_S].value * 1000;
    while (true) {
        bool others;
        if (!set_memory(r, &others, err) || !options_engine(&r->options, &engine, err))
            return false;
        bool fits = engine_make_plan(r->model, &engine, &plan, err);
        if (!fits && err->status != HOB_LIMIT)
            return false;
        pthread_mutex_lock(&server->lock);
        /* A context that had to be cut for the sake of idle models is no fit either. */
        bool cramped = fits && plan.ctx < plan.ctx_wanted && others;
        if (fits && !(cramped && evict(server, r))) {
            take_plan(r, &plan);
            r->reserved = r->bytes; /* until the weights are read, nothing is taken yet */
            pthread_mutex_unlock(&server->lock);
            return true;
        }
        bool hope = others && clock_ms() < until && !atomic_load(&server->stopping) && !atomic_load(&server->draining);
        if (hope) {
            evict(server, r);
            struct timespec soon = server_deadline(200);
            pthread_cond_timedwait(&server->resident_left, &server->lock, &soon);
        }
        pthread_mutex_unlock(&server->lock);
        if (!hope)
            return false;
    }
}

static bool on_load(void *user, size_t done, size_t total)
{
    const struct resident *resident = user;
    (void)done;
    (void)total;
    return !atomic_load(&resident->server->stopping);
}

bool resident_load(struct resident *r, struct hob_error *err)
{
    size_t n;
    const struct family *const *families = families_all(&n);
    r->model = model_open(r->path, err);
    if (!r->model || !model_bind(r->model, families, n, err) ||
        !options_copy(&r->options, r->server->options.options, err) ||
        !options_from_model(&r->options, r->model, err) || !make_room(r, err))
        return false;
    r->chat = chat_new(r->model, &r->options, on_load, r, err);
    if (!r->chat)
        return false;
    const struct engine_plan *plan = engine_get_plan(chat_engine(r->chat));
    pthread_mutex_lock(&r->server->lock);
    take_plan(r, plan);
    pthread_mutex_unlock(&r->server->lock);
    atomic_fetch_add(&r->server->counters.loads, 1);
    return true;
}
