/* SPDX-License-Identifier: Apache-2.0
 *
 * K-quants: blocks of 256 with integer sub-scales. d and dmin are F16 (F32 in Q8_K), little-endian.
 *
 *   Q2_K  scales 16 | qs 64 | d 2 | dmin 2             a scale byte for each 16: low nibble scale, high minimum
 *   Q3_K  hmask 32 | qs 64 | scales 12 | d 2           16 six-bit scales, offset 32
 *   Q4_K  d 2 | dmin 2 | scales 12 | qs 128            8 six-bit scales and 8 six-bit minimums
 *   Q5_K  d 2 | dmin 2 | scales 12 | qh 32 | qs 128    as Q4_K, with a fifth bit
 *   Q6_K  ql 128 | qh 64 | scales 16 int8 | d 2        a scale for each 16
 *   Q8_K  d 4 | qs 256 int8 | sums 16 int16            an activation format
 *
 * Group g is elements 32g .. 32g+31. Two bits of Q2_K and Q3_K: byte 32 * (g / 4) + i of qs, shifted right by
 * 2 * (g % 4). Nibbles of Q4_K and Q5_K: byte 32 * (g / 2) + i, low for even g. Extra bits of Q3_K and Q5_K: bit g of
 * byte i. Q6_K: low nibble or high for g % 4 below 2 or not, of byte 64 * (g / 4) + 32 * (g % 2) + i of ql, and two
 * bits of byte 32 * (g / 4) + i of qh, shifted right by 2 * (g % 4).
 */
#include "quant/block.h"

/* The 16 two-bit fields of a group. */
static void two_bits(struct quant_group *group, const uint8_t *qs, unsigned g)
{
    for (unsigned i = 0; i < 32; i++)
        group->q[i] = qs[32 * (g / 4) + i] >> 2 * (g % 4) & 3;
}

static void q2_k_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    const uint8_t *scales = block + 2 * g;
    group_start(out, block_half(block + 80));
    group_minimum(out, block_half(block + 82));
    two_bits(out, block + 16, g);
    for (unsigned j = 0; j < 2; j++) {
        out->scale[j] = scales[j] & 15;
        out->min[j] = scales[j] >> 4;
    }
}

static void q3_k_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    const uint8_t *hmask = block, *scales = block + 96;
    group_start(out, block_half(block + 108));
    two_bits(out, block + 32, g);
    for (unsigned i = 0; i < 32; i++)
        out->q[i] = (int16_t)(out->q[i] - (hmask[i] >> g & 1 ? 0 : 4));
    for (unsigned j = 0; j < 2; j++) {
        unsigned k = 2 * g + j, low = k < 8 ? scales[k] & 15 : scales[k - 8] >> 4;
        unsigned high = scales[8 + k % 4] >> 2 * (k / 4) & 3;
        out->scale[j] = (int)(low | high << 4) - 32;
    }
}

/* Scale and minimum of group g, each six bits, from the 12 bytes of Q4_K and Q5_K. */
static void six_bits(const uint8_t *s, unsigned g, unsigned *scale, unsigned *min)
{
    if (g < 4) {
        *scale = s[g] & 63;
        *min = s[g + 4] & 63;
    } else {
        *scale = (s[g + 4] & 15) | (s[g - 4] >> 6) << 4;
        *min = s[g + 4] >> 4 | (s[g] >> 6) << 4;
    }
}

/* Scale, minimum and nibbles, which Q4_K and Q5_K have alike. */
static void four_bits(const uint8_t *block, const uint8_t *qs, unsigned g, struct quant_group *out)
{
    unsigned scale, min;
    six_bits(block + 4, g, &scale, &min);
    group_start(out, block_half(block) * (float)scale);
    group_minimum(out, block_half(block + 2) * (float)min);
    for (unsigned i = 0; i < 32; i++)
        out->q[i] = qs[32 * (g / 2) + i] >> 4 * (g % 2) & 15;
}

static void q4_k_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    four_bits(block, block + 16, g, out);
}

static void q5_k_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    const uint8_t *qh = block + 16;
    four_bits(block, block + 48, g, out);
    for (unsigned i = 0; i < 32; i++)
        out->q[i] = (int16_t)(out->q[i] | (qh[i] >> g & 1) << 4);
}

static void q6_k_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    unsigned half = g / 4, quarter = g % 4;
    const uint8_t *ql = block + 64 * half + 32 * (quarter % 2), *qh = block + 128 + 32 * half;
    const uint8_t *scales = block + 192 + 2 * g;
    group_start(out, block_half(block + 208));
    for (unsigned i = 0; i < 32; i++) {
        int low = ql[i] >> 4 * (quarter / 2) & 15, high = qh[i] >> 2 * quarter & 3;
        out->q[i] = (int16_t)((low | high << 4) - 32);
    }
    out->scale[0] = (int8_t)scales[0];
    out->scale[1] = (int8_t)scales[1];
}

static void q8_k_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    group_start(out, float_of_bits(block_u32(block)));
    for (unsigned i = 0; i < 32; i++)
        out->q[i] = (int8_t)block[4 + 32 * g + i];
}

const struct quant_type quant_q2_k = {"Q2_K", QUANT_Q2_K, 256, 84, false, true, NULL, q2_k_group};
const struct quant_type quant_q3_k = {"Q3_K", QUANT_Q3_K, 256, 110, false, true, NULL, q3_k_group};
const struct quant_type quant_q4_k = {"Q4_K", QUANT_Q4_K, 256, 144, false, true, NULL, q4_k_group};
const struct quant_type quant_q5_k = {"Q5_K", QUANT_Q5_K, 256, 176, false, true, NULL, q5_k_group};
const struct quant_type quant_q6_k = {"Q6_K", QUANT_Q6_K, 256, 210, false, true, NULL, q6_k_group};
const struct quant_type quant_q8_k = {"Q8_K", QUANT_Q8_K, 256, 292, false, false, NULL, q8_k_group};
