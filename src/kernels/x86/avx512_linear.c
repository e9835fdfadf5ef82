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

#define COLUMNS      8
#define KEEP_GROUPS  16 /* of a tile are unpacked for all columns; with those the first level holds them */
#define KEEP_COLUMNS 9  /* from so many columns on that pays, and the first are more than FEW */
#define FEW          4  /* columns with which memory takes longer than multiplying */

/* As form_q8_0, with 128 added to the integers: the instruction wants unsigned weights. */
static const struct form form_bytes = {8, -128, false, 1, 32, 512};

/* As form_q6_k, with the offset in each of the two sums from the start, and SIXTEEN. */
static const struct form form_six = {6, -32, false, 8, 288, 384, false, true};

static ALWAYS_INLINE __m512i load_line(const void *p)
{
    return _mm512_loadu_si512(p);
}

/* A group that the first columns have unpacked for the others. */
struct kept_group {
    uint8_t integers[8][PANEL_ROWS][4]; /* of each granule */
    float scale[PANEL_ROWS];
    union {
        float minimum[PANEL_ROWS];
        int16_t pair[PANEL_ROWS][2]; /* the integer scales of both 16 */
    };
};

_Static_assert(KEEP_GROUPS <= TILE_GROUPS && sizeof(struct kept_group) <= sizeof(struct unpacked_group),
               "kept groups lie where unpacked ones do");

/* The form of kept groups. */
static ALWAYS_INLINE struct form form_kept(struct form form)
{
    form = form_unpacked(form);
    form.group_bytes = sizeof(struct kept_group);
    return form;
}

static ALWAYS_INLINE const struct kept_group *kept(const uint8_t *block)
{
    return (const struct kept_group *)block;
}

/* The weights of the 8 granules of group g, unsigned bytes. */
static ALWAYS_INLINE void group_integers(struct form form, const uint8_t *block, unsigned g, __m512i w[8])
{
    const uint8_t *lines = block + form.head_bytes + (size_t)g * form.group_bytes;
    if (form.unpacked) {
#pragma GCC unroll 8
        for (unsigned i = 0; i < 8; i++)
            w[i] = load_line(kept(block)->integers[i]);
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
        w[i] = _mm512_or_si512(w[i], _mm512_and_si512(more, high));
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
        return _mm512_loadu_ps(kept(block)->scale);
    __m512 d = load_16_halves(block);
    return form.groups == 8 && form.has_min ? _mm512_mul_ps(d, load_16_bytes(sub->scale[g])) : d;
}

static ALWAYS_INLINE __m512 group_minimum(struct form form, const uint8_t *block, const struct subscales *sub,
                                          unsigned g)
{
    if (form.unpacked)
        return _mm512_loadu_ps(kept(block)->minimum);
    __m512 m = load_16_halves(block + 32);
    if (form.groups == 1)
        return m;
    return _mm512_mul_ps(_mm512_xor_ps(m, _mm512_set1_ps(-0.0f)), load_16_bytes(sub->min[g]));
}

/* The integer scales of 16 elements `half` of group g. */
static ALWAYS_INLINE __m512i group_half_scale(struct form form, const uint8_t *block, unsigned g, unsigned half)
{
    if (form.unpacked)
        return _mm512_srai_epi32(_mm512_slli_epi32(load_line(kept(block)->pair), half ? 0 : 16), 16);
    const uint8_t *scales = block + 32 + ((size_t)g * 2 + half) * PANEL_ROWS;
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)scales));
}

/* Those of both, as neighbours of 16 bits. */
static ALWAYS_INLINE __m512i group_pair(struct form form, const uint8_t *block, unsigned g)
{
    if (form.unpacked)
        return load_line(kept(block)->pair);
    __m512i first = group_half_scale(form, block, g, 0), second = group_half_scale(form, block, g, 1);
    return _mm512_mask_blend_epi16(0xaaaaaaaa, first, _mm512_slli_epi32(second, 16));
}

static ALWAYS_INLINE __m512i granule(const int8_t *q)
{
    int32_t word;
    memcpy(&word, q, sizeof word);
    return _mm512_set1_epi32(word);
}

/* sum + the products with a granule of a column. Compilers that know the instruction only as a function load the
 * granule by another one. They also change the order, in which no sum waits for itself, unless it is `ordered`: for
 * many columns, with which multiplying is what takes time; with few, to read, which is faster in the order they choose.
 */
static ALWAYS_INLINE __m512i dot(__m512i sum, __m512i w, const int8_t *q, bool ordered)
{
    if (ordered)
        __asm__ volatile("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(w), "m"(*(const int8_t(*)[4])q));
    else
        __asm__("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(w), "m"(*(const int8_t(*)[4])q));
    return sum;
}

/* A group of a panel in registers. */
struct group {
    __m512i w[8];          /* the integers of each granule */
    __m512 scale, minimum; /* as the form has them */
    __m512i pair, half[2]; /* integer scales, together for sums of 16 bits, or one by one */
};

static ALWAYS_INLINE struct group group_load(struct form form, bool sixteen, const uint8_t *block,
                                             const struct subscales *sub, unsigned g)
{
    struct group group;
    group_integers(form, block, g, group.w);
    group.scale = group_scale(form, block, sub, g);
    if (form.has_min)
        group.minimum = group_minimum(form, block, sub, g);
    if (form.two_sums && sixteen)
        group.pair = group_pair(form, block, g);
    if (form.two_sums && !sixteen)
        for (unsigned half = 0; half < 2; half++)
            group.half[half] = group_half_scale(form, block, g, half);
    return group;
}

/* The sums of both 16 elements, each too large by SIXTEEN, times their scales. */
static ALWAYS_INLINE __m512i scaled(const __m512i scale[2], __m512i first, __m512i second)
{
    const __m512i sixteen = _mm512_set1_epi32(SIXTEEN);
    first = _mm512_mullo_epi32(_mm512_sub_epi32(first, sixteen), scale[0]);
    return _mm512_add_epi32(first, _mm512_mullo_epi32(_mm512_sub_epi32(second, sixteen), scale[1]));
}

/* The same of sums of 16 bits, with one multiplication. */
static ALWAYS_INLINE __m512i scaled_short(__m512i pair, __m512i first, __m512i second)
{
    __m512i both = _mm512_or_si512(first, _mm512_slli_epi32(second, 16));
    __asm__("" : "+v"(both)); /* or all three become one instruction, which takes turns with the dots */
    return _mm512_dpwssd_epi32(_mm512_setzero_si512(), _mm512_xor_si512(both, _mm512_set1_epi16((short)SIXTEEN)), pair);
}

/* acc[c0 .. c1 - 1] += the products of a group, whose integers are at q[c] + 32 * at and which is group column_at of
 * the columns. Each column has two sums and columns are the inner loop: so the processor sees many sums that do not
 * wait for each other. With `seen`, sums with scales are taken for sums of 16 bits, and their bits are added to it. */
static ALWAYS_INLINE void group_columns(struct form form, unsigned c0, unsigned c1, const struct group *group,
                                        const int8_t *const *q, size_t at, const struct column *columns,
                                        size_t column_at, __m512 acc[COLUMNS], __m512i *seen)
{
    __m512i first[COLUMNS], second[COLUMNS];
    const bool ordered = c1 - c0 > 2;
#pragma GCC unroll 8
    for (unsigned c = c0; c < c1; c++) {
        first[c] = form.offset ? _mm512_set1_epi32(columns[c].offset[0][column_at]) : _mm512_setzero_si512();
        second[c] = form.two_sums ? _mm512_set1_epi32(columns[c].offset[1][column_at]) : _mm512_setzero_si512();
    }
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++)
#pragma GCC unroll 8
        for (unsigned c = c0; c < c1; c++) {
            first[c] = dot(first[c], group->w[i], q[c] + at * 32 + (size_t)4 * i, ordered);
            second[c] = dot(second[c], group->w[i + 4], q[c] + at * 32 + 16 + (size_t)4 * i, ordered);
        }
#pragma GCC unroll 8
    for (unsigned c = c0; c < c1; c++) {
        __m512i isum;
        if (!form.two_sums) {
            isum = _mm512_add_epi32(first[c], second[c]);
        } else if (!seen) {
            isum = scaled(group->half, first[c], second[c]);
        } else {
            *seen = _mm512_ternarylogic_epi32(*seen, first[c], second[c], 0xfe); /* seen | first | second */
            isum = scaled_short(group->pair, first[c], second[c]);
        }
        __m512 sa = _mm512_mul_ps(group->scale, _mm512_set1_ps(columns[c].a[column_at]));
        acc[c] = _mm512_fmadd_ps(sa, _mm512_cvtepi32_ps(isum), acc[c]);
        if (form.has_min)
            acc[c] = _mm512_fmadd_ps(group->minimum, _mm512_set1_ps(columns[c].sum[column_at]), acc[c]);
    }
}

static ALWAYS_INLINE void group_keep(struct form form, const struct group *group, struct kept_group *out)
{
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i++)
        _mm512_storeu_si512(out->integers[i], group->w[i]);
    _mm512_storeu_ps(out->scale, group->scale);
    if (form.has_min)
        _mm512_storeu_ps(out->minimum, group->minimum);
    if (form.two_sums)
        _mm512_storeu_si512(out->pair, group->pair);
}

/* The same for all columns and a whole tile, whose groups are kept if there is a place for them. False if sums were
 * taken to be of 16 bits and were not. */
static ALWAYS_INLINE bool tile_sums(struct form form, unsigned n_columns, bool sixteen, const uint8_t *w,
                                    unsigned first, unsigned n_groups, const int8_t *const *q,
                                    const struct column *columns, float *sums, struct kept_group *keep)
{
    const unsigned part = n_columns > 4 ? (n_columns + 1) / 2 : n_columns; /* what ends a part, the next one hides */
    __m512i seen = _mm512_setzero_si512();
    __m512 acc[COLUMNS];
#pragma GCC unroll 8
    for (unsigned c = 0; c < n_columns; c++)
        acc[c] = _mm512_loadu_ps(sums + c * PANEL_ROWS);
    for (unsigned at = 0; at < n_groups; w += form_block_bytes(form)) {
        struct subscales sub;
        form_subscales(form, w, &sub);
        for (unsigned g = 0; g < form.groups; g++, at++) {
            if (n_columns == 1)
                prefetch_column(q[0] + (size_t)at * 32);
            struct group group = group_load(form, sixteen, w, &sub, g);
            if (keep)
                group_keep(form, &group, &keep[at]);
            group_columns(form, 0, part, &group, q, at, columns, first + at, acc, sixteen ? &seen : NULL);
            group_columns(form, part, n_columns, &group, q, at, columns, first + at, acc, sixteen ? &seen : NULL);
        }
    }
    if (_mm512_test_epi32_mask(seen, _mm512_set1_epi32(-2 * SIXTEEN)))
        return false;
#pragma GCC unroll 8
    for (unsigned c = 0; c < n_columns; c++)
        _mm512_storeu_ps(sums + c * PANEL_ROWS, acc[c]);
    return true;
}

/* A tile. Sums with scales fit 16 bits but for made-up weights: so they are taken to, and where some do not, the tile
 * is done again. */
static ALWAYS_INLINE void tile_columns(struct form form, unsigned n_columns, const uint8_t *w, unsigned first,
                                       unsigned n_groups, const int8_t *const *q, const struct column *columns,
                                       float *sums, struct kept_group *keep)
{
    bool sixteen = form.two_sums && n_columns > FEW;
    if (!tile_sums(form, n_columns, sixteen, w, first, n_groups, q, columns, sums, keep))
        tile_sums(form, n_columns, false, w, first, n_groups, q, columns, sums, NULL);
}

/* A tile of bytes for one column. Half a line is loaded at a time: with whole ones, the loads in flight outrun what the
 * processor prefetches, and memory is read a sixth slower. */
static void bytes_column(const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *q,
                         const struct column *column, float *sums)
{
    const __m256i flip = _mm256_set1_epi8((char)0x80);
    __m256 acc[2] = {_mm256_loadu_ps(sums), _mm256_loadu_ps(sums + 8)};
    for (unsigned g = 0; g < n_groups; g++, w += form_block_bytes(form_bytes), q += 32) {
        prefetch_column(q);
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
    }
    _mm256_storeu_ps(sums, acc[0]);
    _mm256_storeu_ps(sums + 8, acc[1]);
}

/* tile_fn of a form, or keep_fn. */
static ALWAYS_INLINE void tile(struct form form, unsigned n_columns, const uint8_t *w, unsigned first,
                               unsigned n_groups, const int8_t *const *q, const struct column *columns, float *acc,
                               struct kept_group *keep)
{
    switch (n_columns) {
    case 1:
        tile_columns(form, 1, w, first, n_groups, q, columns, acc, keep);
        break;
    case 2:
        tile_columns(form, 2, w, first, n_groups, q, columns, acc, keep);
        break;
    case 3:
        tile_columns(form, 3, w, first, n_groups, q, columns, acc, keep);
        break;
    case 4:
        tile_columns(form, 4, w, first, n_groups, q, columns, acc, keep);
        break;
    case 5:
        tile_columns(form, 5, w, first, n_groups, q, columns, acc, keep);
        break;
    case 6:
        tile_columns(form, 6, w, first, n_groups, q, columns, acc, keep);
        break;
    case 7:
        tile_columns(form, 7, w, first, n_groups, q, columns, acc, keep);
        break;
    default:
        tile_columns(form, 8, w, first, n_groups, q, columns, acc, keep);
    }
}

static void q4_0(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q4_0, n_columns, w, first, n_groups, q, columns, acc, NULL);
}

static void q4_1(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q4_1, n_columns, w, first, n_groups, q, columns, acc, NULL);
}

static void q5_0(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q5_0, n_columns, w, first, n_groups, q, columns, acc, NULL);
}

static void q5_1(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q5_1, n_columns, w, first, n_groups, q, columns, acc, NULL);
}

static void q8_0(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    if (n_columns == 1)
        bytes_column(w, first, n_groups, q[0], columns, acc);
    else
        tile(form_bytes, n_columns, w, first, n_groups, q, columns, acc, NULL);
}

static void q4_k(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q4_k, n_columns, w, first, n_groups, q, columns, acc, NULL);
}

static void q5_k(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_q5_k, n_columns, w, first, n_groups, q, columns, acc, NULL);
}

static void q6_k(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                 const struct column *columns, float *acc)
{
    tile(form_six, n_columns, w, first, n_groups, q, columns, acc, NULL);
}

static void q5_0_keep(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                      const struct column *columns, float *acc, void *kept)
{
    tile(form_q5_0, n_columns, w, first, n_groups, q, columns, acc, kept);
}

static void q5_1_keep(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                      const struct column *columns, float *acc, void *kept)
{
    tile(form_q5_1, n_columns, w, first, n_groups, q, columns, acc, kept);
}

static void q4_k_keep(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                      const struct column *columns, float *acc, void *kept)
{
    tile(form_q4_k, n_columns, w, first, n_groups, q, columns, acc, kept);
}

static void q5_k_keep(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                      const struct column *columns, float *acc, void *kept)
{
    tile(form_q5_k, n_columns, w, first, n_groups, q, columns, acc, kept);
}

static void q6_k_keep(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                      const struct column *columns, float *acc, void *kept)
{
    tile(form_six, n_columns, w, first, n_groups, q, columns, acc, kept);
}

static void kept_offset(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                        const struct column *columns, float *acc)
{
    tile(form_kept(form_q5_0), n_columns, w, first, n_groups, q, columns, acc, NULL);
}

static void kept_minimum(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups,
                         const int8_t *const *q, const struct column *columns, float *acc)
{
    tile(form_kept(form_q5_1), n_columns, w, first, n_groups, q, columns, acc, NULL);
}

static void kept_six(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                     const struct column *columns, float *acc)
{
    tile(form_kept(form_six), n_columns, w, first, n_groups, q, columns, acc, NULL);
}

static const struct q8_format formats[QUANT_IDS] = {
    [QUANT_Q4_0] = {.form = &form_q4_0, .columns = COLUMNS, .from_panel = q4_0},
    [QUANT_Q4_1] = {.form = &form_q4_1, .columns = COLUMNS, .from_panel = q4_1},
    [QUANT_Q5_0] = {&form_q5_0, COLUMNS, q5_0, kept_offset, NULL, q5_0_keep, KEEP_GROUPS, KEEP_COLUMNS},
    [QUANT_Q5_1] = {&form_q5_1, COLUMNS, q5_1, kept_minimum, NULL, q5_1_keep, KEEP_GROUPS, KEEP_COLUMNS},
    [QUANT_Q8_0] = {.form = &form_bytes, .columns = COLUMNS, .from_panel = q8_0},
    [QUANT_Q4_K] = {&form_q4_k, COLUMNS, q4_k, kept_minimum, NULL, q4_k_keep, KEEP_GROUPS, KEEP_COLUMNS},
    [QUANT_Q5_K] = {&form_q5_k, COLUMNS, q5_k, kept_minimum, NULL, q5_k_keep, KEEP_GROUPS, KEEP_COLUMNS},
    [QUANT_Q6_K] = {&form_six, COLUMNS, q6_k, kept_six, NULL, q6_k_keep, KEEP_GROUPS, KEEP_COLUMNS},
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
