/* SPDX-License-Identifier: Apache-2.0
 *
 * Markdown on a terminal: how blocks look, that no word is lost, that no line is too wide, and that what streams in
 * pieces ends up as what is rendered at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "cli/ink.h"
#include "cli/markdown.h"
#include "cli/output.h"

enum { WIDTH = 40 };

/* Takes the escape sequences of styles out of `text`. */
static void strip(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\033') {
            buf_byte(out, text.ptr[i]);
            continue;
        }
        while (text.ptr[i] != 'm')
            i++;
    }
}

static void assert_renders(const char *text, const char *want)
{
    struct buf lines = {0}, plain = {0};
    assert_true(markdown_render(str_of(text), WIDTH, &lines));
    strip(buf_view(&lines), &plain);
    assert_string_equal(plain.len ? buf_text(&plain) : "", want);
    buf_clear(&lines);
    buf_clear(&plain);
}

static void test_blocks(void **state)
{
    (void)state;
    assert_renders("", "");
    assert_renders("one\ntwo\n\nthree", "one\ntwo\n\nthree");
    assert_renders("# Head\ntext", "Head\n\ntext");
    assert_renders("a **b** *c* `d` ~~e~~ **f", "a b c d e **f");
    assert_renders("- a\n- b\n  - c\n- d\n\nend", "\u2022 a\n\u2022 b\n  \u25e6 c\n\u2022 d\n\nend");
    assert_renders("3. a\n4. b\n\n   more\n", "3. a\n\n4. b\n\n   more");
    assert_renders("- [ ] a\n- [x] b\n", "[ ] a\n[x] b");
    assert_renders("> a\n> b\n", "\u2502 a\n\u2502 b");
    assert_renders("```py\nif x:\n\n    y = 1\n```\nend", "py\nif x:\n\n    y = 1\n\nend");
    assert_renders("```\nopen", "open");
    assert_renders("a <b> &amp; &copy; [t](u) [u](u) ![i](s)", "a <b> & &copy; t (u) u i (s)");
    assert_renders("[a]: http://x\n", "[a]: http://x");
    assert_renders("a\r\nb\x1b[2J\x07", "a\nb\\x1b[2J\\x07");
    assert_renders("| a | bb |\n|---|--:|\n| ccc | 1 |\n",
                   "a   \u2502 bb\n\u2500\u2500\u2500\u2500\u253c\u2500\u2500\u2500\n"
                   "ccc \u2502  1");
}

static void test_wrapping(void **state)
{
    (void)state;
    assert_renders("aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd eeeeeeeee",
                   "aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd\neeeeeeeee");
    assert_renders("- aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd eeeeeeeee",
                   "\u2022 aaaaaaaaa bbbbbbbbb ccccccccc\n  ddddddddd eeeeeeeee");
    /* wide characters */
    assert_renders("\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d"
                   "\u4f60\u597d\u4f60\u597d\u4f60",
                   "\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d\u4f60\u597d"
                   "\u4f60\u597d\u4f60\u597d\n\u4f60");
}

static uint64_t random_state;

static unsigned draw_number(unsigned n)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % n;
}

/* A text of markup and numbered words: w1, w2, ... Returns how many words. */
static unsigned random_text(struct buf *out)
{
    static const char *const marks[] = {
        " ",  " ", "\n",   "\n\n",    "\n- ",   "\n  - ", "\n1. ",          " **", "** ",     " *",
        "* ", "`", "\n# ", "\n> ",    "\n|",    "|",      "|\n|---|---|\n", "```", "\n```\n", "[",
        "](", ")", "~~",   "\n---\n", "\n    ", "<b>",    "&lt;",           "\\",  "\n\t",    "!["};
    unsigned n_words = 0, n = 20 + draw_number(200);
    for (unsigned i = 0; i < n; i++) {
        buf_str(out, str_of(marks[draw_number(sizeof marks / sizeof *marks)]));
        if (draw_number(2))
            buf_format(out, "w%ux ", n_words++);
    }
    return n_words;
}

/* Lines of code are broken within words: spaces, line ends and the bars of quotes do not count. */
static void assert_no_word_lost(struct str plain, unsigned n_words)
{
    char word[24];
    struct buf squeezed = {0};
    for (size_t i = 0; i < plain.len; i++)
        if (str_starts((struct str){plain.ptr + i, plain.len - i}, STR("\u2502")))
            i += 2;
        else if (plain.ptr[i] != ' ' && plain.ptr[i] != '\n')
            buf_byte(&squeezed, plain.ptr[i]);
    for (unsigned i = 0; i < n_words; i++) {
        snprintf(word, sizeof word, "w%ux", i);
        if (str_find(buf_view(&squeezed), str_of(word), 0) == SIZE_MAX)
            fail_msg("%s is lost in:\n%.*s", word, (int)plain.len, plain.ptr);
    }
    buf_clear(&squeezed);
}

static void assert_narrow(struct str plain, unsigned width)
{
    for (size_t at = 0; at <= plain.len;) {
        const char *end = at < plain.len ? memchr(plain.ptr + at, '\n', plain.len - at) : NULL;
        struct str line = {plain.ptr + at, end ? (size_t)(end - plain.ptr) - at : plain.len - at};
        assert_true(text_columns(line) <= width);
        at += line.len + 1;
    }
}

static void seed_random(void)
{
    const char *given = getenv("HOB_SEED");
    random_state = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("# HOB_SEED=%llu\n", (unsigned long long)random_state);
}

static void test_random(void **state)
{
    (void)state;
    seed_random();
    for (unsigned i = 0; i < 3000; i++) {
        struct buf text = {0}, lines = {0}, plain = {0};
        unsigned n_words = random_text(&text), width = 12 + draw_number(80);
        /* A text that is nested too deep is refused, and then shown as it is. */
        if (markdown_render(buf_view(&text), width, &lines)) {
            strip(buf_view(&lines), &plain);
            if (width > 30) /* below, words are broken */
                assert_no_word_lost(buf_view(&plain), n_words);
            assert_narrow(buf_view(&plain), width);
        }
        buf_clear(&text);
        buf_clear(&lines);
        buf_clear(&plain);
    }
}

/* A terminal that understands what markdown.c sends: rows of text without styles. */
enum { MAX_ROWS = 4000 };
static struct buf screen[MAX_ROWS];

static void show_on_screen(struct str bytes)
{
    size_t row = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i];
        if (c == '\n') {
            row++;
        } else if (c == '\033') {
            size_t n = strtoul(bytes.ptr + i + 2, NULL, 10);
            for (i += 2; (unsigned char)bytes.ptr[i] < 'A'; i++)
                continue;
            if (bytes.ptr[i] == 'A')
                row -= n;
            for (size_t below = row; bytes.ptr[i] == 'J' && below < MAX_ROWS; below++)
                screen[below].len = 0;
        } else if (c != '\r') {
            buf_byte(&screen[row], c);
        }
        assert_true(row < MAX_ROWS);
    }
}

/* Streams `text` in random pieces and sets `out` to what the screen then shows. */
static void stream(struct str text, struct buf *out)
{
    struct markdown markdown = {0};
    struct buf bytes = {0};
    char path[] = "/tmp/hob-markdown-XXXXXX";
    int saved = dup(STDOUT_FILENO), fd = mkstemp(path);
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    for (size_t at = 0; at < text.len;) {
        size_t n = 1 + draw_number(12);
        n = n > text.len - at ? text.len - at : n;
        markdown_add(&markdown, (struct str){text.ptr + at, n});
        at += n;
    }
    markdown_end(&markdown);
    output_flush();
    dup2(saved, STDOUT_FILENO);
    close(saved);
    buf_reserve(&bytes, 1 << 24);
    bytes.len = (size_t)pread(fd, bytes.ptr, 1 << 24, 0);
    buf_text(&bytes);
    close(fd);
    unlink(path);
    for (size_t i = 0; i < MAX_ROWS; i++)
        screen[i].len = 0;
    show_on_screen(buf_view(&bytes));
    size_t n_rows = MAX_ROWS;
    while (n_rows && !screen[n_rows - 1].len)
        n_rows--;
    for (size_t i = 0; i < n_rows; i++) {
        buf_str(out, buf_view(&screen[i]));
        buf_byte(out, '\n');
    }
    markdown_clear(&markdown);
    buf_clear(&bytes);
}

static void test_stream(void **state)
{
    (void)state;
    seed_random();
    struct str text = STR("# Title\n\nSome **bold** text that is long enough to take more than one line of the screen, "
                          "yes.\n\n1. first\n2. second\n   - nested\n\n3. third\n\nThen code:\n\n```c\nint x;\n\n"
                          "int y;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nThe end.\n");
    struct buf whole = {0}, plain = {0};
    assert_true(markdown_render(text, 79, &whole));
    strip(buf_view(&whole), &plain);
    buf_byte(&plain, '\n');
    for (unsigned i = 0; i < 50; i++) {
        struct buf shown = {0};
        stream(text, &shown);
        assert_string_equal(buf_text(&shown), buf_text(&plain));
        buf_clear(&shown);
    }
    buf_clear(&whole);
    buf_clear(&plain);
}

static void test_stream_loses_nothing(void **state)
{
    (void)state;
    seed_random();
    for (unsigned i = 0; i < 200; i++) {
        struct buf text = {0}, shown = {0};
        unsigned n_words = random_text(&text);
        stream(buf_view(&text), &shown);
        assert_no_word_lost(buf_view(&shown), n_words);
        buf_clear(&text);
        buf_clear(&shown);
    }
    struct buf text = {0}, shown = {0}; /* more than the screen has rows, and than is rendered again */
    buf_str(&text, STR("```\n"));
    for (unsigned i = 0; i < 3000; i++)
        buf_format(&text, "*w%ux*   12345\n", i);
    stream(buf_view(&text), &shown);
    assert_no_word_lost(buf_view(&shown), 3000);
    assert_int_equal(str_find(buf_view(&shown), STR("*w2999x*   12345\n"), 0), shown.len - 17);
    buf_clear(&text);
    buf_clear(&shown);
    for (size_t i = 0; i < MAX_ROWS; i++)
        buf_clear(&screen[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_wrapping),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
