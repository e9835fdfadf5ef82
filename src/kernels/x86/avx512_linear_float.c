/* SPDX-License-Identifier: Apache-2.0
 *
 * AVX-512 linear kernels with float32 activations: one register is element k of a panel's 16 rows, and up to 8 columns
 * are 8 chains of fma.
 */
#include "kernels/x86/avx2_form.h"
#include "kernels/x86/avx512_linear.h"
#include "kernels/wide/linear_walk_float.h"

#define COLUMNS 8 /* more take the tile's place in the level 1 cache */

/* Weights of element k. */
static ALWAYS_INLINE __m512 weights(enum quant_id id, const uint8_t *panel, size_t k)
{
    size_t at = k * PANEL_ROWS;
    if (id == QUANT_F32)
        return _mm512_loadu_ps((const float *)(panel + at * 4));
    __m256i half = _mm256_loadu_si256((const __m256i *)(panel + at * 2));
    if (id == QUANT_F16)
        return _mm512_cvtph_ps(half);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* A float_step_fn for constant arguments. */
static ALWAYS_INLINE void step(enum quant_id id, unsigned n_panels, unsigned n_columns, const uint8_t *w, size_t stride,
                               size_t n_k, const float *const *x, float *acc, size_t acc_stride)
{
    __m512 sum[WALK_PANELS][COLUMNS];
#pragma GCC unroll 8
    for (unsigned p = 0; p < n_panels; p++)
#pragma GCC unroll 16
        for (unsigned c = 0; c < n_columns; c++)
            sum[p][c] = _mm512_loadu_ps(acc + p * acc_stride + c * PANEL_ROWS);
    for (size_t k = 0; k < n_k; k++) {
#pragma GCC unroll 8
        for (unsigned p = 0; p < n_panels; p++) {
            const uint8_t *panel = w + p * stride;
            __m512 weight = weights(id, panel, k);
#pragma GCC unroll 16
            for (unsigned c = 0; c < n_columns; c++)
                sum[p][c] = _mm512_fmadd_ps(weight, _mm512_set1_ps(x[c][k]), sum[p][c]);
        }
    }
#pragma GCC unroll 8
    for (unsigned p = 0; p < n_panels; p++)
#pragma GCC unroll 16
        for (unsigned c = 0; c < n_columns; c++)
            _mm512_storeu_ps(acc + p * acc_stride + c * PANEL_ROWS, sum[p][c]);
}

/* A float_step_fn of a type. */
static ALWAYS_INLINE void any_step(enum quant_id id, unsigned n_panels, unsigned n_columns, const uint8_t *w,
                                   size_t stride, size_t n_k, const float *const *x, float *acc, size_t acc_stride)
{
    if (n_panels == 2 && n_columns == 1)
        step(id, 2, 1, w, stride, n_k, x, acc, acc_stride);
    else if (n_panels == 2)
        step(id, 2, 2, w, stride, n_k, x, acc, acc_stride);
    else
        switch (n_columns) {
        case 1:
            step(id, 1, 1, w, stride, n_k, x, acc, acc_stride);
            break;
        case 2:
            step(id, 1, 2, w, stride, n_k, x, acc, acc_stride);
            break;
        case 3:
            step(id, 1, 3, w, stride, n_k, x, acc, acc_stride);
            break;
        case 4:
            step(id, 1, 4, w, stride, n_k, x, acc, acc_stride);
            break;
        case 5:
            step(id, 1, 5, w, stride, n_k, x, acc, acc_stride);
            break;
        case 6:
            step(id, 1, 6, w, stride, n_k, x, acc, acc_stride);
            break;
        case 7:
            step(id, 1, 7, w, stride, n_k, x, acc, acc_stride);
            break;
        default:
            step(id, 1, COLUMNS, w, stride, n_k, x, acc, acc_stride);
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

void avx512_float_init(struct kernels *table)
{
    for (unsigned id = 0; id < QUANT_IDS; id++)
        if (table->linear_f32[id])
            table->linear_f32[id] = linear_f32;
}
