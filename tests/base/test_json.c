/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON: hob's limits on what is read, and that what is written reads back the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <float.h>
#include <cmocka.h>

#include "base/json.h"

/* Asserts that `text` is refused with a part of the message. */
static void check_refused(struct str text, const char *part)
{
    struct hob_error err = {0};
    json_t *value = json_read(text, "it.json", &err);
    if (value) {
        json_decref(value);
        fail_msg("'%.*s' was accepted", (int)text.len, text.ptr);
    }
    assert_int_equal(err.status, HOB_FORMAT);
    if (!strstr(err.text, "it.json") || !strstr(err.text, part))
        fail_msg("'%s' should say '%s'", err.text, part);
}

/* Asserts that `text` reads and is written as `want`. */
static void check_written(struct str text, const char *want)
{
    struct hob_error err = {0};
    json_t *value = json_read(text, "it.json", &err);
    if (!value)
        fail_msg("'%.*s': %s", (int)text.len, text.ptr, err.text);
    struct buf out = {0};
    assert_true(json_write(value, &out));
    assert_string_equal(buf_text(&out), want);
    json_t *again = json_read(buf_view(&out), "again", &err);
    assert_non_null(again);
    assert_true(json_equal(value, again));
    json_decref(again);
    buf_clear(&out);
    json_decref(value);
}

static void values_read_back_the_same(void **state)
{
    (void)state;
    check_written(STR(" {\"z\": 1, \"a\": [true, false, null], \"m\": {}} "),
                  "{\"z\":1,\"a\":[true,false,null],\"m\":{}}");
    check_written(STR("\"\\u0000\\n\\\"\\\\\\/\\u00e9\\ud83d\\ude00\\u007f\""),
                  "\"\\u0000\\n\\\"\\\\/\xc3\xa9\xf0\x9f\x98\x80\\u007f\"");
    check_written(STR("[0.1, 1.0, -0.0, 1e300, 5e-324, 0.30000000000000004, 100000000000000000000.0]"),
                  "[0.1,1.0,-0.0,1e+300,4.94065645841247e-324,0.30000000000000004,1e+20]");
    check_written(STR("[9223372036854775807, -9223372036854775808, 0, -1]"),
                  "[9223372036854775807,-9223372036854775808,0,-1]");
    check_written(STR("\xef\xbb\xbf[]"), "[]");
    check_written(STR("\"\""), "\"\"");
}

static void integers_past_64_bits_are_refused_or_reals(void **state)
{
    (void)state;
    struct str text = STR("{\"big\": 1000000000000000019884624838656, \"s\": \"99999999999999999999\", \"edges\": "
                          "[9223372036854775808,-9223372036854775809,7]}");
    check_refused(text, "byte 8: the integer 1000000000000000019884624838656 does not fit in 64 bits");
    check_refused(STR("[-9223372036854775809]"), "-9223372036854775809 does not");
    json_t *value = json_read_wide(text, "config.json", NULL);
    struct buf out = {0};
    assert_true(json_write(value, &out));
    assert_string_equal(buf_text(&out), "{\"big\":1e+30,\"s\":\"99999999999999999999\",\"edges\":"
                                        "[9.223372036854776e+18,-9.223372036854776e+18,7]}");
    buf_clear(&out);
    json_decref(value);
    check_refused(STR("1e400"), "real number overflow");
}

static void malformed_text_is_refused(void **state)
{
    (void)state;
    check_refused(STR(""), "line 1");
    check_refused((struct str){0}, "line 1");
    check_refused(STR("{\"a\": 1, \"a\": 2}"), "duplicate");
    check_refused(STR("[1] 2"), "end of file expected");
    check_refused(STR("[1"), "line 1");
    check_refused(STR("\"abc"), "line 1");
    check_refused(STR("\"abc\\"), "line 1");
    check_refused(STR("[NaN]"), "line 1");
    check_refused(STR("\"\xff\""), "line 1");
    check_refused(STR("\"\xed\xa0\x80\""), "line 1");
    check_refused(STR("{\"a\\u0000b\": 1}"), "NUL byte");
    check_refused(STR("\"\\ud800\""), "line 1");
    check_refused(STR("[1]\0"), "line 1");
    check_refused(STR("-"), "line 1");
}

static void depth_is_bounded(void **state)
{
    (void)state;
    for (unsigned depth = 63; depth <= 100000; depth = depth < 66 ? depth + 1 : depth * 10) {
        struct buf text = {0};
        for (unsigned i = 0; i < depth; i++)
            buf_str(&text, i + 1 < depth && i % 2 ? STR("{\"]\\\"\":") : STR("["));
        for (unsigned i = depth; i-- > 0;)
            buf_byte(&text, i + 1 < depth && i % 2 ? '}' : ']');
        struct hob_error err = {0};
        json_t *value = json_read(buf_view(&text), "deep", &err);
        assert_int_equal(value != NULL, depth <= 64);
        if (!value)
            assert_non_null(strstr(err.text, "nested deeper than 64"));
        json_decref(value);
        buf_clear(&text);
    }
    /* What the program itself builds is written without unbounded recursion too. */
    json_t *value = json_array();
    for (int i = 0; i < 1000; i++)
        value = json_pack("[o]", value);
    struct buf out = {0};
    assert_false(json_write(value, &out));
    buf_clear(&out);
    json_decref(value);
}

static void bytes_that_are_not_text_become_replacement_characters(void **state)
{
    (void)state;
    json_t *value = json_bytes(STR("a\xff\xc3\xa9\0\xe2\x82"));
    assert_true(str_eq(json_span(value), STR("a\xef\xbf\xbd\xc3\xa9\0\xef\xbf\xbd\xef\xbf\xbd")));
    json_decref(value);
    value = json_bytes((struct str){0});
    assert_int_equal(json_span(value).len, 0);
    json_decref(value);
    assert_int_equal(json_span(NULL).len, 0);
    value = json_integer(3);
    assert_int_equal(json_span(value).len, 0);
    json_decref(value);
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    struct hob_error err = {0};
    assert_null(json_read_file("/nonexistent/config.json", 100, &err));
    assert_int_equal(err.status, HOB_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nonexistent/config.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_read_back_the_same),
        cmocka_unit_test(integers_past_64_bits_are_refused_or_reals),
        cmocka_unit_test(malformed_text_is_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(bytes_that_are_not_text_become_replacement_characters),
        cmocka_unit_test(a_missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
