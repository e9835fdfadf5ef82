/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/kernels [WORD..]: the speed of every kernel of every table on one thread, or of those whose line contains one
 * of the words. Bytes are what the kernel must read of weights, cache or rows; operations are multiplications and
 * additions. The last column compares with the table `ref`.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernels/activation.h"
#include "kernels/cache.h"
#include "kernels/panel.h"

#define TABLES     8
#define MEASURE_MS 60.0

/* One case: a kernel on some shape, once. */
struct bench_case {
    const char *what;
    double bytes, operations;
    void (*once)(const struct kernels *table, void *context);
    void *context;
};

static char **words;
static int n_words;

static void *aligned(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p)
        exit(5);
    return p;
}

static float *floats(size_t n)
{
    float *x = aligned(n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((int)(i * 2654435761u >> 20 & 255) - 128) / 64.0f;
    return x;
}

static bool wanted(const char *what)
{
    for (int i = 0; i < n_words; i++)
        if (strstr(what, words[i]))
            return true;
    return n_words == 0;
}

/* Time of this thread on its processor, so that other programs disturb little. */
static double thread_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

/* The best time of one call among calls that fill MEASURE_MS. */
static double best_ms(const struct bench_case *c, const struct kernels *table)
{
    double best = 1e30, end = thread_ms() + MEASURE_MS;
    do {
        double start = thread_ms();
        c->once(table, c->context);
        double took = thread_ms() - start;
        best = took < best ? took : best;
    } while (thread_ms() < end);
    return best;
}

static void measure(const struct bench_case *c)
{
    if (!wanted(c->what))
        return;
    double reference = 0;
    const struct kernels *table;
    for (size_t i = 0; (table = kernels_table(i)) && i < TABLES; i++) {
        if (strcmp(table->name, "ref-plain") == 0 && kernels_table(1))
            continue;
        double ms = best_ms(c, table);
        reference = reference == 0 ? ms : reference;
        printf("%-34s %-6s %8.2f GB/s %8.1f GOP/s %6.2f\n", c->what, table->name, c->bytes / ms * 1e-6,
               c->operations / ms * 1e-6, reference / ms);
        fflush(stdout);
    }
}

/* ---- linear ------------------------------------------------------------------------------------------------- */

struct linear_case {
    struct linear_args args;
    bool q8;
    void *scratch;
};

static void linear_once(const struct kernels *table, void *context)
{
    const struct linear_case *c = context;
    uint32_t id = c->args.type->id;
    (c->q8 ? table->linear_q8 : table->linear_f32)[id](&c->args, 0, panel_count(c->args.n), c->scratch);
}

/* Panels of ordinary numbers: every scale field of the raw blocks is some 2^-6 in F16, or what those bytes mean. */
static uint8_t *panels(const struct quant_type *type, size_t k, size_t n)
{
    size_t bytes, row_bytes = quant_row_bytes(type, k);
    if (!panel_bytes(type, k, &bytes))
        exit(5);
    uint8_t *w = aligned(bytes * panel_count(n)), *rows = malloc(row_bytes * PANEL_ROWS);
    for (size_t i = 0; i < row_bytes * PANEL_ROWS; i++)
        rows[i] = i % 2 ? 0x24 : (uint8_t)(i * 37 >> 3);
    for (size_t panel = 0; panel < panel_count(n); panel++)
        panel_pack(type, rows, PANEL_ROWS, k, w + panel * bytes);
    free(rows);
    return w;
}

static void bench_linear(const struct quant_type *type, bool q8, size_t t, size_t k, size_t n)
{
    char what[64];
    snprintf(what, sizeof what, "linear_%s %s T=%zu", q8 ? "q8" : "f32", type->name, t);
    if (!wanted(what))
        return;
    struct linear_case c = {.q8 = q8, .scratch = aligned(SCRATCH_BYTES)};
    uint8_t *w = panels(type, k, n);
    float *x = floats(t * k), *y = floats(t * n);
    uint8_t *rows = aligned(q8_row_bytes(k) * t);
    for (size_t i = 0; i < t; i++)
        kernels_table(0)->quantize(x + i * k, k, rows + i * q8_row_bytes(k));
    c.args = (struct linear_args){.type = type, .w = w, .k = k, .n = n, .t = t, .y = y, .y_stride = n};
    c.args.x = q8 ? (void *)rows : (void *)x;
    c.args.x_stride = q8 ? q8_row_bytes(k) : k * sizeof *x;
    double bytes = (double)quant_row_bytes(type, k) * (double)n;
    measure(&(struct bench_case){what, bytes, 2.0 * (double)t * (double)k * (double)n, linear_once, &c});
    free(c.scratch);
    free(w);
    free(x);
    free(y);
    free(rows);
}

/* ---- rows --------------------------------------------------------------------------------------------------- */

#define ROW 4096 /* floats, so that everything stays in the first level of cache */

static float *row_a, *row_b, *row_y;

static void quantize_once(const struct kernels *table, void *context)
{
    (void)context;
    table->quantize(row_a, ROW, row_y);
}

static void norm_once(const struct kernels *table, void *context)
{
    (void)context;
    table->rms_norm(row_a, row_b, ROW, 1e-5f, row_y);
}

static void add_once(const struct kernels *table, void *context)
{
    (void)context;
    table->add(row_a, row_b, ROW, row_y);
}

static void mul_once(const struct kernels *table, void *context)
{
    (void)context;
    table->mul(row_a, row_b, ROW, row_y);
}

static void scale_once(const struct kernels *table, void *context)
{
    (void)context;
    table->scale(row_a, 0.5f, ROW, row_y);
}

static void glu_once(const struct kernels *table, void *context)
{
    table->glu(*(enum activation *)context, row_a, row_b, ROW, row_y);
}

static void activate_once(const struct kernels *table, void *context)
{
    table->activate(*(enum activation *)context, row_a, ROW, row_y);
}

static void softcap_once(const struct kernels *table, void *context)
{
    (void)context;
    table->softcap(row_a, 30.0f, ROW, row_y);
}

static void rope_once(const struct kernels *table, void *context)
{
    memcpy(row_y, row_a, ROW * sizeof *row_y);
    for (unsigned head = 0; head < ROW / 128; head++)
        table->rope(row_y + (size_t)head * 128, row_a, row_b, 128, *(enum rope_pairing *)context);
}

static void exp_once(const struct kernels *table, void *context)
{
    (void)context;
    *(volatile float *)row_y = table->softmax_exp(row_a, 2.0f, ROW, row_y);
}

static void maximum_once(const struct kernels *table, void *context)
{
    (void)context;
    table->maximum(row_a, ROW, row_y);
}

static void bench_rows(void)
{
    static enum activation acts[] = {ACT_SILU, ACT_GELU_TANH, ACT_GELU_ERF, ACT_RELU};
    static enum rope_pairing pairings[] = {ROPE_HALVES, ROPE_ADJACENT};
    row_a = floats(ROW);
    row_b = floats(ROW);
    row_y = floats(ROW + 1024);
    double n = ROW, one = n * 4;
    const struct bench_case cases[] = {
        {"quantize", one, 3 * n, quantize_once, NULL},
        {"rms_norm", 2 * one, 4 * n, norm_once, NULL},
        {"add", 2 * one, n, add_once, NULL},
        {"mul", 2 * one, n, mul_once, NULL},
        {"scale", one, n, scale_once, NULL},
        {"glu silu", 2 * one, n, glu_once, &acts[0]},
        {"glu gelu_tanh", 2 * one, n, glu_once, &acts[1]},
        {"glu gelu_erf", 2 * one, n, glu_once, &acts[2]},
        {"glu relu", 2 * one, n, glu_once, &acts[3]},
        {"activate silu", one, n, activate_once, &acts[0]},
        {"softcap", one, n, softcap_once, NULL},
        {"rope halves", one, 3 * n, rope_once, &pairings[0]},
        {"rope adjacent", one, 3 * n, rope_once, &pairings[1]},
        {"softmax_exp", one, n, exp_once, NULL},
        {"maximum", one, n, maximum_once, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        measure(&cases[i]);
    free(row_a);
    free(row_b);
    free(row_y);
}

/* ---- attention ---------------------------------------------------------------------------------------------- */

static void attend_once(const struct kernels *table, void *context)
{
    table->attend(context);
}

static void merge_once(const struct kernels *table, void *context)
{
    const struct attend_args *args = context;
    float m = 0, s = 1;
    for (size_t i = 0; i < args->n_q; i++)
        table->attend_merge(&m, &s, args->o, args->m[i], args->s[i], args->o + i * args->o_stride, args->dv);
}

static void cache_once(const struct kernels *table, void *context)
{
    const struct attend_args *args = context;
    for (unsigned j = 0; j < CACHE_BLOCK; j++) {
        table->cache_key(args->type, args->q, args->d, j, (void *)(uintptr_t)args->k);
        table->cache_value(args->type, args->q, args->dv, j, (void *)(uintptr_t)args->v);
    }
}

static void bench_attend(enum cache_type type, size_t d, size_t n_q)
{
    static const char *const names[] = {"f16", "q8_0", "f32"};
    struct attend_args args = {.n_q = n_q, .q_stride = d, .d = d, .dv = d, .type = type, .scale = 0.1f, .o_stride = d};
    uint8_t *lo = calloc(n_q, 1), *hi = malloc(n_q);
    size_t bytes = cache_block_bytes(type, d);
    void *k = aligned(bytes), *v = aligned(bytes);
    float *q = floats(n_q * d);
    memset(hi, CACHE_BLOCK, n_q);
    args.q = q;
    args.k = k;
    args.v = v;
    args.lo = lo;
    args.hi = hi;
    args.m = floats(n_q);
    args.s = floats(n_q);
    args.o = floats(n_q * d);
    args.scratch = aligned(SCRATCH_BYTES);
    char what[64];
    double operations = 4.0 * (double)n_q * (double)d * CACHE_BLOCK;
    cache_once(kernels_table(0), &args);
    snprintf(what, sizeof what, "attend %s D=%zu n_q=%zu", names[type], d, n_q);
    measure(&(struct bench_case){what, 2.0 * (double)bytes, operations, attend_once, &args});
    if (n_q == 32) {
        snprintf(what, sizeof what, "cache_key, cache_value %s D=%zu", names[type], d);
        measure(&(struct bench_case){what, 2.0 * (double)bytes, 0, cache_once, &args});
    }
    if (n_q == 32 && type == CACHE_F32) {
        snprintf(what, sizeof what, "attend_merge DV=%zu", d);
        measure(&(struct bench_case){what, (double)(n_q * d) * 4, (double)(n_q * d) * 3, merge_once, &args});
    }
    free(lo);
    free(hi);
    free(k);
    free(v);
    free(q);
    free(args.m);
    free(args.s);
    free(args.o);
    free(args.scratch);
}

int main(int argc, char **argv)
{
    words = argv + 1;
    n_words = argc - 1;
    for (uint32_t id = 0; id < QUANT_IDS; id++) {
        const struct quant_type *type = quant_find(id);
        if (!type || !type->is_weight)
            continue;
        for (unsigned q8 = type->group != NULL; q8 + 1 > 0; q8--) {
            bench_linear(type, q8, 1, 2048, 8192); /* more weights than the second level of cache holds */
            bench_linear(type, q8, 8, 2048, 1024);
            bench_linear(type, q8, 256, 2048, 256);
        }
    }
    bench_rows();
    for (unsigned type = CACHE_F16; type <= CACHE_F32; type++)
        for (size_t d = 64; d <= 256; d *= 2) {
            bench_attend((enum cache_type)type, d, 1);
            bench_attend((enum cache_type)type, d, 4);
            bench_attend((enum cache_type)type, d, 32);
        }
    return 0;
}
