/* SPDX-License-Identifier: Apache-2.0
 *
 * Row operations that the compiler does not vectorise well by itself; the others are the reference's, compiled for
 * AVX2.
 */
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernels/activation.h"
#include "kernels/tables.h"

/* The largest of eight non-negative integers. */
static inline int largest_of(__m256i v)
{
    __m128i m = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1));
    return _mm_cvtsi128_si32(m);
}

static void quantize(const float *x, size_t k, void *row)
{
    int8_t *q = q8_integers(row);
    float *scales = q8_scales(row, k);
    int16_t *sums = q8_sums(row, k);
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7); /* what the two packs interleave */
    for (size_t block = 0; block < k / 32; block++, x += 32, q += 32) {
        __m256 v[4];
        __m256i top[4];
        for (unsigned i = 0; i < 4; i++) {
            v[i] = _mm256_loadu_ps(x + 8 * i);
            top[i] = _mm256_and_si256(_mm256_castps_si256(v[i]), magnitude);
        }
        int bits = largest_of(_mm256_max_epi32(_mm256_max_epi32(top[0], top[1]), _mm256_max_epi32(top[2], top[3])));
        float amax = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(bits))), inverse = 127.0f / amax;
        scales[block] = amax / 127.0f;
        __m256i keep = _mm256_set1_epi32(inverse > 0.0f && inverse < INFINITY ? -1 : 0), n[4];
        for (unsigned i = 0; i < 4; i++)
            n[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], _mm256_set1_ps(inverse)));
        __m256i packed = _mm256_packs_epi16(_mm256_packs_epi32(n[0], n[1]), _mm256_packs_epi32(n[2], n[3]));
        packed = _mm256_and_si256(_mm256_permutevar8x32_epi32(packed, order), keep);
        _mm256_storeu_si256((__m256i *)q, packed);
        /* Sums of eight unsigned bytes, each 128 too large. */
        __m256i eights = _mm256_sad_epu8(_mm256_xor_si256(packed, _mm256_set1_epi8(-128)), _mm256_setzero_si256());
        __m256i sixteens = _mm256_add_epi64(eights, _mm256_shuffle_epi32(eights, 0x4e));
        sums[2 * block] = (int16_t)(_mm256_extract_epi16(sixteens, 0) - 16 * 128);
        sums[2 * block + 1] = (int16_t)(_mm256_extract_epi16(sixteens, 8) - 16 * 128);
    }
    memset(q, 0, q8_scale_offset(k) - k);
    memset(sums + k / 16, 0, (size_t)((char *)row + q8_row_bytes(k) - (char *)(sums + k / 16)));
}

void avx2_rows_init(struct kernels *table)
{
    table->quantize = quantize;
}
