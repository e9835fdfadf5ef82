/* SPDX-License-Identifier: Apache-2.0
 *
 * MXFP4 and NVFP4: four-bit floats E2M1 (0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives) under a shared scale. The
 * integers are twice the value, so the scale is halved. Source: OCP Microscaling Formats 1.0; the FP8 format E4M3.
 *
 *   MXFP4  e 1 | qs 16        32 elements, scale 2^(e - 127); low nibbles first
 *   NVFP4  d 4 | qs 32        64 elements, an unsigned E4M3 scale for each 16, whose 8 bytes hold elements 0..7 in
 *                             their low nibbles and 8..15 in their high ones
 */
#include "quant/block.h"

static const int8_t doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/* 2^(e - 128), which is subnormal for e below 2. */
static float half_power(unsigned e)
{
    return float_of_bits(e < 2 ? 0x200000u << e : (uint32_t)(e - 1) << 23);
}

/* Half of an unsigned E4M3 number: exponent 4 bits (bias 7), mantissa 3 bits; 0x7f, elsewhere NaN, is 0. */
static float half_e4m3(unsigned byte)
{
    unsigned exponent = byte >> 3 & 15, mantissa = byte & 7;
    if (byte == 0x7f)
        return 0;
    if (exponent == 0)
        return (float)mantissa * 0x1p-10f;
    return (float)(8 + mantissa) * float_of_bits((exponent + 127 - 11) << 23);
}

static void mxfp4_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    (void)g;
    group_start(out, half_power(block[0]));
    group_nibbles(out, block + 1);
    group_codebook(out, doubled);
}

static void nvfp4_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    group_start(out, half_e4m3(block[2 * g]));
    out->n_parts = 2;
    out->s[1] = half_e4m3(block[2 * g + 1]);
    for (unsigned part = 0; part < 2; part++) {
        const uint8_t *bytes = block + 4 + 16 * g + 8 * part;
        for (unsigned i = 0; i < 8; i++) {
            out->q[16 * part + i] = bytes[i] & 15;
            out->q[16 * part + 8 + i] = bytes[i] >> 4;
        }
    }
    group_codebook(out, doubled);
}

const struct quant_type quant_mxfp4 = {"MXFP4", QUANT_MXFP4, 32, 17, false, true, NULL, mxfp4_group};
const struct quant_type quant_nvfp4 = {"NVFP4", QUANT_NVFP4, 64, 36, false, true, NULL, nvfp4_group};
