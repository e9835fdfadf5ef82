/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing the KV cache and attention over one of its blocks.
 */
#include <math.h>
#include <string.h>

#include "kernels/cache.h"
#include "kernels/elementary.h"
#include "kernels/ref/ref.h"

#define QUERIES 16 /* whose scores are kept while the block's keys and values are decoded once */
#define COLUMNS 64 /* of outputs at a time */

/* 32 floats as 8-bit integers `step` apart, and their scale, which is rounded to float16. */
static void cache_q8(const float *x, int8_t *q, size_t step, uint16_t *scale)
{
    uint32_t largest = 0;
    for (unsigned i = 0; i < 32; i++) {
        uint32_t bits = bits_of_float(x[i]) & 0x7fffffff;
        largest = bits > largest ? bits : largest;
    }
    float amax = float_of_bits(largest), inverse = 127.0f / amax;
    bool representable = inverse > 0.0f && inverse < INFINITY;
    *scale = half_of_float(amax / 127.0f);
    for (unsigned i = 0; i < 32; i++) {
        float rounded = x[i] * inverse + ROUND_MAGIC - ROUND_MAGIC;
        q[i * step] = representable ? (int8_t)rounded : 0;
    }
}

static void cache_key(enum cache_type type, const float *k, size_t d, unsigned j, void *block)
{
    if (type == CACHE_F32) {
        for (size_t i = 0; i < d; i++)
            ((float *)block)[i * CACHE_BLOCK + j] = k[i];
    } else if (type == CACHE_F16) {
        for (size_t i = 0; i < d; i++)
            ((uint16_t *)block)[i * CACHE_BLOCK + j] = half_of_float(k[i]);
    } else {
        uint16_t *scales = block;
        int8_t *q = (int8_t *)(scales + d / 32 * CACHE_BLOCK);
        for (size_t i = 0; i < d; i += 32)
            cache_q8(k + i, q + i * CACHE_BLOCK + j, CACHE_BLOCK, scales + i / 32 * CACHE_BLOCK + j);
    }
}

static void cache_value(enum cache_type type, const float *v, size_t dv, unsigned j, void *block)
{
    if (type == CACHE_F32) {
        memcpy((float *)block + j * dv, v, dv * sizeof *v);
    } else if (type == CACHE_F16) {
        for (size_t i = 0; i < dv; i++)
            ((uint16_t *)block)[j * dv + i] = half_of_float(v[i]);
    } else {
        uint16_t *scales = block;
        int8_t *q = (int8_t *)(scales + dv / 32 * CACHE_BLOCK);
        for (size_t i = 0; i < dv; i += 32)
            cache_q8(v + i, q + j * dv + i, 1, scales + (j * dv + i) / 32);
    }
}

/* Dimension i of the 64 keys of a block, decoded. */
static void keys_of(const struct attend_args *args, size_t i, float out[CACHE_BLOCK])
{
    if (args->type == CACHE_F32) {
        memcpy(out, (const float *)args->k + i * CACHE_BLOCK, CACHE_BLOCK * sizeof *out);
    } else if (args->type == CACHE_F16) {
        const uint16_t *k = (const uint16_t *)args->k + i * CACHE_BLOCK;
        for (unsigned j = 0; j < CACHE_BLOCK; j++)
            out[j] = half_to_float(k[j]);
    } else {
        const uint16_t *scales = args->k;
        const int8_t *q = (const int8_t *)(scales + args->d / 32 * CACHE_BLOCK) + i * CACHE_BLOCK;
        scales += i / 32 * CACHE_BLOCK;
        for (unsigned j = 0; j < CACHE_BLOCK; j++)
            out[j] = (float)q[j] * half_to_float(scales[j]);
    }
}

/* Element i of value j of a block, decoded. */
static float value_of(const struct attend_args *args, unsigned j, size_t i)
{
    size_t at = j * args->dv + i;
    if (args->type == CACHE_F32)
        return ((const float *)args->v)[at];
    if (args->type == CACHE_F16)
        return half_to_float(((const uint16_t *)args->v)[at]);
    const uint16_t *scales = args->v;
    const int8_t *q = (const int8_t *)(scales + args->dv / 32 * CACHE_BLOCK);
    return (float)q[at] * half_to_float(scales[at / 32]);
}

/* Scores to probabilities over the visible keys [lo, hi): p = exp(score - max), the block's maximum and sum. */
static void probabilities(const struct attend_args *args, float p[CACHE_BLOCK], unsigned lo, unsigned hi, float *m,
                          float *s)
{
    float part[16];
    for (unsigned j = 0; j < 16; j++)
        part[j] = -INFINITY;
    for (unsigned j = lo; j < hi; j++) {
        p[j] *= args->scale;
        if (args->softcap != 0.0f)
            p[j] = args->softcap * elementary_tanh(p[j] / args->softcap);
        part[j % 16] = ref_max(p[j], part[j % 16]);
    }
    *m = ref_tree_max(part);
    for (unsigned j = 0; j < 16; j++)
        part[j] = 0;
    for (unsigned j = lo; j < hi; j++) {
        p[j] = elementary_exp(p[j] - *m);
        part[j % 16] += p[j];
    }
    *s = ref_tree_sum(part);
}

/* What a state and what is added to it are multiplied with; what is added to an empty one is copied. */
struct merge {
    bool empty;
    float kept, added;
};

static struct merge merge_sums(float *state_m, float *state_s, float m, float s)
{
    if (*state_s == 0.0f) {
        *state_m = m;
        *state_s = s;
        return (struct merge){.empty = true};
    }
    float larger = ref_max(*state_m, m);
    struct merge merge = {false, elementary_exp(*state_m - larger), elementary_exp(m - larger)};
    *state_m = larger;
    *state_s = fmaf(s, merge.added, *state_s * merge.kept);
    return merge;
}

static void merge_outputs(struct merge merge, float *state_o, const float *o, size_t n)
{
    if (merge.empty)
        memcpy(state_o, o, n * sizeof *o);
    else
        for (size_t i = 0; i < n; i++)
            state_o[i] = fmaf(o[i], merge.added, state_o[i] * merge.kept);
}

/* Queries [q0, q0 + n). */
static void attend_some(const struct attend_args *args, size_t q0, size_t n)
{
    float p[QUERIES][CACHE_BLOCK] = {{0}}, keys[CACHE_BLOCK];
    for (size_t i = 0; i < args->d; i++) {
        keys_of(args, i, keys);
        for (size_t a = 0; a < n; a++) {
            float q = args->q[(q0 + a) * args->q_stride + i];
            for (unsigned j = 0; j < CACHE_BLOCK; j++)
                p[a][j] = fmaf(q, keys[j], p[a][j]);
        }
    }
    struct merge merge[QUERIES];
    for (size_t a = 0; a < n; a++) {
        float m, s;
        probabilities(args, p[a], args->lo[q0 + a], args->hi[q0 + a], &m, &s);
        merge[a] = merge_sums(args->m + q0 + a, args->s + q0 + a, m, s);
    }
    /* Keys that a query does not see are skipped, not multiplied by zero: their slots may hold anything. */
    for (size_t i0 = 0; i0 < args->dv; i0 += COLUMNS) {
        size_t n_i = args->dv - i0 < COLUMNS ? args->dv - i0 : COLUMNS;
        float o[QUERIES][COLUMNS] = {{0}};
        for (unsigned j = 0; j < CACHE_BLOCK; j++)
            for (size_t a = 0; a < n; a++)
                if (j >= args->lo[q0 + a] && j < args->hi[q0 + a])
                    for (size_t i = 0; i < n_i; i++)
                        o[a][i] = fmaf(p[a][j], value_of(args, j, i0 + i), o[a][i]);
        for (size_t a = 0; a < n; a++)
            merge_outputs(merge[a], args->o + (q0 + a) * args->o_stride + i0, o[a], n_i);
    }
}

static void attend(const struct attend_args *args)
{
    for (size_t q0 = 0; q0 < args->n_q; q0 += QUERIES)
        attend_some(args, q0, args->n_q - q0 < QUERIES ? args->n_q - q0 : QUERIES);
}

static void attend_merge(float *state_m, float *state_s, float *state_o, float m, float s, const float *o, size_t dv)
{
    merge_outputs(merge_sums(state_m, state_s, m, s), state_o, o, dv);
}

static void attend_end(const float *o, float s, size_t dv, float *out)
{
    for (size_t i = 0; i < dv; i++)
        out[i] = o[i] / s;
}

void REF(ref_attend_init)(struct kernels *table)
{
    table->cache_key = cache_key;
    table->cache_value = cache_value;
    table->attend = attend;
    table->attend_merge = attend_merge;
    table->attend_end = attend_end;
}
