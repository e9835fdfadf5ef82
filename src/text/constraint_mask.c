/* SPDX-License-Identifier: Apache-2.0
 *
 * Masks. In general the trie is walked from the state, in step with its automaton: where a byte leads nowhere, the
 * subtree is left out. Where free text may come, nearly all of the trie would be walked, each time; but if the text is
 * a repetition whose end shows by its first byte, the mask is a slice of the vocabulary, made once, and walks are only
 * needed where a token leaves the repetition.
 */
#include <stdlib.h>

#include "text/constraint_matcher.h"

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

/* Finds the next child that a byte of the state leads to; false when there is none. */
static bool next_child(const struct matcher *matcher, struct walk_place *place, uint32_t *child, uint32_t *next)
{
    const struct token_trie *trie = matcher->trie;
    const struct state *state = &matcher->states.states[place->state];
    if (state->row) {
        uint32_t at = place->at, end = place->end;
        while (at < end && state->row[trie->bytes[at]] == STATE_DEAD)
            at++;
        place->at = at + 1;
        *child = at;
        *next = at < end ? state->row[trie->bytes[at]] : STATE_DEAD;
        return at < end;
    }
    const struct state_edge *edge = matcher->states.edges + state->first_edge, *last = edge + state->n_edges;
    while (place->at < place->end && edge < last) {
        uint8_t byte = trie->bytes[place->at];
        if (byte > edge->high) {
            edge++;
        } else if (byte < edge->low) {
            place->at = child_from(trie, place->at, place->end, edge->low);
        } else {
            *child = place->at++;
            *next = edge->next;
            return true;
        }
    }
    return false;
}

/* Sets the bits of the tokens below `node` whose bytes lead somewhere from `state`. */
static void walk(struct matcher *matcher, uint32_t node, uint32_t state, uint32_t *mask)
{
    const struct token_trie *trie = matcher->trie;
    struct walk_place *top = matcher->places;
    if (!states_prepare(&matcher->states, state))
        return;
    *top = (struct walk_place){trie->first_child[node], trie->first_child[node] + trie->n_children[node], state};
    for (;;) {
        uint32_t child, next;
        if (!next_child(matcher, top, &child, &next)) {
            if (top == matcher->places)
                return;
            top--;
            continue;
        }
        trie_set(trie, child, mask);
        if (trie->n_children[child]) {
            if (!states_prepare(&matcher->states, next))
                return;
            *++top =
                (struct walk_place){trie->first_child[child], trie->first_child[child] + trie->n_children[child], next};
        }
    }
}

/* ---- slices ---- */

/* Ways on from a leaf: `min` to `max` more turns of it, then `next`. */
struct way {
    uint32_t min, max, next;
};

enum { MAX_WAYS = 16 };

/* A state that repeats one leaf, that of `item`: by any of its ways. */
struct turns {
    uint32_t item, leaf, most; /* the most turns of any way */
    size_t n;
    struct way ways[MAX_WAYS];
};

static void add_first_bytes(const struct grammar *g, uint32_t leaf, uint64_t bytes[4])
{
    for (size_t i = 0; i < g->leaves[leaf].n_edges; i++) {
        struct leaf_edge edge = g->edges[g->leaves[leaf].first_edge + i];
        for (unsigned b = edge.low; b <= edge.high; b++)
            bytes[b / 64] |= 1ull << b % 64;
    }
}

/* Whether no item of the state, but `except`, starts with one of the bytes. */
static bool starts_apart(const struct states *s, uint32_t id, uint32_t except, const uint64_t bytes[4])
{
    const struct state *state = &s->states[id];
    for (uint32_t i = 0; i < state->n_items; i++) {
        struct item item = s->items[state->first_item + i];
        uint64_t own[4] = {0};
        if (i == except || item.leaf & ITEM_TOKENS)
            continue;
        add_first_bytes(s->grammar, item.leaf, own);
        if ((own[0] & bytes[0]) | (own[1] & bytes[1]) | (own[2] & bytes[2]) | (own[3] & bytes[3]))
            return false;
    }
    return true;
}

/* A continuation as a way on from `leaf`: more turns of it, or none. */
static struct way way_of(const struct states *s, uint32_t leaf, uint32_t id)
{
    const struct grammar *g = s->grammar;
    struct cont cont = s->conts[id];
    if (id != CONT_END && cont.node != CONT_CHOICE && g->nodes[cont.node].kind == NODE_REPEAT && cont.max) {
        const struct node *body = &g->nodes[g->nodes[cont.node].a];
        if (body->kind == NODE_LEAF && body->a == leaf)
            return (struct way){cont.min, cont.max, cont.next};
    }
    return (struct way){0, 0, id};
}

/* Whether one more turn of the leaf can be taken for nothing that follows it. Expands what follows. */
static bool read_ways(struct states *s, uint32_t leaf, uint32_t id, struct turns *turns)
{
    struct cont cont = s->conts[id];
    bool choice = id != CONT_END && cont.node == CONT_CHOICE;
    uint64_t bytes[4] = {0};
    turns->n = choice ? cont.max : 1;
    turns->leaf = leaf;
    turns->most = 0;
    if (turns->n > MAX_WAYS)
        return false;
    add_first_bytes(s->grammar, leaf, bytes);
    for (uint32_t i = 0; i < turns->n; i++) {
        struct way way = way_of(s, leaf, choice ? s->lists[cont.min + i] : id);
        uint32_t follow = states_expand(s, way.next);
        if (s->failed || !starts_apart(s, follow, UINT32_MAX, bytes))
            return false;
        turns->ways[i] = way;
        turns->most = way.max > turns->most ? way.max : turns->most;
    }
    return turns->most > 0;
}

/* Finds a repetition in the state whose turns can be taken for nothing else: neither for another item, nor for what
 * follows it. */
static bool find_turns(struct states *s, uint32_t id, struct turns *turns)
{
    for (uint32_t i = 0; i < s->states[id].n_items; i++) {
        struct item item = s->items[s->states[id].first_item + i];
        uint64_t bytes[4] = {0};
        if (item.leaf & ITEM_TOKENS || !s->grammar->leaves[item.leaf].sliced)
            continue;
        add_first_bytes(s->grammar, item.leaf, bytes);
        turns->item = i;
        if (starts_apart(s, id, i, bytes) && read_ways(s, item.leaf, item.cont, turns))
            return true;
    }
    return false;
}

/* Tokens that leave the repetition by one way, after at least one turn. */
static void walk_exits(struct matcher *matcher, const struct slice *slice, struct way way, uint32_t *mask)
{
    struct states *s = &matcher->states;
    const struct token_trie *trie = matcher->trie;
    uint32_t follow = states_expand(s, way.next);
    uint32_t least = way.min + 1, most = way.max == GRAMMAR_MANY ? GRAMMAR_MANY : way.max + 1;
    if (!states_prepare(s, follow))
        return;
    for (uint32_t i = 0; i < s->states[follow].n_edges; i++) {
        struct state_edge edge = s->edges[s->states[follow].first_edge + i];
        for (uint32_t at = slice->first_exit[edge.low]; at < slice->first_exit[edge.high + 1u]; at++) {
            struct slice_exit leave = slice->exits[at];
            if (leave.turns < least || leave.turns > most)
                continue;
            trie_set(trie, leave.node, mask);
            if (trie->n_children[leave.node])
                walk(matcher, leave.node, edge.next, mask);
        }
    }
}

/* Fills the mask, which is empty, by a slice, if the state allows it. */
static bool fill_by_slice(struct matcher *matcher, uint32_t id, uint32_t *mask)
{
    struct states *s = &matcher->states;
    struct turns turns;
    if (!find_turns(s, id, &turns))
        return false;
    struct slice *slice = token_trie_slice(matcher->trie, s->grammar, turns.leaf);
    if (!slice)
        return false;
    slice_fill(matcher->trie, slice, turns.most == GRAMMAR_MANY ? GRAMMAR_MANY : turns.most + 1, mask);
    for (size_t i = 0; i < turns.n; i++)
        walk_exits(matcher, slice, turns.ways[i], mask);
    if (s->states[id].n_items > 1)
        walk(matcher, 0, states_without(s, id, turns.item), mask);
    return true;
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
        walk(matcher, child, next, mask);
    }
}

static void fill(struct matcher *matcher, uint32_t *mask)
{
    uint32_t id = matcher->state;
    memset(mask, 0, matcher->trie->n_words * sizeof *mask);
    if (matcher->text_start && !matcher->started && matcher->trie->drops_first_space)
        walk_text_start(matcher, mask);
    else if (!fill_by_slice(matcher, id, mask))
        walk(matcher, 0, id, mask);
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
        fill(matcher, spare);
    } else {
        int16_t slot = matcher->states.states[matcher->state].mask;
        if (slot >= 0 && matcher->slot_state[slot] == matcher->state)
            return matcher->masks + (size_t)slot * n_words;
        slot = (int16_t)matcher->next_slot;
        matcher->next_slot = matcher->next_slot + 1 == matcher->n_slots ? 0 : matcher->next_slot + 1;
        spare = matcher->masks + (size_t)slot * n_words;
        fill(matcher, spare);
        matcher->slot_state[slot] = matcher->state;
        matcher->states.states[matcher->state].mask = slot;
    }
    if (matcher->states.failed)
        memset(spare, 0, n_words * sizeof *spare);
    return spare;
}
