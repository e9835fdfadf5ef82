/* SPDX-License-Identifier: Apache-2.0
 *
 * What the grammars of reply formats let through: for each of the replies in tests/goldens/replies, whether it is a
 * whole reply, the start of one, or none. What is let through has nothing but whole calls of the tools that are given.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replies.h"
#include "text/reply/grammar.h"

/* What a grammar says of a reply to a prompt that has begun it. */
static const char *judge(const struct grammar *grammar, struct str begun, struct str reply)
{
    struct hob_error err = {0};
    size_t at;
    struct matcher *matcher = matcher_new(grammar, NULL, true, &err);
    bool fits = matcher_text(matcher, begun, &at) && matcher_text(matcher, reply, &at),
         whole = fits && matcher_whole(matcher);
    assert_false(matcher_failed(matcher));
    matcher_free(matcher);
    return whole ? "whole" : fits ? "prefix" : "no";
}

struct heard {
    const json_t *tools;
    bool good;
};

static void on_event(void *user, const struct reply_event *event)
{
    struct heard *heard = user;
    bool known = false;
    for (size_t i = 0; event->kind == REPLY_CALL_BEGIN && i < json_array_size(heard->tools); i++) {
        const json_t *tool = json_object_get(json_array_get(heard->tools, i), "function");
        known = known || str_eq(json_span(json_object_get(tool, "name")), event->text);
    }
    if (event->kind == REPLY_CALL_BEGIN)
        heard->good = heard->good && known;
    if (event->kind == REPLY_CALL_END)
        heard->good = heard->good && event->state == REPLY_CALL_WHOLE;
}

/* Whether a reply's calls are whole and known. */
static bool calls_well(struct str template, struct str prompt, const json_t *tools, struct str reply)
{
    struct heard heard = {tools, true};
    struct reply_setting setting = {.form = reply_form_find(template, prompt), .tools = tools};
    struct reply_parser *parser = reply_parser_new(&setting);
    reply_parser_add(parser, reply, on_event, &heard);
    reply_parser_end(parser, on_event, &heard);
    reply_parser_free(parser);
    return heard.good;
}

static void check_format(void **state)
{
    json_t *file = replies_load(*state);
    struct hob_error err = {0};
    struct str template = json_span(json_object_get(file, "template"));
    const json_t *tools = json_object_get(file, "tools"), *cases = json_object_get(file, "cases");
    if (!reply_format_calls(reply_format_find(template))) {
        json_decref(file);
        return;
    }
    size_t n_whole = 0;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *one = json_array_get(cases, i);
        struct str reply = json_span(json_object_get(one, "reply")), prompt = json_span(json_object_get(one, "prompt"));
        struct reply_demand demand = {.form = reply_form_find(template, prompt), .tools = tools};
        struct grammar *grammar = reply_grammar_new(&demand, NULL, &err);
        if (!grammar)
            fail_msg("%s", err.text);
        const char *want = json_string_value(json_object_get(one, "grammar"));
        const char *found = judge(grammar, reply_form_begun(&demand.form), reply);
        grammar_free(grammar);
        if (want && strcmp(want, found) != 0)
            fail_msg("%s: %.*s\nwant %s, found %s", (const char *)*state, (int)reply.len, reply.ptr, want, found);
        if (!want)
            print_message("GRAMMAR %s %zu %s\n", (const char *)*state, i, found);
        if (strcmp(found, "whole") == 0 && !calls_well(template, prompt, tools, reply))
            fail_msg("%s: %.*s\nis let through", (const char *)*state, (int)reply.len, reply.ptr);
        n_whole += strcmp(found, "whole") == 0 && json_object_get(one, "calls");
    }
    assert_true(n_whole >= 2);
    json_decref(file);
}

/* Schemas that cannot be honoured and tools that are none are refused, with a reason. */
static void test_refusals(void **state)
{
    static const struct {
        const char *template, *tools, *says;
    } cases[] = {
        {"<tool_call>", "[{\"type\": \"function\"}]", "name"},
        {"<tool_call>", "[{\"name\": \"a b\"}]", "no name"},
        {"<tool_call>", "[{\"name\": \"a\", \"parameters\": {\"not\": {}}}]", "tools: a: schema"},
        {"nothing", "[{\"name\": \"a\"}]", "no tool calls"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hob_error err = {0};
        json_t *tools = json_read(str_of(cases[i].tools), "tools", &err);
        struct reply_demand demand = {.form = reply_form_find(str_of(cases[i].template), STR("")), .tools = tools};
        assert_null(reply_grammar_new(&demand, NULL, &err));
        if (err.status == HOB_OK || !strstr(err.text, cases[i].says))
            fail_msg("%zu: \"%s\"", i, err.text);
        json_decref(tools);
    }
}

/* What schemas say of plain strings holds. */
static void test_plain_strings(void **state)
{
    static const char tools_text[] =
        "[{\"name\": \"f\", \"parameters\": {\"type\": \"object\", \"required\": [\"a\"], \"properties\": {"
        "\"a\": {\"type\": \"string\", \"pattern\": \"^[A-Z]{3}$\"}, \"b\": {\"type\": \"string\", \"maxLength\": 3}, "
        "\"c\": {\"type\": \"string\", \"format\": \"date\"}, \"d\": {\"enum\": [\"x y\", 2, null]}, "
        "\"e\": {\"type\": \"integer\", \"minimum\": 3}, \"f\": {\"const\": \"k\"}}}}]";
    static const struct {
        const char *key, *value, *want;
    } cases[] = {
        {"a", "ABC", "whole"}, {"a", "ABCD", "no"},          {"a", "abc", "no"},  {"b", "\xc3\xa9\xc3\xa9x", "whole"},
        {"b", "1234", "no"},   {"c", "2024-02-29", "whole"}, {"c", "soon", "no"}, {"d", "x y", "whole"},
        {"d", "2", "whole"},   {"d", "null", "whole"},       {"d", "x", "no"},    {"e", "3", "whole"},
        {"e", "2", "no"},      {"e", "three", "no"},         {"f", "k", "whole"}, {"f", "l", "no"},
    };
    (void)state;
    struct hob_error err = {0};
    json_t *tools = json_read(str_of(tools_text), "tools", &err);
    struct reply_demand demand = {.form = reply_form_find(STR("<function= <parameter="), STR("")), .tools = tools};
    struct grammar *qwen = reply_grammar_new(&demand, NULL, &err);
    demand.form = reply_form_find(STR("<arg_key>"), STR(""));
    struct grammar *glm = reply_grammar_new(&demand, NULL, &err);
    if (!qwen || !glm)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char reply[512];
        const char *key = cases[i].key, *value = cases[i].value;
        bool first = *key == 'a';
        snprintf(reply, sizeof reply, "<function=f>\n<parameter=a>\n%s\n</parameter>\n%s%s%s%s%s</function>",
                 first ? value : "XYZ", first ? "" : "<parameter=", first ? "" : key, first ? "" : ">\n",
                 first ? "" : value, first ? "" : "\n</parameter>\n");
        if (strcmp(judge(qwen, STR(""), str_of(reply)), cases[i].want) != 0)
            fail_msg("%s", reply);
        snprintf(reply, sizeof reply,
                 "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>%s</arg_value>\n%s%s%s%s%s</tool_call>",
                 first ? value : "XYZ", first ? "" : "<arg_key>", first ? "" : key,
                 first ? "" : "</arg_key>\n<arg_value>", first ? "" : value, first ? "" : "</arg_value>\n");
        if (strcmp(judge(glm, STR(""), str_of(reply)), cases[i].want) != 0)
            fail_msg("%s", reply);
    }
    grammar_free(qwen);
    grammar_free(glm);
    json_decref(tools);
}

/* Arguments that are not JSON: what their schemas let through, and what cannot be held. */
static void test_values(void **state)
{
    static const struct {
        const char *schema, *plain, *gemma; /* of one argument; its value as GLM and as Gemma 4 write it */
        const char *want;                   /* for both; else a part of the refusal */
    } cases[] = {
        {"{\"type\": [\"string\", \"integer\"], \"minimum\": 10}", "12", "12", "whole"},
        {"{\"type\": [\"string\", \"integer\"], \"minimum\": 10}", "x5", "<|\"|>5<|\"|>", "whole"},
        {"{\"type\": [\"string\", \"integer\"], \"minimum\": 10}", "5", "5", "no"},
        {"{\"type\": [\"string\", \"null\"], \"maxLength\": 2}", "null", "null", "whole"},
        {"{\"type\": [\"string\", \"null\"], \"maxLength\": 2}", "nul", "<|\"|>nul<|\"|>", "no"},
        {"{\"anyOf\": [{\"type\": \"string\", \"pattern\": \"^[ab]+$\"}, {\"type\": \"boolean\"}]}", "ab",
         "<|\"|>ab<|\"|>", "whole"},
        {"{\"anyOf\": [{\"type\": \"string\", \"pattern\": \"^[ab]+$\"}, {\"type\": \"boolean\"}]}", "true", "true",
         "whole"},
        {"{\"anyOf\": [{\"type\": \"string\", \"pattern\": \"^[ab]+$\"}, {\"type\": \"boolean\"}]}", "c",
         "<|\"|>c<|\"|>", "no"},
        {"{\"$ref\": \"#/$defs/e\"}", "x y", "<|\"|>x y<|\"|>", "whole"},
        {"{\"$ref\": \"#/$defs/e\"}", "x", "<|\"|>x<|\"|>", "no"},
        {"{\"allOf\": [{\"$ref\": \"#/$defs/e\"}], \"title\": \"T\"}", "7", "7", "whole"},
        {"{\"enum\": [\"5\", 5]}", "5", "5", "whole"},
        {"{\"type\": \"object\", \"properties\": {\"k\": {\"type\": \"integer\"}}, \"required\": [\"k\"]}",
         "{\"k\": 1}", "{k:1}", "whole"},
        {"{\"type\": \"object\", \"additionalProperties\": {\"type\": \"integer\"}}", "{\"z\": 1}", "{z:1}", "whole"},
        {"{\"type\": \"object\", \"additionalProperties\": {\"type\": \"integer\"}}", "{\"z\": null}", "{z:null}",
         "no"},
        {"{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"minItems\": 2}", "[1, 2]", "[1,2]", "whole"},
        {"{\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"minItems\": 2}", "[1]", "[1]", "no"},
        {"{\"type\": \"string\", \"allOf\": [{\"minLength\": 1}, {\"maxLength\": 2}]}", "", "", "allOf: cannot"},
        {"{\"type\": [\"string\", \"null\"], \"format\": \"made-up\"}", "", "", "format"},
        {"{\"not\": {}}", "", "", "\"not\""},
    };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        struct hob_error err = {0};
        bool gemma = i % 2;
        const char *want = cases[i / 2].want;
        char text[1024], reply[256];
        snprintf(text, sizeof text,
                 "[{\"name\": \"f\", \"parameters\": {\"type\": \"object\", \"required\": [\"a\"], \"properties\": "
                 "{\"a\": %s}, \"$defs\": {\"e\": {\"enum\": [\"x y\", 7]}}}}]",
                 cases[i / 2].schema);
        snprintf(reply, sizeof reply,
                 gemma ? "<|tool_call>call:f{a:%s}<tool_call|>"
                       : "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>%s</arg_value>\n</tool_call>",
                 gemma ? cases[i / 2].gemma : cases[i / 2].plain);
        json_t *tools = json_read(str_of(text), "tools", &err);
        struct reply_demand demand = {
            .form = reply_form_find(gemma ? STR("<|tool_call><tool_call|>") : STR("<arg_key>"), STR("")),
            .tools = tools};
        struct grammar *grammar = reply_grammar_new(&demand, NULL, &err);
        const char *found = grammar ? judge(grammar, STR(""), str_of(reply)) : err.text;
        if (grammar ? strcmp(found, want) != 0 : !strstr(found, want))
            fail_msg("%s: %s: want %s, found %s", cases[i / 2].schema, reply, want, found);
        grammar_free(grammar);
        json_decref(tools);
    }
}

int main(void)
{
    char *formats[MAX_REPLY_FORMATS];
    struct CMUnitTest tests[MAX_REPLY_FORMATS + 3];
    size_t n = replies_list(formats);
    for (size_t i = 0; i < n; i++)
        tests[i] =
            (struct CMUnitTest){.name = formats[i], .test_func = check_format, .initial_state = (void *)formats[i]};
    tests[n] = (struct CMUnitTest)cmocka_unit_test(test_refusals);
    tests[n + 1] = (struct CMUnitTest)cmocka_unit_test(test_plain_strings);
    tests[n + 2] = (struct CMUnitTest)cmocka_unit_test(test_values);
    int failed = _cmocka_run_group_tests("reply grammar", tests, n + 3, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        free(formats[i]);
    return failed;
}
