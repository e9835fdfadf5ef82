/* SPDX-License-Identifier: Apache-2.0
 *
 * A vocabulary's bytes as a trie: tokens are sorted by their bytes, one byte at a time, and each group of equal
 * prefixes becomes a node.
 */
#include "text/constraint/vocabulary_trie.h"

#include <stdlib.h>

#include "base/error.h"
#include "text/tokenizer/parts.h"

/* A group of tokens with the same first `depth` bytes: ids [from, to) of node `node`. */
struct group {
    uint32_t node, from, to, depth;
};

struct trie_build {
    struct token_trie *trie;
    struct buf blob;
    uint32_t *start; /* [n_tokens + 1] of a token's bytes in the blob */
    uint32_t *ids, *spare;
    size_t n_ids;
    struct group *groups; /* a stack */
    size_t n_groups, cap_groups, cap_nodes;
};

bool token_trie_bytes(const struct token_trie *trie, int32_t id, struct buf *out)
{
    size_t before = out->len;
    if (id < 0 || (size_t)id >= trie->n_tokens || (trie->eog[id / 32] >> (id % 32) & 1))
        return true;
    if (!tokenizer_piece(trie->tokenizer, id, false, out))
        return false;
    if (out->len - before > MAX_TOKEN_BYTES)
        out->len = before;
    return true;
}

static bool read_tokens(struct trie_build *build)
{
    struct token_trie *trie = build->trie;
    for (size_t id = 0; id < trie->n_tokens; id++) {
        enum token_type type = tokenizer_type(trie->tokenizer, (int32_t)id);
        build->start[id] = (uint32_t)build->blob.len;
        if (tokenizer_is_eog(trie->tokenizer, (int32_t)id)) {
            trie->eog[id / 32] |= 1u << id % 32;
            trie->n_eog++;
            continue;
        }
        if (build->blob.len > UINT32_MAX - MAX_TOKEN_BYTES || !token_trie_bytes(trie, (int32_t)id, &build->blob))
            return false;
        uint32_t n_bytes = (uint32_t)build->blob.len - build->start[id];
        trie->longest = n_bytes > trie->longest ? n_bytes : trie->longest;
        if (n_bytes)
            build->ids[build->n_ids++] = (uint32_t)id;
        if (build->blob.len > build->start[id] || type == TOKEN_CONTROL)
            trie->usable[id / 32] |= 1u << id % 32;
    }
    build->start[trie->n_tokens] = (uint32_t)build->blob.len;
    return !build->blob.failed;
}

static void *regrow(void *array, size_t n, size_t size, bool *good)
{
    void *grown = realloc(array, n * size);
    *good = *good && grown;
    return grown ? grown : array;
}

static bool reserve_nodes(struct trie_build *build, size_t more)
{
    struct token_trie *trie = build->trie;
    if (trie->n_nodes + more <= build->cap_nodes)
        return true;
    size_t cap = build->cap_nodes * 2 + more;
    bool good = cap < UINT32_MAX;
    trie->bytes = regrow(trie->bytes, cap, sizeof *trie->bytes, &good);
    trie->first_child = regrow(trie->first_child, cap, sizeof *trie->first_child, &good);
    trie->n_children = regrow(trie->n_children, cap, sizeof *trie->n_children, &good);
    trie->tokens = regrow(trie->tokens, cap, sizeof *trie->tokens, &good);
    build->cap_nodes = good ? cap : build->cap_nodes;
    return good;
}

static bool reserve_groups(struct trie_build *build, size_t more)
{
    if (build->n_groups + more > build->cap_groups) {
        bool good = true;
        size_t cap = build->cap_groups * 2 + more;
        build->groups = regrow(build->groups, cap, sizeof *build->groups, &good);
        build->cap_groups = good ? cap : build->cap_groups;
        return good;
    }
    return true;
}

/* The byte of a token at `depth` plus one, or 0 where the token ends. */
static unsigned byte_at(const struct trie_build *build, uint32_t id, uint32_t depth)
{
    uint32_t at = build->start[id] + depth;
    return at < build->start[id + 1] ? (uint8_t)build->blob.ptr[at] + 1u : 0;
}

static bool end_tokens(struct trie_build *build, uint32_t node, const uint32_t *ids, size_t n)
{
    struct token_trie *trie = build->trie;
    trie->tokens[node] = n ? ids[0] : TRIE_NONE;
    if (n > 1 && !trie->same) {
        trie->same = malloc(trie->n_tokens * sizeof *trie->same);
        if (!trie->same)
            return false;
        memset(trie->same, 0xFF, trie->n_tokens * sizeof *trie->same);
    }
    for (size_t i = 0; i + 1 < n; i++)
        trie->same[ids[i]] = ids[i + 1];
    return true;
}

/* Sorts a group by its next byte; each byte that occurs is a child. */
static bool split(struct trie_build *build, struct group group)
{
    struct token_trie *trie = build->trie;
    uint32_t count[258] = {0}, n = group.to - group.from, *ids = build->ids + group.from;
    for (uint32_t i = 0; i < n; i++)
        count[byte_at(build, ids[i], group.depth) + 1]++;
    unsigned n_children = 0;
    for (unsigned b = 1; b < 257; b++)
        n_children += count[b + 1] > 0;
    for (unsigned b = 1; b < 258; b++)
        count[b] += count[b - 1];
    uint32_t n_ended = count[1], place[257];
    memcpy(place, count, sizeof place);
    for (uint32_t i = 0; i < n; i++)
        build->spare[place[byte_at(build, ids[i], group.depth)]++] = ids[i];
    memcpy(ids, build->spare, n * sizeof *ids);
    if (!end_tokens(build, group.node, ids, n_ended) || !reserve_nodes(build, n_children) ||
        !reserve_groups(build, n_children))
        return false;
    uint32_t child = (uint32_t)trie->n_nodes, at = (uint32_t)build->n_groups + n_children;
    trie->first_child[group.node] = child;
    trie->n_children[group.node] = (uint16_t)n_children;
    trie->n_nodes += n_children;
    build->n_groups += n_children;
    for (unsigned b = 1; b < 257; b++) {
        if (count[b + 1] == count[b])
            continue;
        trie->bytes[child] = (uint8_t)(b - 1);
        /* The first child's group goes on top. */
        build->groups[--at] =
            (struct group){child++, group.from + count[b], group.from + count[b + 1], group.depth + 1};
    }
    return true;
}

static bool build_nodes(struct trie_build *build)
{
    struct token_trie *trie = build->trie;
    if (!reserve_nodes(build, trie->n_tokens * 2 + 1) || !reserve_groups(build, 1))
        return false;
    trie->n_nodes = 1;
    trie->bytes[0] = 0;
    build->groups[build->n_groups++] = (struct group){0, 0, (uint32_t)build->n_ids, 0};
    while (build->n_groups)
        if (!split(build, build->groups[--build->n_groups]))
            return false;
    return true;
}

static bool build_trie(struct token_trie *trie)
{
    size_t n = trie->n_tokens;
    struct trie_build build = {
        .trie = trie,
        .start = calloc(n + 1, sizeof *build.start),
        .ids = malloc((n + 1) * sizeof *build.ids),
        .spare = malloc((n + 1) * sizeof *build.spare),
    };
    trie->eog = calloc(trie->n_words, sizeof *trie->eog);
    trie->usable = calloc(trie->n_words, sizeof *trie->usable);
    bool good = build.start && build.ids && build.spare && trie->eog && trie->usable && read_tokens(&build) &&
                build_nodes(&build);
    buf_clear(&build.blob);
    free(build.start);
    free(build.ids);
    free(build.spare);
    free(build.groups);
    return good;
}

struct token_trie *token_trie_new(const struct tokenizer *tokenizer, size_t n_vocab, struct hob_error *err)
{
    struct token_trie *trie = calloc(1, sizeof *trie);
    if (!trie) {
        error_memory(err, sizeof *trie);
        return NULL;
    }
    size_t n_tokens = tokenizer_size(tokenizer);
    trie->tokenizer = tokenizer;
    trie->n_tokens = n_tokens < n_vocab ? n_tokens : n_vocab;
    trie->n_vocab = n_vocab;
    trie->n_words = (n_vocab + 31) / 32;
    trie->drops_first_space = decoder_drops_first_space(&tokenizer->decoder);
    pthread_mutex_init(&trie->lock, NULL);
    if (!build_trie(trie)) {
        error_memory(err, n_vocab * 64);
        token_trie_free(trie);
        return NULL;
    }
    return trie;
}

void trie_unset_below(const struct token_trie *trie, uint32_t child, uint32_t *mask)
{
    uint32_t last = trie->first_child[0] + trie->n_children[0], at = trie->first_child[child], end = child + 1;
    while (end < last && !trie->n_children[end])
        end++;
    uint32_t below_next = end < last ? trie->first_child[end] : (uint32_t)trie->n_nodes;
    for (uint32_t node = child;; node = at++) {
        for (uint32_t id = trie->tokens[node]; id != TRIE_NONE; id = trie->same ? trie->same[id] : TRIE_NONE)
            mask[id / 32] &= ~(1u << id % 32);
        if (!trie->n_children[child] || at == below_next)
            return;
    }
}

void token_trie_free(struct token_trie *trie)
{
    if (!trie)
        return;
    for (size_t i = 0; i < trie->n_slices; i++)
        slice_free(trie->slices[i]);
    pthread_mutex_destroy(&trie->lock);
    free(trie->bytes);
    free(trie->first_child);
    free(trie->n_children);
    free(trie->tokens);
    free(trie->same);
    free(trie->eog);
    free(trie->usable);
    free(trie);
}

size_t token_trie_words(const struct token_trie *trie)
{
    return trie->n_words;
}
