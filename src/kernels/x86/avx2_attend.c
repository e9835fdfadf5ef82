/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention over a block of 64 keys.
 *
 * Some queries are taken together. A slice of the keys (or values) is decoded to float32 once for all of them and
 * stays in the first level of cache; three queries by 32 keys (or value elements) are 12 sums in registers, so that
 * each load of a key serves three queries and each load of a query 32 keys. Lanes hold keys for the scores and value
 * elements for the output, and every lane is the reference's own chain.
 */
#include <immintrin.h>
#include <string.h>

#include "kernels/cache.h"
#include "kernels/elementary.h"
#include "kernels/tables.h"

#define QUERIES 48 /* whose probabilities are kept: three times 16 */
#define TILE    3  /* queries of a register tile */
#define DEPTH   32 /* dimensions of a slice of keys */
#define COLUMNS 32 /* elements of a slice of values */

struct attend_work {
    _Alignas(64) float p[QUERIES][CACHE_BLOCK]; /* scores, then probabilities */
    _Alignas(64) float slice[DEPTH * CACHE_BLOCK];
};

_Static_assert(DEPTH *CACHE_BLOCK == CACHE_BLOCK * COLUMNS, "one buffer serves keys and values");

static inline __m256 halves(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}

static inline __m256 bytes(const int8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}

/* Dimensions [i0, i0 + n) of the keys as float32 rows of 64: in place where they are float32, else decoded. */
static const float *key_slice(const struct attend_args *args, size_t i0, size_t n, float *slice)
{
    if (args->type == CACHE_F32)
        return (const float *)args->k + i0 * CACHE_BLOCK;
    if (args->type == CACHE_F16) {
        const uint16_t *k = (const uint16_t *)args->k + i0 * CACHE_BLOCK;
        for (size_t at = 0; at < n * CACHE_BLOCK; at += 8)
            _mm256_store_ps(slice + at, halves(k + at));
        return slice;
    }
    const uint16_t *scales = args->k;
    const int8_t *q = (const int8_t *)(scales + args->d / 32 * CACHE_BLOCK) + i0 * CACHE_BLOCK;
    scales += i0 / 32 * CACHE_BLOCK;
    for (size_t j = 0; j < CACHE_BLOCK; j += 8) {
        __m256 scale = halves(scales + j);
        for (size_t at = j; at < n * CACHE_BLOCK; at += CACHE_BLOCK)
            _mm256_store_ps(slice + at, _mm256_mul_ps(bytes(q + at), scale));
    }
    return slice;
}

/* Elements [i0, i0 + n) of values [lo, hi) as float32 rows of COLUMNS, zeros behind the n-th. */
static void value_slice(const struct attend_args *args, size_t i0, size_t n, unsigned lo, unsigned hi, float *slice)
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
            for (; i + 8 <= n; i += 8)
                _mm256_store_ps(out + i, halves(v + i));
            for (; i < n; i++)
                out[i] = half_to_float(v[i]);
        } else {
            const uint16_t *scales = args->v;
            const int8_t *q = (const int8_t *)(scales + args->dv / 32 * CACHE_BLOCK) + at;
            __m256 scale = _mm256_set1_ps(half_to_float(scales[at / 32]));
            for (; i < n; i += 8)
                _mm256_store_ps(out + i, _mm256_mul_ps(bytes(q + i), scale));
        }
    }
}

/* sum[n_q, 8 n_v] = fma(x[q, i], rows[i, 8 n_v], sum) for i = 0 .. n - 1; `step` floats from row to row. */
static inline __attribute__((always_inline)) void tile(const float *x, size_t x_stride, const float *rows, size_t step,
                                                       size_t n, float *sum, size_t sum_stride, const unsigned n_q,
                                                       const unsigned n_v)
{
    __m256 acc[TILE][8];
    for (unsigned a = 0; a < n_q; a++)
        for (unsigned v = 0; v < n_v; v++)
            acc[a][v] = _mm256_loadu_ps(sum + a * sum_stride + 8 * v);
    for (size_t i = 0; i < n; i++, rows += step) {
        __m256 row[8];
        for (unsigned v = 0; v < n_v; v++)
            row[v] = _mm256_loadu_ps(rows + 8 * v);
        for (unsigned a = 0; a < n_q; a++) {
            __m256 factor = _mm256_broadcast_ss(x + a * x_stride + i);
            for (unsigned v = 0; v < n_v; v++)
                acc[a][v] = _mm256_fmadd_ps(factor, row[v], acc[a][v]);
        }
    }
    for (unsigned a = 0; a < n_q; a++)
        for (unsigned v = 0; v < n_v; v++)
            _mm256_storeu_ps(sum + a * sum_stride + 8 * v, acc[a][v]);
}

/* The same for 32 lanes and 1 to 3 queries. */
static void tile32(const float *x, size_t x_stride, const float *rows, size_t step, size_t n, float *sum,
                   size_t sum_stride, size_t n_q)
{
    if (n_q == 3)
        tile(x, x_stride, rows, step, n, sum, sum_stride, 3, 4);
    else if (n_q == 2)
        tile(x, x_stride, rows, step, n, sum, sum_stride, 2, 4);
    else
        tile(x, x_stride, rows, step, n, sum, sum_stride, 1, 4);
}

/* Scores of queries [q0, q0 + n), before the scale. */
static void scores(const struct attend_args *args, size_t q0, size_t n, struct attend_work *work)
{
    memset(work->p, 0, n * sizeof work->p[0]);
    for (size_t i0 = 0; i0 < args->d; i0 += DEPTH) {
        size_t n_i = args->d - i0 < DEPTH ? args->d - i0 : DEPTH;
        const float *keys = key_slice(args, i0, n_i, work->slice);
        for (size_t a = 0; a < n; a += TILE) {
            size_t n_a = n - a < TILE ? n - a : TILE;
            const float *q = args->q + (q0 + a) * args->q_stride + i0;
            for (size_t j = 0; j < CACHE_BLOCK; j += 32)
                tile32(q, args->q_stride, keys + j, CACHE_BLOCK, n_i, work->p[a] + j, CACHE_BLOCK, n_a);
        }
    }
}

/* Lanes 0..3 of eight met with lanes 4..7, then two, then one: what is left of the tree once 16 are 8. */
static inline float tree_max(__m256 part)
{
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(part), _mm256_extractf128_ps(part, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}

static inline float tree_sum(__m256 part)
{
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(part), _mm256_extractf128_ps(part, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}

/* One query's scores to probabilities. All 64 lanes are computed; keys that the query does not see count as minus
 * infinity in the maximum, which leaves it alone, and as +0 in the sum, which does too. */
static void probabilities(const struct attend_args *args, float p[CACHE_BLOCK], unsigned lo, unsigned hi, float *m,
                          float *s)
{
    for (unsigned j = 0; j < CACHE_BLOCK; j++)
        p[j] *= args->scale;
    if (args->softcap != 0.0f)
        for (unsigned j = 0; j < CACHE_BLOCK; j++)
            p[j] = args->softcap * elementary_tanh(p[j] / args->softcap);
    for (unsigned j = 0; j < CACHE_BLOCK; j++)
        p[j] = j >= lo && j < hi ? p[j] : -INFINITY;
    __m256 part[2] = {_mm256_set1_ps(-INFINITY), _mm256_set1_ps(-INFINITY)};
    for (unsigned j = 0; j < CACHE_BLOCK; j += 8)
        part[j / 8 % 2] = _mm256_max_ps(_mm256_load_ps(p + j), part[j / 8 % 2]);
    float largest = tree_max(_mm256_max_ps(part[0], part[1]));
    for (unsigned j = 0; j < CACHE_BLOCK; j++)
        p[j] = j >= lo && j < hi ? elementary_exp(p[j] - largest) : 0.0f;
    part[0] = part[1] = _mm256_setzero_ps();
    for (unsigned j = 0; j < CACHE_BLOCK; j += 8)
        part[j / 8 % 2] = _mm256_add_ps(part[j / 8 % 2], _mm256_load_ps(p + j));
    *m = largest;
    *s = tree_sum(_mm256_add_ps(part[0], part[1]));
}

static inline unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static inline unsigned larger(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

/* sum[n_q, 32] += p . values for up to three queries, each over the keys it sees: what all see goes together, what is
 * before and after it one by one, so that no key is multiplied that is not seen. */
static void weighted(const struct attend_work *work, size_t a, size_t n_q, const uint8_t *lo, const uint8_t *hi,
                     float sum[TILE][COLUMNS])
{
    unsigned first = 0, last = CACHE_BLOCK;
    for (size_t i = 0; i < n_q; i++) {
        first = larger(first, lo[i]);
        last = smaller(last, hi[i]);
    }
    last = larger(first, last);
    const float *v = work->slice;
    for (size_t i = 0; i < n_q; i++) {
        unsigned end = smaller(first, hi[i]);
        if (lo[i] < end)
            tile32(work->p[a + i] + lo[i], 0, v + (size_t)lo[i] * COLUMNS, COLUMNS, end - lo[i], sum[i], 0, 1);
    }
    tile32(work->p[a] + first, CACHE_BLOCK, v + (size_t)first * COLUMNS, COLUMNS, last - first, sum[0], COLUMNS, n_q);
    for (size_t i = 0; i < n_q; i++) {
        unsigned start = larger(last, lo[i]);
        if (start < hi[i])
            tile32(work->p[a + i] + start, 0, v + (size_t)start * COLUMNS, COLUMNS, hi[i] - start, sum[i], 0, 1);
    }
}

/* o[n, DV] = p . values. */
static void outputs(const struct attend_args *args, size_t q0, size_t n, struct attend_work *work)
{
    const uint8_t *lo = args->lo + q0, *hi = args->hi + q0;
    unsigned first = CACHE_BLOCK, last = 0;
    for (size_t a = 0; a < n; a++) {
        first = smaller(first, lo[a]);
        last = larger(last, hi[a]);
    }
    for (size_t i0 = 0; i0 < args->dv; i0 += COLUMNS) {
        size_t n_i = args->dv - i0 < COLUMNS ? args->dv - i0 : COLUMNS;
        value_slice(args, i0, n_i, first, last, work->slice);
        for (size_t a = 0; a < n; a += TILE) {
            size_t n_a = n - a < TILE ? n - a : TILE;
            _Alignas(64) float sum[TILE][COLUMNS] = {{0}};
            weighted(work, a, n_a, lo + a, hi + a, sum);
            for (size_t i = 0; i < n_a; i++)
                memcpy(args->o + (q0 + a + i) * args->o_stride + i0, sum[i], n_i * sizeof(float));
        }
    }
}

static void attend(const struct attend_args *args)
{
    struct attend_work work;
    for (size_t q0 = 0; q0 < args->n_q; q0 += QUERIES) {
        size_t n = args->n_q - q0 < QUERIES ? args->n_q - q0 : QUERIES;
        scores(args, q0, n, &work);
        for (size_t a = 0; a < n; a++)
            probabilities(args, work.p[a], args->lo[q0 + a], args->hi[q0 + a], args->m + q0 + a, args->s + q0 + a);
        outputs(args, q0, n, &work);
    }
}

void avx2_attend_init(struct kernels *table)
{
    table->attend = attend;
}
