/* SPDX-License-Identifier: Apache-2.0
 *
 * The builder: nodes, and what is simple enough to be put right as it is made.
 */
#include "text/grammar/grammar.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "text/grammar/parts.h"

enum {
    MAX_ELEMENTS = 1 << 19, /* of one kind; nodes and leaves of a 1 MB schema are about as many as its bytes */
    MAX_EFFORT = 8000000,   /* elements looked at, each about 10 ns */
    MAX_TRIGGER_BYTES = 4096
};

struct grammar_builder *grammar_begin(struct hob_error *err)
{
    struct grammar_builder *builder = calloc(1, sizeof *builder);
    if (!builder) {
        error_memory(err, sizeof *builder);
        return NULL;
    }
    grammar_node(builder, NODE_NOTHING, 0, 0);
    grammar_node(builder, NODE_EMPTY, 0, 0);
    leaf_intern(builder, true, NULL, 0);
    return builder;
}

bool grammar_failed(const struct grammar_builder *builder)
{
    return builder->failed;
}

uint32_t grammar_fail(struct grammar_builder *builder, enum hob_status status, const char *format, ...)
{
    if (!builder->failed) {
        char text[sizeof builder->error.text];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        error_set(&builder->error, status, "%s", text);
        builder->failed = true;
    }
    return GRAMMAR_NOTHING;
}

bool grammar_spend(struct grammar_builder *builder, size_t n)
{
    builder->effort += n;
    if (builder->effort > MAX_EFFORT)
        grammar_fail(builder, HOB_LIMIT, "the grammar is too large: it takes more than %d steps to build", MAX_EFFORT);
    return !builder->failed;
}

bool grammar_grow(struct grammar_builder *builder, void **array, size_t *cap, size_t n, size_t more, size_t size)
{
    if (!builder->failed && more > MAX_ELEMENTS - n)
        grammar_fail(builder, HOB_LIMIT, "the grammar is too large: more than %d elements", MAX_ELEMENTS);
    return grammar_reserve(builder, array, cap, n, more, size);
}

bool grammar_reserve(struct grammar_builder *builder, void **array, size_t *cap, size_t n, size_t more, size_t size)
{
    if (builder->failed)
        return false;
    if (n + more <= *cap)
        return true;
    size_t wanted = *cap ? *cap * 2 : 64;
    wanted = wanted < n + more ? n + more : wanted;
    void *grown = realloc(*array, wanted * size);
    if (!grown) {
        grammar_fail(builder, HOB_LIMIT, "no memory for a grammar");
        return false;
    }
    *array = grown;
    *cap = wanted;
    return true;
}

uint32_t grammar_node(struct grammar_builder *builder, enum node_kind kind, uint32_t a, uint32_t b)
{
    struct grammar *g = &builder->grammar;
    if (!grammar_grow(builder, (void **)&g->nodes, &g->cap_nodes, g->n_nodes, 1, sizeof *g->nodes))
        return GRAMMAR_NOTHING;
    g->nodes[g->n_nodes] = (struct node){.kind = (uint8_t)kind, .a = a, .b = b};
    return (uint32_t)g->n_nodes++;
}

static uint32_t leaf_node(struct grammar_builder *builder, uint32_t leaf)
{
    return leaf == LEAF_NONE ? GRAMMAR_NOTHING : grammar_node(builder, NODE_LEAF, leaf, 0);
}

uint32_t grammar_literal(struct grammar_builder *builder, struct str text)
{
    return text.len == 0 ? GRAMMAR_EMPTY : leaf_node(builder, leaf_bytes(builder, text, LEAF_DONE));
}

uint32_t grammar_char(struct grammar_builder *builder, const struct code_set *set)
{
    uint32_t node;
    if (!set_memo_find(&builder->chars, set, &node)) {
        node = leaf_node(builder, leaf_utf8(builder, set, LEAF_DONE));
        set_memo_add(&builder->chars, set, node);
    }
    return node;
}

uint32_t grammar_json_char(struct grammar_builder *builder, const struct code_set *set)
{
    uint32_t node;
    if (!set_memo_find(&builder->json_chars, set, &node)) {
        node = leaf_node(builder, leaf_json_char(builder, set, LEAF_DONE));
        set_memo_add(&builder->json_chars, set, node);
    }
    return node;
}

uint32_t grammar_then(struct grammar_builder *builder, uint32_t first, uint32_t second)
{
    if (first == GRAMMAR_NOTHING || second == GRAMMAR_NOTHING)
        return GRAMMAR_NOTHING;
    if (first == GRAMMAR_EMPTY || second == GRAMMAR_EMPTY)
        return first == GRAMMAR_EMPTY ? second : first;
    return grammar_node(builder, NODE_SEQ, first, second);
}

uint32_t grammar_seq(struct grammar_builder *builder, const uint32_t *parts, size_t n)
{
    uint32_t seq = GRAMMAR_EMPTY;
    for (size_t i = n; i-- > 0;)
        seq = grammar_then(builder, parts[i], seq);
    return seq;
}

uint32_t grammar_alt(struct grammar_builder *builder, const uint32_t *parts, size_t n)
{
    struct grammar *g = &builder->grammar;
    if (!grammar_grow(builder, (void **)&g->kids, &g->cap_kids, g->n_kids, n, sizeof *g->kids))
        return GRAMMAR_NOTHING;
    size_t first = g->n_kids;
    for (size_t i = 0; i < n; i++)
        if (parts[i] != GRAMMAR_NOTHING)
            g->kids[g->n_kids++] = parts[i];
    size_t kept = g->n_kids - first;
    if (kept <= 1) {
        g->n_kids = first;
        return kept ? g->kids[first] : GRAMMAR_NOTHING;
    }
    return grammar_node(builder, NODE_ALT, (uint32_t)first, (uint32_t)kept);
}

uint32_t grammar_or(struct grammar_builder *builder, uint32_t a, uint32_t b)
{
    return a == b ? a : grammar_alt(builder, (uint32_t[]){a, b}, 2);
}

uint32_t grammar_repeat(struct grammar_builder *builder, uint32_t part, uint32_t min, uint32_t max)
{
    struct grammar *g = &builder->grammar;
    if (max < min)
        return GRAMMAR_NOTHING;
    if (max == 0 || part == GRAMMAR_EMPTY || (part == GRAMMAR_NOTHING && min == 0))
        return GRAMMAR_EMPTY;
    if (part == GRAMMAR_NOTHING)
        return GRAMMAR_NOTHING;
    if (min == 1 && max == 1)
        return part;
    if (min == 0 && max == 1)
        return grammar_or(builder, part, GRAMMAR_EMPTY);
    if (!grammar_grow(builder, (void **)&g->repeats, &g->cap_repeats, g->n_repeats, 1, sizeof *g->repeats))
        return GRAMMAR_NOTHING;
    g->repeats[g->n_repeats] = (struct repeat){min, max};
    return grammar_node(builder, NODE_REPEAT, part, (uint32_t)g->n_repeats++);
}

static int compare_ids(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

uint32_t grammar_tokens(struct grammar_builder *builder, const int32_t *ids, size_t n, bool negated)
{
    struct grammar *g = &builder->grammar;
    if (n == 0 && !negated)
        return GRAMMAR_NOTHING;
    if (!grammar_grow(builder, (void **)&g->token_sets, &g->cap_token_sets, g->n_token_sets, 1,
                      sizeof *g->token_sets) ||
        !grammar_grow(builder, (void **)&g->token_ids, &g->cap_token_ids, g->n_token_ids, n + 1, sizeof *g->token_ids))
        return GRAMMAR_NOTHING;
    int32_t *sorted = g->token_ids + g->n_token_ids;
    for (size_t i = 0; i < n; i++)
        sorted[i] = ids[i];
    qsort(sorted, n, sizeof *sorted, compare_ids);
    g->token_sets[g->n_token_sets] = (struct token_set){(uint32_t)g->n_token_ids, (uint32_t)n, negated};
    g->n_token_ids += n;
    return grammar_node(builder, NODE_TOKENS, (uint32_t)g->n_token_sets++, 0);
}

uint32_t grammar_rule(struct grammar_builder *builder, struct str name)
{
    if (!grammar_grow(builder, (void **)&builder->names, &builder->cap_names, builder->n_names, 1,
                      sizeof *builder->names))
        return GRAMMAR_NOTHING;
    builder->names[builder->n_names] = name;
    return grammar_node(builder, NODE_RULE, GRAMMAR_MANY, (uint32_t)builder->n_names++);
}

void grammar_define(struct grammar_builder *builder, uint32_t rule, uint32_t part)
{
    if (!builder->failed && builder->grammar.nodes[rule].kind == NODE_RULE)
        builder->grammar.nodes[rule].a = part;
}

bool grammar_defined(const struct grammar_builder *builder, uint32_t rule)
{
    return builder->grammar.nodes[rule].a != GRAMMAR_MANY;
}

/* ---- texts to keep out (Aho and Corasick's automaton) ---- */

/* A state is a prefix of the texts; to[256] is the state after each byte. */
struct prefixes {
    uint16_t (*to)[256];
    uint16_t *fail, *queue;
    bool *found; /* one of the texts ends here */
    size_t n;
};

static void prefixes_clear(struct prefixes *p)
{
    free(p->to);
    free(p->fail);
    free(p->queue);
    free(p->found);
}

static void prefixes_add(struct prefixes *p, struct str text)
{
    size_t at = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint16_t *to = &p->to[at][(uint8_t)text.ptr[i]];
        if (*to == 0)
            *to = (uint16_t)p->n++;
        at = *to;
    }
    p->found[at] = true;
}

/* Breadth first, so that a state's fallback is finished before it. */
static void prefixes_link(struct prefixes *p)
{
    size_t head = 0, tail = 0;
    for (int b = 0; b < 256; b++)
        if (p->to[0][b])
            p->queue[tail++] = p->to[0][b];
    while (head < tail) {
        uint16_t at = p->queue[head++], fail = p->fail[at];
        p->found[at] = p->found[at] || p->found[fail];
        for (int b = 0; b < 256; b++) {
            uint16_t next = p->to[at][b];
            if (next == 0) {
                p->to[at][b] = p->to[fail][b];
            } else {
                p->fail[next] = p->to[fail][b];
                p->queue[tail++] = next;
            }
        }
    }
}

/* Leaves `base` + state, all accepting; and a last one, like state 0, that does not accept. */
static uint32_t prefixes_leaves(struct grammar_builder *builder, const struct prefixes *p)
{
    struct grammar *g = &builder->grammar;
    uint32_t base = (uint32_t)g->n_leaves;
    if (!grammar_grow(builder, (void **)&g->leaves, &g->cap_leaves, g->n_leaves, p->n + 1, sizeof *g->leaves))
        return LEAF_NONE;
    for (size_t state = 0; state <= p->n; state++) {
        const uint16_t *to = p->to[state == p->n ? 0 : state];
        if (!grammar_grow(builder, (void **)&g->edges, &g->cap_edges, g->n_edges, 256, sizeof *g->edges))
            return LEAF_NONE;
        struct leaf leaf = {.first_edge = (uint32_t)g->n_edges, .accepts = state < p->n, .cyclic = true};
        for (unsigned b = 0; b < 256; b++) {
            struct leaf_edge *last = leaf.n_edges ? &g->edges[g->n_edges - 1] : NULL;
            if (p->found[to[b]])
                continue;
            if (last && last->next == base + to[b] && last->high + 1u == b) {
                last->high = (uint8_t)b;
            } else {
                g->edges[g->n_edges++] = (struct leaf_edge){(uint8_t)b, (uint8_t)b, base + to[b]};
                leaf.n_edges++;
            }
        }
        g->leaves[g->n_leaves++] = leaf;
    }
    return base + (uint32_t)p->n;
}

uint32_t grammar_without(struct grammar_builder *builder, const struct str *texts, size_t n)
{
    size_t total = 1;
    for (size_t i = 0; i < n; i++) {
        if (texts[i].len == 0 || texts[i].len > MAX_TRIGGER_BYTES - total)
            return grammar_fail(builder, HOB_LIMIT, "texts to keep out: want none empty and at most %d bytes together",
                                MAX_TRIGGER_BYTES);
        total += texts[i].len;
    }
    struct prefixes p = {
        .to = calloc(total, sizeof *p.to),
        .fail = calloc(total, sizeof *p.fail),
        .queue = calloc(total, sizeof *p.queue),
        .found = calloc(total, sizeof *p.found),
        .n = 1,
    };
    uint32_t node = GRAMMAR_NOTHING;
    if (p.to && p.fail && p.queue && p.found) {
        for (size_t i = 0; i < n; i++)
            prefixes_add(&p, texts[i]);
        prefixes_link(&p);
        node = grammar_or(builder, GRAMMAR_EMPTY, leaf_node(builder, prefixes_leaves(builder, &p)));
    } else {
        grammar_fail(builder, HOB_LIMIT, "no memory for a grammar");
    }
    prefixes_clear(&p);
    return node;
}

static void clear(struct grammar *g)
{
    free(g->nodes);
    free(g->kids);
    free(g->leaves);
    free(g->edges);
    free(g->repeats);
    free(g->token_sets);
    free(g->token_ids);
    free(g->counted);
    free(g->counted_states);
    free(g->counted_ways);
    free(g->live);
}

void grammar_drop(struct grammar_builder *builder)
{
    if (!builder)
        return;
    clear(&builder->grammar);
    if (getenv("EFFORT"))
        fprintf(stderr, "effort %llu\n", (unsigned long long)builder->effort);
    set_memo_clear(&builder->chars);
    set_memo_clear(&builder->json_chars);
    free(builder->leaf_slots);
    free(builder->names);
    free(builder);
}

void grammar_free(struct grammar *grammar)
{
    if (grammar)
        clear(grammar);
    free(grammar);
}
