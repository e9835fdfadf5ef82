/* SPDX-License-Identifier: Apache-2.0
 *
 * The loops of peaks.h, compiled for each instruction set.
 */
#include <string.h>

#include "kernels/peaks.h"
#include "kernels/wide/vector.h"

/* x, in a way that the compiler cannot see through: or a product would be computed once. */
#if defined(__aarch64__)
#define HIDDEN(x) __asm__("" : "+w"(x))
#else
#define HIDDEN(x) __asm__("" : "+v"(x))
#endif

static float fp32(size_t steps)
{
    vec sum[PEAK_CHAINS], a = vec_set(0.5f), b = vec_set(0.25f);
    for (unsigned j = 0; j < PEAK_CHAINS; j++)
        sum[j] = vec_set(0);
    for (size_t i = 0; i < steps; i++)
#pragma GCC unroll 16
        for (unsigned j = 0; j < PEAK_CHAINS; j++) {
            HIDDEN(a);
            sum[j] = vec_fma(a, b, sum[j]);
        }
    float out[LANES];
    for (unsigned j = 1; j < PEAK_CHAINS; j++)
        sum[0] = vec_add(sum[0], sum[j]);
    vec_store(out, sum[0]);
    return out[0];
}

#if defined(__AVX512F__)
#define INT8_NAME       "vpdpbusd"
#define INT8_OPERATIONS 128
typedef __m512i ints;
#define DOT(sum, a, b) _mm512_dpbusd_epi32(sum, a, b)
#elif defined(__AVX2__)
#define INT8_NAME       "vpmaddubsw, vpmaddwd, vpaddd"
#define INT8_OPERATIONS 64
typedef __m256i ints;
#define DOT(sum, a, b)  _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)))
#else
#define INT8_NAME       "sdot"
#define INT8_OPERATIONS 32
typedef int32x4_t ints;
#define DOT(sum, a, b)  vdotq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b))
#endif

static int32_t int8(size_t steps)
{
    int32_t init[16] = {1, 2, 3, 4};
    ints sum[PEAK_CHAINS], a, b;
    memcpy(&a, init, sizeof a);
    b = a;
    for (unsigned j = 0; j < PEAK_CHAINS; j++)
        sum[j] = a;
    for (size_t i = 0; i < steps; i++)
#pragma GCC unroll 16
        for (unsigned j = 0; j < PEAK_CHAINS; j++) {
            HIDDEN(a);
            sum[j] = DOT(sum[j], a, b);
        }
    int32_t total = 0;
    for (unsigned j = 0; j < PEAK_CHAINS; j++) {
        memcpy(init, &sum[j], sizeof sum[j]);
        total ^= init[0];
    }
    return total;
}

static uint32_t read_bytes(const void *bytes, size_t n)
{
    const size_t each = sizeof(ints);
    const char *at = bytes, *end = at + n;
    ints sum[4], word;
    memset(sum, 0, sizeof sum);
    for (; at < end; at += 4 * each)
#pragma GCC unroll 4
        for (unsigned j = 0; j < 4; j++) {
            memcpy(&word, at + j * each, sizeof word);
            sum[j] ^= word;
        }
    sum[0] ^= sum[1] ^ sum[2] ^ sum[3];
    uint32_t out;
    memcpy(&out, &sum[0], sizeof out);
    return out;
}

const struct peaks WIDE(peaks) = {
    .fp32 = fp32,
    .int8 = int8,
    .fp32_operations = 2 * LANES,
    .int8_operations = INT8_OPERATIONS,
    .int8_name = INT8_NAME,
    .read = read_bytes,
};
