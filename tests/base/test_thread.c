/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker pool: every worker runs, barriers hold, floating point control is the default, nothing is allocated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <fenv.h>
#include <malloc.h>
#include <cmocka.h>
#include <sys/resource.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/thread.h"

enum { MAX_TESTED = 8, N_STEPS = 2000, N_ITEMS = 8 };

struct shared {
    struct pool *pool;
    unsigned long count[MAX_TESTED], next_count[N_ITEMS];
    atomic_ulong wrong;
    struct claim claim;
    unsigned char claimed[1003];
    unsigned turn;
    struct claim claims[N_STEPS];
    atomic_size_t done[N_STEPS];
};

static void count_once(void *ctx, unsigned worker)
{
    ((struct shared *)ctx)->count[worker]++;
}

static void every_worker_runs_once(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= MAX_TESTED; n++) {
        struct hob_error err = {0};
        struct pool *pool = pool_new(n, &err);
        assert_non_null(pool);
        assert_int_equal(pool_size(pool), n);
        struct shared shared = {.pool = pool};
        for (int run = 0; run < 500; run++)
            pool_run(pool, count_once, &shared);
        for (unsigned i = 0; i < MAX_TESTED; i++)
            assert_int_equal(shared.count[i], i < n ? 500 : 0);
        pool_free(pool);
    }
}

/* Steps of a common work: each is n items that add to plain counters, and whoever finishes the last opens the next. In
 * each step every worker must see what all the others did in the step before. If the turns did not order the steps this
 * would be a data race, which the thread sanitizer sees too. */
static void take_steps(void *ctx, unsigned worker)
{
    (void)worker;
    struct shared *shared = ctx;
    for (;;) {
        unsigned turn = pool_turn(shared->pool);
        unsigned step = turn - shared->turn;
        if (step >= N_STEPS)
            return;
        size_t first, end, done = 0;
        for (; claim_next(&shared->claims[step], N_ITEMS, 1, &first, &end); done++) {
            if (shared->count[first] != step)
                shared->wrong++;
            shared->next_count[first] = step + 1;
        }
        if (done && atomic_fetch_add_explicit(&shared->done[step], done, memory_order_acq_rel) + done == N_ITEMS) {
            for (size_t i = 0; i < N_ITEMS; i++)
                shared->count[i] = shared->next_count[i];
            pool_advance(shared->pool, 1);
        } else {
            pool_wait(shared->pool, turn);
        }
    }
}

static void steps_follow_each_other(void **state)
{
    (void)state;
    struct shared *shared = aligned_alloc(64, sizeof *shared);
    for (unsigned n = 1; n <= MAX_TESTED; n++) {
        memset(shared, 0, sizeof *shared);
        shared->pool = pool_new(n, NULL);
        assert_non_null(shared->pool);
        shared->turn = pool_turn(shared->pool);
        double start_ms = clock_ms();
        pool_run(shared->pool, take_steps, shared);
        assert_int_equal(shared->wrong, 0);
        for (size_t i = 0; i < N_ITEMS; i++)
            assert_int_equal(shared->count[i], N_STEPS);
        print_message("# %u workers: %.2f us a step\n", n, (clock_ms() - start_ms) * 1e3 / N_STEPS);
        pool_free(shared->pool);
    }
    free(shared);
}

static void claim_all(void *ctx, unsigned worker)
{
    (void)worker;
    struct shared *shared = ctx;
    size_t first, end;
    while (claim_next(&shared->claim, sizeof(shared->claimed), 10, &first, &end))
        for (size_t i = first; i < end; i++)
            shared->claimed[i]++;
}

static void every_item_is_claimed_once(void **state)
{
    (void)state;
    struct pool *pool = pool_new(4, NULL);
    struct shared shared = {.pool = pool};
    pool_run(pool, claim_all, &shared);
    for (size_t i = 0; i < sizeof(shared.claimed); i++)
        if (shared.claimed[i] != 1)
            fail_msg("item %zu was claimed %d times", i, shared.claimed[i]);
    pool_free(pool);
}

static void share_all(void *ctx, unsigned worker)
{
    struct shared *shared = ctx;
    struct share share = {.parts = shared->claims, .n_parts = pool_size(shared->pool), .own = worker};
    size_t first, end;
    while (share_next(&share, sizeof(shared->claimed), 10, &first, &end))
        for (size_t i = first; i < end; i++)
            shared->claimed[i]++;
}

static void every_item_is_shared_out_once(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= MAX_TESTED; n++) {
        struct shared *shared = calloc(1, sizeof *shared);
        shared->pool = pool_new(n, NULL);
        pool_run(shared->pool, share_all, shared);
        for (size_t i = 0; i < sizeof(shared->claimed); i++)
            if (shared->claimed[i] != 1)
                fail_msg("%u workers: item %zu was claimed %d times", n, i, shared->claimed[i]);
        pool_free(shared->pool);
        free(shared);
    }
}

/* A worker begins with its own part, item after item, and then does all the others'. */
static void shares_begin_at_home(void **state)
{
    (void)state;
    struct claim parts[4] = {0};
    struct share share = {.parts = parts, .n_parts = 4, .own = 2};
    size_t first, end;
    for (size_t expected = 50; expected < 150; expected += 5) {
        assert_true(share_next(&share, 100, 5, &first, &end));
        assert_int_equal(first, expected % 100);
        assert_int_equal(end, expected % 100 + 5);
    }
    assert_false(share_next(&share, 100, 5, &first, &end));
}

/* A volatile product, so that the processor and not the compiler computes it. */
static float denormal(void)
{
    volatile float tiny = 1e-30f, factor = 1e-10f;
    return tiny * factor;
}

static void keep_denormals(void *ctx, unsigned worker)
{
    ((struct shared *)ctx)->count[worker] = denormal() != 0 && fegetround() == FE_TONEAREST;
}

static void workers_keep_denormals(void **state)
{
    (void)state;
    struct shared shared = {0};
#if defined(__x86_64__)
    /* A caller with flush-to-zero and another rounding: the run must not see it, and the caller gets it back. */
    unsigned odd = 0x1f80 | 0x8040 | 0x6000;
    __builtin_ia32_ldmxcsr(odd);
#endif
    struct pool *pool = pool_new(3, NULL);
    pool_run(pool, keep_denormals, &shared);
#if defined(__x86_64__)
    unsigned after = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(0x1f80);
    assert_int_equal(after & 0xffc0, odd & 0xffc0);
#endif
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(shared.count[i], 1);
    pool_free(pool);
}

static void sleep_a_little(void *ctx, unsigned worker)
{
    (void)ctx;
    if (worker == 1)
        usleep(300000);
}

static void waiting_costs_no_processor_time(void **state)
{
    (void)state;
    struct pool *pool = pool_new(4, NULL);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    pool_run(pool, sleep_a_little, NULL);
    usleep(200000);
    getrusage(RUSAGE_SELF, &after);
    double used_ms = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1e3 +
                     (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec) * 1e-3;
    if (used_ms > 50)
        fail_msg("%.1f ms of processor time were used to wait 500 ms", used_ms);
    pool_free(pool);
}

static void running_allocates_nothing(void **state)
{
    (void)state;
    struct pool *pool = pool_new(3, NULL);
    struct shared shared = {.pool = pool};
    pool_run(pool, count_once, &shared);
    struct mallinfo2 before = mallinfo2();
    for (int run = 0; run < 1000; run++)
        pool_run(pool, count_once, &shared);
    struct mallinfo2 after = mallinfo2();
    assert_int_equal(before.uordblks, after.uordblks);
    assert_int_equal(before.arena + before.hblkhd, after.arena + after.hblkhd);
    pool_free(pool);
}

static void odd_sizes_are_refused(void **state)
{
    (void)state;
    struct hob_error err = {0};
    assert_null(pool_new(0, &err));
    assert_int_equal(err.status, HOB_USAGE);
    assert_null(pool_new(257, &err));
    assert_null(pool_new(UINT32_MAX, NULL));
    pool_free(NULL);
    struct pool *pool = pool_new(256, &err);
    assert_non_null(pool);
    pool_free(pool);
}

/* What a control group says, by files that stand for /proc and /sys. */
static void quotas_are_read(void **state)
{
    (void)state;
    char root[] = "/tmp/hob-test-XXXXXX", command[1200];
    assert_non_null(mkdtemp(root));
    snprintf(command, sizeof(command),
             "cd %s && mkdir -p v2/a/b cpu,cpuacct/docker && echo 0::/a/b >m2 && echo 0::/gone/away >m3 &&"
             " printf '4:memory:/x\\n3:cpu,cpuacct:/docker\\n0::/\\n' >m1 && echo 150000 100000 >v2/a/cpu.max &&"
             " echo max 100000 >v2/a/b/cpu.max && echo 400000 100000 >v2/cpu.max &&"
             " echo 50000 >cpu,cpuacct/docker/cpu.cfs_quota_us && echo 100000 >cpu,cpuacct/docker/cpu.cfs_period_us &&"
             " echo -1 >cpu,cpuacct/cpu.cfs_quota_us && echo 100000 >cpu,cpuacct/cpu.cfs_period_us",
             root);
    assert_int_equal(system(command), 0);
    char membership[64], mount[64];
    static const struct {
        const char *membership, *mount;
        unsigned want;
    } cases[] = {{"m2", "v2", 2}, {"m3", "v2", 4}, {"m1", "", 1}, {"none", "v2", 0}, {"m2", "cpu,cpuacct", 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(membership, sizeof(membership), "%s/%s", root, cases[i].membership);
        snprintf(mount, sizeof(mount), "%s%s%s", root, *cases[i].mount ? "/" : "", cases[i].mount);
        unsigned got = cpu_quota(membership, mount);
        if (got != cases[i].want)
            fail_msg("case %zu: quota %u, want %u", i, got, cases[i].want);
    }
    snprintf(command, sizeof(command), "rm -rf %s", root);
    assert_int_equal(system(command), 0);
}

static void the_processor_is_known(void **state)
{
    (void)state;
    const struct cpu *cpu = cpu_features();
    assert_ptr_equal(cpu, cpu_features());
    assert_true(cpu_cores_allowed() >= 1 && cpu_cores_allowed() <= cpu_threads_allowed());
    assert_true(cpu_threads_allowed() <= (unsigned)sysconf(_SC_NPROCESSORS_CONF));
#if defined(__x86_64__)
    assert_int_equal(cpu->avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
    assert_int_equal(cpu->avx512, __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                                      __builtin_cpu_supports("avx512dq"));
    assert_false(cpu->neon);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_worker_runs_once),
        cmocka_unit_test(steps_follow_each_other),
        cmocka_unit_test(every_item_is_claimed_once),
        cmocka_unit_test(every_item_is_shared_out_once),
        cmocka_unit_test(shares_begin_at_home),
        cmocka_unit_test(workers_keep_denormals),
        cmocka_unit_test(waiting_costs_no_processor_time),
        cmocka_unit_test(running_allocates_nothing),
        cmocka_unit_test(odd_sizes_are_refused),
        cmocka_unit_test(quotas_are_read),
        cmocka_unit_test(the_processor_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
