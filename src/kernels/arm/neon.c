/* SPDX-License-Identifier: Apache-2.0
 *
 * The NEON table: ARMv8.2 with the dot products of 4 bytes.
 */
#include "kernels/tables.h"

void neon_init(struct kernels *table)
{
    neon_attend_init(table);
    neon_maximum_init(table);
    neon_float_init(table);
    neon_linear_init_dotprod(table);
}
