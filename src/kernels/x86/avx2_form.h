/* SPDX-License-Identifier: Apache-2.0
 *
 * The panel blocks of the quantized formats (panel_q32.c, panel_kquants.c) as AVX2 registers: 8 rows at a time, a
 * register of integers holding 4 elements along k of each. All functions are made for constant forms and inlined.
 */
#ifndef HOB_KERNELS_X86_AVX2_FORM_H
#define HOB_KERNELS_X86_AVX2_FORM_H

#include <immintrin.h>

#include "kernels/panel_words.h"

#define SIXTEEN 32768 /* makes a sum of 16 bits unsigned: larger ones then have bits above the sixteenth */

#define ALWAYS_INLINE __attribute__((always_inline)) inline

/* How a format's panel block is made. */
struct form {
    unsigned bits; /* 4, 5, 6: unsigned integers; 8: signed */
    int offset;    /* what makes the unsigned integers weights */
    bool has_min;
    unsigned groups;      /* of 32 elements in a block: 1, or 8 in K-quants */
    unsigned head_bytes;  /* before the lines of the first group */
    unsigned group_bytes; /* lines of a group */
    bool unpacked;        /* not a panel block, but a struct unpacked_group made of one of its groups */
    bool two_sums;        /* each 16 elements have a sum with an offset of its own, SIXTEEN more, not only a scale */
};

/* A group with its integers as bytes and its scales as factors. */
struct unpacked_group {
    uint8_t integers[8][PANEL_ROWS][4]; /* of each granule */
    float scale[PANEL_ROWS];
    union {
        float minimum[PANEL_ROWS];
        int16_t pair_scale[2][PANEL_ROWS][2]; /* the integer scales of both 16, each twice */
    };
};

static const struct form form_q4_0 = {4, -8, false, 1, 32, 256};
static const struct form form_q4_1 = {4, 0, true, 1, 64, 256};
static const struct form form_q5_0 = {5, -16, false, 1, 32, 320};
static const struct form form_q5_1 = {5, 0, true, 1, 64, 320};
static const struct form form_q8_0 = {8, 0, false, 1, 32, 512};
static const struct form form_q4_k = {4, 0, true, 8, 256, 256};
static const struct form form_q5_k = {5, 0, true, 8, 256, 320};
static const struct form form_q6_k = {6, -32, false, 8, 288, 384};

/* The form of unpacked groups. */
static ALWAYS_INLINE struct form form_unpacked(struct form form)
{
    return (struct form){.bits = form.bits,
                         .offset = form.offset,
                         .has_min = form.has_min,
                         .groups = 1,
                         .group_bytes = sizeof(struct unpacked_group),
                         .unpacked = true,
                         .two_sums = form.two_sums};
}

/* Bytes of a panel block. */
static ALWAYS_INLINE size_t form_block_bytes(struct form form)
{
    return form.head_bytes + (size_t)form.groups * form.group_bytes;
}

/* 32 bytes, aligned or not. */
static ALWAYS_INLINE __m256i load_bytes(const void *p)
{
    return _mm256_loadu_si256(p);
}

/* A lone column is read once a panel, and meanwhile the weights of the panel have taken its place in the first level.
 * Half and twice as far ahead help less. */
static ALWAYS_INLINE void prefetch_column(const int8_t *q)
{
    _mm_prefetch((const char *)q + 128, _MM_HINT_T0);
}

/* Eight float16 as float32. */
static ALWAYS_INLINE __m256 load_halves(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}

/* Six-bit scales and minimums of a block, for each group and row. */
struct subscales {
    uint8_t scale[8][PANEL_ROWS], min[8][PANEL_ROWS];
};

/* Unpacks the scales of a block that has packed ones (Q4_K, Q5_K). */
static ALWAYS_INLINE void form_subscales(struct form form, const uint8_t *block, struct subscales *out)
{
    if (form.groups == 1 || !form.has_min)
        return;
    const __m256i six = _mm256_set1_epi8(63), four = _mm256_set1_epi8(15), two = _mm256_set1_epi8(48);
    for (unsigned i = 0; i < 4; i += 2) { /* bytes i, i + 1 of each four of the 12 */
        const uint8_t *packed = block + 64 + (size_t)i * PANEL_ROWS;
        __m256i a = load_bytes(packed), b = load_bytes(packed + 64), c = load_bytes(packed + 128);
        _mm256_storeu_si256((__m256i *)out->scale[i], _mm256_and_si256(a, six));
        _mm256_storeu_si256((__m256i *)out->min[i], _mm256_and_si256(b, six));
        _mm256_storeu_si256((__m256i *)out->scale[4 + i],
                            _mm256_or_si256(_mm256_and_si256(c, four), _mm256_and_si256(_mm256_srli_epi16(a, 2), two)));
        _mm256_storeu_si256((__m256i *)out->min[4 + i],
                            _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(c, 4), four),
                                            _mm256_and_si256(_mm256_srli_epi16(b, 2), two)));
    }
}

/* Eight unsigned bytes as float32. */
static ALWAYS_INLINE __m256 bytes_to_float(const uint8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}

/* The float scale of group g of a block, for rows row .. row + 7. */
static ALWAYS_INLINE __m256 form_scale(struct form form, const uint8_t *block, const struct subscales *sub, unsigned g,
                                       unsigned row)
{
    if (form.unpacked)
        return _mm256_loadu_ps(((const struct unpacked_group *)block)->scale + row);
    __m256 d = load_halves(block + 2 * row);
    return form.groups == 8 && form.has_min ? _mm256_mul_ps(d, bytes_to_float(&sub->scale[g][row])) : d;
}

/* What is added for each unit of the sum of activations: the minimum, negated where the format subtracts it. */
static ALWAYS_INLINE __m256 form_minimum(struct form form, const uint8_t *block, const struct subscales *sub,
                                         unsigned g, unsigned row)
{
    if (form.unpacked)
        return _mm256_loadu_ps(((const struct unpacked_group *)block)->minimum + row);
    __m256 m = load_halves(block + 32 + 2 * row);
    if (form.groups == 1)
        return m;
    return _mm256_mul_ps(_mm256_xor_ps(m, _mm256_set1_ps(-0.0f)), bytes_to_float(&sub->min[g][row]));
}

/* The 8 integer scales (int8) of 16 elements `half` of group g, for rows row .. row + 7, each twice as int16. */
static ALWAYS_INLINE __m256i form_pair_scale(struct form form, const uint8_t *block, unsigned g, unsigned half,
                                             unsigned row)
{
    if (form.unpacked)
        return load_bytes(((const struct unpacked_group *)block)->pair_scale[half][row]);
    const uint8_t *scales = block + 32 + ((size_t)g * 2 + half) * PANEL_ROWS + row;
    __m128i bytes = _mm_loadl_epi64((const __m128i *)scales);
    return _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(bytes, bytes));
}

/* The integer scales, each once as int32. */
static ALWAYS_INLINE __m256i form_integer_scale(const uint8_t *block, unsigned g, unsigned half, unsigned row)
{
    const uint8_t *scales = block + 32 + ((size_t)g * 2 + half) * PANEL_ROWS + row;
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)scales));
}

/* x shifted up within 16 bits, or down for negative counts. */
static ALWAYS_INLINE __m256i shift16(__m256i x, int by)
{
    return by > 0 ? _mm256_slli_epi16(x, by) : by < 0 ? _mm256_srli_epi16(x, -by) : x;
}

/* The integers of granule i (0..7, elements 4i .. 4i+3) of group g, bytes, for rows row .. row + 7. */
static ALWAYS_INLINE __m256i form_integers(struct form form, const uint8_t *block, unsigned g, unsigned i, unsigned row)
{
    if (form.unpacked)
        return load_bytes(((const struct unpacked_group *)block)->integers[i][row]);
    const uint8_t *lines = block + form.head_bytes + (size_t)g * form.group_bytes + (size_t)row * 4;
    if (form.bits == 8)
        return load_bytes(lines + word_at(i, 0));
    __m256i line = load_bytes(lines + word_at(i % 4, 0));
    __m256i low = _mm256_and_si256(shift16(line, i < 4 ? 0 : -4), _mm256_set1_epi8(15));
    if (form.bits == 4)
        return low;
    __m256i more = load_bytes(lines + word_at(form.bits == 5 ? 4 : 4 + i / 4, 0));
    int up = form.bits == 5 ? 4 - (int)i : 4 - 2 * (int)(i % 4); /* from where the further bits are to 4 and 5 */
    return _mm256_or_si256(low, _mm256_and_si256(shift16(more, up), _mm256_set1_epi8(form.bits == 5 ? 16 : 48)));
}

#endif
