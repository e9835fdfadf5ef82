/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokenizers: text to ids and back. A tokenizer is built from a `struct vocab`, what a model file says of its
 * vocabulary, whatever the file's format; `model/` fills one from GGUF metadata and tokenizer/json.h from a
 * tokenizer.json.
 */
#ifndef HOB_TEXT_TOKENIZER_H
#define HOB_TEXT_TOKENIZER_H

#include <hob.h>

#include "base/str.h"

#define TOKEN_NONE (-1)

/* What a token is; the numbers are GGUF's `tokenizer.ggml.token_type`. */
enum token_type {
    TOKEN_UNDEFINED = 0,
    TOKEN_NORMAL = 1,
    TOKEN_UNKNOWN = 2,
    TOKEN_CONTROL = 3,
    TOKEN_USER_DEFINED = 4,
    TOKEN_UNUSED = 5,
    TOKEN_BYTE = 6
};

/* How an added token is found, as bits. */
enum token_attribute {
    TOKEN_LSTRIP = 1,      /* takes the white space before it */
    TOKEN_RSTRIP = 2,      /* takes the white space after it */
    TOKEN_SINGLE_WORD = 4, /* not within a word */
    TOKEN_NORMALIZED = 8,  /* looked for in the normalized text */
    TOKEN_FOREIGN = 16     /* not an entry of the model: text becomes it only where it was found as an added token */
};

/* The algorithm that cuts text. */
enum vocab_kind {
    VOCAB_BPE,       /* byte-level BPE, merges by rank ("gpt2") */
    VOCAB_SPM,       /* SentencePiece BPE, merges by score, byte fallback ("llama") */
    VOCAB_UNIGRAM,   /* SentencePiece Unigram ("t5") */
    VOCAB_WORDPIECE, /* BERT's WordPiece, U+2581 before what starts a word ("bert") */
    VOCAB_GEMMA4     /* BPE of characters, merges by rank, byte fallback ("gemma4") */
};

/* What a model file says of its vocabulary. All spans are borrowed; tokenizer_new() copies what it keeps. */
struct vocab {
    enum vocab_kind kind;
    struct str pre; /* name of the pre-tokenizer, as in tokenizer.ggml.pre (BPE) */
    size_t n_tokens;
    const struct str *tokens; /* [n_tokens]; for BPE in the byte alphabet, specials as plain text */
    const float *scores;      /* [n_tokens] or NULL */
    const uint8_t *types;     /* [n_tokens] enum token_type, or NULL: all normal */
    size_t n_merges;
    const struct str *merges;             /* [n_merges] "left right" */
    int32_t bos, eos, eot, unk, pad, sep; /* ids or TOKEN_NONE; WordPiece has CLS as bos */
    bool add_bos, add_eos, add_space_prefix, ignore_merges;
    bool remove_extra_spaces; /* SPM, Unigram: at the ends of a text, and all but one elsewhere */
    bool prefix_once;         /* SPM, Unigram: what is done at the ends of a text is done between control tokens, and
                                 not also at other added tokens, as SentencePiece does it */
    bool single_precision;    /* Unigram: scores are added as floats, as SentencePiece does it */
    struct str charsmap;      /* SPM, Unigram: SentencePiece's precompiled_charsmap, or empty */
    size_t n_eog;
    const int32_t *eog;        /* ids that end a generation besides those found by their text; may be NULL */
    const uint8_t *attributes; /* of added tokens, [n_tokens] enum token_attribute bits, or NULL */
};

/* Empties `vocab` and fills in what a GGUF file means by its `tokenizer.ggml.model` ("llama", "gpt2", ...) and
 * `tokenizer.ggml.pre` (may be empty) where it has no key that says otherwise: kind, pre, special ids, flags.
 * HOB_FORMAT names a model or a pre-tokenizer that is not known. `pre` is borrowed. */
bool vocab_defaults(struct vocab *vocab, struct str model, struct str pre, struct hob_error *err);

struct tokenizer;

/* A growable list of ids. Zero-initialised is empty. */
struct ids {
    int32_t *ptr;
    size_t len, cap;
};

/* Appends an id; false when memory is exhausted. */
bool ids_add(struct ids *ids, int32_t id);

/* Frees the list. */
void ids_clear(struct ids *ids);

/* [start, end) of a text, in bytes. */
struct text_span {
    size_t start, end;
};

/* How to encode. Zero-initialised: no special tokens anywhere, no BOS or EOS. */
struct encode_options {
    bool special;                      /* text outside `untrusted` may name control tokens */
    bool add_bos, add_eos;             /* add them where the vocabulary has them (see tokenizer_adds_bos()) */
    const struct text_span *untrusted; /* ascending, disjoint spans that came from messages: no control token in
                                          or across them, but they never split the text otherwise */
    size_t n_untrusted;
    bool (*go_on)(void *ctx, size_t n_sure, struct hob_error *err); /* asked time and again with how many ids there will
                                                                       be at least: false, with its error, ends it */
    void *go_on_ctx;
    size_t *n_lost; /* counts bytes for which the vocabulary has no token, not even an unknown one: they are left out,
                       as publishers leave them out. NULL: a text with such bytes is HOB_FORMAT */
};

/* Builds a tokenizer. The caller owns it. NULL with HOB_FORMAT names the field that is wrong or unsupported. */
struct tokenizer *tokenizer_new(const struct vocab *vocab, struct hob_error *err);

/* Frees a tokenizer (NULL is fine). */
void tokenizer_free(struct tokenizer *tokenizer);

/* Appends the ids of `text` to `out`. Thread-safe. O(n log n) in the bytes of `text`. */
bool tokenizer_encode(const struct tokenizer *tokenizer, struct str text, const struct encode_options *options,
                      struct ids *out, struct hob_error *err);

/* The algorithm: "BPE", "Unigram", "WordPiece" or "WordLevel". */
const char *tokenizer_algorithm(const struct tokenizer *tokenizer);

/* The number of ids, [0, n). */
size_t tokenizer_size(const struct tokenizer *tokenizer);

/* The token's text as it stands in the vocabulary. Borrowed; an id out of range gives an empty span. */
struct str tokenizer_text(const struct tokenizer *tokenizer, int32_t id);

/* The token's type; an id out of range is TOKEN_UNDEFINED. */
enum token_type tokenizer_type(const struct tokenizer *tokenizer, int32_t id);

/* The id whose text is exactly `text`, or TOKEN_NONE. */
int32_t tokenizer_find(const struct tokenizer *tokenizer, struct str text);

/* Whether generation ends at `id`. */
bool tokenizer_is_eog(const struct tokenizer *tokenizer, int32_t id);

/* BOS, EOS, UNK, PAD as ids or TOKEN_NONE. */
int32_t tokenizer_bos(const struct tokenizer *tokenizer);
int32_t tokenizer_eos(const struct tokenizer *tokenizer);

/* Whether the publisher wants BOS before, or EOS after, a raw text. */
bool tokenizer_adds_bos(const struct tokenizer *tokenizer);
bool tokenizer_adds_eos(const struct tokenizer *tokenizer);

/* The bytes that `id` stands for when it follows something (byte alphabet and byte tokens decoded, U+2581 as a
 * space). Control tokens give nothing unless `special`. Appends to `out`; false when memory is exhausted. */
bool tokenizer_piece(const struct tokenizer *tokenizer, int32_t id, bool special, struct buf *out);

/* A streaming detokenizer. Zero-initialised is at the start of a text. Whatever the ids are split into, the
 * bytes put together are the same. */
struct detokenizer {
    uint16_t seen;      /* bit by step of the decoder: a token went through it */
    uint8_t n_stripped; /* what was taken from the start of the text; UINT8_MAX: nothing is any more */
    bool space;         /* goes before the next token */
    int32_t last;       /* the id before and 1 more, where the decoder asks for it */
    unsigned n_held;    /* bytes of a code point that is not complete */
    char held[4];
};

/* Adds one id: appends to `out` all bytes that are complete UTF-8 characters; bytes that can never become one are
 * passed as they are. False when memory is exhausted. */
bool detokenizer_add(struct detokenizer *state, const struct tokenizer *tokenizer, int32_t id, bool special,
                     struct buf *out);

/* Ends the text: appends what was held back. */
bool detokenizer_end(struct detokenizer *state, struct buf *out);

#endif
