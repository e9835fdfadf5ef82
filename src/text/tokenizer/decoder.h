/* SPDX-License-Identifier: Apache-2.0
 *
 * Decoders: steps that turn the texts of tokens into text. Those before the first whole one see each token by itself,
 * the others the text that all tokens make.
 */
#ifndef HOB_TEXT_TOKENIZER_DECODER_H
#define HOB_TEXT_TOKENIZER_DECODER_H

#include "base/arena.h"
#include "text/tokenizer/regex.h"

enum { DECODER_MAX_STEPS = 16 };

enum decoder_kind {
    DECODER_REPLACE,       /* `find` becomes `content` */
    DECODER_REPLACE_REGEX, /* what `regex` matches becomes `content`; of tokens only */
    DECODER_STRIP,         /* up to `start` times `find` goes at the start, up to `stop` times at the end */
    DECODER_WORDS,         /* a space goes before tokens that do not start with `find`, which goes (WordPiece) */
    DECODER_JOIN,          /* a space goes before every token */
    DECODER_SUFFIX,        /* `find` at a token's end becomes a space if another follows (BPEDecoder) */
    DECODER_ALPHABET,      /* tokens are in the byte alphabet */
    DECODER_BYTES,         /* `<0xHH>` is a byte */
    DECODER_CTC            /* equal neighbours are one; `find` goes, `delimiter` becomes a space */
};

struct decoder_step {
    enum decoder_kind kind;
    struct str find, content, delimiter; /* borrowed from the tokenizer's arena or static */
    struct regex *regex;                 /* owned */
    bool not_in_first;                   /* REPLACE: in the first token `find` goes (Metaspace) */
    bool clean_up;                       /* WORDS, CTC: no space before punctuation and contractions */
    unsigned start, stop;
    bool whole;
};

/* Zero-initialised: the texts of tokens are text. */
struct decoder {
    struct decoder_step steps[DECODER_MAX_STEPS];
    size_t n_steps;
    bool fused; /* a step that is added now sees the whole text */
};

/* Frees what the steps own. */
void decoder_clear(struct decoder *decoder);

/* Appends a step, whose regex it takes. HOB_FORMAT for one that cannot stand where it would, HOB_LIMIT when there are
 * too many. */
bool decoder_add(struct decoder *decoder, struct decoder_step step, struct hob_error *err);

/* Whether a text loses a space at its start. */
bool decoder_drops_first_space(const struct decoder *decoder);

#endif
