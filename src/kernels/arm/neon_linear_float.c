/* SPDX-License-Identifier: Apache-2.0
 *
 * NEON linear kernels with float32 activations: four registers are element k of a panel's 16 rows, and up to 4 columns
 * are 16 chains of fma.
 */
#include "kernels/tables.h"
#include "kernels/wide/linear_walk_float.h"
#include "kernels/wide/vector.h"

#define COLUMNS 4
#define QUADS   (PANEL_ROWS / LANES)

/* Weights of element k, rows 4h .. 4h + 3. */
WIDE_INLINE vec weights(enum quant_id id, const uint8_t *panel, size_t k, unsigned h)
{
    size_t at = k * PANEL_ROWS + (size_t)h * LANES;
    if (id == QUANT_F32)
        return vec_load((const float *)(panel + at * 4));
    const uint16_t *narrow = (const uint16_t *)(panel + at * 2);
    return id == QUANT_F16 ? vec_halves(narrow) : vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(narrow), 16));
}

/* One panel of a float_step_fn for constant arguments. */
WIDE_INLINE void step(enum quant_id id, unsigned n_columns, const uint8_t *panel, size_t n_k, const float *const *x,
                      float *acc)
{
    vec sum[COLUMNS][QUADS];
#pragma GCC unroll 4
    for (unsigned c = 0; c < n_columns; c++)
#pragma GCC unroll 4
        for (unsigned h = 0; h < QUADS; h++)
            sum[c][h] = vec_load(acc + c * PANEL_ROWS + (size_t)h * LANES);
    for (size_t k = 0; k < n_k; k++) {
        vec w[QUADS];
#pragma GCC unroll 4
        for (unsigned h = 0; h < QUADS; h++)
            w[h] = weights(id, panel, k, h);
#pragma GCC unroll 4
        for (unsigned c = 0; c < n_columns; c++) {
            vec value = vec_set(x[c][k]);
#pragma GCC unroll 4
            for (unsigned h = 0; h < QUADS; h++)
                sum[c][h] = vec_fma(w[h], value, sum[c][h]);
        }
    }
#pragma GCC unroll 4
    for (unsigned c = 0; c < n_columns; c++)
#pragma GCC unroll 4
        for (unsigned h = 0; h < QUADS; h++)
            vec_store(acc + c * PANEL_ROWS + (size_t)h * LANES, sum[c][h]);
}

/* A float_step_fn of a type. */
WIDE_INLINE void any_step(enum quant_id id, unsigned n_panels, unsigned n_columns, const uint8_t *w, size_t stride,
                          size_t n_k, const float *const *x, float *acc, size_t acc_stride)
{
    for (unsigned p = 0; p < n_panels; p++, w += stride, acc += acc_stride)
        switch (n_columns) {
        case 1:
            step(id, 1, w, n_k, x, acc);
            break;
        case 2:
            step(id, 2, w, n_k, x, acc);
            break;
        case 3:
            step(id, 3, w, n_k, x, acc);
            break;
        default:
            step(id, COLUMNS, w, n_k, x, acc);
        }
}

static void step_f32(unsigned n_panels, unsigned n_columns, const uint8_t *w, size_t stride, size_t n_k,
                     const float *const *x, float *acc, size_t acc_stride)
{
    any_step(QUANT_F32, n_panels, n_columns, w, stride, n_k, x, acc, acc_stride);
}

static void step_f16(unsigned n_panels, unsigned n_columns, const uint8_t *w, size_t stride, size_t n_k,
                     const float *const *x, float *acc, size_t acc_stride)
{
    any_step(QUANT_F16, n_panels, n_columns, w, stride, n_k, x, acc, acc_stride);
}

static void step_bf16(unsigned n_panels, unsigned n_columns, const uint8_t *w, size_t stride, size_t n_k,
                      const float *const *x, float *acc, size_t acc_stride)
{
    any_step(QUANT_BF16, n_panels, n_columns, w, stride, n_k, x, acc, acc_stride);
}

static void linear_f32(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch)
{
    static const struct float_steps steps = {COLUMNS, step_f32, step_f16, step_bf16};
    linear_walk_float(args, panel0, panel1, scratch, &steps);
}

void neon_float_init(struct kernels *table)
{
    for (unsigned id = 0; id < QUANT_IDS; id++)
        if (table->linear_f32[id])
            table->linear_f32[id] = linear_f32;
}
