/* SPDX-License-Identifier: Apache-2.0
 *
 * AVX2 kernels: rows.
 */
#include "kernels/tables.h"

void avx2_rows_init(struct kernels *table)
{
    (void)table;
}
