/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations on single rows.
 */
#include <string.h>

#include "kernels/activation.h"
#include "kernels/elementary.h"
#include "kernels/ref/ref.h"

static void quantize(const float *x, size_t k, void *row)
{
    int8_t *q = q8_integers(row);
    float *scales = q8_scales(row, k);
    int16_t *sums = q8_sums(row, k);
    for (size_t block = 0; block < k / 32; block++, x += 32, q += 32) {
        uint32_t largest = 0; /* magnitudes compare as their bits do, NaN above all */
        for (unsigned i = 0; i < 32; i++) {
            uint32_t bits = bits_of_float(x[i]) & 0x7fffffff;
            largest = bits > largest ? bits : largest;
        }
        float amax = float_of_bits(largest), inverse = 127.0f / amax;
        scales[block] = amax / 127.0f;
        /* False for 0, for numbers so small that their inverse is infinite, for infinity and for NaN. */
        bool representable = inverse > 0.0f && inverse < INFINITY;
        int16_t sum[2] = {0, 0};
        for (unsigned i = 0; i < 32; i++) {
            float rounded = x[i] * inverse + ROUND_MAGIC - ROUND_MAGIC;
            q[i] = representable ? (int8_t)rounded : 0;
            sum[i / 16] = (int16_t)(sum[i / 16] + q[i]);
        }
        sums[2 * block] = sum[0];
        sums[2 * block + 1] = sum[1];
    }
    memset(q, 0, q8_scale_offset(k) - k);
    memset(sums + k / 16, 0, (size_t)((char *)row + q8_row_bytes(k) - (char *)(sums + k / 16)));
}

static void rms_norm(const float *x, const float *w, size_t n, float eps, float *y)
{
    float part[16] = {0};
    size_t whole = n - n % 16;
    for (size_t i = 0; i < whole; i += 16)
        for (unsigned j = 0; j < 16; j++)
            part[j] = fmaf(x[i + j], x[i + j], part[j]);
    for (size_t i = whole; i < n; i++)
        part[i - whole] = fmaf(x[i], x[i], part[i - whole]);
    float inverse = 1.0f / sqrtf(ref_tree_sum(part) / (float)n + eps);
    if (!w)
        for (size_t i = 0; i < n; i++)
            y[i] = x[i] * inverse;
    else
        for (size_t i = 0; i < n; i++)
            y[i] = x[i] * inverse * w[i];
}

static void add(const float *a, const float *b, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

static void mul(const float *a, const float *b, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] * b[i];
}

static void scale(const float *a, float c, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = a[i] * c;
}

/* y = act(x) * up for a constant `act`; up NULL: y = act(x). Inlined, so that each activation is a loop of its own. */
static inline void apply(enum activation act, const float *x, const float *up, size_t n, float *y)
{
    if (!up)
        for (size_t i = 0; i < n; i++)
            y[i] = elementary_activation(act, x[i]);
    else
        for (size_t i = 0; i < n; i++)
            y[i] = elementary_activation(act, x[i]) * up[i];
}

static void apply_any(enum activation act, const float *x, const float *up, size_t n, float *y)
{
    switch (act) {
    case ACT_SILU:
        apply(ACT_SILU, x, up, n, y);
        return;
    case ACT_GELU_TANH:
        apply(ACT_GELU_TANH, x, up, n, y);
        return;
    case ACT_GELU_ERF:
        apply(ACT_GELU_ERF, x, up, n, y);
        return;
    case ACT_RELU:
        apply(ACT_RELU, x, up, n, y);
        return;
    }
}

static void glu(enum activation act, const float *gate, const float *up, size_t n, float *y)
{
    apply_any(act, gate, up, n, y);
}

static void activate(enum activation act, const float *x, size_t n, float *y)
{
    apply_any(act, x, NULL, n, y);
}

static void softcap(const float *x, float cap, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = cap * elementary_tanh(x[i] / cap);
}

static void rope(float *x, const float *cosine, const float *sine, size_t n_rot, enum rope_pairing pairing)
{
    size_t n_pairs = n_rot / 2;
    size_t step = pairing == ROPE_HALVES ? 1 : 2, other = pairing == ROPE_HALVES ? n_pairs : 1;
    for (size_t i = 0; i < n_pairs; i++) {
        float a = x[i * step], b = x[i * step + other];
        x[i * step] = fmaf(a, cosine[i], -(b * sine[i]));
        x[i * step + other] = fmaf(a, sine[i], b * cosine[i]);
    }
}

static float softmax_exp(const float *x, float shift, size_t n, float *y)
{
    float part[16] = {0};
    size_t whole = n - n % 16;
    for (size_t i = 0; i < whole; i += 16)
        for (unsigned j = 0; j < 16; j++) {
            y[i + j] = elementary_exp(x[i + j] - shift);
            part[j] += y[i + j];
        }
    for (size_t i = whole; i < n; i++) {
        y[i] = elementary_exp(x[i] - shift);
        part[i - whole] += y[i];
    }
    return ref_tree_sum(part);
}

static bool maximum(const float *x, size_t n, float *max)
{
    float part[16];
    int finite = 1;
    for (unsigned j = 0; j < 16; j++)
        part[j] = -INFINITY;
    size_t whole = n - n % 16;
    for (size_t i = 0; i < whole; i += 16)
        for (unsigned j = 0; j < 16; j++)
            part[j] = ref_max(x[i + j], part[j]);
    for (size_t i = whole; i < n; i++)
        part[i - whole] = ref_max(x[i], part[i - whole]);
    for (size_t i = 0; i < n; i++)
        finite &= isfinite(x[i]) != 0;
    *max = ref_tree_max(part);
    return finite;
}

void REF(ref_rows_init)(struct kernels *table)
{
    table->quantize = quantize;
    table->rms_norm = rms_norm;
    table->add = add;
    table->mul = mul;
    table->scale = scale;
    table->glu = glu;
    table->activate = activate;
    table->softcap = softcap;
    table->rope = rope;
    table->softmax_exp = softmax_exp;
    table->maximum = maximum;
}
