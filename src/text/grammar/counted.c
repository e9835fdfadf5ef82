/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns with a length: an automaton of characters, and how many of them a text may have. The product of the two is
 * not built; a matcher counts. But a text must never come where it cannot end, so what can still end is worked out
 * here, backwards from the bounds.
 */
#include <stdlib.h>

#include "text/regex/automaton.h"
#include "text/regex/automaton_parts.h"

enum { MAX_CELLS = 1 << 22 /* of columns */ };

bool counted_lives(const struct grammar *grammar, const struct counted *counted, uint32_t state, uint32_t count)
{
    uint32_t column = counted->n_high - 1;
    if (count == COUNT_FAR_LOW || (count < counted->min && counted->min - 1 - count >= counted->n_low))
        column = counted->n_high + counted->n_low - 1;
    else if (count < counted->min)
        column = counted->n_high + counted->min - 1 - count;
    else if (count != COUNT_FAR_HIGH && counted->max - count < counted->n_high)
        column = counted->max - count;
    return grammar->live[counted->first_live + (size_t)column * counted->n_states + state];
}

uint32_t counted_next(const struct counted *counted, uint32_t count)
{
    if (count >= COUNT_FAR_HIGH)
        return count;
    return counted->max == GRAMMAR_MANY && count >= counted->min ? counted->min : count + 1;
}

bool counted_enough(const struct counted *counted, uint32_t count)
{
    return count == COUNT_FAR_HIGH || (count != COUNT_FAR_LOW && count >= counted->min && count <= counted->max);
}

uint32_t counted_far(const struct counted *counted, uint32_t count, uint32_t n)
{
    if (count >= COUNT_FAR_HIGH)
        return count;
    if (count >= counted->min)
        return counted->max == GRAMMAR_MANY || counted->max - count >= (uint64_t)counted->n_high + n ? COUNT_FAR_HIGH
                                                                                                     : count;
    return counted->min - 1 - count >= (uint64_t)counted->n_low + n ? COUNT_FAR_LOW : count;
}

/* ---- building ---- */

/* One column more: from which states one character leads to a state that lives in `after`, or (`ends`) an end is. */
static bool *add_column(struct grammar_builder *b, const struct counted *counted, size_t after, bool ends)
{
    struct grammar *g = &b->grammar;
    if (g->n_live - counted->first_live > MAX_CELLS) {
        grammar_fail(b, HOB_LIMIT, "pattern: with its lengths it is too large");
        return NULL;
    }
    if (!grammar_spend(b, 2 * counted->n_states) ||
        !grammar_reserve(b, (void **)&g->live, &g->cap_live, g->n_live, counted->n_states, sizeof *g->live))
        return NULL;
    bool *column = g->live + g->n_live;
    for (uint32_t q = 0; q < counted->n_states; q++) {
        const struct counted_state *state = &g->counted_states[counted->first_state + q];
        column[q] = ends && state->accepts;
        for (uint32_t i = 0; i < state->n_ways && !column[q] && after != SIZE_MAX; i++)
            column[q] = g->live[after + g->counted_ways[state->first_way + i].next];
    }
    g->n_live += counted->n_states;
    return column;
}

/* Whether the last column is like the one before it; then it is taken off. */
static bool drop_equal(struct grammar *g, const struct counted *counted)
{
    const bool *last = g->live + g->n_live - counted->n_states;
    bool equal = memcmp(last, last - counted->n_states, counted->n_states) == 0;
    if (equal)
        g->n_live -= counted->n_states;
    return equal;
}

static bool find_columns(struct grammar_builder *b, struct counted *counted)
{
    struct grammar *g = &b->grammar;
    size_t n_states = counted->n_states;
    counted->first_live = (uint32_t)g->n_live;
    counted->n_high = 1;
    if (!add_column(b, counted, SIZE_MAX, true))
        return false;
    while (counted->max == GRAMMAR_MANY || counted->n_high <= counted->max - counted->min) {
        if (!add_column(b, counted, g->n_live - n_states, true))
            return false;
        if (drop_equal(g, counted))
            break;
        counted->n_high++;
    }
    if (counted->max == GRAMMAR_MANY) {
        memmove(g->live + counted->first_live, g->live + g->n_live - n_states, n_states);
        g->n_live = counted->first_live + n_states;
        counted->n_high = 1;
    }
    size_t after = g->n_live - n_states;
    for (counted->n_low = 0; counted->n_low < counted->min; counted->n_low++) {
        if (!add_column(b, counted, after, false))
            return false;
        after = g->n_live - n_states;
        if (counted->n_low && drop_equal(g, counted))
            break;
    }
    return true;
}

static bool add_state(struct grammar_builder *b, const struct automaton *a, uint32_t q, uint32_t *seen, bool json)
{
    struct grammar *g = &b->grammar;
    struct counted_state state = {.first_way = (uint32_t)g->n_counted_ways, .accepts = a->accepts[q]};
    for (size_t k = 0; k < a->n_classes; k++) {
        uint32_t next = a->next[q * a->n_classes + k];
        if (seen[next] == q + 1)
            continue;
        seen[next] = q + 1;
        uint32_t one = automaton_char(b, a, q, next, json);
        if (one == GRAMMAR_NOTHING)
            continue; /* half of a surrogate pair is no character */
        if (!grammar_grow(b, (void **)&g->counted_ways, &g->cap_counted_ways, g->n_counted_ways, 1,
                          sizeof *g->counted_ways))
            return false;
        g->counted_ways[g->n_counted_ways++] = (struct counted_way){g->nodes[one].a, next};
        state.n_ways++;
    }
    if (!grammar_grow(b, (void **)&g->counted_states, &g->cap_counted_states, g->n_counted_states, 1,
                      sizeof *g->counted_states))
        return false;
    g->counted_states[g->n_counted_states++] = state;
    return true;
}

uint32_t automaton_counted(struct grammar_builder *b, const struct automaton *a, uint32_t min, uint32_t max, bool json)
{
    struct grammar *g = &b->grammar;
    struct counted counted = {(uint32_t)g->n_counted_states, (uint32_t)a->n_states, min, max, 0, 0, 0};
    uint32_t *seen = calloc(a->n_states, sizeof *seen), node = GRAMMAR_NOTHING;
    bool good = seen || grammar_fail(b, HOB_LIMIT, "no memory for a pattern");
    for (uint32_t q = 0; good && q < a->n_states; q++)
        good = add_state(b, a, q, seen, json);
    free(seen);
    if (good && find_columns(b, &counted) && counted_lives(g, &counted, 0, 0) &&
        grammar_grow(b, (void **)&g->counted, &g->cap_counted, g->n_counted, 1, sizeof *g->counted)) {
        g->counted[g->n_counted] = counted;
        node = grammar_node(b, NODE_COUNTED, (uint32_t)g->n_counted++, 0);
    }
    return node;
}

/* ---- lengths ---- */

/* One more character than from where a state leads: the fewest, or (`most`) the most; GRAMMAR_MANY past all. */
static bool lengthen(const struct automaton *a, uint32_t *length, bool most)
{
    bool changed = false;
    for (size_t q = a->n_states; q-- > 0;) {
        uint32_t best = a->accepts[q] ? 0 : GRAMMAR_MANY;
        for (size_t k = 0; k < a->n_classes; k++) {
            uint32_t after = length[a->next[q * a->n_classes + k]];
            if (after != GRAMMAR_MANY && (best == GRAMMAR_MANY || (most ? after + 1 > best : after + 1 < best)))
                best = after + 1;
        }
        changed = changed || best != length[q];
        length[q] = best;
    }
    return changed;
}

bool automaton_lengths(struct grammar_builder *b, const struct automaton *a, uint32_t *low, uint32_t *high)
{
    enum { MAX_ROUNDS = 64 };
    uint32_t *length = malloc(a->n_states * sizeof *length);
    if (!length)
        return grammar_fail(b, HOB_LIMIT, "no memory for a pattern");
    memset(length, 0xFF, a->n_states * sizeof *length);
    size_t cost = a->n_states * a->n_classes / 4;
    unsigned round = 0;
    while (round < MAX_ROUNDS && grammar_spend(b, cost) && lengthen(a, length, false))
        round++;
    *low = length[0];
    bool settled = round < MAX_ROUNDS;
    for (round = 0; round < MAX_ROUNDS && grammar_spend(b, cost) && lengthen(a, length, true);)
        round++;
    /* What still grows leads back to itself, or is too tangled to be worth knowing. */
    *high = round < MAX_ROUNDS ? length[0] : GRAMMAR_MANY;
    free(length);
    return settled && *low != GRAMMAR_MANY;
}
