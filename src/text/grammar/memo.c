/* SPDX-License-Identifier: Apache-2.0 */
#include "text/grammar/memo.h"

#include <stdlib.h>

enum { MAX_KEPT = 64 };

void set_memo_clear(struct set_memo *memo)
{
    for (size_t i = 0; i < memo->n; i++)
        code_set_clear(&memo->sets[i]);
    free(memo->sets);
    free(memo->nodes);
    *memo = (struct set_memo){0};
}

/* Keeps a copy of the set, where there is room. */
static void remember(struct set_memo *memo, const struct code_set *set, uint32_t node)
{
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

uint32_t set_memo_char(struct grammar_builder *builder, struct set_memo *memo, const struct code_set *set, bool json)
{
    for (size_t i = 0; i < memo->n && set->n; i++)
        if (memo->sets[i].n == set->n && memcmp(memo->sets[i].ranges, set->ranges, set->n * sizeof *set->ranges) == 0)
            return memo->nodes[i];
    uint32_t node = json ? grammar_json_char(builder, set) : grammar_char(builder, set);
    if (memo->n < MAX_KEPT && !set->failed)
        remember(memo, set, node);
    return node;
}
