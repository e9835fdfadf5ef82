/* SPDX-License-Identifier: Apache-2.0
 *
 * Automata over bytes: interned leaves, and what is made of two of them.
 */
#include <stdlib.h>

#include "text/grammar/parts.h"

enum {
    FIRST_SLOTS = 1024,
    MEMO_SLOTS = 4096, /* of one union or concatenation; budgets are below half of it */
    MAX_BUDGET = 1024
};

static uint64_t leaf_hash(bool accepts, const struct leaf_edge *edges, size_t n)
{
    uint64_t hash = accepts ? 0x9E3779B97F4A7C15u : 1;
    for (size_t i = 0; i < n; i++) {
        hash ^= (uint64_t)edges[i].next << 16 | (uint64_t)edges[i].low << 8 | edges[i].high;
        hash *= 0xD6E8FEB86659FD93u;
        hash ^= hash >> 32;
    }
    return hash * 0x9E3779B97F4A7C15u >> 20;
}

static bool leaf_is(const struct grammar *g, uint32_t id, bool accepts, const struct leaf_edge *edges, size_t n)
{
    const struct leaf *leaf = &g->leaves[id];
    const struct leaf_edge *own = n ? g->edges + leaf->first_edge : NULL; /* without edges there is no array yet */
    if (leaf->accepts != accepts || leaf->n_edges != n || leaf->cyclic)
        return false;
    for (size_t i = 0; i < n; i++)
        if (own[i].low != edges[i].low || own[i].high != edges[i].high || own[i].next != edges[i].next)
            return false;
    return true;
}

static bool grow_slots(struct grammar_builder *builder)
{
    struct grammar *g = &builder->grammar;
    if (builder->n_leaf_slots > g->n_leaves * 2)
        return true;
    size_t n = builder->n_leaf_slots ? builder->n_leaf_slots * 4 : FIRST_SLOTS;
    uint32_t *slots = malloc(n * sizeof *slots);
    if (!slots) {
        grammar_fail(builder, HOB_LIMIT, "no memory for a grammar");
        return false;
    }
    memset(slots, 0xFF, n * sizeof *slots);
    for (uint32_t id = 0; id < g->n_leaves; id++) {
        const struct leaf *leaf = &g->leaves[id];
        size_t at = leaf_hash(leaf->accepts, g->edges + leaf->first_edge, leaf->n_edges) & (n - 1);
        while (slots[at] != LEAF_NONE)
            at = (at + 1) & (n - 1);
        slots[at] = id;
    }
    free(builder->leaf_slots);
    builder->leaf_slots = slots;
    builder->n_leaf_slots = n;
    return true;
}

uint32_t leaf_intern(struct grammar_builder *builder, bool accepts, const struct leaf_edge *edges, size_t n)
{
    struct grammar *g = &builder->grammar;
    if (builder->failed || !grow_slots(builder))
        return LEAF_NONE;
    size_t mask = builder->n_leaf_slots - 1, at = leaf_hash(accepts, edges, n) & mask;
    for (; builder->leaf_slots[at] != LEAF_NONE; at = (at + 1) & mask)
        if (leaf_is(g, builder->leaf_slots[at], accepts, edges, n))
            return builder->leaf_slots[at];
    if (!grammar_grow(builder, (void **)&g->leaves, &g->cap_leaves, g->n_leaves, 1, sizeof *g->leaves) ||
        !grammar_grow(builder, (void **)&g->edges, &g->cap_edges, g->n_edges, n, sizeof *g->edges))
        return LEAF_NONE;
    g->leaves[g->n_leaves] =
        (struct leaf){.first_edge = (uint32_t)g->n_edges, .n_edges = (uint16_t)n, .accepts = accepts};
    for (size_t i = 0; i < n; i++)
        g->edges[g->n_edges++] = edges[i];
    builder->leaf_slots[at] = (uint32_t)g->n_leaves;
    return (uint32_t)g->n_leaves++;
}

uint32_t leaf_bytes(struct grammar_builder *builder, struct str text, uint32_t next)
{
    for (size_t i = text.len; i-- > 0 && next != LEAF_NONE;) {
        struct leaf_edge edge = {(uint8_t)text.ptr[i], (uint8_t)text.ptr[i], next};
        next = leaf_intern(builder, false, &edge, 1);
    }
    return next;
}

/* ---- a choice of texts ---- */

static int compare_texts(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* The path of the text added last, as open states: edges of a deeper one lie above those of a shallower. */
struct choice_path {
    struct leaf_edge *edges;
    size_t n_edges;
    struct open_state {
        size_t first_edge;
        bool accepts;
    } * open;
    size_t depth; /* the root has depth 0 */
};

/* Interns the states deeper than `depth`. */
static bool close_path(struct grammar_builder *builder, struct choice_path *path, size_t depth)
{
    for (; path->depth > depth; path->depth--) {
        struct open_state *top = &path->open[path->depth];
        uint32_t leaf =
            leaf_intern(builder, top->accepts, path->edges + top->first_edge, path->n_edges - top->first_edge);
        if (leaf == LEAF_NONE)
            return false;
        path->n_edges = top->first_edge;
        path->edges[path->n_edges - 1].next = leaf;
    }
    return true;
}

static bool add_choice(struct grammar_builder *builder, struct choice_path *path, struct str previous, struct str text)
{
    size_t shared = 0;
    while (shared < previous.len && shared < text.len && previous.ptr[shared] == text.ptr[shared])
        shared++;
    if (!close_path(builder, path, shared))
        return false;
    for (size_t i = shared; i < text.len; i++) {
        path->edges[path->n_edges++] = (struct leaf_edge){(uint8_t)text.ptr[i], (uint8_t)text.ptr[i], LEAF_NONE};
        path->open[++path->depth] = (struct open_state){.first_edge = path->n_edges};
    }
    path->open[path->depth].accepts = true;
    return true;
}

uint32_t grammar_choices(struct grammar_builder *builder, const struct str *texts, size_t n)
{
    size_t longest = 0;
    for (size_t i = 0; i < n; i++)
        longest = texts[i].len > longest ? texts[i].len : longest;
    if (builder->failed || n == 0)
        return GRAMMAR_NOTHING;
    struct str *sorted = malloc(n * sizeof *sorted);
    /* A state on the path has at most 256 edges, but those of all together are no more than one for each text beside
     * the path itself. */
    struct choice_path path = {
        .edges = malloc((longest + n + 1) * sizeof *path.edges),
        .open = calloc(longest + 1, sizeof *path.open),
    };
    uint32_t node = GRAMMAR_NOTHING;
    if (sorted && path.edges && path.open) {
        memcpy(sorted, texts, n * sizeof *sorted);
        qsort(sorted, n, sizeof *sorted, compare_texts);
        bool good = true;
        for (size_t i = 0; i < n && good; i++)
            good = add_choice(builder, &path, i ? sorted[i - 1] : STR(""), sorted[i]);
        bool empty = path.open[0].accepts;
        if (good && close_path(builder, &path, 0)) {
            uint32_t leaf = path.n_edges ? leaf_intern(builder, false, path.edges, path.n_edges) : LEAF_NONE;
            node = leaf == LEAF_NONE ? GRAMMAR_NOTHING : grammar_node(builder, NODE_LEAF, leaf, 0);
            if (empty)
                node = grammar_or(builder, node, GRAMMAR_EMPTY);
        }
    } else {
        grammar_fail(builder, HOB_LIMIT, "no memory for a grammar");
    }
    free(sorted);
    free(path.edges);
    free(path.open);
    return node;
}

/* ---- two leaves into one ---- */

/* What became of pairs of leaves, in one union or concatenation. */
struct memo {
    struct grammar_builder *builder;
    uint64_t keys[MEMO_SLOTS]; /* 0: free */
    uint32_t values[MEMO_SLOTS];
    uint32_t then; /* of a concatenation */
    size_t left;
};

static size_t memo_find(struct memo *memo, uint64_t key)
{
    size_t at = key * 0x9E3779B97F4A7C15u >> 52;
    while (memo->keys[at] && memo->keys[at] != key)
        at = (at + 1) % MEMO_SLOTS;
    return at;
}

static void read_targets(const struct grammar *g, uint32_t leaf, uint32_t targets[256])
{
    memset(targets, 0xFF, 256 * sizeof *targets);
    for (size_t i = 0; i < g->leaves[leaf].n_edges; i++) {
        struct leaf_edge edge = g->edges[g->leaves[leaf].first_edge + i];
        for (unsigned b = edge.low; b <= edge.high; b++)
            targets[b] = edge.next;
    }
}

static uint32_t union_of(struct memo *memo, uint32_t a, uint32_t b)
{
    if (a == LEAF_NONE || b == LEAF_NONE || a == b)
        return a == LEAF_NONE ? b : a;
    if (a > b) {
        uint32_t swap = a;
        a = b;
        b = swap;
    }
    uint64_t key = ((uint64_t)a << 32 | b) + 1;
    size_t slot = memo_find(memo, key);
    if (memo->keys[slot])
        return memo->values[slot];
    if (memo->left == 0)
        return LEAF_NONE;
    memo->left--;
    struct grammar *g = &memo->builder->grammar;
    uint32_t from[2][256];
    struct leaf_edge edges[256];
    size_t n = 0;
    bool accepts = g->leaves[a].accepts || g->leaves[b].accepts;
    read_targets(g, a, from[0]);
    read_targets(g, b, from[1]);
    for (unsigned byte = 0; byte < 256; byte++) {
        if (from[0][byte] == LEAF_NONE && from[1][byte] == LEAF_NONE)
            continue;
        uint32_t next = union_of(memo, from[0][byte], from[1][byte]);
        if (next == LEAF_NONE)
            return LEAF_NONE;
        if (n && edges[n - 1].next == next && edges[n - 1].high + 1u == byte)
            edges[n - 1].high = (uint8_t)byte;
        else
            edges[n++] = (struct leaf_edge){(uint8_t)byte, (uint8_t)byte, next};
    }
    uint32_t leaf = leaf_intern(memo->builder, accepts, edges, n);
    slot = memo_find(memo, key);
    memo->keys[slot] = key;
    memo->values[slot] = leaf;
    return leaf;
}

static uint32_t concat_of(struct memo *memo, uint32_t a)
{
    struct grammar *g = &memo->builder->grammar;
    if (a == LEAF_DONE)
        return memo->then;
    if (g->leaves[a].accepts || g->leaves[a].cyclic)
        return LEAF_NONE;
    uint64_t key = (uint64_t)a + 1;
    size_t slot = memo_find(memo, key);
    if (memo->keys[slot])
        return memo->values[slot];
    if (memo->left == 0)
        return LEAF_NONE;
    memo->left--;
    struct leaf_edge edges[256];
    size_t n = g->leaves[a].n_edges;
    for (size_t i = 0; i < n; i++) {
        edges[i] = g->edges[g->leaves[a].first_edge + i];
        edges[i].next = concat_of(memo, edges[i].next);
        if (edges[i].next == LEAF_NONE)
            return LEAF_NONE;
    }
    uint32_t leaf = leaf_intern(memo->builder, false, edges, n);
    slot = memo_find(memo, key);
    memo->keys[slot] = key;
    memo->values[slot] = leaf;
    return leaf;
}

static struct memo *memo_begin(struct grammar_builder *builder, size_t budget, uint32_t then)
{
    struct memo *memo = calloc(1, sizeof *memo);
    if (memo) {
        memo->builder = builder;
        memo->then = then;
        memo->left = budget < MAX_BUDGET ? budget : MAX_BUDGET;
    }
    return memo;
}

static uint32_t memo_end(struct memo *memo, size_t *budget, uint32_t leaf)
{
    size_t had = *budget < MAX_BUDGET ? *budget : MAX_BUDGET;
    *budget -= had - memo->left;
    free(memo);
    return leaf;
}

/* Puts the edges of both in order; false where they share a byte. */
static bool weave(const struct grammar *g, uint32_t a, uint32_t b, struct leaf_edge edges[256], size_t *n)
{
    const struct leaf_edge *x = g->edges + g->leaves[a].first_edge, *y = g->edges + g->leaves[b].first_edge;
    const struct leaf_edge *x_end = x + g->leaves[a].n_edges, *y_end = y + g->leaves[b].n_edges;
    for (*n = 0; x < x_end || y < y_end; ++*n) {
        if (x < x_end && y < y_end && x->low <= y->high && y->low <= x->high)
            return false;
        edges[*n] = y == y_end || (x < x_end && x->low < y->low) ? *x++ : *y++;
    }
    return true;
}

uint32_t leaf_union(struct grammar_builder *builder, uint32_t a, uint32_t b, size_t *budget)
{
    struct leaf_edge edges[256];
    size_t n;
    if (a == LEAF_NONE || b == LEAF_NONE || builder->grammar.leaves[a].cyclic || builder->grammar.leaves[b].cyclic)
        return LEAF_NONE;
    if (weave(&builder->grammar, a, b, edges, &n))
        return leaf_intern(builder, builder->grammar.leaves[a].accepts || builder->grammar.leaves[b].accepts, edges, n);
    struct memo *memo = memo_begin(builder, *budget, LEAF_NONE);
    return memo ? memo_end(memo, budget, union_of(memo, a, b)) : LEAF_NONE;
}

uint32_t leaf_concat(struct grammar_builder *builder, uint32_t a, uint32_t b, size_t *budget)
{
    if (a == LEAF_NONE || b == LEAF_NONE || builder->grammar.leaves[b].cyclic)
        return LEAF_NONE;
    struct memo *memo = memo_begin(builder, *budget, b);
    return memo ? memo_end(memo, budget, concat_of(memo, a)) : LEAF_NONE;
}
