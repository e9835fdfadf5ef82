/* SPDX-License-Identifier: Apache-2.0
 *
 * The maximum of a row, 16 partial maxima side by side. The same pass multiplies by zero and adds up: only what is not
 * finite makes that sum NaN.
 */
#include "kernels/tables.h"
#include "kernels/wide/vector.h"

#define PARTS (16 / LANES)

static bool maximum(const float *x, size_t n, float *max)
{
    vec part[PARTS], sum[PARTS], zero = vec_set(0);
    for (unsigned j = 0; j < PARTS; j++) {
        part[j] = vec_set(-__builtin_inff());
        sum[j] = zero;
    }
    for (; n >= 16; n -= 16, x += 16)
        for (unsigned j = 0; j < PARTS; j++) {
            vec here = vec_load(x + j * LANES);
            part[j] = vec_max(here, part[j]);
            sum[j] = vec_fma(here, zero, sum[j]);
        }
    if (n > 0) { /* filled up with what is never larger, and finite where it is added */
        float last[16], finite[16] = {0};
        for (unsigned j = 0; j < 16; j++)
            last[j] = -__builtin_inff();
        for (size_t j = 0; j < n; j++)
            last[j] = finite[j] = x[j];
        for (unsigned j = 0; j < PARTS; j++) {
            part[j] = vec_max(vec_load(last + j * LANES), part[j]);
            sum[j] = vec_fma(vec_load(finite + j * LANES), zero, sum[j]);
        }
    }
    *max = vec_tree_max(part);
    return vec_tree_sum(sum) == 0;
}

void WIDE(maximum_init)(struct kernels *table)
{
    table->maximum = maximum;
}
