/* SPDX-License-Identifier: Apache-2.0
 *
 * A matcher: the state of one reply, and masks that were computed.
 */
#ifndef HOB_TEXT_CONSTRAINT_MATCHER_H
#define HOB_TEXT_CONSTRAINT_MATCHER_H

#include "text/constraint/states.h"
#include "text/constraint/vocabulary_trie.h"

/* Children of a trie node that are still to be walked, from a state. */
struct walk_place {
    uint32_t at, end;
    uint32_t edge, last_edge; /* of the state */
    const uint32_t *row;      /* of the state, or NULL */
};

enum { KEPT_LEAVES = 8 };

struct matcher {
    const struct token_trie *trie; /* or NULL */
    struct states states;
    uint32_t state;
    bool text_start; /* as matcher_new() was told */
    bool started;    /* bytes were taken: a first space is no longer dropped */
    bool ended;      /* a token ended the reply */
    bool lost;       /* something did not fit */
    struct buf bytes;
    struct walk_place *places; /* [MAX_TOKEN_BYTES + 2] */
    uint32_t *masks;           /* [n_slots + 1][n_words]; the last is for what is not kept */
    uint32_t *slot_state;      /* [n_slots] whose mask it is, or STATE_NONE */
    size_t n_slots, next_slot;
    uint32_t leaves[KEPT_LEAVES]; /* whose slices were asked for last; LEAF_DONE, which has none: free */
    struct slice *leaf_slices[KEPT_LEAVES];
    size_t next_leaf;
};

/* The mask of the matcher's state, computed or kept. */
const uint32_t *matcher_compute(struct matcher *matcher);

/* Forgets the masks that were kept. */
void matcher_forget(struct matcher *matcher);

/* Sets the bits of the tokens below `node` of the trie whose further bytes lead somewhere from `state`. */
void matcher_walk(struct matcher *matcher, uint32_t node, uint32_t state, uint32_t *mask);

/* Fill the mask, which is empty, of a state that repeats something; false, and nothing was set, where it is none, or
 * there is no slice for it. */
bool fill_by_turns(struct matcher *matcher, uint32_t state, uint32_t *mask);
bool fill_by_loop(struct matcher *matcher, uint32_t state, uint32_t *mask);
bool fill_by_kin(struct matcher *matcher, uint32_t state, uint32_t *mask);

/* Whether a set of tokens holds a token. */
bool token_set_has(const struct grammar *grammar, const struct token_trie *trie, const struct token_set *set,
                   int32_t id);

#endif
