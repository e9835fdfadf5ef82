/* SPDX-License-Identifier: Apache-2.0
 *
 * IQ1_S and IQ1_M: 256 elements, 8 at a time from a codebook of 2048 rows with levels -1, 0, 1, each 8 shifted by
 * an eighth up or down. The integers are eighths: 8 * level +- 1.
 *
 *   IQ1_S  d 2 | qs 32 | qh 8 x u16     qh of a group: 3 high bits of each of 4 indices, then 3 bits of scale, then
 *                                       the sign of the shift
 *   IQ1_M  qs 32 | qh 16 | scales 4 x u16
 *            qh: two bytes a group, each two nibbles: 3 high bits of an index and the sign of its shift
 *            scales: four 3-bit scales a word, for 16 elements each; the top nibbles of the words make the F16 d
 */
#include "quant/block.h"
#include "quant/iq_grids.h"

/* Eight elements of row `index`, in eighths, shifted by +1 or -1. */
static void eighths(int16_t *q, unsigned index, int shift)
{
    for (unsigned j = 0; j < 8; j++)
        q[j] = (int16_t)(8 * ((grid_iq1s[index] >> 2 * j & 3) - 1) + shift);
}

static void iq1_s_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    const uint8_t *qs = block + 2 + 4 * g;
    unsigned qh = block_u16(block + 34 + 2 * g);
    group_start(out, block_half(block) * (float)(2 * (qh >> 12 & 7) + 1) * 0.125f);
    for (unsigned l = 0; l < 4; l++)
        eighths(out->q + 8 * l, qs[l] | (qh >> 3 * l & 7) << 8, qh & 0x8000 ? -1 : 1);
}

static void iq1_m_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    const uint8_t *qs = block + 4 * g, *qh = block + 32 + 2 * g, *scales = block + 48;
    unsigned d = 0;
    for (unsigned i = 0; i < 4; i++)
        d |= (unsigned)(block_u16(scales + 2 * i) >> 12) << 4 * i;
    group_start(out, half_to_float((uint16_t)d) * 0.125f);
    for (unsigned j = 0; j < 2; j++)
        out->scale[j] = 2 * (block_u16(scales + 2 * (g / 2)) >> (6 * (g % 2) + 3 * j) & 7) + 1;
    for (unsigned l = 0; l < 4; l++) {
        unsigned nibble = qh[l / 2] >> 4 * (l % 2) & 15;
        eighths(out->q + 8 * l, qs[l] | (nibble & 7) << 8, nibble & 8 ? -1 : 1);
    }
}

const struct quant_type quant_iq1_s = {"IQ1_S", QUANT_IQ1_S, 256, 50, false, true, NULL, iq1_s_group};
const struct quant_type quant_iq1_m = {"IQ1_M", QUANT_IQ1_M, 256, 56, false, true, NULL, iq1_m_group};
