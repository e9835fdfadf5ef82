/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool of worker threads. Workers meet at gates: a gate is a number that only grows, and to wait is to wait
 * until it has changed, first spinning, then asleep in the kernel (futex(2)).
 */
#include "base/thread.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"

enum { MAX_WORKERS = 256 };

struct gate {
    _Alignas(64) atomic_uint turn; /* the futex */
    atomic_uint n_asleep;
};

struct worker {
    struct pool *pool;
    unsigned index;
    pthread_t thread;
};

struct pool {
    struct gate start, done, step;
    _Alignas(64) atomic_uint n_running; /* workers besides the caller that have not returned */
    unsigned n_workers, n_threads;      /* n_threads: how many of `workers` 1..n were started */
    double spin_ms;
    bool stop;
    void (*fn)(void *ctx, unsigned worker);
    void *ctx;
    struct worker workers[];
};

static void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static unsigned gate_turn(struct gate *gate)
{
    return atomic_load_explicit(&gate->turn, memory_order_acquire);
}

/* Lets everybody through who waits for the turn to change; it grows by `by`. */
static void gate_open(struct gate *gate, unsigned by)
{
    /* Sequentially consistent, as is what the sleeper does: either it is seen asleep here, or it sees the new turn. */
    atomic_fetch_add(&gate->turn, by);
    if (atomic_load(&gate->n_asleep))
        syscall(SYS_futex, &gate->turn, FUTEX_WAKE_PRIVATE, MAX_WORKERS, NULL, NULL, 0);
}

/* Returns when the turn is no longer `turn`. */
static void gate_wait(struct gate *gate, unsigned turn, double spin_ms)
{
    enum { RELAXES_PER_CLOCK = 32 };
    double end_ms = 0;
    do {
        for (int i = 0; i < RELAXES_PER_CLOCK; i++) {
            if (gate_turn(gate) != turn)
                return;
            cpu_relax();
        }
        double now_ms = spin_ms > 0 ? clock_ms() : 1;
        if (end_ms == 0)
            end_ms = now_ms + spin_ms;
        if (now_ms >= end_ms)
            break;
    } while (true);
    atomic_fetch_add(&gate->n_asleep, 1);
    while (atomic_load(&gate->turn) == turn)
        syscall(SYS_futex, &gate->turn, FUTEX_WAIT_PRIVATE, turn, NULL, NULL, 0);
    atomic_fetch_sub(&gate->n_asleep, 1);
}

static void *worker_main(void *arg)
{
    struct worker *worker = arg;
    struct pool *pool = worker->pool;
    float_control_enter();
    /* The pool's first turn is 0; reading it here instead could miss a run that began before this thread did. */
    for (unsigned turn = 0;; turn++) {
        gate_wait(&pool->start, turn, pool->spin_ms);
        if (pool->stop)
            return NULL;
        pool->fn(pool->ctx, worker->index);
        if (atomic_fetch_sub_explicit(&pool->n_running, 1, memory_order_acq_rel) == 1)
            gate_open(&pool->done, 1);
    }
}

/* Starts the worker threads with every signal blocked: signals are the caller's. */
static bool start_threads(struct pool *pool, struct hob_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = 0;
    for (unsigned i = 1; i < pool->n_workers && !failure; i++) {
        pool->workers[i] = (struct worker){.pool = pool, .index = i};
        failure = pthread_create(&pool->workers[i].thread, NULL, worker_main, &pool->workers[i]);
        if (!failure)
            pool->n_threads++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !failure ||
           error_set(err, HOB_LIMIT, "thread %u of %u could not be started", pool->n_threads + 1, pool->n_workers - 1);
}

struct pool *pool_new(unsigned n, struct hob_error *err)
{
    if (n < 1 || n > MAX_WORKERS) {
        error_set(err, HOB_USAGE, "%u threads, want 1 to %d", n, MAX_WORKERS);
        return NULL;
    }
    size_t bytes = (sizeof(struct pool) + n * sizeof(struct worker) + 63) & ~(size_t)63;
    struct pool *pool = aligned_alloc(64, bytes);
    if (!pool) {
        error_memory(err, bytes);
        return NULL;
    }
    memset(pool, 0, bytes);
    pool->n_workers = n;
    /* To spin while the one we wait for has no processor to run on only delays it. */
    pool->spin_ms = n <= cpu_threads_allowed() ? 0.05 : 0;
    if (!start_threads(pool, err)) {
        pool_free(pool);
        return NULL;
    }
    return pool;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    pool->stop = true;
    gate_open(&pool->start, 1);
    for (unsigned i = 1; i <= pool->n_threads; i++)
        pthread_join(pool->workers[i].thread, NULL);
    free(pool);
}

unsigned pool_size(const struct pool *pool)
{
    return pool->n_workers;
}

void pool_run(struct pool *pool, void (*fn)(void *ctx, unsigned worker), void *ctx)
{
    pool->fn = fn;
    pool->ctx = ctx;
    unsigned turn = gate_turn(&pool->done);
    if (pool->n_workers > 1) {
        atomic_store_explicit(&pool->n_running, pool->n_workers - 1, memory_order_relaxed);
        gate_open(&pool->start, 1);
    }
    uint64_t saved = float_control_enter();
    fn(ctx, 0);
    float_control_leave(saved);
    if (pool->n_workers > 1)
        gate_wait(&pool->done, turn, pool->spin_ms);
}

unsigned pool_turn(struct pool *pool)
{
    return gate_turn(&pool->step);
}

void pool_advance(struct pool *pool, unsigned n_pieces)
{
    gate_open(&pool->step, n_pieces);
}

void pool_wait(struct pool *pool, unsigned turn)
{
    gate_wait(&pool->step, turn, pool->spin_ms);
}

uint64_t float_control_enter(void)
{
#if defined(__x86_64__)
    uint64_t saved = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(0x1f80); /* all exceptions masked, round to nearest, denormals kept */
    return saved;
#elif defined(__aarch64__)
    uint64_t saved;
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
    return saved;
#else
    return 0;
#endif
}

void float_control_leave(uint64_t saved)
{
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr((unsigned)saved);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(saved));
#else
    (void)saved;
#endif
}
