/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the AVX-512 linear kernels offer each other.
 */
#ifndef HOB_KERNELS_X86_AVX512_LINEAR_H
#define HOB_KERNELS_X86_AVX512_LINEAR_H

#include "kernels/kernels.h"

/* avx512_linear_float.c: overrides linear_f32 of every type. */
void avx512_float_init(struct kernels *table);

#endif
