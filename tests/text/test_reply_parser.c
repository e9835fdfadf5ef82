/* SPDX-License-Identifier: Apache-2.0
 *
 * Replies of every format (tests/goldens/replies), taken apart the same way however their bytes are split.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replies.h"
#include "text/reply/parser.h"

enum { TRIPLE_BYTES = 80 }; /* replies up to this long are split in three places */

/* One reading of a reply. */
struct heard {
    struct reply_parts parts;
    struct buf log; /* the events, those that follow each other as one */
    int last;
    bool inside;
};

static void on_event(void *user, const struct reply_event *event)
{
    static const char *const names[] = {"thinking ", "text ", "begin ", "arguments ", "end "};
    struct heard *heard = user;
    bool streams = event->kind <= REPLY_TEXT || event->kind == REPLY_CALL_ARGUMENTS;
    assert_true(event->text.len || event->kind == REPLY_CALL_END);
    assert_true(heard->inside == (event->kind == REPLY_CALL_ARGUMENTS || event->kind == REPLY_CALL_END));
    if (event->kind == REPLY_CALL_BEGIN || event->kind == REPLY_CALL_END)
        heard->inside = event->kind == REPLY_CALL_BEGIN;
    if (!streams || heard->last != (int)event->kind)
        buf_format(&heard->log, "\n%s", names[event->kind]);
    buf_str(&heard->log, event->text);
    if (!streams)
        buf_format(&heard->log, " %d id=%.*s", (int)event->state, (int)event->id.len,
                   event->id.ptr ? event->id.ptr : "");
    heard->last = (int)event->kind;
    reply_parts_add(&heard->parts, event);
}

static void clear(struct heard *heard)
{
    reply_parts_clear(&heard->parts);
    buf_clear(&heard->log);
}

/* Reads a reply that is split where `cuts` [n] says, ascending. */
static struct heard hear(const struct reply_setting *setting, struct str reply, const size_t *cuts, size_t n)
{
    struct heard heard = {.last = -1};
    struct reply_parser *parser = reply_parser_new(setting);
    size_t from = 0;
    for (size_t i = 0; i <= n; i++) {
        size_t to = i < n ? cuts[i] : reply.len;
        reply_parser_add(parser, (struct str){reply.ptr + from, to - from}, on_event, &heard);
        from = to;
    }
    reply_parser_end(parser, on_event, &heard);
    assert_false(heard.inside);
    assert_false(reply_parser_failed(parser) || heard.parts.failed);
    reply_parser_free(parser);
    return heard;
}

/* Fails where two readings of a reply differ. */
static void same(struct str reply, struct heard *whole, struct heard *split, size_t a, size_t b)
{
    if (!str_eq(buf_view(&whole->log), buf_view(&split->log)))
        fail_msg("%.*s\nsplit at %zu and %zu gives%s\nand not%s", (int)reply.len, reply.ptr, a, b,
                 buf_text(&split->log), buf_text(&whole->log));
    clear(split);
}

/* Every split into two, byte by byte, and for short replies into three. */
static void check_splits(const struct reply_setting *setting, struct str reply, struct heard *whole)
{
    size_t *all = calloc(reply.len + 1, sizeof *all);
    for (size_t a = 0; a <= reply.len; a++) {
        all[a] = a;
        struct heard two = hear(setting, reply, &a, 1);
        same(reply, whole, &two, a, a);
        for (size_t b = a; b <= reply.len && reply.len <= TRIPLE_BYTES; b++) {
            size_t cuts[] = {a, b};
            struct heard three = hear(setting, reply, cuts, 2);
            same(reply, whole, &three, a, b);
        }
    }
    struct heard bytes = hear(setting, reply, all, reply.len + 1);
    same(reply, whole, &bytes, 0, reply.len);
    free(all);
}

/* Fails unless a part is what the case says. */
static void check_part(const char *reply, const char *name, struct str want, struct str found)
{
    if (!str_eq(want, found))
        fail_msg("%s\n%s: want \"%.*s\", found \"%.*s\"", reply, name, (int)want.len, want.ptr, (int)found.len,
                 found.ptr ? found.ptr : "");
}

static void check_case(struct str template, struct reply_setting setting, const json_t *one)
{
    const char *text = json_string_value(json_object_get(one, "reply"));
    struct str reply = json_span(json_object_get(one, "reply"));
    const json_t *tools = json_object_get(one, "tools");
    setting.form = reply_form_find(template, json_span(json_object_get(one, "prompt")));
    setting.no_calls = json_is_true(json_object_get(one, "no_calls"));
    if (tools)
        setting.tools = json_is_array(tools) ? tools : NULL;
    struct heard whole = hear(&setting, reply, NULL, 0);
    check_part(text, "thinking", json_span(json_object_get(one, "thinking")), buf_view(&whole.parts.thinking));
    check_part(text, "text", json_span(json_object_get(one, "text")), buf_view(&whole.parts.text));
    const json_t *calls = json_object_get(one, "calls");
    char *want = calls ? json_dumps(calls, JSON_SORT_KEYS) : NULL;
    char *found = whole.parts.calls ? json_dumps(whole.parts.calls, JSON_SORT_KEYS) : NULL;
    check_part(text, "calls", str_of(want), str_of(found));
    free(want);
    free(found);
    check_splits(&setting, reply, &whole);
    clear(&whole);
}

/* The cases of one format. */
static void check_format(void **state)
{
    json_t *file = replies_load(*state);
    struct str template = json_span(json_object_get(file, "template"));
    const struct reply_format *format = reply_format_find(template);
    const json_t *cases = json_object_get(file, "cases");
    assert_string_equal(reply_format_name(format), (const char *)*state);
    assert_true(json_array_size(cases) >= 12);
    for (size_t i = 0; i < json_array_size(cases); i++)
        check_case(template, (struct reply_setting){.tools = json_object_get(file, "tools")}, json_array_get(cases, i));
    json_decref(file);
}

int main(void)
{
    char *formats[MAX_REPLY_FORMATS];
    struct CMUnitTest tests[MAX_REPLY_FORMATS];
    size_t n = replies_list(formats);
    for (size_t i = 0; i < n; i++)
        tests[i] =
            (struct CMUnitTest){.name = formats[i], .test_func = check_format, .initial_state = (void *)formats[i]};
    int failed = _cmocka_run_group_tests("reply parser", tests, n, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        free(formats[i]);
    return n < 17 ? 1 : failed;
}
