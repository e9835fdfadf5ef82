/* SPDX-License-Identifier: Apache-2.0
 *
 * IQ3_XXS and IQ3_S: 256 elements, 4 at a time from a codebook, with a sign byte for each 8.
 *
 *   IQ3_XXS  d 2 | qs 64 | 8 x u32                        u32: four 7-bit signs, then n; d * (2n + 1) / 4 * level
 *   IQ3_S    d 2 | qs 64 | qh 8 | signs 32 | scales 4     index: byte of qs and a bit of qh; a nibble n for each 32,
 *                                                         d * (2n + 1) * level
 */
#include "quant/block.h"
#include "quant/iq_grids.h"

static void four(int16_t *q, unsigned code, const int8_t *levels, unsigned signs)
{
    for (unsigned j = 0; j < 4; j++) {
        int level = levels[code >> 3 * j & 7];
        q[j] = (int16_t)(signs >> j & 1 ? -level : level);
    }
}

static void iq3_xxs_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    static const int8_t levels[8] = {4, 12, 20, 28, 36, 44, 52, 62};
    const uint8_t *qs = block + 2 + 8 * g;
    uint32_t word = block_u32(block + 66 + 4 * g);
    group_start(out, block_half(block) * (float)(2 * (word >> 28) + 1) * 0.25f);
    for (unsigned l = 0; l < 8; l++)
        four(out->q + 4 * l, grid_iq3xxs[qs[l]], levels, grid_signs(word >> 7 * (l / 2) & 127) >> 4 * (l % 2));
}

static void iq3_s_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    static const int8_t levels[8] = {1, 3, 5, 7, 9, 11, 13, 15};
    const uint8_t *qs = block + 2 + 8 * g, *signs = block + 74 + 4 * g;
    unsigned qh = block[66 + g], n = block[106 + g / 2] >> 4 * (g % 2) & 15;
    group_start(out, block_half(block) * (float)(2 * n + 1));
    for (unsigned l = 0; l < 8; l++)
        four(out->q + 4 * l, grid_iq3s[qs[l] | (qh >> l & 1) << 8], levels, signs[l / 2] >> 4 * (l % 2));
}

const struct quant_type quant_iq3_xxs = {"IQ3_XXS", QUANT_IQ3_XXS, 256, 98, false, true, NULL, iq3_xxs_group};
const struct quant_type quant_iq3_s = {"IQ3_S", QUANT_IQ3_S, 256, 110, false, true, NULL, iq3_s_group};
