/* SPDX-License-Identifier: Apache-2.0
 *
 * Masks of free text, by slices of the vocabulary. Two kinds of states can be told to repeat something: one whose leaf
 * is repeated, perhaps so many times, and whose end shows by its first byte; and one that most bytes lead back to. And
 * a state from which most bytes lead to such a one differs from it by the tokens that start with the other bytes.
 */
#include <stdlib.h>

#include "text/constraint/matcher.h"

enum {
    MAX_WAYS = 16,
    MIN_LOOP_BYTES = 16, /* that lead straight back */
    MAX_TURN_BYTES = 14  /* of one turn: two \\u escapes have 12 */
};

/* ---- repetitions ---- */

/* Ways on from a leaf: `min` to `max` more turns of it, then `next`. */
struct way {
    uint32_t min, max, next;
};

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
                matcher_walk(matcher, leave.node, edge.next, mask);
        }
    }
}

/* A leaf as a machine. */
static bool machine_of_leaf(const struct grammar *g, uint32_t leaf, struct turn_machine *machine)
{
    uint32_t leaves[MAX_TURN_STATES] = {LEAF_DONE, leaf};
    machine->n = 2;
    for (size_t at = 0; at < machine->n; at++) {
        const struct leaf *from = &g->leaves[leaves[at]];
        for (unsigned b = 0; b < 256; b++)
            machine->next[at][b] = TURN_NONE;
        for (size_t i = 0; i < from->n_edges; i++) {
            struct leaf_edge edge = g->edges[from->first_edge + i];
            uint8_t to = 0;
            while (to < machine->n && leaves[to] != edge.next)
                to++;
            if (to == MAX_TURN_STATES)
                return false;
            if (to == machine->n)
                leaves[machine->n++] = edge.next;
            for (unsigned b = edge.low; b <= edge.high; b++)
                machine->next[at][b] = to;
        }
    }
    return true;
}

/* The slice of a leaf, by what the matcher remembers. */
static struct slice *leaf_slice(struct matcher *matcher, uint32_t leaf)
{
    for (size_t i = 0; i < KEPT_LEAVES; i++)
        if (matcher->leaves[i] == leaf)
            return matcher->leaf_slices[i];
    struct turn_machine *machine = malloc(sizeof *machine);
    struct slice *slice = NULL;
    if (machine && machine_of_leaf(matcher->states.grammar, leaf, machine))
        slice = token_trie_slice(matcher->trie, machine);
    free(machine);
    matcher->leaves[matcher->next_leaf] = leaf;
    matcher->leaf_slices[matcher->next_leaf] = slice;
    matcher->next_leaf = (matcher->next_leaf + 1) % KEPT_LEAVES;
    return slice;
}

bool fill_by_turns(struct matcher *matcher, uint32_t id, uint32_t *mask)
{
    struct states *s = &matcher->states;
    struct turns turns;
    if (!find_turns(s, id, &turns))
        return false;
    struct slice *slice = leaf_slice(matcher, turns.leaf);
    if (!slice)
        return false;
    slice_fill(matcher->trie, slice, turns.most == GRAMMAR_MANY ? GRAMMAR_MANY : turns.most + 1, mask);
    for (size_t i = 0; i < turns.n; i++)
        walk_exits(matcher, slice, turns.ways[i], mask);
    if (s->states[id].n_items > 1)
        matcher_walk(matcher, 0, states_without(s, id, turns.item), mask);
    return true;
}

/* ---- states that lead back to themselves ---- */

/* What was found of states: their number in the machine, or that not all ways from them lead back. */
struct loop {
    struct states *s;
    uint32_t home;
    uint32_t met[MAX_TURN_STATES]; /* by number; 0 and 1 are `home` */
    struct turn_machine *machine;
};

static uint8_t loop_number(const struct loop *loop, uint32_t id)
{
    for (size_t i = 2; i < loop->machine->n; i++)
        if (loop->met[i] == id)
            return (uint8_t)i;
    return TURN_NONE;
}

/* Whether all that follows leads back home, within a few bytes. */
static bool leads_home(const struct loop *loop, uint32_t id, unsigned depth, unsigned *work)
{
    if (id == loop->home)
        return true;
    if (depth == MAX_TURN_BYTES || *work == 0 || !states_prepare(loop->s, id) || loop->s->states[id].n_edges == 0)
        return false;
    --*work;
    for (uint32_t i = 0; i < loop->s->states[id].n_edges; i++)
        if (!leads_home(loop, loop->s->edges[loop->s->states[id].first_edge + i].next, depth + 1, work))
            return false;
    return true;
}

/* Numbers a state and those after it; TURN_NONE when there are too many. */
static uint8_t loop_add(struct loop *loop, uint32_t id)
{
    struct turn_machine *machine = loop->machine;
    uint8_t number = id == loop->home ? 0 : loop_number(loop, id);
    if (number != TURN_NONE)
        return number;
    if (machine->n == MAX_TURN_STATES)
        return TURN_NONE;
    number = (uint8_t)machine->n++;
    loop->met[number] = id;
    for (unsigned b = 0; b < 256; b++)
        machine->next[number][b] = TURN_NONE;
    for (uint32_t i = 0; i < loop->s->states[id].n_edges; i++) {
        struct state_edge edge = loop->s->edges[loop->s->states[id].first_edge + i];
        uint8_t to = loop_add(loop, edge.next);
        if (to == TURN_NONE)
            return TURN_NONE;
        for (unsigned b = edge.low; b <= edge.high; b++)
            machine->next[number][b] = to;
    }
    return number;
}

/* The machine of the bytes from which all ways lead back to the state; false where they are few. */
static bool find_loop(struct states *s, uint32_t id, struct turn_machine *machine)
{
    struct loop loop = {.s = s, .home = id, .machine = machine};
    unsigned n_bytes = 0;
    if (!states_prepare(s, id))
        return false;
    /* Few states do lead back to themselves, and that is soon seen. */
    for (uint32_t i = 0; i < s->states[id].n_edges; i++) {
        struct state_edge edge = s->edges[s->states[id].first_edge + i];
        n_bytes += edge.next == id ? edge.high - edge.low + 1u : 0;
    }
    if (n_bytes < MIN_LOOP_BYTES)
        return false;
    machine->n = 2;
    for (unsigned b = 0; b < 256; b++)
        machine->next[0][b] = machine->next[1][b] = TURN_NONE;
    for (uint32_t i = 0; i < s->states[id].n_edges; i++) {
        struct state_edge edge = s->edges[s->states[id].first_edge + i];
        unsigned work = MAX_TURN_STATES;
        if (!leads_home(&loop, edge.next, 1, &work))
            continue;
        uint8_t to = loop_add(&loop, edge.next);
        if (to == TURN_NONE)
            return false;
        for (unsigned b = edge.low; b <= edge.high; b++)
            machine->next[1][b] = to;
    }
    return !s->failed;
}

/* Tokens that leave the loop, at once or after some turns. */
static void walk_loop_exits(struct matcher *matcher, const struct slice *slice, const struct turn_machine *machine,
                            uint32_t id, uint32_t *mask)
{
    const struct token_trie *trie = matcher->trie;
    for (unsigned b = 0; b < 256; b++) {
        uint32_t next = states_step(&matcher->states, id, (uint8_t)b);
        if (machine->next[1][b] != TURN_NONE || next == STATE_DEAD)
            continue;
        uint32_t child = trie_root_child(trie, (uint8_t)b);
        if (child != TRIE_NONE) {
            trie_set(trie, child, mask);
            matcher_walk(matcher, child, next, mask);
        }
        for (uint32_t at = slice->first_exit[b]; at < slice->first_exit[b + 1]; at++) {
            trie_set(trie, slice->exits[at].node, mask);
            if (trie->n_children[slice->exits[at].node])
                matcher_walk(matcher, slice->exits[at].node, next, mask);
        }
    }
}

bool fill_by_loop(struct matcher *matcher, uint32_t id, uint32_t *mask)
{
    struct turn_machine *machine = malloc(sizeof *machine);
    struct slice *slice = NULL;
    if (machine && find_loop(&matcher->states, id, machine))
        slice = token_trie_slice(matcher->trie, machine);
    if (slice) {
        slice_fill(matcher->trie, slice, GRAMMAR_MANY, mask);
        walk_loop_exits(matcher, slice, machine, id, mask);
    }
    free(machine);
    return slice != NULL;
}

/* ---- states that are nearly such ---- */

/* The state that most bytes lead to; STATE_DEAD where it is no more than a few. */
static uint32_t main_target(struct states *s, uint32_t id)
{
    uint32_t best = STATE_DEAD;
    unsigned most = MIN_LOOP_BYTES - 1;
    if (!states_prepare(s, id))
        return STATE_DEAD;
    for (uint32_t i = 0; i < s->states[id].n_edges; i++) {
        uint32_t next = s->edges[s->states[id].first_edge + i].next;
        unsigned n_bytes = 0;
        for (uint32_t k = 0; k < s->states[id].n_edges; k++) {
            struct state_edge edge = s->edges[s->states[id].first_edge + k];
            n_bytes += edge.next == next ? edge.high - edge.low + 1u : 0;
        }
        if (n_bytes > most) {
            most = n_bytes;
            best = next;
        }
    }
    return best;
}

bool fill_by_kin(struct matcher *matcher, uint32_t id, uint32_t *mask)
{
    struct states *s = &matcher->states;
    const struct token_trie *trie = matcher->trie;
    uint32_t kin = main_target(s, id);
    if (kin == STATE_DEAD || kin == id || !fill_by_loop(matcher, kin, mask))
        return false;
    for (uint32_t i = 0; i < trie->n_children[0]; i++) {
        uint32_t child = trie->first_child[0] + i, next = states_step(s, id, trie->bytes[child]);
        if (next == states_step(s, kin, trie->bytes[child]))
            continue;
        trie_unset_below(trie, child, mask);
        if (next == STATE_DEAD)
            continue;
        trie_set(trie, child, mask);
        matcher_walk(matcher, child, next, mask);
    }
    return true;
}
