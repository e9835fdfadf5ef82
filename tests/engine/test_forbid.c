/* SPDX-License-Identifier: Apache-2.0
 *
 * What the options rule out before any sampler, and how many tokens they leave in any case.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/sampler.h"

enum { CONTEXT = 64 };

/* Options under which nothing is changed or dropped. */
static struct sampler_options plain(void)
{
    struct sampler_options options;
    sampler_defaults(&options);
    options.seed = 1;
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

/* Which of 4 tokens are chosen as the first of a reply, as a bit mask, in 1024 seeds. */
static unsigned support(struct sampler_options options, const float logits[4])
{
    unsigned mask = 0;
    for (options.seed = 0; options.seed < 1024; options.seed++) {
        struct sampler *sampler = make(&options, 4);
        int32_t id = sampler_next(sampler, logits, NULL, NULL, 0, 0, NULL);
        assert_in_range(id, 0, 3);
        mask |= 1u << id;
        sampler_free(sampler);
    }
    return mask;
}

/* What the options forbid, before any sampler. */
static void forbidden(void **state)
{
    const float logits[4] = {3, 2, 1, 0};
    const int32_t only[] = {1, 3}, end[] = {0, 0}, one[] = {0, -1}, two[] = {1, 0, -1}, all[] = {0, 1, 2, 3},
                  none[] = {-1};
    const int32_t *bad[] = {one, two};
    const int32_t tokens[] = {1, 2, 1};
    const uint32_t first = 1;
    struct hob_error err;
    struct sampler_options o = plain();
    (void)state;
    o.only = only;
    o.n_only = 2;
    assert_int_equal(support(o, logits), 10);
    o = plain();
    o.temp = 0;
    o.ends = end;
    o.n_ends = 2;
    o.min_tokens = 2;
    struct sampler *sampler = make(&o, 4);
    for (size_t n = 0; n < 4; n++)
        assert_int_equal(sampler_next(sampler, logits, NULL, tokens, 3, n, &err), n < 2 ? 1 : 0);
    assert_int_equal(sampler_next(sampler, logits, &first, tokens, 3, 0, &err), 0);
    assert_int_equal(sampler_next(sampler, logits, NULL, tokens, 3, 0, &err), 1);
    sampler_free(sampler);
    o.min_tokens = 0;
    for (o.n_bad = 1; o.n_bad < 3; o.n_bad++) { /* the token alone; then only after token 1 that was generated */
        o.bad = o.n_bad == 1 ? bad : bad + 1;
        struct sampler_options here = o;
        here.n_bad = 1;
        sampler = make(&here, 4);
        assert_int_equal(sampler_next(sampler, logits, NULL, tokens, 3, 0, &err), o.n_bad == 1 ? 1 : 0);
        assert_int_equal(sampler_next(sampler, logits, NULL, tokens, 3, 1, &err), 1);
        assert_int_equal(sampler_next(sampler, logits, NULL, tokens, 2, 1, &err), o.n_bad == 1 ? 1 : 0);
        sampler_free(sampler);
    }
    o.n_bad = 1;
    o.bad = bad;
    o.only = end;
    o.n_only = 1;
    sampler = make(&o, 4);
    assert_int_equal(sampler_next(sampler, logits, NULL, tokens, 3, 0, &err), -1);
    assert_string_equal(err.text, "no token is allowed");
    sampler_free(sampler);
    for (int i = 0; i < 4; i++) {
        const int32_t *sequence = i == 3 ? none : all;
        o = plain();
        o.min_tokens = 1;
        o.only = o.ends = all;
        o.bad = &sequence;
        o.n_only = i == 0 ? 4 : 0;
        o.n_ends = i == 1 ? 4 : 0;
        o.n_bad = i > 1 ? 1 : 0;
        const int32_t endless[] = {3, -1};
        sequence = i == 2 ? endless : sequence;
        assert_null(sampler_new(&o, 3, CONTEXT, &err));
        assert_int_equal(err.status, HOB_USAGE);
    }
}

/* What truncates leaves at least so many. */
static void keeps_the_least(void **state)
{
    const float logits[4] = {3, 2, 1, 0};
    (void)state;
    for (int32_t least = 0; least < 6; least++) {
        unsigned want = least < 2 ? 1 : least < 4 ? (1u << least) - 1 : 15;
        struct sampler_options o = plain();
        o.min_keep = least;
        o.top_p = 0.01f;
        assert_int_equal(support(o, logits), want);
        o.top_p = 1;
        o.min_p = 1;
        assert_int_equal(support(o, logits), want);
        o.min_p = 0;
        o.xtc_probability = 1;
        o.xtc_threshold = 0.05f; /* three of them; two go */
        assert_int_equal(support(o, logits), least > 2 ? 15 : 12);
        o.xtc_probability = 0;
        o.typical = 0.01f;
        assert_int_equal(__builtin_popcount(support(o, logits)), least < 2 ? 1 : least < 4 ? least : 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forbidden),
        cmocka_unit_test(keeps_the_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
