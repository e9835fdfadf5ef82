/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference table.
 */
#include "kernels/ref/ref.h"
#include "kernels/tables.h"

void REF(ref_init)(struct kernels *table)
{
    REF(ref_linear_init)(table);
    REF(ref_rows_init)(table);
    REF(ref_attend_init)(table);
}
