/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention over a block of 64 keys, compiled for each instruction set.
 *
 * Some queries are taken together. A slice of the keys (or values) is decoded to float32 once for all of them and
 * stays in the first level of cache; TILE_ROWS queries by four registers of keys (or value elements) are sums in
 * registers, so that each load of a key serves all these queries and each load of a query four registers. Where these
 * tiles are few, or the processor widens beside its multiplications, float16 is widened as it is loaded. One tile takes
 * rows of values whole where that fits, and prefetches those of the next block in step: blocks lie too far apart for
 * the processor to guess. What a block adds is merged into the state while it is in registers.
 * Lanes hold keys for the scores and value elements for the output, and every lane is the reference's own chain.
 */
#include <math.h>
#include <string.h>

#include "kernels/cache.h"
#include "kernels/elementary.h"
#include "kernels/tables.h"
#include "kernels/wide/vector.h"

#define QUERIES     64                      /* whose probabilities are kept */
#define COLUMNS     (4 * LANES)             /* lanes of a tile */
#define FEW_QUERIES (TILE_ROWS < 6 ? 1 : 2) /* so many by eight registers are a tile too */
#define DEPTH       128                     /* dimensions of a slice of keys */
#define NOTHING     (-1.0f)                 /* no factor is negative */
#define SLICE       (CACHE_BLOCK * (COLUMNS > DEPTH ? COLUMNS : DEPTH))

struct attend_work {
    _Alignas(64) float p[QUERIES][CACHE_BLOCK]; /* scores, then probabilities */
    _Alignas(64) float slice[SLICE];
    _Alignas(64) float m[QUERIES], s[QUERIES];        /* the block's maxima and sums */
    _Alignas(64) float kept[QUERIES], added[QUERIES]; /* what the state and the block's outputs are multiplied with */
};

_Static_assert(sizeof(struct attend_work) <= SCRATCH_BYTES, "the scratch holds probabilities and a slice");
_Static_assert(CACHE_BLOCK % COLUMNS == 0, "tiles fill a block of keys");

/* What a tile multiplies with: float32 or float16 rows, `step` elements apart. */
struct rows {
    const void *at;
    size_t step;
    bool halves;
    ptrdiff_t ahead; /* bytes to what is read next, where a tile prefetches that by itself, or 0 */
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

/* Sums of some queries, from +0 or from what is there. With `kept` those from +0 are merged into what is there, which
 * becomes there * kept[i] + sum * added[i], or the sum alone where kept[i] is NOTHING. */
struct sums {
    float *at;
    size_t stride;
    bool fresh;
    const float *kept, *added; /* or NULL */
};

/* sum[n_q, n_v registers] = fma(x[q, i], rows[i, n_v registers], sum) for i = 0 .. n - 1, for constant n_q, n_v and
 * rows.halves. */
WIDE_INLINE void tile(const float *x, size_t x_stride, struct rows rows, size_t n, struct sums sums, const unsigned n_q,
                      const unsigned n_v)
{
    vec acc[TILE_ROWS][8];
    UNROLL
    for (unsigned k = 0; k < n_q * n_v; k++)
        acc[k / n_v][k % n_v] = vec_set(0);
    if (!sums.fresh) {
        UNROLL
        for (unsigned k = 0; k < n_q * n_v; k++)
            acc[k / n_v][k % n_v] = vec_load(sums.at + k / n_v * sums.stride + (size_t)(k % n_v) * LANES);
    }
    const float *wide = rows.at;
    const uint16_t *narrow = rows.at;
    for (size_t i = 0; i < n; i++, wide += rows.step, narrow += rows.step) {
        if (rows.halves && rows.ahead)
            for (unsigned at = 0; at < n_v * LANES * sizeof *narrow; at += 64)
                __builtin_prefetch((const char *)narrow + rows.ahead + at, 0, 2);
        vec factor[TILE_ROWS], row[8];
        UNROLL
        for (unsigned k = 0; k < n_q * n_v; k++) {
            /* Sixteen registers hold the sums with the factors and one row, but not with four rows. */
            unsigned a = TILE_ROWS > 3 ? k / n_v : k % n_q, v = TILE_ROWS > 3 ? k % n_v : k / n_q;
            if (v == 0)
                factor[a] = vec_set(x[a * x_stride + i]);
            if (a == 0)
                row[v] = rows.halves ? vec_halves(narrow + (size_t)v * LANES) : vec_load(wide + (size_t)v * LANES);
            acc[a][v] = vec_fma(factor[a], row[v], acc[a][v]);
        }
    }
    UNROLL
    for (unsigned a = 0; a < n_q; a++) {
        float *at = sums.at + a * sums.stride;
        if (sums.kept && !(sums.kept[a] < 0)) {
            vec kept = vec_set(sums.kept[a]), added = vec_set(sums.added[a]);
            UNROLL
            for (unsigned v = 0; v < n_v; v++)
                acc[a][v] = vec_fma(acc[a][v], added, vec_mul(vec_load(at + (size_t)v * LANES), kept));
        }
        UNROLL
        for (unsigned v = 0; v < n_v; v++)
            vec_store(at + (size_t)v * LANES, acc[a][v]);
    }
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
    if (rows.halves && rows.ahead)
        tile_of(x, x_stride, (struct rows){rows.at, rows.step, true, rows.ahead}, n, sums, n_q);
    else if (rows.halves)
        tile_of(x, x_stride, (struct rows){rows.at, rows.step, true, 0}, n, sums, n_q);
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
 * prefetches float16 by itself. */
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

/* Whether n queries widen float16 as they load it. */
static bool in_place(const struct attend_args *args, size_t n)
{
    return args->type == CACHE_F16 && n <= (size_t)WIDEN_TILES * TILE_ROWS;
}

/* What the tiles of n queries have to prefetch: with more than one, prefetch() does it. */
static ptrdiff_t tile_ahead(const struct attend_args *args, size_t n)
{
    return n <= TILE_ROWS ? args->ahead : 0;
}

/* Scores of queries [q0, q0 + n), before the scale. */
static void scores(const struct attend_args *args, size_t q0, size_t n, struct attend_work *work, struct ahead *ahead)
{
    bool narrow = in_place(args, n);
    for (size_t i0 = 0, n_i; i0 < args->d; i0 += n_i) {
        n_i = args->d - i0 < DEPTH || narrow ? args->d - i0 : DEPTH;
        struct rows keys = narrow ? (struct rows){args->k, CACHE_BLOCK, true, tile_ahead(args, n)}
                                  : key_slice(args, i0, n_i, work->slice);
        for (size_t a = 0, n_a; a < n; a += n_a) {
            n_a = even_part(n - a);
            const float *q = args->q + (q0 + a) * args->q_stride + i0;
            for (size_t j = 0; j < CACHE_BLOCK; j += COLUMNS)
                tile_any(q, args->q_stride, rows_from(keys, 0, j), n_i,
                         (struct sums){work->p[a] + j, CACHE_BLOCK, i0 == 0, NULL, NULL}, n_a);
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
    UNROLL
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
    UNROLL
    for (unsigned i = 0; i < CACHE_BLOCK / LANES; i++) {
        x[i] = exp_below(vec_sub(vec_load(p + (size_t)i * LANES), largest));
        vec_store(p + (size_t)i * LANES, x[i]);
    }
    if (!all)
        hide(p, lo, hi, 0);
    UNROLL
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
                     float (*sum)[COLUMNS])
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
                 (struct sums){sum[i], 0, true, NULL, NULL}, 1);
    }
    if (first < last)
        tile_any(p[0] + first, CACHE_BLOCK, rows_from(values, first, 0), last - first,
                 (struct sums){*sum, COLUMNS, fresh, NULL, NULL}, n_q);
    for (size_t i = 0; i < n_q; i++) {
        unsigned start = larger(last, lo[i]);
        if (start < hi[i])
            tile_any(p[i] + start, 0, rows_from(values, start, 0), hi[i] - start,
                     (struct sums){sum[i], 0, false, NULL, NULL}, 1);
    }
}

/* Merges n floats of a sum into what is there. */
static void merge(float *at, const float *sum, size_t n, float kept, float added)
{
    for (size_t i = 0; i < n; i++)
        at[i] = kept < 0 ? sum[i] : fmaf(sum[i], added, at[i] * kept);
}

/* Merges p . values into o[n, DV]. */
static void outputs(const struct attend_args *args, size_t q0, size_t n, bool same, struct attend_work *work,
                    struct ahead *ahead)
{
    const uint8_t *lo = args->lo + q0, *hi = args->hi + q0;
    unsigned first = CACHE_BLOCK, last = 0;
    for (size_t a = 0; a < n; a++) {
        first = smaller(first, lo[a]);
        last = larger(last, hi[a]);
    }
    for (size_t i0 = 0; i0 < args->dv; i0 += COLUMNS) {
        size_t n_i = args->dv - i0 < COLUMNS ? args->dv - i0 : COLUMNS;
        bool narrow = in_place(args, n) && n_i == COLUMNS;
        struct rows values = narrow ? (struct rows){(const uint16_t *)args->v + i0, args->dv, true, tile_ahead(args, n)}
                                    : value_slice(args, i0, n_i, first, last, work->slice);
        for (size_t a = 0, n_a; a < n; a += n_a) {
            n_a = even_part(n - a);
            float *o = args->o + (q0 + a) * args->o_stride + i0;
            if (n_i == COLUMNS && same) {
                tile_any(work->p[a] + first, CACHE_BLOCK, rows_from(values, first, 0), last - first,
                         (struct sums){o, args->o_stride, true, work->kept + a, work->added + a}, n_a);
            } else {
                _Alignas(64) float sum[TILE_ROWS][COLUMNS];
                weighted(work->p + a, values, n_a, lo + a, hi + a, sum);
                for (size_t i = 0; i < n_a; i++)
                    merge(o + i * args->o_stride, sum[i], n_i, work->kept[a + i], work->added[a + i]);
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
    for (size_t i0 = 0; i0 < args->dv; i0 += 2 * COLUMNS) {
        struct rows values = {(const uint16_t *)args->v + lo * args->dv + i0, args->dv, true, args->ahead};
        struct sums sums = {args->o + q0 * args->o_stride + i0, args->o_stride, true, work->kept, work->added};
        if (n == 1)
            tile(work->p[0] + lo, CACHE_BLOCK, values, hi - lo, sums, 1, 8);
        else
            tile(work->p[0] + lo, CACHE_BLOCK, values, hi - lo, sums, FEW_QUERIES, 8);
    }
    return true;
}

/* Merges the block's maxima and sums of n queries into their states, and says how the outputs are to be. */
static void merge_sums(const struct attend_args *args, size_t q0, size_t n, struct attend_work *work)
{
    float *m = args->m + q0, *s = args->s + q0, largest[QUERIES];
    memcpy(largest, m, n * sizeof *m);
    for (size_t a = 0; a < n; a += LANES) { /* whole registers: lanes past n, like empty states, are not used */
        vec state = vec_load(largest + a), block = vec_load(work->m + a), most = vec_max(state, block);
        vec_store(work->kept + a, exp_below(vec_sub(state, most)));
        vec_store(work->added + a, exp_below(vec_sub(block, most)));
        vec_store(largest + a, most);
    }
    for (size_t a = 0; a < n; a++) {
        bool empty = s[a] == 0;
        m[a] = empty ? work->m[a] : largest[a];
        s[a] = empty ? work->s[a] : fmaf(work->s[a], work->added[a], s[a] * work->kept[a]);
        work->kept[a] = empty ? NOTHING : work->kept[a];
    }
}

static void attend(const struct attend_args *args)
{
    struct attend_work *work = args->scratch;
    for (size_t q0 = 0; q0 < args->n_q; q0 += QUERIES) {
        size_t n = args->n_q - q0 < QUERIES ? args->n_q - q0 : QUERIES;
        const uint8_t *lo = args->lo + q0, *hi = args->hi + q0;
        struct ahead ahead = ahead_of(args, n);
        bool same = true;
        for (size_t a = 1; a < n; a++)
            same = same && lo[a] == lo[0] && hi[a] == hi[0];
        scores(args, q0, n, work, &ahead);
        for (size_t a = 0; a < n; a++) /* in two loops, in which queries do not wait for each other */
            work->m[a] = largest_score(args, work->p[a], lo[a], hi[a]);
        for (size_t a = 0; a < n; a++)
            work->s[a] = exponentials(work->p[a], lo[a], hi[a], work->m[a]);
        merge_sums(args, q0, n, work);
        if (!same || !outputs_of_few(args, q0, n, work))
            outputs(args, q0, n, same, work, &ahead);
    }
}

void WIDE(attend_init)(struct kernels *table)
{
    table->attend = attend;
}
