/* SPDX-License-Identifier: Apache-2.0
 *
 * Loops that do nothing but keep one part of a processor busy, to measure what kernels can be compared with.
 */
#ifndef HOB_KERNELS_PEAKS_H
#define HOB_KERNELS_PEAKS_H

#include "kernels/kernels.h"

#define PEAK_CHAINS 12 /* sums that do not wait for each other */

struct peaks {
    /* PEAK_CHAINS products-and-sums of whole registers a step, `..._operations` operations each (a multiplication and
     * an addition are two). The results are returned, so that they are computed. */
    float (*fp32)(size_t steps);
    int32_t (*int8)(size_t steps);
    double fp32_operations, int8_operations;
    const char *int8_name;
    /* Reads n bytes, a multiple of 1024, aligned to 64. */
    uint32_t (*read)(const void *bytes, size_t n);
};

/* The loops of an instruction set that kernels_select() gave a table for, those of plain C where there are no others.
 * Thread-safe. */
const struct peaks *peaks_of(const struct kernels *kernels);

extern const struct peaks plain_peaks, avx2_peaks, avx512_peaks, neon_peaks;

#endif
