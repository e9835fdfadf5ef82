/* SPDX-License-Identifier: Apache-2.0
 *
 * Key and value blocks of the KV cache: 64 positions of one kv head.
 *
 *   key block    F16, F32   [D][64]: dimension d of the 64 keys side by side, so that lanes hold positions
 *                Q8_0       scales [D/32][64] float16, then integers [D][64] int8
 *   value block  F16, F32   [64][DV]
 *                Q8_0       scales [64][DV/32] float16, then integers [64][DV] int8
 *   each rounded up to 64 bytes
 */
#ifndef HOB_KERNELS_CACHE_H
#define HOB_KERNELS_CACHE_H

#include <stddef.h>

#include "kernels/kernels.h"

#define CACHE_BLOCK 64 /* positions of a block */

/* Bytes of a key or value block of dimension d; for CACHE_Q8_0 d is a multiple of 32. */
static inline size_t cache_block_bytes(enum cache_type type, size_t d)
{
    size_t bytes = type == CACHE_F32   ? d * CACHE_BLOCK * 4
                   : type == CACHE_F16 ? d * CACHE_BLOCK * 2
                                       : d * CACHE_BLOCK + d / 32 * CACHE_BLOCK * 2;
    return (bytes + 63) & ~(size_t)63;
}

#endif
