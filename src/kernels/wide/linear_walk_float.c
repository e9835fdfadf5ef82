/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk of linear kernels with float32 activations, see linear_walk_float.h. Float weights are widened as they
 * are loaded when the columns are few. Otherwise, and for quantized weights, a tile of the panel is decoded to float32
 * once for many columns.
 */
#include <string.h>

#include "kernels/wide/decode.h"
#include "kernels/wide/linear_walk_float.h"

#define SLAB 128 /* columns walked together */

struct f32_scratch {
    float acc[SLAB][PANEL_ROWS];
    float w[DECODE_TILE][PANEL_ROWS];
    struct decode_scratch decode;
};

_Static_assert(sizeof(struct f32_scratch) <= LINEAR_SCRATCH_BYTES, "the scratch holds sums and a tile");

static const float *row_of_x(const struct linear_args *args, size_t t)
{
    return (const float *)((const char *)args->x + t * args->x_stride);
}

/* Rows [t0, t0 + n_t) of y for one panel, from their sums. */
static void store(const struct linear_args *args, size_t panel, size_t t0, size_t n_t, const float *acc)
{
    size_t first = panel * PANEL_ROWS, n = args->n - first < PANEL_ROWS ? args->n - first : PANEL_ROWS;
    float *y = args->y + t0 * args->y_stride + first;
    for (size_t t = 0; t < n_t; t++, y += args->y_stride, acc += PANEL_ROWS)
        if (n == PANEL_ROWS)
            memcpy(y, acc, PANEL_ROWS * sizeof *y);
        else
            memcpy(y, acc, n * sizeof *y);
}

static size_t panel_size(const struct linear_args *args)
{
    return args->k / args->type->block_elements * panel_block_bytes(args->type);
}

/* Few columns, float weights: straight from the panels, two at a time where there would be less than 6 chains. */
static void linear_few(const struct linear_args *args, size_t panel0, size_t panel1, float_step_fn *fn)
{
    size_t bytes = panel_size(args), together = args->t <= 2 ? WALK_PANELS : 1;
    const float *x[WALK_FLOAT_COLUMNS];
    for (size_t t = 0; t < args->t; t++)
        x[t] = row_of_x(args, t);
    for (size_t panel = panel0; panel < panel1;) {
        size_t n = panel1 - panel < together ? 1 : together;
        float acc[WALK_PANELS * WALK_FLOAT_COLUMNS * PANEL_ROWS] = {0};
        size_t acc_stride = args->t * PANEL_ROWS;
        fn((unsigned)n, (unsigned)args->t, args->w + panel * bytes, bytes, args->k, x, acc, acc_stride);
        for (size_t i = 0; i < n; i++, panel++)
            store(args, panel, 0, args->t, acc + i * acc_stride);
    }
}

/* Sums of columns [t0, t0 + n_t) with elements [k0, k0 + n_k) of one panel, decoded to w[n_k, 16]. */
static void tile_columns(const struct linear_args *args, const struct float_steps *steps, size_t t0, size_t n_t,
                         const uint8_t *w, size_t k0, size_t n_k, float (*acc)[PANEL_ROWS])
{
    size_t n_steps = (n_t + steps->columns - 1) / steps->columns;
    for (size_t i = 0, t = 0; i < n_steps; i++) {
        size_t n_columns = (n_t - t + n_steps - i - 1) / (n_steps - i);
        const float *x[WALK_FLOAT_COLUMNS];
        for (size_t c = 0; c < n_columns; c++)
            x[c] = row_of_x(args, t0 + t + c) + k0;
        steps->f32(1, (unsigned)n_columns, w, 0, n_k, x, acc[t], 0);
        t += n_columns;
    }
}

static void linear_tiled(const struct linear_args *args, size_t panel0, size_t panel1, struct f32_scratch *scratch,
                         const struct float_steps *steps)
{
    size_t tile_bytes = DECODE_TILE / args->type->block_elements * panel_block_bytes(args->type);
    size_t n_slabs = (args->t + SLAB - 1) / SLAB, even = (args->t + n_slabs - 1) / n_slabs;
    for (size_t t0 = 0; t0 < args->t; t0 += even) {
        size_t n_t = args->t - t0 < even ? args->t - t0 : even;
        for (size_t panel = panel0; panel < panel1; panel++) {
            const uint8_t *w = args->w + panel * panel_size(args);
            memset(scratch->acc, 0, n_t * sizeof *scratch->acc);
            for (size_t k0 = 0; k0 < args->k; k0 += DECODE_TILE, w += tile_bytes) {
                size_t n_k = args->k - k0 < DECODE_TILE ? args->k - k0 : DECODE_TILE;
                const uint8_t *tile = w;
                if (args->type->id != QUANT_F32) {
                    decode_tile(args->type, w, n_k, scratch->w, &scratch->decode);
                    tile = (const uint8_t *)scratch->w;
                }
                tile_columns(args, steps, t0, n_t, tile, k0, n_k, scratch->acc);
            }
            store(args, panel, t0, n_t, *scratch->acc);
        }
    }
}

void linear_walk_float(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch,
                       const struct float_steps *steps)
{
    float_step_fn *fn = args->type->id == QUANT_F32    ? steps->f32
                        : args->type->id == QUANT_F16  ? steps->f16
                        : args->type->id == QUANT_BF16 ? steps->bf16
                                                       : NULL;
    if (args->t == 0)
        return;
    if (fn && args->t <= steps->columns)
        linear_few(args, panel0, panel1, fn);
    else
        linear_tiled(args, panel0, panel1, scratch, steps);
}
