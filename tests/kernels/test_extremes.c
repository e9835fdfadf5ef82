/* SPDX-License-Identifier: Apache-2.0
 *
 * Q6_K with the largest sums that it can have, bit for bit: sums of 16 products that need 17 bits and a sign, times the
 * largest scales. Random weights never have them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "check.h"
#include "kernels/activation.h"
#include "kernels/panel.h"

#define K      512
#define N      40
#define MOST_T 70

/* A row of blocks whose integers are all -32, all 31, or one or the other from 16 to 16; now and then random. */
static void extreme_row(uint8_t *row)
{
    unsigned what = (unsigned)random_below(5);
    for (unsigned b = 0; b < K / 256; b++, row += 210) {
        for (unsigned i = 0; i < 192; i++) /* low nibbles, then pairs of further bits */
            row[i] = (uint8_t)(what == 0 ? 0 : what == 1 ? 0xff : what == 2 ? random_bits() : i / 16 % 2 ? 0xff : 0);
        for (unsigned i = 0; i < 16; i++)
            row[192 + i] = (uint8_t)(random_below(3) ? 0x80 - random_below(2) : random_bits());
        row[208] = 0;
        row[209] = 0x3c; /* d = 1 */
    }
}

/* A q8 row whose integers are 127 or -127: all the same, or with the sign of each 16 or each one by chance. */
static void extreme_activations(const struct kernels *plain, void *row)
{
    float x[K], sign = 1;
    size_t what = random_below(3);
    for (unsigned i = 0; i < K; i++) {
        if ((what == 1 && i % 16 == 0) || what == 2)
            sign = random_below(2) ? 1 : -1;
        x[i] = sign;
    }
    plain->quantize(x, K, row);
}

static void largest_sums_are_exact(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 40, MOST_T};
    static uint8_t rows[N][K / 256 * 210];
    static float want[MOST_T * N], got[MOST_T * N];
    const struct quant_type *type = quant_find(QUANT_Q6_K);
    const struct kernels *plain = kernels_table(0), *table;
    size_t bytes, stride = q8_row_bytes(K), panels = panel_count(N);
    assert_true(panel_bytes(type, K, &bytes));
    assert_int_equal(quant_row_bytes(type, K), sizeof rows[0]);
    struct guarded w = guarded_new(bytes * panels), x = guarded_new(stride * MOST_T);
    struct guarded scratch = guarded_new(SCRATCH_BYTES);
    for (unsigned round = 0; round < 20; round++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            for (size_t n = 0; n < N; n++)
                extreme_row(rows[n]);
            for (size_t p = 0; p < panels; p++)
                panel_pack(type, rows[p * PANEL_ROWS], p + 1 < panels ? PANEL_ROWS : N - p * PANEL_ROWS, K,
                           w.data + p * bytes);
            for (size_t t = 0; t < counts[c]; t++)
                extreme_activations(plain, x.data + t * stride);
            struct linear_args args = {.type = type, .w = w.data, .k = K, .n = N, .t = counts[c], .x = x.data};
            args.x_stride = stride;
            args.y_stride = N;
            args.y = want;
            plain->linear_q8[QUANT_Q6_K](&args, 0, panels, scratch.data);
            args.y = got;
            for (size_t i = 1; (table = kernels_table(i)); i++) {
                memset(got, 0xff, sizeof got);
                table->linear_q8[QUANT_Q6_K](&args, 0, panels, scratch.data);
                assert_true(same_floats(table->name, want, got, counts[c] * N));
            }
        }
    guarded_free(&w);
    guarded_free(&x);
    guarded_free(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(largest_sums_are_exact)};
    random_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
