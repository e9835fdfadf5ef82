/* SPDX-License-Identifier: Apache-2.0
 *
 * Panels: how weights lie in memory. 16 rows (outputs) of a matrix stand side by side, so that the lanes of a vector
 * hold different outputs and no sum is ever split. A panel is K / block_elements panel blocks, in order of k; a panel
 * block holds one block of each of the 16 rows at native bit width, arranged as its type's fast kernels like it.
 * Rows past the last are zero bytes. Panels of a matrix follow each other.
 */
#ifndef HOB_KERNELS_PANEL_H
#define HOB_KERNELS_PANEL_H

#include <hob.h>

#include "quant/quant.h"

#define PANEL_ROWS 16

/* Arrangement of one type. A type without a row of its own has the plain one: the 16 raw blocks in turn. */
struct panel_layout {
    size_t bytes; /* of a panel block; 0: 16 * block_bytes */
    /* 16 raw blocks, `stride` bytes apart, to a panel block, and one row of it back. Exact inverses. */
    void (*pack)(const struct quant_type *type, const uint8_t *raw, size_t stride, uint8_t *out);
    void (*unpack)(const struct quant_type *type, const uint8_t *panel_block, unsigned row, uint8_t *raw);
};

/* The layout of a type. Thread-safe. */
const struct panel_layout *panel_layout(const struct quant_type *type);

/* Whether a type has the plain layout. Thread-safe. */
bool panel_is_plain(const struct quant_type *type);

/* Bytes of a panel block. Thread-safe. */
size_t panel_block_bytes(const struct quant_type *type);

/* Panels that hold n rows. */
static inline size_t panel_count(size_t n)
{
    return n / PANEL_ROWS + (n % PANEL_ROWS != 0);
}

/* Bytes of one panel of rows of `k` elements; false on overflow. */
bool panel_bytes(const struct quant_type *type, size_t k, size_t *bytes);

/* Packs `n_rows` (1..16) raw rows of `k` elements, quant_row_bytes() each, one after the other, into one panel.
 * Missing rows become zero bytes. Thread-safe for distinct outputs. */
void panel_pack(const struct quant_type *type, const uint8_t *rows, size_t n_rows, size_t k, uint8_t *panel);

/* Decodes row `row` of panels `w` into out[K]. Thread-safe. */
void panel_decode_row(const struct quant_type *type, const uint8_t *w, size_t k, size_t row, float *out);

#endif
