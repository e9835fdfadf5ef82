/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the AVX2 linear kernels offer each other.
 */
#ifndef HOB_KERNELS_X86_AVX2_LINEAR_H
#define HOB_KERNELS_X86_AVX2_LINEAR_H

#include "kernels/x86/linear_walk.h"

/* Whether weights that are read once are prefetched by instruction far ahead, set by avx2_linear_init(). Measured: with
 * AVX2 only (Zen 3) that reads 1.2 to 1.3 times as fast, on cores with AVX-512 (Zen 4) 0.75 to 0.95 times. */
extern bool avx2_prefetches;

#define BYTES_TILE_GROUPS 16

/* avx2_linear_bytes.c: Q8_0 by tiles. */
void avx2_bytes_unpack(const uint8_t *w, unsigned n_groups, void *tile);
widen_fn avx2_bytes_widen;
wide_fn avx2_bytes_wide;

/* avx2_linear_float.c: overrides linear_f32 of every type. */
void avx2_float_init(struct kernels *table);

#endif
