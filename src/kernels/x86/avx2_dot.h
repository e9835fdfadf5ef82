/* SPDX-License-Identifier: Apache-2.0
 *
 * Integer dots of 8 rows of weights with 8-bit activations. All functions are made for constant arguments and inlined.
 */
#ifndef HOB_KERNELS_X86_AVX2_DOT_H
#define HOB_KERNELS_X86_AVX2_DOT_H

#include "kernels/x86/avx2_form.h"

/* Four activations, for every row. */
static ALWAYS_INLINE __m256i granule(const int8_t *q)
{
    int32_t word;
    memcpy(&word, q, sizeof word);
    return _mm256_set1_epi32(word);
}

/* Sums of a part of a group: int16 pair sums for weights of 4 bits, whose 8 products of 15 * 127 * 2 fit, and int32
 * for wider ones. */
static ALWAYS_INLINE __m256i part_add(unsigned bits, __m256i a, __m256i b)
{
    return bits == 4 ? _mm256_add_epi16(a, b) : _mm256_add_epi32(a, b);
}

/* The part of four granules. 4 products of 5 bits fit into int16, and 2 of 6 bits. Of 8 bits one does, taken as
 * |w| * (q with the sign of w): |-128| is 128 as an unsigned byte, and q is never -128. `scale` is the integer scale
 * of these elements, in every int16, and 1 where a format has none. */
static ALWAYS_INLINE __m256i part_dot(unsigned bits, const __m256i w[4], const int8_t *q, __m256i scale)
{
    __m256i pair[4];
    for (unsigned j = 0; j < 4; j++) {
        __m256i x = granule(q + 4 * j);
        pair[j] = bits == 8 ? _mm256_maddubs_epi16(_mm256_abs_epi8(w[j]), _mm256_sign_epi8(x, w[j]))
                            : _mm256_maddubs_epi16(w[j], x);
    }
    if (bits == 8)
        return _mm256_add_epi32(_mm256_add_epi32(_mm256_madd_epi16(pair[0], scale), _mm256_madd_epi16(pair[1], scale)),
                                _mm256_add_epi32(_mm256_madd_epi16(pair[2], scale), _mm256_madd_epi16(pair[3], scale)));
    __m256i first = _mm256_add_epi16(pair[0], pair[1]), second = _mm256_add_epi16(pair[2], pair[3]);
    if (bits == 6)
        return _mm256_add_epi32(_mm256_madd_epi16(first, scale), _mm256_madd_epi16(second, scale));
    __m256i sum = _mm256_add_epi16(first, second);
    return bits == 4 ? sum : _mm256_madd_epi16(sum, scale);
}

/* The sum of a group from the sum of its parts. */
static ALWAYS_INLINE __m256i part_end(unsigned bits, __m256i sum)
{
    return bits == 4 ? _mm256_madd_epi16(sum, _mm256_set1_epi16(1)) : sum;
}

#endif
