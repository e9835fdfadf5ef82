/* SPDX-License-Identifier: Apache-2.0
 *
 * Byte-pair encoding: a piece becomes a list of symbols, symbols are joined, and what is left are the tokens.
 *
 * Most pieces are words that become one token. Whether a text becomes the token of the same text is worked out once
 * and remembered by id in bpe->whole; every thread that works it out finds the same, so a relaxed store is enough.
 */
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "text/tokenizer/bpe_alphabet.h"
#include "text/tokenizer/bpe_pair.h"
#include "text/tokenizer/unicode.h"

enum { WHOLE_UNKNOWN, WHOLE_YES, WHOLE_NO };

/* Up to this many symbols the best pair is looked for in the list, above it in a heap. */
enum { MAX_SCANNED = 40 };

enum { MAX_SPLITS = 1000 /* of unused entries within each other */ };

/* A run of the piece that is one symbol. The symbols are a list, of which the first never goes away. */
struct bpe_symbol {
    uint32_t start, len; /* in the piece */
    int32_t id;          /* TOKEN_NONE: no entry */
    uint32_t prev, next; /* indices, NOWHERE at the ends */
    uint32_t rank;       /* of the pair with the next one, or BPE_NO_RANK */
    int32_t result;      /* of that pair */
};

#define NOWHERE UINT32_MAX

void bpe_scratch_clear(struct bpe_scratch *scratch)
{
    free(scratch->symbols);
    free(scratch->heap);
    free(scratch->splits);
    buf_clear(&scratch->mapped);
    *scratch = (struct bpe_scratch){0};
}

static bool reserve_symbols(struct bpe_scratch *scratch, size_t n, struct hob_error *err)
{
    if (n <= scratch->cap_symbols)
        return true;
    size_t cap = n < 256 ? 256 : n;
    struct bpe_symbol *symbols = reallocarray(scratch->symbols, cap, sizeof(*symbols));
    if (!symbols)
        return error_memory(err, cap * sizeof(*symbols));
    scratch->symbols = symbols;
    scratch->cap_symbols = cap;
    return true;
}

/* Looks up the pair of symbol `i` and the next one. */
static void rate(const struct bpe *bpe, struct bpe_scratch *scratch, uint32_t i, struct str piece)
{
    struct bpe_symbol *symbols = scratch->symbols, *left = &symbols[i];
    left->rank = BPE_NO_RANK;
    if (left->next == NOWHERE)
        return;
    const struct bpe_symbol *right = &symbols[left->next];
    if (bpe->pairs) {
        if (left->id == TOKEN_NONE || right->id == TOKEN_NONE)
            return;
        const struct bpe_pair *pair = bpe_find_pair(bpe, bpe_key(left->id, right->id));
        if (pair->key != BPE_FREE) {
            left->rank = pair->rank;
            left->result = pair->result;
        }
        return;
    }
    struct str joined = {piece.ptr + left->start, (size_t)left->len + right->len};
    left->result = lexicon_find_plain(bpe->lexicon, joined);
    if (left->result == TOKEN_NONE)
        return;
    left->rank = bpe->ranks[left->result];
    if (scratch->splits && bpe->lexicon->types[left->result] == TOKEN_UNUSED)
        scratch->splits[left->result] = left->len;
}

/* Joins symbol `i` and the next one, and rates the pairs that come of it. */
static void join(const struct bpe *bpe, struct bpe_scratch *scratch, uint32_t i, struct str piece)
{
    struct bpe_symbol *symbols = scratch->symbols, *left = &symbols[i], *right = &symbols[left->next];
    left->id = left->result;
    left->len += right->len;
    left->next = right->next;
    if (left->next != NOWHERE)
        symbols[left->next].prev = i;
    right->rank = BPE_NO_RANK;
    rate(bpe, scratch, i, piece);
    if (left->prev != NOWHERE)
        rate(bpe, scratch, left->prev, piece);
}

static void join_by_scanning(const struct bpe *bpe, struct bpe_scratch *scratch, struct str piece)
{
    const struct bpe_symbol *symbols = scratch->symbols;
    for (;;) {
        uint32_t best = 0;
        for (uint32_t i = symbols[0].next; i != NOWHERE; i = symbols[i].next)
            if (symbols[i].rank < symbols[best].rank)
                best = i;
        if (symbols[best].rank == BPE_NO_RANK)
            return;
        join(bpe, scratch, best, piece);
    }
}

/* A heap of rank << 32 | index, so the best rank comes first and the leftmost of equals. */
static void heap_push(uint64_t *heap, size_t *n, uint64_t entry)
{
    size_t at = (*n)++;
    for (; at > 0 && heap[(at - 1) / 2] > entry; at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = entry;
}

static uint64_t heap_pop(uint64_t *heap, size_t *n)
{
    uint64_t top = heap[0], last = heap[--*n];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < *n; at = child) {
        if (child + 1 < *n && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= last)
            break;
        heap[at] = heap[child];
    }
    heap[at] = last;
    return top;
}

static void push_rated(struct bpe_scratch *scratch, size_t *n, uint32_t i)
{
    if (i != NOWHERE && scratch->symbols[i].rank != BPE_NO_RANK)
        heap_push(scratch->heap, n, (uint64_t)scratch->symbols[i].rank << 32 | i);
}

/* Whether a long loop goes on behind its i-th round: asked now and then. */
static bool goes_on(const struct bpe_scratch *scratch, size_t i, struct hob_error *err)
{
    return (i & 0xffff) != 0xffff || !scratch->go_on || scratch->go_on(scratch->go_on_ctx, 0, err);
}

static bool join_by_heap(const struct bpe *bpe, struct bpe_scratch *scratch, size_t n_symbols, struct str piece,
                         struct hob_error *err)
{
    /* One entry a symbol to begin with, and each of the at most n - 1 joins takes one out and adds two at most. */
    size_t cap = 2 * n_symbols;
    if (cap > scratch->cap_heap) {
        uint64_t *heap = reallocarray(scratch->heap, cap, sizeof(*heap));
        if (!heap)
            return error_memory(err, cap * sizeof(*heap));
        scratch->heap = heap;
        scratch->cap_heap = cap;
    }
    struct bpe_symbol *symbols = scratch->symbols;
    size_t n = 0;
    for (uint32_t i = 0; i != NOWHERE; i = symbols[i].next)
        push_rated(scratch, &n, i);
    for (size_t round = 0; n; round++) {
        uint64_t entry = heap_pop(scratch->heap, &n);
        if (!goes_on(scratch, round, err))
            return false;
        uint32_t i = (uint32_t)entry;
        /* An entry is stale when its pair is gone; whatever pair of the same rank is there now is as good. */
        if (symbols[i].rank != entry >> 32)
            continue;
        join(bpe, scratch, i, piece);
        push_rated(scratch, &n, i);
        push_rated(scratch, &n, symbols[i].prev);
    }
    return true;
}

/* Whether all bytes of a text have a token. */
static bool has_bytes(const struct bpe *bpe, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (bpe->bytes[(uint8_t)text.ptr[i]] == TOKEN_NONE)
            return false;
    return true;
}

/* The character at [at, at + size) of the piece as the vocabulary has it: with the affixes that its place asks for,
 * then in the scratch. */
static struct str with_affixes(const struct bpe *bpe, struct bpe_scratch *scratch, struct str piece, size_t at,
                               size_t size)
{
    struct str character = {piece.ptr + at, size};
    bool inner = at > 0 && bpe->prefix.len, last = at + size == piece.len && bpe->suffix.len;
    if (!inner && !last)
        return character;
    scratch->mapped.len = 0;
    buf_str(&scratch->mapped, inner ? bpe->prefix : STR(""));
    buf_str(&scratch->mapped, character);
    buf_str(&scratch->mapped, last ? bpe->suffix : STR(""));
    return buf_view(&scratch->mapped);
}

/* The entry of a character. */
static int32_t find_character(const struct bpe *bpe, struct str character)
{
    if (character.len == 1 && (uint8_t)character.ptr[0] < 0x80)
        return bpe->ascii[(uint8_t)character.ptr[0]];
    return lexicon_find_plain(bpe->lexicon, character);
}

/* Notes bytes that are left out. */
static void lose(struct bpe_scratch *scratch, struct str bytes)
{
    if (scratch->n_lost == 0)
        scratch->lost = (uint8_t)bytes.ptr[0];
    scratch->n_lost += bytes.len;
}

/* Cuts the piece into symbols; returns how many, or SIZE_MAX on an error. */
static size_t make_symbols(const struct bpe *bpe, struct bpe_scratch *scratch, struct str piece, struct hob_error *err)
{
    if (piece.len >= NOWHERE || !reserve_symbols(scratch, piece.len, err)) {
        if (piece.len >= NOWHERE)
            error_set(err, HOB_LIMIT, "tokenize: a piece of %zu bytes, want below %u", piece.len, NOWHERE);
        return SIZE_MAX;
    }
    size_t n = 0;
    unsigned size = 1;
    for (size_t at = 0; at < piece.len; at += size) {
        int32_t id;
        if (bpe->unit != BPE_CHARACTERS) {
            id = bpe->bytes[(uint8_t)piece.ptr[at]];
        } else {
            bool valid = utf8_decode(piece, at, &size) >= 0;
            struct str character = with_affixes(bpe, scratch, piece, at, size);
            id = valid ? find_character(bpe, character) : TOKEN_NONE;
            if (!valid && !has_bytes(bpe, character)) {
                error_set(err, HOB_FORMAT, "tokenize: byte 0x%02X is not UTF-8 and the vocabulary has no token for it",
                          (uint8_t)piece.ptr[at]);
                return SIZE_MAX;
            }
            if (id == TOKEN_NONE && bpe->pairs && bpe->unknown == TOKEN_NONE && !has_bytes(bpe, character)) {
                lose(scratch, character);
                continue;
            }
        }
        if (id == TOKEN_NONE && bpe->unit != BPE_CHARACTERS && bpe->unknown == TOKEN_NONE) {
            lose(scratch, (struct str){piece.ptr + at, 1});
            continue;
        }
        scratch->symbols[n] = (struct bpe_symbol){.start = (uint32_t)at,
                                                  .len = size,
                                                  .id = id,
                                                  .prev = n ? (uint32_t)n - 1 : NOWHERE,
                                                  .next = (uint32_t)n + 1,
                                                  .rank = BPE_NO_RANK};
        n++;
    }
    if (n)
        scratch->symbols[n - 1].next = NOWHERE;
    return n;
}

/* A symbol that is no entry: its bytes' tokens, or the unknown token, or nothing. */
static bool emit_unknown(const struct bpe *bpe, struct bpe_scratch *scratch, struct str text, struct ids *out)
{
    if (bpe->unit == BPE_CHARACTERS && has_bytes(bpe, text)) {
        scratch->after_unknown = false;
        for (size_t i = 0; i < text.len; i++)
            if (!ids_add(out, bpe->bytes[(uint8_t)text.ptr[i]]))
                return false;
        return true;
    }
    if (bpe->unknown == TOKEN_NONE)
        lose(scratch, text);
    if (bpe->unknown == TOKEN_NONE || (scratch->after_unknown && bpe->fuse_unknown))
        return true;
    scratch->after_unknown = true;
    return ids_add(out, bpe->unknown);
}

/* An unused entry takes part in joining and falls apart in the end, as in SentencePiece: into what was last about to be
 * joined to it. */
static bool emit_entry(const struct bpe *bpe, struct bpe_scratch *scratch, struct str text, int32_t id, unsigned depth,
                       struct ids *out)
{
    if (id == TOKEN_NONE)
        return emit_unknown(bpe, scratch, text, out);
    uint32_t split = scratch->splits && bpe->lexicon->types[id] == TOKEN_UNUSED ? scratch->splits[id] : 0;
    if (split == 0 || split >= text.len || depth == MAX_SPLITS) {
        scratch->after_unknown = false;
        return ids_add(out, id);
    }
    struct str left = {text.ptr, split}, right = str_from(text, split);
    return emit_entry(bpe, scratch, left, lexicon_find_plain(bpe->lexicon, left), depth + 1, out) &&
           emit_entry(bpe, scratch, right, lexicon_find_plain(bpe->lexicon, right), depth + 1, out);
}

static bool emit(const struct bpe *bpe, struct bpe_scratch *scratch, struct str piece, struct ids *out)
{
    const struct bpe_symbol *symbols = scratch->symbols;
    for (uint32_t i = 0; i != NOWHERE; i = symbols[i].next) {
        if (symbols[i].id == TOKEN_NONE) {
            if (!emit_unknown(bpe, scratch, with_affixes(bpe, scratch, piece, symbols[i].start, symbols[i].len), out))
                return false;
            continue;
        }
        struct str text = {piece.ptr + symbols[i].start, symbols[i].len};
        if (!emit_entry(bpe, scratch, text, symbols[i].id, 0, out))
            return false;
    }
    return true;
}

/* The entry whose text is the piece, or TOKEN_NONE. */
static int32_t find_piece(const struct bpe *bpe, struct bpe_scratch *scratch, struct str piece)
{
    if (piece.len > bpe->lexicon->max_bytes)
        return TOKEN_NONE;
    if (bpe->unit != BPE_BYTES)
        return lexicon_find_plain(bpe->lexicon, piece);
    scratch->mapped.len = 0;
    return alphabet_write(piece, &scratch->mapped) ? lexicon_find_plain(bpe->lexicon, buf_view(&scratch->mapped))
                                                   : TOKEN_NONE;
}

static bool encode_part(const struct bpe *bpe, struct bpe_scratch *scratch, struct str piece, struct ids *out,
                        struct hob_error *err)
{
    int32_t id = find_piece(bpe, scratch, piece);
    bool whole = id != TOKEN_NONE && bpe->ignore_merges && bpe->unit != BPE_CHARACTERS;
    if (whole || (id != TOKEN_NONE && atomic_load_explicit(&bpe->whole[id], memory_order_relaxed) == WHOLE_YES)) {
        scratch->after_unknown = false;
        return ids_add(out, id) || error_memory(err, out->cap);
    }
    if (bpe->has_unused && !scratch->splits && !(scratch->splits = calloc(bpe->lexicon->n, sizeof *scratch->splits)))
        return error_memory(err, bpe->lexicon->n);
    size_t n = make_symbols(bpe, scratch, piece, err), first = out->len;
    if (n == SIZE_MAX || n == 0)
        return n == 0;
    for (uint32_t i = 0; i < n; i++) {
        rate(bpe, scratch, i, piece);
        if (!goes_on(scratch, i, err))
            return false;
    }
    if (n <= MAX_SCANNED)
        join_by_scanning(bpe, scratch, piece);
    else if (!join_by_heap(bpe, scratch, n, piece, err))
        return false;
    if (!emit(bpe, scratch, piece, out))
        return error_memory(err, out->cap);
    if (id != TOKEN_NONE) {
        bool is_whole = out->len == first + 1 && out->ptr[first] == id;
        atomic_store_explicit(&bpe->whole[id], is_whole ? WHOLE_YES : WHOLE_NO, memory_order_relaxed);
    }
    return true;
}

/* Where the next part of a piece starts, after `at`: at a U+2581 that no token joins to the character before it.
 * Nothing is joined across such a place, so the parts can be encoded alone, and most are words. */
static size_t next_part(const struct bpe *bpe, struct str piece, size_t at)
{
    for (;;) {
        at = str_find(piece, STR(BPE_MARK), at + 1);
        if (at == SIZE_MAX)
            return piece.len;
        unsigned size;
        int32_t code = utf8_decode(piece, utf8_before(piece, at), &size);
        if (code >= 0 && !(bpe->before_mark[code / 64] >> code % 64 & 1))
            return at;
    }
}

bool bpe_encode(const struct bpe *bpe, struct bpe_scratch *scratch, struct str piece, struct ids *out,
                struct hob_error *err)
{
    scratch->after_unknown = false;
    if (bpe->unit != BPE_CHARACTERS)
        return encode_part(bpe, scratch, piece, out, err);
    if (bpe->ignore_merges || (bpe->whole_lines && piece.ptr[0] == '\n')) {
        int32_t id = find_piece(bpe, scratch, piece);
        if (id != TOKEN_NONE)
            return ids_add(out, id) || error_memory(err, out->cap);
    }
    /* What stands on both sides of a character that vanishes may be joined, wherever that is. */
    bool whole = bpe->prefix.len || bpe->suffix.len || (bpe->pairs && bpe->unknown == TOKEN_NONE);
    for (size_t at = 0; at < piece.len;) {
        size_t end = whole ? piece.len : next_part(bpe, piece, at);
        if (!encode_part(bpe, scratch, (struct str){piece.ptr + at, end - at}, out, err))
            return false;
        at = end;
    }
    return true;
}
