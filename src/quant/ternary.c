/* SPDX-License-Identifier: Apache-2.0
 *
 * One and two bits without codebooks: Q1_0, Q2_0, TQ1_0, TQ2_0. d is F16, little-endian.
 *
 *   Q1_0   d 2 | qs 16            128 elements; bit i % 8 of byte i / 8: +d or -d
 *   Q2_0   d 2 | qs 16            64 elements; two bits q at byte i / 4, shift 2 * (i % 4): d * (q - 1)
 *   TQ2_0  qs 64 | d 2            256 elements; group g: byte 32 * (g / 4) + i, shift 2 * (g % 4): d * (q - 1)
 *   TQ1_0  qs 48 | qh 4 | d 2     256 elements in base 3, five digits a byte: d * (digit - 1)
 *            elements   0..159    digit n of byte m of qs, element 32n + m
 *            elements 160..239    digit n of byte 32 + m of qs, element 160 + 16n + m
 *            elements 240..255    digit n of byte m of qh, element 240 + 4n + m
 *
 * Digit n of a byte b, first digit highest: ((b * 3^n mod 256) * 3) / 256.
 */
#include "quant/block.h"

static int digit(unsigned byte, unsigned n)
{
    static const uint8_t power[5] = {1, 3, 9, 27, 81};
    return (int)((byte * power[n] & 255) * 3 >> 8);
}

static void q1_0_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    group_start(out, block_half(block));
    for (unsigned i = 0; i < 32; i++)
        out->q[i] = block[2 + 4 * g + i / 8] >> i % 8 & 1 ? 1 : -1;
}

static void q2_0_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    group_start(out, block_half(block));
    for (unsigned i = 0; i < 32; i++)
        out->q[i] = (int16_t)((block[2 + 8 * g + i / 4] >> 2 * (i % 4) & 3) - 1);
}

static void tq2_0_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    group_start(out, block_half(block + 64));
    for (unsigned i = 0; i < 32; i++)
        out->q[i] = (int16_t)((block[32 * (g / 4) + i] >> 2 * (g % 4) & 3) - 1);
}

static void tq1_0_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    group_start(out, block_half(block + 52));
    for (unsigned i = 0; i < 32; i++) {
        unsigned e = 32 * g + i;
        int trit = e < 160   ? digit(block[e % 32], e / 32)
                   : e < 240 ? digit(block[32 + e % 16], (e - 160) / 16)
                             : digit(block[48 + e % 4], (e - 240) / 4);
        out->q[i] = (int16_t)(trit - 1);
    }
}

const struct quant_type quant_q1_0 = {"Q1_0", QUANT_Q1_0, 128, 18, false, true, NULL, q1_0_group};
const struct quant_type quant_q2_0 = {"Q2_0", QUANT_Q2_0, 64, 18, false, true, NULL, q2_0_group};
const struct quant_type quant_tq1_0 = {"TQ1_0", QUANT_TQ1_0, 256, 54, false, true, NULL, tq1_0_group};
const struct quant_type quant_tq2_0 = {"TQ2_0", QUANT_TQ2_0, 256, 66, false, true, NULL, tq2_0_group};
