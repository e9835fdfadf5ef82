/* SPDX-License-Identifier: Apache-2.0
 *
 * AVX-512 linear kernels with VNNI: a tile of a panel with q8 activations, and the table. One register is a line of a
 * panel, 16 rows by 4 elements along k, and one instruction adds its products with 4 activations, broadcast from
 * memory, to 16 exact int32 sums. One template, inlined for every format and number of columns.
 */
#include <immintrin.h>

#include "kernels/tables.h"
#include "kernels/x86/avx2_linear.h"
#include "kernels/x86/avx512_linear.h"
#include "kernels/x86/linear_walk.h"

#define COLUMNS        8
#define UNPACK_COLUMNS 17 /* from so many columns on unpacking pays */

/* As form_q8_0, with 128 added to the integers: the instruction wants unsigned weights. */
static const struct form form_bytes = {8, -128, false, 1, 32, 512};

/* As form_q6_k, with the offset in each of the two sums from the start. */
static const struct form form_six = {6, -32, false, 8, 288, 384, false, true};

static ALWAYS_INLINE __m512i load_line(const void *p)
{
    return _mm512_loadu_si512(p);
}

static ALWAYS_INLINE const struct unpacked_group *unpacked(const uint8_t *block)
{
    return (const struct unpacked_group *)block;
}

/* The weights of the 8 granules of group g, unsigned bytes. */
static ALWAYS_INLINE void group_integers(struct form form, const uint8_t *block, unsigned g, __m512i w[8])
{
    const uint8_t *lines = block + form.head_bytes + (size_t)g * form.group_bytes;
    if (form.unpacked) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < 8; i++)
            w[i] = load_line(unpacked(block)->integers[i]);
        return;
    }
    if (form.bits == 8) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < 8; i++)
            w[i] = _mm512_xor_si512(load_line(lines + word_at(i, 0)), _mm512_set1_epi8((char)0x80));
        return;
    }
    const __m512i low = _mm512_set1_epi8(15), high = _mm512_set1_epi8(form.bits == 5 ? 16 : 48);
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++) {
        __m512i line = load_line(lines + word_at(i, 0));
        w[i] = _mm512_and_si512(line, low);
        w[i + 4] = _mm512_and_si512(_mm512_srli_epi16(line, 4), low);
    }
    if (form.bits == 4)
        return;
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i++) {
        __m512i more = load_line(lines + word_at(form.bits == 5 ? 4 : 4 + i / 4, 0));
        int up = form.bits == 5 ? 4 - (int)i : 4 - 2 * (int)(i % 4); /* from where the further bits are to 4 and 5 */
        more = up >= 0 ? _mm512_slli_epi16(more, (unsigned)up) : _mm512_srli_epi16(more, (unsigned)-up);
        w[i] = _mm512_ternarylogic_epi32(w[i], more, high, 0xf8); /* w | (more & high) */
    }
}

static ALWAYS_INLINE __m512 load_16_halves(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

static ALWAYS_INLINE __m512 load_16_bytes(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
}

/* form_scale() and form_minimum() of 16 rows. */
static ALWAYS_INLINE __m512 group_scale(struct form form, const uint8_t *block, const struct subscales *sub, unsigned g)
{
    if (form.unpacked)
        return _mm512_loadu_ps(unpacked(block)->scale);
    __m512 d = load_16_halves(block);
    return form.groups == 8 && form.has_min ? _mm512_mul_ps(d, load_16_bytes(sub->scale[g])) : d;
}

static ALWAYS_INLINE __m512 group_minimum(struct form form, const uint8_t *block, const struct subscales *sub,
                                          unsigned g)
{
    if (form.unpacked)
        return _mm512_loadu_ps(unpacked(block)->minimum);
    __m512 m = load_16_halves(block + 32);
    if (form.groups == 1)
        return m;
    return _mm512_mul_ps(_mm512_xor_ps(m, _mm512_set1_ps(-0.0f)), load_16_bytes(sub->min[g]));
}

/* The integer scales of 16 elements `half` of group g. */
static ALWAYS_INLINE __m512i group_integer_scale(struct form form, const uint8_t *block, unsigned g, unsigned half)
{
    if (form.unpacked)
        return _mm512_srai_epi32(load_line(unpacked(block)->pair.scale[half]), 16);
    const uint8_t *scales = block + 32 + ((size_t)g * 2 + half) * PANEL_ROWS;
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)scales));
}

static ALWAYS_INLINE __m512i granule(const int8_t *q)
{
    int32_t word;
    memcpy(&word, q, sizeof word);
    return _mm512_set1_epi32(word);
}

/* sum + the products with a granule of a column. Compilers that know the instruction only as a function load the
 * granule by another one. */
static ALWAYS_INLINE __m512i dot(__m512i sum, __m512i w, const int8_t *q)
{
    __asm__("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(w), "m"(*(const int8_t(*)[4])q));
    return sum;
}

/* isum[c] += the products of granules first .. first + 3 with column c. Columns are the inner loop: so the processor
 * sees many sums that do not wait for each other. */
static ALWAYS_INLINE void dots(unsigned n_columns, const __m512i w[8], const int8_t *const *q, size_t at,
                               unsigned first, __m512i isum[COLUMNS])
{
#pragma GCC unroll 4
    for (unsigned i = first; i < first + 4; i++)
#pragma GCC unroll 8
        for (unsigned c = 0; c < n_columns; c++)
            isum[c] = dot(isum[c], w[i], q[c] + at * 32 + (size_t)4 * i);
}

/* One group, group g of a block, with integers at q[c] + 32 * at and group column_at of the columns. */
static ALWAYS_INLINE void group_step(struct form form, unsigned n_columns, const uint8_t *block,
                                     const struct subscales *sub, unsigned g, const int8_t *const *q, size_t at,
                                     const struct column *columns, size_t column_at, __m512 acc[COLUMNS])
{
    __m512i w[8], isum[COLUMNS], second[COLUMNS];
    group_integers(form, block, g, w);
    __m512 s = group_scale(form, block, sub, g), m;
    if (form.has_min)
        m = group_minimum(form, block, sub, g);
    const bool two = form.two_sums || n_columns <= 2; /* sums a column: as the format wants, or to have more of them */
#pragma GCC unroll 8
    for (unsigned c = 0; c < n_columns; c++) {
        isum[c] = form.offset ? _mm512_set1_epi32(columns[c].offset[0][column_at]) : _mm512_setzero_si512();
        second[c] = form.two_sums ? _mm512_set1_epi32(columns[c].offset[1][column_at]) : _mm512_setzero_si512();
    }
    dots(n_columns, w, q, at, 0, isum);
    dots(n_columns, w, q, at, 4, two ? second : isum);
#pragma GCC unroll 8
    for (unsigned c = 0; c < n_columns; c++) {
        if (form.two_sums) {
            isum[c] = _mm512_mullo_epi32(isum[c], group_integer_scale(form, block, g, 0));
            second[c] = _mm512_mullo_epi32(second[c], group_integer_scale(form, block, g, 1));
        }
        if (two)
            isum[c] = _mm512_add_epi32(isum[c], second[c]);
        __m512 sa = _mm512_mul_ps(s, _mm512_set1_ps(columns[c].a[column_at]));
        acc[c] = _mm512_fmadd_ps(sa, _mm512_cvtepi32_ps(isum[c]), acc[c]);
        if (form.has_min)
            acc[c] = _mm512_fmadd_ps(m, _mm512_set1_ps(columns[c].sum[column_at]), acc[c]);
    }
}

/* The same for a whole tile. */
static ALWAYS_INLINE void tile_columns(struct form form, unsigned n_columns, const uint8_t *w, unsigned first,
                                       unsigned n_groups, const int8_t *const *q, const struct column *columns,
                                       float *sums)
{
    __m512 acc[COLUMNS];
#pragma GCC unroll 8
    for (unsigned c = 0; c < n_columns; c++)
        acc[c] = _mm512_loadu_ps(sums + c * PANEL_ROWS);
    for (unsigned at = 0; at < n_groups; w += form_block_bytes(form)) {
        struct subscales sub;
        form_subscales(form, w, &sub);
        for (unsigned g = 0; g < form.groups; g++, at++) {
            group_step(form, n_columns, w, &sub, g, q, at, columns, first + at, acc);
        }
    }
#pragma GCC unroll 8
    for (unsigned c = 0; c < n_columns; c++)
        _mm512_storeu_ps(sums + c * PANEL_ROWS, acc[c]);
}

/* A tile of bytes for one column. Half a line is loaded at a time: with whole ones, the loads in flight outrun what the
 * processor prefetches, and memory is read a sixth slower. */
static void bytes_column(const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *q,
                         const struct column *column, float *sums)
{
    const __m256i flip = _mm256_set1_epi8((char)0x80);
    __m256 acc[2] = {_mm256_loadu_ps(sums), _mm256_loadu_ps(sums + 8)};
    for (unsigned g = 0; g < n_groups; g++, w += form_block_bytes(form_bytes), q += 32)
#pragma GCC unroll 2
        for (unsigned h = 0; h < 2; h++) {
            __m256i sum[2] = {_mm256_set1_epi32(column->offset[0][first + g]), _mm256_setzero_si256()};
#pragma GCC unroll 8
            for (unsigned i = 0; i < 8; i++) {
                __m256i line = load_bytes(w + form_bytes.head_bytes + word_at(i, 8 * h));
                __m256i x = _mm512_castsi512_si256(granule(q + (size_t)4 * i));
                sum[i % 2] = _mm256_dpbusd_epi32(sum[i % 2], _mm256_xor_si256(line, flip), x);
            }
            __m256 sa = _mm256_mul_ps(load_halves(w + (size_t)16 * h), _mm256_set1_ps(column->a[first + g]));
            acc[h] = _mm256_fmadd_ps(sa, _mm256_cvtepi32_ps(_mm256_add_epi32(sum[0], sum[1])), acc[h]);
        }
    _mm256_storeu_ps(sums, acc[0]);
    _mm256_storeu_ps(sums + 8, acc[1]);
}

/* tile_fn of a form. */
static ALWAYS_INLINE void tile(struct form form, unsigned n_columns, const uint8_t *w, unsigned first,
                               unsigned n_groups, const int8_t *const *q, const struct column *columns, float *acc)
{
    switch (n_columns) {
    case 1:
        tile_columns(form, 1, w, first, n_groups, q, columns, acc);
        break;
    case 2:
        tile_columns(form, 2, w, first, n_groups, q, columns, acc);
        break;
    case 3:
        tile_columns(form, 3, w, first, n_groups, q, columns, acc);
        break;
    case 4:
        tile_columns(form, 4, w, first, n_groups, q, columns, acc);
        break;
    case 5:
        tile_columns(form, 5, w, first, n_groups, q, columns, acc);
        break;
    case 6:
        tile_columns(form, 6, w, first, n_groups, q, columns, acc);
        break;
    case 7:
        tile_columns(form, 7, w, first, n_groups, q, columns, acc);
        break;
    default:
        tile_columns(form, 8, w, first, n_groups, q, columns, acc);
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
    if (n_columns == 1)
        bytes_column(w, first, n_groups, q[0], columns, acc);
    else
        tile(form_bytes, n_columns, w, first, n_groups, q, columns, acc);
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
    tile(form_six, n_columns, w, first, n_groups, q, columns, acc);
}

static void six(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                const struct column *columns, float *acc)
{
    tile(form_unpacked(form_six), n_columns, w, first, n_groups, q, columns, acc);
}

static const struct q8_format formats[QUANT_IDS] = {
    [QUANT_Q4_0] = {&form_q4_0, COLUMNS, q4_0, NULL, NULL, 0, 0},
    [QUANT_Q4_1] = {&form_q4_1, COLUMNS, q4_1, NULL, NULL, 0, 0},
    [QUANT_Q5_0] = {&form_q5_0, COLUMNS, q5_0, NULL, NULL, 0, 0},
    [QUANT_Q5_1] = {&form_q5_1, COLUMNS, q5_1, NULL, NULL, 0, 0},
    [QUANT_Q8_0] = {&form_bytes, COLUMNS, q8_0, NULL, NULL, 0, 0},
    [QUANT_Q4_K] = {&form_q4_k, COLUMNS, q4_k, NULL, NULL, 0, 0},
    [QUANT_Q5_K] = {&form_q5_k, COLUMNS, q5_k, NULL, NULL, 0, 0},
    [QUANT_Q6_K] = {&form_six, COLUMNS, q6_k, six, avx2_unpack_q6_k, TILE_GROUPS, UNPACK_COLUMNS},
};

static void linear_q8(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch)
{
    linear_walk(args, panel0, panel1, scratch, &formats[args->type->id]);
}

void avx512_linear_init(struct kernels *table)
{
    for (unsigned id = 0; id < QUANT_IDS; id++)
        if (formats[id].form)
            table->linear_q8[id] = linear_q8;
    avx512_float_init(table);
}
