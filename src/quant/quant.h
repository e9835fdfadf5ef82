/* SPDX-License-Identifier: Apache-2.0
 *
 * Number formats. Each format is one file (its byte diagram, decoder and integer form) and one row of list.h.
 * Type ids are those of GGUF. Source: the GGUF specification and the published block layouts.
 */
#ifndef HOB_QUANT_QUANT_H
#define HOB_QUANT_QUANT_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checked.h"

enum quant_id {
    QUANT_F32 = 0,
    QUANT_F16 = 1,
    QUANT_Q4_0 = 2,
    QUANT_Q4_1 = 3,
    QUANT_Q5_0 = 6,
    QUANT_Q5_1 = 7,
    QUANT_Q8_0 = 8,
    QUANT_Q8_1 = 9,
    QUANT_Q2_K = 10,
    QUANT_Q3_K = 11,
    QUANT_Q4_K = 12,
    QUANT_Q5_K = 13,
    QUANT_Q6_K = 14,
    QUANT_Q8_K = 15,
    QUANT_IQ2_XXS = 16,
    QUANT_IQ2_XS = 17,
    QUANT_IQ3_XXS = 18,
    QUANT_IQ1_S = 19,
    QUANT_IQ4_NL = 20,
    QUANT_IQ3_S = 21,
    QUANT_IQ2_S = 22,
    QUANT_IQ4_XS = 23,
    QUANT_I8 = 24,
    QUANT_I16 = 25,
    QUANT_I32 = 26,
    QUANT_I64 = 27,
    QUANT_F64 = 28,
    QUANT_IQ1_M = 29,
    QUANT_BF16 = 30,
    QUANT_TQ1_0 = 34,
    QUANT_TQ2_0 = 35,
    QUANT_MXFP4 = 39,
    QUANT_NVFP4 = 40,
    QUANT_Q1_0 = 41,
    QUANT_Q2_0 = 42,
    QUANT_IDS = 43 /* one past the largest id */
};

#define QUANT_GROUP 32 /* elements of one step of the integer formula */

/* The integer form of 32 elements along k of one row (docs/numerics.md, "Quantized weights"). Half j is elements
 * 16j .. 16j+15. The value of an element is s * scale[j] * q, less m * min[j] where there is a minimum. */
struct quant_group {
    int16_t q[QUANT_GROUP]; /* |q| <= 128 */
    unsigned n_parts;       /* 1: s[0] is for all 32; 2: s[j] is for half j (then there is no minimum) */
    float s[2];
    int32_t scale[2]; /* integer sub-scale of each half, 1 where the type has none */
    bool has_min;
    float m;
    int32_t min[2]; /* integer sub-minimum of each half, 1 where the type has none */
};

/* One number format. It has an integer form, `group`, or it is plain numbers and has `decode`; never both. */
struct quant_type {
    const char *name; /* as the field writes it: "Q4_K" */
    enum quant_id id;
    uint16_t block_elements; /* elements of a block, along k; a multiple of 32 where there is an integer form */
    uint16_t block_bytes;
    bool is_float;  /* F32, F16, BF16, F64: no integer form, activations stay float32 */
    bool is_weight; /* may be the weight of a matrix product (integers, Q8_1, Q8_K may not) */
    /* `n` numbers in a row, each rounded to float32; NULL for types with an integer form. */
    void (*decode)(const uint8_t *numbers, size_t n, float *out);
    /* The integer form of group `g` (0 .. block_elements/32 - 1) of a block; NULL for plain numbers. */
    void (*group)(const uint8_t *block, unsigned g, struct quant_group *out);
};

/* The format of a GGUF type id, or NULL when it is unknown or removed. Thread-safe. */
const struct quant_type *quant_find(uint32_t id);

/* The format of that name, any case, or NULL. */
const struct quant_type *quant_find_name(const char *name);

/* Bytes of a row of `k` elements, or 0 when k is no multiple of the block. */
size_t quant_row_bytes(const struct quant_type *type, size_t k);

/* The 32 values of a group: s * (scale * q) - m * min, one rounding each. Inline, as the next one, so that a kernel
 * has it with its own instructions. */
static inline void quant_group_decode(const struct quant_group *group, float *out)
{
    const unsigned half = QUANT_GROUP / 2;
    for (unsigned j = 0; j < 2; j++) {
        float s = group->s[j * (group->n_parts - 1)];
        float minus_m = group->has_min ? -(group->m * (float)group->min[j]) : -0.0f;
        for (unsigned i = j * half; i < (j + 1) * half; i++)
            out[i] = fmaf(s, (float)(group->scale[j] * group->q[i]), minus_m);
    }
}

/* Decodes one block into `block_elements` floats, at most one rounding each. */
static inline void quant_decode_block(const struct quant_type *type, const uint8_t *block, float *out)
{
    if (type->decode) {
        type->decode(block, type->block_elements, out);
        return;
    }
    for (unsigned g = 0; g < type->block_elements / QUANT_GROUP; g++) {
        struct quant_group group;
        type->group(block, g, &group);
        quant_group_decode(&group, out + (size_t)g * QUANT_GROUP);
    }
}

/* Decodes `k` elements, a multiple of the block, into `out`. */
void quant_decode_row(const struct quant_type *type, const uint8_t *row, size_t k, float *out);

#endif
