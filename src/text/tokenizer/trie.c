/* SPDX-License-Identifier: Apache-2.0
 *
 * A trie as a hash table of its steps.
 */
#include "text/tokenizer/trie.h"

#include <stdlib.h>

#include "base/map.h"
#include "text/tokenizer/tokenizer.h"

/* The key is node << 8 | byte, so nodes have 24 bits. */
struct trie_step {
    uint32_t key; /* 0: the slot is free; node 0 has no steps */
    uint32_t node;
};

enum { MAX_NODES = 1 << 24, FIRST_STEPS = 1024 };

void trie_clear(struct trie *trie)
{
    free(trie->steps);
    free(trie->ids);
    *trie = (struct trie){0};
}

static struct trie_step *find_step(const struct trie *trie, uint32_t key)
{
    size_t mask = trie->n_steps - 1;
    for (size_t i = (size_t)(key * trie->factor >> trie->shift);; i = (i + 1) & mask) {
        struct trie_step *step = &trie->steps[i];
        if (step->key == key || step->key == 0)
            return step;
    }
}

/* Keeps the table at most half full and room for one more node. */
static bool reserve(struct trie *trie, struct hob_error *err)
{
    if (trie->n_nodes == MAX_NODES)
        return error_set(err, HOB_FORMAT, "vocabulary: its texts make more than %d nodes of a trie", MAX_NODES);
    if (trie->n_nodes + 1 > trie->cap_nodes) {
        size_t cap = trie->cap_nodes ? 2 * trie->cap_nodes : FIRST_STEPS / 2;
        int32_t *ids = reallocarray(trie->ids, cap, sizeof(*ids));
        if (!ids)
            return error_memory(err, cap * sizeof(*ids));
        trie->ids = ids;
        trie->cap_nodes = cap;
    }
    if (2 * trie->n_nodes < trie->n_steps)
        return true;
    struct trie bigger = *trie;
    bigger.n_steps = trie->n_steps ? 2 * trie->n_steps : FIRST_STEPS;
    bigger.shift = trie->n_steps ? trie->shift - 1 : 64 - 10;
    bigger.factor = hash_bytes("trie", 4) | 1;
    bigger.steps = calloc(bigger.n_steps, sizeof(*bigger.steps));
    if (!bigger.steps)
        return error_memory(err, bigger.n_steps * sizeof(*bigger.steps));
    for (size_t i = 0; i < trie->n_steps; i++)
        if (trie->steps[i].key)
            *find_step(&bigger, trie->steps[i].key) = trie->steps[i];
    free(trie->steps);
    *trie = bigger;
    return true;
}

bool trie_add(struct trie *trie, struct str text, int32_t id, bool *added, struct hob_error *err)
{
    uint32_t node = TRIE_ROOT;
    if (added)
        *added = false;
    if (!reserve(trie, err))
        return false;
    if (trie->n_nodes == 0) {
        trie->ids[TRIE_NOWHERE] = trie->ids[TRIE_ROOT] = TOKEN_NONE;
        trie->n_nodes = TRIE_ROOT + 1;
    }
    for (size_t i = 0; i < text.len; i++) {
        uint32_t key = node << 8 | (uint8_t)text.ptr[i];
        struct trie_step *step = find_step(trie, key);
        if (!step->key) {
            if (!reserve(trie, err))
                return false;
            uint32_t next = (uint32_t)trie->n_nodes++;
            trie->ids[next] = TOKEN_NONE;
            step = find_step(trie, key);
            *step = (struct trie_step){.key = key, .node = next};
        }
        node = step->node;
    }
    if (trie->ids[node] == TOKEN_NONE) {
        trie->ids[node] = id;
        if (added)
            *added = true;
    }
    return true;
}

uint32_t trie_step(const struct trie *trie, uint32_t node, uint8_t byte)
{
    return trie->n_steps ? find_step(trie, node << 8 | byte)->node : TRIE_NOWHERE;
}

uint32_t trie_walk(const struct trie *trie, uint32_t node, struct str text)
{
    for (size_t i = 0; i < text.len && node != TRIE_NOWHERE; i++)
        node = trie_step(trie, node, (uint8_t)text.ptr[i]);
    return node;
}
