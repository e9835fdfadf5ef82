/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of panel layouts, the plain layout, and packing and decoding by way of them.
 *
 *   plain panel block   row 0's raw block | row 1's | .. | row 15's
 */
#include <string.h>

#include "kernels/panel.h"
#include "kernels/panel_layouts.h"

#define MAX_BLOCK_ELEMENTS 256
#define MAX_BLOCK_BYTES    292

static void plain_pack(const struct quant_type *type, const uint8_t *raw, size_t stride, uint8_t *out)
{
    for (unsigned row = 0; row < PANEL_ROWS; row++)
        memcpy(out + row * (size_t)type->block_bytes, raw + row * stride, type->block_bytes);
}

static void plain_unpack(const struct quant_type *type, const uint8_t *panel_block, unsigned row, uint8_t *raw)
{
    memcpy(raw, panel_block + row * (size_t)type->block_bytes, type->block_bytes);
}

static const struct panel_layout plain = {.pack = plain_pack, .unpack = plain_unpack};

/* Types that are not here have the plain layout. */
static const struct panel_layout *const layouts[QUANT_IDS] = {
    [QUANT_Q4_0] = &panel_q4_0, [QUANT_Q4_1] = &panel_q4_1, [QUANT_Q5_0] = &panel_q5_0, [QUANT_Q5_1] = &panel_q5_1,
    [QUANT_Q8_0] = &panel_q8_0, [QUANT_Q4_K] = &panel_q4_k, [QUANT_Q5_K] = &panel_q5_k, [QUANT_Q6_K] = &panel_q6_k,
};

const struct panel_layout *panel_layout(const struct quant_type *type)
{
    return layouts[type->id] ? layouts[type->id] : &plain;
}

bool panel_is_plain(const struct quant_type *type)
{
    return panel_layout(type) == &plain;
}

size_t panel_block_bytes(const struct quant_type *type)
{
    size_t bytes = panel_layout(type)->bytes;
    return bytes ? bytes : PANEL_ROWS * (size_t)type->block_bytes;
}

bool panel_bytes(const struct quant_type *type, size_t k, size_t *bytes)
{
    return size_mul(k / type->block_elements, panel_block_bytes(type), bytes);
}

/* panel_pack() of 16 rows of single elements, for which calling the layout for each would take most of the time. */
static inline void pack_elements(size_t element_bytes, const uint8_t *rows, size_t row_bytes, uint8_t *panel)
{
    for (size_t at = 0; at < row_bytes; at += element_bytes)
        for (size_t row = 0; row < PANEL_ROWS; row++, panel += element_bytes)
            memcpy(panel, rows + row * row_bytes + at, element_bytes);
}

void panel_pack(const struct quant_type *type, const uint8_t *rows, size_t n_rows, size_t k, uint8_t *panel)
{
    const struct panel_layout *layout = panel_layout(type);
    size_t row_bytes = quant_row_bytes(type, k), block_bytes = panel_block_bytes(type);
    uint8_t blocks[PANEL_ROWS * MAX_BLOCK_BYTES];
    if (n_rows == PANEL_ROWS && type->block_elements == 1 && type->block_bytes == 2) {
        pack_elements(2, rows, row_bytes, panel);
        return;
    }
    if (n_rows == PANEL_ROWS && type->block_elements == 1 && type->block_bytes == 4) {
        pack_elements(4, rows, row_bytes, panel);
        return;
    }
    if (n_rows < PANEL_ROWS)
        memset(blocks, 0, sizeof blocks);
    for (size_t at = 0; at < row_bytes; at += type->block_bytes, panel += block_bytes) {
        if (n_rows == PANEL_ROWS) {
            layout->pack(type, rows + at, row_bytes, panel);
            continue;
        }
        for (size_t row = 0; row < n_rows; row++)
            memcpy(blocks + row * type->block_bytes, rows + row * row_bytes + at, type->block_bytes);
        layout->pack(type, blocks, type->block_bytes, panel);
    }
}

void panel_decode_row(const struct quant_type *type, const uint8_t *w, size_t k, size_t row, float *out)
{
    const struct panel_layout *layout = panel_layout(type);
    size_t n_blocks = k / type->block_elements, block_bytes = panel_block_bytes(type);
    const uint8_t *block = w + row / PANEL_ROWS * n_blocks * block_bytes;
    for (size_t i = 0; i < n_blocks; i++, block += block_bytes, out += type->block_elements) {
        uint8_t raw[MAX_BLOCK_BYTES];
        layout->unpack(type, block, row % PANEL_ROWS, raw);
        quant_decode_block(type, raw, out);
    }
}
