/* SPDX-License-Identifier: Apache-2.0
 *
 * IQ4_NL and IQ4_XS: nibbles that index one codebook of 16 unevenly spaced levels.
 *
 *   IQ4_NL  d 2 | qs 16                                      32 elements, d * level
 *   IQ4_XS  d 2 | scales_h u16 | scales_l 4 | qs 128         256 elements, a six-bit scale for each 32, offset 32:
 *                                                            nibble g of scales_l, bits 2g and 2g + 1 of scales_h
 */
#include "quant/block.h"

static const int8_t codebook[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

static void iq4_nl_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    (void)g;
    group_start(out, block_half(block));
    group_nibbles(out, block + 2);
    group_codebook(out, codebook);
}

static void iq4_xs_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    unsigned low = block[4 + g / 2] >> 4 * (g % 2) & 15, high = block_u16(block + 2) >> 2 * g & 3;
    group_start(out, block_half(block) * (float)((int)(low | high << 4) - 32));
    group_nibbles(out, block + 8 + 16 * g);
    group_codebook(out, codebook);
}

const struct quant_type quant_iq4_nl = {"IQ4_NL", QUANT_IQ4_NL, 32, 18, false, true, NULL, iq4_nl_group};
const struct quant_type quant_iq4_xs = {"IQ4_XS", QUANT_IQ4_XS, 256, 136, false, true, NULL, iq4_xs_group};
