/* SPDX-License-Identifier: Apache-2.0
 *
 * y = x . w^T, generic over the weight types. A panel's 16 outputs are the inner loop, and what a panel block decodes
 * to is used for all rows of x before the next one is decoded.
 */
#include <math.h>

#include "kernels/activation.h"
#include "kernels/panel.h"
#include "kernels/ref/ref.h"

#define N         PANEL_ROWS
#define ROWS      256 /* rows of x whose sums are kept at a time */
#define DEPTH     256 /* elements along k decoded at a time: every block size divides it */
#define MAX_BLOCK 292 /* bytes of a raw block */

/* 32 elements along k of 16 outputs. Integers are kept as floats: their dots stay below 2^24, so they are exact. */
struct group16 {
    float q[QUANT_GROUP][N];
    float s[2][N], m[N];
    int32_t scale[2][N], min[2][N];
    unsigned n_parts;
    bool has_min;
};

struct q8_scratch {
    float acc[ROWS][N];
    struct group16 group;
    uint8_t raw[N][MAX_BLOCK];
};

struct f32_scratch {
    float acc[ROWS][N];
    float w[DEPTH][N];
    float row[DEPTH];
    uint8_t raw[MAX_BLOCK];
};

_Static_assert(sizeof(struct q8_scratch) <= SCRATCH_BYTES, "the scratch holds the sums and one group");
_Static_assert(sizeof(struct f32_scratch) <= SCRATCH_BYTES, "the scratch holds the sums and one panel block");

/* Group g of 16 raw blocks, one of each output. */
static void gather(const struct quant_type *type, uint8_t raw[N][MAX_BLOCK], unsigned g, struct group16 *out)
{
    for (unsigned n = 0; n < N; n++) {
        struct quant_group group;
        type->group(raw[n], g, &group);
        for (unsigned i = 0; i < QUANT_GROUP; i++)
            out->q[i][n] = group.q[i];
        for (unsigned j = 0; j < 2; j++) {
            out->s[j][n] = group.s[j];
            out->scale[j][n] = group.scale[j];
            out->min[j][n] = group.min[j];
        }
        out->m[n] = group.m;
        out->n_parts = group.n_parts;
        out->has_min = group.has_min;
    }
}

/* One step of the integer formula: acc += the product of a group with 32 activations q8 of scale a, whose halves sum
 * to sum[0] and sum[1]. */
static void step(const struct group16 *restrict group, const int8_t *restrict q8, float a, const int16_t *restrict sum,
                 float *restrict acc)
{
    float dot[2][N] = {{0}};
    int32_t isum[2][N];
    for (unsigned j = 0; j < 2; j++)
        for (unsigned i = 16 * j; i < 16 * (j + 1); i++)
            for (unsigned n = 0; n < N; n++)
                dot[j][n] += group->q[i][n] * (float)q8[i];
    for (unsigned j = 0; j < 2; j++)
        for (unsigned n = 0; n < N; n++)
            isum[j][n] = group->scale[j][n] * (int32_t)dot[j][n];
    if (group->n_parts == 2) {
        for (unsigned n = 0; n < N; n++)
            acc[n] = fmaf(group->s[0][n] * a, (float)isum[0][n], acc[n]);
        for (unsigned n = 0; n < N; n++)
            acc[n] = fmaf(group->s[1][n] * a, (float)isum[1][n], acc[n]);
    } else {
        for (unsigned n = 0; n < N; n++)
            acc[n] = fmaf(group->s[0][n] * a, (float)(isum[0][n] + isum[1][n]), acc[n]);
    }
    if (group->has_min)
        for (unsigned n = 0; n < N; n++) {
            int32_t asum = group->min[0][n] * sum[0] + group->min[1][n] * sum[1];
            acc[n] = fmaf(-group->m[n], a * (float)asum, acc[n]);
        }
}

/* Rows [t0, t0 + n_t) of y for one panel, from their sums. */
static void store(const struct linear_args *args, size_t panel, size_t t0, size_t n_t, float acc[ROWS][N])
{
    size_t first = panel * N, n_out = args->n - first < N ? args->n - first : N;
    for (size_t t = 0; t < n_t; t++)
        for (size_t n = 0; n < n_out; n++)
            args->y[(t0 + t) * args->y_stride + first + n] = acc[t][n];
}

/* The sums of rows [t0, t0 + n_t) with one panel: acc[n_t, 16] = x[n_t, K] . panel[16, K]^T. */
static void q8_panel(const struct linear_args *args, const uint8_t *panel, size_t t0, size_t n_t,
                     struct q8_scratch *scratch)
{
    const struct quant_type *type = args->type;
    const struct panel_layout *layout = panel_layout(type);
    size_t k = args->k, block_bytes = panel_block_bytes(type);
    for (size_t t = 0; t < n_t; t++)
        for (unsigned n = 0; n < N; n++)
            scratch->acc[t][n] = 0;
    for (size_t k0 = 0; k0 < k; k0 += type->block_elements, panel += block_bytes) {
        for (unsigned n = 0; n < N; n++)
            layout->unpack(type, panel, n, scratch->raw[n]);
        for (unsigned g = 0; g < type->block_elements / QUANT_GROUP; g++) {
            size_t at = k0 + (size_t)g * QUANT_GROUP;
            gather(type, scratch->raw, g, &scratch->group);
            for (size_t t = 0; t < n_t; t++) {
                const char *row = (const char *)args->x + (t0 + t) * args->x_stride;
                const float *scales = (const float *)(row + q8_scale_offset(k));
                const int16_t *sums = (const int16_t *)(scales + k / 32) + at / 16;
                step(&scratch->group, (const int8_t *)row + at, scales[at / 32], sums, scratch->acc[t]);
            }
        }
    }
}

static void linear_q8(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch)
{
    struct q8_scratch *own = scratch;
    size_t bytes = args->k / args->type->block_elements * panel_block_bytes(args->type);
    for (size_t panel = panel0; panel < panel1; panel++)
        for (size_t t = 0; t < args->t; t += ROWS) {
            size_t n_t = args->t - t < ROWS ? args->t - t : ROWS;
            q8_panel(args, args->w + panel * bytes, t, n_t, own);
            store(args, panel, t, n_t, own->acc);
        }
}

/* Elements [0, n_k) of 16 outputs as float32, w[n_k, 16], from panel blocks. */
static void decode16(const struct quant_type *type, const uint8_t *blocks, size_t n_k, struct f32_scratch *scratch)
{
    const struct panel_layout *layout = panel_layout(type);
    size_t block_bytes = panel_block_bytes(type);
    if (type->decode && panel_is_plain(type)) { /* one element a block: the 16 numbers stand side by side already */
        type->decode(blocks, n_k * N, scratch->w[0]);
        return;
    }
    for (unsigned n = 0; n < N; n++) {
        const uint8_t *block = blocks;
        for (size_t i = 0; i < n_k; i += type->block_elements, block += block_bytes) {
            layout->unpack(type, block, n, scratch->raw);
            quant_decode_block(type, scratch->raw, scratch->row + i);
        }
        for (size_t i = 0; i < n_k; i++)
            scratch->w[i][n] = scratch->row[i];
    }
}

/* acc[n] = fma(w[i, n], x[i], acc[n]) for i ascending. */
static void chain(float w[DEPTH][N], const float *x, size_t n_k, float acc[N])
{
    float sum[N];
    for (unsigned n = 0; n < N; n++)
        sum[n] = acc[n];
    for (size_t i = 0; i < n_k; i++)
        for (unsigned n = 0; n < N; n++)
            sum[n] = fmaf(w[i][n], x[i], sum[n]);
    for (unsigned n = 0; n < N; n++)
        acc[n] = sum[n];
}

static void f32_panel(const struct linear_args *args, const uint8_t *panel, size_t t0, size_t n_t,
                      struct f32_scratch *scratch)
{
    size_t k = args->k, depth_bytes = DEPTH / args->type->block_elements * panel_block_bytes(args->type);
    for (size_t t = 0; t < n_t; t++)
        for (unsigned n = 0; n < N; n++)
            scratch->acc[t][n] = 0;
    for (size_t k0 = 0; k0 < k; k0 += DEPTH, panel += depth_bytes) {
        size_t n_k = k - k0 < DEPTH ? k - k0 : DEPTH;
        decode16(args->type, panel, n_k, scratch);
        for (size_t t = 0; t < n_t; t++) {
            const float *x = (const float *)((const char *)args->x + (t0 + t) * args->x_stride);
            chain(scratch->w, x + k0, n_k, scratch->acc[t]);
        }
    }
}

static void linear_f32(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch)
{
    struct f32_scratch *own = scratch;
    size_t bytes = args->k / args->type->block_elements * panel_block_bytes(args->type);
    for (size_t panel = panel0; panel < panel1; panel++)
        for (size_t t = 0; t < args->t; t += ROWS) {
            size_t n_t = args->t - t < ROWS ? args->t - t : ROWS;
            f32_panel(args, args->w + panel * bytes, t, n_t, own);
            store(args, panel, t, n_t, own->acc);
        }
}

void REF(ref_linear_init)(struct kernels *table)
{
    for (uint32_t id = 0; id < QUANT_IDS; id++) {
        const struct quant_type *type = quant_find(id);
        table->linear_q8[id] = type && type->is_weight && type->group ? linear_q8 : NULL;
        table->linear_f32[id] = type && type->is_weight ? linear_f32 : NULL;
    }
}
