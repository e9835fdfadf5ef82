/* SPDX-License-Identifier: Apache-2.0
 *
 * Interned states, and what continuations expand to.
 */
#include "text/constraint/states.h"

#include <stdlib.h>

#include "text/constraint/parts.h"

enum {
    MAX_WORK = 200000, /* parts looked at in one expansion */
    FIRST_SLOTS = 256
};

/* ---- states ---- */

static uint64_t state_hash(const struct item *items, size_t n, bool accepts)
{
    uint64_t hash = accepts;
    for (size_t i = 0; i < n; i++)
        hash = hash_mix(hash, (uint64_t)items[i].leaf << 32 | items[i].cont);
    return hash >> 16;
}

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int order = compare_u32(x->leaf, y->leaf);
    return order ? order : compare_u32(x->cont, y->cont);
}

/* Sorts the items being made; those of one leaf become one. */
static void settle_items(struct states *s)
{
    struct expansion *e = s->scratch;
    size_t kept = 0;
    if (e->n_items > 1)
        qsort(e->items, e->n_items, sizeof *e->items, compare_items);
    for (size_t i = 0; i < e->n_items && !s->failed;) {
        size_t end = i + 1;
        while (end < e->n_items && e->items[end].leaf == e->items[i].leaf)
            end++;
        struct item item = e->items[i];
        if (e->items[end - 1].cont != item.cont) {
            size_t top = e->merged.n;
            for (size_t k = i; k < end; k++)
                merged_add(s, e->items[k].cont);
            item.cont = conts_merge(s, top, 0);
        }
        e->items[kept++] = item;
        i = end;
    }
    e->n_items = kept;
}

/* Interns the items being made, and starts anew. */
uint32_t state_intern(struct states *s)
{
    struct expansion *e = s->scratch;
    settle_items(s);
    size_t n = e->n_items;
    bool accepts = e->accepts;
    e->n_items = 0;
    e->accepts = false;
    if (n > MAX_STATE_ITEMS)
        states_fail(s);
    if (s->failed)
        return STATE_DEAD;
    if (s->state_table.n_used * 2 >= s->state_table.n_slots) {
        if (!int_table_reserve(s, &s->state_table))
            return STATE_DEAD;
        for (uint32_t id = 0; s->states && id < s->n_states; id++) {
            const struct state *state = &s->states[id];
            int_table_put(&s->state_table, state_hash(s->items + state->first_item, state->n_items, state->accepts),
                          id);
        }
    }
    size_t mask = s->state_table.n_slots - 1, at = state_hash(e->items, n, accepts) & mask;
    for (; s->state_table.slots[at] != UINT32_MAX; at = (at + 1) & mask) {
        const struct state *state = &s->states[s->state_table.slots[at]];
        if (state->n_items == n && state->accepts == accepts &&
            memcmp(s->items + state->first_item, e->items, n * sizeof *e->items) == 0)
            return s->state_table.slots[at];
    }
    if (!RESERVE(s, s, states, 1) || !RESERVE(s, s, items, n + 1))
        return STATE_DEAD;
    s->states[s->n_states] =
        (struct state){.first_item = (uint32_t)s->n_items, .n_items = (uint32_t)n, .mask = -1, .accepts = accepts};
    if (n)
        memcpy(s->items + s->n_items, e->items, n * sizeof *e->items);
    s->n_items += n;
    s->state_table.slots[at] = (uint32_t)s->n_states;
    s->state_table.n_used++;
    return (uint32_t)s->n_states++;
}

bool state_add_item(struct states *s, uint32_t leaf, uint32_t cont)
{
    struct expansion *e = s->scratch;
    if (!states_spend(s, 1) || !RESERVE(s, e, items, 1))
        return false;
    e->items[e->n_items++] = (struct item){leaf, cont};
    return true;
}

/* Adds what is in a state to the items being made. */
bool state_add_all(struct states *s, uint32_t id)
{
    struct expansion *e = s->scratch;
    const struct state *state = &s->states[id];
    if (!states_spend(s, state->n_items) || !RESERVE(s, e, items, state->n_items + 1))
        return false;
    memcpy(e->items + e->n_items, s->items + state->first_item, state->n_items * sizeof *e->items);
    e->n_items += state->n_items;
    e->accepts = e->accepts || state->accepts;
    return true;
}

/* ---- expansion ---- */

static bool seen_grow(struct states *s)
{
    struct expansion *e = s->scratch;
    size_t n = e->n_seen_slots ? e->n_seen_slots * 2 : FIRST_SLOTS;
    uint64_t *seen = malloc(n * sizeof *seen);
    uint32_t *turns = calloc(n, sizeof *turns);
    if (!seen || !turns) {
        free(seen);
        free(turns);
        return states_fail(s);
    }
    for (size_t i = 0; i < e->n_seen_slots; i++) {
        if (e->seen_turn[i] != e->turn)
            continue;
        size_t at = hash_mix(0, e->seen[i]) >> 16 & (n - 1);
        while (turns[at] == e->turn)
            at = (at + 1) & (n - 1);
        seen[at] = e->seen[i];
        turns[at] = e->turn;
    }
    free(e->seen);
    free(e->seen_turn);
    s->bytes += (n - e->n_seen_slots) * (sizeof *seen + sizeof *turns);
    e->seen = seen;
    e->seen_turn = turns;
    e->n_seen_slots = n;
    return true;
}

/* Puts a part on the work, unless this expansion has had it. */
static bool add_work(struct states *s, uint32_t node, uint32_t cont)
{
    struct expansion *e = s->scratch;
    if (s->failed || !states_spend(s, 1) || (e->n_seen * 2 >= e->n_seen_slots && !seen_grow(s)))
        return false;
    uint64_t key = (uint64_t)node << 32 | cont;
    size_t at = hash_mix(0, key) >> 16 & (e->n_seen_slots - 1);
    for (; e->seen_turn[at] == e->turn; at = (at + 1) & (e->n_seen_slots - 1))
        if (e->seen[at] == key)
            return true;
    if (e->n_seen >= MAX_WORK)
        return states_fail(s);
    e->seen[at] = key;
    e->seen_turn[at] = e->turn;
    e->n_seen++;
    if (!RESERVE(s, e, work, 1))
        return false;
    e->work[e->n_work++] = (struct work){node, cont};
    return true;
}

/* `min` to `max` turns, then `next`: the first turn, or none. */
static void work_turns(struct states *s, uint32_t node, uint32_t min, uint32_t max, uint32_t next)
{
    uint32_t left = max == GRAMMAR_MANY ? GRAMMAR_MANY : max - 1;
    add_work(s, s->grammar->nodes[node].a, cont_turns(s, node, min ? min - 1 : 0, left, next));
    if (min == 0)
        add_work(s, GRAMMAR_MANY, next);
}

/* In a counted part, at a state after `count` characters: one more, or what follows. */
static void work_counted(struct states *s, uint32_t node, uint32_t at, uint32_t count, uint32_t next)
{
    const struct grammar *g = s->grammar;
    const struct counted *counted = &g->counted[g->nodes[node].a];
    const struct counted_state *state = &g->counted_states[counted->first_state + at];
    uint32_t more = counted_next(counted, count);
    if (state->accepts && counted_enough(counted, count))
        add_work(s, GRAMMAR_MANY, next);
    for (uint32_t i = 0; i < state->n_ways && (count >= COUNT_FAR_HIGH || count < counted->max); i++) {
        struct counted_way way = g->counted_ways[state->first_way + i];
        if (counted_lives(g, counted, way.next, more))
            state_add_item(
                s, way.leaf,
                cont_intern(s, (struct cont){.node = node, .min = way.next, .max = more, .next = next}, NULL));
    }
}

static void work_cont(struct states *s, uint32_t id)
{
    struct cont cont = s->conts[id];
    if (id == CONT_END) {
        s->scratch->accepts = true;
    } else if (cont.state != STATE_NONE) {
        state_add_all(s, cont.state);
    } else if (cont.node == CONT_CHOICE) {
        for (uint32_t i = 0; i < cont.max; i++)
            add_work(s, GRAMMAR_MANY, s->lists[cont.min + i]);
    } else if (s->grammar->nodes[cont.node].kind == NODE_COUNTED) {
        work_counted(s, cont.node, cont.min, cont.max, cont.next);
    } else if (cont_is_turns(s, &cont) && cont.max) {
        work_turns(s, cont.node, cont.min, cont.max, cont.next);
    } else {
        add_work(s, cont.node, cont.next);
    }
}

static void work_node(struct states *s, uint32_t id, uint32_t cont)
{
    const struct grammar *g = s->grammar;
    const struct node *node = &g->nodes[id];
    switch ((enum node_kind)node->kind) {
    case NODE_NOTHING:
        break;
    case NODE_EMPTY:
        add_work(s, GRAMMAR_MANY, cont);
        break;
    case NODE_LEAF:
        state_add_item(s, node->a, cont);
        break;
    case NODE_TOKENS:
        state_add_item(s, node->a | ITEM_TOKENS, cont);
        break;
    case NODE_SEQ:
        add_work(s, node->a, cont_then(s, node->b, cont));
        break;
    case NODE_ALT:
        for (uint32_t i = 0; i < node->b; i++)
            add_work(s, g->kids[node->a + i], cont);
        break;
    case NODE_COUNTED:
        work_counted(s, id, 0, 0, cont);
        break;
    case NODE_REPEAT:
        work_turns(s, id, g->repeats[node->b].min, g->repeats[node->b].max, cont);
        break;
    case NODE_RULE:
        add_work(s, node->a, cont);
        break;
    }
}

uint32_t states_expand(struct states *s, uint32_t cont)
{
    struct expansion *e = s->scratch;
    if (s->failed)
        return STATE_DEAD;
    if (s->conts[cont].state != STATE_NONE)
        return s->conts[cont].state;
    e->turn++;
    e->n_seen = 0;
    add_work(s, GRAMMAR_MANY, cont);
    while (e->n_work && !s->failed) {
        struct work work = e->work[--e->n_work];
        if (work.node == GRAMMAR_MANY)
            work_cont(s, work.cont);
        else
            work_node(s, work.node, work.cont);
    }
    e->n_work = 0;
    uint32_t state = state_intern(s);
    if (!s->failed)
        s->conts[cont].state = state;
    return state;
}

uint32_t states_join(struct states *s, uint32_t a, uint32_t b)
{
    if (a == STATE_DEAD || b == STATE_DEAD || a == b)
        return a == STATE_DEAD ? b : a;
    return state_add_all(s, a) && state_add_all(s, b) ? state_intern(s) : STATE_DEAD;
}

uint32_t states_without(struct states *s, uint32_t id, uint32_t item)
{
    struct expansion *e = s->scratch;
    if (s->failed || !state_add_all(s, id))
        return STATE_DEAD;
    e->items[item] = e->items[--e->n_items];
    return state_intern(s);
}

uint32_t states_far(struct states *s, uint32_t id, uint32_t n)
{
    const struct grammar *g = s->grammar;
    struct state from = s->states[id];
    bool changed = false;
    if (s->failed || !RESERVE(s, s->scratch, items, from.n_items + 1))
        return id;
    for (uint32_t i = 0; i < from.n_items; i++) {
        struct item item = s->items[from.first_item + i];
        struct cont cont = s->conts[item.cont];
        if (item.cont != CONT_END && cont.node != CONT_CHOICE && g->nodes[cont.node].kind == NODE_COUNTED) {
            uint32_t far = counted_far(&g->counted[g->nodes[cont.node].a], cont.max, n);
            changed = changed || far != cont.max;
            cont.max = far;
            item.cont = cont_intern(s, cont, NULL);
        }
        state_add_item(s, item.leaf, item.cont);
    }
    s->scratch->accepts = from.accepts;
    if (changed)
        return state_intern(s);
    s->scratch->n_items = 0;
    s->scratch->accepts = false;
    return id;
}

uint32_t states_start(struct states *s)
{
    return states_expand(s, cont_then(s, s->grammar->root, CONT_END));
}

/* ---- from beginning to end ---- */

bool states_begin(struct states *s, const struct grammar *grammar)
{
    *s = (struct states){.grammar = grammar, .scratch = calloc(1, sizeof *s->scratch), .credit = FIRST_CREDIT};
    if (!s->scratch || !RESERVE(s, s, conts, 1))
        return states_fail(s);
    s->conts[s->n_conts++] = (struct cont){.node = CONT_CHOICE - 1, .state = STATE_NONE, .merged = CONT_NONE};
    state_intern(s); /* nothing: STATE_DEAD */
    return !s->failed;
}

static void free_rows(struct states *s)
{
    for (size_t i = 0; i * ROWS_PER_CHUNK < s->n_rows; i++)
        free(s->rows[i]);
    free(s->rows);
}

void states_end(struct states *s)
{
    struct expansion *e = s->scratch;
    free(s->conts);
    free(s->lists);
    free(s->items);
    free(s->edges);
    free(s->states);
    free_rows(s);
    free(s->cont_table.slots);
    free(s->state_table.slots);
    if (e) {
        free(e->work);
        free(e->seen);
        free(e->seen_turn);
        free(e->items);
        free(e->merged.ptr);
        free(e->moves);
        free(e->by_range);
    }
    free(e);
    *s = (struct states){0};
}

/* Marks the continuations that those marked need: parts come before wholes. */
static void mark_needed(const struct states *s, bool *needed)
{
    for (size_t id = s->n_conts; id-- > 1;) {
        const struct cont *cont = &s->conts[id];
        if (!needed[id])
            continue;
        for (uint32_t i = 0; cont->node == CONT_CHOICE && i < cont->max; i++)
            needed[s->lists[cont->min + i]] = true;
        if (cont->node != CONT_CHOICE)
            needed[cont->next] = true;
    }
}

/* Interns in `s` what is marked of `old`; `to` tells the new numbers. */
static void copy_needed(struct states *s, const struct states *old, const bool *needed, uint32_t *to)
{
    to[CONT_END] = CONT_END;
    for (size_t id = 1; id < old->n_conts && !s->failed; id++) {
        struct cont cont = old->conts[id];
        struct number_list *list = &s->scratch->merged;
        if (!needed[id])
            continue;
        list->n = 0;
        for (uint32_t i = 0; cont.node == CONT_CHOICE && i < cont.max; i++)
            merged_add(s, to[old->lists[cont.min + i]]);
        if (cont.node == CONT_CHOICE)
            qsort(list->ptr, list->n, sizeof *list->ptr, compare_ids);
        else
            cont.next = to[cont.next];
        to[id] = s->failed ? CONT_END : cont_intern(s, cont, list->ptr);
        list->n = 0;
    }
}

uint32_t states_shrink(struct states *s, uint32_t id)
{
    struct states fresh = {0};
    bool *needed = calloc(s->n_conts, 1);
    uint32_t *to = malloc(s->n_conts * sizeof *to);
    uint32_t state = STATE_DEAD;
    bool begun = needed && to && !s->failed && states_begin(&fresh, s->grammar);
    if (begun) {
        struct state from = s->states[id];
        for (uint32_t i = 0; i < from.n_items; i++)
            needed[s->items[from.first_item + i].cont] = true;
        mark_needed(s, needed);
        copy_needed(&fresh, s, needed, to);
        for (uint32_t i = 0; i < from.n_items; i++)
            state_add_item(&fresh, s->items[from.first_item + i].leaf, to[s->items[from.first_item + i].cont]);
        fresh.scratch->accepts = from.accepts;
        state = state_intern(&fresh);
        fresh.credit = s->credit;
        states_end(s);
        *s = fresh;
        states_spend(s, s->n_conts);
    } else {
        states_end(&fresh);
        states_fail(s);
    }
    free(needed);
    free(to);
    return state;
}
