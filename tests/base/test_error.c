/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors are one printable line, whatever a file put into them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/str.h"

static void an_error_keeps_status_and_text(void **state)
{
    (void)state;
    struct hob_error err = {0};
    assert_false(error_set(&err, HOB_FORMAT, "%s: shape [%d, %d]", "blk.3", 2, 3));
    assert_int_equal(err.status, HOB_FORMAT);
    assert_string_equal(err.text, "blk.3: shape [2, 3]");
    assert_false(error_prefix(&err, "%s", "model.gguf"));
    assert_int_equal(err.status, HOB_FORMAT);
    assert_string_equal(err.text, "model.gguf: blk.3: shape [2, 3]");
    error_clear(&err);
    assert_int_equal(err.status, HOB_OK);
    assert_string_equal(err.text, "");
    assert_false(error_memory(&err, 123));
    assert_int_equal(err.status, HOB_LIMIT);
    assert_non_null(strstr(err.text, "123"));
}

static void no_error_struct_is_fine(void **state)
{
    (void)state;
    assert_false(error_set(NULL, HOB_FORMAT, "%d", 1));
    assert_false(error_prefix(NULL, "x"));
    assert_false(error_memory(NULL, 1));
    error_clear(NULL);
}

static void control_bytes_are_escaped(void **state)
{
    (void)state;
    struct hob_error err;
    error_set(&err, HOB_FORMAT, "%s", "a\nb\tc\rd\x1b[31me\x7f");
    assert_string_equal(err.text, "a\\nb\\tc\\rd\\x1b[31me\\x7f");
    error_set(&err, HOB_FORMAT, "%s", "h\xc3\xa9 \xff \xc2\x9b \xe2\x80\xa8 \xe2\x82");
    assert_string_equal(err.text, "h\xc3\xa9 \\xff \\xc2\\x9b \\xe2\\x80\\xa8 \\xe2\\x82");
}

static void long_text_is_cut_between_characters(void **state)
{
    (void)state;
    struct hob_error err;
    for (int lead = 0; lead < 8; lead++) {
        char text[4000];
        memset(text, 'a', (size_t)lead);
        for (size_t i = (size_t)lead; i + 3 < sizeof(text); i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4);
        error_set(&err, HOB_FORMAT, "%s", text);
        assert_true(strlen(err.text) > sizeof(err.text) - 8);
        assert_true(utf8_valid(str_of(err.text)));
        memset(text, 1, sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        error_set(&err, HOB_FORMAT, "%s", text);
        assert_int_equal(strlen(err.text) % 4, 0);
        error_prefix(&err, "%s", text);
        assert_true(strlen(err.text) < sizeof(err.text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_keeps_status_and_text),
        cmocka_unit_test(no_error_struct_is_fine),
        cmocka_unit_test(control_bytes_are_escaped),
        cmocka_unit_test(long_text_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
