/* SPDX-License-Identifier: Apache-2.0
 *
 * The formats with blocks of 32: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q8_1. d and m are F16, little-endian.
 *
 *   Q4_0  d 2 | qs 16                    d * (nibble - 8)
 *   Q4_1  d 2 | m 2 | qs 16              d * nibble + m
 *   Q5_0  d 2 | qh 4 | qs 16             d * (nibble + 16 * bit - 16)
 *   Q5_1  d 2 | m 2 | qh 4 | qs 16       d * (nibble + 16 * bit) + m
 *   Q8_0  d 2 | qs 32 int8               d * q
 *   Q8_1  d 2 | sum 2 | qs 32 int8       d * q; sum = d * (q0 + .. + q31), not needed to decode
 *
 * Byte i of qs holds element i in its low nibble and element i + 16 in its high one; bit i of the 32-bit word qh is
 * the fifth bit of element i.
 */
#include "quant/block.h"

static void fifth_bits(struct quant_group *group, uint32_t qh)
{
    for (unsigned i = 0; i < 32; i++)
        group->q[i] = (int16_t)(group->q[i] | (qh >> i & 1) << 4);
}

static void offset(struct quant_group *group, int16_t by)
{
    for (unsigned i = 0; i < 32; i++)
        group->q[i] = (int16_t)(group->q[i] - by);
}

static void bytes(struct quant_group *group, const uint8_t *qs)
{
    for (unsigned i = 0; i < 32; i++)
        group->q[i] = (int8_t)qs[i];
}

static void q4_0_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    (void)g;
    group_start(out, block_half(block));
    group_nibbles(out, block + 2);
    offset(out, 8);
}

static void q4_1_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    (void)g;
    group_start(out, block_half(block));
    group_minimum(out, -block_half(block + 2));
    group_nibbles(out, block + 4);
}

static void q5_0_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    (void)g;
    group_start(out, block_half(block));
    group_nibbles(out, block + 6);
    fifth_bits(out, block_u32(block + 2));
    offset(out, 16);
}

static void q5_1_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    (void)g;
    group_start(out, block_half(block));
    group_minimum(out, -block_half(block + 2));
    group_nibbles(out, block + 8);
    fifth_bits(out, block_u32(block + 4));
}

static void q8_0_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    (void)g;
    group_start(out, block_half(block));
    bytes(out, block + 2);
}

static void q8_1_group(const uint8_t *block, unsigned g, struct quant_group *out)
{
    (void)g;
    group_start(out, block_half(block));
    bytes(out, block + 4);
}

const struct quant_type quant_q4_0 = {"Q4_0", QUANT_Q4_0, 32, 18, false, true, NULL, q4_0_group};
const struct quant_type quant_q4_1 = {"Q4_1", QUANT_Q4_1, 32, 20, false, true, NULL, q4_1_group};
const struct quant_type quant_q5_0 = {"Q5_0", QUANT_Q5_0, 32, 22, false, true, NULL, q5_0_group};
const struct quant_type quant_q5_1 = {"Q5_1", QUANT_Q5_1, 32, 24, false, true, NULL, q5_1_group};
const struct quant_type quant_q8_0 = {"Q8_0", QUANT_Q8_0, 32, 34, false, true, NULL, q8_0_group};
const struct quant_type quant_q8_1 = {"Q8_1", QUANT_Q8_1, 32, 36, false, false, NULL, q8_1_group};
