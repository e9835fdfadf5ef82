/* SPDX-License-Identifier: Apache-2.0
 *
 * A pool of worker threads that run one function together, and the barrier and the chunk counter they share.
 * Workers spin for a moment and then sleep, so an idle pool costs nothing.
 */
#ifndef HOB_BASE_THREAD_H
#define HOB_BASE_THREAD_H

#include <stdatomic.h>
#include <hob.h>

struct pool;

/* A pool of `n` workers (1..256), the caller of pool_run() among them. Each worker sets its floating point
 * control (round to nearest, denormals kept). */
struct pool *pool_new(unsigned n, struct hob_error *err);

/* Stops and joins the workers (NULL is fine). */
void pool_free(struct pool *pool);

/* The number of workers. */
unsigned pool_size(const struct pool *pool);

/* Runs `fn(ctx, worker)` on every worker, worker 0 being the caller, and returns when all have returned. One
 * caller at a time. Allocates nothing. */
void pool_run(struct pool *pool, void (*fn)(void *ctx, unsigned worker), void *ctx);

/* Inside pool_run(): a number by which workers go on together without waiting for each other. Whoever has finished the
 * last piece of common work calls pool_advance(); the others, told apart by the number they began with, wait for it to
 * change. The number grows by `n_pieces`, so that one worker may do the pieces behind its own before it opens the next.
 * A worker that the system keeps from running holds nobody up unless it has a piece in hand. */
unsigned pool_turn(struct pool *pool);
void pool_advance(struct pool *pool, unsigned n_pieces);
void pool_wait(struct pool *pool, unsigned turn);

/* A shared counter from which workers claim chunks of work. */
struct claim {
    _Alignas(64) atomic_size_t next;
};

/* Claims the next chunk of `chunk` items of `n`: sets [*first, *end) and returns true, or false when none is left. */
static inline bool claim_next(struct claim *claim, size_t n, size_t chunk, size_t *first, size_t *end)
{
    size_t at = atomic_fetch_add_explicit(&claim->next, chunk, memory_order_relaxed);
    if (at >= n)
        return false;
    *first = at;
    *end = n - at < chunk ? n : at + chunk;
    return true;
}

/* A worker's view of items that are shared out: it begins with a part of its own, so that what it reads is one stream
 * of memory, and then helps the others. */
struct share {
    struct claim *parts; /* [n_parts], the same for all workers */
    unsigned n_parts, own, n_ended;
};

/* Claims the next chunk of `n` items as claim_next() does: of the worker's own part, or else of what is left of the
 * next worker's. */
static inline bool share_next(struct share *share, size_t n, size_t chunk, size_t *first, size_t *end)
{
    for (; share->n_ended < share->n_parts; share->n_ended++) {
        size_t part = (share->own + share->n_ended) % share->n_parts;
        size_t from = n * part / share->n_parts, to = n * (part + 1) / share->n_parts;
        if (claim_next(&share->parts[part], to - from, chunk, first, end)) {
            *first += from;
            *end += from;
            return true;
        }
    }
    return false;
}

/* Sets the calling thread's floating point control to IEEE defaults and returns what it was. */
uint64_t float_control_enter(void);

/* Restores what float_control_enter() returned. */
void float_control_leave(uint64_t saved);

#endif
