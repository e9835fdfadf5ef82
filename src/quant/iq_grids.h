/* SPDX-License-Identifier: Apache-2.0
 *
 * Codebooks of the I-quants. A row is one packed code: 8 elements of 2 bits or 4 of 3 bits, first element lowest.
 */
#ifndef HOB_QUANT_IQ_GRIDS_H
#define HOB_QUANT_IQ_GRIDS_H

#include <stdint.h>

extern const uint16_t grid_iq2xxs[256], grid_iq2xs[512], grid_iq2s[1024]; /* 8 x 2 bits: 8, 25, 43 */
extern const uint16_t grid_iq1s[2048];                                    /* 8 x 2 bits: -1, 0, 1 */
extern const uint16_t grid_iq3xxs[256]; /* 4 x 3 bits: 4, 12, 20, 28, 36, 44, 52, 62 */
extern const uint16_t grid_iq3s[512];   /* 4 x 3 bits: 2n + 1 */

/* The sign byte that 7 stored bits stand for: the eighth makes the number of minus signs even. */
static inline unsigned grid_signs(unsigned seven)
{
    unsigned parity = seven ^ seven >> 4;
    parity ^= parity >> 2;
    parity ^= parity >> 1;
    return seven | (parity & 1) << 7;
}

#endif
