/* SPDX-License-Identifier: Apache-2.0
 *
 * The public API, by its header alone, on a tiny model.
 */
#include <fenv.h>
#include <hob.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TINY   "tests/models/tiny-llama-rope3.gguf"
#define FOLDER "tests/models/tiny-llama-rope3"
#define CHAT   "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi <|im_end|>\"}], \"max_tokens\": 20, \"temp\": 0}"

/* Runs all requests of a session to their ends; the text of the last. */
static void run(struct hob_session *session, char *text, size_t size)
{
    const struct hob_event *events;
    size_t n, ended = 0;
    text[0] = '\0';
    while (hob_step(session, &events, &n))
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(events[i].text[events[i].size], 0); /* a NUL may stand within, too */
            if (events[i].kind == HOB_EVENT_TEXT)
                strncat(text, events[i].text, size - strlen(text) - 1);
            ended += events[i].kind == HOB_EVENT_END;
        }
    assert_true(ended > 0);
}

static void a_plan_is_made_without_loading(void **state)
{
    (void)state;
    struct hob_error err = {0};
    struct hob_plan plan;
    assert_string_equal(hob_version(), HOB_VERSION);
    assert_true(hob_plan(TINY, NULL, &plan, &err));
    assert_int_equal(plan.ctx, 512);
    assert_true(plan.weight_bytes > 0 && plan.cache_bytes_token > 0 && plan.threads > 0);
    assert_int_equal(plan.cache_bytes, 512 * plan.cache_bytes_token);
    uint64_t f16 = plan.cache_bytes_token;
    assert_true(hob_plan(FOLDER, "{\"ctx\": 128, \"kv\": \"f32\", \"parallel\": 3}", &plan, &err));
    assert_int_equal(plan.ctx, 128);
    assert_int_equal(plan.parallel, 3);
    assert_int_equal(plan.cache_bytes_token, 2 * f16);
}

static void failures_are_told(void **state)
{
    (void)state;
    struct hob_error err = {0};
    struct hob_plan plan;
    assert_null(hob_open("tests/models/nothing.gguf", &err));
    assert_int_equal(err.status, HOB_NOT_FOUND);
    assert_null(hob_open("tests/goldens/text-700.txt", &err));
    assert_int_equal(err.status, HOB_FORMAT);
    assert_null(hob_open("tests/models/nothing.gguf", NULL));
    assert_false(hob_plan(TINY, "{\"threads\": \"two\"}", &plan, &err));
    assert_int_equal(err.status, HOB_USAGE);
    assert_non_null(strstr(err.text, "threads"));
    assert_false(hob_plan(TINY, "[]", &plan, &err));
    assert_int_equal(err.status, HOB_USAGE);
    struct hob_model *model = hob_open(TINY, &err);
    assert_non_null(model);
    assert_null(hob_session_new(model, "{\"nothing\": 1}", NULL, NULL, &err));
    assert_int_equal(err.status, HOB_USAGE);
    struct hob_session *session = hob_session_new(model, "{\"ctx\": 64}", NULL, NULL, &err);
    assert_non_null(session);
    static const struct {
        const char *request;
        enum hob_status status;
    } wrong[] = {
        {"{", HOB_FORMAT},
        {"[]", HOB_USAGE},
        {"{}", HOB_USAGE},
        {"{\"prompt\": 1}", HOB_USAGE},
        {"{\"tokens\": []}", HOB_USAGE},
        {"{\"tokens\": [1000000]}", HOB_USAGE},
        {"{\"prompt\": \"a\", \"threads\": 1}", HOB_USAGE},
        {"{\"prompt\": \"a\", \"temp\": -1}", HOB_USAGE},
        {"{\"prompt\": \"0123456789012345678901234567890123456789012345678901234567890123456789\"}", HOB_LIMIT},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(hob_submit(session, wrong[i].request, NULL, &err));
        if (err.status != wrong[i].status)
            fail_msg("%s: status %d: %s", wrong[i].request, err.status, err.text);
        assert_true(err.text[0] != '\0');
    }
    const struct hob_event *events;
    size_t n;
    assert_false(hob_step(session, &events, &n));
    assert_int_equal(n, 0);
    hob_session_free(session);
    hob_close(model);
    hob_session_free(NULL);
    hob_request_free(NULL);
    hob_close(NULL);
    hob_free(NULL);
}

static void text_becomes_tokens_and_back(void **state)
{
    (void)state;
    struct hob_error err = {0};
    struct hob_model *model = hob_open(TINY, &err);
    const char *said = "The hob keeps the house, na\xc3\xafve <|im_end|>";
    int32_t *tokens;
    size_t n, size, n_special;
    char *text;
    assert_non_null(model);
    assert_non_null(strstr(hob_describe(model), "\"architecture\":\"llama\""));
    assert_true(hob_tokenize(model, said, strlen(said), 0, &tokens, &n, &err));
    assert_true(hob_detokenize(model, tokens, n, 0, &text, &size, &err));
    assert_string_equal(text, said);
    assert_int_equal(size, strlen(said));
    hob_free(tokens);
    hob_free(text);
    assert_true(hob_tokenize(model, said, strlen(said), HOB_TEXT_SPECIAL, &tokens, &n_special, &err));
    assert_true(n_special < n);
    assert_int_equal(tokens[n_special - 1], 319);
    hob_free(tokens);
    assert_false(hob_detokenize(model, &(int32_t){320}, 1, 0, &text, &size, &err));
    assert_int_equal(err.status, HOB_USAGE);
    assert_true(hob_render(model, CHAT, &text, &size, &err));
    assert_string_equal(text, "<|im_start|>user\nHi <|im_end|><|im_end|>\n<|im_start|>assistant\n");
    hob_free(text);
    assert_false(hob_render(model, "{\"messages\": 1}", &text, &size, &err));
    hob_close(model);
}

static bool note_progress(void *user, uint64_t done, uint64_t total)
{
    if (done == total)
        *(_Atomic bool *)user = true;
    return true;
}

static bool stop_progress(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    (void)done;
    (void)total;
    return false;
}

static void replies_are_streamed(void **state)
{
    (void)state;
    struct hob_error err = {0};
    char text[4096], again[4096];
    _Atomic bool loaded = false;
    struct hob_model *model = hob_open(TINY, &err);
    assert_null(hob_session_new(model, NULL, stop_progress, NULL, &err));
    assert_int_equal(err.status, HOB_INTERRUPTED);
    struct hob_session *session =
        hob_session_new(model, "{\"threads\": 2, \"ctx\": 256}", note_progress, &loaded, &err);
    assert_non_null(session);
    assert_true(loaded);
    int user;
    struct hob_request *request = hob_submit(session, CHAT, &user, &err);
    assert_non_null(request);
    assert_null(hob_reply(request, &err));
    assert_int_equal(err.status, HOB_USAGE);
    run(session, text, sizeof text);
    const char *reply = hob_reply(request, &err);
    assert_non_null(reply);
    assert_ptr_equal(reply, hob_reply(request, &err));
    assert_non_null(strstr(reply, "\"finish_reason\":"));
    assert_non_null(strstr(reply, "\"logits_sha256\":"));
    hob_request_free(request);
    request = hob_submit(session, CHAT, &user, &err);
    run(session, again, sizeof again);
    assert_string_equal(text, again);
    hob_session_free(session);
    hob_close(model);
}

static void *cancel_later(void *request)
{
    usleep(20000);
    hob_cancel(request);
    return NULL;
}

static void a_request_is_cancelled_from_another_thread(void **state)
{
    (void)state;
    struct hob_error err = {0};
    char text[65536];
    struct hob_model *model = hob_open(TINY, &err);
    struct hob_session *session = hob_session_new(model, "{\"ctx\": 1000000, \"kv\": \"f16\"}", NULL, NULL, &err);
    assert_non_null(session);
    struct hob_request *request =
        hob_submit(session, "{\"prompt\": \"a\", \"ignore_eos\": true, \"max_tokens\": 999000}", NULL, &err);
    pthread_t thread;
    assert_non_null(request);
    assert_int_equal(pthread_create(&thread, NULL, cancel_later, request), 0);
    run(session, text, sizeof text);
    pthread_join(thread, NULL);
    assert_non_null(strstr(hob_reply(request, &err), "\"finish_reason\":\"cancelled\""));
    /* One in flight goes with its session. */
    assert_non_null(hob_submit(session, CHAT, NULL, &err));
    hob_session_free(session);
    hob_close(model);
}

/* Two threads, two sessions, one model: the same replies. */
struct worker {
    struct hob_session *session;
    char text[4096];
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    if (hob_submit(worker->session, CHAT, NULL, NULL))
        run(worker->session, worker->text, sizeof worker->text);
    return NULL;
}

static void sessions_share_a_model(void **state)
{
    (void)state;
    struct hob_error err = {0};
    struct hob_model *model = hob_open(FOLDER, &err);
    struct worker workers[2];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        workers[i].session = hob_session_new(model, i ? "{\"threads\": 1}" : "{\"isa\": \"ref\"}", NULL, NULL, &err);
        assert_non_null(workers[i].session);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_string_equal(workers[0].text, workers[1].text);
    assert_true(workers[0].text[0] != '\0');
    for (int i = 0; i < 2; i++)
        hob_session_free(workers[i].session);
    hob_close(model);
}

static void float_control_stays_the_callers(void **state)
{
    (void)state;
    struct hob_error err = {0};
    char text[2][4096];
    struct hob_model *model = hob_open(TINY, &err);
    struct hob_session *session = hob_session_new(model, "{\"ctx\": 256}", NULL, NULL, &err);
    assert_non_null(session);
    for (int i = 0; i < 2; i++) {
        fesetround(i ? FE_TOWARDZERO : FE_TONEAREST);
        assert_non_null(hob_submit(session, CHAT, NULL, &err));
        run(session, text[i], sizeof text[i]);
        assert_int_equal(fegetround(), i ? FE_TOWARDZERO : FE_TONEAREST);
    }
    fesetround(FE_TONEAREST);
    assert_string_equal(text[0], text[1]);
    hob_session_free(session);
    hob_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_made_without_loading),
        cmocka_unit_test(failures_are_told),
        cmocka_unit_test(text_becomes_tokens_and_back),
        cmocka_unit_test(replies_are_streamed),
        cmocka_unit_test(a_request_is_cancelled_from_another_thread),
        cmocka_unit_test(sessions_share_a_model),
        cmocka_unit_test(float_control_stays_the_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
