/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/limits.h"

#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/error.h"
#include "kernels/peaks.h"

#define BUFFER_BYTES ((size_t)512 << 20)
#define SLICE_BYTES  ((size_t)4 << 20)
#define PEAK_STEPS   400000
#define ROUNDS       5

enum what { READ, FP32, INT8 };

struct job {
    const struct peaks *peaks;
    enum what what;
    const char *buffer;
    struct claim claim;
    _Atomic uint32_t sink; /* so that every loop is one whose result is used */
};

static void work(void *ctx, unsigned worker)
{
    (void)worker;
    struct job *job = ctx;
    uint32_t result = 0;
    size_t first, end;
    if (job->what == FP32)
        result = (uint32_t)job->peaks->fp32(PEAK_STEPS);
    else if (job->what == INT8)
        result = (uint32_t)job->peaks->int8(PEAK_STEPS);
    else
        while (claim_next(&job->claim, BUFFER_BYTES / SLICE_BYTES, 1, &first, &end))
            result ^= job->peaks->read(job->buffer + first * SLICE_BYTES, SLICE_BYTES);
    atomic_fetch_xor(&job->sink, result);
}

/* The best of some rounds, in units of `amount` a second. */
static double best(struct pool *pool, struct job *job, enum what what, double amount)
{
    double rate = 0;
    job->what = what;
    for (unsigned i = 0; i < ROUNDS; i++) {
        atomic_store(&job->claim.next, 0);
        double start = clock_ms();
        pool_run(pool, work, job);
        double ms = clock_ms() - start, now = amount / (ms > 0 ? ms : 1e-6) * 1000;
        rate = now > rate ? now : rate;
    }
    return rate;
}

bool limits_measure(struct pool *pool, const struct kernels *kernels, struct limits *limits, struct hob_error *err)
{
    void *buffer = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffer == MAP_FAILED)
        return error_memory(err, BUFFER_BYTES);
    madvise(buffer, BUFFER_BYTES, MADV_HUGEPAGE);
    memset(buffer, 1, BUFFER_BYTES); /* pages that were never written are all one page */
    struct job job = {.peaks = peaks_of(kernels), .buffer = buffer};
    double steps = (double)PEAK_STEPS * PEAK_CHAINS * pool_size(pool);
    *limits = (struct limits){
        .read_bytes = best(pool, &job, READ, (double)BUFFER_BYTES),
        .fp32 = best(pool, &job, FP32, steps * job.peaks->fp32_operations),
        .int8 = best(pool, &job, INT8, steps * job.peaks->int8_operations),
        .int8_name = job.peaks->int8_name,
    };
    munmap(buffer, BUFFER_BYTES);
    return true;
}
