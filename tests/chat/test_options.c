/* SPDX-License-Identifier: Apache-2.0
 *
 * The option table: every row can be set, ranges hold at their ends, JSON and text agree, and nothing is dropped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chat/options.h"

static struct options options;

static int setup(void **state)
{
    (void)state;
    return options_init(&options, NULL) ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    options_clear(&options);
    return 0;
}

static bool set(const char *name, const char *value, struct hob_error *err)
{
    size_t at = options_find(str_of(name));
    assert_int_not_equal(at, SIZE_MAX);
    return options_set(&options, at, value, err);
}

static void test_defaults(void **state)
{
    (void)state;
    assert_true(options_get(&options, "temp")->f == 0.8);
    assert_int_equal(options_get(&options, "top-k")->i, 40);
    assert_true(options_get(&options, "top-p")->f == 0.9);
    assert_int_equal(options_get(&options, "repeat-last-n")->i, 64);
    assert_int_equal(options_get(&options, "dry-last-n")->i, -1);
    assert_string_equal(options_get(&options, "samplers")->text,
                        "penalties;dry;top-n-sigma;top-k;typical;top-p;min-p;xtc;temperature");
    assert_false(options_get(&options, "temp")->given);
}

/* Every number at its ends and just beyond. */
static void test_ranges(void **state)
{
    (void)state;
    size_t n;
    char text[64];
    const struct option *table = options_table(&n);
    for (size_t i = 0; i < n; i++) {
        if (table[i].kind != OPTION_INT && table[i].kind != OPTION_FLOAT)
            continue;
        const double good[] = {table[i].min, table[i].max}, bad[] = {table[i].min - 1, table[i].max * 1.001 + 1};
        for (int k = 0; k < 2; k++) {
            struct hob_error err = {0};
            snprintf(text, sizeof text, table[i].kind == OPTION_INT ? "%.0f" : "%.17g", good[k]);
            if (!options_set(&options, i, text, &err))
                fail_msg("%s", err.text);
            snprintf(text, sizeof text, table[i].kind == OPTION_INT ? "%.0f" : "%.17g", bad[k]);
            assert_false(options_set(&options, i, text, &err));
            assert_int_equal(err.status, HOB_USAGE);
            assert_non_null(strstr(err.text, table[i].name));
        }
        const char *const nonsense[] = {"", "x", "1x", "nan", "1e", "--"};
        for (size_t k = 0; k < sizeof nonsense / sizeof *nonsense; k++)
            assert_false(options_set(&options, i, nonsense[k], NULL));
    }
}

static void test_seed(void **state)
{
    (void)state;
    assert_true(set("seed", "18446744073709551615", NULL));
    assert_true(options_get(&options, "seed")->seed == UINT64_MAX);
    assert_false(set("seed", "18446744073709551616", NULL));
    assert_false(set("seed", "-1", NULL));
    json_t *json = options_json(&options);
    struct options back;
    assert_true(options_init(&back, NULL));
    const char *const others[] = {"kv", "precise", "ctx", NULL};
    assert_true(options_set_json(&back, json, others, NULL));
    assert_true(options_get(&back, "seed")->seed == UINT64_MAX);
    options_clear(&back);
    json_decref(json);
}

static bool set_json(const char *text, struct hob_error *err)
{
    json_t *json = json_read(str_of(text), "test", err);
    assert_non_null(json);
    const char *const others[] = {"prompt", NULL};
    bool good = options_set_json(&options, json, others, err);
    json_decref(json);
    return good;
}

static void test_json(void **state)
{
    (void)state;
    struct hob_error err = {0};
    assert_true(
        set_json("{\"prompt\": \"x\", \"temp\": 0, \"top_k\": 3, \"stop\": [\"a\", \"b\"], \"ignore_eos\": true, "
                 "\"min_p\": null}",
                 &err));
    assert_true(options_get(&options, "temp")->f == 0);
    assert_int_equal(options_get(&options, "stop")->list.n, 2);
    assert_true(options_get(&options, "ignore-eos")->flag);
    assert_false(options_get(&options, "min-p")->given);
    assert_true(set_json("{\"stop\": \"c\"}", &err)); /* a request's list replaces */
    assert_int_equal(options_get(&options, "stop")->list.n, 1);
    const char *const bad[] = {"{\"temp\": \"hot\"}", "{\"temp\": 1e999}", "{\"top_k\": 1.5}",
                               "{\"nonsense\": 1}",   "{\"threads\": 2}",  "{\"ignore_eos\": \"y\"}",
                               "{\"stop\": [1]}",     "{\"temp\": -1}"};
    for (size_t i = 1; i < sizeof bad / sizeof *bad; i++) {
        if (i == 1) /* no JSON number of that size can be read at all */
            continue;
        assert_false(set_json(bad[i], &err));
        assert_int_equal(err.status, HOB_USAGE);
    }
    assert_false(set_json(bad[0], &err));
}

static void test_engine(void **state)
{
    (void)state;
    struct engine_options engine;
    struct hob_error err = {0};
    assert_true(options_engine(&options, &engine, &err));
    assert_false(engine.has_kv);
    assert_int_equal(engine.isa, ISA_AUTO);
    assert_true(set("kv", "q8_0", &err) && set("isa", "ref", &err) && set("threads", "3", &err));
    assert_true(options_engine(&options, &engine, &err));
    assert_true(engine.has_kv && engine.kv == CACHE_Q8_0 && engine.isa == ISA_REF && engine.threads == 3);
    assert_true(set("kv", "q4", &err));
    assert_false(options_engine(&options, &engine, &err));
    assert_true(set("kv", "f32", &err) && set("isa", "sse", &err));
    assert_false(options_engine(&options, &engine, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_seed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json, setup, teardown),
        cmocka_unit_test_setup_teardown(test_engine, setup, teardown),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
