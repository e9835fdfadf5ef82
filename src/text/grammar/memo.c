/* SPDX-License-Identifier: Apache-2.0 */
#include "text/grammar/memo.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_KEPT = 64 };

void set_memo_clear(struct set_memo *memo)
{
    for (size_t i = 0; i < memo->n; i++)
        code_set_clear(&memo->sets[i]);
    free(memo->sets);
    free(memo->nodes);
    *memo = (struct set_memo){0};
}

bool set_memo_find(const struct set_memo *memo, const struct code_set *set, uint32_t *node)
{
    for (size_t i = 0; i < memo->n && set->n; i++) {
        if (memo->sets[i].n != set->n || memcmp(memo->sets[i].ranges, set->ranges, set->n * sizeof *set->ranges) != 0)
            continue;
        *node = memo->nodes[i];
        return true;
    }
    return false;
}

void set_memo_add(struct set_memo *memo, const struct code_set *set, uint32_t node)
{
    if (memo->n == MAX_KEPT || set->failed)
        return;
    if (memo->n == memo->cap) {
        size_t cap = memo->cap ? memo->cap * 2 : 8;
        struct code_set *sets = realloc(memo->sets, cap * sizeof *sets);
        memo->sets = sets ? sets : memo->sets;
        uint32_t *nodes = realloc(memo->nodes, cap * sizeof *nodes);
        memo->nodes = nodes ? nodes : memo->nodes;
        if (!sets || !nodes)
            return;
        memo->cap = cap;
    }
    struct code_set copy = {0};
    code_set_add_set(&copy, set);
    memo->sets[memo->n] = copy;
    memo->nodes[memo->n] = node;
    memo->n += !copy.failed;
    if (copy.failed)
        code_set_clear(&copy);
}
