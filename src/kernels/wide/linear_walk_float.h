/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk of linear kernels over columns (rows of x), panels and k, with float32 activations: one chain of fma for
 * each output, k ascending.
 */
#ifndef HOB_KERNELS_WIDE_LINEAR_WALK_FLOAT_H
#define HOB_KERNELS_WIDE_LINEAR_WALK_FLOAT_H

#include "kernels/kernels.h"
#include "kernels/panel.h"

#define WALK_FLOAT_COLUMNS 8 /* of one step, at most */
#define WALK_PANELS        2 /* more streams of memory at once are slower */

/* acc[p * acc_stride + 16 * c + row] += w . x for n_panels panels, `stride` bytes apart, and n_columns columns, n_k
 * elements. More than one panel (WALK_PANELS of them) only with 1 or 2 columns. */
typedef void float_step_fn(unsigned n_panels, unsigned n_columns, const uint8_t *w, size_t stride, size_t n_k,
                           const float *const *x, float *acc, size_t acc_stride);

/* The steps of an instruction set, for panels of F32, F16 and BF16. */
struct float_steps {
    unsigned columns; /* of one step */
    float_step_fn *f32, *f16, *bf16;
};

/* A linear_fn with float32 activations, for every type. */
void linear_walk_float(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch,
                       const struct float_steps *steps);

#endif
