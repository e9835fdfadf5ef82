/* SPDX-License-Identifier: Apache-2.0
 *
 * AVX2 linear kernels with float32 activations. There is one chain of fma for each output, so speed comes from many
 * outputs at a time: 16 rows by 6 columns, or two panels by 1 or 2 columns.
 */
#include "kernels/x86/avx2_form.h"
#include "kernels/x86/avx2_linear.h"
#include "kernels/wide/linear_walk_float.h"

#define COLUMNS 6 /* 12 sums, 2 weights and an activation are 15 of 16 registers */
#define AHEAD   2048

/* Weights of element k of rows 8h .. 8h + 7. */
static ALWAYS_INLINE __m256 weights(enum quant_id id, const uint8_t *panel, size_t k, unsigned h)
{
    size_t at = k * PANEL_ROWS + 8 * h;
    if (id == QUANT_F16)
        return load_halves(panel + at * 2);
    if (id == QUANT_BF16) {
        __m128i half = _mm_loadu_si128((const __m128i *)(panel + at * 2));
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
    }
    return _mm256_loadu_ps((const float *)(panel + at * 4));
}

/* acc[n_panels][c][16] += w . x for n_columns columns, n_k elements; panels are `stride` bytes apart, sums of a column
 * and the next panel acc_stride floats. */
static ALWAYS_INLINE void step(enum quant_id id, unsigned n_panels, unsigned n_columns, const uint8_t *w, size_t stride,
                               size_t n_k, const float *const *x, float *acc, size_t acc_stride)
{
    const unsigned element_bytes = id == QUANT_F32 ? 4 : 2;
    const bool prefetches = avx2_prefetches;
    __m256 sum[WALK_PANELS][COLUMNS][2];
#pragma GCC unroll 8
    for (unsigned p = 0; p < n_panels; p++)
#pragma GCC unroll 8
        for (unsigned c = 0; c < n_columns; c++)
#pragma GCC unroll 8
            for (unsigned h = 0; h < 2; h++)
                sum[p][c][h] = _mm256_loadu_ps(acc + p * acc_stride + c * PANEL_ROWS + 8 * h);
    for (size_t k = 0; k < n_k; k++) {
#pragma GCC unroll 8
        for (unsigned p = 0; p < n_panels; p++) {
            const uint8_t *panel = w + p * stride;
            __m256 first = weights(id, panel, k, 0), second = weights(id, panel, k, 1);
            if (n_columns <= 2 && prefetches)
                _mm_prefetch(panel + k * PANEL_ROWS * element_bytes + AHEAD, _MM_HINT_T0);
#pragma GCC unroll 8
            for (unsigned c = 0; c < n_columns; c++) {
                __m256 value = _mm256_set1_ps(x[c][k]);
                sum[p][c][0] = _mm256_fmadd_ps(first, value, sum[p][c][0]);
                sum[p][c][1] = _mm256_fmadd_ps(second, value, sum[p][c][1]);
            }
        }
    }
#pragma GCC unroll 8
    for (unsigned p = 0; p < n_panels; p++)
#pragma GCC unroll 8
        for (unsigned c = 0; c < n_columns; c++)
#pragma GCC unroll 8
            for (unsigned h = 0; h < 2; h++)
                _mm256_storeu_ps(acc + p * acc_stride + c * PANEL_ROWS + 8 * h, sum[p][c][h]);
}

/* step() for the panels and columns there are functions for: (2, 1 .. 2) and (1, 1 .. 6). */
static ALWAYS_INLINE void any_step(enum quant_id id, unsigned n_panels, unsigned n_columns, const uint8_t *w,
                                   size_t stride, size_t n_k, const float *const *x, float *acc, size_t acc_stride)
{
    if (n_panels == 2 && n_columns == 1)
        step(id, 2, 1, w, stride, n_k, x, acc, acc_stride);
    else if (n_panels == 2)
        step(id, 2, 2, w, stride, n_k, x, acc, acc_stride);
    else if (n_columns == 1)
        step(id, 1, 1, w, stride, n_k, x, acc, acc_stride);
    else if (n_columns == 2)
        step(id, 1, 2, w, stride, n_k, x, acc, acc_stride);
    else if (n_columns == 3)
        step(id, 1, 3, w, stride, n_k, x, acc, acc_stride);
    else if (n_columns == 4)
        step(id, 1, 4, w, stride, n_k, x, acc, acc_stride);
    else if (n_columns == 5)
        step(id, 1, 5, w, stride, n_k, x, acc, acc_stride);
    else
        step(id, 1, 6, w, stride, n_k, x, acc, acc_stride);
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

void avx2_float_init(struct kernels *table)
{
    for (unsigned id = 0; id < QUANT_IDS; id++)
        if (table->linear_f32[id])
            table->linear_f32[id] = linear_f32;
}
