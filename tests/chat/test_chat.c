/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests to replies on a tiny model: stop texts, log probabilities, receipts, refusals, thinking, cancelling.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chat/chat.h"
#include "families/families.h"

static struct model *model;
static struct options options;
static struct chat *chat;

static int setup(void **state)
{
    (void)state;
    struct hob_error err = {0};
    size_t n;
    const struct family *const *families = families_all(&n);
    model = model_open("tests/models/tiny-llama-rope3.gguf", &err);
    if (!model || !model_bind(model, families, n, &err) || !options_init(&options, &err) ||
        !options_set(&options, options_find(STR("parallel")), "4", &err) ||
        !options_set(&options, options_find(STR("ctx")), "512", &err) ||
        !(chat = chat_new(model, &options, NULL, NULL, &err))) {
        print_error("%s\n", err.text);
        return 1;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    chat_free(chat);
    options_clear(&options);
    model_close(model);
    return 0;
}

/* What was heard of a reply. */
struct heard {
    struct buf text;
    int ends;
};

static void listen(void *user, const struct chat_event *event)
{
    (void)user;
    struct heard *heard = reply_user(event->reply);
    if (event->kind == CHAT_TEXT || event->kind == CHAT_THINKING)
        buf_str(&heard->text, event->text);
    heard->ends += event->kind == CHAT_END;
}

static struct reply *submit(const char *request, bool receipt, struct heard *heard, struct hob_error *err)
{
    *heard = (struct heard){0};
    json_t *json = json_read(str_of(request), "test", err);
    assert_non_null(json);
    struct reply *reply = chat_submit(chat, json, receipt, heard, err);
    json_decref(json);
    return reply;
}

/* Runs one request to its end and returns the reply as JSON. */
static json_t *run(const char *request)
{
    struct heard heard;
    struct hob_error err = {0};
    struct reply *reply = submit(request, true, &heard, &err);
    if (!reply)
        fail_msg("%s", err.text);
    while (chat_step(chat, listen, NULL))
        ;
    assert_int_equal(heard.ends, 1);
    assert_int_equal(reply_error(reply)->status, HOB_OK);
    assert_true(str_eq(buf_view(&heard.text), reply_text(reply)));
    json_t *json = reply_json(reply, &err);
    assert_non_null(json);
    buf_clear(&heard.text);
    reply_free(reply);
    return json;
}

static const char *text_of(const json_t *reply)
{
    return json_string_value(json_object_get(reply, "text"));
}

/* Every text that a reply holds, used as a stop text, ends it right before. */
static void test_stop(void **state)
{
    (void)state;
    json_t *whole = run("{\"prompt\": \"abc\", \"temp\": 0, \"max_tokens\": 24, \"ignore_eos\": true}");
    const char *text = text_of(whole);
    size_t n = strlen(text);
    assert_true(n > 6);
    for (size_t from = 0; from + 3 < n; from++)
        for (size_t len = 1; len <= 3; len++) {
            char stop[8];
            snprintf(stop, sizeof stop, "%.*s", (int)len, text + from);
            if (!utf8_valid(str_of(stop)) || strstr(stop, "\xef\xbf\xbd")) /* JSON shows bad bytes as U+FFFD */
                continue;
            json_t *request = json_pack("{s:s, s:i, s:i, s:b, s:s}", "prompt", "abc", "temp", 0, "max_tokens", 24,
                                        "ignore_eos", 1, "stop", stop);
            char *line = json_dumps(request, 0);
            json_t *reply = run(line);
            size_t at = (size_t)(strstr(text, stop) - text);
            assert_int_equal(strlen(text_of(reply)), at);
            assert_memory_equal(text_of(reply), text, at);
            assert_string_equal(json_string_value(json_object_get(reply, "stop")), stop);
            assert_string_equal(json_string_value(json_object_get(reply, "finish_reason")), "stop");
            json_decref(reply);
            free(line);
            json_decref(request);
        }
    json_decref(whole);
}

static void test_reply(void **state)
{
    (void)state;
    json_t *reply = run("{\"tokens\": [1, 2, 3], \"temp\": 0.7, \"seed\": 5, \"max_tokens\": 9, \"logprobs\": 3, "
                        "\"ignore_eos\": true, \"id\": \"x\"}");
    assert_string_equal(json_string_value(json_object_get(reply, "id")), "x");
    assert_int_equal(json_array_size(json_object_get(reply, "tokens")), 9);
    assert_int_equal(json_integer_value(json_object_get(reply, "prompt_tokens")), 3);
    assert_string_equal(json_string_value(json_object_get(reply, "finish_reason")), "length");
    json_t *first = json_array_get(json_object_get(reply, "logprobs"), 0), *receipt = json_object_get(reply, "receipt");
    assert_int_equal(json_array_size(json_object_get(first, "top")), 3);
    assert_true(json_number_value(json_object_get(first, "logprob")) < 0);
    assert_int_equal(strlen(json_string_value(json_object_get(receipt, "logits_sha256"))), 64);
    assert_int_equal(json_integer_value(json_object_get(receipt, "seed")), 5);
    assert_int_equal(json_array_size(json_object_get(receipt, "prompt_tokens")), 3);
    /* The same request again gives the same receipt but for its time. */
    json_t *again = run("{\"tokens\": [1, 2, 3], \"temp\": 0.7, \"seed\": 5, \"max_tokens\": 9, \"ignore_eos\": true}");
    assert_string_equal(json_string_value(json_object_get(json_object_get(again, "receipt"), "logits_sha256")),
                        json_string_value(json_object_get(receipt, "logits_sha256")));
    json_decref(again);
    json_decref(reply);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *request, *names;
    } cases[] = {
        {"{}", "one of prompt, messages and tokens"},
        {"{\"prompt\": \"a\", \"tokens\": [1]}", "one of prompt, messages and tokens"},
        {"{\"prompt\": 5}", "prompt"},
        {"{\"prompt\": \"\"}", "empty"},
        {"{\"tokens\": []}", "empty"},
        {"{\"tokens\": [\"a\"]}", "tokens[0]"},
        {"{\"tokens\": [-1]}", "tokens[0]"},
        {"{\"tokens\": [99999]}", "99999"},
        {"{\"messages\": []}", "messages"},
        {"{\"messages\": [{\"content\": \"a\"}]}", "messages[0]"},
        {"{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}], \"tools\": 3}", "tools"},
        {"{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}], \"think\": true}", "think"},
        {"{\"prompt\": \"a\", \"now\": -5}", "now"},
        {"{\"prompt\": \"a\", \"tempp\": 1}", "tempp"},
        {"{\"prompt\": \"a\", \"kv\": \"f16\"}", "kv"},
        {"{\"prompt\": \"a\", \"logit_bias\": [\"5:1\"]}", "logit-bias"},
        {"{\"prompt\": \"a\", \"logit_bias\": [\"999999=1\"]}", "bias"},
        {"{\"prompt\": \"a\", \"stop\": [\"x\", \"\"]}", "stop"},
        {"{\"prompt\": \"a\", \"regex\": \"a\", \"choice\": [\"b\"]}", "one constraint"},
        {"{\"prompt\": \"a\", \"format\": 3}", "format"},
        {"{\"prompt\": \"a\", \"regex\": \"(\"}", "pattern"},
        {"{\"prompt\": \"a\", \"constraint\": {\"nonsense\": 1}}", "nonsense"},
        {"{\"prompt\": \"a\", \"samplers\": \"top-k;nonsense\"}", "nonsense"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct heard heard;
        struct hob_error err = {0};
        if (submit(cases[i].request, false, &heard, &err))
            fail_msg("%s was accepted", cases[i].request);
        if (err.status == HOB_OK || !strstr(err.text, cases[i].names))
            fail_msg("%s: \"%s\" does not name %s", cases[i].request, err.text, cases[i].names);
    }
}

/* A reply keeps to its constraint, and its receipt holds it. */
static void test_constraint(void **state)
{
    (void)state;
    json_t *reply = run("{\"prompt\": \"abc\", \"temp\": 1.5, \"seed\": 3, \"regex\": \"[0-9]{3}-[a-f]{2}\"}");
    const char *text = text_of(reply);
    assert_int_equal(strlen(text), 6);
    assert_int_equal(strspn(text, "0123456789"), 3);
    assert_int_equal(strspn(text + 4, "abcdef"), 2);
    assert_string_equal(json_string_value(json_object_get(reply, "finish_reason")), "stop");
    assert_non_null(json_object_get(json_object_get(json_object_get(reply, "receipt"), "constraint"), "regex"));
    json_decref(reply);
    reply = run("{\"prompt\": \"abc\", \"temp\": 0, \"format\": {\"enum\": [\"left\", 7]}}");

    assert_true(strcmp(text_of(reply), "\"left\"") == 0 ||
                strspn(text_of(reply), "7.0") == strlen(text_of(reply))); /* 7.0 is 7 */
    json_decref(reply);
}

/* A message cannot write a control token; the template does. */
static void test_messages(void **state)
{
    (void)state;
    struct hob_error err = {0};
    json_t *request = json_read(STR("{\"messages\": [{\"role\": \"user\", \"content\": \"<|im_end|>\"}]}"), "t", &err);
    struct rendered rendered = {0};
    assert_true(chat_render(model, NULL, request, &rendered, &err));
    struct ids ids = {0};
    struct encode_options encode = {
        .special = true, .untrusted = rendered.untrusted, .n_untrusted = rendered.n_untrusted};
    const struct tokenizer *tokenizer = model_tokenizer(model, &err);
    assert_true(tokenizer_encode(tokenizer, buf_view(&rendered.text), &encode, &ids, &err));
    int32_t end = tokenizer_find(tokenizer, STR("<|im_end|>"));
    size_t ends = 0;
    for (size_t i = 0; i < ids.len; i++)
        ends += ids.ptr[i] == end;
    assert_int_not_equal(end, TOKEN_NONE);
    assert_int_equal(ends, 1);
    ids_clear(&ids);
    rendered_clear(&rendered);
    json_decref(request);
}

static void test_cancel(void **state)
{
    (void)state;
    struct heard heard;
    struct hob_error err = {0};
    struct reply *reply = submit("{\"prompt\": \"abc\", \"ignore_eos\": true}", false, &heard, &err);
    assert_non_null(reply);
    chat_step(chat, listen, NULL);
    reply_cancel(reply);
    while (chat_step(chat, listen, NULL))
        ;
    assert_string_equal(reply_finish_reason(reply), "cancelled");
    buf_clear(&heard.text);
    reply_free(reply);
}

/* A reply that is freed in flight leaves nothing behind. */
static void test_free_in_flight(void **state)
{
    (void)state;
    struct heard heard;
    struct reply *reply = submit("{\"prompt\": \"abc\", \"ignore_eos\": true}", true, &heard, NULL);
    chat_step(chat, listen, NULL);
    reply_free(reply);
    assert_false(chat_step(chat, listen, NULL));
    buf_clear(&heard.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop),       cmocka_unit_test(test_reply),  cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_messages),   cmocka_unit_test(test_cancel), cmocka_unit_test(test_free_in_flight),
        cmocka_unit_test(test_constraint),
    };
    return cmocka_run_group_tests_name("chat", tests, setup, teardown);
}
