/* SPDX-License-Identifier: Apache-2.0
 */
#include "engine/dry.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernels/math.h"

struct dry_breaker {
    int32_t *ids; /* [n] */
    size_t n;
};

static int32_t last_of(const struct dry_breaker *breaker)
{
    return breaker->ids[breaker->n - 1];
}

/* By last token, then length. */
static int compare_breakers(const void *a, const void *b)
{
    const struct dry_breaker *x = a, *y = b;
    if (last_of(x) != last_of(y))
        return last_of(x) < last_of(y) ? -1 : 1;
    return (x->n > y->n) - (x->n < y->n);
}

bool dry_init(struct dry *dry, const int32_t *const *breakers, size_t n_breakers, struct arena *arena,
              struct hob_error *err)
{
    struct dry_breaker *copies = arena_array(arena, n_breakers, sizeof *copies);
    dry->match = arena_array(arena, dry->n_window, sizeof *dry->match);
    dry->longest = arena_array(arena, dry->n_vocab, sizeof *dry->longest);
    if (!copies || !dry->match || !dry->longest)
        return error_memory(err, dry->n_window * sizeof *dry->match);
    for (size_t i = 0; i < n_breakers; i++) {
        size_t n = 0;
        for (; breakers[i][n] != -1; n++)
            if (breakers[i][n] < 0 || (size_t)breakers[i][n] >= dry->n_vocab)
                return error_set(err, HOB_USAGE, "dry-breaker %zu: token %d, want [0, %zu)", i, breakers[i][n],
                                 dry->n_vocab);
        if (n == 0)
            return error_set(err, HOB_USAGE, "dry-breaker %zu: no tokens, want at least one", i);
        copies[i].n = n;
        copies[i].ids = arena_array(arena, n, sizeof *copies[i].ids);
        if (!copies[i].ids)
            return error_memory(err, n * sizeof *copies[i].ids);
        memcpy(copies[i].ids, breakers[i], n * sizeof *copies[i].ids);
    }
    if (n_breakers > 0)
        qsort(copies, n_breakers, sizeof *copies, compare_breakers);
    dry->breakers = copies;
    dry->n_breakers = n_breakers;
    return true;
}

/* The first breaker that ends with `id`, or where it would stand. */
static size_t first_breaker(const struct dry *dry, int32_t id)
{
    size_t low = 0, high = dry->n_breakers;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (last_of(&dry->breakers[middle]) < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Whether a breaker stands at the end of tokens[n]. */
static bool ends_with_breaker(const struct dry *dry, const int32_t *tokens, size_t n)
{
    int32_t id = tokens[n - 1];
    for (size_t i = first_breaker(dry, id); i < dry->n_breakers && last_of(&dry->breakers[i]) == id; i++) {
        const struct dry_breaker *breaker = &dry->breakers[i];
        if (breaker->n <= n && memcmp(tokens + n - breaker->n, breaker->ids, breaker->n * sizeof *tokens) == 0)
            return true;
    }
    return false;
}

/* Whether `id` alone is a breaker; the shortest of those that end with it comes first. */
static bool is_breaker(const struct dry *dry, int32_t id)
{
    size_t i = first_breaker(dry, id);
    return i < dry->n_breakers && last_of(&dry->breakers[i]) == id && dry->breakers[i].n == 1;
}

/* match[i], for 0 < i < n: how many tokens before and at the i-th from the end are also the end of the text. The
 * Z-function of the text read backwards (Gusfield, "Algorithms on Strings, Trees, and Sequences", 1.4): [left, right)
 * is the match that reaches farthest, within which what was found before is known again. Returns the longest. */
static size_t find_matches(const int32_t *end, size_t n, uint32_t *match)
{
    size_t left = 0, right = 0, longest = 0;
    for (size_t i = 1; i < n; i++) {
        size_t known = i < right ? match[i - left] : 0;
        if (i < right && known > right - i)
            known = right - i;
        while (i + known < n && *(end - known) == *(end - i - known))
            known++;
        match[i] = (uint32_t)known;
        if (i + known > right) {
            left = i;
            right = i + known;
        }
        if (known > longest)
            longest = known;
    }
    return longest;
}

void dry_apply(const struct dry *dry, struct candidates *c, const int32_t *tokens, size_t n_tokens)
{
    size_t n = n_tokens < dry->n_window ? n_tokens : dry->n_window;
    if (dry->multiplier == 0 || n <= dry->allowed_length)
        return;
    const int32_t *end = tokens + n_tokens - 1;
    size_t longest = find_matches(end, n, dry->match), reach = 0;
    while (reach < longest && !ends_with_breaker(dry, tokens, n_tokens - reach))
        reach++;
    if (reach < dry->allowed_length)
        return;
    for (size_t i = 1; i < n; i++) {
        uint32_t length = dry->match[i] < reach ? dry->match[i] : (uint32_t)reach;
        int32_t next = *(end - i + 1); /* what followed the match */
        if (length >= dry->allowed_length && next >= 0 && (size_t)next < dry->n_vocab && dry->longest[next] < length)
            dry->longest[next] = length;
    }
    for (size_t i = 1; i < n; i++) {
        int32_t next = *(end - i + 1);
        if (next < 0 || (size_t)next >= dry->n_vocab || dry->longest[next] == 0)
            continue;
        double exponent = (double)(dry->longest[next] - dry->allowed_length);
        float *logit = is_breaker(dry, next) ? NULL : candidate_find(c, next);
        if (logit)
            candidate_set(logit, *logit - (double)dry->multiplier * math_pow64(dry->base, exponent));
        dry->longest[next] = 0;
    }
}
