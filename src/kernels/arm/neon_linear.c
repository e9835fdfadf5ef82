/* SPDX-License-Identifier: Apache-2.0
 *
 * NEON linear kernels with q8 activations, for Q4_0, Q8_0, Q4_K and Q6_K. A register is 4 rows by 4 elements along k,
 * and one instruction adds their products with 4 activations to 4 exact int32 sums. Compiled a second time with
 * NEON_I8MM, where one instruction adds the products of 2 rows by 8 elements with 2 columns.
 */
#include <arm_neon.h>
#include <string.h>

#include "kernels/activation.h"
#include "kernels/panel.h"
#include "kernels/panel_words.h"
#include "kernels/tables.h"

#define INLINE static inline __attribute__((always_inline))

#define COLUMNS 4 /* of one tile */
#define QUADS   4 /* registers of 4 rows */

/* How a format's panel block is made (panel_q32.c, panel_kquants.c). */
struct form {
    unsigned bits, groups, head_bytes, group_bytes;
    int offset; /* what makes the unsigned integers weights */
    bool has_min;
};

static const struct form form_q4_0 = {4, 1, 32, 256, -8, false};
static const struct form form_q8_0 = {8, 1, 32, 512, 0, false};
static const struct form form_q4_k = {4, 8, 256, 256, 0, true};
static const struct form form_q6_k = {6, 8, 288, 384, -32, false};

/* The integers of the 8 granules of a group, for rows 4h .. 4h + 3. */
INLINE void integers(struct form form, const uint8_t *lines, unsigned h, int8x16_t w[8])
{
    lines += (size_t)h * 16;
    const int8x16_t offset = vdupq_n_s8((int8_t)form.offset);
    for (unsigned i = 0; i < 8; i++) {
        uint8x16_t line = vld1q_u8(lines + word_at(form.bits == 8 ? i : i % 4, 0));
        if (form.bits == 8) {
            w[i] = vreinterpretq_s8_u8(line);
            continue;
        }
        uint8x16_t low = i < 4 ? vandq_u8(line, vdupq_n_u8(15)) : vshrq_n_u8(line, 4);
        if (form.bits == 6) {
            uint8x16_t pairs = vld1q_u8(lines + word_at(4 + i / 4, 0));
            int8x16_t down = vdupq_n_s8((int8_t)(-2 * (int)(i % 4)));
            pairs = vandq_u8(vshlq_u8(pairs, down), vdupq_n_u8(3));
            low = vorrq_u8(low, vshlq_n_u8(pairs, 4));
        }
        w[i] = vaddq_s8(vreinterpretq_s8_u8(low), offset);
    }
}

/* Four float16, and four bytes, as float32. */
INLINE float32x4_t halves(const uint8_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
}

INLINE float32x4_t bytes(const uint8_t *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    uint8x8_t four = vreinterpret_u8_u32(vdup_n_u32(word));
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(four))));
}

/* Four integer scales. */
INLINE int32x4_t signed_bytes(const uint8_t *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    int8x8_t four = vreinterpret_s8_u32(vdup_n_u32(word));
    return vmovl_s16(vget_low_s16(vmovl_s8(four)));
}

/* Six-bit scales and minimums of a Q4_K block, for each group and row. */
struct subscales {
    uint8_t scale[8][PANEL_ROWS], min[8][PANEL_ROWS];
};

INLINE void subscales(const uint8_t *block, struct subscales *out)
{
    const uint8x16_t six = vdupq_n_u8(63), four = vdupq_n_u8(15), two = vdupq_n_u8(48);
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t *packed = block + 64 + (size_t)i * PANEL_ROWS;
        uint8x16_t a = vld1q_u8(packed), b = vld1q_u8(packed + 64), c = vld1q_u8(packed + 128);
        vst1q_u8(out->scale[i], vandq_u8(a, six));
        vst1q_u8(out->min[i], vandq_u8(b, six));
        vst1q_u8(out->scale[4 + i], vorrq_u8(vandq_u8(c, four), vandq_u8(vshrq_n_u8(a, 2), two)));
        vst1q_u8(out->min[4 + i], vorrq_u8(vshrq_n_u8(c, 4), vandq_u8(vshrq_n_u8(b, 2), two)));
    }
}

#ifdef NEON_I8MM
/* isum[c] += the dots of granules first .. first + 3 (rows 4h .. 4h + 3) with each column. */
INLINE void dots(unsigned n_columns, const int8x16_t w[8], unsigned first, const int8_t *const *q, int32x4_t *isum)
{
    for (unsigned c = 0; c < n_columns; c += 2) {
        const int8_t *q0 = q[c], *q1 = q[c + 1 < n_columns ? c + 1 : c];
        int32x4_t upper = vdupq_n_s32(0), lower = upper; /* 2 rows by 2 columns each */
        for (unsigned i = first; i < first + 4; i += 2) {
            int8x16_t x = vcombine_s8(vld1_s8(q0 + (size_t)i * 4), vld1_s8(q1 + (size_t)i * 4));
            int32x4_t a = vreinterpretq_s32_s8(w[i]), b = vreinterpretq_s32_s8(w[i + 1]);
            upper = vmmlaq_s32(upper, vreinterpretq_s8_s32(vzip1q_s32(a, b)), x);
            lower = vmmlaq_s32(lower, vreinterpretq_s8_s32(vzip2q_s32(a, b)), x);
        }
        isum[c] = vaddq_s32(isum[c], vuzp1q_s32(upper, lower));
        if (c + 1 < n_columns)
            isum[c + 1] = vaddq_s32(isum[c + 1], vuzp2q_s32(upper, lower));
    }
}
#else
INLINE void dots(unsigned n_columns, const int8x16_t w[8], unsigned first, const int8_t *const *q, int32x4_t *isum)
{
    for (unsigned c = 0; c < n_columns; c++) {
        int8x16_t x = vld1q_s8(q[c] + (size_t)first * 4);
        isum[c] = vdotq_laneq_s32(isum[c], w[first], x, 0);
        isum[c] = vdotq_laneq_s32(isum[c], w[first + 1], x, 1);
        isum[c] = vdotq_laneq_s32(isum[c], w[first + 2], x, 2);
        isum[c] = vdotq_laneq_s32(isum[c], w[first + 3], x, 3);
    }
}
#endif

/* Some columns of x. */
struct columns {
    const int8_t *q[COLUMNS];
    const float *a[COLUMNS];
    const int16_t *sums[COLUMNS];
};

/* acc[c][h] += group g of a block, which is group `at` of the columns, for rows 4h .. 4h + 3. */
INLINE void group_step(struct form form, unsigned n_columns, const uint8_t *block, const struct subscales *sub,
                       unsigned g, unsigned h, const struct columns *columns, size_t at,
                       float32x4_t acc[COLUMNS][QUADS])
{
    const uint8_t *lines = block + form.head_bytes + (size_t)g * form.group_bytes;
    const size_t row = (size_t)h * 4;
    int8x16_t w[8];
    const int8_t *q[COLUMNS];
    int32x4_t isum[COLUMNS];
    integers(form, lines, h, w);
    for (unsigned c = 0; c < n_columns; c++) {
        q[c] = columns->q[c] + at * 32;
        isum[c] = vdupq_n_s32(0);
    }
    float32x4_t s = halves(block + 2 * row), m;
    dots(n_columns, w, 0, q, isum);
    if (form.bits == 6) {
        const uint8_t *scales = block + 32 + (size_t)g * 2 * PANEL_ROWS + row;
        int32x4_t second[COLUMNS];
        for (unsigned c = 0; c < n_columns; c++)
            second[c] = vdupq_n_s32(0);
        dots(n_columns, w, 4, q, second);
        for (unsigned c = 0; c < n_columns; c++)
            isum[c] = vmlaq_s32(vmulq_s32(isum[c], signed_bytes(scales)), second[c], signed_bytes(scales + PANEL_ROWS));
    } else {
        dots(n_columns, w, 4, q, isum);
    }
    if (form.has_min) {
        m = vmulq_f32(vnegq_f32(halves(block + 32 + 2 * row)), bytes(sub->min[g] + row));
        s = vmulq_f32(s, bytes(sub->scale[g] + row));
    }
    for (unsigned c = 0; c < n_columns; c++) {
        float a = columns->a[c][at];
        acc[c][h] = vfmaq_f32(acc[c][h], vmulq_n_f32(s, a), vcvtq_f32_s32(isum[c]));
        if (form.has_min) {
            int asum = columns->sums[c][2 * at] + columns->sums[c][2 * at + 1];
            acc[c][h] = vfmaq_f32(acc[c][h], m, vdupq_n_f32(a * (float)asum));
        }
    }
}

/* sums[n_columns, 16] of a whole panel. */
INLINE void panel_columns(struct form form, unsigned n_columns, const uint8_t *w, size_t n_groups,
                          const struct columns *columns, float (*sums)[PANEL_ROWS])
{
    float32x4_t acc[COLUMNS][QUADS];
    for (unsigned c = 0; c < n_columns; c++)
        for (unsigned h = 0; h < QUADS; h++)
            acc[c][h] = vdupq_n_f32(0);
    for (size_t at = 0; at < n_groups; w += form.head_bytes + form.groups * form.group_bytes) {
        struct subscales sub;
        if (form.has_min)
            subscales(w, &sub);
        for (unsigned g = 0; g < form.groups; g++, at++)
#pragma GCC unroll 4
            for (unsigned h = 0; h < QUADS; h++)
                group_step(form, n_columns, w, &sub, g, h, columns, at, acc);
    }
    for (unsigned c = 0; c < n_columns; c++)
        for (unsigned h = 0; h < QUADS; h++)
            vst1q_f32(sums[c] + (size_t)h * 4, acc[c][h]);
}

/* A linear_fn of a form. */
INLINE void linear(struct form form, const struct linear_args *args, size_t panel0, size_t panel1)
{
    size_t n_groups = args->k / 32, block = form.head_bytes + (size_t)form.groups * form.group_bytes;
    size_t panel_size = n_groups / form.groups * block;
    for (size_t panel = panel0; panel < panel1; panel++)
        for (size_t t = 0; t < args->t; t += COLUMNS) {
            size_t n = args->t - t < COLUMNS ? args->t - t : COLUMNS, first = panel * PANEL_ROWS;
            size_t n_rows = args->n - first < PANEL_ROWS ? args->n - first : PANEL_ROWS;
            struct columns columns;
            float sums[COLUMNS][PANEL_ROWS];
            for (size_t c = 0; c < n; c++) {
                const char *x = (const char *)args->x + (t + c) * args->x_stride;
                columns.q[c] = (const int8_t *)x;
                columns.a[c] = (const float *)(x + q8_scale_offset(args->k));
                columns.sums[c] = (const int16_t *)(columns.a[c] + n_groups);
            }
            const uint8_t *w = args->w + panel * panel_size;
            switch (n) {
            case 1:
                panel_columns(form, 1, w, n_groups, &columns, sums);
                break;
            case 2:
                panel_columns(form, 2, w, n_groups, &columns, sums);
                break;
            case 3:
                panel_columns(form, 3, w, n_groups, &columns, sums);
                break;
            default:
                panel_columns(form, COLUMNS, w, n_groups, &columns, sums);
            }
            for (size_t c = 0; c < n; c++)
                memcpy(args->y + (t + c) * args->y_stride + first, sums[c], n_rows * sizeof(float));
        }
}

static void q4_0(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch)
{
    (void)scratch;
    linear(form_q4_0, args, panel0, panel1);
}

static void q8_0(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch)
{
    (void)scratch;
    linear(form_q8_0, args, panel0, panel1);
}

static void q4_k(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch)
{
    (void)scratch;
    linear(form_q4_k, args, panel0, panel1);
}

static void q6_k(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch)
{
    (void)scratch;
    linear(form_q6_k, args, panel0, panel1);
}

#ifdef NEON_I8MM
void neon_linear_init_i8mm(struct kernels *table)
#else
void neon_linear_init_dotprod(struct kernels *table)
#endif
{
    table->linear_q8[QUANT_Q4_0] = q4_0;
    table->linear_q8[QUANT_Q8_0] = q8_0;
    table->linear_q8[QUANT_Q4_K] = q4_k;
    table->linear_q8[QUANT_Q6_K] = q6_k;
}
