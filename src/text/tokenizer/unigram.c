/* SPDX-License-Identifier: Apache-2.0
 *
 * Unigram, by Viterbi's algorithm over the bytes of a piece.
 */
#include "text/tokenizer/unigram.h"

#include <math.h>
#include <stdlib.h>

/* The best way to the end of a prefix of the piece. */
struct unigram_node {
    double score;
    size_t start; /* where its last entry starts; SIZE_MAX: no way leads here */
    int32_t id;   /* of that entry, TOKEN_NONE: an unknown character */
};

static const double unknown_penalty = 10;

bool unigram_init(struct unigram *unigram, const struct lexicon *lexicon, const double *scores, int32_t unknown,
                  bool byte_fallback, struct hob_error *err)
{
    unigram->lexicon = lexicon;
    unigram->unknown = unknown;
    for (int i = 0; i < 256; i++)
        unigram->bytes[i] = TOKEN_NONE;
    if (byte_fallback && !lexicon_byte_tokens(lexicon, true, unigram->bytes, err))
        return false;
    unigram->scores = reallocarray(NULL, lexicon->n, sizeof(*unigram->scores));
    if (!unigram->scores)
        return error_memory(err, lexicon->n * sizeof(*unigram->scores));
    double least = INFINITY;
    for (size_t i = 0; i < lexicon->n; i++) {
        if (isnan(scores[i]))
            return error_set(err, HOB_FORMAT, "vocabulary: token %zu: its score is not a number", i);
        unigram->scores[i] = scores[i];
        least = scores[i] < least ? scores[i] : least;
        bool text = !lexicon_is_control(lexicon, (int32_t)i) && !lexicon_is_foreign(lexicon, i) &&
                    lexicon->types[i] != TOKEN_UNUSED && (unigram->spelled_bytes || lexicon->types[i] != TOKEN_BYTE);
        if (text && lexicon_text(lexicon, i).len &&
            !trie_add(&unigram->trie, lexicon_text(lexicon, i), (int32_t)i, NULL, err))
            return false;
    }
    unigram->unknown_score = least - unknown_penalty;
    return true;
}

void unigram_clear(struct unigram *unigram)
{
    trie_clear(&unigram->trie);
    free(unigram->scores);
    *unigram = (struct unigram){0};
}

void unigram_scratch_clear(struct unigram_scratch *scratch)
{
    free(scratch->nodes);
    *scratch = (struct unigram_scratch){0};
}

static void offer(struct unigram_node *node, double score, size_t start, int32_t id)
{
    if (node->start == SIZE_MAX || score > node->score)
        *node = (struct unigram_node){.score = score, .start = start, .id = id};
}

/* The sum of two doubles that hold floats, rounded to a float, is that of the floats. */
static double sum(const struct unigram *unigram, double score, double more)
{
    return unigram->single_precision ? (double)(float)(score + more) : score + more;
}

/* Finds the best way to the end of every prefix. */
static void find_ways(const struct unigram *unigram, struct unigram_node *nodes, struct str piece)
{
    for (size_t i = 1; i <= piece.len; i++)
        nodes[i].start = SIZE_MAX;
    nodes[0] = (struct unigram_node){0};
    unsigned size;
    for (size_t at = 0; at < piece.len; at += size) {
        utf8_decode(piece, at, &size);
        bool alone = false; /* this character is an entry by itself */
        uint32_t node = TRIE_ROOT;
        for (size_t end = at; end < piece.len;) {
            node = trie_step(&unigram->trie, node, (uint8_t)piece.ptr[end++]);
            if (node == TRIE_NOWHERE)
                break;
            int32_t id = unigram->trie.ids[node];
            if (id == TOKEN_NONE)
                continue;
            offer(&nodes[end], sum(unigram, nodes[at].score, unigram->scores[id]), at, id);
            alone = alone || end - at == size;
        }
        if (!alone)
            offer(&nodes[at + size], sum(unigram, nodes[at].score, unigram->unknown_score), at, TOKEN_NONE);
    }
}

/* Turns the way to the end round: nodes[i].start becomes where the entry that starts at `i` ends. */
static void turn(struct unigram_node *nodes, size_t end)
{
    size_t after = SIZE_MAX;
    int32_t id = TOKEN_NONE;
    for (size_t at = end;;) {
        struct unigram_node *node = &nodes[at];
        size_t start = node->start;
        int32_t own = node->id;
        node->start = after;
        node->id = id;
        if (at == 0)
            return;
        after = at;
        id = own;
        at = start;
    }
}

static bool emit_unknown(const struct unigram *unigram, struct str text, struct ids *out, struct hob_error *err)
{
    bool all = true;
    for (size_t i = 0; i < text.len; i++)
        all = all && unigram->bytes[(uint8_t)text.ptr[i]] != TOKEN_NONE;
    if (!all && (unigram->unknown == TOKEN_NONE || !utf8_valid(text)))
        return error_set(err, HOB_FORMAT, "tokenize: \"%.*s\" is %s and the vocabulary has no token for it",
                         (int)(text.len < 40 ? text.len : 40), text.ptr, utf8_valid(text) ? "unknown" : "not UTF-8");
    for (size_t i = 0; all && i < text.len; i++)
        if (!ids_add(out, unigram->bytes[(uint8_t)text.ptr[i]]))
            return error_memory(err, out->cap);
    return all || ids_add(out, unigram->unknown) || error_memory(err, out->cap);
}

bool unigram_encode(const struct unigram *unigram, struct unigram_scratch *scratch, struct str piece, struct ids *out,
                    struct hob_error *err)
{
    if (piece.len + 1 > scratch->cap) {
        struct unigram_node *nodes = reallocarray(scratch->nodes, piece.len + 1, sizeof(*nodes));
        if (!nodes)
            return error_memory(err, piece.len * sizeof(*nodes));
        scratch->nodes = nodes;
        scratch->cap = piece.len + 1;
    }
    struct unigram_node *nodes = scratch->nodes;
    find_ways(unigram, nodes, piece);
    turn(nodes, piece.len);
    for (size_t at = 0, end; at < piece.len; at = end) {
        end = nodes[at].start;
        int32_t id = nodes[at].id;
        /* The unknown token itself may be an entry that text spells. */
        if (id != TOKEN_NONE) {
            if (!ids_add(out, id))
                return error_memory(err, out->cap);
            continue;
        }
        while (end < piece.len && nodes[end].id == TOKEN_NONE)
            end = nodes[end].start;
        if (!emit_unknown(unigram, (struct str){piece.ptr + at, end - at}, out, err))
            return false;
    }
    return true;
}
