/* SPDX-License-Identifier: Apache-2.0
 *
 * The AVX-512 table: AVX-512 F, BW, DQ, VL and VNNI.
 */
#include "kernels/tables.h"

void avx512_init(struct kernels *table)
{
    avx512_attend_init(table);
    avx512_maximum_init(table);
    avx512_linear_init(table);
}
