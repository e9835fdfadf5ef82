/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference kernels against the same formulas in double: that what all tables agree on is also right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "check.h"
#include "kernels/activation.h"
#include "kernels/cache.h"
#include "kernels/panel.h"

#define K 512
#define N 21
#define T 3

static const struct kernels *ref(void)
{
    return kernels_table(0);
}

/* A random block with a finite largest value of ordinary size, or zeros. */
static void random_block(const struct quant_type *type, uint8_t *block)
{
    float values[256];
    for (unsigned attempt = 0; attempt < 3000; attempt++) {
        float largest = 0;
        for (unsigned i = 0; i < type->block_bytes; i++)
            block[i] = (uint8_t)random_bits();
        quant_decode_block(type, block, values);
        for (unsigned i = 0; i < type->block_elements; i++)
            largest = fabsf(values[i]) > largest || isnan(values[i]) ? fabsf(values[i]) : largest;
        if (largest > 0.1f && largest < 10.0f)
            return;
    }
    memset(block, 0, type->block_bytes);
}

/* Both products of every weight type, each against the product in double of what it multiplies. */
static void products(void **state)
{
    (void)state;
    static float x[T][K], w[N][K], y[T][N + 2];
    static uint64_t scratch[SCRATCH_BYTES / 8];
    static _Alignas(64) uint8_t rows[T][K * 2];
    for (uint32_t id = 0; id < QUANT_IDS; id++) {
        const struct quant_type *type = quant_find(id);
        if (!type || !type->is_weight)
            continue;
        size_t row_bytes = quant_row_bytes(type, K), bytes;
        assert_true(panel_bytes(type, K, &bytes));
        uint8_t *raw = malloc(row_bytes * N), *panels = malloc(bytes * panel_count(N));
        for (size_t at = 0; at < row_bytes * N; at += type->block_bytes)
            random_block(type, raw + at);
        for (size_t n = 0; n < N; n++)
            quant_decode_row(type, raw + n * row_bytes, K, w[n]);
        for (size_t p = 0; p < panel_count(N); p++)
            panel_pack(type, raw + p * 16 * row_bytes, N - p * 16 < 16 ? N - p * 16 : 16, K, panels + p * bytes);
        for (unsigned q8 = 0; q8 < 2; q8++) {
            linear_fn *linear = q8 ? ref()->linear_q8[id] : ref()->linear_f32[id];
            if (!linear)
                continue;
            for (size_t t = 0; t < T; t++) {
                for (size_t k = 0; k < K; k++)
                    x[t][k] = random_unit();
                if (!q8)
                    continue;
                ref()->quantize(x[t], K, rows[t]);
                for (size_t k = 0; k < K; k++)
                    x[t][k] = (float)q8_integers(rows[t])[k] * q8_scales(rows[t], K)[k / 32];
            }
            struct linear_args args = {.type = type, .w = panels, .k = K, .n = N, .t = T, .y = y[0], .y_stride = N + 2};
            args.x = q8 ? (void *)rows : (void *)x;
            args.x_stride = q8 ? sizeof rows[0] : sizeof x[0];
            linear(&args, 0, panel_count(N), scratch);
            double worst = 0;
            for (size_t t = 0; t < T; t++)
                for (size_t n = 0; n < N; n++) {
                    double sum = 0, size = 0;
                    for (size_t k = 0; k < K; k++) {
                        sum += (double)w[n][k] * (double)x[t][k];
                        size += fabs((double)w[n][k] * (double)x[t][k]);
                    }
                    double error = fabs((double)y[t][n] - sum) / (size + 1e-30);
                    worst = error > worst ? error : worst;
                }
            print_message("%s %s: %.2g of the sum of magnitudes\n", type->name, q8 ? "q8" : "f32", worst);
            assert_true(worst < 3e-6);
        }
        free(raw);
        free(panels);
    }
}

static void quantize_is_nearest(void **state)
{
    (void)state;
    static _Alignas(64) uint8_t row[1024];
    float x[64];
    for (unsigned round = 0; round < 1000; round++) {
        float size = ldexpf(1, (int)random_below(60) - 30);
        for (unsigned i = 0; i < 64; i++)
            x[i] = random_unit() * size;
        ref()->quantize(x, 64, row);
        for (unsigned b = 0; b < 2; b++) {
            float amax = 0, d = q8_scales(row, 64)[b];
            int sum[2] = {0, 0};
            for (unsigned i = 0; i < 32; i++) {
                int q = q8_integers(row)[32 * b + i];
                amax = fmaxf(amax, fabsf(x[32 * b + i]));
                sum[i / 16] += q;
                assert_true(fabsf((float)q * d - x[32 * b + i]) <= d * 0.50001f && abs(q) <= 127);
            }
            assert_true(d == amax / 127.0f);
            assert_true(sum[0] == q8_sums(row, 64)[2 * b] && sum[1] == q8_sums(row, 64)[2 * b + 1]);
        }
    }
    /* What has no finite inverse becomes zeros; what is not finite shows in the scale. */
    memset(x, 0, sizeof x);
    x[3] = 1e-38f;
    x[40] = INFINITY;
    ref()->quantize(x, 64, row);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(row[i], 0);
    assert_true(isinf(q8_scales(row, 64)[1]));
    x[41] = NAN;
    ref()->quantize(x, 64, row);
    assert_true(isnan(q8_scales(row, 64)[1]));
}

static void norms(void **state)
{
    (void)state;
    float x[1000], w[1000], y[1000];
    for (size_t n = 1; n < 1000; n += 37) {
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            x[i] = random_unit() * 100;
            w[i] = random_unit();
            sum += (double)x[i] * (double)x[i];
        }
        ref()->rms_norm(x, w, n, 1e-5f, y);
        for (size_t i = 0; i < n; i++) {
            double want = (double)x[i] / sqrt(sum / (double)n + 1e-5) * (double)w[i];
            assert_true(fabs((double)y[i] - want) <= 1e-6 * fabs(want));
        }
    }
}

/* The sum of squares is 16 chains and a tree, not one chain: a row on which the two differ. */
static void sums_are_sixteen_chains(void **state)
{
    (void)state;
    float x[17] = {0}, y[17];
    x[0] = 4096;
    x[16] = 1; /* lost in chain 0, as 2^24 + 1 */
    x[2] = 1;
    x[10] = 1; /* chains 2 and 10 meet before they meet chain 0; in one chain both would be lost */
    ref()->rms_norm(x, NULL, 17, 0, y);
    assert_true(y[0] == 4096.0f * (1.0f / sqrtf((0x1p24f + 2.0f) / 17.0f)));
}

static void rotations(void **state)
{
    (void)state;
    float x[7] = {1, 2, 3, 4, 5, 6, 7}, y[7] = {1, 2, 3, 4, 5, 6, 7}, c[3] = {0, 1, 0.5f}, s[3] = {1, 0, 0.25f};
    ref()->rope(x, c, s, 6, ROPE_HALVES);
    static const float halves[7] = {-4, 2, 0, 1, 5, 3.75f, 7}, adjacent[7] = {-2, 1, 3, 4, 1, 4.25f, 7};
    ref()->rope(y, c, s, 6, ROPE_ADJACENT);
    for (unsigned i = 0; i < 7; i++)
        assert_true(x[i] == halves[i] && y[i] == adjacent[i]);
}

/* Attention over three blocks, the first and last partly seen, against one softmax in double over all keys. */
static void attention(void **state)
{
    (void)state;
    enum { D = 64, DV = 96, KEYS = 3 * CACHE_BLOCK, FIRST = 10, LAST = KEYS - 7 };
    static const double tolerance[] = {[CACHE_F16] = 1e-3, [CACHE_Q8_0] = 2e-2, [CACHE_F32] = 2e-6};
    static float keys[KEYS][D], values[KEYS][DV];
    for (unsigned type = CACHE_F16; type <= CACHE_F32; type++) {
        for (unsigned capped = 0; capped < 2; capped++) {
            size_t k_bytes = cache_block_bytes((enum cache_type)type, D),
                   v_bytes = cache_block_bytes((enum cache_type)type, DV);
            uint8_t *k = malloc(3 * k_bytes), *v = malloc(3 * v_bytes);
            float q[D], scale = 0.125f, cap = capped ? 2.0f : 0.0f;
            for (unsigned i = 0; i < D; i++)
                q[i] = random_unit() * 4;
            for (unsigned j = 0; j < KEYS; j++) {
                for (unsigned i = 0; i < D; i++)
                    keys[j][i] = random_unit();
                for (unsigned i = 0; i < DV; i++)
                    values[j][i] = random_unit();
                ref()->cache_key((enum cache_type)type, keys[j], D, j % 64, k + j / 64 * k_bytes);
                ref()->cache_value((enum cache_type)type, values[j], DV, j % 64, v + j / 64 * v_bytes);
            }
            float m = 0, s = 0, o[DV], got[DV];
            for (unsigned b = 0; b < 3; b++) {
                uint8_t lo = b == 0 ? FIRST : 0, hi = b == 2 ? LAST - 128 : 64;
                float bm, bs = 0, bo[DV];
                struct attend_args args = {.n_q = 1,
                                           .q = q,
                                           .q_stride = D,
                                           .d = D,
                                           .dv = DV,
                                           .type = (enum cache_type)type,
                                           .k = k + b * k_bytes,
                                           .v = v + b * v_bytes,
                                           .lo = &lo,
                                           .hi = &hi,
                                           .scale = scale,
                                           .softcap = cap,
                                           .m = b < 2 ? &m : &bm,
                                           .s = b < 2 ? &s : &bs,
                                           .o = b < 2 ? o : bo,
                                           .o_stride = DV};
                ref()->attend(&args);
                if (b == 2) /* a state of its own */
                    ref()->attend_merge(&m, &s, o, bm, bs, bo, DV);
            }
            ref()->attend_end(o, s, DV, got);
            double sum = 0, want[DV] = {0};
            for (unsigned j = FIRST; j < LAST; j++) {
                double score = 0;
                for (unsigned i = 0; i < D; i++)
                    score += (double)q[i] * (double)keys[j][i];
                score *= (double)scale;
                double p = exp(capped ? 2.0 * tanh(score / 2.0) : score);
                sum += p;
                for (unsigned i = 0; i < DV; i++)
                    want[i] += p * (double)values[j][i];
            }
            for (unsigned i = 0; i < DV; i++)
                assert_true(fabs((double)got[i] - want[i] / sum) < tolerance[type]);
            free(k);
            free(v);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),  cmocka_unit_test(quantize_is_nearest),
        cmocka_unit_test(norms),     cmocka_unit_test(sums_are_sixteen_chains),
        cmocka_unit_test(rotations), cmocka_unit_test(attention),
    };
    random_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
