/* SPDX-License-Identifier: Apache-2.0
 *
 * AVX2 linear kernels: a tile of a panel with q8 activations, and the table. One template, inlined for every format and
 * number of columns. Weights go from the panel to registers; where that takes long, a tile is first unpacked for many
 * columns.
 */
#include "base/cpu.h"
#include "kernels/tables.h"
#include "kernels/x86/avx2_dot.h"
#include "kernels/x86/avx2_linear.h"

#define UNPACK_COLUMNS 12   /* from so many columns on unpacking pays */
#define AHEAD          1536 /* bytes from a line to what is prefetched with it */
#define AHEAD_IN_ORDER 384  /* the same where prefetching only makes up for the order in which lines are used */

bool avx2_prefetches;

/* One group of 16 rows, group g of a block, with integers 32 * at .. of q and group column_at of the columns. */
static ALWAYS_INLINE void group_step(struct form form, unsigned n_columns, const uint8_t *block,
                                     const struct subscales *sub, unsigned g, const int8_t *const *q, size_t at,
                                     const struct column *columns, size_t column_at, __m256 acc[2][MAX_COLUMNS])
{
    struct dots dots;
    __m256i scale[2];
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i += dots_step(form.bits)) {
        __m256i w[2][2];
#pragma GCC unroll 8
        for (unsigned h = 0; h < 2; h++) {
            if (form.bits == 6 && i % 4 == 3)
                scale[h] = form_pair_scale(form, block, g, i / 4, 8 * h);
#pragma GCC unroll 8
            for (unsigned j = 0; j < dots_step(form.bits); j++)
                w[h][j] = form_integers(form, block, g, i + j, 8 * h);
        }
#pragma GCC unroll 8
        for (unsigned c = 0; c < n_columns; c++)
            dots_add(form.bits, &dots, i, c, w, q[c] + at * 32, &columns[c].lanes[i / 4][column_at], scale);
    }
    __m256 s[2], m[2];
#pragma GCC unroll 8
    for (unsigned h = 0; h < 2; h++) {
        s[h] = form_scale(form, block, sub, g, 8 * h);
        if (form.has_min)
            m[h] = form_minimum(form, block, sub, g, 8 * h);
    }
#pragma GCC unroll 8
    for (unsigned c = 0; c < n_columns; c++)
#pragma GCC unroll 8
        for (unsigned h = 0; h < 2; h++) {
            __m256i isum = dots_end(form.bits, &dots, h, c);
            if (form.offset && form.bits != 6)
                isum = _mm256_add_epi32(isum, _mm256_set1_epi32(columns[c].offset[0][column_at]));
            __m256 sa = _mm256_mul_ps(s[h], _mm256_set1_ps(columns[c].a[column_at]));
            acc[h][c] = _mm256_fmadd_ps(sa, _mm256_cvtepi32_ps(isum), acc[h][c]);
            if (form.has_min)
                acc[h][c] = _mm256_fmadd_ps(m[h], _mm256_set1_ps(columns[c].sum[column_at]), acc[h][c]);
        }
}

/* The same for a whole tile. */
static ALWAYS_INLINE void tile_columns(struct form form, unsigned n_columns, const uint8_t *w, unsigned first,
                                       unsigned n_groups, const int8_t *const *q, const struct column *columns,
                                       float *sums)
{
    /* The line of further bits is used together with each of the others, which confuses the processor's prefetching. */
    const bool in_order = form.bits == 5 || form.bits == 6;
    const size_t ahead = avx2_prefetches ? AHEAD : AHEAD_IN_ORDER;
    __m256 acc[2][MAX_COLUMNS];
#pragma GCC unroll 8
    for (unsigned h = 0; h < 2; h++)
#pragma GCC unroll 8
        for (unsigned c = 0; c < n_columns; c++)
            acc[h][c] = _mm256_loadu_ps(sums + c * PANEL_ROWS + 8 * h);
    for (unsigned at = 0; at < n_groups; w += form_block_bytes(form)) {
        struct subscales sub;
        form_subscales(form, w, &sub);
        for (unsigned g = 0; g < form.groups; g++, at++) {
            if (n_columns == 1)
                prefetch_column(q[0] + (size_t)at * 32);
            if (n_columns == 1 && (avx2_prefetches || in_order))
                for (unsigned i = 0; i < form.group_bytes + form.head_bytes / form.groups; i += 64)
                    _mm_prefetch(w + form.head_bytes + g * form.group_bytes + i + ahead, _MM_HINT_T0);
            group_step(form, n_columns, w, &sub, g, q, at, columns, first + at, acc);
        }
    }
#pragma GCC unroll 8
    for (unsigned h = 0; h < 2; h++)
#pragma GCC unroll 8
        for (unsigned c = 0; c < n_columns; c++)
            _mm256_storeu_ps(sums + c * PANEL_ROWS + 8 * h, acc[h][c]);
}

/* tile_fn of a form. */
static ALWAYS_INLINE void tile(struct form form, unsigned n_columns, const uint8_t *w, unsigned first,
                               unsigned n_groups, const int8_t *const *q, const struct column *columns, float *acc)
{
    if (n_columns == 1)
        tile_columns(form, 1, w, first, n_groups, q, columns, acc);
    else if (n_columns == 2)
        tile_columns(form, 2, w, first, n_groups, q, columns, acc);
    else
        tile_columns(form, 3, w, first, n_groups, q, columns, acc);
}

/* Unpacks n_groups groups from panel blocks. */
static ALWAYS_INLINE void unpack(struct form form, const uint8_t *block, unsigned n_groups, struct unpacked_group *out)
{
    for (unsigned at = 0; at < n_groups; block += form_block_bytes(form)) {
        struct subscales sub;
        form_subscales(form, block, &sub);
        for (unsigned g = 0; g < form.groups; g++, at++, out++)
            for (unsigned row = 0; row < PANEL_ROWS; row += 8) {
#pragma GCC unroll 8
                for (unsigned i = 0; i < 8; i++)
                    _mm256_storeu_si256((__m256i *)out->integers[i][row], form_integers(form, block, g, i, row));
                _mm256_storeu_ps(out->scale + row, form_scale(form, block, &sub, g, row));
                if (form.has_min)
                    _mm256_storeu_ps(out->minimum + row, form_minimum(form, block, &sub, g, row));
                for (unsigned half = 0; form.bits == 6 && half < 2; half++)
                    _mm256_storeu_si256((__m256i *)out->pair_scale[half][row],
                                        form_pair_scale(form, block, g, half, row));
            }
    }
}

static void q4_0(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q4_0, n_columns, w, first, n_groups, q, columns, acc);
}

static void q4_1(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q4_1, n_columns, w, first, n_groups, q, columns, acc);
}

static void q5_0(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q5_0, n_columns, w, first, n_groups, q, columns, acc);
}

static void q5_1(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q5_1, n_columns, w, first, n_groups, q, columns, acc);
}

static void q8_0(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q8_0, n_columns, w, first, n_groups, q, columns, acc);
}

static void q4_k(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q4_k, n_columns, w, first, n_groups, q, columns, acc);
}

static void q5_k(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q5_k, n_columns, w, first, n_groups, q, columns, acc);
}

static void q6_k(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q6_k, n_columns, w, first, n_groups, q, columns, acc);
}

static void unpack_q5_0(const uint8_t *w, unsigned n_groups, void *tile)
{
    unpack(form_q5_0, w, n_groups, tile);
}

static void unpack_q5_1(const uint8_t *w, unsigned n_groups, void *tile)
{
    unpack(form_q5_1, w, n_groups, tile);
}

static void unpack_q4_k(const uint8_t *w, unsigned n_groups, void *tile)
{
    unpack(form_q4_k, w, n_groups, tile);
}

static void unpack_q5_k(const uint8_t *w, unsigned n_groups, void *tile)
{
    unpack(form_q5_k, w, n_groups, tile);
}

static void unpack_q6_k(const uint8_t *w, unsigned n_groups, void *tile)
{
    unpack(form_q6_k, w, n_groups, tile);
}

static void four_minimum(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups,
                         const int8_t *const *q, const struct column *columns, float *acc)
{
    tile(form_unpacked(form_q4_k), n_columns, w, first, n_groups, q, columns, acc);
}

static void five_offset(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                        const struct column *columns, float *acc)
{
    tile(form_unpacked(form_q5_0), n_columns, w, first, n_groups, q, columns, acc);
}

static void five_minimum(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups,
                         const int8_t *const *q, const struct column *columns, float *acc)
{
    tile(form_unpacked(form_q5_1), n_columns, w, first, n_groups, q, columns, acc);
}

static void six(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                const struct column *columns, float *acc)
{
    tile(form_unpacked(form_q6_k), n_columns, w, first, n_groups, q, columns, acc);
}

static const struct q8_format formats[QUANT_IDS] = {
    [QUANT_Q4_0] = {.form = &form_q4_0, .columns = MAX_COLUMNS, .from_panel = q4_0},
    [QUANT_Q4_1] = {.form = &form_q4_1, .columns = MAX_COLUMNS, .from_panel = q4_1},
    [QUANT_Q5_0] = {&form_q5_0, MAX_COLUMNS, q5_0, five_offset, unpack_q5_0, NULL, TILE_GROUPS, UNPACK_COLUMNS},
    [QUANT_Q5_1] = {&form_q5_1, MAX_COLUMNS, q5_1, five_minimum, unpack_q5_1, NULL, TILE_GROUPS, UNPACK_COLUMNS},
    [QUANT_Q8_0] = {&form_q8_0, MAX_COLUMNS, q8_0, NULL, avx2_bytes_unpack, NULL, BYTES_TILE_GROUPS, UNPACK_COLUMNS,
                    avx2_bytes_widen, avx2_bytes_wide},
    [QUANT_Q4_K] = {&form_q4_k, MAX_COLUMNS, q4_k, four_minimum, unpack_q4_k, NULL, TILE_GROUPS, UNPACK_COLUMNS},
    [QUANT_Q5_K] = {&form_q5_k, MAX_COLUMNS, q5_k, five_minimum, unpack_q5_k, NULL, TILE_GROUPS, UNPACK_COLUMNS},
    [QUANT_Q6_K] = {&form_q6_k, MAX_COLUMNS, q6_k, six, unpack_q6_k, NULL, TILE_GROUPS, UNPACK_COLUMNS},
};

static void linear_q8(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch)
{
    linear_walk(args, panel0, panel1, scratch, &formats[args->type->id]);
}

void avx2_linear_init(struct kernels *table)
{
    avx2_prefetches = !cpu_features()->avx512;
    for (unsigned id = 0; id < QUANT_IDS; id++)
        if (formats[id].form)
            table->linear_q8[id] = linear_q8;
    avx2_float_init(table);
}
