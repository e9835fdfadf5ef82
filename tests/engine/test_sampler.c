/* SPDX-License-Identifier: Apache-2.0
 *
 * The chain: order, seeds, bias, masks, log probabilities, greedy and mirostat, ranges, bad logits.
 */
#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/sampler.h"

enum { CONTEXT = 64 };

static struct sampler_options defaults(void)
{
    struct sampler_options options;
    sampler_defaults(&options);
    options.seed = 1;
    return options;
}

/* Options under which nothing is changed or dropped. */
static struct sampler_options plain(void)
{
    struct sampler_options options = defaults();
    options.temp = 1;
    options.top_k = 0;
    options.top_p = 1;
    return options;
}

static struct sampler *make(const struct sampler_options *options, size_t n_vocab)
{
    struct hob_error err = {0};
    struct sampler *sampler = sampler_new(options, n_vocab, CONTEXT, &err);
    if (!sampler)
        print_error("%s\n", err.text);
    assert_non_null(sampler);
    return sampler;
}

/* How often each of 4 tokens is chosen as the first of a reply, in 4096 seeds. */
static void frequencies(struct sampler_options options, const float logits[4], double share[4])
{
    memset(share, 0, 4 * sizeof *share);
    for (options.seed = 0; options.seed < 4096; options.seed++) {
        struct sampler *sampler = make(&options, 4);
        int32_t id = sampler_next(sampler, logits, NULL, NULL, 0, 0, NULL);
        assert_in_range(id, 0, 3);
        share[id] += 1.0 / 4096;
        sampler_free(sampler);
    }
}

/* Which of 4 tokens can be chosen, as a bit mask. */
static unsigned support(struct sampler_options options, const float logits[4])
{
    double share[4];
    unsigned mask = 0;
    frequencies(options, logits, share);
    for (unsigned i = 0; i < 4; i++)
        mask |= (unsigned)(share[i] > 0) << i;
    return mask;
}

static void order_of(struct sampler_options *options, const char *text)
{
    assert_true(sampler_parse_order(text, options, NULL));
}

static void defaults_are_the_documented(void **state)
{
    struct sampler_options o = defaults();
    (void)state;
    assert_true(o.temp == 0.8f && o.top_k == 40 && o.top_p == 0.9f && o.min_p == 0 && o.typical == 1);
    assert_true(o.top_n_sigma == -1 && o.repeat_penalty == 1 && o.repeat_last_n == 64 && o.presence_penalty == 0);
    assert_true(o.dry_multiplier == 0 && o.dry_base == 1.75f && o.dry_allowed_length == 2 && o.dry_last_n == -1);
    assert_true(o.xtc_probability == 0 && o.xtc_threshold == 0.1f && o.mirostat_tau == 5 && o.mirostat_eta == 0.1f);
    assert_true(o.dynatemp_range == 0 && o.dynatemp_exponent == 1 && o.frequency_penalty == 0 && o.mirostat == 0);
    struct sampler_options parsed = {0};
    order_of(&parsed, "penalties;dry;top-n-sigma;top-k;typical;top-p;min-p;xtc;temperature");
    assert_int_equal(parsed.n_order, o.n_order);
    assert_memory_equal(parsed.order, o.order, sizeof o.order);
}

static void softmax_frequencies(void **state)
{
    const float logits[4] = {0, 1, 2, -1};
    double share[4], sum = exp(0) + exp(1) + exp(2) + exp(-1);
    (void)state;
    frequencies(plain(), logits, share);
    for (int i = 0; i < 4; i++) {
        double p = exp(logits[i]) / sum;
        assert_true(fabs(share[i] - p) < 4 * sqrt(p * (1 - p) / 4096));
    }
}

/* Temperature 0.5 leaves top-p 0.8 fewer tokens when it comes first; a sampler that is not in the list does not run. */
static void order_matters(void **state)
{
    const float logits[4] = {2, 1, 0, -1}; /* p = 0.64, 0.24, 0.09, 0.03; at 0.5: 0.87, ... */
    struct sampler_options o = plain();
    (void)state;
    o.temp = 0.5f;
    o.top_p = 0.8f;
    order_of(&o, "top-p;temperature");
    assert_int_equal(support(o, logits), 3);
    order_of(&o, "temperature;top-p");
    assert_int_equal(support(o, logits), 1);
    order_of(&o, "temperature");
    assert_int_equal(support(o, logits), 15);
    order_of(&o, "");
    assert_int_equal(support(o, logits), 15);
    o.top_k = 2;
    o.min_p = 0.05f;
    order_of(&o, "min_p");
    assert_int_equal(support(o, logits), 7);
    order_of(&o, "min-p;top-k");
    assert_int_equal(support(o, logits), 3);
}

/* The penalty of a token that stands in the text comes before or after the two best are kept. */
static void penalties_and_order(void **state)
{
    const float logits[4] = {2, 1.9f, 1.8f, -9};
    const int32_t tokens[2] = {3, 0};
    struct sampler_options o = plain();
    (void)state;
    o.repeat_penalty = 100;
    o.top_k = 2;
    unsigned before = 0, after = 0;
    for (o.seed = 0; o.seed < 400; o.seed++) {
        order_of(&o, "penalties;top-k");
        struct sampler *sampler = make(&o, 4);
        before |= 1u << sampler_next(sampler, logits, NULL, tokens, 2, 0, NULL);
        sampler_free(sampler);
        order_of(&o, "top-k;penalties");
        sampler = make(&o, 4);
        after |= 1u << sampler_next(sampler, logits, NULL, tokens, 2, 0, NULL);
        sampler_free(sampler);
    }
    assert_int_equal(before, 6);
    assert_int_equal(after, 3);
}

static void windows(void **state)
{
    const float logits[4] = {2, 1.5f, 1, 0};
    const int32_t tokens[3] = {0, 1, 2}; /* the last one generated */
    struct sampler_options o = plain();
    (void)state;
    o.temp = 0;
    o.repeat_penalty = 50;
    static const struct {
        int32_t last_n, id;
    } cases[] = {{0, 0}, {1, 0}, {2, 0}, {3, 3}, {-1, 3}, {9, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        o.repeat_last_n = cases[i].last_n;
        struct sampler *sampler = make(&o, 4);
        const float below[4] = {2, 1.5f, 1, 0.5f};
        assert_int_equal(sampler_next(sampler, below, NULL, tokens, 3, 1, NULL), cases[i].id);
        sampler_free(sampler);
    }
    o.repeat_penalty = 1;
    o.presence_penalty = 5;
    struct sampler *sampler = make(&o, 4);
    assert_int_equal(sampler_next(sampler, logits, NULL, tokens, 3, 1, NULL), 0); /* 0 and 1 are of the prompt */
    assert_int_equal(sampler_next(sampler, logits, NULL, tokens, 3, 3, NULL), 3);
    sampler_free(sampler);
}

static void seeds_repeat(void **state)
{
    float logits[1000];
    int32_t first[50], tokens[50] = {0};
    struct sampler_options o = defaults();
    (void)state;
    for (int i = 0; i < 1000; i++)
        logits[i] = (float)((i * 7919) % 997) / 100;
    o.xtc_probability = 0.5f;
    o.xtc_threshold = 0.01f;
    size_t n_equal = 0;
    for (int run = 0; run < 3; run++) {
        o.seed = run == 2 ? (uint64_t)1 << 40 : 0;
        struct sampler *sampler = make(&o, 1000);
        for (size_t i = 0; i < 50; i++) {
            int32_t id = sampler_next(sampler, logits, NULL, tokens, i, i, NULL);
            if (run == 0)
                first[i] = id;
            else if (run == 1)
                assert_int_equal(id, first[i]);
            else
                n_equal += id == first[i];
        }
        sampler_free(sampler);
    }
    assert_true(n_equal < 25);
}

/* With xtc switched on but not falling, the token is the one drawn without it. */
static void draws_are_apart(void **state)
{
    const float logits[4] = {1, 1, 1, 1};
    struct sampler_options without = plain(), with = plain();
    size_t n_equal = 0;
    (void)state;
    with.xtc_probability = 0.1f;
    with.xtc_threshold = 0.1f; /* where it falls, only token 3 is left */
    for (uint64_t seed = 0; seed < 1000; seed++) {
        with.seed = without.seed = seed;
        struct sampler *a = make(&without, 4), *b = make(&with, 4);
        n_equal += sampler_next(a, logits, NULL, NULL, 0, 0, NULL) == sampler_next(b, logits, NULL, NULL, 0, 0, NULL);
        sampler_free(a);
        sampler_free(b);
    }
    assert_in_range(n_equal, 890, 960); /* 1000 * (0.9 + 0.1 / 4) */
}

static void greedy(void **state)
{
    float logits[300] = {0};
    struct sampler_options o = defaults();
    (void)state;
    o.temp = 0;
    o.top_k = 1;
    o.dynatemp_range = 3;
    o.xtc_probability = 1;
    o.xtc_threshold = 0.01f;
    o.typical = 0.1f;
    struct sampler *sampler = make(&o, 300);
    logits[150] = logits[299] = logits[151] = 3;
    assert_int_equal(sampler_next(sampler, logits, NULL, NULL, 0, 0, NULL), 150);
    sampler_free(sampler);
    struct logit_bias bias[] = {{150, -INFINITY}, {151, -1}};
    o.logit_bias = bias;
    o.n_logit_bias = 2;
    sampler = make(&o, 300);
    assert_int_equal(sampler_next(sampler, logits, NULL, NULL, 0, 0, NULL), 299);
    sampler_free(sampler);
}

static void dry_in_the_chain(void **state)
{
    const float logits[4] = {1, 0.5f, 0, 0};
    const int32_t tokens[] = {2, 3, 0, 2, 3};
    static const int32_t breaker[] = {3, -1};
    static const int32_t *const breakers[] = {breaker};
    struct sampler_options o = defaults();
    (void)state;
    o.temp = 0;
    o.dry_multiplier = 2;
    struct sampler *sampler = make(&o, 4);
    assert_int_equal(sampler_next(sampler, logits, NULL, tokens, 5, 0, NULL), 1);
    assert_int_equal(sampler_next(sampler, logits, NULL, tokens, 4, 0, NULL), 0);
    sampler_free(sampler);
    o.dry_breakers = breakers;
    o.n_dry_breakers = 1;
    sampler = make(&o, 4);
    assert_int_equal(sampler_next(sampler, logits, NULL, tokens, 5, 0, NULL), 0);
    sampler_free(sampler);
    o.dry_last_n = 0;
    sampler = make(&o, 4);
    assert_int_equal(sampler_next(sampler, logits, NULL, tokens, 5, 0, NULL), 0);
    sampler_free(sampler);
}

/* Mirostat passes over the samplers it stands in for, and its surprise goes to tau. */
static void mirostat_chain(void **state)
{
    float logits[2000];
    struct sampler_options o = defaults();
    (void)state;
    o.top_k = 1;
    o.temp = 1;
    o.mirostat = 2;
    o.mirostat_tau = 4;
    double surprise = 0;
    double sum = 0;
    for (int i = 0; i < 2000; i++) {
        logits[i] = -1.1f * logf(1 + (float)i);
        sum += exp(logits[i]);
    }
    struct sampler *sampler = make(&o, 2000);
    static int32_t tokens[4000];
    for (size_t i = 0; i < 4000; i++) {
        tokens[i] = sampler_next(sampler, logits, NULL, tokens, i, i, NULL);
        if (i >= 1000)
            surprise -= log2(exp(logits[tokens[i]]) / sum) / 3000;
    }
    assert_true(fabs(surprise - 4) < 0.1);
    sampler_free(sampler);
}

static void masks(void **state)
{
    float logits[70];
    uint32_t allowed[3] = {0};
    struct hob_error err = {0};
    struct logit_bias bias = {69, -INFINITY};
    struct sampler_options o = plain();
    (void)state;
    for (int i = 0; i < 70; i++)
        logits[i] = (float)-i;
    struct sampler *sampler = make(&o, 70);
    assert_int_equal(sampler_next(sampler, logits, allowed, NULL, 0, 0, &err), -1);
    assert_int_equal(err.status, HOB_FORMAT);
    assert_string_equal(err.text, "no token is allowed");
    allowed[2] = 1u << 5 | 1u << 6; /* 69; 70 is outside */
    assert_int_equal(sampler_next(sampler, logits, allowed, NULL, 0, 0, NULL), 69);
    sampler_free(sampler);
    o.logit_bias = &bias;
    o.n_logit_bias = 1;
    for (int temp = 0; temp < 2; temp++) {
        o.temp = (float)temp;
        sampler = make(&o, 70);
        assert_int_equal(sampler_next(sampler, logits, allowed, NULL, 0, 0, &err), -1);
        allowed[1] = 1u << 3;
        assert_int_equal(sampler_next(sampler, logits, allowed, NULL, 0, 0, NULL), 35);
        allowed[1] = 0;
        sampler_free(sampler);
    }
}

/* Every sampler at once over few allowed tokens, in both orders: always one of them. */
static void all_samplers_under_a_mask(void **state)
{
    enum { VOCAB = 40000 };
    static float logits[VOCAB];
    static uint32_t allowed[VOCAB / 32];
    int32_t tokens[CONTEXT];
    struct sampler_options o = defaults();
    (void)state;
    o.top_n_sigma = 3;
    o.typical = 0.9f;
    o.min_p = 0.01f;
    o.xtc_probability = 1;
    o.xtc_threshold = 0;
    o.dynatemp_range = 0.8f;
    o.repeat_penalty = 1.3f;
    o.frequency_penalty = 1;
    o.dry_multiplier = 100;
    o.logprobs = 3;
    for (size_t i = 0; i < VOCAB; i++)
        logits[i] = (float)(i * 2654435761u >> 8 & 0xffff) / 4096;
    for (size_t i = 0; i < CONTEXT; i++)
        tokens[i] = (int32_t)(i % 3 * 5000);
    for (uint64_t seed = 0; seed < 60; seed++) {
        memset(allowed, 0, sizeof allowed);
        for (size_t i = 0; i <= seed % 5; i++)
            allowed[i * 311] = 0x00100100u << seed % 7;
        order_of(&o, seed % 2 ? "penalties;dry;top-n-sigma;top-k;typical;top-p;min-p;xtc;temperature"
                              : "temperature;xtc;min-p;top-p;typical;top-k;top-n-sigma;dry;penalties");
        o.seed = seed;
        struct sampler *sampler = make(&o, VOCAB);
        for (size_t n = 0; n < CONTEXT; n++) {
            int32_t id = sampler_next(sampler, logits, allowed, tokens, n, n / 2, NULL);
            assert_in_range(id, 0, VOCAB - 1);
            assert_true(allowed[id / 32] >> id % 32 & 1);
        }
        sampler_free(sampler);
    }
}

static void bad_logits(void **state)
{
    float logits[200] = {0};
    const float bad[3] = {NAN, INFINITY, -INFINITY};
    struct sampler_options o = defaults();
    struct sampler *sampler = make(&o, 200);
    (void)state;
    for (int i = 0; i < 3; i++)
        for (int at = 0; at < 200; at += 199) {
            struct hob_error err = {0};
            logits[at] = bad[i];
            assert_int_equal(sampler_next(sampler, logits, NULL, NULL, 0, 0, &err), -1);
            assert_int_equal(err.status, HOB_FORMAT);
            assert_string_equal(err.text, "non-finite logits");
            logits[at] = 0;
        }
    for (int i = 0; i < 200; i++)
        logits[i] = i % 2 ? 0x1.fffffep127f : -0x1.fffffep127f;
    assert_true(sampler_next(sampler, logits, NULL, NULL, 0, 0, NULL) % 2 == 1);
    for (int i = 0; i < 200; i++)
        logits[i] = -0x1.fffffep127f;
    assert_in_range(sampler_next(sampler, logits, NULL, NULL, 0, 0, NULL), 0, 199);
    sampler_free(sampler);
}

static void logprobs_are_of_the_raw_logits(void **state)
{
    float logits[600];
    double sum = 0;
    struct logit_bias bias = {17, -INFINITY};
    struct sampler_options o = defaults();
    (void)state;
    for (int i = 0; i < 600; i++) {
        logits[i] = (float)((i * 389) % 601) / 40 - 3;
        sum += exp(logits[i]);
    }
    logits[17] = logits[18] = 20;
    sum = 0;
    for (int i = 0; i < 600; i++)
        sum += exp(logits[i]);
    o.temp = 0;
    o.logit_bias = &bias;
    o.n_logit_bias = 1;
    for (o.logprobs = 0; o.logprobs <= 1000; o.logprobs += o.logprobs < 2 ? 1 : 499) {
        size_t n, want = o.logprobs < 600 ? (size_t)o.logprobs : 600;
        struct sampler *sampler = make(&o, 600);
        assert_int_equal(sampler_next(sampler, logits, NULL, NULL, 0, 0, NULL), 18);
        assert_true(fabs(sampler_chosen_logprob(sampler) - (20 - log(sum))) < 1e-6);
        const struct token_logprob *top = sampler_top_logprobs(sampler, &n);
        assert_int_equal(n, want);
        for (size_t i = 0; i < n; i++) {
            assert_true(fabs(top[i].logprob - (logits[top[i].id] - log(sum))) < 1e-5);
            if (i > 0)
                assert_true(logits[top[i - 1].id] > logits[top[i].id] ||
                            (logits[top[i - 1].id] == logits[top[i].id] && top[i - 1].id < top[i].id));
        }
        if (n > 1) {
            assert_int_equal(top[0].id, 17);
            assert_int_equal(top[1].id, 18);
        }
        sampler_free(sampler);
    }
}

static void refused(const struct sampler_options *options, const char *text)
{
    struct hob_error err = {0};
    assert_null(sampler_new(options, 100, CONTEXT, &err));
    assert_int_equal(err.status, HOB_USAGE);
    if (!strstr(err.text, text))
        print_error("%s\nlacks %s\n", err.text, text);
    assert_non_null(strstr(err.text, text));
}

static void ranges(void **state)
{
    (void)state;
#define REFUSE(field, value, text)                                                                                     \
    do {                                                                                                               \
        struct sampler_options o = defaults();                                                                         \
        o.field = value;                                                                                               \
        refused(&o, text);                                                                                             \
    } while (0)
    REFUSE(temp, -1, "temp: -1, want [0, 100]");
    REFUSE(temp, NAN, "temp: ");
    REFUSE(temp, 1e30f, "temp: ");
    REFUSE(top_p, 0, "top-p: 0, want (0, 1]");
    REFUSE(top_p, 2, "top-p: 2, want (0, 1]");
    REFUSE(top_k, -5, "top-k: -5, want [-1, 2147483647]");
    REFUSE(min_p, -0.1f, "min-p: ");
    REFUSE(typical, 1.5f, "typical: ");
    REFUSE(top_n_sigma, INFINITY, "top-n-sigma: ");
    REFUSE(repeat_penalty, 1e9f, "repeat-penalty: 1000000000, want (0, 100]");
    REFUSE(repeat_penalty, 0, "repeat-penalty: ");
    REFUSE(repeat_last_n, -2, "repeat-last-n: ");
    REFUSE(presence_penalty, 1e9f, "presence-penalty: ");
    REFUSE(frequency_penalty, -1e9f, "frequency-penalty: ");
    REFUSE(dry_multiplier, -1, "dry-multiplier: ");
    REFUSE(dry_base, 0.5f, "dry-base: ");
    REFUSE(dry_allowed_length, 0, "dry-allowed-length: ");
    REFUSE(dry_last_n, -2, "dry-last-n: ");
    REFUSE(xtc_probability, 1.1f, "xtc-probability: ");
    REFUSE(xtc_threshold, -1, "xtc-threshold: ");
    REFUSE(dynatemp_range, NAN, "dynatemp-range: ");
    REFUSE(dynatemp_exponent, -1, "dynatemp-exponent: ");
    REFUSE(mirostat, 1, "mirostat: 1, want 0 or 2");
    REFUSE(mirostat_tau, -1, "mirostat-tau: ");
    REFUSE(mirostat_eta, 2, "mirostat-eta: ");
    REFUSE(logprobs, -2, "logprobs: ");
    REFUSE(n_order, 10, "samplers: ");
    REFUSE(order[1], SAMPLE_PENALTIES, "samplers: ");
    REFUSE(order[1], (enum sampler_step)77, "samplers: ");
#undef REFUSE
    static const struct logit_bias biases[] = {{100, 1}, {-1, 1}, {5, NAN}, {5, INFINITY}, {5, 1e7f}};
    for (size_t i = 0; i < sizeof biases / sizeof *biases; i++) {
        struct sampler_options o = defaults();
        o.logit_bias = &biases[i];
        o.n_logit_bias = 1;
        refused(&o, "logit-bias: token ");
    }
    struct sampler_options o = defaults();
    static const char *const orders[] = {"top-q", "top-k;", ";top-k", "top-k;;dry", "dry;dry", "Penalties", " dry"};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        struct hob_error err = {0};
        assert_false(sampler_parse_order(orders[i], &o, &err));
        assert_int_equal(err.status, HOB_USAGE);
        assert_int_equal(o.n_order, SAMPLE_STEPS);
    }
    assert_null(sampler_new(&o, 0, CONTEXT, NULL));
}

static void next_allocates_nothing(void **state)
{
    float logits[500];
    int32_t tokens[CONTEXT] = {0};
    struct sampler_options o = defaults();
    (void)state;
    o.dry_multiplier = 1;
    o.repeat_penalty = 1.1f;
    o.logprobs = 500;
    for (int i = 0; i < 500; i++)
        logits[i] = (float)(i % 37);
    struct sampler *sampler = make(&o, 500);
    size_t before = mallinfo2().uordblks;
    for (size_t n = 0; n < CONTEXT; n++)
        tokens[n] = sampler_next(sampler, logits, NULL, tokens, n, n, NULL);
    assert_int_equal(mallinfo2().uordblks, before);
    sampler_free(sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_documented),
        cmocka_unit_test(softmax_frequencies),
        cmocka_unit_test(order_matters),
        cmocka_unit_test(penalties_and_order),
        cmocka_unit_test(windows),
        cmocka_unit_test(seeds_repeat),
        cmocka_unit_test(draws_are_apart),
        cmocka_unit_test(greedy),
        cmocka_unit_test(dry_in_the_chain),
        cmocka_unit_test(mirostat_chain),
        cmocka_unit_test(masks),
        cmocka_unit_test(all_samplers_under_a_mask),
        cmocka_unit_test(bad_logits),
        cmocka_unit_test(logprobs_are_of_the_raw_logits),
        cmocka_unit_test(ranges),
        cmocka_unit_test(next_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
