/* SPDX-License-Identifier: Apache-2.0
 *
 * Thinking and text, told apart the same way however the bytes are split.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text/reply_parser.h"

struct parts {
    struct buf text, thinking;
};

static void on_part(void *user, enum reply_part part, struct str text)
{
    struct parts *parts = user;
    buf_str(part == REPLY_THINKING ? &parts->thinking : &parts->text, text);
}

static const struct {
    const char *prompt, *reply, *thinking, *text;
} cases[] = {
    {"", "plain", "", "plain"},
    {"", "<think>a</think>b", "a", "b"},
    {"", "\n<think>\na\n</think>\n\nb", "a\n", "\nb"},
    {"", "x <think>a</think>b", "", "x <think>a</think>b"}, /* only at the start */
    {"", "<thinking>", "", "<thinking>"},
    {"", "<think>a < b </thin </think>c", "a < b </thin ", "c"},
    {"", "<think>never ends", "never ends", ""},
    {"", "<think></think>b", "", "b"},
    {"", "<thi", "", "<thi"},
    {"", "<think>a</thi", "a</thi", ""},
    {"...<think>\n", "a</think>b", "a", "b"},
    {"...<think>\n\n</think>\n\n", "b", "", "b"},
    {"", "<think><<</think>", "<<", ""},
    {"", "<<think>", "", "<<think>"},
};

static void check(size_t i, size_t cut1, size_t cut2)
{
    struct str reply = str_of(cases[i].reply);
    struct parts parts = {0};
    struct reply_parser parser = reply_parser_for(STR("{% if x %}<think>{% endif %}"), str_of(cases[i].prompt));
    reply_parser_add(&parser, (struct str){reply.ptr, cut1}, on_part, &parts);
    reply_parser_add(&parser, (struct str){reply.ptr + cut1, cut2 - cut1}, on_part, &parts);
    reply_parser_add(&parser, (struct str){reply.ptr + cut2, reply.len - cut2}, on_part, &parts);
    reply_parser_end(&parser, on_part, &parts);
    char *text = buf_text(&parts.text), *thinking = buf_text(&parts.thinking);
    assert_string_equal(text, cases[i].text);
    assert_string_equal(thinking, cases[i].thinking);
    buf_clear(&parts.text);
    buf_clear(&parts.thinking);
}

static void test_splits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t a = 0; a <= strlen(cases[i].reply); a++)
            for (size_t b = a; b <= strlen(cases[i].reply); b++)
                check(i, a, b);
}

static void test_no_thinking(void **state)
{
    (void)state;
    struct parts parts = {0};
    struct reply_parser parser = reply_parser_for(STR("no such tag"), STR(""));
    reply_parser_add(&parser, STR("<think>a</think>"), on_part, &parts);
    reply_parser_end(&parser, on_part, &parts);
    assert_string_equal(buf_text(&parts.text), "<think>a</think>");
    buf_clear(&parts.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_splits), cmocka_unit_test(test_no_thinking)};
    return cmocka_run_group_tests_name("reply_parser", tests, NULL, NULL);
}
