/* SPDX-License-Identifier: Apache-2.0
 *
 * Random weights for tests of kernels. Included behind cmocka.h.
 */
#ifndef HOB_TESTS_KERNELS_WEIGHTS_H
#define HOB_TESTS_KERNELS_WEIGHTS_H

#include "check.h"
#include "kernels/panel.h"

/* A random block of a weight type: all finite, and mostly with its largest value near 1, whatever its fields mean. */
static inline void random_block(const struct quant_type *type, bool any, uint8_t *block)
{
    float values[256];
    for (unsigned attempt = 0; attempt < 500; attempt++) {
        for (unsigned i = 0; i < type->block_bytes; i++)
            block[i] = (uint8_t)random_bits();
        quant_decode_block(type, block, values);
        float largest = 0;
        bool finite = true;
        for (unsigned i = 0; i < type->block_elements; i++) {
            finite = finite && isfinite(values[i]);
            largest = fabsf(values[i]) > largest ? fabsf(values[i]) : largest;
        }
        if (any || (finite && (attempt > 250 || (largest > 0.125f && largest < 8.0f))))
            return;
    }
    memset(block, 0, type->block_bytes);
}

/* Panels of n random rows. */
static inline struct guarded random_panels(const struct quant_type *type, size_t k, size_t n, enum inputs kind)
{
    size_t row_bytes = quant_row_bytes(type, k), bytes;
    bool fits = panel_bytes(type, k, &bytes);
    assert_true(fits);
    struct guarded w = guarded_new(bytes * panel_count(n)), rows = guarded_new(row_bytes * n);
    for (size_t at = 0; at < rows.bytes; at += type->block_bytes)
        random_block(type, kind == INPUT_SPECIAL && random_below(20) == 0, rows.data + at);
    for (size_t panel = 0; panel < panel_count(n); panel++) {
        size_t first = panel * PANEL_ROWS, left = n - first < PANEL_ROWS ? n - first : PANEL_ROWS;
        panel_pack(type, rows.data + first * row_bytes, left, k, w.data + panel * bytes);
    }
    float *direct = malloc(k * sizeof *direct), *packed = malloc(k * sizeof *packed);
    for (size_t row = 0; row < n; row++) {
        quant_decode_row(type, rows.data + row * row_bytes, k, direct);
        panel_decode_row(type, w.data, k, row, packed);
        if (!same_floats(type->name, direct, packed, k))
            fail_msg("%s: panel_decode_row differs from the row that was packed", type->name);
    }
    free(direct);
    free(packed);
    guarded_free(&rows);
    return w;
}

#endif
