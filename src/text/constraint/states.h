/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a reply may stand in a grammar, worked out as it is needed.
 *
 * A continuation is what is left to match after a leaf: a stack of nodes, as a list with shared tails, or a choice of
 * such lists. A state is a set of items, a leaf and its continuation each, with at most one item a leaf: two ways to
 * the same leaf are one item with a choice of continuations, so that ambiguity costs no more than the grammar is long.
 * Continuations and states are interned, and a state's step on each byte is computed once: together they are a
 * deterministic automaton that is only built where replies go. Repetitions are not unrolled: their counts stand in the
 * continuation.
 */
#ifndef HOB_TEXT_CONSTRAINT_STATES_H
#define HOB_TEXT_CONSTRAINT_STATES_H

#include "text/grammar/parts.h"

#define CONT_END    0u
#define CONT_CHOICE UINT32_MAX /* as `node` */
#define CONT_NONE   UINT32_MAX
#define STATE_DEAD  0u
#define STATE_NONE  UINT32_MAX
#define ITEM_TOKENS 0x80000000u /* in `leaf`: the rest is an index in token_sets */

/* `node` and then `next`; of a repetition, `min` to `max` more turns; of a counted part, state `min` after `max`
 * characters. As a choice: lists[min .. min + max). */
struct cont {
    uint32_t node, min, max, next;
    uint32_t state;  /* what it expands to, or STATE_NONE while that is not known */
    uint32_t merged; /* of a choice: the same with common starts made one, or CONT_NONE while that is not known */
};

struct item {
    uint32_t leaf, cont;
};

struct state_edge {
    uint8_t low, high;
    uint32_t next;
};

struct state {
    uint32_t first_item, n_items;
    uint32_t first_edge;
    uint16_t n_edges;
    int16_t mask; /* slot of its cached mask, or -1 */
    bool accepts, stepped;
    const uint32_t *row; /* [256] next states, or NULL: few edges */
};

struct int_table {
    uint32_t *slots; /* UINT32_MAX: free */
    size_t n_slots, n_used;
};

struct expansion; /* scratch memory */

struct states {
    const struct grammar *grammar;
    struct cont *conts;
    uint32_t *lists;
    struct item *items;
    struct state_edge *edges;
    struct state *states;
    uint32_t **rows; /* chunks */
    size_t n_conts, n_lists, n_items, n_edges, n_states, n_rows;
    size_t cap_conts, cap_lists, cap_items, cap_edges, cap_states, cap_rows;
    struct int_table cont_table, state_table;
    struct expansion *scratch;
    size_t bytes;   /* of all arrays */
    int64_t credit; /* of elements that may be looked at, see states_refill() */
    bool failed;    /* no memory, or a limit; sticks */
};

/* Empty tables for a grammar. False without memory. */
bool states_begin(struct states *states, const struct grammar *grammar);

/* Frees the tables. */
void states_end(struct states *states);

/* Gives credit for `bytes` more bytes of a reply. What they cost is bounded on the average: the states of an ambiguous
 * grammar may grow with every byte. */
void states_refill(struct states *states, size_t bytes);

/* The state at the start of the grammar. STATE_DEAD after a failure, as for all below. */
uint32_t states_start(struct states *states);

/* The state of a continuation: everything that may come first in it. */
uint32_t states_expand(struct states *states, uint32_t cont);

/* Works out where each byte leads, if that has not been done. */
bool states_prepare(struct states *states, uint32_t state);

/* The state after one byte. */
uint32_t states_step(struct states *states, uint32_t state, uint8_t byte);

/* The state of what is in either. */
uint32_t states_join(struct states *states, uint32_t a, uint32_t b);

/* The state with one item left out. */
uint32_t states_without(struct states *states, uint32_t state, uint32_t item);

/* A state from which texts of up to `n` characters go on as from this one, with counts that are far from their bounds
 * forgotten: many states have the same. */
uint32_t states_far(struct states *states, uint32_t state, uint32_t n);

/* Forgets all but what `state` needs, and returns its new number. */
uint32_t states_shrink(struct states *states, uint32_t state);

#endif
