/* SPDX-License-Identifier: Apache-2.0
 *
 * Micro-benchmark of the linear kernels: bench_linear [ISA [TYPE [precise]]].
 *
 * For each type: one column over weights larger than any cache, in GB/s and as a fraction of what plain reads of the
 * same memory reach, on one thread and on all; and a few to 512 columns over a matrix that a chunk of a model has,
 * in GOP/s (two operations a product) and as a fraction of the peak of the instructions measured beside it (int8
 * pairs, or float32 fma for float activations). All figures are the best of several rounds.
 */
#include <immintrin.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/clock.h"
#include "base/thread.h"
#include "kernels/activation.h"
#include "kernels/kernels.h"
#include "kernels/panel.h"

#define STREAM_BYTES ((size_t)512 << 20)
#define ROUNDS       11
#define K            2048
#define MAX_COLUMNS  512
#define MAX_THREADS  64

enum limit { LIMIT_READ, LIMIT_PAIRS, LIMIT_FMA };

/* One measurement: what every worker does. */
struct job {
    enum limit limit;
    const uint8_t *bytes;
    linear_fn *fn; /* NULL: the limit */
    struct linear_args args;
    size_t chunk; /* panels */
    unsigned repeats;
    uint8_t *scratch; /* SCRATCH_BYTES a worker */
    struct claim claim;
    unsigned sink[MAX_THREADS];
};

__attribute__((target("avx2"))) static unsigned read_bytes(const uint8_t *bytes, size_t n)
{
    __m256i sum[4] = {0};
    for (size_t i = 0; i < n; i += 128)
#pragma GCC unroll 4
        for (unsigned j = 0; j < 4; j++)
            sum[j] = _mm256_xor_si256(sum[j], _mm256_load_si256((const __m256i *)(bytes + i + (size_t)j * 32)));
    sum[0] = _mm256_xor_si256(_mm256_xor_si256(sum[0], sum[1]), _mm256_xor_si256(sum[2], sum[3]));
    return (unsigned)_mm256_extract_epi32(sum[0], 0);
}

/* 12 chains of maddubs, madd, add: 64 operations each step and chain. */
__attribute__((target("avx2"))) static unsigned multiply_pairs(unsigned steps)
{
    __m256i sum[12] = {0}, a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5), one = _mm256_set1_epi16(1);
    for (unsigned i = 0; i < steps; i++)
#pragma GCC unroll 12
        for (unsigned j = 0; j < 12; j++) {
            __asm__("" : "+x"(a), "+x"(b)); /* or the product would be computed once */
            sum[j] = _mm256_add_epi32(sum[j], _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), one));
        }
    for (unsigned j = 1; j < 12; j++)
        sum[0] = _mm256_add_epi32(sum[0], sum[j]);
    return (unsigned)_mm256_extract_epi32(sum[0], 0);
}

/* 12 chains of fma: 16 operations each step and chain. */
__attribute__((target("avx2,fma"))) static unsigned multiply_floats(unsigned steps)
{
    __m256 sum[12] = {0}, a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.25f);
    for (unsigned i = 0; i < steps; i++)
#pragma GCC unroll 12
        for (unsigned j = 0; j < 12; j++) {
            __asm__("" : "+x"(a), "+x"(b));
            sum[j] = _mm256_fmadd_ps(a, b, sum[j]);
        }
    for (unsigned j = 1; j < 12; j++)
        sum[0] = _mm256_add_ps(sum[0], sum[j]);
    return (unsigned)_mm256_cvtss_f32(sum[0]);
}

#define PEAK_STEPS 1000000

static void work(void *ctx, unsigned worker)
{
    struct job *job = ctx;
    size_t first, end, n = panel_count(job->args.n);
    if (job->fn) {
        while (claim_next(&job->claim, n * job->repeats, job->chunk, &first, &end)) {
            size_t panel = first % n, last = panel + (end - first);
            job->fn(&job->args, panel, last < n ? last : n, job->scratch + (size_t)worker * SCRATCH_BYTES);
        }
    } else if (job->limit == LIMIT_READ) {
        while (claim_next(&job->claim, STREAM_BYTES >> 20, 1, &first, &end))
            job->sink[worker] ^= read_bytes(job->bytes + (first << 20), (end - first) << 20);
    } else {
        job->sink[worker] ^= job->limit == LIMIT_PAIRS ? multiply_pairs(PEAK_STEPS) : multiply_floats(PEAK_STEPS);
    }
}

/* A clock in ms that stands still while a lone thread is not running, so that strangers disturb it less. */
static double thread_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* The time of one run of the job in ms. */
static double once(struct pool *pool, struct job *job)
{
    double (*now)(void) = pool_size(pool) == 1 ? thread_ms : clock_ms;
    atomic_store(&job->claim.next, 0);
    double start = now();
    pool_run(pool, work, job);
    return now() - start;
}

/* Times a limit and a kernel in turns and gives the best of both. */
static void measure(struct pool *pool, struct job *job, double *limit_ms, double *kernel_ms)
{
    struct job limit = *job;
    limit.fn = NULL;
    *limit_ms = *kernel_ms = INFINITY;
    for (unsigned round = 0; round < ROUNDS; round++) {
        double ms = once(pool, &limit);
        *limit_ms = ms < *limit_ms ? ms : *limit_ms;
        ms = once(pool, job);
        *kernel_ms = ms < *kernel_ms ? ms : *kernel_ms;
    }
}

/* Fills a panel with weights of ordinary size: random bytes, and float16 fields that are normal numbers. */
static void fill_panel(const struct quant_type *type, uint8_t *panel)
{
    static uint8_t rows[PANEL_ROWS * K * 8];
    size_t row_bytes = quant_row_bytes(type, K);
    for (size_t i = 0; i < row_bytes * PANEL_ROWS; i++)
        rows[i] = (uint8_t)(rand() >> 8);
    for (size_t i = 0; i + 2 <= row_bytes * PANEL_ROWS; i += type->is_float ? type->block_bytes : 2) {
        size_t at = i % row_bytes % type->block_bytes;
        bool field = type->is_float               ? true
                     : type->block_elements == 32 ? at < 4
                                                  : at < 4 || at + 4 >= type->block_bytes;
        if (field)
            rows[i + (type->is_float ? type->block_bytes - 1u : 1u)] = 0x1c | (rand() & 0x81);
    }
    panel_pack(type, rows, PANEL_ROWS, K, panel);
}

static void bench_type(const struct kernels *kernels, const struct quant_type *type, bool precise, struct pool **pools,
                       uint8_t *weights, uint8_t *scratch, char *x, float *y)
{
    linear_fn *fn = precise ? kernels->linear_f32[type->id] : kernels->linear_q8[type->id];
    if (!fn)
        return;
    size_t bytes, x_stride = precise ? K * sizeof(float) : q8_row_bytes(K);
    panel_bytes(type, K, &bytes);
    for (size_t t = 0; t < MAX_COLUMNS; t++) {
        float row[K];
        for (size_t k = 0; k < K; k++)
            row[k] = (float)(rand() % 2001 - 1000) / 1000;
        if (precise)
            memcpy(x + t * x_stride, row, sizeof row);
        else
            kernels->quantize(row, K, x + t * x_stride);
    }
    fill_panel(type, weights);
    for (size_t at = bytes; at + bytes <= STREAM_BYTES; at += bytes)
        memcpy(weights + at, weights, bytes);
    struct job job = {.bytes = weights, .fn = fn, .scratch = scratch, .repeats = 1};
    job.args = (struct linear_args){.type = type, .w = weights, .k = K, .x = x, .x_stride = x_stride, .y = y};
    printf("%-8s", type->name);
    job.limit = LIMIT_READ;
    job.args.n = STREAM_BYTES / bytes * PANEL_ROWS;
    job.args.t = 1;
    job.chunk = 1 + 128 * 1024 / bytes;
    for (unsigned i = 0; i < 2; i++) {
        double limit, ms;
        measure(pools[i], &job, &limit, &ms);
        printf("  %6.1f (%.2f)", (double)STREAM_BYTES / ms / 1e6, limit / ms);
    }
    static const size_t columns[] = {2, 4, 8, 16, 64, 512};
    job.limit = precise ? LIMIT_FMA : LIMIT_PAIRS;
    job.args.n = 512;
    job.args.y_stride = 512;
    job.chunk = 8;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        double limit, ms, work_ops = 2.0 * K * 512 * (double)columns[i];
        job.args.t = columns[i];
        job.repeats = (unsigned)(1 + 2e9 / work_ops);
        measure(pools[0], &job, &limit, &ms);
        double peak = (double)PEAK_STEPS * 12 * (precise ? 16 : 64) / limit;
        printf("  %6.1f (%.2f)", work_ops * job.repeats / ms / 1e6, work_ops * job.repeats / ms / peak);
    }
    printf("\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    enum isa isa = argc > 1 ? isa_find(argv[1]) : ISA_AUTO;
    const struct quant_type *only = argc > 2 ? quant_find_name(argv[2]) : NULL;
    const struct kernels *kernels = kernels_select(isa, NULL);
    if (!kernels || (argc > 2 && !only && strcmp(argv[2], "all") != 0)) {
        fprintf(stderr, "usage: bench_linear [ref|avx2|avx512 [TYPE|all [precise]]]\n");
        return 2;
    }
    unsigned n_threads = 2;
    struct pool *pools[2] = {pool_new(1, NULL), pool_new(n_threads, NULL)};
    uint8_t *weights = mmap(NULL, STREAM_BYTES + (2 << 20), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (weights == MAP_FAILED || !pools[0] || !pools[1])
        return 1;
    weights += -(uintptr_t)weights & ((2 << 20) - 1);
    madvise(weights, STREAM_BYTES, MADV_HUGEPAGE);
    memset(weights, 1, STREAM_BYTES);
    uint8_t *scratch = aligned_alloc(64, (size_t)n_threads * SCRATCH_BYTES);
    char *x = aligned_alloc(64, (size_t)MAX_COLUMNS * K * sizeof(float));
    float *y = aligned_alloc(64, (STREAM_BYTES / K + MAX_COLUMNS * 512) * 16);
    printf(
        "%s, K = %d. 1 column: GB/s (fraction of plain reads) on 1 and on %u threads; then 1 thread, GOP/s (fraction "
        "of the %s peak) with 2, 4, 8, 16, 64, 512 columns\n",
        kernels->name, K, n_threads, argc > 3 ? "fma" : "int8 pair");
    static const enum quant_id usual[] = {QUANT_Q4_0, QUANT_Q4_1, QUANT_Q5_0, QUANT_Q5_1, QUANT_Q8_0, QUANT_Q4_K,
                                          QUANT_Q5_K, QUANT_Q6_K, QUANT_F32,  QUANT_F16,  QUANT_BF16};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        const struct quant_type *type = quant_find(usual[i]);
        if (!only || only == type)
            bench_type(kernels, type, argc > 3 || type->is_float, pools, weights, scratch, x, y);
    }
    pool_free(pools[0]);
    pool_free(pools[1]);
    return 0;
}
