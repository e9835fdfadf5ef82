/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates against Python's jinja2: the goldens of tools/goldens_templates.py, byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"
#include "text/jinja/template.h"

#define GOLDENS "tests/goldens/templates"

enum { NOW = 1700000000, MAX_BYTES = 1 << 24, SHOWN = 40 };

/* One rendering's end: its bytes, or an error. */
struct outcome {
    bool ok;
    struct rendered rendered;
    struct hob_error err;
};

static void run(struct str source, const json_t *variables, struct outcome *out)
{
    struct render_input input = {.variables = variables, .now = NOW};
    *out = (struct outcome){0};
    struct template *template = template_parse(source, &out->err);
    out->ok = template && template_render(template, &input, &out->rendered, &out->err);
    template_free(template);
}

/* Whether the outcome is what the golden says: text, or {"raises": text}, or {"error": anything}. */
static bool matches(const struct outcome *outcome, const json_t *want)
{
    if (json_is_string(want))
        return outcome->ok && str_eq(buf_view(&outcome->rendered.text), json_span(want));
    const json_t *raises = json_object_get(want, "raises");
    return !outcome->ok && (!raises || str_eq(str_of(outcome->err.text), json_span(raises)));
}

static void report(const char *what, const struct outcome *outcome, const json_t *want)
{
    char *text = json_dumps(want, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    struct str found = outcome->ok ? buf_view(&outcome->rendered.text) : str_of(outcome->err.text);
    print_message("# %s\n#   want  %.300s\n#   found %s%.*s\n", what, text,
                  outcome->ok ? "" : "error: ", found.len < 300 ? (int)found.len : 300, found.ptr);
    free(text);
}

static json_t *load(const char *name)
{
    struct hob_error err = {0};
    char path[512];
    snprintf(path, sizeof path, GOLDENS "/%s", name);
    json_t *json = json_read_file(path, MAX_BYTES, &err);
    if (!json)
        fail_msg("%s", err.text);
    return json;
}

static void small_templates_equal_python(void **state)
{
    (void)state;
    json_t *goldens = load("small.json"), *cases = json_object_get(goldens, "cases");
    size_t failed = 0, n = json_array_size(cases);
    assert_true(n >= 600);
    for (size_t i = 0; i < n; i++) {
        json_t *source = json_array_get(json_array_get(cases, i), 0),
               *want = json_array_get(json_array_get(cases, i), 1);
        struct outcome outcome;
        run(json_span(source), json_object_get(goldens, "variables"), &outcome);
        if (!matches(&outcome, want) && failed++ < SHOWN)
            report(json_string_value(source), &outcome, want);
        rendered_clear(&outcome.rendered);
    }
    json_decref(goldens);
    assert_int_equal(failed, 0);
}

/* [bytes, SHA-256] of an output. */
static bool matches_digest(const struct outcome *outcome, const json_t *want)
{
    char hex[65];
    if (!json_is_array(want))
        return matches(outcome, want);
    if (!outcome->ok || outcome->rendered.text.len != (size_t)json_integer_value(json_array_get(want, 0)))
        return false;
    struct sha256 *sha = sha256_new();
    assert_non_null(sha);
    sha256_add(sha, outcome->rendered.text.ptr, outcome->rendered.text.len);
    sha256_hex(sha, hex);
    sha256_free(sha);
    return str_eq(str_of(hex), json_span(json_array_get(want, 1)));
}

static size_t check_published(const char *name, const json_t *rows, const json_t *conversations)
{
    struct hob_error err = {0};
    struct buf source = {0};
    char path[600], what[600];
    size_t failed = 0;
    snprintf(path, sizeof path, GOLDENS "/published/%s.jinja", name);
    if (!file_load(path, MAX_BYTES, &source, &err))
        fail_msg("%s", err.text);
    const char *conversation;
    json_t *want;
    json_object_foreach((json_t *)rows, conversation, want)
    {
        struct outcome outcome;
        run(buf_view(&source), json_object_get(conversations, conversation), &outcome);
        if (!matches_digest(&outcome, want) && failed++ < SHOWN) {
            snprintf(what, sizeof what, "%s %s", name, conversation);
            report(what, &outcome, want);
        }
        rendered_clear(&outcome.rendered);
    }
    buf_clear(&source);
    return failed;
}

static void published_templates_equal_python(void **state)
{
    (void)state;
    json_t *goldens = load("published.json"), *conversations = load("conversations.json"), *rows;
    assert_true(json_object_size(conversations) >= 40 && json_object_size(goldens) >= 15);
    const char *name;
    size_t failed = 0;
    json_object_foreach(goldens, name, rows) failed += check_published(name, rows, conversations);
    json_decref(goldens);
    json_decref(conversations);
    assert_int_equal(failed, 0);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_templates_equal_python),
        cmocka_unit_test(published_templates_equal_python),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
