/* SPDX-License-Identifier: Apache-2.0
 *
 * AVX2 kernels: linear.
 */
#include "kernels/tables.h"

void avx2_linear_init(struct kernels *table)
{
    (void)table;
}
