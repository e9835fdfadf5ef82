/* SPDX-License-Identifier: Apache-2.0
 *
 * Tiles of panels as float32.
 */
#ifndef HOB_KERNELS_WIDE_DECODE_H
#define HOB_KERNELS_WIDE_DECODE_H

#include "kernels/panel.h"

#define DECODE_TILE 256 /* elements along k: every block size divides it */

struct decode_scratch {
    float row[DECODE_TILE];
    uint8_t raw[512]; /* a raw block */
};

/* Elements [0, n_k) of 16 rows, w[n_k, 16], from a panel of any type; n_k (1..DECODE_TILE) is a multiple of the block.
 * The same bits as quant_decode_block(). Thread-safe for distinct outputs. */
void decode_tile(const struct quant_type *type, const uint8_t *panel, size_t n_k, float (*w)[PANEL_ROWS],
                 struct decode_scratch *scratch);

#endif
