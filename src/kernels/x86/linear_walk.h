/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk of x86 linear kernels over columns (rows of x), panels and k, with q8 activations. A panel is walked in
 * tiles of TILE_GROUPS groups of 32 elements along k; the sums of 16 outputs and some columns are kept in memory
 * from tile to tile. What happens in a tile is in the kernels of an instruction set.
 */
#ifndef HOB_KERNELS_X86_LINEAR_WALK_H
#define HOB_KERNELS_X86_LINEAR_WALK_H

#include "kernels/kernels.h"
#include "kernels/panel.h"
#include "kernels/x86/avx2_form.h"

#define TILE_GROUPS 32

/* What a tile needs of one column beside its integers, group by group. */
struct column {
    float a[TILE_GROUPS]; /* the scale */
    union {
        int32_t offset[2][TILE_GROUPS]; /* form.offset * the sum of the integers; of each 16, + SIXTEEN, if two_sums */
        float sum[TILE_GROUPS];         /* a * the sum, for forms with a minimum */
        int32_t lanes[2][TILE_GROUPS];  /* two int16 for each 16, for 6 bits without two sums: form.offset * the sums of
                                           elements 0 and 1 of its granules, and of 2 and 3 */
    };
};

/* acc[n_columns, 16] += columns . weights over n_groups groups, which are groups first .. of the columns. q[c] points
 * to the integers of column c, `w` to the first panel block or to an unpacked tile. */
typedef void tile_fn(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                     const struct column *columns, float *acc);

/* The same from panel blocks, which are also unpacked, for the columns that follow. */
typedef void keep_fn(unsigned n_columns, const uint8_t *w, unsigned first, unsigned n_groups, const int8_t *const *q,
                     const struct column *columns, float *acc, void *tile);

/* The integers of n_groups groups of a column as int16, 64 bytes a group, in the order that a wide_fn wants. */
typedef void widen_fn(const int8_t *q, unsigned n_groups, void *out);

/* What a tile_fn does, from an unpacked tile and such integers. The sums of a column are `stride` floats behind those
 * of the one before, so that they can be made where outputs lie: with many columns, k is walked in short spans. */
typedef void wide_fn(unsigned n_columns, const void *tile, unsigned first, unsigned n_groups, const int8_t *const *q,
                     const struct column *columns, float *sums, size_t stride);

#define WALK_COLUMNS 8 /* of one call of a tile_fn, at most */

/* How a format meets q8 activations: up to `columns` at a time, either from the panel, or from a part of a tile that
 * is unpacked once for `unpack_columns` or more, beforehand or by the first of them. */
struct q8_format {
    const struct form *form;
    unsigned columns;
    tile_fn *from_panel;
    tile_fn *from_tile;                                              /* NULL: unpacking is not worth it, or from_wide */
    void (*unpack)(const uint8_t *w, unsigned n_groups, void *tile); /* NULL: keep does it */
    keep_fn *keep;
    unsigned unpack_groups; /* how many at a time */
    unsigned unpack_columns;
    widen_fn *widen; /* with from_wide, in the place of from_tile */
    wide_fn *from_wide;
};

/* A linear_fn with q8 activations. */
void linear_walk(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch,
                 const struct q8_format *format);

#endif
