/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps: where each byte leads from a state.
 */
#include <stdlib.h>

#include "text/constraint/parts.h"

enum { FEW_EDGES = 4 /* beyond it a state gets a row */ };

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
        if (!states_spend(s, leaf->n_edges) || !RESERVE(s, e, moves, leaf->n_edges))
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
    return (!leaf->accepts || state_add_all(s, s->conts[move.cont].state)) &&
           (leaf->n_edges == 0 || state_add_item(s, move.leaf, move.cont));
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
    if (!states_spend(s, first[n_ranges]) ||
        !states_reserve(s, (void **)&e->by_range, &e->cap_by_range, 0, first[n_ranges] + 1, sizeof *e->by_range))
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
        if (!states_reserve(s, (void **)&s->rows, &s->cap_rows, n, 1, sizeof *s->rows) ||
            s->bytes + bytes > MAX_STATES_BYTES || !(s->rows[n] = malloc(bytes))) {
            states_fail(s);
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
        uint32_t next = state_intern(s);
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
