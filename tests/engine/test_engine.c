/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine on tiny models: the bits of every logit are the same for any number of threads, any chunking, any company
 * and any cache; and requests end as they should.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/engine.h"
#include "families/families.h"

enum { PROMPT = 150, GENERATE = 70, MOST = 512 };

static const char *const models[] = {"tests/models/tiny-llama-rope3", "tests/models/tiny-gemma3-base",
                                     "tests/models/tiny-qwen2-odd.gguf", "tests/models/tiny-qwen3-base"};

/* The logits of every chosen token, digested, and the tokens. */
struct outcome {
    char sha256[65];
    int32_t tokens[MOST];
    size_t n;
    size_t cached;
    enum end_reason reason;
    bool ended;
};

static struct model *open_model(const char *path)
{
    struct hob_error err = {0};
    size_t n;
    const struct family *const *families = families_all(&n);
    struct model *model = model_open(path, &err);
    if (!model || !model_bind(model, families, n, &err))
        fail_msg("%s", err.text);
    return model;
}

static struct engine *open_engine(struct model *model, struct engine_options options)
{
    struct hob_error err = {0};
    struct engine *engine = engine_new(model, &options, NULL, NULL, &err);
    if (!engine)
        fail_msg("%s", err.text);
    return engine;
}

/* Queues prompt number `which`. */
static struct sequence *submit(struct engine *engine, int which, struct outcome *outcome)
{
    int32_t prompt[PROMPT];
    size_t n = which == 0 ? PROMPT : 1 + (size_t)which * 17 % PROMPT;
    for (size_t i = 0; i < n; i++)
        prompt[i] = (int32_t)((i * 37 + (size_t)which * 11 + i * i) % 300);
    struct sampler_options sampling;
    sampler_defaults(&sampling);
    sampling.seed = 7 + (uint64_t)which;
    sampling.temp = which % 2 ? 0.8F : 0;
    struct sequence_request request = {
        .tokens = prompt,
        .n_tokens = n,
        .max_tokens = GENERATE,
        .ignore_eos = true,
        .hash_logits = true,
        .sampling = &sampling,
        .user = outcome,
    };
    struct hob_error err = {0};
    struct sequence *sequence = engine_submit(engine, &request, &err);
    if (!sequence)
        fail_msg("%s", err.text);
    *outcome = (struct outcome){0};
    return sequence;
}

/* Runs until nothing is left to do. */
static void drain(struct engine *engine)
{
    const struct engine_event *events;
    size_t n, prompt, generated;
    do {
        engine_step(engine, &events, &n);
        for (size_t i = 0; i < n; i++) {
            struct outcome *outcome = sequence_user(events[i].sequence);
            assert_false(outcome->ended);
            if (events[i].kind != EVENT_END)
                continue;
            const int32_t *tokens = sequence_tokens(events[i].sequence, &prompt, &generated);
            memcpy(outcome->tokens, tokens + prompt, generated * sizeof *tokens);
            outcome->n = generated;
            outcome->reason = events[i].reason;
            outcome->ended = true;
            outcome->cached = sequence_timings(events[i].sequence).cached_tokens;
            sequence_logits_sha256(events[i].sequence, outcome->sha256);
        }
    } while (n > 0);
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
    assert_true(a->ended && b->ended);
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->tokens, b->tokens, a->n * sizeof *a->tokens);
    assert_string_equal(a->sha256, b->sha256);
}

static struct outcome run_alone(struct model *model, struct engine_options options, int which)
{
    struct outcome outcome;
    struct engine *engine = open_engine(model, options);
    struct sequence *sequence = submit(engine, which, &outcome);
    drain(engine);
    sequence_free(sequence);
    engine_free(engine);
    return outcome;
}

/* A vector in company, in chunks, and computed anew where pages run short, has the bits it has alone. */
static void test_vectors(void **state)
{
    (void)state;
    struct model *model = open_model(models[0]);
    size_t bytes = model->hparams.e * sizeof(float);
    for (enum pooling pool = POOL_MEAN; pool <= POOL_LAST; pool++) {
        struct engine_options options = {.ctx = 256, .isa = ISA_AUTO, .threads = 2, .batch = 64, .parallel = 4};
        struct engine *engine = open_engine(model, options);
        const struct engine_plan *plan = engine_get_plan(engine);
        options.max_bytes = (size_t)((double)(plan->work_bytes + 6 * 64 * plan->cache_bytes_token) / 0.95) + 4096;
        engine_free(engine);
        float want[MOST];
        for (int company = 0; company <= 3; company++) {
            engine = open_engine(model, options);
            assert_int_equal(engine_get_plan(engine)->n_pages, 6); /* and each wants three or four */
            struct outcome vector = {0}, others[3];
            struct sequence *sequences[4];
            for (int i = 0; i < company; i++)
                sequences[1 + i] = submit(engine, i, &others[i]);
            int32_t prompt[PROMPT];
            for (int i = 0; i < PROMPT; i++)
                prompt[i] = (i * 31 + i * i) % 300;
            struct hob_error err = {0};
            struct sequence_request request = {
                .tokens = prompt, .n_tokens = PROMPT, .pool = pool, .hash_logits = true, .user = &vector};
            sequences[0] = engine_submit(engine, &request, &err);
            assert_non_null(sequences[0]);
            drain(engine);
            assert_true(vector.ended && vector.reason == END_LENGTH && vector.n == 0);
            if (company == 0)
                memcpy(want, sequence_embedding(sequences[0]), bytes);
            assert_memory_equal(want, sequence_embedding(sequences[0]), bytes);
            for (int i = 0; i <= company; i++)
                sequence_free(sequences[i]);
            engine_free(engine);
        }
    }
    model_close(model);
}

/* Fewer pages than all need: the youngest are set aside and computed anew, and nobody's bits change. */
static void test_few_pages(void **state)
{
    (void)state;
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        struct model *model = open_model(models[m]);
        struct engine_options options = {.ctx = 256, .isa = ISA_AUTO, .threads = 2, .batch = 64};
        struct outcome want[6], got[6];
        struct sequence *sequences[6];
        for (int which = 0; which < 6; which++)
            want[which] = run_alone(model, options, which);
        options.parallel = 6;
        struct engine *engine = open_engine(model, options);
        const struct engine_plan *plan = engine_get_plan(engine);
        assert_int_equal(plan->n_pages, 6 * 4);
        options.max_bytes = (size_t)((double)(plan->work_bytes + 6 * 64 * plan->cache_bytes_token) / 0.95) + 4096;
        engine_free(engine);
        engine = open_engine(model, options); /* the weights are there already */
        plan = engine_get_plan(engine);
        assert_int_equal(plan->ctx, 256);
        assert_int_equal(plan->n_pages, 6); /* of the 24 that six contexts have; the six sequences need 18 */
        for (int which = 0; which < 6; which++)
            sequences[which] = submit(engine, which, &got[which]);
        drain(engine);
        for (int which = 0; which < 6; which++) {
            assert_same(&want[which], &got[which]);
            sequence_free(sequences[which]);
        }
        engine_free(engine);
        model_close(model);
    }
}

/* Pages are shared with the same owner's sequences alone. */
static void test_owners(void **state)
{
    (void)state;
    struct hob_error err = {0};
    struct model *model = open_model(models[0]);
    struct engine *engine = open_engine(model, (struct engine_options){.ctx = 512, .isa = ISA_AUTO, .threads = 1});
    int32_t prompt[PROMPT];
    for (size_t i = 0; i < PROMPT; i++)
        prompt[i] = (int32_t)(i % 300);
    static const struct {
        uint64_t owner;
        size_t cached;
    } turns[] = {{1, 0}, {2, 0}, {1, 128}, {2, 128}, {3, 0}};
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        struct outcome outcome = {0};
        struct sequence_request request = {.tokens = prompt,
                                           .n_tokens = PROMPT,
                                           .max_tokens = 3,
                                           .hash_logits = true,
                                           .owner = turns[i].owner,
                                           .user = &outcome};
        struct sequence *sequence = engine_submit(engine, &request, &err);
        assert_non_null(sequence);
        drain(engine);
        assert_int_equal(outcome.cached, turns[i].cached);
        sequence_free(sequence);
    }
    engine_free(engine);
    model_close(model);
}

static void check_exactness(struct engine_options base)
{
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        struct model *model = open_model(models[m]);
        struct outcome want[8];
        for (int which = 0; which < 8; which++)
            want[which] = run_alone(model, base, which);
        assert_int_equal(want[0].n, GENERATE);
        /* threads and chunks */
        const unsigned threads[] = {2, 3, 5};
        const size_t batches[] = {1, 17, 64, 512};
        for (size_t i = 0; i < 4; i++) {
            struct engine_options options = base;
            options.threads = threads[i % 3];
            options.batch = batches[i];
            struct outcome got = run_alone(model, options, 0);
            assert_same(&want[0], &got);
        }
        /* company, then the same prompts again from the cache */
        struct engine_options options = base;
        options.parallel = 5;
        options.batch = 33;
        options.threads = 2;
        struct engine *engine = open_engine(model, options);
        for (int round = 0; round < 2; round++) {
            struct outcome got[8];
            struct sequence *sequences[8];
            for (int which = 0; which < 8; which++)
                sequences[which] = submit(engine, which, &got[which]);
            drain(engine);
            for (int which = 0; which < 8; which++) {
                assert_same(&want[which], &got[which]);
                sequence_free(sequences[which]);
            }
            assert_int_equal(got[0].cached, round ? (PROMPT - 1) / 64 * 64 : 0);
        }
        engine_free(engine);
        model_close(model);
    }
}

static void test_exact(void **state)
{
    (void)state;
    check_exactness((struct engine_options){.threads = 1, .isa = ISA_AUTO, .ctx = 256});
}

static void test_exact_precise(void **state)
{
    (void)state;
    check_exactness((struct engine_options){.threads = 1, .isa = ISA_AUTO, .ctx = 256, .precise = true});
}

static void test_exact_reference(void **state)
{
    (void)state;
    struct model *model = open_model(models[2]);
    struct engine_options best = {.threads = 2, .isa = ISA_AUTO, .ctx = 256}, ref = best;
    ref.isa = ISA_REF;
    struct outcome a = run_alone(model, best, 3), b = run_alone(model, ref, 3);
    assert_same(&a, &b);
    model_close(model);
}

static void test_refusals(void **state)
{
    (void)state;
    struct model *model = open_model(models[0]);
    struct engine *engine = open_engine(model, (struct engine_options){.threads = 1, .isa = ISA_AUTO, .ctx = 64});
    int32_t tokens[80] = {0};
    struct hob_error err = {0};
    struct sequence_request request = {.tokens = tokens, .n_tokens = 65, .max_tokens = 1};
    assert_null(engine_submit(engine, &request, &err));
    assert_int_equal(err.status, HOB_LIMIT);
    assert_non_null(strstr(err.text, "65 tokens, the context 64"));
    request.n_tokens = 0;
    assert_null(engine_submit(engine, &request, &err));
    assert_int_equal(err.status, HOB_USAGE);
    request.n_tokens = 3;
    tokens[1] = (int32_t)model->n_vocab;
    assert_null(engine_submit(engine, &request, &err));
    assert_int_equal(err.status, HOB_USAGE);
    tokens[1] = -1;
    assert_null(engine_submit(engine, &request, &err));
    engine_free(engine);
    model_close(model);
}

/* A full context ends with "length", its last token included. */
static void test_fills_context(void **state)
{
    (void)state;
    struct model *model = open_model(models[0]);
    struct engine *engine = open_engine(model, (struct engine_options){.threads = 1, .isa = ISA_AUTO, .ctx = 64});
    int32_t tokens[64] = {1, 2, 3};
    struct outcome outcome = {0};
    for (size_t n = 62; n <= 64; n++) {
        struct sequence_request request = {.tokens = tokens,
                                           .n_tokens = n,
                                           .max_tokens = SIZE_MAX,
                                           .ignore_eos = true,
                                           .hash_logits = true,
                                           .user = &outcome};
        outcome = (struct outcome){0};
        struct sequence *sequence = engine_submit(engine, &request, NULL);
        drain(engine);
        assert_int_equal(outcome.n, 65 - n);
        assert_int_equal(outcome.reason, END_LENGTH);
        sequence_free(sequence);
    }
    engine_free(engine);
    model_close(model);
}

/* Cancelled sequences, running and waiting, end within a step and leave their place to others. */
static void test_cancel(void **state)
{
    (void)state;
    struct model *model = open_model(models[0]);
    struct engine *engine = open_engine(model, (struct engine_options){.threads = 2, .isa = ISA_AUTO, .ctx = 256});
    struct outcome outcomes[3], want;
    struct sequence *sequences[3];
    const struct engine_event *events;
    size_t n;
    for (int i = 0; i < 3; i++)
        sequences[i] = submit(engine, i, &outcomes[i]);
    engine_step(engine, &events, &n);
    sequence_cancel(sequences[0]);
    sequence_cancel(sequences[1]);
    engine_step(engine, &events, &n); /* both end, and the third has the place */
    assert_true(n >= 3);
    assert_int_equal(events[2].kind, EVENT_PREFILL);
    assert_ptr_equal(events[2].sequence, sequences[2]);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(events[i].kind, EVENT_END);
        *(struct outcome *)sequence_user(events[i].sequence) =
            (struct outcome){.ended = true, .reason = events[i].reason};
    }
    drain(engine);
    assert_int_equal(outcomes[0].reason, END_CANCELLED);
    assert_int_equal(outcomes[1].reason, END_CANCELLED);
    assert_int_equal(outcomes[1].n, 0);
    for (int i = 0; i < 3; i++)
        sequence_free(sequences[i]);
    engine_free(engine);
    want = run_alone(model, (struct engine_options){.threads = 1, .isa = ISA_AUTO, .ctx = 256}, 2);
    assert_same(&want, &outcomes[2]);
    model_close(model);
}

/* Queues `n` tokens of a prompt that want `max_tokens` more. */
static struct sequence *submit_long(struct engine *engine, size_t n, size_t max_tokens)
{
    int32_t *prompt = calloc(n, sizeof *prompt);
    for (size_t i = 0; i < n; i++)
        prompt[i] = (int32_t)((i * 29 + n) % 300);
    struct sequence_request request = {.tokens = prompt, .n_tokens = n, .max_tokens = max_tokens, .ignore_eos = true};
    struct sequence *sequence = engine_submit(engine, &request, NULL);
    free(prompt);
    assert_non_null(sequence);
    return sequence;
}

/* A prompt that takes seconds is read in steps that delay who decodes by no more than 200 ms, or four steps: as far as
 * the engine can foresee, by how long rows took in the two steps before. */
static void test_delay(void **state)
{
    (void)state;
    enum { ROWS = 2000 };
    struct model *model = open_model(models[0]);
    struct engine *engine = open_engine(
        model, (struct engine_options){
                   .threads = 1, .isa = ISA_REF, .ctx = 4096, .batch = 4096, .parallel = 2, .precise = true});
    const struct engine_event *events;
    size_t n, done = 0, n_steps = 0;
    double decode_ms = 0, rate = 0, last_rate = 0;
    struct sequence *talker = submit_long(engine, 4, 2000);
    for (int i = 0; i < 20; i++) {
        double start = clock_ms();
        engine_step(engine, &events, &n);
        decode_ms = i > 0 && clock_ms() - start > decode_ms ? clock_ms() - start : decode_ms;
    }
    double bound = 4 * decode_ms > 200 ? 4 * decode_ms : 200, whole = clock_ms();
    struct sequence *reader = submit_long(engine, ROWS, 1);
    while (done < ROWS) {
        double start = clock_ms();
        size_t rows = 0;
        bool spoke = false;
        engine_step(engine, &events, &n);
        double ms = clock_ms() - start;
        for (size_t i = 0; i < n; i++) {
            spoke = spoke || (events[i].kind == EVENT_TOKEN && events[i].sequence == talker);
            if (events[i].kind == EVENT_PREFILL && events[i].sequence == reader)
                rows = events[i].n_done - done;
        }
        assert_true(spoke);
        assert_true(rows > 0);
        double foreseen = (double)rows * (rate < last_rate ? rate : last_rate);
        if (foreseen > 2 * bound)
            fail_msg("step %zu has %zu rows, which take about %.0f ms; want at most %.0f", n_steps, rows, foreseen,
                     bound);
        last_rate = rate;
        rate = ms / (double)rows;
        done += rows;
        n_steps++;
    }
    whole = clock_ms() - whole;
    print_message("%d rows in %zu steps, %.0f ms\n", ROWS, n_steps, whole);
    assert_true((double)n_steps > whole / (3 * bound));
    sequence_free(talker);
    sequence_free(reader);
    engine_free(engine);
    model_close(model);
}

/* Who comes last, with a short prompt, beside long ones that are being read, hears the first token before each of them
 * has had one more turn, whether anybody decodes or not; and the long ones all go on meanwhile. */
static void test_late(void **state)
{
    (void)state;
    enum { PARALLEL = 4, LONG = 3000 };
    struct model *model = open_model(models[0]);
    for (int talks = 0; talks < 2; talks++) {
        struct engine *engine = open_engine(
            model,
            (struct engine_options){
                .threads = 1, .isa = ISA_AUTO, .ctx = 16384, .batch = 64, .parallel = PARALLEL, .precise = true});
        const struct engine_event *events;
        size_t n, read[2] = {0};
        struct sequence *talker = talks ? submit_long(engine, 4, LONG) : NULL;
        for (int i = 0; i < 5; i++)
            engine_step(engine, &events, &n);
        struct sequence *readers[] = {submit_long(engine, LONG, 1), submit_long(engine, LONG + 1, 1)};
        for (int i = 0; i < 5; i++)
            engine_step(engine, &events, &n);
        struct sequence *late = submit_long(engine, 3, 2);
        size_t steps = 0;
        for (bool heard = false; !heard; steps++) {
            assert_true(steps < PARALLEL);
            engine_step(engine, &events, &n);
            for (size_t i = 0; i < n; i++) {
                heard = heard || (events[i].kind == EVENT_TOKEN && events[i].sequence == late);
                for (size_t k = 0; k < 2; k++)
                    read[k] = events[i].kind == EVENT_PREFILL && events[i].sequence == readers[k] ? events[i].n_done
                                                                                                  : read[k];
            }
        }
        for (int i = 0; i < PARALLEL; i++) {
            engine_step(engine, &events, &n);
            for (size_t j = 0; j < n; j++)
                for (size_t k = 0; k < 2; k++)
                    read[k] = events[j].kind == EVENT_PREFILL && events[j].sequence == readers[k] ? events[j].n_done
                                                                                                  : read[k];
        }
        assert_true(read[0] > 0 && read[0] < LONG && read[1] > 0 && read[1] < LONG); /* it was no late one else */
        sequence_free(talker);
        sequence_free(readers[0]);
        sequence_free(readers[1]);
        sequence_free(late);
        engine_free(engine);
    }
    model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_pages), cmocka_unit_test(test_vectors),       cmocka_unit_test(test_owners),
        cmocka_unit_test(test_exact),     cmocka_unit_test(test_exact_precise), cmocka_unit_test(test_exact_reference),
        cmocka_unit_test(test_refusals),  cmocka_unit_test(test_fills_context), cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_delay),     cmocka_unit_test(test_late),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
