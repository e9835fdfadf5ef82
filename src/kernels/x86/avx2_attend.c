/* SPDX-License-Identifier: Apache-2.0
 *
 * AVX2 kernels: attend.
 */
#include "kernels/tables.h"

void avx2_attend_init(struct kernels *table)
{
    (void)table;
}
