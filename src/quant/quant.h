/* SPDX-License-Identifier: Apache-2.0
 *
 * Number formats. Each format is one file (its byte diagram, decoder and integer form) and one row of list.h.
 * Type ids are those of GGUF. Source: the GGUF specification and the published block layouts.
 */
#ifndef HOB_QUANT_QUANT_H
#define HOB_QUANT_QUANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/checked.h"

enum quant_id {
    QUANT_F32 = 0, QUANT_F16 = 1, QUANT_Q4_0 = 2, QUANT_Q4_1 = 3, QUANT_Q5_0 = 6, QUANT_Q5_1 = 7, QUANT_Q8_0 = 8,
    QUANT_Q8_1 = 9, QUANT_Q2_K = 10, QUANT_Q3_K = 11, QUANT_Q4_K = 12, QUANT_Q5_K = 13, QUANT_Q6_K = 14,
    QUANT_Q8_K = 15, QUANT_IQ2_XXS = 16, QUANT_IQ2_XS = 17, QUANT_IQ3_XXS = 18, QUANT_IQ1_S = 19,
    QUANT_IQ4_NL = 20, QUANT_IQ3_S = 21, QUANT_IQ2_S = 22, QUANT_IQ4_XS = 23, QUANT_I8 = 24, QUANT_I16 = 25,
    QUANT_I32 = 26, QUANT_I64 = 27, QUANT_F64 = 28, QUANT_IQ1_M = 29, QUANT_BF16 = 30, QUANT_TQ1_0 = 34,
    QUANT_TQ2_0 = 35, QUANT_MXFP4 = 39, QUANT_NVFP4 = 40, QUANT_Q1_0 = 41, QUANT_Q2_0 = 42,
    QUANT_IDS = 43 /* one past the largest id */
};

#define QUANT_GROUP 32 /* elements of one step of the integer formula */

/* The integer form of 32 elements along k of one row (docs/numerics.md, "Quantized weights"). With a the
 * activation's scale and q8 its integers, part p covers elements [p*32/n_parts, (p+1)*32/n_parts):
 *   isum = sum over its 16-element halves j of scale[j] * (q . q8)_j          (int32; scale is 1 where a type has none)
 *   acc  = fma(s[p] * a, float(isum), acc)
 *   and with a minimum: asum = sum_j min[j] * (sum of q8)_j, acc = fma(-m * a', float(asum), acc) with the
 *   association given in docs/numerics.md.
 */
struct quant_group {
    int16_t q[QUANT_GROUP];
    unsigned n_parts;    /* 1: one float scale for 32 elements; 2: one for each 16 */
    float s[2];
    int32_t scale[2];    /* integer sub-scale of each 16 elements, 1 where the type has none */
    bool has_min;
    float m;
    int32_t min[2];      /* integer sub-minimum of each 16 elements, 1 where the type has none */
};

/* One number format. */
struct quant_type {
    const char *name;        /* as the field writes it: "Q4_K" */
    enum quant_id id;
    uint16_t block_elements; /* elements of a block, along k */
    uint16_t block_bytes;
    bool is_float;           /* F32, F16, BF16, F64: no integer form, activations stay float32 */
    bool is_weight;          /* may be the weight of a matrix product (integers, Q8_1, Q8_K may not) */
    /* Decodes one block into `block_elements` floats: exactly, but for one rounding per element where the
     * value needs more than 24 bits. */
    void (*decode)(const uint8_t *block, float *out);
    /* The integer form of group `g` (0 .. block_elements/32 - 1) of a block; NULL for float types. */
    void (*group)(const uint8_t *block, unsigned g, struct quant_group *out);
};

/* The format of a GGUF type id, or NULL when it is unknown or removed. Thread-safe. */
const struct quant_type *quant_find(uint32_t id);

/* The format of that name, any case, or NULL. */
const struct quant_type *quant_find_name(const char *name);

/* Bytes of a row of `k` elements, or 0 when k is no multiple of the block. */
size_t quant_row_bytes(const struct quant_type *type, size_t k);

/* Decodes `k` elements, a multiple of the block, into `out`. */
void quant_decode_row(const struct quant_type *type, const uint8_t *row, size_t k, float *out);

#endif
