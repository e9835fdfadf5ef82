/* SPDX-License-Identifier: Apache-2.0
 *
 * A trie over byte strings: all entries that a text starts with are found in one walk over it. The steps are one hash
 * table from (node, byte) to node.
 */
#ifndef HOB_TEXT_TOKENIZER_TRIE_H
#define HOB_TEXT_TOKENIZER_TRIE_H

#include "base/error.h"
#include "base/str.h"

enum { TRIE_ROOT = 1, TRIE_NOWHERE = 0 };

/* Zero-initialised is empty. Reading is thread-safe. */
struct trie {
    struct trie_step *steps; /* open addressing */
    int32_t *ids;            /* [n_nodes], TOKEN_NONE: no entry ends here */
    size_t n_steps, n_nodes, cap_nodes;
    unsigned shift; /* 64 less the logarithm of n_steps */
    uint64_t factor;
};

/* Frees what it holds. */
void trie_clear(struct trie *trie);

/* Adds `text` as `id`; the first of equal texts stays, and `*added` (may be NULL) says whether this one was new. */
bool trie_add(struct trie *trie, struct str text, int32_t id, bool *added, struct hob_error *err);

/* The node that `byte` leads to from `node`, or TRIE_NOWHERE. */
uint32_t trie_step(const struct trie *trie, uint32_t node, uint8_t byte);

/* The node that `text` leads to from `node`, or TRIE_NOWHERE. */
uint32_t trie_walk(const struct trie *trie, uint32_t node, struct str text);

#endif
