/* SPDX-License-Identifier: Apache-2.0
 *
 * Vocabularies of ranked byte strings: two neighbours may be joined if that makes an entry, the one of the lowest id
 * first. The text is cut by one regex in the dialect of Rust's libraries.
 */
#ifndef HOB_TEXT_TOKENIZER_RANKED_H
#define HOB_TEXT_TOKENIZER_RANKED_H

#include "text/tokenizer/config.h"

enum { RANKED_MAX_TOKENS = 1 << 22 };

/* Entries on their way into a lexicon. */
struct ranked {
    struct arena arena;
    struct str *texts; /* [cap], empty: none */
    uint8_t *types, *attributes;
    size_t n, cap;
};

/* Makes room for the ids below `cap`. ranked_clear() also after a failure. */
bool ranked_init(struct ranked *ranked, size_t cap, struct hob_error *err);
void ranked_clear(struct ranked *ranked);

/* Sets an entry; its text is copied. HOB_FORMAT for an id that is out of range or has another text. */
bool ranked_set(struct ranked *ranked, size_t id, struct str text, enum token_type type, struct hob_error *err);

/* Sets an ordinary entry from base64. */
bool ranked_set_base64(struct ranked *ranked, size_t id, struct str text, struct hob_error *err);

/* Sets the tokens that a configuration adds. */
bool ranked_set_added(struct ranked *ranked, const json_t *config, struct hob_error *err);

/* How the text is cut and framed. */
struct ranked_rules {
    struct str pattern; /* borrowed */
    bool nfc;           /* the text is normalized first */
    int32_t bos, eos;   /* or TOKEN_NONE */
    bool add_bos;
};

/* Builds the tokenizer, and clears `ranked`. The caller owns it. */
struct tokenizer *ranked_build(struct ranked *ranked, const struct ranked_rules *rules,
                               const struct tokenizer_config *given, struct hob_error *err);

#endif
