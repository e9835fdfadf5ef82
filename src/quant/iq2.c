/* SPDX-License-Identifier: Apache-2.0
 *
 * IQ2_XXS, IQ2_XS, IQ2_S: 256 elements, 8 at a time from a codebook with levels 8, 25, 43, and a sign byte. With n the
 * 4-bit scale, the value is d * (2n + 1) / 8 * level.
 *
 *   IQ2_XXS  d 2 | 8 x (4 indices, u32)                  u32: four 7-bit signs, then n for the 32
 *   IQ2_XS   d 2 | 32 x u16 | scales 8                   u16: 9-bit index, 7-bit signs; scales: n for each 16
 *   IQ2_S    d 2 | qs 32 | signs 32 | qh 8 | scales 8    index: byte of qs and two bits of qh
 */
#include "quant/block.h"
#include "quant/iq_grids.h"

/* Eight elements of a codebook row. */
static void eight(int16_t *q, unsigned code, unsigned signs)
{
    static const int8_t levels[4] = {8, 25, 43, 0};
    for (unsigned j = 0; j < 8; j++) {
        int level = levels[code >> 2 * j & 3];
        q[j] = (int16_t)(signs >> j & 1 ? -level : level);
    }
}

/* Sub-scales of the two 16 from a byte of nibbles. */
static void nibble_scales(struct quant_group *group, unsigned byte)
{
    group->scale[0] = (int)(2 * (byte & 15) + 1);
    group->scale[1] = (int)(2 * (byte >> 4) + 1);
}

static void iq2_xxs_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    const uint8_t *indices = block + 2 + 8 * g;
    uint32_t word = block_u32(indices + 4);
    group_start(out, block_half(block) * (float)(2 * (word >> 28) + 1) * 0.125f);
    for (unsigned l = 0; l < 4; l++)
        eight(out->q + 8 * l, grid_iq2xxs[indices[l]], grid_signs(word >> 7 * l & 127));
}

static void iq2_xs_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    group_start(out, block_half(block) * 0.125f);
    nibble_scales(out, block[66 + g]);
    for (unsigned l = 0; l < 4; l++) {
        unsigned word = block_u16(block + 2 + 8 * g + 2 * l);
        eight(out->q + 8 * l, grid_iq2xs[word & 511], grid_signs(word >> 9));
    }
}

static void iq2_s_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    const uint8_t *qs = block + 2 + 4 * g, *signs = block + 34 + 4 * g;
    unsigned qh = block[66 + g];
    group_start(out, block_half(block) * 0.125f);
    nibble_scales(out, block[74 + g]);
    for (unsigned l = 0; l < 4; l++)
        eight(out->q + 8 * l, grid_iq2s[qs[l] | (qh >> 2 * l & 3) << 8], signs[l]);
}

const struct quant_type quant_iq2_xxs = {"IQ2_XXS", QUANT_IQ2_XXS, 256, 66, false, true, NULL, iq2_xxs_group};
const struct quant_type quant_iq2_xs = {"IQ2_XS", QUANT_IQ2_XS, 256, 74, false, true, NULL, iq2_xs_group};
const struct quant_type quant_iq2_s = {"IQ2_S", QUANT_IQ2_S, 256, 82, false, true, NULL, iq2_s_group};
