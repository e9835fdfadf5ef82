/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention over a block of 64 keys, compiled for each instruction set.
 *
 * Some queries are taken together. A slice of the keys (or values) is decoded to float32 once for all of them and
 * stays in the first level of cache; TILE_ROWS queries by four registers of keys (or value elements) are sums in
 * registers, so that each load of a key serves all these queries and each load of a query four registers. Where there
 * are no more queries than that, float16 keys and values are widened as they are loaded, rows of values whole where
 * that fits, and those of the next block are prefetched in step: blocks lie too far apart for the processor to guess.
 * Lanes hold keys for the scores and value elements for the output, and every lane is the reference's own chain.
 */
#include <string.h>

#include "kernels/cache.h"
#include "kernels/elementary.h"
#include "kernels/tables.h"
#include "kernels/wide/vector.h"

#define QUERIES     64                      /* whose probabilities are kept */
#define COLUMNS     (4 * LANES)             /* lanes of a tile */
#define FEW_QUERIES (TILE_ROWS < 6 ? 1 : 2) /* so many by eight registers are a tile too */
#define DEPTH       128                     /* dimensions of a slice of keys */
#define SLICE       (CACHE_BLOCK * (COLUMNS > DEPTH ? COLUMNS : DEPTH))

struct attend_work {
    _Alignas(64) float p[QUERIES][CACHE_BLOCK]; /* scores, then probabilities */
    _Alignas(64) float slice[SLICE];
};

_Static_assert(sizeof(struct attend_work) <= SCRATCH_BYTES, "the scratch holds probabilities and a slice");
_Static_assert(CACHE_BLOCK % COLUMNS == 0, "tiles fill a block of keys");

/* What a tile multiplies with: float32 or float16 rows, `step` elements apart. */
struct rows {
    const void *at;
    size_t step;
    bool halves;
    ptrdiff_t ahead; /* bytes to what is read next, or 0: rows are prefetched there where they are halves */
};

/* Rows from `row` on, and elements from `element` on. */
static inline struct rows rows_from(struct rows rows, size_t row, size_t element)
{
    size_t offset = row * rows.step + element;
    return (struct rows){(const char *)rows.at + offset * (rows.halves ? 2 : 4), rows.step, rows.halves, rows.ahead};
}

/* Dimensions [i0, i0 + n) of the keys as rows of 64: in place where they are float32, else decoded. */
static struct rows key_slice(const struct attend_args *args, size_t i0, size_t n, float *slice)
{
    if (args->type == CACHE_F32)
        return (struct rows){(const float *)args->k + i0 * CACHE_BLOCK, CACHE_BLOCK, false, 0};
    if (args->type == CACHE_F16) {
        const uint16_t *k = (const uint16_t *)args->k + i0 * CACHE_BLOCK;
        for (size_t at = 0; at < n * CACHE_BLOCK; at += LANES)
            vec_store(slice + at, vec_halves(k + at));
    } else {
        const uint16_t *scales = args->k;
        const int8_t *q = (const int8_t *)(scales + args->d / 32 * CACHE_BLOCK) + i0 * CACHE_BLOCK;
        scales += i0 / 32 * CACHE_BLOCK;
        for (size_t i = 0; i < n; i += 32, scales += CACHE_BLOCK)
            for (size_t j = 0; j < CACHE_BLOCK; j += LANES) {
                vec scale = vec_halves(scales + j);
                for (size_t at = i * CACHE_BLOCK + j; at < (i + 32) * CACHE_BLOCK; at += CACHE_BLOCK)
                    vec_store(slice + at, vec_mul(vec_bytes(q + at), scale));
            }
    }
    return (struct rows){slice, CACHE_BLOCK, false, 0};
}

/* Elements [i0, i0 + n) of values [lo, hi) as float32 rows of COLUMNS, zeros behind the n-th. */
static struct rows value_slice(const struct attend_args *args, size_t i0, size_t n, unsigned lo, unsigned hi,
                               float *slice)
{
    for (unsigned j = lo; j < hi; j++) {
        float *out = slice + (size_t)j * COLUMNS;
        size_t at = j * args->dv + i0, i = 0;
        if (n < COLUMNS)
            memset(out, 0, COLUMNS * sizeof *out);
        if (args->type == CACHE_F32) {
            memcpy(out, (const float *)args->v + at, n * sizeof *out);
        } else if (args->type == CACHE_F16) {
            const uint16_t *v = (const uint16_t *)args->v + at;
            for (; i + LANES <= n; i += LANES)
                vec_store(out + i, vec_halves(v + i));
            for (; i < n; i++)
                out[i] = half_to_float(v[i]);
        } else {
            const uint16_t *scales = args->v;
            const int8_t *q = (const int8_t *)(scales + args->dv / 32 * CACHE_BLOCK) + at;
            for (; i < n; i += LANES)
                vec_store(out + i, vec_mul(vec_bytes(q + i), vec_set(half_to_float(scales[(at + i) / 32]))));
        }
    }
    return (struct rows){slice, COLUMNS, false, 0};
}

/* Sums of some queries, from +0 or from what is there. */
struct sums {
    float *at;
    size_t stride;
    bool fresh;
};

/* sum[n_q, n_v registers] = fma(x[q, i], rows[i, n_v registers], sum) for i = 0 .. n - 1, for constant n_q, n_v and
 * rows.halves. */
WIDE_INLINE void tile(const float *x, size_t x_stride, struct rows rows, size_t n, struct sums sums, const unsigned n_q,
                      const unsigned n_v)
{
    vec acc[TILE_ROWS][8];
#pragma GCC unroll 8
    for (unsigned a = 0; a < n_q; a++)
#pragma GCC unroll 8
        for (unsigned v = 0; v < n_v; v++)
            acc[a][v] = vec_set(0);
    if (!sums.fresh)
#pragma GCC unroll 8
        for (unsigned a = 0; a < n_q; a++)
#pragma GCC unroll 8
            for (unsigned v = 0; v < n_v; v++)
                acc[a][v] = vec_load(sums.at + a * sums.stride + (size_t)v * LANES);
    const float *wide = rows.at;
    const uint16_t *narrow = rows.at;
    for (size_t i = 0; i < n; i++, wide += rows.step, narrow += rows.step) {
        vec row[8];
        if (rows.halves)
            for (unsigned at = 0; at < n_v * LANES * sizeof *narrow; at += 64)
                __builtin_prefetch((const char *)narrow + rows.ahead + at, 0, 2);
#pragma GCC unroll 8
        for (unsigned v = 0; v < n_v; v++)
            row[v] = rows.halves ? vec_halves(narrow + (size_t)v * LANES) : vec_load(wide + (size_t)v * LANES);
#pragma GCC unroll 8
        for (unsigned a = 0; a < n_q; a++) {
            vec factor = vec_set(x[a * x_stride + i]);
#pragma GCC unroll 8
            for (unsigned v = 0; v < n_v; v++)
                acc[a][v] = vec_fma(factor, row[v], acc[a][v]);
        }
    }
#pragma GCC unroll 8
    for (unsigned a = 0; a < n_q; a++)
#pragma GCC unroll 8
        for (unsigned v = 0; v < n_v; v++)
            vec_store(sums.at + a * sums.stride + (size_t)v * LANES, acc[a][v]);
}

/* The same for 1 to TILE_ROWS queries. */
WIDE_INLINE void tile_of(const float *x, size_t x_stride, struct rows rows, size_t n, struct sums sums, size_t n_q)
{
    switch (n_q) {
    case 1:
        tile(x, x_stride, rows, n, sums, 1, 4);
        break;
    case 2:
        tile(x, x_stride, rows, n, sums, 2, 4);
        break;
    case 3:
        tile(x, x_stride, rows, n, sums, 3, 4);
        break;
#if TILE_ROWS > 3
    case 4:
        tile(x, x_stride, rows, n, sums, 4, 4);
        break;
    case 5:
        tile(x, x_stride, rows, n, sums, 5, 4);
        break;
#endif
    default:
        tile(x, x_stride, rows, n, sums, TILE_ROWS, 4);
    }
}

static void tile_any(const float *x, size_t x_stride, struct rows rows, size_t n, struct sums sums, size_t n_q)
{
    if (rows.halves)
        tile_of(x, x_stride, (struct rows){rows.at, rows.step, true, rows.ahead}, n, sums, n_q);
    else
        tile_of(x, x_stride, (struct rows){rows.at, rows.step, false, 0}, n, sums, n_q);
}

/* What is read next of memory, and how much of it is prefetched after each tile: blocks lie too far apart for the
 * processor to guess. */
struct ahead {
    const char *at, *end;
    size_t step;
};

/* The keys and values that come next, spread over the tiles of n queries; nothing where these are one tile, which
 * prefetches by itself. */
static struct ahead ahead_of(const struct attend_args *args, size_t n)
{
    const char *at = (const char *)args->k + args->ahead, *v = (const char *)args->v + args->ahead;
    size_t tiles = (n + TILE_ROWS - 1) / TILE_ROWS;
    if (args->ahead == 0 || tiles < 2)
        return (struct ahead){at, at, 0};
    const char *end = v + cache_block_bytes(args->type, args->dv);
    size_t slices = (args->d + DEPTH - 1) / DEPTH + (args->dv + COLUMNS - 1) / COLUMNS;
    return (struct ahead){at, end, ((size_t)(end - at) / 64 / (tiles * slices) + 1) * 64};
}

static void prefetch(struct ahead *ahead)
{
    const char *end = ahead->end - ahead->at < (ptrdiff_t)ahead->step ? ahead->end : ahead->at + ahead->step;
    for (; ahead->at < end; ahead->at += 64)
        __builtin_prefetch(ahead->at, 0, 2);
}

/* How many of n queries the next tile takes, so that the tiles are of about one size. */
static inline size_t even_part(size_t n)
{
    size_t tiles = (n + TILE_ROWS - 1) / TILE_ROWS;
    return (n + tiles - 1) / tiles;
}

/* Scores of queries [q0, q0 + n), before the scale. */
static void scores(const struct attend_args *args, size_t q0, size_t n, struct attend_work *work, struct ahead *ahead)
{
    bool narrow = n <= TILE_ROWS && args->type == CACHE_F16;
    for (size_t i0 = 0, n_i; i0 < args->d; i0 += n_i) {
        n_i = args->d - i0 < DEPTH || narrow ? args->d - i0 : DEPTH;
        struct rows keys =
            narrow ? (struct rows){args->k, CACHE_BLOCK, true, args->ahead} : key_slice(args, i0, n_i, work->slice);
        for (size_t a = 0, n_a; a < n; a += n_a) {
            n_a = even_part(n - a);
            const float *q = args->q + (q0 + a) * args->q_stride + i0;
            for (size_t j = 0; j < CACHE_BLOCK; j += COLUMNS)
                tile_any(q, args->q_stride, rows_from(keys, 0, j), n_i,
                         (struct sums){work->p[a] + j, CACHE_BLOCK, i0 == 0}, n_a);
            prefetch(ahead);
        }
    }
}

/* elementary_exp() of x <= 0 (or NaN), lane by lane. */
WIDE_INLINE vec exp_below(vec x)
{
    const vec magic = vec_set(ROUND_MAGIC);
    x = vec_max(vec_set(-104.0f), x);
    vec n = vec_sub(vec_fma(x, vec_set(0x1.715476p+0f), magic), magic);
    vec r = vec_fma(n, vec_set(0x1.05c610p-29f), vec_fma(n, vec_set(-0x1.62e430p-1f), x));
    vec p = vec_fma(vec_set(0x1.6d7594p-10f), r, vec_set(0x1.120ba6p-7f));
    p = vec_fma(p, r, vec_set(0x1.5554b8p-5f));
    p = vec_fma(p, r, vec_set(0x1.5554dcp-3f));
    p = vec_fma(p, r, vec_set(0.5f));
    p = vec_add(vec_set(1), vec_fma(p, vec_mul(r, r), r));
    return vec_scale(p, n);
}

/* A query's keys that are not in [lo, hi) become x. */
static void hide(float p[CACHE_BLOCK], unsigned lo, unsigned hi, float x)
{
    for (unsigned j = 0; j < CACHE_BLOCK; j++)
        p[j] = j >= lo && j < hi ? p[j] : x;
}

/* One query's scores, times the scale, and the largest of those it sees; the others become minus infinity. */
static float largest_score(const struct attend_args *args, float p[CACHE_BLOCK], unsigned lo, unsigned hi)
{
    bool all = lo == 0 && hi == CACHE_BLOCK;
    vec part[16 / LANES], scale = vec_set(args->scale);
    for (unsigned v = 0; v < 16 / LANES; v++)
        part[v] = vec_set(-INFINITY);
    if (args->softcap != 0.0f || !all) {
        for (unsigned j = 0; j < CACHE_BLOCK; j++)
            p[j] *= args->scale; /* no key has 0 dimensions. NOLINT(clang-analyzer-core.uninitialized.Assign) */
        if (args->softcap != 0.0f)
            for (unsigned j = 0; j < CACHE_BLOCK; j++)
                p[j] = args->softcap * elementary_tanh(p[j] / args->softcap);
        if (!all)
            hide(p, lo, hi, -INFINITY);
        scale = vec_set(1);
    }
#pragma GCC unroll 16
    for (unsigned i = 0; i < CACHE_BLOCK / LANES; i++) {
        vec x = vec_mul(vec_load(p + (size_t)i * LANES), scale);
        vec_store(p + (size_t)i * LANES, x);
        part[i % (16 / LANES)] = vec_max(x, part[i % (16 / LANES)]);
    }
    return vec_tree_max(part);
}

/* Its scores to probabilities, and their sum. All 64 lanes are computed; keys that the query does not see count as +0,
 * which leaves the sum alone. */
static float exponentials(float p[CACHE_BLOCK], unsigned lo, unsigned hi, float m)
{
    bool all = lo == 0 && hi == CACHE_BLOCK;
    vec part[16 / LANES], x[CACHE_BLOCK / LANES], largest = vec_set(m);
    for (unsigned v = 0; v < 16 / LANES; v++)
        part[v] = vec_set(0);
#pragma GCC unroll 16
    for (unsigned i = 0; i < CACHE_BLOCK / LANES; i++) {
        x[i] = exp_below(vec_sub(vec_load(p + (size_t)i * LANES), largest));
        vec_store(p + (size_t)i * LANES, x[i]);
    }
    if (!all)
        hide(p, lo, hi, 0);
#pragma GCC unroll 16
    for (unsigned i = 0; i < CACHE_BLOCK / LANES; i++)
        part[i % (16 / LANES)] = vec_add(part[i % (16 / LANES)], all ? x[i] : vec_load(p + (size_t)i * LANES));
    return vec_tree_sum(part);
}

static inline unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static inline unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

/* sums[n_q, COLUMNS] = p . values for some queries, each over the keys it sees: what all see goes together, what is
 * before and after it one by one, so that no key is multiplied that is not seen. */
static void weighted(float (*p)[CACHE_BLOCK], struct rows values, size_t n_q, const uint8_t *lo, const uint8_t *hi,
                     float *at, size_t stride)
{
    unsigned least = CACHE_BLOCK, first = 0, last = CACHE_BLOCK;
    for (size_t i = 0; i < n_q; i++) {
        least = smaller(least, lo[i]);
        first = larger(first, lo[i]);
        last = smaller(last, hi[i]);
    }
    last = larger(first, last);
    bool fresh = least == first && first < last; /* what all see comes first */
    for (size_t i = 0; i < n_q && !fresh; i++) {
        unsigned end = smaller(first, hi[i]);
        tile_any(p[i] + lo[i], 0, rows_from(values, lo[i], 0), lo[i] < end ? end - lo[i] : 0,
                 (struct sums){at + i * stride, 0, true}, 1);
    }
    if (first < last)
        tile_any(p[0] + first, CACHE_BLOCK, rows_from(values, first, 0), last - first, (struct sums){at, stride, fresh},
                 n_q);
    for (size_t i = 0; i < n_q; i++) {
        unsigned start = larger(last, lo[i]);
        if (start < hi[i])
            tile_any(p[i] + start, 0, rows_from(values, start, 0), hi[i] - start,
                     (struct sums){at + i * stride, 0, false}, 1);
    }
}

/* o[n, DV] = p . values. */
static void outputs(const struct attend_args *args, size_t q0, size_t n, struct attend_work *work, struct ahead *ahead)
{
    const uint8_t *lo = args->lo + q0, *hi = args->hi + q0;
    unsigned first = CACHE_BLOCK, last = 0;
    for (size_t a = 0; a < n; a++) {
        first = smaller(first, lo[a]);
        last = larger(last, hi[a]);
    }
    for (size_t i0 = 0; i0 < args->dv; i0 += COLUMNS) {
        size_t n_i = args->dv - i0 < COLUMNS ? args->dv - i0 : COLUMNS;
        bool narrow = n <= TILE_ROWS && args->type == CACHE_F16 && n_i == COLUMNS;
        struct rows values = narrow ? (struct rows){(const uint16_t *)args->v + i0, args->dv, true, args->ahead}
                                    : value_slice(args, i0, n_i, first, last, work->slice);
        for (size_t a = 0, n_a; a < n; a += n_a) {
            n_a = even_part(n - a);
            float *o = args->o + (q0 + a) * args->o_stride + i0;
            if (n_i == COLUMNS) {
                weighted(work->p + a, values, n_a, lo + a, hi + a, o, args->o_stride);
            } else {
                _Alignas(64) float sum[TILE_ROWS][COLUMNS];
                weighted(work->p + a, values, n_a, lo + a, hi + a, *sum, COLUMNS);
                for (size_t i = 0; i < n_a; i++)
                    memcpy(o + i * args->o_stride, sum[i], n_i * sizeof(float));
            }
            prefetch(ahead);
        }
    }
}

/* outputs() of few queries that see the same float16 values: whole rows at a time, so that memory is read in its order.
 * Returns false where that is not so. */
static bool outputs_of_few(const struct attend_args *args, size_t q0, size_t n, struct attend_work *work)
{
    unsigned lo = args->lo[q0], hi = args->hi[q0];
    if (n > FEW_QUERIES || args->type != CACHE_F16 || args->dv % (2 * COLUMNS) != 0)
        return false;
    for (size_t a = 1; a < n; a++)
        if (args->lo[q0 + a] != lo || args->hi[q0 + a] != hi)
            return false;
    for (size_t i0 = 0; i0 < args->dv; i0 += 2 * COLUMNS) {
        struct rows values = {(const uint16_t *)args->v + lo * args->dv + i0, args->dv, true, args->ahead};
        struct sums sums = {args->o + q0 * args->o_stride + i0, args->o_stride, true};
        if (n == 1)
            tile(work->p[0] + lo, CACHE_BLOCK, values, hi - lo, sums, 1, 8);
        else
            tile(work->p[0] + lo, CACHE_BLOCK, values, hi - lo, sums, FEW_QUERIES, 8);
    }
    return true;
}

static void attend(const struct attend_args *args)
{
    struct attend_work *work = args->scratch;
    for (size_t q0 = 0; q0 < args->n_q; q0 += QUERIES) {
        size_t n = args->n_q - q0 < QUERIES ? args->n_q - q0 : QUERIES;
        struct ahead ahead = ahead_of(args, n);
        scores(args, q0, n, work, &ahead);
        for (size_t a = 0; a < n; a++) /* in two loops, in which queries do not wait for each other */
            args->m[q0 + a] = largest_score(args, work->p[a], args->lo[q0 + a], args->hi[q0 + a]);
        for (size_t a = 0; a < n; a++)
            args->s[q0 + a] = exponentials(work->p[a], args->lo[q0 + a], args->hi[q0 + a], args->m[q0 + a]);
        if (!outputs_of_few(args, q0, n, work))
            outputs(args, q0, n, work, &ahead);
    }
}

void WIDE(attend_init)(struct kernels *table)
{
    table->attend = attend;
}
