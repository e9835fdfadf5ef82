/* SPDX-License-Identifier: Apache-2.0
 *
 * Pre-tokenizers: steps that cut a text into pieces, each working on the pieces of the one before. The pieces are
 * tokenized independently. Where a named pre-tokenizer is added: pretokenizer_names.c.
 */
#ifndef HOB_TEXT_PRETOKENIZER_H
#define HOB_TEXT_PRETOKENIZER_H

#include "text/tokenizer/regex.h"

enum { PRETOKENIZER_MAX_STEPS = 24 };

/* What becomes of the matches of a split. */
enum split_behavior {
    SPLIT_ISOLATED,             /* matches and what lies between them are pieces */
    SPLIT_REMOVED,              /* only what lies between them */
    SPLIT_MERGED_WITH_PREVIOUS, /* a match ends the piece before it */
    SPLIT_MERGED_WITH_NEXT,     /* a match starts the piece after it */
    SPLIT_CONTIGUOUS            /* neighbouring matches are one piece */
};

enum pretokenizer_kind {
    PRETOKENIZER_SPLIT,        /* by a regex */
    PRETOKENIZER_SCRIPTS,      /* where the script changes */
    PRETOKENIZER_PREFIX_SPACE, /* put a space before a piece that has none */
    PRETOKENIZER_METASPACE,    /* spaces become `replacement`, which is also put before pieces as `prepend` says */
    PRETOKENIZER_ALPHABET      /* write bytes in the byte alphabet */
};

enum metaspace_prepend { PREPEND_NEVER, PREPEND_FIRST, PREPEND_ALWAYS };

struct pretokenizer_step {
    enum pretokenizer_kind kind;
    struct regex *regex; /* owned; SPLIT */
    enum split_behavior behavior;
    bool invert;         /* what does not match is the match */
    char replacement[4]; /* METASPACE: one character */
    unsigned n_replacement;
    enum metaspace_prepend prepend;
};

/* Zero-initialised: the whole text is one piece. */
struct pretokenizer {
    struct pretokenizer_step steps[PRETOKENIZER_MAX_STEPS];
    size_t n_steps;
};

/* Frees what the steps own. */
void pretokenizer_clear(struct pretokenizer *pre);

/* Appends a step, whose regex it takes. HOB_LIMIT when there are too many. */
bool pretokenizer_add(struct pretokenizer *pre, struct pretokenizer_step step, struct hob_error *err);

/* Appends a split by `pattern`. */
bool pretokenizer_add_split(struct pretokenizer *pre, struct str pattern, enum split_behavior behavior, bool invert,
                            struct hob_error *err);

/* Appends a split that isolates the matches of `pattern`, which is in the dialect of Rust's libraries. */
bool pretokenizer_add_rust(struct pretokenizer *pre, struct str pattern, struct hob_error *err);

/* Takes the last step away if it writes the byte alphabet and is the only one that does: a model that takes raw bytes
 * needs no such step. Returns whether it was so. */
bool pretokenizer_pop_alphabet(struct pretokenizer *pre);

/* What a named pre-tokenizer says besides its splits. */
struct pretokenizer_name {
    const char *names;         /* separated by spaces, as in tokenizer.ggml.pre */
    const char *const *splits; /* regexes, NULL-terminated, each isolating its matches */
    bool ignore_merges;        /* a piece that is in the vocabulary is one token */
    bool add_bos;              /* where the file does not say */
    bool nfc;                  /* the text is normalized first */
};

/* The row of a name ("" and "default" are the same), or NULL. */
const struct pretokenizer_name *pretokenizer_find(struct str name);

/* Appends the splits of a row. */
bool pretokenizer_add_named(struct pretokenizer *pre, const struct pretokenizer_name *row, struct hob_error *err);

/* The split of GPT-2, which tokenizer.json's ByteLevel implies; one punctuation character; Gemma 4's lines. */
extern const char pretokenizer_gpt2[], pretokenizer_punctuation[], pretokenizer_lines[];

/* Appends the splits of BERT: white space goes, each punctuation character is a piece. */
bool pretokenizer_add_bert(struct pretokenizer *pre, struct hob_error *err);

/* What a run needs, made by each caller. */
struct pretokenizer_scratch {
    struct buf changed[PRETOKENIZER_MAX_STEPS]; /* by step: the piece it changed, or a copy it matches in */
};

/* Frees it. */
void pretokenizer_scratch_clear(struct pretokenizer_scratch *scratch);

/* One text to cut. */
struct pretokenizer_run {
    const struct pretokenizer *pre;
    struct pretokenizer_scratch *scratch;
    struct regex_scratch *regex;
    bool first; /* the text stands at the start of the input */
    bool newer; /* the text may hold code points newer than PCRE2's, see unicode_has_newer() */
    /* Takes a piece, which is valid until it returns; false ends the run. */
    bool (*take)(void *ctx, struct str piece, struct hob_error *err);
    void *ctx;
};

/* Cuts `text`, which must be UTF-8, and gives the pieces in order, none of them empty. */
bool pretokenizer_cut(const struct pretokenizer_run *run, struct str text, struct hob_error *err);

#endif
