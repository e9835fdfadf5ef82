/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files that make states share: tables that grow within a bound, and the scratch memory of an expansion.
 */
#ifndef HOB_TEXT_CONSTRAINT_PARTS_H
#define HOB_TEXT_CONSTRAINT_PARTS_H

#include "text/constraint/states.h"

enum {
    MAX_STATE_ITEMS = 16384,     /* of one state, and continuations of one choice */
    MAX_STATES_BYTES = 48 << 20, /* of all tables */
    ROWS_PER_CHUNK = 64,
    FIRST_CREDIT = 700000, /* elements, and the most that is kept */
    BYTE_CREDIT = 2000     /* more for each byte */
};

/* A growing list of numbers. */
struct number_list {
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
    struct number_list merged; /* a stack of continuations to be merged */
    struct move *moves;
    size_t n_moves, cap_moves;
    uint32_t *by_range; /* moves of each range of bytes */
    size_t cap_by_range;
};

/* Marks the tables as failed. Always false. */
bool states_fail(struct states *states);

/* Takes the cost of looking at `n` elements; false, and the tables fail, without credit. */
bool states_spend(struct states *states, size_t n);

/* Makes room for `more` elements after `n`; false, and the tables fail, without memory or at the limit. */
bool states_reserve(struct states *states, void **array, size_t *cap, size_t n, size_t more, size_t size);

#define RESERVE(s, owner, name, more)                                                                                  \
    states_reserve(s, (void **)&(owner)->name, &(owner)->cap_##name, (owner)->n_##name, more, sizeof *(owner)->name)

/* A hash with one more value in it. */
uint64_t hash_mix(uint64_t hash, uint64_t value);

/* Empties a table that is half full into one twice as large, to be filled anew; true, with nothing done, before. */
bool int_table_reserve(struct states *states, struct int_table *table);

/* Puts a value that is not there yet. */
void int_table_put(struct int_table *table, uint64_t hash, uint32_t value);

/* Below, at or above 0. */
int compare_u32(uint32_t a, uint32_t b);

/* The order of uint32_t, for qsort(). */
int compare_ids(const void *a, const void *b);

/* The number of a continuation. `list` [cont.max] holds the members of a choice, ascending. CONT_END after a
 * failure, as for all below. */
uint32_t cont_intern(struct states *states, struct cont cont, const uint32_t *list);

/* `node` and then `next`. */
uint32_t cont_then(struct states *states, uint32_t node, uint32_t next);

/* `min` to `max` more turns of a repetition, and then `next`. */
uint32_t cont_turns(struct states *states, uint32_t node, uint32_t min, uint32_t max, uint32_t next);

/* Whether it is a repetition. */
bool cont_is_turns(const struct states *states, const struct cont *cont);

/* Puts a continuation on the stack of what is to be merged. */
bool merged_add(struct states *states, uint32_t cont);

/* One continuation for all of scratch->merged from `first` on, which are taken off. `depth` is 0. */
uint32_t conts_merge(struct states *states, size_t first, unsigned depth);

/* Adds to the items of the state that is being made: one, or all of a state and whether it accepts. */
bool state_add_item(struct states *states, uint32_t leaf, uint32_t cont);
bool state_add_all(struct states *states, uint32_t state);

/* Interns the state that is being made, and starts anew. */
uint32_t state_intern(struct states *states);

#endif
