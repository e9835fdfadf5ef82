/* SPDX-License-Identifier: Apache-2.0
 *
 * Interned continuations and states, expansion and steps.
 */
#include "text/constraint_states.h"

#include <stdlib.h>

enum {
    MAX_WORK = 200000,       /* parts looked at in one expansion */
    MAX_STATE_ITEMS = 16384, /* of one state */
    MAX_BYTES = 48 << 20,    /* of all tables */
    MAX_MERGE_DEPTH = 50,    /* of continuations that are merged under a common start */
    FEW_EDGES = 4,           /* beyond it a state gets a row */
    ROWS_PER_CHUNK = 64,
    FIRST_SLOTS = 256
};

/* A growing list of numbers. */
struct list {
    uint32_t *ptr;
    size_t n, cap;
};

/* What is still to be expanded: `node` and then `cont`, or only `cont` where node is GRAMMAR_MANY. */
struct work {
    uint32_t node, cont;
};

/* An edge of an item: bytes [low, high] lead to `leaf`, then `cont`. */
struct move {
    uint8_t low, high;
    uint32_t leaf, cont;
};

struct expansion {
    struct work *work;
    size_t n_work, cap_work;
    uint64_t *seen; /* open addressing on work; valid where seen_turn is the turn */
    uint32_t *seen_turn;
    size_t n_seen_slots, n_seen;
    uint32_t turn;
    struct item *items; /* the state that is being made */
    size_t n_items, cap_items;
    bool accepts;
    struct list merged; /* a stack of continuations to be merged */
    struct move *moves;
    size_t n_moves, cap_moves;
    uint32_t *by_range; /* moves of each range of bytes */
    size_t cap_by_range;
};

static bool fail(struct states *s)
{
    s->failed = true;
    return false;
}

static bool reserve(struct states *s, void **array, size_t *cap, size_t n, size_t more, size_t size)
{
    if (s->failed)
        return false;
    if (n + more <= *cap)
        return true;
    size_t wanted = *cap * 2 < n + more ? n + more + 16 : *cap * 2;
    if (wanted >= UINT32_MAX || s->bytes + (wanted - *cap) * size > MAX_BYTES)
        return fail(s);
    void *grown = realloc(*array, wanted * size);
    if (!grown)
        return fail(s);
    s->bytes += (wanted - *cap) * size;
    *array = grown;
    *cap = wanted;
    return true;
}

#define RESERVE(s, owner, name, more)                                                                                  \
    reserve(s, (void **)&(owner)->name, &(owner)->cap_##name, (owner)->n_##name, more, sizeof *(owner)->name)

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

/* ---- tables ---- */

static bool table_reserve(struct states *s, struct int_table *table)
{
    if (table->n_used * 2 < table->n_slots)
        return true;
    size_t n = table->n_slots ? table->n_slots * 2 : FIRST_SLOTS;
    if (s->bytes + n * sizeof(uint32_t) > MAX_BYTES)
        return fail(s);
    uint32_t *slots = malloc(n * sizeof *slots);
    if (!slots)
        return fail(s);
    memset(slots, 0xFF, n * sizeof *slots);
    free(table->slots);
    s->bytes += (n - table->n_slots) * sizeof *slots;
    *table = (struct int_table){slots, n, 0};
    return true;
}

static void table_put(struct int_table *table, uint64_t hash, uint32_t value)
{
    size_t at = hash & (table->n_slots - 1);
    while (table->slots[at] != UINT32_MAX)
        at = (at + 1) & (table->n_slots - 1);
    table->slots[at] = value;
    table->n_used++;
}

static uint64_t cont_hash(const struct cont *cont, const uint32_t *list)
{
    uint64_t hash = mix(cont->node, cont->max);
    if (cont->node != CONT_CHOICE)
        return mix(mix(hash, cont->min), cont->next) >> 16;
    for (uint32_t i = 0; i < cont->max; i++)
        hash = mix(hash, list[i]);
    return hash >> 16;
}

static const uint32_t *cont_list(const struct states *s, const struct cont *cont)
{
    return s->lists + (cont->node == CONT_CHOICE ? cont->min : 0);
}

/* `list` holds the members of a choice, not yet in s->lists. */
static bool cont_is(const struct states *s, const struct cont *a, const struct cont *b, const uint32_t *list)
{
    if (a->node != b->node || a->max != b->max)
        return false;
    if (a->node != CONT_CHOICE)
        return a->min == b->min && a->next == b->next;
    return memcmp(cont_list(s, a), list, a->max * sizeof *list) == 0;
}

static uint32_t intern_cont(struct states *s, struct cont cont, const uint32_t *list)
{
    if (s->failed)
        return CONT_END;
    if (s->cont_table.n_used * 2 >= s->cont_table.n_slots) {
        if (!table_reserve(s, &s->cont_table))
            return CONT_END;
        for (uint32_t id = 1; id < s->n_conts; id++)
            table_put(&s->cont_table, cont_hash(&s->conts[id], cont_list(s, &s->conts[id])), id);
    }
    size_t mask = s->cont_table.n_slots - 1, at = cont_hash(&cont, list) & mask;
    for (; s->cont_table.slots[at] != UINT32_MAX; at = (at + 1) & mask)
        if (cont_is(s, &s->conts[s->cont_table.slots[at]], &cont, list))
            return s->cont_table.slots[at];
    if (!RESERVE(s, s, conts, 1) || (cont.node == CONT_CHOICE && !RESERVE(s, s, lists, cont.max)))
        return CONT_END;
    if (cont.node == CONT_CHOICE) {
        cont.min = (uint32_t)s->n_lists;
        memcpy(s->lists + s->n_lists, list, cont.max * sizeof *list);
        s->n_lists += cont.max;
    }
    cont.state = STATE_NONE;
    s->conts[s->n_conts] = cont;
    s->cont_table.slots[at] = (uint32_t)s->n_conts;
    s->cont_table.n_used++;
    return (uint32_t)s->n_conts++;
}

static uint32_t cont_then(struct states *s, uint32_t node, uint32_t next)
{
    return intern_cont(s, (struct cont){.node = node, .next = next}, NULL);
}

/* `min` to `max` more turns of a repetition. */
static uint32_t cont_turns(struct states *s, uint32_t node, uint32_t min, uint32_t max, uint32_t next)
{
    return max == 0 ? next : intern_cont(s, (struct cont){.node = node, .min = min, .max = max, .next = next}, NULL);
}

/* ---- merging continuations ---- */

static bool list_add(struct states *s, struct list *list, uint32_t value)
{
    if (!reserve(s, (void **)&list->ptr, &list->cap, list->n, 1, sizeof *list->ptr))
        return false;
    list->ptr[list->n++] = value;
    return true;
}

static bool is_turns(const struct states *s, const struct cont *cont)
{
    return cont->node != CONT_CHOICE && s->grammar->nodes[cont->node].kind == NODE_REPEAT;
}

static int compare_u32(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

/* Continuations by what stands first. */
static int compare_heads(const void *x, const void *y, void *states)
{
    const struct states *s = states;
    const struct cont *a = &s->conts[*(const uint32_t *)x], *b = &s->conts[*(const uint32_t *)y];
    int order = compare_u32(a->node, b->node);
    order = order ? order : compare_u32(a->min, b->min);
    order = order ? order : compare_u32(a->max, b->max);
    return order ? order : compare_u32(a->next, b->next);
}

/* Continuations by what follows a repetition. */
static int compare_turns(const void *x, const void *y, void *states)
{
    const struct states *s = states;
    const struct cont *a = &s->conts[*(const uint32_t *)x], *b = &s->conts[*(const uint32_t *)y];
    int order = compare_u32(a->node, b->node);
    order = order ? order : compare_u32(a->next, b->next);
    return order ? order : compare_u32(a->min, b->min);
}

static uint32_t merge(struct states *s, size_t first, unsigned depth);

/* Those of merged[first..] that start alike become one, followed by a choice. */
static void merge_heads(struct states *s, size_t first, unsigned depth)
{
    struct list *list = &s->scratch->merged;
    size_t n = list->n, kept = first;
    qsort_r(list->ptr + first, n - first, sizeof *list->ptr, compare_heads, s);
    for (size_t i = first; i < n && !s->failed;) {
        struct cont head = s->conts[list->ptr[i]];
        size_t end = i + 1;
        while (end < n && depth < MAX_MERGE_DEPTH && list->ptr[i] != CONT_END &&
               s->conts[list->ptr[end]].node == head.node && s->conts[list->ptr[end]].min == head.min &&
               s->conts[list->ptr[end]].max == head.max)
            end++;
        uint32_t whole = list->ptr[i];
        if (end > i + 1) {
            size_t top = list->n;
            for (size_t k = i; k < end; k++)
                list_add(s, list, s->conts[list->ptr[k]].next);
            head.next = merge(s, top, depth + 1);
            whole = intern_cont(s, head, NULL);
            list = &s->scratch->merged;
        }
        if (s->failed)
            return;
        if (kept == first || list->ptr[kept - 1] != whole)
            list->ptr[kept++] = whole;
        i = end;
    }
    list->n = kept;
}

/* Repetitions of the same with counts that overlap become one. */
static void merge_turns(struct states *s, size_t first)
{
    struct list *list = &s->scratch->merged;
    size_t kept = first;
    qsort_r(list->ptr + first, list->n - first, sizeof *list->ptr, compare_turns, s);
    for (size_t i = first; i < list->n; i++) {
        struct cont cont = s->conts[list->ptr[i]], last = kept > first ? s->conts[list->ptr[kept - 1]] : cont;
        bool joins = kept > first && list->ptr[i] != CONT_END && list->ptr[kept - 1] != CONT_END &&
                     is_turns(s, &cont) && cont.node == last.node && cont.next == last.next &&
                     (last.max == GRAMMAR_MANY || cont.min <= last.max + 1);
        if (!joins) {
            list->ptr[kept++] = list->ptr[i];
        } else {
            last.max = cont.max > last.max ? cont.max : last.max;
            list->ptr[kept - 1] = intern_cont(s, last, NULL);
        }
    }
    list->n = kept;
}

static int compare_ids(const void *a, const void *b)
{
    return compare_u32(*(const uint32_t *)a, *(const uint32_t *)b);
}

static void sort_unique(struct list *list, size_t first)
{
    size_t kept = first;
    qsort(list->ptr + first, list->n - first, sizeof *list->ptr, compare_ids);
    for (size_t i = first; i < list->n; i++)
        if (kept == first || list->ptr[kept - 1] != list->ptr[i])
            list->ptr[kept++] = list->ptr[i];
    list->n = kept;
}

/* One continuation for all of merged[first..], which are taken off. */
static uint32_t merge(struct states *s, size_t first, unsigned depth)
{
    struct list *list = &s->scratch->merged;
    for (size_t i = first; i < list->n && !s->failed;) {
        struct cont cont = s->conts[list->ptr[i]];
        if (list->ptr[i] == CONT_END || cont.node != CONT_CHOICE) {
            i++;
            continue;
        }
        list->ptr[i] = s->lists[cont.min];
        for (uint32_t k = 1; k < cont.max; k++)
            list_add(s, list, s->lists[cont.min + k]);
    }
    sort_unique(list, first);
    if (list->n - first > 1 && !s->failed) {
        merge_heads(s, first, depth);
        if (!s->failed)
            merge_turns(s, first);
        sort_unique(list, first);
    }
    if (list->n - first > MAX_STATE_ITEMS)
        fail(s);
    uint32_t cont = CONT_END;
    if (!s->failed) {
        size_t n = list->n - first;
        cont = n == 1 ? list->ptr[first]
                      : intern_cont(s, (struct cont){.node = CONT_CHOICE, .max = (uint32_t)n}, list->ptr + first);
    }
    list->n = first;
    return cont;
}

/* ---- states ---- */

static uint64_t state_hash(const struct item *items, size_t n, bool accepts)
{
    uint64_t hash = accepts;
    for (size_t i = 0; i < n; i++)
        hash = mix(hash, (uint64_t)items[i].leaf << 32 | items[i].cont);
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
                list_add(s, &e->merged, e->items[k].cont);
            item.cont = merge(s, top, 0);
        }
        e->items[kept++] = item;
        i = end;
    }
    e->n_items = kept;
}

/* Interns the items being made, and starts anew. */
static uint32_t intern_state(struct states *s)
{
    struct expansion *e = s->scratch;
    settle_items(s);
    size_t n = e->n_items;
    bool accepts = e->accepts;
    e->n_items = 0;
    e->accepts = false;
    if (n > MAX_STATE_ITEMS)
        fail(s);
    if (s->failed)
        return STATE_DEAD;
    if (s->state_table.n_used * 2 >= s->state_table.n_slots) {
        if (!table_reserve(s, &s->state_table))
            return STATE_DEAD;
        for (uint32_t id = 0; s->states && id < s->n_states; id++) {
            const struct state *state = &s->states[id];
            table_put(&s->state_table, state_hash(s->items + state->first_item, state->n_items, state->accepts), id);
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

static bool add_item(struct states *s, uint32_t leaf, uint32_t cont)
{
    struct expansion *e = s->scratch;
    if (!RESERVE(s, e, items, 1))
        return false;
    e->items[e->n_items++] = (struct item){leaf, cont};
    return true;
}

/* Adds what is in a state to the items being made. */
static bool add_state(struct states *s, uint32_t id)
{
    struct expansion *e = s->scratch;
    const struct state *state = &s->states[id];
    if (!RESERVE(s, e, items, state->n_items + 1))
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
        return fail(s);
    }
    for (size_t i = 0; i < e->n_seen_slots; i++) {
        if (e->seen_turn[i] != e->turn)
            continue;
        size_t at = mix(0, e->seen[i]) >> 16 & (n - 1);
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
    if (s->failed || (e->n_seen * 2 >= e->n_seen_slots && !seen_grow(s)))
        return false;
    uint64_t key = (uint64_t)node << 32 | cont;
    size_t at = mix(0, key) >> 16 & (e->n_seen_slots - 1);
    for (; e->seen_turn[at] == e->turn; at = (at + 1) & (e->n_seen_slots - 1))
        if (e->seen[at] == key)
            return true;
    if (e->n_seen >= MAX_WORK)
        return fail(s);
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

static void work_cont(struct states *s, uint32_t id)
{
    struct cont cont = s->conts[id];
    if (id == CONT_END) {
        s->scratch->accepts = true;
    } else if (cont.state != STATE_NONE) {
        add_state(s, cont.state);
    } else if (cont.node == CONT_CHOICE) {
        for (uint32_t i = 0; i < cont.max; i++)
            add_work(s, GRAMMAR_MANY, s->lists[cont.min + i]);
    } else if (is_turns(s, &cont) && cont.max) {
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
        add_item(s, node->a, cont);
        break;
    case NODE_TOKENS:
        add_item(s, node->a | ITEM_TOKENS, cont);
        break;
    case NODE_SEQ:
        add_work(s, node->a, cont_then(s, node->b, cont));
        break;
    case NODE_ALT:
        for (uint32_t i = 0; i < node->b; i++)
            add_work(s, g->kids[node->a + i], cont);
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
    uint32_t state = intern_state(s);
    if (!s->failed)
        s->conts[cont].state = state;
    return state;
}

/* ---- steps ---- */

/* All edges of all items of a state, and what follows a leaf that they end expanded. */
static bool collect_moves(struct states *s, uint32_t id)
{
    struct expansion *e = s->scratch;
    const struct grammar *g = s->grammar;
    e->n_moves = 0;
    for (uint32_t i = 0; i < s->states[id].n_items && !s->failed; i++) {
        struct item item = s->items[s->states[id].first_item + i];
        if (item.leaf & ITEM_TOKENS)
            continue;
        const struct leaf *leaf = &g->leaves[item.leaf];
        if (!RESERVE(s, e, moves, leaf->n_edges))
            return false;
        for (uint32_t k = 0; k < leaf->n_edges; k++) {
            struct leaf_edge edge = g->edges[leaf->first_edge + k];
            e->moves[e->n_moves++] = (struct move){edge.low, edge.high, edge.next, item.cont};
            if (g->leaves[edge.next].accepts)
                states_expand(s, item.cont);
        }
    }
    return !s->failed;
}

static bool add_move(struct states *s, struct move move)
{
    const struct leaf *leaf = &s->grammar->leaves[move.leaf];
    return (!leaf->accepts || add_state(s, s->conts[move.cont].state)) &&
           (leaf->n_edges == 0 || add_item(s, move.leaf, move.cont));
}

static void add_edge(struct states *s, struct state *state, unsigned low, unsigned high, uint32_t next)
{
    struct state_edge *last = state->n_edges ? &s->edges[s->n_edges - 1] : NULL;
    if (next == STATE_DEAD)
        return;
    if (last && last->next == next && last->high + 1u == low) {
        last->high = (uint8_t)high;
    } else {
        s->edges[s->n_edges++] = (struct state_edge){(uint8_t)low, (uint8_t)high, next};
        state->n_edges++;
    }
}

/* Cuts the bytes into ranges on which all moves agree; range r is [starts[r], starts[r + 1]). */
static unsigned cut_ranges(const struct expansion *e, uint16_t starts[257], uint8_t range_of[256])
{
    bool cuts[257] = {true};
    unsigned n = 0;
    for (size_t i = 0; i < e->n_moves; i++) {
        cuts[e->moves[i].low] = true;
        cuts[e->moves[i].high + 1] = true;
    }
    for (unsigned b = 0; b < 256; b++) {
        if (cuts[b])
            starts[n++] = (uint16_t)b;
        range_of[b] = (uint8_t)(n - 1);
    }
    starts[n] = 256;
    return n;
}

/* Sorts the moves into the ranges: those of range r are by_range[first[r] .. first[r + 1]). */
static bool sort_moves(struct states *s, const uint8_t range_of[256], unsigned n_ranges, uint32_t first[257])
{
    struct expansion *e = s->scratch;
    uint32_t place[257];
    memset(first, 0, 257 * sizeof *first);
    for (size_t i = 0; i < e->n_moves; i++)
        for (unsigned r = range_of[e->moves[i].low]; r <= range_of[e->moves[i].high]; r++)
            first[r + 1]++;
    for (unsigned r = 1; r <= n_ranges; r++)
        first[r] += first[r - 1];
    if (!reserve(s, (void **)&e->by_range, &e->cap_by_range, 0, first[n_ranges] + 1, sizeof *e->by_range))
        return false;
    memcpy(place, first, sizeof place);
    for (size_t i = 0; i < e->n_moves; i++)
        for (unsigned r = range_of[e->moves[i].low]; r <= range_of[e->moves[i].high]; r++)
            e->by_range[place[r]++] = (uint32_t)i;
    return true;
}

static const uint32_t *make_row(struct states *s, const struct state *state)
{
    if (s->n_rows % ROWS_PER_CHUNK == 0) {
        size_t bytes = ROWS_PER_CHUNK * 256 * sizeof(uint32_t), n = s->n_rows / ROWS_PER_CHUNK;
        if (!reserve(s, (void **)&s->rows, &s->cap_rows, n, 1, sizeof *s->rows) || s->bytes + bytes > MAX_BYTES ||
            !(s->rows[n] = malloc(bytes))) {
            fail(s);
            return NULL;
        }
        s->bytes += bytes;
    }
    uint32_t *row = s->rows[s->n_rows / ROWS_PER_CHUNK] + s->n_rows % ROWS_PER_CHUNK * 256;
    s->n_rows++;
    memset(row, 0, 256 * sizeof *row);
    for (uint32_t i = 0; i < state->n_edges; i++) {
        struct state_edge edge = s->edges[state->first_edge + i];
        for (unsigned b = edge.low; b <= edge.high; b++)
            row[b] = edge.next;
    }
    return row;
}

bool states_prepare(struct states *s, uint32_t id)
{
    if (s->failed || s->states[id].stepped)
        return !s->failed;
    struct expansion *e = s->scratch;
    uint16_t starts[257];
    uint8_t range_of[256];
    uint32_t first[257];
    if (!collect_moves(s, id))
        return false;
    unsigned n_ranges = cut_ranges(e, starts, range_of);
    if (!sort_moves(s, range_of, n_ranges, first) || !RESERVE(s, s, edges, n_ranges))
        return false;
    struct state state = s->states[id];
    state.first_edge = (uint32_t)s->n_edges;
    for (unsigned r = 0; r < n_ranges && !s->failed; r++) {
        if (first[r] == first[r + 1])
            continue;
        for (uint32_t i = first[r]; i < first[r + 1]; i++)
            if (!add_move(s, e->moves[e->by_range[i]]))
                return false;
        uint32_t next = intern_state(s);
        if (!s->failed)
            add_edge(s, &state, starts[r], starts[r + 1] - 1u, next);
    }
    if (!s->failed && state.n_edges > FEW_EDGES)
        state.row = make_row(s, &state);
    state.stepped = true;
    if (!s->failed)
        s->states[id] = state;
    return !s->failed;
}

uint32_t states_step(struct states *s, uint32_t id, uint8_t byte)
{
    if (!states_prepare(s, id))
        return STATE_DEAD;
    const struct state *state = &s->states[id];
    if (state->row)
        return state->row[byte];
    for (uint32_t i = 0; i < state->n_edges; i++) {
        struct state_edge edge = s->edges[state->first_edge + i];
        if (byte >= edge.low && byte <= edge.high)
            return edge.next;
    }
    return STATE_DEAD;
}

uint32_t states_join(struct states *s, uint32_t a, uint32_t b)
{
    if (a == STATE_DEAD || b == STATE_DEAD || a == b)
        return a == STATE_DEAD ? b : a;
    return add_state(s, a) && add_state(s, b) ? intern_state(s) : STATE_DEAD;
}

uint32_t states_without(struct states *s, uint32_t id, uint32_t item)
{
    struct expansion *e = s->scratch;
    if (s->failed || !add_state(s, id))
        return STATE_DEAD;
    e->items[item] = e->items[--e->n_items];
    return intern_state(s);
}

uint32_t states_start(struct states *s)
{
    return states_expand(s, cont_then(s, s->grammar->root, CONT_END));
}

/* ---- from beginning to end ---- */

bool states_begin(struct states *s, const struct grammar *grammar)
{
    *s = (struct states){.grammar = grammar, .scratch = calloc(1, sizeof *s->scratch)};
    if (!s->scratch || !RESERVE(s, s, conts, 1))
        return fail(s);
    s->conts[s->n_conts++] = (struct cont){.node = CONT_CHOICE - 1, .state = STATE_NONE};
    intern_state(s); /* nothing: STATE_DEAD */
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
        struct list *list = &s->scratch->merged;
        if (!needed[id])
            continue;
        list->n = 0;
        for (uint32_t i = 0; cont.node == CONT_CHOICE && i < cont.max; i++)
            list_add(s, list, to[old->lists[cont.min + i]]);
        if (cont.node == CONT_CHOICE)
            qsort(list->ptr, list->n, sizeof *list->ptr, compare_ids);
        else
            cont.next = to[cont.next];
        to[id] = s->failed ? CONT_END : intern_cont(s, cont, list->ptr);
        list->n = 0;
    }
}

uint32_t states_shrink(struct states *s, uint32_t id)
{
    struct states fresh;
    bool *needed = calloc(s->n_conts, 1);
    uint32_t *to = malloc(s->n_conts * sizeof *to);
    uint32_t state = STATE_DEAD;
    if (needed && to && !s->failed && states_begin(&fresh, s->grammar)) {
        struct state from = s->states[id];
        for (uint32_t i = 0; i < from.n_items; i++)
            needed[s->items[from.first_item + i].cont] = true;
        mark_needed(s, needed);
        copy_needed(&fresh, s, needed, to);
        for (uint32_t i = 0; i < from.n_items; i++)
            add_item(&fresh, s->items[from.first_item + i].leaf, to[s->items[from.first_item + i].cont]);
        fresh.scratch->accepts = from.accepts;
        state = intern_state(&fresh);
        states_end(s);
        *s = fresh;
    } else {
        fail(s);
    }
    free(needed);
    free(to);
    return state;
}
