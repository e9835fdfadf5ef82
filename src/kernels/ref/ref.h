/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference kernels: docs/numerics.md in C. The files of this folder are compiled twice, plain, and with
 * REF_FMA defined for processors with AVX2 and FMA, where the compiler puts 16 outputs into vector lanes. Both give
 * the same bits.
 */
#ifndef HOB_KERNELS_REF_REF_H
#define HOB_KERNELS_REF_REF_H

#include "kernels/kernels.h"

#ifdef REF_FMA
#define REF(name) name##_fma
#else
#define REF(name) name##_plain
#endif

/* Fills a part of the table. */
void REF(ref_linear_init)(struct kernels *table);
void REF(ref_rows_init)(struct kernels *table);
void REF(ref_attend_init)(struct kernels *table);

/* The sum of 16 partial sums: the tree 8, 4, 2, 1. Changes `part`. */
static inline float ref_tree_sum(float part[16])
{
    for (unsigned width = 8; width > 0; width /= 2)
        for (unsigned i = 0; i < width; i++)
            part[i] += part[i + width];
    return part[0];
}

/* `max` of docs/numerics.md: b where either is NaN. */
static inline float ref_max(float a, float b)
{
    return a > b ? a : b;
}

/* The largest of 16 partial maxima, in the same tree. Changes `part`. */
static inline float ref_tree_max(float part[16])
{
    for (unsigned width = 8; width > 0; width /= 2)
        for (unsigned i = 0; i < width; i++)
            part[i] = ref_max(part[i], part[i + width]);
    return part[0];
}

#endif
