/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a grammar's building: what can match and what can be empty is worked out, parts that nothing matches are
 * cut off, repetitions of what may be empty are rewritten, left recursion is refused, and small finite parts become
 * single automata.
 */
#include <stdlib.h>

#include "base/error.h"
#include "text/grammar/parts.h"

enum { MAX_DEPTH = 1000, MAX_FUSE_DEPTH = 32, FUSE_BUDGET = 256, MIN_SLICED_BYTES = 16 };

/* ---- least fixed points ---- */

/* For each node, the nodes that use it: parents[first[n] .. first[n + 1]). */
struct uses {
    uint32_t *first, *parents, *queue;
    bool *queued;
};

typedef bool node_rule(const struct grammar *g, const struct node *node, const bool *value);

static size_t children(const struct grammar *g, const struct node *node, const uint32_t **list, uint32_t two[2])
{
    *list = two;
    switch ((enum node_kind)node->kind) {
    case NODE_SEQ:
        two[0] = node->a;
        two[1] = node->b;
        return 2;
    case NODE_ALT:
        *list = g->kids + node->a;
        return node->b;
    case NODE_REPEAT:
    case NODE_RULE:
        two[0] = node->a;
        return 1;
    case NODE_NOTHING:
    case NODE_EMPTY:
    case NODE_LEAF:
    case NODE_TOKENS:
    case NODE_COUNTED:
        break;
    }
    return 0;
}

static void uses_clear(struct uses *uses)
{
    free(uses->first);
    free(uses->parents);
    free(uses->queue);
    free(uses->queued);
}

static bool uses_make(const struct grammar *g, struct uses *uses)
{
    const uint32_t *list;
    uint32_t two[2];
    uses->first = calloc(g->n_nodes + 2, sizeof *uses->first);
    uses->queue = malloc(g->n_nodes * sizeof *uses->queue);
    uses->queued = calloc(g->n_nodes, sizeof *uses->queued);
    if (!uses->first || !uses->queue || !uses->queued)
        return false;
    size_t total = 0;
    for (size_t i = 0; i < g->n_nodes; i++) {
        size_t n = children(g, &g->nodes[i], &list, two);
        for (size_t k = 0; k < n; k++)
            uses->first[list[k] + 2]++;
        total += n;
    }
    for (size_t i = 2; i <= g->n_nodes + 1; i++)
        uses->first[i] += uses->first[i - 1];
    uses->parents = malloc((total + 1) * sizeof *uses->parents);
    if (!uses->parents)
        return false;
    for (size_t i = 0; i < g->n_nodes; i++) {
        size_t n = children(g, &g->nodes[i], &list, two);
        for (size_t k = 0; k < n; k++)
            uses->parents[uses->first[list[k] + 1]++] = (uint32_t)i;
    }
    return true;
}

/* Sets value[node] for all nodes for which `rule` comes to hold. */
static void fixed_point(const struct grammar *g, struct uses *uses, node_rule *rule, bool *value)
{
    size_t head = 0, tail = 0, n_queued = g->n_nodes, cap = g->n_nodes;
    for (size_t i = 0; i < cap; i++) {
        uses->queue[i] = (uint32_t)i;
        uses->queued[i] = true;
        value[i] = false;
    }
    while (n_queued) {
        uint32_t at = uses->queue[head];
        head = head + 1 == cap ? 0 : head + 1;
        n_queued--;
        uses->queued[at] = false;
        if (value[at] || !rule(g, &g->nodes[at], value))
            continue;
        value[at] = true;
        for (uint32_t i = uses->first[at]; i < uses->first[at + 1]; i++) {
            uint32_t parent = uses->parents[i];
            if (value[parent] || uses->queued[parent])
                continue;
            uses->queued[parent] = true;
            uses->queue[tail] = parent;
            tail = tail + 1 == cap ? 0 : tail + 1;
            n_queued++;
        }
    }
}

static bool any_kid(const struct grammar *g, const struct node *node, const bool *value)
{
    for (uint32_t i = 0; i < node->b; i++)
        if (value[g->kids[node->a + i]])
            return true;
    return false;
}

static bool matches(const struct grammar *g, const struct node *node, const bool *value)
{
    switch ((enum node_kind)node->kind) {
    case NODE_NOTHING:
        return false;
    case NODE_EMPTY:
    case NODE_LEAF:
    case NODE_TOKENS:
    case NODE_COUNTED:
        return true;
    case NODE_SEQ:
        return value[node->a] && value[node->b];
    case NODE_ALT:
        return any_kid(g, node, value);
    case NODE_REPEAT:
        return value[node->a] || g->repeats[node->b].min == 0;
    case NODE_RULE:
        return value[node->a];
    }
    return false;
}

static bool may_be_empty(const struct grammar *g, const struct node *node, const bool *value)
{
    switch ((enum node_kind)node->kind) {
    case NODE_NOTHING:
    case NODE_LEAF:
    case NODE_TOKENS:
        return false;
    case NODE_EMPTY:
        return true;
    case NODE_COUNTED:
        return g->counted[node->a].min == 0 && g->counted_states[g->counted[node->a].first_state].accepts;
    case NODE_SEQ:
        return value[node->a] && value[node->b];
    case NODE_ALT:
        return any_kid(g, node, value);
    case NODE_REPEAT:
        return value[node->a] || g->repeats[node->b].min == 0;
    case NODE_RULE:
        return value[node->a];
    }
    return false;
}

/* ---- cutting off what nothing matches ---- */

static void prune(struct grammar *g, const bool *matching)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct node *node = &g->nodes[i];
        if (!matching[i]) {
            *node = (struct node){.kind = NODE_NOTHING};
        } else if (node->kind == NODE_ALT) {
            uint32_t kept = 0;
            for (uint32_t k = 0; k < node->b; k++)
                if (matching[g->kids[node->a + k]])
                    g->kids[node->a + kept++] = g->kids[node->a + k];
            node->b = kept;
        } else if (node->kind == NODE_REPEAT && !matching[node->a]) {
            *node = (struct node){.kind = NODE_EMPTY};
        }
    }
}

/* ---- repetitions of what may be empty ---- */

/* What a node matches but for the empty text; `done` remembers, GRAMMAR_MANY is not known yet. */
struct solid {
    struct grammar_builder *builder;
    uint32_t *done;
    size_t n_done; /* nodes that were there before */
};

static uint32_t solid_of(struct solid *solid, uint32_t id, unsigned depth);

static uint32_t solid_alt(struct solid *solid, struct node alt, unsigned depth)
{
    struct grammar_builder *builder = solid->builder;
    uint32_t *parts = malloc(alt.b * sizeof *parts);
    if (!parts)
        return grammar_fail(builder, HOB_LIMIT, "no memory for a grammar");
    for (uint32_t i = 0; i < alt.b; i++)
        parts[i] = solid_of(solid, builder->grammar.kids[alt.a + i], depth);
    uint32_t made = grammar_alt(builder, parts, alt.b);
    free(parts);
    return made;
}

static uint32_t solid_make(struct solid *solid, struct node node, unsigned depth)
{
    struct grammar_builder *builder = solid->builder;
    switch ((enum node_kind)node.kind) {
    case NODE_ALT:
        return solid_alt(solid, node, depth);
    case NODE_SEQ:
        return grammar_or(builder, grammar_then(builder, solid_of(solid, node.a, depth), node.b),
                          solid_of(solid, node.b, depth));
    case NODE_REPEAT:
        return grammar_repeat(builder, solid_of(solid, node.a, depth), 1, builder->grammar.repeats[node.b].max);
    case NODE_NOTHING:
    case NODE_EMPTY:
    case NODE_LEAF:
    case NODE_TOKENS:
    case NODE_RULE:
        break;
    case NODE_COUNTED:
        return grammar_fail(builder, HOB_LIMIT, "a counted pattern cannot be repeated");
    }
    return GRAMMAR_NOTHING;
}

static uint32_t solid_of(struct solid *solid, uint32_t id, unsigned depth)
{
    struct grammar_builder *builder = solid->builder;
    struct node node = builder->grammar.nodes[id];
    if (builder->failed || id >= solid->n_done || !node.nullable)
        return id;
    if (solid->done[id] != GRAMMAR_MANY)
        return solid->done[id];
    if (depth > MAX_DEPTH)
        return grammar_fail(builder, HOB_LIMIT, "the grammar is nested deeper than %d", MAX_DEPTH);
    if (node.kind == NODE_RULE) {
        uint32_t rule = grammar_node(builder, NODE_RULE, GRAMMAR_NOTHING, node.b);
        solid->done[id] = rule;
        uint32_t part = solid_of(solid, node.a, depth + 1);
        if (!builder->failed)
            builder->grammar.nodes[rule].a = part;
    } else {
        solid->done[id] = GRAMMAR_NOTHING; /* a cycle without a rule cannot be */
        uint32_t made = solid_make(solid, node, depth + 1);
        solid->done[id] = made;
    }
    return solid->done[id];
}

/* A repetition of what may be empty is one, from 0 on, of what is not: its turns then always take bytes. */
static bool solidify(struct grammar_builder *builder)
{
    struct grammar *g = &builder->grammar;
    struct solid solid = {builder, malloc(g->n_nodes * sizeof *solid.done), g->n_nodes};
    if (!solid.done)
        return false;
    memset(solid.done, 0xFF, g->n_nodes * sizeof *solid.done);
    for (size_t i = 0; i < solid.n_done && !builder->failed; i++) {
        struct node node = g->nodes[i];
        if (node.kind == NODE_REPEAT && g->nodes[node.a].nullable) {
            g->repeats[node.b].min = 0;
            uint32_t part = solid_of(&solid, node.a, 0);
            g->nodes[i].a = part;
        }
    }
    free(solid.done);
    return true;
}

/* ---- left recursion ---- */

static bool refuse_left_recursion(struct grammar_builder *builder, uint32_t at)
{
    const struct grammar *g = &builder->grammar;
    const struct node *node = &g->nodes[at];
    struct str name = node->kind == NODE_RULE ? builder->names[node->b] : STR("");
    if (name.len)
        grammar_fail(builder, HOB_FORMAT, "left recursion: rule %.*s can begin with itself",
                     name.len < 80 ? (int)name.len : 80, name.ptr);
    else
        grammar_fail(builder, HOB_FORMAT, "left recursion: a part can begin with itself");
    return false;
}

/* The `i`-th node that may stand at the start of `node`, or GRAMMAR_MANY. */
static uint32_t starter(const struct grammar *g, const struct node *node, uint32_t i)
{
    switch ((enum node_kind)node->kind) {
    case NODE_SEQ:
        return i == 0 ? node->a : i == 1 && g->nodes[node->a].nullable ? node->b : GRAMMAR_MANY;
    case NODE_ALT:
        return i < node->b ? g->kids[node->a + i] : GRAMMAR_MANY;
    case NODE_REPEAT:
    case NODE_RULE:
        return i == 0 ? node->a : GRAMMAR_MANY;
    case NODE_NOTHING:
    case NODE_EMPTY:
    case NODE_LEAF:
    case NODE_TOKENS:
    case NODE_COUNTED:
        break;
    }
    return GRAMMAR_MANY;
}

/* Depth first over "can start with", with a stack of our own: rules may form long chains. */
static bool check_left_recursion(struct grammar_builder *builder)
{
    const struct grammar *g = &builder->grammar;
    enum { NEW, OPEN, CLOSED };
    uint8_t *color = calloc(g->n_nodes, 1);
    uint32_t *stack = malloc(g->n_nodes * sizeof *stack), *turn = calloc(g->n_nodes, sizeof *turn);
    bool good = color && stack && turn;
    for (uint32_t root = 0; good && root < g->n_nodes; root++) {
        size_t depth = 0;
        if (color[root] == NEW) {
            stack[depth++] = root;
            color[root] = OPEN;
        }
        while (good && depth) {
            uint32_t at = stack[depth - 1], next = starter(g, &g->nodes[at], turn[at]++);
            if (next == GRAMMAR_MANY) {
                color[at] = CLOSED;
                depth--;
            } else if (color[next] == OPEN) {
                /* Name a rule of the cycle. */
                uint32_t named = next;
                for (size_t i = depth; i-- > 0 && stack[i] != next;)
                    if (g->nodes[stack[i]].kind == NODE_RULE)
                        named = stack[i];
                good = refuse_left_recursion(builder, g->nodes[next].kind == NODE_RULE ? next : named);
            } else if (color[next] == NEW) {
                color[next] = OPEN;
                stack[depth++] = next;
            }
        }
    }
    free(color);
    free(stack);
    free(turn);
    return good;
}

/* ---- small finite parts become one automaton ---- */

static uint32_t fuse(struct grammar_builder *builder, uint32_t id, unsigned depth, size_t *budget)
{
    const struct grammar *g = &builder->grammar;
    struct node node = g->nodes[id];
    uint32_t leaf = LEAF_NONE;
    if (depth > MAX_FUSE_DEPTH || *budget == 0 || node.nullable)
        return LEAF_NONE;
    --*budget;
    if (node.kind == NODE_LEAF)
        return g->leaves[node.a].cyclic ? LEAF_NONE : node.a;
    if (node.kind == NODE_RULE)
        return fuse(builder, node.a, depth + 1, budget);
    if (node.kind == NODE_SEQ) {
        leaf = fuse(builder, node.a, depth + 1, budget);
        return leaf == LEAF_NONE ? LEAF_NONE
                                 : leaf_concat(builder, leaf, fuse(builder, node.b, depth + 1, budget), budget);
    }
    for (uint32_t i = 0; node.kind == NODE_ALT && i < node.b; i++) {
        uint32_t kid = fuse(builder, builder->grammar.kids[node.a + i], depth + 1, budget);
        leaf = i == 0 || kid == LEAF_NONE ? kid : leaf_union(builder, leaf, kid, budget);
        if (leaf == LEAF_NONE)
            return LEAF_NONE;
    }
    return leaf;
}

/* Bodies of repetitions, and alternatives, which are where one automaton saves most. */
static void fuse_all(struct grammar_builder *builder)
{
    struct grammar *g = &builder->grammar;
    for (size_t i = 0, n = g->n_nodes; i < n && !builder->failed; i++) {
        uint32_t id = g->nodes[i].kind == NODE_REPEAT ? g->nodes[i].a : (uint32_t)i;
        size_t budget = FUSE_BUDGET;
        if ((g->nodes[i].kind != NODE_REPEAT && g->nodes[i].kind != NODE_ALT) || g->nodes[id].kind == NODE_LEAF)
            continue;
        uint32_t leaf = fuse(builder, id, 0, &budget);
        if (leaf == LEAF_NONE)
            continue;
        if (g->nodes[i].kind == NODE_REPEAT)
            g->nodes[i].a = grammar_node(builder, NODE_LEAF, leaf, 0);
        else
            g->nodes[i] = (struct node){.kind = NODE_LEAF, .a = leaf};
    }
}

/* Whether nothing that a leaf accepts starts another text that it accepts, for all leaves. Without cycles edges lead to
 * leaves with lower numbers. */
static bool *find_prefix_free(const struct grammar *g)
{
    bool *free_of = malloc(g->n_leaves);
    for (size_t id = 0; free_of && id < g->n_leaves; id++) {
        const struct leaf *leaf = &g->leaves[id];
        free_of[id] = !leaf->cyclic && !(leaf->accepts && leaf->n_edges);
        for (size_t k = 0; k < leaf->n_edges && free_of[id]; k++)
            free_of[id] = free_of[g->edges[leaf->first_edge + k].next];
    }
    return free_of;
}

/* Marks what a slice of the vocabulary is worth making for. */
static bool mark_sliced(struct grammar *g)
{
    bool *prefix_free = find_prefix_free(g);
    for (size_t i = 0; prefix_free && i < g->n_nodes; i++) {
        if (g->nodes[i].kind != NODE_REPEAT || g->nodes[g->nodes[i].a].kind != NODE_LEAF)
            continue;
        uint32_t id = g->nodes[g->nodes[i].a].a;
        unsigned n_bytes = 0;
        for (size_t k = 0; k < g->leaves[id].n_edges; k++) {
            struct leaf_edge edge = g->edges[g->leaves[id].first_edge + k];
            n_bytes += edge.high - edge.low + 1u;
        }
        g->leaves[id].sliced = n_bytes >= MIN_SLICED_BYTES && prefix_free[id];
    }
    free(prefix_free);
    return prefix_free != NULL;
}

/* ---- the end ---- */

static bool check_rules(struct grammar_builder *builder)
{
    const struct grammar *g = &builder->grammar;
    for (size_t i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i].kind == NODE_RULE && g->nodes[i].a == GRAMMAR_MANY) {
            struct str name = builder->names[g->nodes[i].b];
            grammar_fail(builder, HOB_FORMAT, "rule %.*s is not defined", name.len < 80 ? (int)name.len : 80, name.ptr);
            return false;
        }
    }
    return true;
}

static bool analyse(struct grammar_builder *builder, node_rule *rule, bool *value)
{
    struct uses uses = {0};
    bool good = uses_make(&builder->grammar, &uses);
    if (good)
        fixed_point(&builder->grammar, &uses, rule, value);
    uses_clear(&uses);
    return good;
}

static bool set_nullable(struct grammar_builder *builder)
{
    struct grammar *g = &builder->grammar;
    bool *value = malloc(g->n_nodes);
    bool good = value && analyse(builder, may_be_empty, value);
    for (size_t i = 0; good && i < g->n_nodes; i++)
        g->nodes[i].nullable = value[i];
    free(value);
    return good;
}

static bool complete(struct grammar_builder *builder, uint32_t root)
{
    struct grammar *g = &builder->grammar;
    if (builder->failed || !check_rules(builder))
        return false;
    bool *matching = malloc(g->n_nodes);
    bool good = matching && analyse(builder, matches, matching);
    if (good)
        prune(g, matching);
    free(matching);
    if (!good || !set_nullable(builder) || !solidify(builder) || builder->failed || !set_nullable(builder))
        return false;
    if (g->nodes[root].kind == NODE_NOTHING) {
        grammar_fail(builder, HOB_FORMAT, "no text can match: every way through never ends or asks for what cannot be");
        return false;
    }
    if (!check_left_recursion(builder))
        return false;
    fuse_all(builder);
    g->root = root;
    return !builder->failed && mark_sliced(g);
}

struct grammar *grammar_finish(struct grammar_builder *builder, uint32_t root, struct hob_error *err)
{
    struct grammar *grammar = NULL;
    if (complete(builder, root))
        grammar = malloc(sizeof *grammar);
    if (grammar) {
        *grammar = builder->grammar;
        builder->grammar = (struct grammar){0};
    } else if (builder->failed) {
        error_set(err, builder->error.status, "%s", builder->error.text);
    } else {
        error_memory(err, sizeof *grammar);
    }
    grammar_drop(builder);
    return grammar;
}
