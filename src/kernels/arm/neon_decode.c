/* SPDX-License-Identifier: Apache-2.0
 *
 * Tiles of panels as float32: 16-bit floats in registers, other types row by row through quant/.
 */
#include "kernels/wide/decode.h"
#include "kernels/wide/vector.h"

static void decode_f16(const uint8_t *panel, size_t n_k, float *w)
{
    for (size_t i = 0; i < n_k * PANEL_ROWS; i += LANES)
        vec_store(w + i, vec_halves((const uint16_t *)panel + i));
}

static void decode_other(const struct quant_type *type, const uint8_t *panel, size_t n_k, float (*w)[PANEL_ROWS],
                         struct decode_scratch *scratch)
{
    const struct panel_layout *layout = panel_layout(type);
    size_t block_bytes = panel_block_bytes(type);
    for (unsigned row = 0; row < PANEL_ROWS; row++) {
        const uint8_t *block = panel;
        for (size_t k = 0; k < n_k; k += type->block_elements, block += block_bytes) {
            layout->unpack(type, block, row, scratch->raw);
            quant_decode_block(type, scratch->raw, scratch->row + k);
        }
        for (size_t k = 0; k < n_k; k++)
            w[k][row] = scratch->row[k];
    }
}

void decode_tile(const struct quant_type *type, const uint8_t *panel, size_t n_k, float (*w)[PANEL_ROWS],
                 struct decode_scratch *scratch)
{
    if (type->id == QUANT_F16)
        decode_f16(panel, n_k, *w);
    else
        decode_other(type, panel, n_k, w, scratch);
}
