/* SPDX-License-Identifier: Apache-2.0
 *
 * What must hold of every grammar that was compiled: a reply that keeps to it never comes where it can neither go on
 * nor end, and following the same bytes twice comes to the same.
 */
#ifndef HOB_TESTS_FUZZ_GRAMMAR_WALK_H
#define HOB_TESTS_FUZZ_GRAMMAR_WALK_H

#include <stdlib.h>

#include "text/constraint/matcher.h"

enum { WALK_STEPS = 200 };

/* A byte that may come next, picked by `draw`; -1 where only the end may come. Aborts where not even that may. */
static int grammar_walk_byte(struct matcher *matcher, unsigned draw)
{
    struct states *s = &matcher->states;
    if (!states_prepare(s, matcher->state))
        return -1;
    struct state state = s->states[matcher->state];
    bool named = false;
    for (uint32_t i = 0; i < state.n_items; i++)
        named = named || (s->items[state.first_item + i].leaf & ITEM_TOKENS);
    if (!state.n_edges && !state.accepts && !named)
        abort();
    if (!state.n_edges)
        return -1;
    struct state_edge edge = s->edges[state.first_edge + draw % state.n_edges];
    return edge.low + (int)(draw / state.n_edges) % (edge.high - edge.low + 1);
}

/* Checks a grammar, or the error that there is none. `data` picks the way. */
static void grammar_walk_check(const struct grammar *grammar, const struct hob_error *err, const uint8_t *data,
                               size_t size)
{
    if (!grammar) {
        if (err->status == HOB_OK || !err->text[0] || strchr(err->text, '\n'))
            abort();
        return;
    }
    struct matcher *matcher = matcher_new(grammar, NULL, false, NULL), *again = NULL;
    struct buf taken = {0};
    if (!matcher)
        return;
    for (size_t i = 0; i < WALK_STEPS; i++) {
        int byte = grammar_walk_byte(matcher, size ? data[(i * 7 + 3) % size] * 31u + (unsigned)i : (unsigned)i);
        if (byte < 0)
            break;
        char c = (char)byte;
        if (!matcher_text(matcher, (struct str){&c, 1}, NULL) && !matcher_failed(matcher))
            abort();
        buf_byte(&taken, c);
    }
    again = matcher_new(grammar, NULL, false, NULL);
    if (again && !matcher_failed(matcher) && matcher_text(again, buf_view(&taken), NULL) &&
        matcher_whole(again) != matcher_whole(matcher))
        abort();
    matcher_free(again);
    matcher_free(matcher);
    buf_clear(&taken);
}

#endif
