/* SPDX-License-Identifier: Apache-2.0
 *
 * The lexicon of a tokenizer: ids, their texts and types, and the way back from a text to its id.
 */
#ifndef HOB_TEXT_TOKENIZER_LEXICON_H
#define HOB_TEXT_TOKENIZER_LEXICON_H

#include "base/arena.h"
#include "text/tokenizer/tokenizer.h"

/* Reading is thread-safe. */
struct lexicon {
    size_t n;
    char *blob;                 /* all texts, one after the other */
    uint32_t *offsets;          /* [n + 1] where each begins */
    uint8_t *types;             /* [n] enum token_type; an empty text is TOKEN_UNUSED */
    const uint8_t *attributes;  /* [n] enum token_attribute bits, borrowed, or NULL */
    size_t max_bytes;           /* the longest text */
    struct lexicon_slot *slots; /* [n_slots] open addressing, at most 3/4 full */
    size_t n_slots;
};

/* Copies `n` texts and types (NULL: all normal) into `arena`. The first of equal texts is the one that is found.
 * HOB_FORMAT names a token whose type does not exist. */
bool lexicon_init(struct lexicon *lexicon, struct arena *arena, size_t n, const struct str *texts, const uint8_t *types,
                  struct hob_error *err);

/* Frees the slots; the rest goes with the arena. */
void lexicon_clear(struct lexicon *lexicon);

/* The text of `id`, which is in range. */
static inline struct str lexicon_text(const struct lexicon *lexicon, size_t id)
{
    return (struct str){lexicon->blob + lexicon->offsets[id], lexicon->offsets[id + 1] - lexicon->offsets[id]};
}

/* The id whose text is exactly `text`, or TOKEN_NONE. */
int32_t lexicon_find(const struct lexicon *lexicon, struct str text);

/* The same, but not the id of a control, unknown, byte or foreign token. */
int32_t lexicon_find_plain(const struct lexicon *lexicon, struct str text);

/* Whether `id`, which is in range, is a control or unknown token, which plain text must never become. */
static inline bool lexicon_is_control(const struct lexicon *lexicon, int32_t id)
{
    return lexicon->types[id] == TOKEN_CONTROL || lexicon->types[id] == TOKEN_UNKNOWN;
}

/* Whether `id`, which is in range, is an added token that the model does not know. */
static inline bool lexicon_is_foreign(const struct lexicon *lexicon, size_t id)
{
    return lexicon->attributes && (lexicon->attributes[id] & TOKEN_FOREIGN);
}

/* The byte that a text `<0xHH>` names, or -1. */
int lexicon_byte_of(struct str text);

/* Sets `ids[256]` to the id of each byte's `<0xHH>` token, TOKEN_NONE where there is none. HOB_FORMAT names a token
 * of type byte that is not of that form. Tokens of other types count where `any_type`. */
bool lexicon_byte_tokens(const struct lexicon *lexicon, bool any_type, int32_t ids[256], struct hob_error *err);

#endif
