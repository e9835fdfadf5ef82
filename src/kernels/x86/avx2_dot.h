/* SPDX-License-Identifier: Apache-2.0
 *
 * Integer dots of 16 rows of weights with 8-bit activations, a group of 32 elements at a time. All functions are made
 * for constant arguments and inlined.
 */
#ifndef HOB_KERNELS_X86_AVX2_DOT_H
#define HOB_KERNELS_X86_AVX2_DOT_H

#include "kernels/x86/avx2_form.h"

#define MAX_COLUMNS 3 /* the sums of a group and the results of 16 rows and 3 columns are 12 of 16 registers */

/* Dots of a group so far. */
struct dots {
    __m256i pairs[2][MAX_COLUMNS]; /* int16, each of two neighbours along k */
    __m256i sum[2][MAX_COLUMNS];   /* int32 */
};

/* x, in a way that the compiler cannot see through: or it would gather the additions of all columns behind the
 * products of all columns, which do not fit into the registers. */
static ALWAYS_INLINE __m256i pinned(__m256i x)
{
    __asm__("" : "+x"(x));
    return x;
}

/* The four activations of a granule, for every row. */
static ALWAYS_INLINE __m256i granule(const int8_t *q)
{
    int32_t word;
    memcpy(&word, q, sizeof word);
    return _mm256_set1_epi32(word);
}

/* Granules taken together for one column after the other. */
static ALWAYS_INLINE unsigned dots_step(unsigned bits)
{
    return bits == 5 || bits == 6 ? 1 : 2;
}

/* Adds granules i .. i + dots_step() - 1, whose weights are w, of column c. Products of pairs are added as int16 as
 * long as they fit: 8 granules of 4 bits (15 * 127 * 2 each), 4 of 5, 1 of 8. Those of 6 fit for 4 once the offset is
 * in (32 * 127 * 2 each), so the sums begin with it, in `lanes`, and wrap around until then. `scale` is the integer
 * scale of these elements in every int16, for 6 bits. */
static ALWAYS_INLINE void dots_add(unsigned bits, struct dots *dots, unsigned i, unsigned c, __m256i w[2][2],
                                   const int8_t *q, const int32_t *lanes, const __m256i scale[2])
{
    const __m256i one = _mm256_set1_epi16(1);
    const unsigned n = dots_step(bits);
    __m256i pairs[2], sum[2];
#pragma GCC unroll 8
    for (unsigned j = 0; j < n; j++) {
        __m256i x = granule(q + 4 * (i + j));
#pragma GCC unroll 8
        for (unsigned h = 0; h < 2; h++) {
            if (bits == 8) { /* |w| * (q with the sign of w): |-128| is 128 unsigned, and q is never -128 */
                __m256i pair = _mm256_maddubs_epi16(_mm256_abs_epi8(w[h][j]), _mm256_sign_epi8(x, w[h][j]));
                __m256i four = _mm256_madd_epi16(pair, one);
                sum[h] = j ? _mm256_add_epi32(sum[h], four) : four;
            } else {
                __m256i pair = _mm256_maddubs_epi16(w[h][j], x);
                pairs[h] = j ? _mm256_add_epi16(pairs[h], pair) : pair;
            }
        }
    }
#pragma GCC unroll 8
    for (unsigned h = 0; h < 2; h++) {
        if (bits != 8) {
            bool first = i % (bits == 4 ? 8 : 4) == 0;
            if (first && bits == 6)
                pairs[h] = _mm256_add_epi16(_mm256_set1_epi32(*lanes), pairs[h]);
            pairs[h] = pinned(first ? pairs[h] : _mm256_add_epi16(dots->pairs[h][c], pairs[h]));
            dots->pairs[h][c] = pairs[h];
        }
        if (bits == 4 || (bits != 8 && i % 4 != 3))
            continue;
        if (bits != 8)
            sum[h] = _mm256_madd_epi16(pairs[h], bits == 6 ? scale[h] : one);
        dots->sum[h][c] = pinned(i < (bits == 8 ? 1 : 4) ? sum[h] : _mm256_add_epi32(dots->sum[h][c], sum[h]));
    }
}

/* The dot of rows 8h .. 8h + 7 with column c. */
static ALWAYS_INLINE __m256i dots_end(unsigned bits, const struct dots *dots, unsigned h, unsigned c)
{
    return bits == 4 ? _mm256_madd_epi16(dots->pairs[h][c], _mm256_set1_epi16(1)) : dots->sum[h][c];
}

#endif
