/* SPDX-License-Identifier: Apache-2.0
 *
 * Rounding to 16-bit floats.
 */
#include "quant/half.h"

/* value >> shift, rounded to nearest, ties to even; 1 <= shift <= 31. */
static uint32_t shift_to_even(uint32_t value, unsigned shift)
{
    uint32_t kept = value >> shift, dropped = value & ((1u << shift) - 1), tie = 1u << (shift - 1);
    return kept + (dropped > tie || (dropped == tie && (kept & 1)));
}

uint16_t half_of_float(float value)
{
    uint32_t bits = bits_of_float(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) /* NaN: quiet, upper payload kept */
        return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    if (magnitude >= 0x47800000) /* 2^16 and more */
        return (uint16_t)(sign | 0x7c00);
    if (magnitude >= 0x38800000) /* normal; a carry out of the mantissa is the next exponent, or infinity */
        return (uint16_t)(sign | (shift_to_even(magnitude, 13) - (112u << 10)));
    if (magnitude <= 0x33000000) /* 2^-25 and less */
        return (uint16_t)sign;
    uint32_t mantissa = (magnitude & 0x7fffff) | 0x800000;
    return (uint16_t)(sign | shift_to_even(mantissa, 126 - (magnitude >> 23)));
}
