/* SPDX-License-Identifier: Apache-2.0
 *
 * KV pages: sharing by prefix, eviction in order of use, and a long random run against a plain model of the rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "engine/pages.h"

static void fill(int32_t tokens[CACHE_BLOCK], int32_t what)
{
    for (int i = 0; i < CACHE_BLOCK; i++)
        tokens[i] = what + i;
}

static void test_share(void **state)
{
    (void)state;
    struct pages *pages = pages_new(4, 64, NULL);
    int32_t a[CACHE_BLOCK], b[CACHE_BLOCK];
    fill(a, 100);
    fill(b, 200);
    uint32_t p = pages_take(pages), q = pages_take(pages);
    assert_int_equal(pages_match(pages, PAGE_NONE, 0, a), PAGE_NONE);
    assert_int_equal(pages_publish(pages, p, PAGE_NONE, 0, a), p);
    assert_int_equal(pages_publish(pages, q, p, 0, b), q);
    assert_int_equal(pages_match(pages, PAGE_NONE, 0, a), p);
    assert_int_equal(pages_match(pages, p, 0, b), q);
    assert_int_equal(pages_match(pages, PAGE_NONE, 0, b), PAGE_NONE); /* the same tokens after another text */
    /* A second page of the same content gives way to the first. */
    uint32_t r = pages_take(pages);
    assert_int_equal(pages_publish(pages, r, PAGE_NONE, 0, a), p);
    uint32_t s = pages_take(pages);
    assert_int_equal(s, r);
    pages_free(pages);
}

static void test_all_held(void **state)
{
    (void)state;
    struct pages *pages = pages_new(2, 64, NULL);
    uint32_t p = pages_take(pages);
    assert_int_not_equal(pages_take(pages), PAGE_NONE);
    assert_int_equal(pages_take(pages), PAGE_NONE);
    pages_drop(pages, p);
    assert_int_equal(pages_take(pages), p);
    pages_free(pages);
}

static void test_evict_oldest(void **state)
{
    (void)state;
    struct pages *pages = pages_new(3, 64, NULL);
    int32_t tokens[3][CACHE_BLOCK];
    uint32_t p[3];
    for (int i = 0; i < 3; i++) {
        fill(tokens[i], i * 1000);
        p[i] = pages_take(pages);
        pages_publish(pages, p[i], PAGE_NONE, 0, tokens[i]);
    }
    for (int i = 0; i < 3; i++)
        pages_drop(pages, p[i]);
    assert_int_equal(pages_match(pages, PAGE_NONE, 0, tokens[0]), p[0]); /* used again: no longer the oldest */
    pages_drop(pages, p[0]);
    assert_int_equal(pages_take(pages), p[1]);
    assert_int_equal(pages_match(pages, PAGE_NONE, 0, tokens[1]), PAGE_NONE);
    assert_int_equal(pages_match(pages, PAGE_NONE, 0, tokens[2]), p[2]);
    pages_free(pages);
}

/* A page whose parent got other content is not found behind that other content. */
static void test_parent_replaced(void **state)
{
    (void)state;
    struct pages *pages = pages_new(2, 64, NULL);
    int32_t a[CACHE_BLOCK], b[CACHE_BLOCK], c[CACHE_BLOCK];
    fill(a, 1);
    fill(b, 2);
    fill(c, 3);
    uint32_t parent = pages_take(pages), child = pages_take(pages);
    pages_publish(pages, parent, PAGE_NONE, 0, a);
    pages_publish(pages, child, parent, 0, b);
    pages_drop(pages, parent);
    pages_drop(pages, child);
    assert_int_equal(pages_take(pages), parent);
    pages_publish(pages, parent, PAGE_NONE, 0, c);
    assert_int_equal(pages_match(pages, parent, 0, b), PAGE_NONE);
    pages_free(pages);
}

/* Random sequences over few distinct blocks: what is matched always has the content asked for, and no page is both held
 * and handed out. */
static void test_random(void **state)
{
    (void)state;
    enum { PAGES = 24, SEQUENCES = 4, LENGTH = 5, ROUNDS = 20000 };
    unsigned seed = (unsigned)time(NULL);
    print_message("# seed %u\n", seed);
    srand(seed);
    struct pages *pages = pages_new(PAGES, 64, NULL);
    uint32_t held[SEQUENCES][LENGTH];
    size_t n[SEQUENCES] = {0};
    int32_t tokens[CACHE_BLOCK];
    for (int round = 0; round < ROUNDS; round++) {
        int s = rand() % SEQUENCES;
        while (n[s] > 0)
            pages_drop(pages, held[s][--n[s]]);
        int32_t text = rand() % 3, chain = 0;
        for (; n[s] < LENGTH; n[s]++) {
            int32_t block = text + 10 * (rand() % 2);
            chain = chain * 31 + block + 1;
            fill(tokens, block);
            uint32_t parent = n[s] ? held[s][n[s] - 1] : PAGE_NONE, p = pages_match(pages, parent, 0, tokens);
            int32_t *memory = (int32_t *)(void *)(pages_base(pages) + (p == PAGE_NONE ? 0 : p) * 64);
            if (p != PAGE_NONE) {
                assert_int_equal(*memory, chain);
            } else {
                p = pages_take(pages);
                assert_int_not_equal(p, PAGE_NONE);
                for (int o = 0; o < SEQUENCES; o++)
                    for (size_t i = 0; i < n[o]; i++)
                        assert_int_not_equal(held[o][i], p);
                memory = (int32_t *)(void *)(pages_base(pages) + p * 64);
                *memory = chain;
                p = pages_publish(pages, p, parent, 0, tokens);
            }
            held[s][n[s]] = p;
        }
    }
    pages_free(pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_share),           cmocka_unit_test(test_all_held), cmocka_unit_test(test_evict_oldest),
        cmocka_unit_test(test_parent_replaced), cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
