/* SPDX-License-Identifier: Apache-2.0
 *
 * q8 linear kernels for few columns: weights go from the panel to registers and are used at once for all columns. One
 * template, inlined for every format and number of columns.
 */
#include "kernels/x86/avx2_dot.h"
#include "kernels/x86/avx2_linear.h"

#define AHEAD 1536 /* bytes from a block to what is prefetched with it */

/* One group of n_halves * 8 rows from `row` on; see tile_fn for the rest. */
static ALWAYS_INLINE void group_step(struct form form, unsigned n_columns, unsigned n_halves, unsigned row,
                                     const uint8_t *block, const struct subscales *sub, unsigned g, size_t at,
                                     const int8_t *const *q, const struct column *columns, __m256 acc[2][PANEL_COLUMNS])
{
    for (unsigned h = 0; h < n_halves; h++) {
        unsigned first = row + 8 * h;
        __m256i sum[PANEL_COLUMNS];
        __m256i offset_scale = _mm256_setzero_si256();
        for (unsigned half = 0; half < 2; half++) {
            __m256i w[4], scale = _mm256_set1_epi16(1);
            if (form.bits == 6) {
                scale = form_pair_scale(block, g, half, first);
                offset_scale = half ? _mm256_blend_epi16(offset_scale, scale, 0xaa) : scale;
            }
            form_integers(form, block, g, half, first, w);
            for (unsigned c = 0; c < n_columns; c++) {
                __m256i part = part_dot(form.bits, w, q[c] + at * 32 + half * 16, scale);
                sum[c] = half ? part_add(form.bits, sum[c], part) : part;
            }
        }
        if (form.bits == 6)
            offset_scale = _mm256_mullo_epi16(offset_scale, _mm256_set1_epi16((short)form.offset));
        __m256 s = form_scale(form, block, sub, g, first), m = _mm256_setzero_ps();
        if (form.has_min)
            m = form_minimum(form, block, sub, g, first);
        for (unsigned c = 0; c < n_columns; c++) {
            __m256i isum = part_end(form.bits, sum[c]);
            if (form.bits == 6)
                isum =
                    _mm256_add_epi32(isum, _mm256_madd_epi16(offset_scale, _mm256_set1_epi32(columns[c].halves[at])));
            else if (form.offset)
                isum = _mm256_add_epi32(isum, _mm256_set1_epi32(columns[c].offset[at]));
            __m256 sa = _mm256_mul_ps(s, _mm256_set1_ps(columns[c].a[at]));
            acc[h][c] = _mm256_fmadd_ps(sa, _mm256_cvtepi32_ps(isum), acc[h][c]);
            if (form.has_min)
                acc[h][c] = _mm256_fmadd_ps(m, _mm256_set1_ps(columns[c].sum[at]), acc[h][c]);
        }
    }
}

/* A tile for n_halves * 8 rows from `row` on. */
static ALWAYS_INLINE void rows(struct form form, unsigned n_columns, unsigned n_halves, unsigned row, const uint8_t *w,
                               unsigned n_groups, const int8_t *const *q, const struct column *columns, float *sums)
{
    __m256 acc[2][PANEL_COLUMNS];
    for (unsigned h = 0; h < n_halves; h++)
        for (unsigned c = 0; c < n_columns; c++)
            acc[h][c] = _mm256_loadu_ps(sums + c * PANEL_ROWS + row + 8 * h);
    for (unsigned at = 0; at < n_groups; w += form_block_bytes(form)) {
        struct subscales sub;
        form_subscales(form, w, &sub);
        for (unsigned g = 0; g < form.groups; g++, at++) {
            for (unsigned i = 0; i < form.group_bytes + form.head_bytes / form.groups; i += 64)
                _mm_prefetch(w + form.head_bytes + g * form.group_bytes + i + AHEAD, _MM_HINT_T0);
            group_step(form, n_columns, n_halves, row, w, &sub, g, at, q, columns, acc);
        }
    }
    for (unsigned h = 0; h < n_halves; h++)
        for (unsigned c = 0; c < n_columns; c++)
            _mm256_storeu_ps(sums + c * PANEL_ROWS + row + 8 * h, acc[h][c]);
}

/* tile_fn of a form. One column keeps all 16 rows in registers, more columns 8 rows at a time. */
static ALWAYS_INLINE void tile(struct form form, unsigned n_columns, const uint8_t *w, unsigned n_groups,
                               const int8_t *const *q, const struct column *columns, float *acc)
{
    switch (n_columns) {
    case 1:
        rows(form, 1, 2, 0, w, n_groups, q, columns, acc);
        return;
    case 2:
        rows(form, 2, 1, 0, w, n_groups, q, columns, acc);
        rows(form, 2, 1, 8, w, n_groups, q, columns, acc);
        return;
    case 3:
        rows(form, 3, 1, 0, w, n_groups, q, columns, acc);
        rows(form, 3, 1, 8, w, n_groups, q, columns, acc);
        return;
    default:
        rows(form, 4, 1, 0, w, n_groups, q, columns, acc);
        rows(form, 4, 1, 8, w, n_groups, q, columns, acc);
    }
}

static void q4_0(unsigned n_columns, const uint8_t *w, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q4_0, n_columns, w, n_groups, q, columns, acc);
}

static void q4_1(unsigned n_columns, const uint8_t *w, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q4_1, n_columns, w, n_groups, q, columns, acc);
}

static void q5_0(unsigned n_columns, const uint8_t *w, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q5_0, n_columns, w, n_groups, q, columns, acc);
}

static void q5_1(unsigned n_columns, const uint8_t *w, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q5_1, n_columns, w, n_groups, q, columns, acc);
}

static void q8_0(unsigned n_columns, const uint8_t *w, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q8_0, n_columns, w, n_groups, q, columns, acc);
}

static void q4_k(unsigned n_columns, const uint8_t *w, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q4_k, n_columns, w, n_groups, q, columns, acc);
}

static void q5_k(unsigned n_columns, const uint8_t *w, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q5_k, n_columns, w, n_groups, q, columns, acc);
}

static void q6_k(unsigned n_columns, const uint8_t *w, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q6_k, n_columns, w, n_groups, q, columns, acc);
}

const struct q8_format avx2_q8_formats[QUANT_IDS] = {
    [QUANT_Q4_0] = {&form_q4_0, q4_0}, [QUANT_Q4_1] = {&form_q4_1, q4_1}, [QUANT_Q5_0] = {&form_q5_0, q5_0},
    [QUANT_Q5_1] = {&form_q5_1, q5_1}, [QUANT_Q8_0] = {&form_q8_0, q8_0}, [QUANT_Q4_K] = {&form_q4_k, q4_k},
    [QUANT_Q5_K] = {&form_q5_k, q5_k}, [QUANT_Q6_K] = {&form_q6_k, q6_k},
};
