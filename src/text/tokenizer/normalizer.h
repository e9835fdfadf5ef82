/* SPDX-License-Identifier: Apache-2.0
 *
 * Normalizers: steps that rewrite the text between added tokens before it is cut.
 */
#ifndef HOB_TEXT_TOKENIZER_NORMALIZER_H
#define HOB_TEXT_TOKENIZER_NORMALIZER_H

#include "base/arena.h"
#include "text/tokenizer/characters.h"
#include "text/tokenizer/charsmap.h"
#include "text/tokenizer/regex.h"
#include "text/tokenizer/unicode.h"

enum { NORMALIZER_MAX_STEPS = 24 };

enum normalizer_kind {
    NORMALIZER_FORM,          /* a Unicode normalization form */
    NORMALIZER_REPLACE,       /* `find` by `content` */
    NORMALIZER_REPLACE_REGEX, /* what `regex` matches by `content` */
    NORMALIZER_PREPEND,       /* `content` before a text that is not empty */
    NORMALIZER_MAP,           /* each character by `map` */
    NORMALIZER_STRIP,         /* white space at the ends goes */
    NORMALIZER_SPACES,        /* of neighbouring spaces one stays, and none at the ends */
    NORMALIZER_CHARSMAP,      /* SentencePiece's `charsmap` */
    NORMALIZER_ALPHABET       /* bytes in the byte alphabet */
};

struct normalizer_step {
    enum normalizer_kind kind;
    enum unicode_form form;
    struct str find, content; /* borrowed from the tokenizer's arena or static */
    struct regex *regex;      /* owned */
    enum character_map map;
    bool left, right;         /* STRIP */
    bool once;                /* PREPEND, SPACES: an end is one only where struct normalizer_place says so */
    struct charsmap charsmap; /* owned */
    bool graphemes;           /* CHARSMAP: as the `tokenizers` library does it, not as SentencePiece */
};

/* Zero-initialised: the text stays as it is. */
struct normalizer {
    struct normalizer_step steps[NORMALIZER_MAX_STEPS];
    size_t n_steps;
};

/* Frees what the steps own. */
void normalizer_clear(struct normalizer *normalizer);

/* Appends a step, whose regex and charsmap it takes. HOB_LIMIT when there are too many. */
bool normalizer_add(struct normalizer *normalizer, struct normalizer_step step, struct hob_error *err);

/* Appends the steps of BERT's normalizer that are wanted. */
bool normalizer_add_bert(struct normalizer *normalizer, bool clean, bool space_ideographs, bool strip_accents,
                         bool lower, struct hob_error *err);

/* What a run needs, made by each caller. */
struct normalizer_scratch {
    struct buf texts[2];
    bool front_lost; /* the last run took characters away from the front */
};

/* Frees it. */
void normalizer_scratch_clear(struct normalizer_scratch *scratch);

/* Where a text stands in what its publisher calls a text: added tokens may part it, control tokens end it. */
struct normalizer_place {
    bool starts, ends;
    bool empty; /* nothing was there, or only spaces that went */
};

/* Rewrites `text`. `*out` is `text` itself or lies in the scratch until its next run. Bytes that are not UTF-8 stay
 * as they are. */
bool normalizer_run(const struct normalizer *normalizer, struct normalizer_scratch *scratch,
                    struct regex_scratch *regex, struct str text, struct normalizer_place place, struct str *out,
                    struct hob_error *err);

#endif
