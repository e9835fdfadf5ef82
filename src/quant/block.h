/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the formats share: fields of a block, which are little-endian and unaligned.
 */
#ifndef HOB_QUANT_BLOCK_H
#define HOB_QUANT_BLOCK_H

#include "quant/half.h"
#include "quant/quant.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fields are loaded as they are");

/* A field of 16 bits. */
static inline uint16_t block_u16(const uint8_t *p)
{
    uint16_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

/* A field of 32 bits. */
static inline uint32_t block_u32(const uint8_t *p)
{
    uint32_t value;
    memcpy(&value, p, sizeof value);
    return value;
}

/* A float16 field as float32. */
static inline float block_half(const uint8_t *p)
{
    return half_to_float(block_u16(p));
}

/* A group with one float scale, no sub-scales and no minimum; the caller fills q. */
static inline void group_start(struct quant_group *group, float s)
{
    group->n_parts = 1;
    group->s[0] = group->s[1] = s;
    group->scale[0] = group->scale[1] = 1;
    group->has_min = false;
    group->m = 0;
    group->min[0] = group->min[1] = 1;
}

/* Gives the group a minimum, the same for all 32. */
static inline void group_minimum(struct quant_group *group, float m)
{
    group->has_min = true;
    group->m = m;
}

/* Fills q from 16 bytes: low nibbles are elements 0..15, high nibbles 16..31. */
static inline void group_nibbles(struct quant_group *group, const uint8_t *bytes)
{
    for (unsigned i = 0; i < 16; i++) {
        group->q[i] = bytes[i] & 15;
        group->q[i + 16] = bytes[i] >> 4;
    }
}

/* Maps each q, an index, through a codebook. */
static inline void group_codebook(struct quant_group *group, const int8_t *codebook)
{
    for (unsigned i = 0; i < QUANT_GROUP; i++)
        group->q[i] = codebook[group->q[i]];
}

#endif
