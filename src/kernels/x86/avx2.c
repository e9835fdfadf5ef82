/* SPDX-License-Identifier: Apache-2.0
 *
 * The AVX2 table: AVX2, FMA and F16C.
 */
#include "kernels/tables.h"

void avx2_init(struct kernels *table)
{
    avx2_rows_init(table);
    avx2_attend_init(table);
    avx2_maximum_init(table);
    avx2_linear_init(table);
}
