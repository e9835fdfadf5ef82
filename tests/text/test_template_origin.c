/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the bytes of a prompt come from, and the limits of a rendering.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "text/jinja/template.h"

static const char variables_json[] =
    "{\"messages\": [{\"role\": \"user\", \"content\": \"ab\\\"c\", \"n\": 5, \"list\": [\"x\", \"y\"]},"
    "               {\"role\": \"evil\", \"content\": \"Ää ß<\"}],"
    " \"tools\": [{\"name\": \"tool\"}], \"documents\": [{\"text\": \"doc\"}], \"bos_token\": \"<s>\", \"other\": "
    "{\"role\": \"q\"}}";

static json_t *variables;

static int setup(void **state)
{
    (void)state;
    struct hob_error err = {0};
    variables = json_read(str_of(variables_json), "variables", &err);
    return variables ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(variables);
    return 0;
}

static bool render(struct str source, const json_t *with, struct rendered *out, struct hob_error *err)
{
    struct render_input input = {.variables = with, .now = 1700000000};
    struct template *template = template_parse(source, err);
    bool ok = template && template_render(template, &input, out, err);
    template_free(template);
    return ok;
}

/* The rendering with its untrusted spans in brackets. */
static void bracket(const struct rendered *rendered, struct buf *out)
{
    size_t at = 0;
    for (size_t i = 0; i < rendered->n_untrusted; i++) {
        struct text_span span = rendered->untrusted[i];
        assert_true(span.start >= at && span.end > span.start && span.end <= rendered->text.len);
        assert_true(i == 0 || span.start > rendered->untrusted[i - 1].end);
        buf_add(out, rendered->text.ptr + at, span.start - at);
        buf_str(out, STR("["));
        buf_add(out, rendered->text.ptr + span.start, span.end - span.start);
        buf_str(out, STR("]"));
        at = span.end;
    }
    buf_add(out, rendered->text.ptr + at, rendered->text.len - at);
}

static const struct {
    const char *template, *want;
} origins[] = {
    {"a{{ bos_token }}b", "a<s>b"},
    {"{{ messages[0].content }}", "[ab\"c]"},
    {"<{{ messages[0]['content'] }}>{{ tools[0].name }}{{ documents[0].text }}", "<[ab\"c]>[tooldoc]"},
    {"{{ '<|' + messages[0].role + '|>' }}{{ messages[1].role }}{{ other.role }}", "<|user|>[evil]q"},
    {"{{ messages[0].n }}", "5"},
    {"{{ 'x' + messages[0].content + 'y' }}{{ 'x' ~ messages[0].content ~ 1 }}", "x[ab\"c]yx[ab\"c]1"},
    {"{% set a = 'p' + messages[0].content %}{{ a + '1' }}{{ a + messages[0].list[0] }}{{ a }}",
     "p[ab\"c]1p[ab\"cx]p[ab\"c]"},
    {"{{ ('x' + messages[0].content + 'y')[1:3] }}{{ ('x' + messages[0].content)[::-1] }}", "[abc\"ba]x"},
    {"{{ ('-' + messages[1].content + '-').upper() }}", "-[ÄÄ SS<]-"},
    {"{{ ('-x ' + messages[1].content)|title }}{{ ('q' + messages[1].content)|capitalize }}", "-X [Ää SS<]Q[ää ß<]"},
    {"{{ 'ab'.replace('b', messages[0].list[0]) }}{{ messages[0].content.replace('b', '<s>') }}", "a[xa]<s>[\"c]"},
    {"{{ messages[0].list|join('<s>') }}{{ '-'.join(messages[0].list) }}", "[x]<s>[yx]-[y]"},
    {"{{ ('  ' + messages[0].content + ' ')|trim }}{{ messages[0].content.split('b')[0] }}", "[ab\"ca]"},
    {"{{ messages[0].content|tojson }}", "\"[ab\\\"c]\""},
    {"{{ {'k': messages[0].list}|tojson }}{{ tools|tojson }}", "{\"k\": [\"[x]\", \"[y]\"]}[{\"[name]\": \"[tool]\"}]"},
    {"{{ messages[0].list }}{{ [messages[0].content] }}", "['[x]', '[y]']['[ab\"c]']"},
    {"{{ '%s|%5s' % (messages[0].list[0], messages[0].list[1]) }}", "[x]|    [y]"},
    {"{{ '{}<{:>3}'.format(messages[0].list[0], messages[0].list[1]) }}{{ messages[0].content.format() }}",
     "[x]<  [yab\"c]"},
    {"{{ messages[1].content|e }}{{ messages[1].content|urlencode }}", "[Ää ß&lt;%C3%84%C3%A4%20%C3%9F%3C]"},
    {"{{ messages[0].list[0].center(5, '-') }}{{ messages[0].list[0]|indent(2, true) }}", "--[x]--  [x]"},
    {"{% macro m(t) %}<{{ t }}>{% endmacro %}{{ m(messages[0].list[0]) }}{{ m('t') }}", "<[x]><t>"},
    {"{% set t %}a{{ messages[0].list[0] }}{% endset %}{{ t }}{{ t|upper }}", "a[x]A[X]"},
    {"{% filter replace('b', '<s>') %}b{{ messages[0].content }}{% endfilter %}", "<s>[a]<s>[\"c]"},
    {"{% for c in messages[0].content %}{{ c }}.{% endfor %}", "[a].[b].[\"].[c]."},
    {"{% for k, v in tools[0]|dictsort %}{{ k }}={{ v }}{% endfor %}", "[name]=[tool]"},
    {"{% set ns = namespace(s='') %}{% for x in messages[0].list %}{% set ns.s = ns.s ~ x ~ '|' %}{% endfor %}{{ ns.s "
     "}}",
     "[x]|[y]|"},
    {"{{ messages[0].list|map('upper')|list|join }}{{ messages|map(attribute='content')|first }}", "[XYab\"c]"},
    {"{{ messages[0].list[0] * 3 }}{{ (messages[0].list[0] + '-') * 2 }}", "[xxxx]-[x]-"},
    {"{{ messages[0].content|truncate(4, true, '..', 0) }}{{ messages[0].content|length }}", "[ab\"c]4"},
    {"{{ messages[0].content|string }}{{ messages[0].content|safe }}{{ messages[0].content|default('x') }}",
     "[ab\"cab\"cab\"c]"},
    {"{{ 'a\tb'.expandtabs(2) }}{{ (messages[0].list[0] + '\t').expandtabs(3) }}", "a b[x]  "},
    {"{{ messages[0].content.partition('b') }}", "('[a]', '[b]', '[\"c]')"},
    {"{{ messages[0].content.zfill(6) }}{{ messages[0].content.swapcase() }}", "00[ab\"cAB\"C]"},
};

static void bytes_remember_their_origin(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
        struct rendered rendered = {0};
        struct hob_error err = {0};
        struct buf found = {0};
        if (!render(str_of(origins[i].template), variables, &rendered, &err))
            fail_msg("%s: %s", origins[i].template, err.text);
        bracket(&rendered, &found);
        if (!str_eq(buf_view(&found), str_of(origins[i].want)))
            fail_msg("%s: want %s, found %s", origins[i].template, origins[i].want, buf_text(&found));
        buf_clear(&found);
        rendered_clear(&rendered);
    }
}

/* Replaces the letters of all strings by others: what it leaves is what a template must not lose sight of. */
static json_t *disguise(const json_t *json, bool in_message)
{
    const char *key;
    json_t *item;
    if (json_is_string(json) && in_message) {
        struct str s = json_span(json);
        struct buf out = {0};
        for (size_t i = 0; i < s.len; i++)
            buf_str(&out, (s.ptr[i] | 32) >= 'a' && (s.ptr[i] | 32) <= 'z' ? STR("Ж") : (struct str){s.ptr + i, 1});
        json_t *copy = json_bytes(buf_view(&out));
        buf_clear(&out);
        return copy;
    }
    json_t *copy = json_is_object(json) ? json_object() : json_is_array(json) ? json_array() : json_deep_copy(json);
    size_t index;
    json_object_foreach((json_t *)json, key, item)
    {
        bool disguised = in_message && strcmp(key, "role") != 0 && strcmp(key, "type") != 0;
        json_object_set_new(copy, key, disguise(item, disguised || !strcmp(key, "content")));
    }
    if (json_is_array(json))
        json_array_foreach(json, index, item) json_array_append_new(copy, disguise(item, in_message));
    return copy;
}

static bool is_untrusted(const struct rendered *rendered, size_t at)
{
    for (size_t i = 0; i < rendered->n_untrusted; i++)
        if (at >= rendered->untrusted[i].start && at < rendered->untrusted[i].end)
            return true;
    return false;
}

/* Whatever a published template does, bytes of contents stay untrusted, and what it writes itself stays trusted. */
static void published_templates_keep_origins(void **state)
{
    (void)state;
    static const char *const names[] = {"Qwen-Qwen3-0.6B",
                                        "Qwen3.5-4B",
                                        "google-gemma-4-31B-it",
                                        "openai-gpt-oss-120b",
                                        "meta-llama-Llama-3.1-8B-Instruct",
                                        "mistralai-Mistral-Nemo-Instruct-2407"};
    struct hob_error err = {0};
    json_t *conversations = json_read_file("tests/goldens/templates/conversations.json", 1 << 24, &err), *original;
    const char *name;
    size_t checked = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[256];
        struct buf source = {0};
        snprintf(path, sizeof path, "tests/goldens/templates/published/%s.jinja", names[i]);
        assert_true(file_load(path, 1 << 20, &source, &err));
        json_object_foreach(conversations, name, original)
        {
            struct rendered rendered = {0};
            json_t *disguised = disguise(original, false);
            if (render(buf_view(&source), disguised, &rendered, &err)) {
                struct str s = buf_view(&rendered.text);
                for (size_t at = 0; (at = str_find(s, STR("Ж"), at)) != SIZE_MAX; at++, checked++)
                    if (!is_untrusted(&rendered, at))
                        fail_msg("%s %s: byte %zu of a message is trusted", names[i], name, at);
                for (size_t at = 0; (at = str_find(s, STR("<|"), at)) != SIZE_MAX; at++)
                    if (is_untrusted(&rendered, at) && strcmp(name, "hostile") && strcmp(name, "call_hostile"))
                        fail_msg("%s %s: byte %zu of the template is untrusted", names[i], name, at);
            }
            rendered_clear(&rendered);
            json_decref(disguised);
        }
        buf_clear(&source);
    }
    json_decref(conversations);
    assert_true(checked > 1000);
}

/* Whether rendering head, n times piece, tail ends in the limit's error; anything else must be a success. */
static bool exceeds(enum template_bound bound, const char *head, const char *piece, size_t n, const char *tail)
{
    struct buf source = {0};
    struct rendered rendered = {0};
    struct hob_error err = {0};
    buf_str(&source, str_of(head));
    for (size_t i = 0; i < n; i++)
        buf_str(&source, str_of(piece));
    buf_str(&source, str_of(tail));
    bool ok = render(buf_view(&source), variables, &rendered, &err);
    if (!ok && !strstr(err.text, template_limits[bound].sentence))
        fail_msg("want '%s', found '%s'", template_limits[bound].sentence, err.text);
    buf_clear(&source);
    rendered_clear(&rendered);
    return !ok;
}

static void limits_hold_at_n_and_n_plus_1(void **state)
{
    (void)state;
    char source[256];
    size_t n = template_limits[BOUND_SOURCE].value;
    assert_false(exceeds(BOUND_SOURCE, "", "x", n, ""));
    assert_true(exceeds(BOUND_SOURCE, "", "x", n + 1, ""));
    n = template_limits[BOUND_OUTPUT].value;
    snprintf(source, sizeof source, "{%% set s = 'x' * %zu %%}{{ s * %zu }}", n / 8, (size_t)8);
    assert_false(exceeds(BOUND_OUTPUT, source, "", 0, ""));
    assert_true(exceeds(BOUND_OUTPUT, source, "", 0, "y"));
    n = template_limits[BOUND_RANGE].value;
    snprintf(source, sizeof source, "{{ range(%zu)|length }}", n);
    assert_false(exceeds(BOUND_RANGE, source, "", 0, ""));
    snprintf(source, sizeof source, "{{ range(%zu)|length }}", n + 1);
    assert_true(exceeds(BOUND_RANGE, source, "", 0, ""));
    n = template_limits[BOUND_CALLS].value;
    snprintf(source, sizeof source, "{%% macro m(n) %%}{{ m(n - 1) if n > 1 }}{%% endmacro %%}{{ m(%zu) }}", n);
    assert_false(exceeds(BOUND_CALLS, source, "", 0, ""));
    snprintf(source, sizeof source, "{%% macro m(n) %%}{{ m(n - 1) if n > 1 }}{%% endmacro %%}{{ m(%zu) }}", n + 1);
    assert_true(exceeds(BOUND_CALLS, source, "", 0, ""));
    assert_true(exceeds(BOUND_NESTING, "{{ ", "not ", template_limits[BOUND_NESTING].value + 1, "1 }}"));
    assert_false(exceeds(BOUND_NESTING, "{{ ", "not ", template_limits[BOUND_NESTING].value - 5, "1 }}"));
    const char *loops = "{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}{% endfor %}{% "
                        "endfor %}{% endfor %}";
    assert_true(exceeds(BOUND_STEPS, loops, "", 0, ""));
    assert_true(
        exceeds(BOUND_MEMORY, "{% for i in range(99) %}{% set x = range(99999)|list %}{% endfor %}", "", 0, ""));
    assert_true(
        exceeds(BOUND_DEPTH,
                "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}",
                "", 0, ""));
}

static void errors_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *template, *want;
    } cases[] = {
        {"a\n{{ x.y }}", "template line 2: 'x' is undefined"},
        {"{{ messages[0].zz.y }}", "template line 1: 'dict object' has no attribute 'zz'"},
        {"\n\n{% if %}", "template line 3: the tag ends where an expression should stand"},
        {"{% if x %}\n\n", "template line 2: the template ends before 'endif' of line 1"},
        {"{{ 'a' + 1 }}", "template line 1: '+' of str object and int object is not supported"},
        {"{{\n\nmessages[0].content.foo() }}", "template line 3: 'str object' has no attribute 'foo'"},
        {"{{ x|pprint }}", "template line 1: the filter 'pprint' is not supported in a chat template"},
        {"{{ raise_exception('Only \"user\"') }}", "Only \"user\""},
        {"{% include 'x' %}", "template line 1: 'include' is not supported in a chat template"},
        {"{{ [].append(1) }}", "template line 1: access to attribute 'append' of 'list object' is unsafe"},
        {"{{ ''.__class__.__mro__ }}", "template line 1: access to attribute '__class__' of 'str object' is unsafe"},
        {"{{ 9223372036854775807 + 1 }}", "template line 1: number too large: integers have 64 bits"},
        {"\xff", "template: want UTF-8, found other bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rendered rendered = {0};
        struct hob_error err = {0};
        assert_false(render(str_of(cases[i].template), variables, &rendered, &err));
        assert_string_equal(err.text, cases[i].want);
        rendered_clear(&rendered);
    }
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_remember_their_origin),
        cmocka_unit_test(published_templates_keep_origins),
        cmocka_unit_test(limits_hold_at_n_and_n_plus_1),
        cmocka_unit_test(errors_name_the_line),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
