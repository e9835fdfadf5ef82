/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a vocabulary as a trie, laid out for walks: the children of a node are neighbours, in the order of their
 * bytes, and a child's own children come soon after.
 *
 * A slice is what a repetition of characters makes of the trie. Most masks of free text are nearly the same, whatever
 * comes after the text, so they are made of slices: which tokens are `n` turns of a small automaton (the last perhaps
 * cut), for each n, and at which nodes a token leaves the repetition.
 */
#ifndef HOB_TEXT_VOCABULARY_TRIE_H
#define HOB_TEXT_VOCABULARY_TRIE_H

#include <pthread.h>
#include <stdatomic.h>

#include "text/constraint/constraint.h"

#define TRIE_NONE UINT32_MAX

enum {
    MAX_TOKEN_BYTES = 4096, /* a longer token is never allowed under a constraint */
    MAX_SLICES = 32,
    SLICE_MASKS = 33, /* for at most 0..31 turns, and for any number */
    MAX_TURN_STATES = 64,
    TURN_NONE = MAX_TURN_STATES
};

/* What one turn is: a deterministic automaton over bytes from state 1 to state 0, where the turn is over. */
struct turn_machine {
    size_t n;
    uint8_t next[MAX_TURN_STATES][256]; /* TURN_NONE: nowhere */
};

/* A token that leaves the repetition of a slice after `turns` whole turns, at the byte that leads to `node`. */
struct slice_exit {
    uint32_t node;
    uint32_t turns;
};

struct slice {
    struct turn_machine machine;
    uint32_t *tokens;      /* those that are turns, the last perhaps cut, by how many */
    uint32_t *first_token; /* [max_turns + 2] in `tokens`, of those with so many turns */
    uint32_t max_turns;
    struct slice_exit *exits; /* by first byte, then turns: those of byte b are [first_exit[b], first_exit[b + 1]) */
    uint32_t first_exit[257];
    _Atomic(uint32_t *) masks[SLICE_MASKS]; /* made when first asked for */
};

struct token_trie {
    const struct tokenizer *tokenizer;
    size_t n_tokens; /* of the tokenizer */
    size_t n_vocab, n_words;
    size_t n_nodes;        /* node 0 is the root */
    uint8_t *bytes;        /* [n_nodes] the byte that leads to it */
    uint32_t *first_child; /* [n_nodes] */
    uint16_t *n_children;  /* [n_nodes] */
    uint32_t *tokens;      /* [n_nodes] the token that ends here, or TRIE_NONE */
    uint32_t *same;        /* [n_tokens] the next token with the same bytes, or TRIE_NONE; NULL: none has one */
    uint32_t *eog;         /* [n_words] mask of the tokens that end generation */
    uint32_t *usable;      /* [n_words] mask of all that stand for something: bytes, or a control token; no eog */
    size_t n_eog;
    uint32_t longest; /* bytes of any token */
    bool drops_first_space;
    pthread_mutex_t lock; /* of slices being made */
    size_t n_slices;
    struct slice *slices[MAX_SLICES];
};

/* The slice of a machine, made if it is not there yet; NULL when there are too many, or no memory. Thread-safe. */
struct slice *token_trie_slice(const struct token_trie *trie, const struct turn_machine *machine);

/* Fills `mask` [n_words] with the tokens of a slice that have at most `most` turns. Thread-safe. */
void slice_fill(const struct token_trie *trie, struct slice *slice, uint32_t most, uint32_t *mask);

/* Sets the bit of the token that ends at `node`, if one does. */
static inline void trie_set(const struct token_trie *trie, uint32_t node, uint32_t *mask)
{
    for (uint32_t id = trie->tokens[node]; id != TRIE_NONE; id = trie->same ? trie->same[id] : TRIE_NONE)
        mask[id / 32] |= 1u << id % 32;
}

/* Clears the bits of all tokens that start with the byte of a child of the root. */
void trie_unset_below(const struct token_trie *trie, uint32_t child, uint32_t *mask);

/* The child of the root for a byte, or TRIE_NONE. */
static inline uint32_t trie_root_child(const struct token_trie *trie, uint8_t byte)
{
    for (uint32_t i = 0; i < trie->n_children[0] && trie->bytes[trie->first_child[0] + i] <= byte; i++)
        if (trie->bytes[trie->first_child[0] + i] == byte)
            return trie->first_child[0] + i;
    return TRIE_NONE;
}

/* Appends the bytes a token stands for under a constraint: none for one that ends generation, a control token, or one
 * that is too long. */
bool token_trie_bytes(const struct token_trie *trie, int32_t id, struct buf *out);

/* Frees a slice (NULL is fine). */
void slice_free(struct slice *slice);

#endif
