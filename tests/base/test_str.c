/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings, buffers, UTF-8, checked arithmetic and arenas.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/str.h"

static void checked_arithmetic_refuses_overflow(void **state)
{
    (void)state;
    size_t out = 7;
    assert_true(size_add(1, 2, &out));
    assert_int_equal(out, 3);
    assert_false(size_add(SIZE_MAX, 1, &(size_t){0}));
    assert_true(size_mul(SIZE_MAX / 2, 2, &out));
    assert_false(size_mul(SIZE_MAX / 2 + 1, 2, &(size_t){0}));
    assert_true(size_align(33, 32, &out));
    assert_int_equal(out, 64);
    assert_true(size_align(0, 32, &out));
    assert_int_equal(out, 0);
    assert_true(size_align(SIZE_MAX - 31, 32, &out));
    assert_false(size_align(SIZE_MAX - 30, 32, &out));
}

static void spans_compare_and_search(void **state)
{
    (void)state;
    assert_true(str_eq(STR(""), (struct str){0}));
    assert_true(str_starts(STR("abc"), STR("ab")) && str_starts(STR("abc"), STR("")));
    assert_false(str_starts(STR("ab"), STR("abc")));
    assert_true(str_ends(STR("abc"), STR("bc")) && !str_ends(STR("c"), STR("bc")));
    assert_true(byte_in('b', "ab") && !byte_in('c', "ab") && !byte_in(0, "ab"));
    assert_true(str_cmp(STR("a"), STR("b")) < 0 && str_cmp(STR("ab"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR("ab"), STR("ab")), 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
    assert_int_equal(str_find(STR("banana"), STR("ana"), 0), 1);
    assert_int_equal(str_find(STR("banana"), STR("ana"), 2), 3);
    assert_true(str_find(STR("banana"), STR("ana"), 4) == SIZE_MAX);
    assert_true(str_find(STR("a"), STR("a"), 5) == SIZE_MAX);
    assert_int_equal(str_find(STR("a"), STR(""), 1), 1);
    assert_int_equal(str_find(STR("a\0b"), STR("\0b"), 0), 1);
    assert_int_equal(str_of(NULL).len, 0);
}

static void buffers_grow_and_remember_failure(void **state)
{
    (void)state;
    struct buf buf = {0};
    for (int i = 0; i < 100000; i++)
        assert_true(buf_byte(&buf, (char)('a' + i % 26)));
    assert_int_equal(buf.len, 100000);
    assert_int_equal(buf.ptr[99999], 'a' + 99999 % 26);
    buf_clear(&buf);
    assert_string_equal(buf_text(&buf), "");
    assert_true(buf_format(&buf, "%d-%s", 42, "x"));
    assert_true(buf_str(&buf, STR("\0y")));
    assert_int_equal(buf.len, 6);
    assert_memory_equal(buf_text(&buf), "42-x\0y", 7);
    assert_false(buf_reserve(&buf, SIZE_MAX));
    assert_true(buf.failed);
    assert_false(buf_byte(&buf, 'z'));
    assert_null(buf_text(&buf));
    buf_clear(&buf);
    assert_false(buf.failed);
}

static void buffers_keep_their_limit(void **state)
{
    (void)state;
    struct buf buf = {.limit = 4};
    assert_true(buf_format(&buf, "%s", "abcd"));
    assert_string_equal(buf_text(&buf), "abcd");
    assert_false(buf_byte(&buf, 'e'));
    assert_int_equal(buf.len, 4);
    buf_clear(&buf);
    assert_false(buf_format(&buf, "%s", "abcde"));
    buf_clear(&buf);
}

static void utf8_round_trips_every_code_point(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 0x110000; code++) {
        char text[4];
        unsigned size = utf8_encode(code, text), back;
        int32_t got = utf8_decode((struct str){text, size}, 0, &back);
        bool surrogate = code >= 0xd800 && code < 0xe000;
        if (got != (surrogate ? -1 : (int32_t)code) || back != (surrogate ? 1 : size))
            fail_msg("U+%04X decoded to %d, size %u", code, got, back);
        for (unsigned cut = 1; !surrogate && cut < size; cut++) {
            struct str part = {text, cut};
            if (utf8_decode(part, 0, &back) != -1 || back != 1 || utf8_incomplete_tail(part) != cut)
                fail_msg("U+%04X cut to %u bytes is not seen as incomplete", code, cut);
        }
    }
}

static void utf8_refuses_what_is_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80",         "\xc0\x80",         "\xc1\xbf",         "\xe0\x80\x80",
                                      "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                                      "\xff",         "\xe2\x28\xa1",     "\xf0\x9f\x28\x80", "a\xfe"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(utf8_valid(str_of(bad[i])));
        if (utf8_incomplete_tail(str_of(bad[i])))
            fail_msg("case %zu has an incomplete tail", i);
    }
    assert_true(utf8_valid(STR("h\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80")));
    assert_true(utf8_valid(STR("")));
    assert_int_equal(utf8_incomplete_tail(STR("")), 0);
    assert_int_equal(utf8_incomplete_tail(STR("abc")), 0);
    assert_int_equal(utf8_incomplete_tail(STR("abc\xf0\x9f\x98")), 3);
    assert_int_equal(utf8_incomplete_tail(STR("\xe0\x80")), 0);
    assert_int_equal(utf8_incomplete_tail(STR("\xc3\xa9")), 0);
}

static void arenas_hand_out_zeroed_aligned_memory(void **state)
{
    (void)state;
    struct arena arena = {0};
    for (size_t size = 0; size < 3000; size++) {
        unsigned char *p = arena_alloc(&arena, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++)
            if (p[i] != 0)
                fail_msg("byte %zu of %zu is not zero", i, size);
        memset(p, 0xaa, size ? size : 1);
    }
    assert_string_equal(arena_copy(&arena, "abcdef", 3), "abc");
    assert_string_equal(arena_copy(&arena, NULL, 0), "");
    assert_string_equal(arena_format(&arena, "blk.%d.%s", 3, "attn_q"), "blk.3.attn_q");
    assert_non_null(arena_alloc(&arena, (size_t)5 << 20));
    assert_non_null(arena_alloc(&arena, 1));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 64));
    assert_null(arena_array(&arena, SIZE_MAX / 2, 3));
    assert_null(arena_copy(&arena, "", SIZE_MAX));
    arena_clear(&arena);
    assert_non_null(arena_array(&arena, 10, 10));
    arena_clear(&arena);
}

static void arenas_keep_their_limit(void **state)
{
    (void)state;
    struct arena arena = {.limit_bytes = 1024};
    assert_non_null(arena_alloc(&arena, 1000));
    assert_null(arena_alloc(&arena, 100));
    assert_non_null(arena_alloc(&arena, 16));
    assert_null(arena_alloc(&arena, 1));
    arena_clear(&arena);
    assert_non_null(arena_alloc(&arena, 1024));
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checked_arithmetic_refuses_overflow),   cmocka_unit_test(spans_compare_and_search),
        cmocka_unit_test(buffers_grow_and_remember_failure),     cmocka_unit_test(buffers_keep_their_limit),
        cmocka_unit_test(utf8_round_trips_every_code_point),     cmocka_unit_test(utf8_refuses_what_is_malformed),
        cmocka_unit_test(arenas_hand_out_zeroed_aligned_memory), cmocka_unit_test(arenas_keep_their_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
