/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of code points.
 */
#include "text/grammar/set.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_RANGES = 8192 }; /* ranges are moved as others are put between them */

static bool reserve(struct code_set *set, size_t n)
{
    if (set->failed || n <= set->cap)
        return !set->failed;
    size_t cap = set->cap ? set->cap * 2 : 8;
    struct code_range *ranges = n > MAX_RANGES ? NULL : realloc(set->ranges, (cap < n ? n : cap) * sizeof *ranges);
    if (!ranges) {
        set->failed = true;
        return false;
    }
    set->ranges = ranges;
    set->cap = cap < n ? n : cap;
    return true;
}

/* The first range that ends at or after `code`. */
static size_t find(const struct code_set *set, uint32_t code)
{
    size_t low = 0, high = set->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (set->ranges[middle].last < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Puts `n` ranges (0 to 2) in the place of ranges [from, to). */
static void splice(struct code_set *set, size_t from, size_t to, const struct code_range *with, size_t n)
{
    if (!reserve(set, set->n - (to - from) + n))
        return;
    memmove(set->ranges + from + n, set->ranges + to, (set->n - to) * sizeof *with);
    for (size_t i = 0; i < n; i++)
        set->ranges[from + i] = with[i];
    set->n = set->n - (to - from) + n;
}

void code_set_add(struct code_set *set, uint32_t first, uint32_t last)
{
    if (first > last || first > CODE_MAX)
        return;
    struct code_range range = {first, last < CODE_MAX ? last : CODE_MAX};
    if (!reserve(set, 1))
        return;
    size_t from = find(set, first ? first - 1 : 0), to = from;
    for (; to < set->n && set->ranges[to].first <= range.last + 1; to++) {
        if (set->ranges[to].first < range.first)
            range.first = set->ranges[to].first;
        if (set->ranges[to].last > range.last)
            range.last = set->ranges[to].last;
    }
    splice(set, from, to, &range, 1);
}

void code_set_add_set(struct code_set *set, const struct code_set *other)
{
    set->failed = set->failed || other->failed;
    for (size_t i = 0; i < other->n; i++)
        code_set_add(set, other->ranges[i].first, other->ranges[i].last);
}

void code_set_invert(struct code_set *set)
{
    struct code_set inverse = {.failed = set->failed};
    uint32_t next = 0;
    for (size_t i = 0; i < set->n; i++) {
        if (set->ranges[i].first > next)
            code_set_add(&inverse, next, set->ranges[i].first - 1);
        next = set->ranges[i].last + 1;
    }
    code_set_add(&inverse, next, CODE_MAX);
    code_set_clear(set);
    *set = inverse;
}

void code_set_remove(struct code_set *set, uint32_t first, uint32_t last)
{
    size_t from = find(set, first), to = from, n = 0;
    struct code_range rest[2];
    for (; to < set->n && set->ranges[to].first <= last; to++) {
        struct code_range range = set->ranges[to];
        if (range.first < first)
            rest[n++] = (struct code_range){range.first, first - 1};
        if (range.last > last)
            rest[n++] = (struct code_range){last + 1, range.last};
    }
    splice(set, from, to, rest, n);
}

void code_set_keep(struct code_set *set, const struct code_set *other)
{
    struct code_set kept = {.failed = set->failed || other->failed};
    for (size_t i = 0, k = 0; i < set->n && k < other->n;) {
        struct code_range a = set->ranges[i], b = other->ranges[k];
        uint32_t first = a.first > b.first ? a.first : b.first, last = a.last < b.last ? a.last : b.last;
        code_set_add(&kept, first, last);
        if (a.last < b.last)
            i++;
        else
            k++;
    }
    code_set_clear(set);
    *set = kept;
}

void code_set_scalars(struct code_set *set)
{
    code_set_remove(set, 0xD800, 0xDFFF);
}

bool code_set_has(const struct code_set *set, uint32_t code)
{
    size_t at = find(set, code);
    return at < set->n && set->ranges[at].first <= code;
}

void code_set_clear(struct code_set *set)
{
    free(set->ranges);
    *set = (struct code_set){0};
}
