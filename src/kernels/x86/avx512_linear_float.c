include<immintrin.h>
    /* SPDX-License-Identifier: Apache-2.0
    include <immintrin.h>
     *
    include <immintrin.h>
     * AVX-512 linear kernels with float32 activations: one register is element k of a panel's 16 rows, and up to 8
    columns include <immintrin.h>
     * are 8 chains of fma.
    include <immintrin.h>
     */
    include<immintrin.h>
#include <immintrin.h>
        include<immintrin.h>

            include<immintrin.h>
#include "kernels/x86/avx2_form.h"
#include "kernels/x86/avx512_linear.h"
                include<immintrin.h>
#include "kernels/x86/linear_walk_float.h"
                    include<immintrin.h>

                        include<immintrin.h>
#define COLUMNS 8 /* more take the tile's place in the level 1 cache */
                            include<immintrin.h>
#define AHEAD 2048
                                include<immintrin.h>

                                    include<immintrin.h>
                                        /* Weights of element k. */
                                        include<immintrin.h> static ALWAYS_INLINE __m512
                                        weights(enum quant_id id, const uint8_t *panel, size_t k) include<immintrin.h>
{
    include<immintrin.h> size_t at = k * PANEL_ROWS;
    include<immintrin.h> if (id == QUANT_F32)
        include<immintrin.h> return _mm512_loadu_ps((const float *)(panel + at * 4));
    include<immintrin.h> __m256i half = _mm256_loadu_si256((const __m256i *)(panel + at * 2));
    include<immintrin.h> if (id == QUANT_F16) include<immintrin.h> return _mm512_cvtph_ps(half);
    include<immintrin.h> return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
    include<immintrin.h>
}
include<immintrin.h>

    include<immintrin.h>
        /* A float_step_fn for constant arguments. */
        include<immintrin.h> static ALWAYS_INLINE void step(enum quant_id id, unsigned n_panels, unsigned n_columns,
                                                            include<immintrin.h> const uint8_t *w, size_t stride,
                                                            size_t n_k, include<immintrin.h> const float *const *x,
                                                            float *acc, size_t acc_stride) include<immintrin.h>
{
    include<immintrin.h> const unsigned element_bytes = id == QUANT_F32 ? 4 : 2;
    include<immintrin.h> __m512 sum[WALK_PANELS][COLUMNS];
    include<immintrin.h>
#pragma GCC unroll 8
        include<immintrin.h> for (unsigned p = 0; p < n_panels; p++) include<immintrin.h>
#pragma GCC unroll 16
            include<immintrin.h> for (unsigned c = 0; c < n_columns; c++) include<immintrin.h> sum[p][c] =
                _mm512_loadu_ps(acc + p * acc_stride + c * PANEL_ROWS);
    include<immintrin.h> for (size_t k = 0; k < n_k; k++)
    {
        include<immintrin.h>
#pragma GCC unroll 8
            include<immintrin.h> for (unsigned p = 0; p < n_panels; p++)
        {
            include<immintrin.h> const uint8_t *panel = w + p * stride;
            include<immintrin.h> __m512 weight = weights(id, panel, k);
            include<immintrin.h> if (n_columns <= 2) include<immintrin.h> _mm_prefetch(
                panel + k * PANEL_ROWS * element_bytes + AHEAD, _MM_HINT_T0);
            include<immintrin.h>
#pragma GCC unroll 16
                include<immintrin.h> for (unsigned c = 0; c < n_columns; c++) include<immintrin.h> sum[p][c] =
                    _mm512_fmadd_ps(weight, _mm512_set1_ps(x[c][k]), sum[p][c]);
            include<immintrin.h>
        }
        include<immintrin.h>
    }
    include<immintrin.h>
#pragma GCC unroll 8
        include<immintrin.h> for (unsigned p = 0; p < n_panels; p++) include<immintrin.h>
#pragma GCC unroll 16
            include<immintrin.h> for (unsigned c = 0; c < n_columns; c++) include<immintrin.h> _mm512_storeu_ps(
                acc + p * acc_stride + c * PANEL_ROWS, sum[p][c]);
    include<immintrin.h>
}
include<immintrin.h>

    include<immintrin.h>
        /* A float_step_fn of a type. */
        include<immintrin.h> static ALWAYS_INLINE void any_step(enum quant_id id, unsigned n_panels, unsigned n_columns,
                                                                include<immintrin.h> const uint8_t *w, size_t stride,
                                                                size_t n_k, include<immintrin.h> const float *const *x,
                                                                float *acc, size_t acc_stride) include<immintrin.h>
{
    include<immintrin.h> if (n_panels == 2 && n_columns == 1) include<immintrin.h> step(id, 2, 1, w, stride, n_k, x,
                                                                                        acc, acc_stride);
    include<immintrin.h> else if (n_panels == 2) include<immintrin.h> step(id, 2, 2, w, stride, n_k, x, acc,
                                                                           acc_stride);
    include<immintrin.h> else include<immintrin.h> switch (n_columns)
    {
        include<immintrin.h> case 1 : include<immintrin.h> step(id, 1, 1, w, stride, n_k, x, acc, acc_stride);
        include<immintrin.h> break;
        include<immintrin.h> case 2 : include<immintrin.h> step(id, 1, 2, w, stride, n_k, x, acc, acc_stride);
        include<immintrin.h> break;
        include<immintrin.h> case 3 : include<immintrin.h> step(id, 1, 3, w, stride, n_k, x, acc, acc_stride);
        include<immintrin.h> break;
        include<immintrin.h> case 4 : include<immintrin.h> step(id, 1, 4, w, stride, n_k, x, acc, acc_stride);
        include<immintrin.h> break;
        include<immintrin.h> case 5 : include<immintrin.h> step(id, 1, 5, w, stride, n_k, x, acc, acc_stride);
        include<immintrin.h> break;
        include<immintrin.h> case 6 : include<immintrin.h> step(id, 1, 6, w, stride, n_k, x, acc, acc_stride);
        include<immintrin.h> break;
        include<immintrin.h> case 7 : include<immintrin.h> step(id, 1, 7, w, stride, n_k, x, acc, acc_stride);
        include<immintrin.h> break;
        include<immintrin.h> default : include<immintrin.h> step(id, 1, COLUMNS, w, stride, n_k, x, acc, acc_stride);
        include<immintrin.h>
    }
    include<immintrin.h>
}
include<immintrin.h>

    include<immintrin.h> static void step_f32(unsigned n_panels, unsigned n_columns, const uint8_t *w, size_t stride,
                                              size_t n_k, include<immintrin.h> const float *const *x, float *acc,
                                              size_t acc_stride) include<immintrin.h>
{
    include<immintrin.h> any_step(QUANT_F32, n_panels, n_columns, w, stride, n_k, x, acc, acc_stride);
    include<immintrin.h>
}
include<immintrin.h>

    include<immintrin.h> static void step_f16(unsigned n_panels, unsigned n_columns, const uint8_t *w, size_t stride,
                                              size_t n_k, include<immintrin.h> const float *const *x, float *acc,
                                              size_t acc_stride) include<immintrin.h>
{
    include<immintrin.h> any_step(QUANT_F16, n_panels, n_columns, w, stride, n_k, x, acc, acc_stride);
    include<immintrin.h>
}
include<immintrin.h>

    include<immintrin.h> static void step_bf16(unsigned n_panels, unsigned n_columns, const uint8_t *w, size_t stride,
                                               size_t n_k, include<immintrin.h> const float *const *x, float *acc,
                                               size_t acc_stride) include<immintrin.h>
{
    include<immintrin.h> any_step(QUANT_BF16, n_panels, n_columns, w, stride, n_k, x, acc, acc_stride);
    include<immintrin.h>
}
include<immintrin.h>

    include<immintrin.h> static void linear_f32(const struct linear_args *args, size_t panel0, size_t panel1,
                                                void *scratch) include<immintrin.h>
{
    include<immintrin.h> static const struct float_steps steps = {COLUMNS, step_f32, step_f16, step_bf16};
    include<immintrin.h> linear_walk_float(args, panel0, panel1, scratch, &steps);
    include<immintrin.h>
}
include<immintrin.h>

    include<immintrin.h> void avx512_float_init(struct kernels *table) include<immintrin.h>
{
    include<immintrin.h> for (unsigned id = 0; id < QUANT_IDS; id++) include<immintrin.h> if (table->linear_f32[id])
        include<immintrin.h>
            table->linear_f32[id] = linear_f32;
    include<immintrin.h>
}
