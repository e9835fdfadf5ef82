/* SPDX-License-Identifier: Apache-2.0
 *
 * Masks. In general the trie is walked from the state, in step with its automaton: where a byte leads nowhere, the
 * subtree is left out. Where free text may come, nearly all of the trie would be walked, each time; there slices of the
 * vocabulary are taken (constraint/slice.c), and walks are only needed where a token leaves them.
 */
#include <stdlib.h>

#include "text/constraint/matcher.h"

enum { MASK_BYTES = 50 /* of a text, which may cost as much as a mask */ };

/* ---- walks ---- */

/* The first of children [at, end) with at least this byte. */
static uint32_t child_from(const struct token_trie *trie, uint32_t at, uint32_t end, uint8_t byte)
{
    while (at < end) {
        uint32_t middle = at + (end - at) / 2;
        if (trie->bytes[middle] < byte)
            at = middle + 1;
        else
            end = middle;
    }
    return at;
}

/* A place for the children of a node, from a state that is prepared. */
static struct walk_place place_of(const struct matcher *matcher, uint32_t node, uint32_t state)
{
    const struct token_trie *trie = matcher->trie;
    const struct state *from = &matcher->states.states[state];
    uint32_t at = trie->first_child[node];
    return (struct walk_place){at, at + trie->n_children[node], from->first_edge, from->first_edge + from->n_edges,
                               from->row};
}

/* Moves on to the next child that an edge of the state leads to; false when there is none. */
static bool follow_edges(const struct matcher *matcher, struct walk_place *place, uint32_t *next)
{
    const uint8_t *bytes = matcher->trie->bytes;
    while (place->at < place->end && place->edge < place->last_edge) {
        struct state_edge edge = matcher->states.edges[place->edge];
        if (bytes[place->at] > edge.high) {
            place->edge++;
        } else if (bytes[place->at] < edge.low) {
            place->at = child_from(matcher->trie, place->at, place->end, edge.low);
        } else {
            *next = edge.next;
            return true;
        }
    }
    return false;
}

/* Most of the time of hard masks is spent here: what the loop needs is in variables of its own. */
void matcher_walk(struct matcher *matcher, uint32_t node, uint32_t state, uint32_t *mask)
{
    const struct token_trie *trie = matcher->trie;
    const uint32_t *tokens = trie->tokens;
    const uint16_t *n_children = trie->n_children;
    const uint8_t *bytes = trie->bytes;
    bool twins = trie->same != NULL;
    struct walk_place *top = matcher->places;
    if (!states_prepare(&matcher->states, state))
        return;
    struct walk_place now = place_of(matcher, node, state);
    for (;;) {
        uint32_t next = STATE_DEAD;
        if (now.row)
            while (now.at < now.end && (next = now.row[bytes[now.at]]) == STATE_DEAD)
                now.at++;
        else
            follow_edges(matcher, &now, &next);
        if (next == STATE_DEAD) {
            if (top == matcher->places)
                return;
            now = *--top;
            continue;
        }
        uint32_t child = now.at++, id = tokens[child];
        if (id != TRIE_NONE) {
            mask[id / 32] |= 1u << id % 32;
            if (twins)
                trie_set(trie, child, mask);
        }
        if (!n_children[child])
            continue;
        if (!matcher->states.states[next].stepped && !states_prepare(&matcher->states, next))
            return;
        if (now.at < now.end)
            *top++ = now;
        now = place_of(matcher, child, next);
    }
}

/* ---- whole masks ---- */

bool token_set_has(const struct grammar *grammar, const struct token_trie *trie, const struct token_set *set,
                   int32_t id)
{
    const int32_t *ids = grammar->token_ids + set->first;
    size_t low = 0, high = set->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    bool named = low < set->n && ids[low] == id;
    return set->negated ? !named && (trie->usable[id / 32] >> (id % 32) & 1) : named;
}

/* Tokens that the state names, whatever their bytes. */
static void add_tokens(const struct matcher *matcher, uint32_t id, uint32_t *mask)
{
    const struct states *s = &matcher->states;
    const struct grammar *g = s->grammar;
    const struct token_trie *trie = matcher->trie;
    for (uint32_t i = 0; i < s->states[id].n_items; i++) {
        uint32_t leaf = s->items[s->states[id].first_item + i].leaf;
        if (!(leaf & ITEM_TOKENS))
            continue;
        const struct token_set *set = &g->token_sets[leaf & ~ITEM_TOKENS];
        for (size_t k = 0; !set->negated && k < set->n; k++) {
            int32_t token = g->token_ids[set->first + k];
            if (token >= 0 && (size_t)token < trie->n_tokens)
                mask[token / 32] |= 1u << token % 32;
        }
        for (size_t token = 0; set->negated && token < trie->n_tokens; token++)
            if (token_set_has(g, trie, set, (int32_t)token))
                mask[token / 32] |= 1u << token % 32;
    }
}

static void add_ends(const struct matcher *matcher, uint32_t *mask)
{
    for (size_t i = 0; i < matcher->trie->n_words; i++)
        mask[i] |= matcher->trie->eog[i];
}

/* At the start of a text a token's first space is dropped; a token that is nothing else is not offered. */
static void walk_text_start(struct matcher *matcher, uint32_t *mask)
{
    const struct token_trie *trie = matcher->trie;
    for (uint32_t i = 0; i < trie->n_children[0]; i++) {
        uint32_t child = trie->first_child[0] + i, next = matcher->state;
        if (trie->bytes[child] != ' ') {
            next = states_step(&matcher->states, matcher->state, trie->bytes[child]);
            if (next == STATE_DEAD)
                continue;
            trie_set(trie, child, mask);
        }
        matcher_walk(matcher, child, next, mask);
    }
}

static void fill(struct matcher *matcher, uint32_t id, uint32_t *mask)
{
    memset(mask, 0, matcher->trie->n_words * sizeof *mask);
    if (matcher->text_start && !matcher->started && matcher->trie->drops_first_space)
        walk_text_start(matcher, mask);
    else if (!fill_by_turns(matcher, id, mask) && !fill_by_loop(matcher, id, mask) && !fill_by_kin(matcher, id, mask))
        matcher_walk(matcher, 0, id, mask);
    add_tokens(matcher, id, mask);
    if (matcher->states.states[id].accepts)
        add_ends(matcher, mask);
}

void matcher_forget(struct matcher *matcher)
{
    for (size_t i = 0; i < matcher->n_slots; i++)
        matcher->slot_state[i] = STATE_NONE;
    matcher->next_slot = 0;
}

const uint32_t *matcher_compute(struct matcher *matcher)
{
    size_t n_words = matcher->trie->n_words;
    uint32_t *spare = matcher->masks + matcher->n_slots * n_words;
    if (matcher->ended || matcher->lost || matcher->states.failed) {
        memset(spare, 0, n_words * sizeof *spare);
        if (matcher->ended)
            add_ends(matcher, spare);
        return spare;
    }
    if (matcher->text_start && !matcher->started) {
        fill(matcher, matcher->state, spare);
    } else {
        states_refill(&matcher->states, MASK_BYTES);
        uint32_t id = states_far(&matcher->states, matcher->state, matcher->trie->longest);
        int16_t slot = matcher->states.states[id].mask;
        if (slot >= 0 && matcher->slot_state[slot] == id)
            return matcher->masks + (size_t)slot * n_words;
        slot = (int16_t)matcher->next_slot;
        matcher->next_slot = matcher->next_slot + 1 == matcher->n_slots ? 0 : matcher->next_slot + 1;
        spare = matcher->masks + (size_t)slot * n_words;
        fill(matcher, id, spare);
        matcher->slot_state[slot] = id;
        matcher->states.states[id].mask = slot;
    }
    if (matcher->states.failed)
        memset(spare, 0, n_words * sizeof *spare);
    return spare;
}
