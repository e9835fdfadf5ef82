/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the AVX2 linear kernels share. A panel is walked in tiles of TILE_GROUPS groups of 32 elements
 * along k; the sums of 16 outputs and some columns (rows of x) are kept in memory from tile to tile.
 */
#ifndef HOB_KERNELS_X86_AVX2_LINEAR_H
#define HOB_KERNELS_X86_AVX2_LINEAR_H

#include "kernels/kernels.h"
#include "kernels/panel.h"
#include "kernels/x86/avx2_dot.h"

#define TILE_GROUPS 32

/* What a tile needs of one column beside its integers, group by group. */
struct column {
    float a[TILE_GROUPS]; /* the scale */
    union {
        int32_t offset[TILE_GROUPS]; /* form.offset * the sum of the integers */
        float sum[TILE_GROUPS];      /* a * the sum, for forms with a minimum */
        int32_t halves[TILE_GROUPS]; /* the int16 sums of both 16, for 6 bits */
    };
};

/* acc[n_columns, 16] += columns . weights over n_groups groups, which are groups first .. of the columns. q[c] points
 * to the integers of column c, `w` to the first panel block or to an unpacked tile. */
typedef void tile_fn(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                     const struct column *columns, float *acc);

/* How a format meets q8 activations: up to MAX_COLUMNS at a time, either from the panel, or from a part of a tile
 * that is unpacked once for many columns. */
struct q8_format {
    const struct form *form;
    tile_fn *from_panel;
    tile_fn *from_tile; /* NULL: not worth it */
    void (*unpack)(const uint8_t *w, unsigned n_groups, void *tile);
    unsigned unpack_groups; /* how many at a time */
};

/* avx2_linear_panel.c: the formats by type id; those without kernels have no from_panel. */
extern const struct q8_format avx2_q8_formats[QUANT_IDS];

/* avx2_linear_bytes.c: Q8_0 by tiles. */
#define BYTES_TILE_GROUPS 16
void avx2_bytes_unpack(const uint8_t *w, unsigned n_groups, void *tile);
tile_fn avx2_bytes_tile;

/* avx2_linear_float.c: overrides linear_f32 of every type. */
void avx2_float_init(struct kernels *table);

#endif
