/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions that fill the tables, one for each way the kernels are compiled. A table starts as a copy of the best
 * reference, and an init function overrides the entries it has something faster for; it may run only on a processor
 * that has the instructions.
 */
#ifndef HOB_KERNELS_TABLES_H
#define HOB_KERNELS_TABLES_H

#include "kernels/kernels.h"

/* ref/: fill the whole table. */
void ref_init_plain(struct kernels *table);
void ref_init_fma(struct kernels *table);

/* x86/: put their functions over those of the table. */
void avx2_init(struct kernels *table);
void avx2_rows_init(struct kernels *table);
void avx2_attend_init(struct kernels *table);
void avx2_maximum_init(struct kernels *table);
void avx2_linear_init(struct kernels *table);
void avx512_init(struct kernels *table); /* over a table of AVX2; wants VNNI too */
void avx512_attend_init(struct kernels *table);
void avx512_maximum_init(struct kernels *table);
void avx512_linear_init(struct kernels *table);

/* arm/: the same. */
void neon_init(struct kernels *table); /* wants the dot products of 4 bytes */
void neon_attend_init(struct kernels *table);
void neon_maximum_init(struct kernels *table);
void neon_float_init(struct kernels *table);
void neon_linear_init_dotprod(struct kernels *table);
void neon_linear_init_i8mm(struct kernels *table); /* over a table of NEON; wants i8mm too */

#endif
