/* SPDX-License-Identifier: Apache-2.0 */
#include "server/resident.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "families/families.h"
#include "server/internal.h"
#include "server/limits.h"
#include "store/digest.h"

#define FOR_EVER -1.0

enum resident_state { RESIDENT_LOADING, RESIDENT_READY, RESIDENT_LEAVING };

/* All but what the thread alone uses is under the server's lock. */
struct resident {
    struct server *server;
    struct resident *next;
    char *path, *name, *digest;
    char stamp[128]; /* of the first file: a changed file is another model */
    pthread_t thread;
    enum resident_state state;
    pthread_cond_t wake;
    size_t n_users;    /* generations that hold it */
    double expires_ms; /* with no users; FOR_EVER */
    double used_ms;
    struct generation *parked;             /* wait for the load */
    struct generation *queue, *queue_last; /* prepared, wait for a place */
    size_t n_queued, n_running;            /* answers that run */
    size_t bytes, ctx;
    size_t reserved; /* of the bytes, those that are taken only as replies grow */
    unsigned parallel;
    double tokens_a_second;
    struct hob_error error;
    /* The thread's. */
    struct options options;
    struct model *model;
    struct chat *chat;
    struct generation *running;
};

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

static void free_resident(struct resident *resident)
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

/* ----------------------------------------------------------------------------------------------------- loading */

/* Bytes that the others have planned for and may not have touched yet. Under the lock. */
static size_t planned_bytes(const struct resident *but)
{
    size_t sum = 0;
    for (const struct resident *r = but->server->residents; r; r = r->next)
        if (r != but)
            sum += r->reserved;
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

/* Sets the memory that the engine may take at most, unless the command line did. */
static bool set_memory(struct resident *r, size_t bytes, struct hob_error *err)
{
    char text[32];
    size_t at = options_find(STR("memory"));
    if (options_get(r->server->options.options, "memory")->given)
        return true;
    snprintf(text, sizeof text, "%zu", (bytes >> 20) + 1);
    return options_set(&r->options, at, text, err);
}

/* Plans; while it does not fit, others leave. */
static bool make_room(struct resident *r, struct hob_error *err)
{
    struct engine_options engine;
    struct engine_plan plan;
    struct server *server = r->server;
    double until = clock_ms() + (double)limits[LIMIT_LOAD_WAIT_S].value * 1000;
    if (!options_engine(&r->options, &engine, err))
        return false;
    while (true) {
        pthread_mutex_lock(&server->lock);
        size_t others = planned_bytes(r);
        pthread_mutex_unlock(&server->lock);
        engine_make_plan(r->model, &engine, &plan, NULL); /* what is available */
        bool fits = set_memory(r, plan.available_bytes > others ? plan.available_bytes - others : 0, err) &&
                    options_engine(&r->options, &engine, err) && engine_make_plan(r->model, &engine, &plan, err);
        if (!fits && err->status != HOB_LIMIT)
            return false;
        pthread_mutex_lock(&server->lock);
        /* A context that had to be cut for the sake of idle models is no fit either. */
        bool cramped = fits && plan.ctx < plan.ctx_wanted && others > 0;
        if (fits && !(cramped && evict(server, r))) {
            take_plan(r, &plan);
            r->reserved = r->bytes; /* until the weights are read, nothing is taken yet */
            pthread_mutex_unlock(&server->lock);
            return true;
        }
        bool hope =
            others > 0 && clock_ms() < until && !atomic_load(&server->stopping) && !atomic_load(&server->draining);
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

/* Opens and loads. */
static bool load(struct resident *r, struct hob_error *err)
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

/* ---------------------------------------------------------------------------------------------------- stepping */

/* Generations of `owner` that run. */
static size_t running_of(const struct resident *r, uint64_t owner)
{
    size_t n = 0;
    for (const struct generation *g = r->running; g; g = g->next)
        n += g->exchange->owner == owner;
    return n;
}

/* Takes the next generation out of the queue: the oldest of the owner with the fewest places; or one that was
 * cancelled. Under the lock. */
static struct generation *take_next(struct resident *r)
{
    struct generation **best = NULL;
    size_t fewest = SIZE_MAX;
    for (struct generation **at = &r->queue; *at; at = &(*at)->next) {
        size_t n = atomic_load(&(*at)->cancelled) ? 0 : running_of(r, (*at)->exchange->owner) + 1;
        if (n >= fewest)
            continue;
        best = at;
        fewest = n;
    }
    if (!best || (fewest > 0 && r->n_running > 0 && r->n_running + (*best)->n > r->parallel))
        return NULL;
    struct generation *g = *best;
    *best = g->next;
    r->queue_last = NULL;
    for (struct generation *at = r->queue; at; at = at->next)
        r->queue_last = at;
    r->n_queued--;
    g->next = NULL;
    return g;
}

static void on_event(void *user, const struct chat_event *event)
{
    struct answer *answer = reply_user(event->reply);
    (void)user;
    generation_event(answer->generation, event);
}

/* Ends what is whole. Returns how many places became free. */
static size_t collect(struct resident *r)
{
    size_t freed = 0;
    for (struct generation **at = &r->running; *at;) {
        struct generation *g = *at;
        if (!generation_ended(g)) {
            at = &g->next;
            continue;
        }
        *at = g->next;
        freed += g->n;
        double keep_alive_s = g->keep_alive_s;
        generation_end(g);
        resident_release(r, keep_alive_s);
    }
    return freed;
}

/* Runs steps as long as there is something to do. Returns when the resident is to leave. Called with the lock. */
static void run(struct resident *r)
{
    struct server *server = r->server;
    while (r->state != RESIDENT_LEAVING) {
        struct generation *g = take_next(r);
        if (g) {
            bool dead = atomic_load(&g->cancelled);
            r->n_running += dead ? 0 : g->n;
            pthread_mutex_unlock(&server->lock);
            if (dead) {
                atomic_fetch_add(&server->counters.cancelled, 1);
                double keep_alive_s = g->keep_alive_s;
                generation_free(g);
                resident_release(r, keep_alive_s);
            } else {
                g->begun_ms = clock_ms();
                for (size_t i = 0; i < g->n; i++)
                    chat_queue(r->chat, g->answers[i].reply);
                g->next = r->running;
                r->running = g;
            }
            pthread_mutex_lock(&server->lock);
            continue;
        }
        if (!r->running) {
            double now = clock_ms();
            if (r->n_users == 0 && r->expires_ms != FOR_EVER && now >= r->expires_ms)
                break;
            double wait = r->n_users == 0 && r->expires_ms != FOR_EVER ? r->expires_ms - now : 60000;
            struct timespec until = server_deadline(wait < 60000 ? wait : 60000);
            pthread_cond_timedwait(&r->wake, &server->lock, &until);
            continue;
        }
        pthread_mutex_unlock(&server->lock);
        for (struct generation *at = r->running; at; at = at->next)
            for (size_t i = 0; atomic_load(&at->cancelled) && i < at->n; i++)
                reply_cancel(at->answers[i].reply);
        double start = clock_ms();
        chat_step(r->chat, on_event, r);
        double step_ms = clock_ms() - start;
        size_t freed = collect(r);
        pthread_mutex_lock(&server->lock);
        if (r->n_running && step_ms > 0) {
            double rate = (double)r->n_running * 1000 / step_ms;
            r->tokens_a_second = r->tokens_a_second > 0 ? 0.95 * r->tokens_a_second + 0.05 * rate : rate;
        }
        r->n_running -= freed;
    }
    r->state = RESIDENT_LEAVING;
}

/* Ends what still runs or waits, when the server stops. */
static void abandon(struct resident *r)
{
    struct hob_error err;
    error_set(&err, HOB_INTERRUPTED, "the server is stopping");
    for (struct generation *g; (g = r->queue);) {
        r->queue = g->next;
        generation_fail(g, MHD_HTTP_SERVICE_UNAVAILABLE, &err);
    }
    for (struct generation *g; (g = r->running);) {
        r->running = g->next;
        generation_fail(g, MHD_HTTP_SERVICE_UNAVAILABLE, &err);
    }
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
        if (good) {
            server_hand(server, g->exchange, generation_continue);
            continue;
        }
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
    bool good = load(r, &r->error);
    pthread_mutex_lock(&server->lock);
    if (good) {
        if (r->state == RESIDENT_LOADING)
            r->state = RESIDENT_READY;
        unpark(r, true);
        run(r);
    } else {
        r->state = RESIDENT_LEAVING;
        unpark(r, false);
    }
    pthread_mutex_unlock(&server->lock);
    abandon(r);
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
        free_resident(r);
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
    pthread_cond_init(&r->wake, NULL);
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
    free_resident(r);
    return NULL;
}

/* -------------------------------------------------------------------------------------------------- the others */

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
    r->used_ms = clock_ms();
    bool ready = r->state == RESIDENT_READY;
    if (!ready) {
        g->next = r->parked;
        r->parked = g;
    }
    pthread_mutex_unlock(&server->lock);
    if (ready)
        generation_continue(g->exchange);
}

/* Seconds until a place may be free, by the work that waits. Under the lock. */
static unsigned retry_after(const struct resident *r)
{
    double tokens = 0;
    for (const struct generation *g = r->queue; g; g = g->next)
        for (size_t i = 0; i < g->n; i++) {
            size_t n_prompt, n_generated;
            reply_tokens(g->answers[i].reply, &n_prompt, &n_generated);
            tokens += (double)n_prompt / 8 + 128;
        }
    double seconds = r->tokens_a_second > 0 ? tokens / r->tokens_a_second : 1;
    return seconds < 1 ? 1 : seconds > 120 ? 120 : (unsigned)(seconds + 0.999);
}

void resident_queue(struct resident *r, struct generation *g)
{
    struct server *server = r->server;
    pthread_mutex_lock(&server->lock);
    bool places = r->n_running + r->n_queued < r->parallel; /* it will not wait */
    bool full = !places && r->n_queued >= (size_t)limits[LIMIT_QUEUE].value;
    bool leaving = r->state == RESIDENT_LEAVING;
    if (full || leaving) {
        struct hob_error err;
        g->exchange->retry_after_s = full ? retry_after(r) : 5;
        pthread_mutex_unlock(&server->lock);
        error_set(&err, HOB_LIMIT, full ? "server busy: %lld requests are waiting already" : "the server is stopping",
                  limits[LIMIT_QUEUE].value);
        resident_release(r, g->keep_alive_s);
        generation_fail(g, MHD_HTTP_SERVICE_UNAVAILABLE, &err);
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

void resident_release(struct resident *r, double keep)
{
    pthread_mutex_lock(&r->server->lock);
    r->n_users--;
    r->used_ms = clock_ms();
    r->expires_ms = keep < 0 ? FOR_EVER : r->used_ms + keep * 1000;
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
        if (r->n_users > 0)
            json_object_set_new(one, "expires_s",
                                json_integer(time(NULL) + (json_int_t)(server->options.keep_alive_s < 0
                                                                           ? 3155760000.0
                                                                           : server->options.keep_alive_s)));
        else if (r->expires_ms != FOR_EVER)
            json_object_set_new(one, "expires_s",
                                json_integer(time(NULL) + (json_int_t)((r->expires_ms - now) / 1000)));
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
        free_resident(r);
        r = next;
    }
    server->residents = NULL;
}
