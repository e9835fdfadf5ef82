/* SPDX-License-Identifier: Apache-2.0
 *
 * The walk of linear kernels with float32 activations, see linear_walk_float.h. Float weights are widened as they
 * are loaded; of quantized ones a tile of the panel is decoded to float32 once for many columns.
 */
#include <string.h>

#include "kernels/wide/decode.h"
#include "kernels/wide/linear_walk_float.h"

#define SLAB       128          /* columns walked together */
#define SPAN_BYTES (512 * 1024) /* of the columns' elements that panels are walked with: half of a level 2 cache */

struct f32_scratch {
    float acc[SLAB][PANEL_ROWS];
    float w[DECODE_TILE][PANEL_ROWS];
    struct decode_scratch decode;
};

_Static_assert(sizeof(struct f32_scratch) <= SCRATCH_BYTES, "the scratch holds sums and a tile");

static const float *row_of_x(const struct linear_args *args, size_t t)
{
    return (const float *)((const char *)args->x + t * args->x_stride);
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Columns [t0, t0 + n_t) of y for one panel, from their sums; and back. Outputs past N stay out. */
static void sums_store(const struct linear_args *args, size_t panel, size_t t0, size_t n_t, const float *acc)
{
    size_t first = panel * PANEL_ROWS, n = min_size(args->n - first, PANEL_ROWS);
    float *y = args->y + t0 * args->y_stride + first;
    for (size_t t = 0; t < n_t; t++, y += args->y_stride, acc += PANEL_ROWS)
        if (n == PANEL_ROWS)
            memcpy(y, acc, PANEL_ROWS * sizeof *y);
        else
            memcpy(y, acc, n * sizeof *y);
}

static void sums_load(const struct linear_args *args, size_t panel, size_t t0, size_t n_t, float *acc)
{
    size_t first = panel * PANEL_ROWS, n = min_size(args->n - first, PANEL_ROWS);
    const float *y = args->y + t0 * args->y_stride + first;
    for (size_t t = 0; t < n_t; t++, y += args->y_stride, acc += PANEL_ROWS)
        if (n == PANEL_ROWS)
            memcpy(acc, y, PANEL_ROWS * sizeof *y);
        else
            memcpy(acc, y, n * sizeof *y);
}

/* Asks for the place of the sums of a panel: a line in every row of y (its first, if rows are not aligned), which
 * together are more than the caches hold. */
static void sums_prefetch(const struct linear_args *args, size_t panel, size_t t0, size_t n_t)
{
    const float *y = args->y + t0 * args->y_stride + panel * PANEL_ROWS;
    for (size_t t = 0; t < n_t; t++, y += args->y_stride)
        __builtin_prefetch(y, 1, 2);
}

static size_t panel_size(const struct linear_args *args)
{
    return args->k / args->type->block_elements * panel_block_bytes(args->type);
}

/* Few columns, float weights: straight from the panels, two at a time where there would be less than 6 chains. */
static void linear_few(const struct linear_args *args, size_t panel0, size_t panel1, float_step_fn *step)
{
    size_t bytes = panel_size(args), together = args->t <= 2 ? WALK_PANELS : 1;
    const float *x[WALK_FLOAT_COLUMNS];
    for (size_t t = 0; t < args->t; t++)
        x[t] = row_of_x(args, t);
    for (size_t panel = panel0; panel < panel1;) {
        size_t n = panel1 - panel < together ? 1 : together;
        float acc[WALK_PANELS * WALK_FLOAT_COLUMNS * PANEL_ROWS] = {0};
        size_t acc_stride = args->t * PANEL_ROWS;
        step((unsigned)n, (unsigned)args->t, args->w + panel * bytes, bytes, args->k, x, acc, acc_stride);
        for (size_t i = 0; i < n; i++, panel++)
            sums_store(args, panel, 0, args->t, acc + i * acc_stride);
    }
}

/* Some columns and a span of k, which every panel is walked with before the next span: so the columns' elements stay in
 * the level 2 cache. */
struct slab {
    const struct linear_args *args;
    float_step_fn *step;
    unsigned step_columns;
    bool decoded;   /* its step is for float32, to which tiles are decoded */
    size_t t0, n_t; /* columns */
    size_t k0, n_k; /* elements */
};

/* Sums of the columns with elements [k0, k0 + n_k) of one panel, which start at w. The `ahead_bytes` at `ahead` are
 * prefetched meanwhile, a share before each step. */
static void tile_columns(const struct slab *slab, const uint8_t *w, size_t k0, size_t n_k, float (*acc)[PANEL_ROWS],
                         const uint8_t *ahead, size_t ahead_bytes)
{
    size_t n_steps = (slab->n_t + slab->step_columns - 1) / slab->step_columns;
    for (size_t i = 0, t = 0; i < n_steps; i++) {
        size_t n_columns = (slab->n_t - t + n_steps - i - 1) / (n_steps - i);
        const float *x[WALK_FLOAT_COLUMNS];
        for (size_t at = ahead_bytes * i / n_steps / 64 * 64; at < ahead_bytes * (i + 1) / n_steps / 64 * 64; at += 64)
            __builtin_prefetch(ahead + at, 0, 2);
        for (size_t c = 0; c < n_columns; c++)
            x[c] = row_of_x(slab->args, slab->t0 + t + c) + k0;
        slab->step(1, (unsigned)n_columns, w, 0, n_k, x, acc[t], 0);
        t += n_columns;
    }
}

static void slab_panels(const struct slab *slab, size_t panel0, size_t panel1, struct f32_scratch *scratch)
{
    const struct linear_args *args = slab->args;
    size_t block_elements = args->type->block_elements, block_bytes = panel_block_bytes(args->type);
    for (size_t panel = panel0; panel < panel1; panel++) {
        const uint8_t *span = args->w + panel * panel_size(args) + slab->k0 / block_elements * block_bytes, *w = span;
        if (slab->k0 > 0)
            sums_load(args, panel, slab->t0, slab->n_t, *scratch->acc);
        else
            memset(scratch->acc, 0, slab->n_t * sizeof *scratch->acc);
        if (panel + 1 < panel1)
            sums_prefetch(args, panel + 1, slab->t0, slab->n_t);
        for (size_t at = 0, n_k; at < slab->n_k; at += n_k) {
            n_k = min_size(slab->n_k - at, DECODE_TILE);
            bool last = at + n_k == slab->n_k; /* of this panel in this span: the next panel's first comes next */
            size_t bytes = n_k / block_elements * block_bytes;
            const uint8_t *tile = w, *next = last ? span + panel_size(args) : w + bytes;
            if (slab->decoded) {
                decode_tile(args->type, w, n_k, scratch->w, &scratch->decode);
                tile = (const uint8_t *)scratch->w;
            }
            tile_columns(slab, tile, slab->k0 + at, n_k, scratch->acc, next, last && panel + 1 == panel1 ? 0 : bytes);
            w = next;
        }
        sums_store(args, panel, slab->t0, slab->n_t, *scratch->acc);
    }
}

static void linear_tiled(const struct linear_args *args, size_t panel0, size_t panel1, struct f32_scratch *scratch,
                         const struct float_steps *steps, float_step_fn *step)
{
    size_t n_slabs = (args->t + SLAB - 1) / SLAB, even = (args->t + n_slabs - 1) / n_slabs;
    size_t span = SPAN_BYTES / (even * sizeof(float)) / DECODE_TILE * DECODE_TILE;
    for (size_t t0 = 0; t0 < args->t; t0 += even)
        for (size_t k0 = 0; k0 < args->k; k0 += span) {
            struct slab slab = {.args = args,
                                .step = step ? step : steps->f32,
                                .step_columns = steps->columns,
                                .decoded = !step,
                                .t0 = t0,
                                .n_t = min_size(args->t - t0, even),
                                .k0 = k0,
                                .n_k = min_size(args->k - k0, span)};
            slab_panels(&slab, panel0, panel1, scratch);
        }
}

void linear_walk_float(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch,
                       const struct float_steps *steps)
{
    float_step_fn *step = args->type->id == QUANT_F32    ? steps->f32
                          : args->type->id == QUANT_F16  ? steps->f16
                          : args->type->id == QUANT_BF16 ? steps->bf16
                                                         : NULL;
    if (args->t == 0)
        return;
    if (step && args->t <= steps->columns)
        linear_few(args, panel0, panel1, step);
    else
        linear_tiled(args, panel0, panel1, scratch, steps, step);
}
