/* SPDX-License-Identifier: Apache-2.0
 *
 * One register of float32 on the instruction set this file is compiled for, so that a kernel whose lanes are outputs is
 * written once for all of them. Every function is one IEEE operation in each lane.
 */
#ifndef HOB_KERNELS_WIDE_VECTOR_H
#define HOB_KERNELS_WIDE_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#define WIDE_INLINE static inline __attribute__((always_inline))

/* Before a loop of at most 24 turns, a constant number: all of them in a row. Told a number, clang unrolls too late to
 * keep arrays in registers. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 24")
#endif

#if defined(__x86_64__)
#include <immintrin.h>

/* The tree 4, 2, 1 over eight sums: what is left once 16 have met in pairs. */
WIDE_INLINE float eight_sum(__m256 part)
{
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(part), _mm256_extractf128_ps(part, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}

/* The same over eight maxima. */
WIDE_INLINE float eight_max(__m256 part)
{
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(part), _mm256_extractf128_ps(part, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}

#endif

#if defined(__AVX512F__)
#define WIDE(name)  avx512_##name
#define LANES       16
#define TILE_ROWS   6  /* rows of 4 registers of sums that stay in registers, with what is multiplied beside them */
#define WIDEN_TILES 11 /* so many tiles widen the same float16 each for itself sooner than it is decoded: here all */
typedef __m512 vec;

/* LANES floats, aligned or not. */
WIDE_INLINE vec vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

/* Writes LANES floats. */
WIDE_INLINE void vec_store(float *p, vec x)
{
    _mm512_storeu_ps(p, x);
}

/* x in every lane. */
WIDE_INLINE vec vec_set(float x)
{
    return _mm512_set1_ps(x);
}

/* a * b + c, rounded once. */
WIDE_INLINE vec vec_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* a * b. */
WIDE_INLINE vec vec_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}

/* a + b. */
WIDE_INLINE vec vec_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}

/* a - b. */
WIDE_INLINE vec vec_sub(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}

/* a > b ? a : b. */
WIDE_INLINE vec vec_max(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}

/* x * 2^n, rounded once, for an integer n, -252 <= n <= 0. */
WIDE_INLINE vec vec_scale(vec x, vec n)
{
    return _mm512_scalef_ps(x, n);
}

/* LANES float16 as float32. */
WIDE_INLINE vec vec_halves(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

/* LANES int8 as float32. */
WIDE_INLINE vec vec_bytes(const int8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}

/* The tree 8, 4, 2, 1 over 16 partial sums. */
WIDE_INLINE float vec_tree_sum(const vec part[1])
{
    return eight_sum(_mm256_add_ps(_mm512_castps512_ps256(part[0]), _mm512_extractf32x8_ps(part[0], 1)));
}

/* The same over 16 partial maxima. */
WIDE_INLINE float vec_tree_max(const vec part[1])
{
    return eight_max(_mm256_max_ps(_mm512_castps512_ps256(part[0]), _mm512_extractf32x8_ps(part[0], 1)));
}

#elif defined(__AVX2__)
#define WIDE(name)  avx2_##name
#define LANES       8
#define TILE_ROWS   3
#define WIDEN_TILES 4
typedef __m256 vec;

/* LANES floats, aligned or not. */
WIDE_INLINE vec vec_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

/* Writes LANES floats. */
WIDE_INLINE void vec_store(float *p, vec x)
{
    _mm256_storeu_ps(p, x);
}

/* x in every lane. */
WIDE_INLINE vec vec_set(float x)
{
    return _mm256_set1_ps(x);
}

/* a * b + c, rounded once. */
WIDE_INLINE vec vec_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

/* a * b. */
WIDE_INLINE vec vec_mul(vec a, vec b)
{
    return _mm256_mul_ps(a, b);
}

/* a + b. */
WIDE_INLINE vec vec_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}

/* a - b. */
WIDE_INLINE vec vec_sub(vec a, vec b)
{
    return _mm256_sub_ps(a, b);
}

/* a > b ? a : b. */
WIDE_INLINE vec vec_max(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}

/* x * 2^n, rounded once, for a normal x and an integer n, -252 <= n <= 0. */
WIDE_INLINE vec vec_scale(vec x, vec n)
{
    __m256i k = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(k, 1), one = _mm256_set1_epi32(127);
    __m256i a = _mm256_slli_epi32(_mm256_add_epi32(half, one), 23);
    __m256i b = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(k, half), one), 23);
    return _mm256_mul_ps(_mm256_mul_ps(x, _mm256_castsi256_ps(a)), _mm256_castsi256_ps(b));
}

/* LANES float16 as float32. */
WIDE_INLINE vec vec_halves(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}

/* LANES int8 as float32. */
WIDE_INLINE vec vec_bytes(const int8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}

/* The tree 8, 4, 2, 1 over 16 partial sums. */
WIDE_INLINE float vec_tree_sum(const vec part[2])
{
    return eight_sum(_mm256_add_ps(part[0], part[1]));
}

/* The same over 16 partial maxima. */
WIDE_INLINE float vec_tree_max(const vec part[2])
{
    return eight_max(_mm256_max_ps(part[0], part[1]));
}

#elif defined(__aarch64__)
#include <arm_neon.h>
#include <string.h>
#define WIDE(name)  neon_##name
#define LANES       4
#define TILE_ROWS   5
#define WIDEN_TILES 1
typedef float32x4_t vec;

/* LANES floats, aligned or not. */
WIDE_INLINE vec vec_load(const float *p)
{
    return vld1q_f32(p);
}

/* Writes LANES floats. */
WIDE_INLINE void vec_store(float *p, vec x)
{
    vst1q_f32(p, x);
}

/* x in every lane. */
WIDE_INLINE vec vec_set(float x)
{
    return vdupq_n_f32(x);
}

/* a * b + c, rounded once. */
WIDE_INLINE vec vec_fma(vec a, vec b, vec c)
{
    return vfmaq_f32(c, a, b);
}

/* a * b. */
WIDE_INLINE vec vec_mul(vec a, vec b)
{
    return vmulq_f32(a, b);
}

/* a + b. */
WIDE_INLINE vec vec_add(vec a, vec b)
{
    return vaddq_f32(a, b);
}

/* a - b. */
WIDE_INLINE vec vec_sub(vec a, vec b)
{
    return vsubq_f32(a, b);
}

/* a > b ? a : b. */
WIDE_INLINE vec vec_max(vec a, vec b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}

/* x * 2^n, rounded once, for a normal x and an integer n, -252 <= n <= 0. */
WIDE_INLINE vec vec_scale(vec x, vec n)
{
    int32x4_t k = vcvtq_s32_f32(n), half = vshrq_n_s32(k, 1), one = vdupq_n_s32(127);
    int32x4_t a = vshlq_n_s32(vaddq_s32(half, one), 23), b = vshlq_n_s32(vaddq_s32(vsubq_s32(k, half), one), 23);
    return vmulq_f32(vmulq_f32(x, vreinterpretq_f32_s32(a)), vreinterpretq_f32_s32(b));
}

/* LANES float16 as float32. */
WIDE_INLINE vec vec_halves(const uint16_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}

/* LANES int8 as float32. */
WIDE_INLINE vec vec_bytes(const int8_t *p)
{
    int32_t word;
    memcpy(&word, p, sizeof word);
    int8x8_t bytes = vreinterpret_s8_s32(vdup_n_s32(word));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(bytes))));
}

/* The tree 8, 4, 2, 1 over 16 partial sums. */
WIDE_INLINE float vec_tree_sum(const vec part[4])
{
    vec four = vaddq_f32(vaddq_f32(part[0], part[2]), vaddq_f32(part[1], part[3]));
    float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

/* The same over 16 partial maxima. */
WIDE_INLINE float vec_tree_max(const vec part[4])
{
    float four[4];
    vst1q_f32(four, vec_max(vec_max(part[0], part[2]), vec_max(part[1], part[3])));
    float a = four[0] > four[2] ? four[0] : four[2], b = four[1] > four[3] ? four[1] : four[3];
    return a > b ? a : b;
}

#endif

#endif
