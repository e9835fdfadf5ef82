/* SPDX-License-Identifier: Apache-2.0
 *
 * AVX2 linear kernels with float32 activations. One chain of fma for each output, k ascending, so speed comes from
 * many outputs at a time: 16 rows by 6 columns, or some panels by 1 or 2 columns. Float weights are widened as they
 * are loaded when the columns are few. Otherwise, and for quantized weights, a tile of the panel is decoded to float32
 * once for many columns.
 */
#include "kernels/x86/avx2_decode.h"
#include "kernels/x86/avx2_linear.h"

#define COLUMNS    6   /* of one step: 12 sums, 2 weights and an activation are 15 of 16 registers */
#define MAX_PANELS 2   /* more streams of memory at once are slower */
#define SLAB       128 /* columns walked together */
#define AHEAD      2048

struct f32_scratch {
    float acc[SLAB][PANEL_ROWS];
    float w[DECODE_TILE][PANEL_ROWS];
    struct decode_scratch decode;
};

_Static_assert(sizeof(struct f32_scratch) <= LINEAR_SCRATCH_BYTES, "the scratch holds sums and a tile");

/* Weights of element k of rows 8h .. 8h + 7. */
static ALWAYS_INLINE __m256 weights(enum quant_id id, const uint8_t *panel, size_t k, unsigned h)
{
    size_t at = k * PANEL_ROWS + 8 * h;
    if (id == QUANT_F16)
        return load_halves(panel + at * 2);
    if (id == QUANT_BF16) {
        __m128i half = _mm_loadu_si128((const __m128i *)(panel + at * 2));
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
    }
    return _mm256_loadu_ps((const float *)(panel + at * 4));
}

/* acc[n_panels][c][16] += w . x for n_columns columns, n_k elements; panels are `stride` bytes apart, sums of a column
 * and the next panel acc_stride floats. */
static ALWAYS_INLINE void step(enum quant_id id, unsigned n_panels, unsigned n_columns, const uint8_t *w, size_t stride,
                               size_t n_k, const float *const *x, float *acc, size_t acc_stride)
{
    const unsigned element_bytes = id == QUANT_F32 ? 4 : 2;
    __m256 sum[MAX_PANELS][COLUMNS][2];
#pragma GCC unroll 8
    for (unsigned p = 0; p < n_panels; p++)
#pragma GCC unroll 8
        for (unsigned c = 0; c < n_columns; c++)
#pragma GCC unroll 8
            for (unsigned h = 0; h < 2; h++)
                sum[p][c][h] = _mm256_loadu_ps(acc + p * acc_stride + c * PANEL_ROWS + 8 * h);
    for (size_t k = 0; k < n_k; k++) {
#pragma GCC unroll 8
        for (unsigned p = 0; p < n_panels; p++) {
            const uint8_t *panel = w + p * stride;
            __m256 first = weights(id, panel, k, 0), second = weights(id, panel, k, 1);
            if (n_columns <= 2)
                _mm_prefetch(panel + k * PANEL_ROWS * element_bytes + AHEAD, _MM_HINT_T0);
#pragma GCC unroll 8
            for (unsigned c = 0; c < n_columns; c++) {
                __m256 value = _mm256_set1_ps(x[c][k]);
                sum[p][c][0] = _mm256_fmadd_ps(first, value, sum[p][c][0]);
                sum[p][c][1] = _mm256_fmadd_ps(second, value, sum[p][c][1]);
            }
        }
    }
#pragma GCC unroll 8
    for (unsigned p = 0; p < n_panels; p++)
#pragma GCC unroll 8
        for (unsigned c = 0; c < n_columns; c++)
#pragma GCC unroll 8
            for (unsigned h = 0; h < 2; h++)
                _mm256_storeu_ps(acc + p * acc_stride + c * PANEL_ROWS + 8 * h, sum[p][c][h]);
}

/* step() for the panels and columns there are functions for: (2, 1 .. 2) and (1, 1 .. 6). */
static ALWAYS_INLINE void any_step(enum quant_id id, unsigned n_panels, unsigned n_columns, const uint8_t *w,
                                   size_t stride, size_t n_k, const float *const *x, float *acc, size_t acc_stride)
{
    if (n_panels == 2 && n_columns == 1)
        step(id, 2, 1, w, stride, n_k, x, acc, acc_stride);
    else if (n_panels == 2)
        step(id, 2, 2, w, stride, n_k, x, acc, acc_stride);
    else if (n_columns == 1)
        step(id, 1, 1, w, stride, n_k, x, acc, acc_stride);
    else if (n_columns == 2)
        step(id, 1, 2, w, stride, n_k, x, acc, acc_stride);
    else if (n_columns == 3)
        step(id, 1, 3, w, stride, n_k, x, acc, acc_stride);
    else if (n_columns == 4)
        step(id, 1, 4, w, stride, n_k, x, acc, acc_stride);
    else if (n_columns == 5)
        step(id, 1, 5, w, stride, n_k, x, acc, acc_stride);
    else
        step(id, 1, 6, w, stride, n_k, x, acc, acc_stride);
}

typedef void step_fn(unsigned n_panels, unsigned n_columns, const uint8_t *w, size_t stride, size_t n_k,
                     const float *const *x, float *acc, size_t acc_stride);

static void step_f32(unsigned n_panels, unsigned n_columns, const uint8_t *w, size_t stride, size_t n_k,
                     const float *const *x, float *acc, size_t acc_stride)
{
    any_step(QUANT_F32, n_panels, n_columns, w, stride, n_k, x, acc, acc_stride);
}

static void step_f16(unsigned n_panels, unsigned n_columns, const uint8_t *w, size_t stride, size_t n_k,
                     const float *const *x, float *acc, size_t acc_stride)
{
    any_step(QUANT_F16, n_panels, n_columns, w, stride, n_k, x, acc, acc_stride);
}

static void step_bf16(unsigned n_panels, unsigned n_columns, const uint8_t *w, size_t stride, size_t n_k,
                      const float *const *x, float *acc, size_t acc_stride)
{
    any_step(QUANT_BF16, n_panels, n_columns, w, stride, n_k, x, acc, acc_stride);
}

static const float *row_of_x(const struct linear_args *args, size_t t)
{
    return (const float *)((const char *)args->x + t * args->x_stride);
}

/* Rows [t0, t0 + n_t) of y for one panel, from their sums. */
static void store(const struct linear_args *args, size_t panel, size_t t0, size_t n_t, const float *acc)
{
    size_t first = panel * PANEL_ROWS, n = args->n - first < PANEL_ROWS ? args->n - first : PANEL_ROWS;
    for (size_t t = 0; t < n_t; t++)
        memcpy(args->y + (t0 + t) * args->y_stride + first, acc + t * PANEL_ROWS, n * sizeof(float));
}

static size_t panel_size(const struct linear_args *args)
{
    return args->k / args->type->block_elements * panel_block_bytes(args->type);
}

/* Few columns, float weights: straight from the panels, two at a time where there would be less than 6 chains. */
static void linear_few(const struct linear_args *args, size_t panel0, size_t panel1, step_fn *fn)
{
    size_t bytes = panel_size(args), together = args->t <= 2 ? MAX_PANELS : 1;
    const float *x[COLUMNS];
    for (size_t t = 0; t < args->t; t++)
        x[t] = row_of_x(args, t);
    for (size_t panel = panel0; panel < panel1;) {
        size_t n = panel1 - panel < together ? 1 : together;
        float acc[MAX_PANELS * COLUMNS * PANEL_ROWS] = {0};
        size_t acc_stride = args->t * PANEL_ROWS;
        fn((unsigned)n, (unsigned)args->t, args->w + panel * bytes, bytes, args->k, x, acc, acc_stride);
        for (size_t i = 0; i < n; i++, panel++)
            store(args, panel, 0, args->t, acc + i * acc_stride);
    }
}

/* Sums of columns [t0, t0 + n_t) with elements [k0, k0 + n_k) of one panel, decoded to w[n_k, 16]. */
static void tile_columns(const struct linear_args *args, size_t t0, size_t n_t, const uint8_t *w, size_t k0, size_t n_k,
                         float (*acc)[PANEL_ROWS])
{
    size_t n_steps = (n_t + COLUMNS - 1) / COLUMNS;
    for (size_t i = 0, t = 0; i < n_steps; i++) {
        size_t n_columns = (n_t - t + n_steps - i - 1) / (n_steps - i);
        const float *x[COLUMNS];
        for (size_t c = 0; c < n_columns; c++)
            x[c] = row_of_x(args, t0 + t + c) + k0;
        step_f32(1, (unsigned)n_columns, w, 0, n_k, x, acc[t], 0);
        t += n_columns;
    }
}

static void linear_tiled(const struct linear_args *args, size_t panel0, size_t panel1, struct f32_scratch *scratch)
{
    size_t tile_bytes = DECODE_TILE / args->type->block_elements * panel_block_bytes(args->type);
    for (size_t t0 = 0; t0 < args->t; t0 += SLAB) {
        size_t n_t = args->t - t0 < SLAB ? args->t - t0 : SLAB;
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
                tile_columns(args, t0, n_t, tile, k0, n_k, scratch->acc);
            }
            store(args, panel, t0, n_t, *scratch->acc);
        }
    }
}

static void linear_f32(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch)
{
    step_fn *fn = args->type->id == QUANT_F32    ? step_f32
                  : args->type->id == QUANT_F16  ? step_f16
                  : args->type->id == QUANT_BF16 ? step_bf16
                                                 : NULL;
    if (fn && args->t <= COLUMNS)
        linear_few(args, panel0, panel1, fn);
    else
        linear_tiled(args, panel0, panel1, scratch);
}

void avx2_float_init(struct kernels *table)
{
    for (unsigned id = 0; id < QUANT_IDS; id++)
        if (table->linear_f32[id])
            table->linear_f32[id] = linear_f32;
}
