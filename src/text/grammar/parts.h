/* SPDX-License-Identifier: Apache-2.0
 *
 * What a grammar consists of: a graph of nodes over automata of bytes ("leaves").
 *
 *   node NODE_SEQ ── a ──> node NODE_LEAF ── a ──> leaf 17 ─"t"─> leaf 12 ─"r"─> ... ─> LEAF_DONE
 *        └────────── b ──> node NODE_REPEAT ── a ──> ...
 *
 * A leaf is a state of a deterministic automaton over bytes. Leaves are interned: equal automata without cycles have
 * equal numbers. Every leaf can reach an accepting one, and none where a node starts accepts.
 */
#ifndef HOB_TEXT_GRAMMAR_PARTS_H
#define HOB_TEXT_GRAMMAR_PARTS_H

#include "text/grammar/grammar.h"
#include "text/grammar/memo.h"

#define LEAF_DONE 0u /* accepts, and nothing follows */
#define LEAF_NONE UINT32_MAX

enum node_kind {
    NODE_NOTHING,
    NODE_EMPTY,
    NODE_LEAF,    /* a: leaf */
    NODE_SEQ,     /* a, b: nodes */
    NODE_ALT,     /* a: first of b numbers in `kids` */
    NODE_REPEAT,  /* a: node, b: index in `repeats` */
    NODE_TOKENS,  /* a: index in `token_sets` */
    NODE_COUNTED, /* a: index in `counted` */
    NODE_RULE     /* a: node, or GRAMMAR_MANY while undefined; b: index in the builder's names */
};

struct node {
    uint8_t kind;
    bool nullable; /* matches the empty text; known after grammar_finish() */
    uint32_t a, b;
};

struct leaf {
    uint32_t first_edge;
    uint16_t n_edges;
    bool accepts, cyclic;
    bool sliced; /* a node repeats it, and it is wide enough that a slice of the vocabulary pays */
};

/* Bytes [low, high] lead to `next`. The edges of a leaf are ascending and disjoint. */
struct leaf_edge {
    uint8_t low, high;
    uint32_t next;
};

struct repeat {
    uint32_t min, max; /* max GRAMMAR_MANY: no bound */
};

/* The texts of an automaton of characters that have `min` to `max` (GRAMMAR_MANY: no bound) of them. A place in one is
 * a state and a count. From which states an end can be reached is a column, and few columns differ: high ones are those
 * of the counts max, max - 1, ... and low ones those of min - 1, min - 2, ...; past the last all are equal to it. */
struct counted {
    uint32_t first_state, n_states; /* the first is the start */
    uint32_t min, max;
    uint32_t first_live; /* in `live`: [n_high + n_low][n_states] */
    uint32_t n_high, n_low;
};

struct counted_state {
    uint32_t first_way, n_ways; /* of `counted_ways` */
    bool accepts;
};

/* One character, and the state after it. */
struct counted_way {
    uint32_t leaf, next;
};

struct token_set {
    uint32_t first, n; /* of `token_ids`, ascending */
    bool negated;
};

struct grammar {
    struct node *nodes;
    uint32_t *kids;
    struct leaf *leaves;
    struct leaf_edge *edges;
    struct repeat *repeats;
    struct token_set *token_sets;
    int32_t *token_ids;
    struct counted *counted;
    struct counted_state *counted_states;
    struct counted_way *counted_ways;
    bool *live;
    size_t n_nodes, n_kids, n_leaves, n_edges, n_repeats, n_token_sets, n_token_ids;
    size_t n_counted, n_counted_states, n_counted_ways, n_live;
    size_t cap_nodes, cap_kids, cap_leaves, cap_edges, cap_repeats, cap_token_sets, cap_token_ids;
    size_t cap_counted, cap_counted_states, cap_counted_ways, cap_live;
    uint32_t root;
};

/* A builder: a grammar that grows, the table that interns leaves, names of rules, and the first failure. */
struct grammar_builder {
    struct grammar grammar;
    uint32_t *leaf_slots; /* open addressing; LEAF_NONE is free */
    size_t n_leaf_slots;
    struct str *names;
    size_t n_names, cap_names;
    struct set_memo chars, json_chars; /* what grammar_char() and grammar_json_char() made */
    uint64_t effort;                   /* see grammar_spend() */
    bool failed;
    struct hob_error error;
};

/* Grows `*array` of `size`-byte elements to hold `n` more; false (and the builder fails) at the limit of the kind. */
bool grammar_grow(struct grammar_builder *builder, void **array, size_t *cap, size_t n, size_t more, size_t size);

/* Counts so far from the bounds that they do not show within a token: at least `min`, and below it. */
#define COUNT_FAR_HIGH (UINT32_MAX - 1)
#define COUNT_FAR_LOW  UINT32_MAX

/* The same without a limit, for what is bounded otherwise. */
bool grammar_reserve(struct grammar_builder *builder, void **array, size_t *cap, size_t n, size_t more, size_t size);

/* Whether an end can be reached from a state after `count` characters. */
bool counted_lives(const struct grammar *grammar, const struct counted *counted, uint32_t state, uint32_t count);

/* The count after one more character. */
uint32_t counted_next(const struct counted *counted, uint32_t count);

/* Whether so many characters are enough, and not too many. */
bool counted_enough(const struct counted *counted, uint32_t count);

/* A count that cannot be told from `count` by texts of up to `n` characters: one of the far ones, or itself. */
uint32_t counted_far(const struct counted *counted, uint32_t count, uint32_t n);

/* Adds a node. */
uint32_t grammar_node(struct grammar_builder *builder, enum node_kind kind, uint32_t a, uint32_t b);

/* The leaf with these edges, made if it is not there yet. LEAF_NONE after a failure. */
uint32_t leaf_intern(struct grammar_builder *builder, bool accepts, const struct leaf_edge *edges, size_t n);

/* The leaf that matches these bytes and then goes on as `next`. */
uint32_t leaf_bytes(struct grammar_builder *builder, struct str text, uint32_t next);

/* The leaf of a set of code points in UTF-8, going on as `next`. LEAF_NONE for an empty set. */
uint32_t leaf_utf8(struct grammar_builder *builder, const struct code_set *set, uint32_t next);

/* The same within a JSON string: see grammar_json_char(). */
uint32_t leaf_json_char(struct grammar_builder *builder, const struct code_set *set, uint32_t next);

/* One or the other; both without cycles. LEAF_NONE where the result would be larger than `*budget` leaves, which is
 * taken from, or after a failure. */
uint32_t leaf_union(struct grammar_builder *builder, uint32_t a, uint32_t b, size_t *budget);

/* One after the other: `a` without cycles, and nothing it accepts starts another text it accepts. LEAF_NONE otherwise,
 * or as leaf_union(). */
uint32_t leaf_concat(struct grammar_builder *builder, uint32_t a, uint32_t b, size_t *budget);

#endif
