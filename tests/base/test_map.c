/* SPDX-License-Identifier: Apache-2.0
 *
 * The hash table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/map.h"

static void an_empty_map_has_nothing(void **state)
{
    (void)state;
    struct map map = {0};
    assert_true(map_get(&map, STR("x")) == MAP_NONE);
    assert_true(map_reserve(&map, 10));
    assert_true(map_get(&map, STR("")) == MAP_NONE);
    assert_false(map_reserve(&map, SIZE_MAX / 8));
    map_clear(&map);
    map_clear(&map);
}

static void the_first_value_wins(void **state)
{
    (void)state;
    struct map map = {0};
    bool existed;
    assert_true(map_add(&map, STR("key"), 1, &existed));
    assert_false(existed);
    assert_true(map_add(&map, STR("key"), 2, &existed));
    assert_true(existed);
    assert_true(map_add(&map, STR(""), 3, NULL));
    assert_true(map_add(&map, STR("\0"), 4, NULL));
    assert_int_equal(map_get(&map, STR("key")), 1);
    assert_int_equal(map_get(&map, STR("")), 3);
    assert_int_equal(map_get(&map, STR("\0")), 4);
    assert_true(map_get(&map, STR("\0\0")) == MAP_NONE);
    assert_int_equal(map.n_used, 3);
    map_clear(&map);
}

static void a_million_keys_are_found_again(void **state)
{
    (void)state;
    enum { N = 1000000, STRIDE = 12 };
    char *keys = malloc((size_t)N * STRIDE);
    assert_non_null(keys);
    struct map map = {0};
    for (uint32_t i = 0; i < N; i++) {
        char *key = keys + (size_t)i * STRIDE;
        int len = snprintf(key, STRIDE, "k%u", i);
        if (!map_add(&map, (struct str){key, (size_t)len}, i, NULL))
            fail_msg("key %u could not be added", i);
    }
    assert_int_equal(map.n_used, N);
    for (uint32_t i = 0; i < N; i++)
        if (map_get(&map, str_of(keys + (size_t)i * STRIDE)) != i)
            fail_msg("key %u is lost", i);
    assert_true(map_get(&map, STR("k1000000")) == MAP_NONE);
    map_clear(&map);
    free(keys);
}

/* The hashes of all messages of up to 40 equal bytes, and of one set bit in 32 bytes, differ. */
static void hashes_differ(void **state)
{
    (void)state;
    unsigned char bytes[40] = {0};
    uint64_t seen[41 + 256];
    size_t n = 0;
    for (size_t len = 0; len <= sizeof(bytes); len++)
        seen[n++] = hash_bytes(bytes, len);
    for (unsigned bit = 0; bit < 256; bit++) {
        bytes[bit / 8] = (unsigned char)(1u << bit % 8);
        seen[n++] = hash_bytes(bytes, 32);
        bytes[bit / 8] = 0;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (seen[i] == seen[k])
                fail_msg("messages %zu and %zu have one hash", k, i);
    assert_true(hash_bytes("abc", 3) == hash_bytes("abcd", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_has_nothing),
        cmocka_unit_test(the_first_value_wins),
        cmocka_unit_test(a_million_keys_are_found_again),
        cmocka_unit_test(hashes_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
