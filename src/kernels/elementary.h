/* SPDX-License-Identifier: Apache-2.0
 *
 * Elementary functions in float32 without branches, so that a compiler or a person can put them into vector lanes:
 * each is a fixed sequence of IEEE operations, and math_exp() and its kin are these very sequences. Polynomials are
 * minimax fits (Remez exchange) with coefficients rounded to float32. NaN goes through all of them.
 */
#ifndef HOB_KERNELS_ELEMENTARY_H
#define HOB_KERNELS_ELEMENTARY_H

#include <math.h>

#include "kernels/kernels.h"
#include "quant/half.h"

#define ROUND_MAGIC 0x1.8p23f /* adding and subtracting it rounds |x| < 2^22 to the nearest integer, ties to even */

/* 2^k for -126 <= k <= 127; k is two's complement, and any bits at all give some float. */
static inline float elementary_power(uint32_t k)
{
    return float_of_bits((k + 127) << 23);
}

/* |x|. */
static inline float elementary_abs(float x)
{
    return float_of_bits(bits_of_float(x) & 0x7fffffff);
}

/* |x| with the sign of y. */
static inline float elementary_sign(float x, float y)
{
    return float_of_bits((bits_of_float(x) & 0x7fffffff) | (bits_of_float(y) & 0x80000000));
}

/* e^x: x = n ln 2 + r, |r| <= ln 2 / 2, e^r = 1 + (r + r^2 P(r)); 2^n in two factors, so that the last rounds once. */
static inline float elementary_exp(float x)
{
    x = x < -104.0f ? -104.0f : x;
    x = x > 89.0f ? 89.0f : x;
    float t = fmaf(x, 0x1.715476p+0f, ROUND_MAGIC), n = t - ROUND_MAGIC;
    float r = fmaf(n, -0x1.62e430p-1f, x); /* ln 2, and what float32 leaves of it */
    r = fmaf(n, 0x1.05c610p-29f, r);
    float p = 0x1.6d7594p-10f;
    p = fmaf(p, r, 0x1.120ba6p-7f);
    p = fmaf(p, r, 0x1.5554b8p-5f);
    p = fmaf(p, r, 0x1.5554dcp-3f);
    p = fmaf(p, r, 0.5f);
    p = 1.0f + fmaf(p, r * r, r);
    uint32_t k = bits_of_float(t) - 0x4b400000u; /* n as an integer */
    uint32_t half = (uint32_t)((int32_t)k >> 1);
    return p * elementary_power(half) * elementary_power(k - half);
}

/* tanh x: below 0.6 an odd polynomial, from there 1 - 2 / (e^2|x| + 1). */
static inline float elementary_tanh(float x)
{
    float u = x * x, p = 0x1.23e4dcp-9f;
    p = fmaf(p, u, -0x1.0ec0eep-7f);
    p = fmaf(p, u, 0x1.6411a4p-6f);
    p = fmaf(p, u, -0x1.b9f9e6p-5f);
    p = fmaf(p, u, 0x1.11109cp-3f);
    p = fmaf(p, u, -0x1.555554p-2f);
    float small = fmaf(x * u, p, x), size = elementary_abs(x);
    float large = 1.0f - 2.0f / (elementary_exp(2.0f * size) + 1.0f);
    return elementary_sign(size < 0.6f ? small : large, x);
}

/* erf x: below 0.94 an odd polynomial, from there 1 - e^Q(|x|), Q a fit to the logarithm of erfc. */
static inline float elementary_erf(float x)
{
    float u = x * x, p = 0x1.58b0d0p-14f;
    p = fmaf(p, u, -0x1.a8fbdep-11f);
    p = fmaf(p, u, 0x1.54a334p-8f);
    p = fmaf(p, u, -0x1.b80abep-6f);
    p = fmaf(p, u, 0x1.ce2ddcp-4f);
    p = fmaf(p, u, -0x1.812742p-2f);
    p = fmaf(p, u, 0x1.06eba8p-3f); /* 2 / sqrt(pi) - 1 */
    float size = elementary_abs(x), a = size > 4.0f ? 4.0f : size, q = -0x1.63fa00p-16f;
    q = fmaf(q, a, 0x1.c90eb8p-12f);
    q = fmaf(q, a, -0x1.11ce84p-8f);
    q = fmaf(q, a, 0x1.9bdacap-6f);
    q = fmaf(q, a, -0x1.bba170p-4f);
    q = fmaf(q, a, -0x1.4442b0p-1f);
    q = fmaf(q, a, -0x1.2128bap+0f);
    q = fmaf(q, a, 0x1.73e558p-13f);
    return size < 0.94f ? fmaf(x, p, x) : elementary_sign(1.0f - elementary_exp(q), x);
}

/* act(x). SiLU and the tanh form of GELU are x / (1 + e^z): the latter by tanh y = 1 - 2 / (1 + e^2y), with
 * z = -2 sqrt(2/pi) (x + 0.044715 x^3). */
static inline float elementary_activation(enum activation act, float x)
{
    switch (act) {
    case ACT_SILU:
        return x / (1.0f + elementary_exp(-x));
    case ACT_GELU_TANH:
        return x / (1.0f + elementary_exp(x * fmaf(x * x, -0x1.2444f2p-4f, -0x1.988454p+0f)));
    case ACT_GELU_ERF:
        return 0.5f * x * (1.0f + elementary_erf(x * 0x1.6a09e6p-1f));
    case ACT_RELU:
        break;
    }
    return x < 0.0f ? 0.0f : x;
}

#endif
