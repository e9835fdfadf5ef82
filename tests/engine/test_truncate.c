/* SPDX-License-Identifier: Apache-2.0
 *
 * Each sampler against its published formula, written once more here in double over a sorted table; and the machinery
 * that cuts an order without sorting it, against sorting.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "engine/dry.h"
#include "engine/penalties.h"
#include "engine/philox.h"
#include "engine/truncate.h"

enum { ROUNDS = 300, MOST = 20000 };

static uint64_t state;

static uint32_t random_bits(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

static size_t random_below(size_t n)
{
    return random_bits() % n;
}

static double random_unit(void)
{
    return random_bits() / 2147483648.0;
}

/* One row of the table that the formulas work on. */
struct row {
    int32_t id;
    double logit, p, key;
};

struct fixture {
    struct arena arena;
    struct candidates c;
    float logits[MOST];
    struct row rows[MOST]; /* [n], by descending probability, ties to the lower id */
    size_t n;
};

static int set_up(void **test)
{
    struct fixture *f = calloc(1, sizeof *f);
    *test = f;
    state = 20240517;
    print_message("# seed %llu\n", (unsigned long long)state);
    return f && candidates_init(&f->c, MOST, &f->arena, NULL) ? 0 : -1;
}

static int tear_down(void **test)
{
    struct fixture *f = *test;
    arena_clear(&f->arena);
    free(f);
    return 0;
}

static int by_key(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->key != y->key)
        return x->key > y->key ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static void sort_rows(struct fixture *f)
{
    qsort(f->rows, f->n, sizeof *f->rows, by_key);
}

/* Fills p from the logits of the rows, and sorts them by it. */
static void soften(struct fixture *f)
{
    double max = -INFINITY, sum = 0;
    for (size_t i = 0; i < f->n; i++)
        max = fmax(max, f->rows[i].logit);
    for (size_t i = 0; i < f->n; i++)
        sum += f->rows[i].p = exp(f->rows[i].logit - max);
    for (size_t i = 0; i < f->n; i++) {
        f->rows[i].p /= sum;
        f->rows[i].key = f->rows[i].logit;
    }
    sort_rows(f);
}

/* Takes f->logits[n] as candidates and as rows; -INFINITY is loaded as a token that a mask forbids. */
static void load(struct fixture *f, size_t n)
{
    static uint32_t mask[MOST / 32 + 1];
    f->n = 0;
    memset(mask, 0, sizeof mask);
    for (size_t i = 0; i < n; i++) {
        if (f->logits[i] == -INFINITY) {
            f->logits[i] = 0;
            continue;
        }
        mask[i / 32] |= 1u << i % 32;
        f->rows[f->n++] = (struct row){.id = (int32_t)i, .logit = f->logits[i]};
    }
    assert_true(candidates_load(&f->c, f->logits, n));
    candidates_mask(&f->c, mask);
    soften(f);
}

/* Random logits, some of them forbidden, a few of them equal. */
static void load_random(struct fixture *f, size_t n)
{
    double spread = 0.2 + 6 * random_unit();
    for (size_t i = 0; i < n; i++)
        f->logits[i] = (float)(spread * (random_unit() + random_unit() + random_unit() + random_unit() - 2));
    for (size_t i = 0; i < n / 8; i++)
        f->logits[random_below(n)] = f->logits[random_below(n)];
    if (n > 2 && random_below(2))
        f->logits[random_below(n)] = -INFINITY;
    load(f, n);
}

/* Keeps the first n rows. */
static void keep_rows(struct fixture *f, size_t n)
{
    f->n = n;
}

/* The candidates that are not forbidden are the rows, with their logits. */
static void check_rows(struct fixture *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++)
        f->rows[i].key = -f->rows[i].id;
    sort_rows(f);
    for (size_t i = 0; i < f->c.n; i++) {
        if (f->c.logit[i] == -INFINITY)
            continue;
        assert_true(n < f->n);
        assert_int_equal(candidate_id(&f->c, i), f->rows[n].id);
        assert_true(fabs(f->c.logit[i] - f->rows[n].logit) <= 1e-5 * (1 + fabs(f->rows[n].logit)));
        n++;
    }
    assert_int_equal(n, f->n);
}

/* The fewest rows, in their order, that hold `mass`. */
static size_t rows_of_mass(const struct fixture *f, double mass)
{
    double sum = 0;
    size_t n = 0;
    while (n < f->n && sum < mass)
        sum += f->rows[n++].p;
    return n;
}

static double entropy_of(const struct fixture *f)
{
    double entropy = 0;
    for (size_t i = 0; i < f->n; i++)
        entropy -= f->rows[i].p > 0 ? f->rows[i].p * log(f->rows[i].p) : 0;
    return entropy;
}

static void top_k(void **test)
{
    struct fixture *f = *test;
    for (int round = 0; round < ROUNDS; round++) {
        load_random(f, round % 10 ? 1 + random_below(64) : 1 + random_below(MOST));
        size_t k = 1 + random_below(50);
        truncate_top_k(&f->c, (int32_t)k);
        keep_rows(f, k < f->n ? k : f->n);
        check_rows(f);
    }
    load_random(f, 50);
    truncate_top_k(&f->c, 0);
    truncate_top_k(&f->c, -1);
    check_rows(f);
}

/* Many equal logits over many blocks: the lowest ids stay. */
static void top_k_ties(void **test)
{
    struct fixture *f = *test;
    for (size_t i = 0; i < MOST; i++)
        f->logits[i] = i % 3 == 0 ? 2.0f : i % 2 ? -0.0f : 0.0f;
    load(f, MOST);
    truncate_top_k(&f->c, 40);
    keep_rows(f, 40);
    check_rows(f);
    assert_int_equal(f->c.id[39], 117);
    for (size_t i = 0; i < 10; i++)
        f->logits[i] = i % 2 ? 0.0f : -0.0f;
    load(f, 10);
    truncate_top_k(&f->c, 3);
    assert_int_equal(f->c.n, 3);
    assert_int_equal(f->c.id[2], 2);
}

/* What is forbidden or changed is seen by whoever asks for the largest, and not by whoever owns the logits. */
static void changes(void **test)
{
    struct fixture *f = *test;
    static float logits[MOST];
    static uint32_t mask[MOST / 32 + 1], count[MOST];
    for (int round = 0; round < 30; round++) {
        int32_t text[10];
        load_random(f, MOST - random_below(200));
        memcpy(logits, f->logits, sizeof logits);
        memset(mask, 0xff, sizeof mask);
        mask[f->rows[0].id / 32] ^= 1u << f->rows[0].id % 32;
        candidates_mask(&f->c, mask);
        memmove(f->rows, f->rows + 1, --f->n * sizeof *f->rows);
        for (int sign = 1; sign >= -1; sign -= 2) { /* the best become the worst, then the worst the best */
            assert_int_equal(candidate_id(&f->c, candidates_argmax(&f->c)), f->rows[0].id);
            for (size_t i = 0; i < 10; i++) {
                struct row *row = &f->rows[sign > 0 ? i : f->n - 1 - i];
                text[i] = row->id;
                row->logit = (float)(row->logit - sign * 1024);
            }
            penalize_presence(&f->c, (float)sign * 1024, 0, text, 10, count, f->c.n);
            soften(f);
            assert_true(candidates_max(&f->c) == (float)f->rows[0].logit);
        }
        truncate_top_k(&f->c, 20);
        keep_rows(f, 20);
        check_rows(f);
        assert_memory_equal(logits, f->logits, sizeof logits);
    }
}

static void top_p(void **test)
{
    struct fixture *f = *test;
    for (int round = 0; round < ROUNDS; round++) {
        load_random(f, round % 10 ? 1 + random_below(64) : 1 + random_below(MOST));
        float mass = (float)(0.01 + 0.98 * random_unit());
        truncate_top_p(&f->c, mass, 0);
        keep_rows(f, rows_of_mass(f, mass));
        check_rows(f);
    }
    float quarter[4] = {1, 1, 1, 1};
    memcpy(f->logits, quarter, sizeof quarter);
    load(f, 4);
    truncate_top_p(&f->c, 0.5f, 0); /* exactly held by two */
    assert_int_equal(f->c.n, 2);
    assert_int_equal(f->c.id[1], 1);
    truncate_top_p(&f->c, 1e-30f, 0);
    assert_int_equal(f->c.n, 1);
}

static void min_p(void **test)
{
    struct fixture *f = *test;
    for (int round = 0; round < ROUNDS; round++) {
        load_random(f, 1 + random_below(64));
        float share = (float)random_unit();
        truncate_min_p(&f->c, share, 0);
        size_t n = 0;
        while (n < f->n && f->rows[n].p >= share * f->rows[0].p)
            n++;
        keep_rows(f, n);
        check_rows(f);
    }
    float three[3] = {3, 1, 3};
    memcpy(f->logits, three, sizeof three);
    load(f, 3);
    truncate_min_p(&f->c, 1, 0);
    assert_int_equal(f->c.n, 2);
}

static void top_n_sigma(void **test)
{
    struct fixture *f = *test;
    for (int round = 0; round < ROUNDS; round++) {
        load_random(f, 1 + random_below(64));
        float sigmas = (float)(2 * random_unit());
        double mean = 0, variance = 0;
        for (size_t i = 0; i < f->n; i++)
            mean += f->rows[i].logit / (double)f->n;
        for (size_t i = 0; i < f->n; i++)
            variance += pow(f->rows[i].logit - mean, 2) / (double)f->n;
        size_t n = 0;
        while (n < f->n && f->rows[n].logit >= f->rows[0].logit - sigmas * sqrt(variance))
            n++;
        truncate_top_n_sigma(&f->c, sigmas);
        keep_rows(f, n);
        check_rows(f);
    }
    load_random(f, 50);
    truncate_top_n_sigma(&f->c, -1);
    check_rows(f);
}

static void typical(void **test)
{
    struct fixture *f = *test;
    for (int round = 0; round < ROUNDS; round++) {
        load_random(f, 1 + random_below(64));
        float mass = (float)(0.05 + 0.9 * random_unit());
        double entropy = entropy_of(f);
        for (size_t i = 0; i < f->n; i++)
            f->rows[i].key = -fabs(-log(f->rows[i].p) - entropy);
        sort_rows(f);
        keep_rows(f, rows_of_mass(f, mass));
        truncate_typical(&f->c, mass, 0);
        check_rows(f);
    }
}

static void xtc(void **test)
{
    struct fixture *f = *test;
    for (int round = 0; round < ROUNDS; round++) {
        load_random(f, 1 + random_below(64));
        float threshold = (float)(0.3 * random_unit());
        size_t n = 0;
        while (n < f->n && f->rows[n].p >= threshold)
            n++;
        if (n > 1) {
            f->n -= n - 1;
            memmove(f->rows, f->rows + n - 1, f->n * sizeof *f->rows);
        }
        truncate_xtc(&f->c, threshold, 0);
        check_rows(f);
    }
}

static void temperature(void **test)
{
    struct fixture *f = *test;
    for (int round = 0; round < ROUNDS; round++) {
        load_random(f, 1 + random_below(64));
        float temp = (float)(0.01 + 2 * random_unit());
        for (size_t i = 0; i < f->n; i++)
            f->rows[i].logit /= temp;
        warm(&f->c, temp);
        check_rows(f);
    }
    float wide[3] = {3e38f, -3e38f, 1};
    memcpy(f->logits, wide, sizeof wide);
    load(f, 3);
    warm(&f->c, 1e-3f);
    for (size_t i = 0; i < 3; i++)
        assert_true(isfinite(f->c.logit[i]));
}

static void dynamic_temperature(void **test)
{
    struct fixture *f = *test;
    for (int round = 0; round < ROUNDS; round++) {
        load_random(f, 1 + random_below(64));
        float temp = (float)(0.1 + random_unit()), range = (float)(0.1 + 2 * random_unit());
        float exponent = (float)(0.2 + 2 * random_unit());
        double low = fmax(0, (double)temp - range), high = (double)temp + range;
        if (f->n > 1) {
            double share = entropy_of(f) / log((double)f->n);
            double found = low + (high - low) * pow(share, exponent);
            for (size_t i = 0; i < f->n; i++)
                f->rows[i].logit /= found;
        }
        warm_by_entropy(&f->c, temp, range, exponent);
        check_rows(f);
    }
    float sure[3] = {0, 500, 0}; /* entropy 0, so temperature 0 */
    memcpy(f->logits, sure, sizeof sure);
    load(f, 3);
    warm_by_entropy(&f->c, 0.5f, 0.5f, 1);
    assert_int_equal(f->c.n, 1);
    assert_int_equal(f->c.id[0], 1);
    /* So nearly sure that logits leave the range of float: the best stays apart from the others. */
    for (int sign = 1; sign >= -1; sign -= 2) {
        float nearly[3] = {(float)sign * 95 + 2, (float)sign * 95 + 97, (float)sign * 95 + 1};
        memcpy(f->logits, nearly, sizeof nearly);
        load(f, 3);
        warm_by_entropy(&f->c, 0.5f, 2, 1);
        assert_int_equal(candidates_argmax(&f->c), 1);
        assert_true(f->c.n == 1 || (f->c.logit[1] > f->c.logit[0] && f->c.logit[1] > f->c.logit[2]));
    }
}

static void mirostat(void **test)
{
    struct fixture *f = *test;
    double mu = 10, want_mu = 10;
    for (int round = 0; round < ROUNDS; round++) {
        load_random(f, 1 + random_below(64));
        size_t n = 0, chosen = 0;
        while (n < f->n && -log2(f->rows[n].p) <= want_mu)
            n++;
        n = n == 0 ? 1 : n;
        double mass = 0, sum = 0;
        for (size_t i = 0; i < n; i++)
            mass += f->rows[i].p;
        uint32_t draw = random_bits() & 0xffffff;
        while (chosen < n - 1 && (sum += f->rows[chosen].p) <= mass * draw / 16777216.0)
            chosen++;
        want_mu -= 0.3f * (-log2(f->rows[chosen].p) - 1.5);
        size_t at = mirostat_draw(&f->c, 1.5f, 0.3f, &mu, draw);
        assert_int_equal(candidate_id(&f->c, at), f->rows[chosen].id);
        keep_rows(f, n);
        check_rows(f);
        assert_true(fabs(mu - want_mu) < 1e-4);
        want_mu = mu;
    }
}

/* What is drawn is what a walk down the sorted table would draw. */
static void draw(void **test)
{
    struct fixture *f = *test;
    for (int round = 0; round < ROUNDS; round++) {
        load_random(f, round % 10 ? 1 + random_below(64) : 1 + random_below(MOST));
        uint32_t uniform = round % 3 == 0 ? 0 : round % 3 == 1 ? 0xffffff : random_bits() & 0xffffff;
        uint64_t total = candidates_weigh(&f->c, candidates_max(&f->c)), sum = 0;
        size_t n = 0;
        for (; n < f->n; n++) {
            sum += candidate_weight(f->c.p[f->rows[n].id]);
            if ((long double)sum > (long double)total * uniform / 16777216)
                break;
        }
        assert_int_equal(candidate_id(&f->c, candidates_draw(&f->c, uniform)), f->rows[n].id);
    }
}

static void penalties(void **test)
{
    struct fixture *f = *test;
    static uint32_t count[64];
    int32_t text[40];
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = 2 + random_below(62), n_text = random_below(40);
        load_random(f, n);
        if (round % 2) { /* also on candidates of which some are gone */
            truncate_top_k(&f->c, 10);
            keep_rows(f, f->n < 10 ? f->n : 10);
        }
        for (size_t i = 0; i < n_text; i++)
            text[i] = (int32_t)random_below(n + 2) - 1; /* -1 and n are no tokens */
        float repeat = (float)(0.5 + random_unit()), presence = (float)random_unit(), frequency = (float)random_unit();
        for (size_t i = 0; i < f->n; i++) {
            struct row *row = &f->rows[i];
            int times = 0;
            for (size_t j = 0; j < n_text; j++)
                times += text[j] == row->id;
            if (times > 0)
                row->logit = row->logit > 0 ? row->logit / repeat : row->logit * repeat;
            row->logit -= times * frequency + (times > 0) * presence;
        }
        penalize_repeats(&f->c, repeat, text, n_text, count, n);
        penalize_presence(&f->c, presence, frequency, text, n_text, count, n);
        check_rows(f);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(count[i], 0);
    }
}

/* The longest end of text[n] that also stands just before text[at], not past a breaker; by comparing. */
static size_t match_before(const int32_t *text, size_t n, size_t at, size_t reach)
{
    size_t length = 0;
    while (length < at && length < reach && text[at - 1 - length] == text[n - 1 - length])
        length++;
    return length;
}

static void dry(void **test)
{
    struct fixture *f = *test;
    static const int32_t one[] = {3, -1}, two[] = {1, 2, -1};
    static const int32_t *const breakers[] = {one, two};
    int32_t text[80];
    for (int round = 0; round < ROUNDS; round++) {
        size_t n_text = random_below(80), window = round % 4 ? 80 : 20, n_breakers = random_below(3);
        struct dry options = {1.5f, 1.75f, 1 + random_below(3), window, 5, NULL, NULL, NULL, 0};
        struct arena arena = {0};
        assert_true(dry_init(&options, breakers, n_breakers, &arena, NULL));
        load_random(f, 5);
        for (size_t i = 0; i < n_text; i++)
            text[i] = round % 3 ? (int32_t)random_below(5) : (int32_t)(i % 4 ? i % 4 : random_below(5));
        size_t reach = 0;
        for (; reach < n_text && n_breakers > 0; reach++) {
            const int32_t *end = text + n_text - reach;
            if (end[-1] == 3 || (n_breakers > 1 && reach + 1 < n_text && end[-1] == 2 && end[-2] == 1))
                break;
        }
        if (n_breakers == 0)
            reach = n_text;
        size_t from = n_text > window ? n_text - window : 0;
        for (size_t i = 0; i < f->n; i++) {
            size_t longest = 0;
            for (size_t at = from + 1; at < n_text; at++) {
                size_t length = match_before(text + from, n_text - from, at - from, reach);
                if (text[at] == f->rows[i].id && length > longest)
                    longest = length;
            }
            if (longest >= options.allowed_length && !(n_breakers > 0 && f->rows[i].id == 3))
                f->rows[i].logit -= 1.5 * pow(1.75, (double)(longest - options.allowed_length));
        }
        dry_apply(&options, &f->c, text, n_text);
        check_rows(f);
        arena_clear(&arena);
    }
}

/* 100,000 equal tokens: a quadratic search would take minutes; the penalty stays finite. */
static void dry_long(void **test)
{
    struct fixture *f = *test;
    enum { LENGTH = 100000 };
    struct dry options = {1, 1.75f, 2, LENGTH, 4, NULL, NULL, NULL, 0};
    struct arena arena = {0};
    int32_t *text = calloc(LENGTH, sizeof *text);
    assert_non_null(text);
    assert_true(dry_init(&options, NULL, 0, &arena, NULL));
    memset(f->logits, 0, 4 * sizeof *f->logits);
    load(f, 4);
    dry_apply(&options, &f->c, text, LENGTH);
    assert_true(isfinite(f->c.logit[0]) && f->c.logit[0] < -1e38f);
    assert_true(f->c.logit[1] == 0);
    arena_clear(&arena);
    free(text);
}

static void dry_refuses(void **test)
{
    static const int32_t none[] = {-1}, outside[] = {1, 5, -1};
    static const int32_t *const empty[] = {none}, *const wrong[] = {outside};
    struct dry options = {1, 1.75f, 2, 10, 5, NULL, NULL, NULL, 0};
    struct arena arena = {0};
    struct hob_error err;
    (void)test;
    assert_false(dry_init(&options, empty, 1, &arena, &err));
    assert_int_equal(err.status, HOB_USAGE);
    assert_false(dry_init(&options, wrong, 1, &arena, &err));
    assert_non_null(strstr(err.text, "token 5, want [0, 5)"));
    arena_clear(&arena);
}

/* The known answers of Random123, examples/kat_vectors. */
static void philox_answers(void **test)
{
    static const uint32_t known[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420,
         0x24126ea1},
    };
    (void)test;
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        philox(known[i], known[i] + 4, out);
        assert_memory_equal(out, known[i] + 6, sizeof out);
    }
    assert_int_equal(philox_uniform(0, 0, DRAW_TOKEN), 0x6627e8);
    assert_int_not_equal(philox_uniform(1, 0, DRAW_TOKEN), philox_uniform((uint64_t)1 << 32, 0, DRAW_TOKEN));
    assert_int_not_equal(philox_uniform(0, 1, DRAW_TOKEN), philox_uniform(0, 0, DRAW_XTC));
}

/* Chi-square of 64 bins of 64,000 draws: 63 degrees of freedom, 99.99 % below 113. */
static void philox_uniformity(void **test)
{
    double bins[64] = {0}, chi = 0;
    (void)test;
    for (uint64_t i = 0; i < 64000; i++)
        bins[philox_uniform(7, i, DRAW_TOKEN) >> 18]++;
    for (int i = 0; i < 64; i++)
        chi += (bins[i] - 1000) * (bins[i] - 1000) / 1000;
    assert_true(chi < 113 && chi > 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(top_k),          cmocka_unit_test(top_k_ties),
        cmocka_unit_test(changes),        cmocka_unit_test(top_p),
        cmocka_unit_test(min_p),          cmocka_unit_test(top_n_sigma),
        cmocka_unit_test(typical),        cmocka_unit_test(xtc),
        cmocka_unit_test(temperature),    cmocka_unit_test(dynamic_temperature),
        cmocka_unit_test(mirostat),       cmocka_unit_test(draw),
        cmocka_unit_test(penalties),      cmocka_unit_test(dry),
        cmocka_unit_test(dry_long),       cmocka_unit_test(dry_refuses),
        cmocka_unit_test(philox_answers), cmocka_unit_test(philox_uniformity),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
