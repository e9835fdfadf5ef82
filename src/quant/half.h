/* SPDX-License-Identifier: Apache-2.0
 *
 * 16-bit floats: IEEE binary16 and bfloat16, in integer arithmetic, so that every machine gives the same bits.
 */
#ifndef HOB_QUANT_HALF_H
#define HOB_QUANT_HALF_H

#include <stdint.h>
#include <string.h>

/* The float32 with these bits. */
static inline float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The bits of a float32. */
static inline uint32_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* binary16 to float32, exact. Without branches, so that loops over it become vectors. */
static inline float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, magnitude = half & 0x7fff;
    uint32_t small = bits_of_float((float)(int32_t)magnitude * 0x1p-24f); /* subnormal: mantissa * 2^-24 */
    uint32_t normal = (magnitude << 13) + (112u << 23), special = magnitude << 13 | 0x7f800000;
    uint32_t bits = magnitude < 0x400 ? small : normal;
    return float_of_bits(sign | (magnitude < 0x7c00 ? bits : special));
}

/* float32 to binary16, rounded to nearest, ties to even; NaN stays NaN, overflow is infinity. Without branches. */
static inline uint16_t half_of_float(float value)
{
    uint32_t bits = bits_of_float(value), magnitude = bits & 0x7fffffff;
    /* Below 2^-14: a float32 from 0.5 up has units of 2^-24, as a subnormal binary16, so that the sum rounds. */
    uint32_t small = bits_of_float(float_of_bits(magnitude) + 0.5f) - 0x3f000000;
    /* A carry out of the mantissa makes the next exponent, or infinity. */
    uint32_t normal = (magnitude + 0xfff + (magnitude >> 13 & 1) - (112u << 23)) >> 13;
    uint32_t special = magnitude > 0x7f800000 ? 0x7e00 | (magnitude >> 13 & 0x3ff) : 0x7c00;
    uint32_t half = magnitude < 0x38800000 ? small : normal;
    half = magnitude < 0x47800000 ? half : special;
    return (uint16_t)(half | (bits >> 16 & 0x8000));
}

/* bfloat16 to float32, exact. */
static inline float bfloat_to_float(uint16_t bfloat)
{
    return float_of_bits((uint32_t)bfloat << 16);
}

#endif
