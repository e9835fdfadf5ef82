/* SPDX-License-Identifier: Apache-2.0
 *
 * F32, F16, BF16, F64, and the integer types that tensors other than weights have. One element is one block, its
 * bytes little-endian:
 *
 *   F16   sign 1, exponent 5 (bias 15), mantissa 10        BF16   the upper half of an F32
 */
#include "quant/block.h"

static void f32_decode(const uint8_t *numbers, size_t n, float *out)
{
    memcpy(out, numbers, n * sizeof *out);
}

static void f16_decode(const uint8_t *numbers, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = block_half(numbers + 2 * i);
}

static void bf16_decode(const uint8_t *numbers, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = bfloat_to_float(block_u16(numbers + 2 * i));
}

static void f64_decode(const uint8_t *numbers, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        double value;
        memcpy(&value, numbers + 8 * i, sizeof value);
        out[i] = (float)value;
    }
}

static void i8_decode(const uint8_t *numbers, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(int8_t)numbers[i];
}

static void i16_decode(const uint8_t *numbers, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(int16_t)block_u16(numbers + 2 * i);
}

static void i32_decode(const uint8_t *numbers, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(int32_t)block_u32(numbers + 4 * i);
}

static void i64_decode(const uint8_t *numbers, size_t n, float *out)
{
    for (size_t i = 0; i < n; i++) {
        int64_t value;
        memcpy(&value, numbers + 8 * i, sizeof value);
        out[i] = (float)value;
    }
}

const struct quant_type quant_f32 = {"F32", QUANT_F32, 1, 4, true, true, f32_decode, NULL};
const struct quant_type quant_f16 = {"F16", QUANT_F16, 1, 2, true, true, f16_decode, NULL};
const struct quant_type quant_bf16 = {"BF16", QUANT_BF16, 1, 2, true, true, bf16_decode, NULL};
const struct quant_type quant_f64 = {"F64", QUANT_F64, 1, 8, true, true, f64_decode, NULL};
const struct quant_type quant_i8 = {"I8", QUANT_I8, 1, 1, false, false, i8_decode, NULL};
const struct quant_type quant_i16 = {"I16", QUANT_I16, 1, 2, false, false, i16_decode, NULL};
const struct quant_type quant_i32 = {"I32", QUANT_I32, 1, 4, false, false, i32_decode, NULL};
const struct quant_type quant_i64 = {"I64", QUANT_I64, 1, 8, false, false, i64_decode, NULL};
