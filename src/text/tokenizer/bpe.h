/* SPDX-License-Identifier: Apache-2.0
 *
 * Byte-pair encoding of one piece of text: neighbouring symbols are joined, the best pair first and the leftmost of
 * equals, until no pair may be joined. Three vocabularies share it:
 *
 *   byte-level (GPT-2)     symbols are bytes, a pair may be joined as the list of merges says, by rank
 *   by merges (Llama, HF)  symbols are characters, as above
 *   by scores (SentencePiece)  symbols are characters, a pair may be joined if that makes a vocabulary entry, the
 *                          one of the highest score first; with tiktoken's files they are bytes and the score is -id
 *
 * Joining is O(n log n) in the bytes of the piece.
 */
#ifndef HOB_TEXT_BPE_H
#define HOB_TEXT_BPE_H

#include <stdatomic.h>

#include "text/tokenizer/lexicon.h"

enum bpe_unit {
    BPE_BYTES,     /* pieces are raw bytes, the lexicon is in the byte alphabet */
    BPE_RAW_BYTES, /* pieces and lexicon are raw bytes */
    BPE_CHARACTERS /* pieces are in the lexicon's own characters */
};

struct bpe {
    const struct lexicon *lexicon;
    enum bpe_unit unit;
    bool ignore_merges; /* a piece that is an entry is one token, whatever the merges say */
    bool whole_lines;   /* so is one of line feeds */
    bool fuse_unknown;  /* neighbouring unknown characters are one token */
    int32_t unknown;    /* id, or TOKEN_NONE: unknown characters vanish */
    struct str prefix;  /* of entries that do not start a piece, left out when they are joined */
    struct str suffix;  /* of entries that end a piece */
    int32_t bytes[256]; /* by byte: its token in the alphabet (BPE_BYTES) or its `<0xHH>` token */

    struct bpe_pair *pairs; /* open addressing; NULL: by scores */
    unsigned pairs_shift;   /* 64 less the logarithm of the table's size */
    size_t n_pairs;
    uint64_t pairs_factor;
    int32_t last_result; /* of bpe_add_merge() */

    bool has_unused;       /* by scores: entries that no text becomes, though they are joined */
    uint32_t *ranks;       /* by id, the lower the better, from the scores; NULL: by merges */
    int32_t ascii[128];    /* by character: its token (BPE_CHARACTERS) */
    uint64_t *before_mark; /* bit set by code point: U+2581 may be joined to it on its left */
    atomic_uchar *whole;   /* by id: whether a piece of this text becomes this one token; see bpe.c */
};

/* Prepares `bpe` over `lexicon`, which must outlive it. `unit`, the flags, `unknown`, `prefix` and `suffix` (borrowed)
 * are set by the caller before; `byte_fallback`: characters that are no entries become `<0xHH>` tokens, where
 * `bytes_by_name` also such as are not of type byte. */
bool bpe_init(struct bpe *bpe, const struct lexicon *lexicon, bool byte_fallback, bool bytes_by_name,
              struct hob_error *err);

/* Frees what it holds. */
void bpe_clear(struct bpe *bpe);

/* Makes room for `n` merges; without this call the vocabulary is one by scores. */
bool bpe_reserve_merges(struct bpe *bpe, size_t n, struct hob_error *err);

/* Adds the merge of rank `rank`; the first of equal pairs stays. HOB_FORMAT names a merge whose parts or result are
 * no entries. */
bool bpe_add_merge(struct bpe *bpe, uint32_t rank, struct str left, struct str right, struct hob_error *err);

/* Takes the scores, [lexicon->n] or NULL: all 0. HOB_FORMAT names one that is not a number. */
bool bpe_set_scores(struct bpe *bpe, const float *scores, struct hob_error *err);

/* What encoding needs, made by each caller. */
struct bpe_scratch {
    struct bpe_symbol *symbols;
    size_t cap_symbols;
    uint64_t *heap;
    size_t cap_heap;
    uint32_t *splits; /* by id of an unused entry: the bytes of its left part, or 0; NULL: none is needed */
    struct buf mapped;
    bool after_unknown; /* the token before is the unknown one, of the same piece */
    size_t n_lost;      /* bytes so far that have no token, in a vocabulary without an unknown one */
    uint8_t lost;       /* the first of them */
    bool (*go_on)(void *ctx, size_t n_sure, struct hob_error *err); /* as in struct encode_options */
    void *go_on_ctx;
};

/* Frees it. */
void bpe_scratch_clear(struct bpe_scratch *scratch);

/* Appends the ids of `piece` to `out`. Bytes that are not UTF-8 become byte tokens, HOB_FORMAT where there are
 * none. Thread-safe for distinct scratches. */
bool bpe_encode(const struct bpe *bpe, struct bpe_scratch *scratch, struct str piece, struct ids *out,
                struct hob_error *err);

#endif
