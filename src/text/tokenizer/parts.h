/* SPDX-License-Identifier: Apache-2.0
 *
 * What a tokenizer is made of. A text goes through the parts in the order they stand here; tokenizer/vocab.c puts
 * them together from what a GGUF file says, tokenizer/json.c from a tokenizer.json, and tokenizer.c runs them.
 */
#ifndef HOB_TEXT_TOKENIZER_PARTS_H
#define HOB_TEXT_TOKENIZER_PARTS_H

#include "text/tokenizer/bpe.h"
#include "text/tokenizer/pretokenizer.h"
#include "text/tokenizer/added.h"
#include "text/tokenizer/decoder.h"
#include "text/tokenizer/lexicon.h"
#include "text/tokenizer/normalizer.h"
#include "text/tokenizer/unigram.h"
#include "text/tokenizer/wordpiece.h"

enum { TOKENIZER_MAX_FRAME = 8 };

/* Ids that stand before or after every text. */
struct frame {
    int32_t ids[TOKENIZER_MAX_FRAME];
    size_t n;
};

/* The algorithm that encodes pieces. */
enum tokenizer_model {
    MODEL_BPE,
    MODEL_UNIGRAM,
    MODEL_WORDPIECE,
    MODEL_WORDS /* a piece is an entry or unknown */
};

struct tokenizer {
    struct arena arena;
    struct lexicon lexicon;
    uint8_t *attributes;       /* [lexicon.n], or NULL */
    struct added_tokens added; /* looked for in the text as it is */
    bool spaces_are_marks;     /* spaces become U+2581, but added tokens may be written with spaces */
    struct normalizer normalizer;
    struct added_tokens added_normalized; /* looked for in the normalized text */
    struct pretokenizer pretokenizer;
    enum tokenizer_model model;
    struct bpe bpe; /* that of `model` is in use, and `unknown` for MODEL_WORDS */
    struct unigram unigram;
    struct wordpiece wordpiece;
    int32_t unknown;
    struct frame before, after;
    struct decoder decoder;
    struct str
        *shown; /* [lexicon.n] the text of added tokens where it is not that of the lexicon, else empty; or NULL */
    int32_t bos, eos;
    bool add_bos, add_eos;
    uint8_t *eog; /* [lexicon.n] whether a generation ends at it */
};

/* Fills `added` and `added_normalized` from the types of the lexicon, its attributes and the normalizer. */
bool tokenizer_build_added(struct tokenizer *tokenizer, struct hob_error *err);

/* Fills `eog` with `eos`, `eot`, the `n` ids at `ids` and those known by their text. HOB_FORMAT names an id that is
 * out of range. */
bool tokenizer_build_eog(struct tokenizer *tokenizer, int32_t eot, const int32_t *ids, size_t n, struct hob_error *err);

/* Whether `id` is TOKEN_NONE or in range; if not, HOB_FORMAT names `field`. */
bool tokenizer_check_id(const struct tokenizer *tokenizer, const char *field, int32_t id, struct hob_error *err);

#endif
