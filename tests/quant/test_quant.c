/* SPDX-License-Identifier: Apache-2.0
 *
 * Number formats: published test vectors, the whole table's consistency, and 16-bit floats exhaustively.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <math.h>
#include <stdlib.h>
#include <cmocka.h>

#include "quant/half.h"
#include "quant/quant.h"

/* Byte b[i] = 7i^2 + 31i + 13, then 16-bit fields overwritten: 1.0 at `one`, 0.5 at `half` (-1: none). The values of
 * the elements 0, 1, n/2 and n-1, their sum, and their sum weighted by 1, 2, 3, ... */
struct vector {
    const char *name;
    int one, half;
    double v0, v1, middle, last, sum, weighted;
};

static const struct vector vectors[] = {
    {"Q4_0", 0, -1, -1, 1, -2, -8, -8, -327},
    {"Q4_1", 0, 2, 9.5, 7.5, 15.5, 3.5, 252, 3798},
    {"Q5_0", 0, -1, 3, 13, 12, -6, 40, 431},
    {"Q5_1", 0, 2, 21.5, 11.5, 28.5, 4.5, 572, 8900},
    {"Q8_0", 0, -1, 103, -87, 23, -45, 256, 1056},
    {"IQ4_NL", 0, -1, -10, 13, -22, -127, -44, -3728},
    {"MXFP4", -1, -1, 1.5, 6, 1.5, -6, -3.5, -235},
    {"NVFP4", -1, -1, -0.5, 6, -0.5, -2, -19, -818.5},
    {"Q1_0", 0, -1, 1, 1, 1, -1, 22, 990},
    {"Q2_0", 0, -1, 2, 0, 2, -1, 43, 1228},
    {"TQ1_0", 52, -1, -1, -1, -1, 0, 6, 1513},
    {"TQ2_0", 64, -1, 0, 2, 0, -1, 160, 19196},
    {"Q2_K", 80, 82, 13, 39, -1, 5, 2626, 333244},
    {"Q3_K", 108, -1, -3, -9, -30, 69, 1450, 233916},
    {"Q4_K", 0, 2, 738.5, 168.5, 609.5, 24, 66864, 7993656},
    {"Q5_K", 0, 2, 1650.5, 1080.5, 1393.5, 34, 157232, 18005928},
    {"Q6_K", 208, -1, -231, 1463, -15, -413, 5984, -1208048},
    {"IQ2_XXS", 0, -1, -34.375, -11, -31, 15, -1809.375, -256714.125},
    {"IQ2_XS", 0, -1, 46.875, 15, 7, 102.125, 895.5, 88085.875},
    {"IQ2_S", 0, -1, -166.625, -31, -23, 28.125, -2513.875, -178327.625},
    {"IQ3_XXS", 0, -1, -247, -95, -87, 15, -5099.5, -686200.5},
    {"IQ3_S", 0, -1, -93, -93, -27, 27, -1200, 62260},
    {"IQ1_S", 0, -1, 7.875, -1.125, -1.375, -5.625, -72, -12553},
    {"IQ1_M", -1, -1, 9.625, -12.375, 3.375, -11.375, 298, 42730},
    {"IQ4_XS", 0, -1, -875, 950, 455, 114, -20420, -3159164},
};

static void store_half(uint8_t *block, int at, uint16_t half)
{
    if (at < 0)
        return;
    block[at] = (uint8_t)half;
    block[at + 1] = (uint8_t)(half >> 8);
}

static void published_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const struct vector *want = &vectors[i];
        const struct quant_type *type = quant_find_name(want->name);
        assert_non_null(type);
        uint8_t block[512];
        for (unsigned b = 0; b < type->block_bytes; b++)
            block[b] = (uint8_t)(7 * b * b + 31 * b + 13);
        store_half(block, want->one, 0x3c00);
        store_half(block, want->half, 0x3800);
        if (type->id == QUANT_MXFP4)
            block[0] = 0x7f;
        if (type->id == QUANT_NVFP4)
            memset(block, 0x38, 4);
        if (type->id == QUANT_IQ1_M) {
            static const uint8_t nibbles[4] = {0, 0, 0xc0, 0x30};
            for (unsigned b = 0; b < 4; b++)
                block[49 + 2 * b] = (uint8_t)((block[49 + 2 * b] & 15) | nibbles[b]);
        }
        float v[256];
        unsigned n = type->block_elements;
        quant_decode_block(type, block, v);
        double sum = 0, weighted = 0;
        for (unsigned e = 0; e < n; e++) {
            sum += (double)v[e];
            weighted += (e + 1.0) * (double)v[e];
        }
        print_message("%s\n", want->name);
        assert_true(v[0] == (float)want->v0 && v[1] == (float)want->v1);
        assert_true(v[n / 2] == (float)want->middle && v[n - 1] == (float)want->last);
        assert_true(sum == want->sum && weighted == want->weighted);
    }
}

static void table_is_consistent(void **state)
{
    (void)state;
    unsigned found = 0;
    for (uint32_t id = 0; id < QUANT_IDS; id++) {
        const struct quant_type *type = quant_find(id);
        if (!type)
            continue;
        found++;
        assert_int_equal(type->id, id);
        assert_ptr_equal(quant_find_name(type->name), type);
        assert_true(!type->decode != !type->group);
        assert_true(!type->is_float || (type->is_weight && type->decode));
        if (type->group)
            assert_int_equal(type->block_elements % QUANT_GROUP, 0);
        assert_true(type->block_elements <= 256 && type->block_bytes <= 292);
        assert_int_equal(quant_row_bytes(type, type->block_elements * 3u), type->block_bytes * 3u);
        if (type->block_elements > 1)
            assert_int_equal(quant_row_bytes(type, type->block_elements + 1u), 0);
    }
    assert_int_equal(found, 35);
    static const uint32_t removed[] = {4, 5, 31, 32, 33, 36, 37, 38, 43, 99, 137, UINT32_MAX};
    for (size_t i = 0; i < sizeof removed / sizeof *removed; i++)
        assert_null(quant_find(removed[i]));
    assert_null(quant_find_name("Q4_2"));
    assert_ptr_equal(quant_find_name("q4_k"), quant_find(QUANT_Q4_K));
    assert_int_equal(quant_row_bytes(quant_find(QUANT_F64), SIZE_MAX / 4), 0);
}

/* Any bytes at all must decode without reading past the block, and each group within its promises. */
static void random_blocks(void **state)
{
    (void)state;
    unsigned seed = 20261121;
    print_message("seed %u\n", seed);
    srand(seed);
    for (uint32_t id = 0; id < QUANT_IDS; id++) {
        const struct quant_type *type = quant_find(id);
        if (!type)
            continue;
        uint8_t *block = malloc(type->block_bytes);
        float *decoded = malloc(type->block_elements * sizeof *decoded);
        for (unsigned round = 0; round < 300; round++) {
            for (unsigned b = 0; b < type->block_bytes; b++)
                block[b] = (uint8_t)(rand() >> 7);
            quant_decode_row(type, block, type->block_elements, decoded);
            for (unsigned g = 0; type->group && g < type->block_elements / QUANT_GROUP; g++) {
                struct quant_group group;
                type->group(block, g, &group);
                assert_true(group.n_parts == 1 ? !memcmp(&group.s[0], &group.s[1], 4) : group.n_parts == 2);
                assert_true(group.n_parts == 1 || !group.has_min);
                for (unsigned i = 0; i < QUANT_GROUP; i++)
                    assert_in_range(group.q[i] + 128, 0, 256);
                for (unsigned j = 0; j < 2; j++)
                    assert_true(abs(group.scale[j]) <= 128 && group.min[j] >= 0 && group.min[j] <= 15);
            }
        }
        free(decoded);
        free(block);
    }
}

/* Every binary16 value survives the way there and back, and every float rounds to the nearer neighbour. */
static void halves(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 0x10000; h++) {
        float value = half_to_float((uint16_t)h);
        int exponent = (int)(h >> 10 & 31);
        double mantissa = h & 0x3ff, sign = h & 0x8000 ? -1 : 1;
        if (exponent == 31) {
            assert_true(mantissa != 0 ? isnan(value) : isinf(value) && (value < 0) == (sign < 0));
            if (mantissa != 0)
                continue;
        } else {
            double want = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
            assert_true((double)value == sign * want);
        }
        assert_int_equal(half_of_float(value), h);
        if (exponent == 31 || (h & 0x7fff) == 0x7bff)
            continue;
        /* A tie goes to the even neighbour, anything beside it to the nearer. */
        float next = half_to_float((uint16_t)(h + 1)), middle = (value + next) / 2;
        assert_int_equal(half_of_float(middle), h & 1 ? h + 1 : h);
        assert_int_equal(half_of_float(nextafterf(middle, value)), h);
        assert_int_equal(half_of_float(nextafterf(middle, next)), h + 1);
    }
    assert_int_equal(half_of_float(65519.996f), 0x7bff);
    assert_int_equal(half_of_float(65520.0f), 0x7c00);
    assert_int_equal(half_of_float(-3e38f), 0xfc00);
    assert_true(isnan(half_to_float(half_of_float(NAN))));
    assert_true(bfloat_to_float(0x3f80) == 1.0f && bfloat_to_float(0xc049) == -3.140625f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(table_is_consistent),
        cmocka_unit_test(random_blocks),
        cmocka_unit_test(halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
