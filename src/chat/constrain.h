/* SPDX-License-Identifier: Apache-2.0
 *
 * What a reply must keep to, from a request's options to the words that may come next.
 *
 * A constraint is described by a JSON object of one member: {"schema": a schema}, {"grammar": GBNF}, {"regex": a
 * regular expression}, {"choice": [texts]} or {"json_object": true}. Options that name files are read into it, so that
 * a receipt holds all there is to know. It is on the answer: the text behind the thinking part, in place of which tools
 * may be called. Two are on the reply as it stands, markup and all: a GBNF grammar where the model was not asked to
 * think first and the prompt has not begun to, and any with a member "after", a text of the reply behind which it
 * starts (empty: at once).
 */
#ifndef HOB_CHAT_CONSTRAIN_H
#define HOB_CHAT_CONSTRAIN_H

#include "chat/markup.h"
#include "chat/options.h"

/* A constraint on one reply. */
struct constrain {
    struct grammar *grammar; /* NULL: none */
    struct matcher *matcher;
    struct constraint hooks; /* for the engine */
    bool holds_calls;        /* a call that begins keeps to a tool's schema, and so cannot turn out to be none */
};

/* The description of the constraint that `options` or the request's members "constraint" (`given`) or "format" ("json"
 * or a schema) ask for, in *out (NULL: none). The caller owns the reference. HOB_USAGE when there is more than one. */
bool constrain_describe(const struct options *options, const json_t *given, const json_t *format, json_t **out,
                        struct hob_error *err);

/* Whether it takes a grammar to keep to this description (NULL: none) in this markup. */
bool constrain_needed(const json_t *description, const struct markup *markup);

/* Whether a description can be compiled for replies in the tokens of `tokenizer`; false with the error also when that
 * is NULL. */
bool constrain_check(const json_t *description, const struct tokenizer *tokenizer, struct hob_error *err);

/* Compiles a description (NULL: none) for a reply in this markup over `trie`; all are borrowed. The caller clears `out`
 * also after a failure. */
bool constrain_start(const json_t *description, const struct markup *markup, const struct token_trie *trie,
                     const struct tokenizer *tokenizer, struct constrain *out, struct hob_error *err);

/* Frees what it holds. */
void constrain_clear(struct constrain *constrain);

#endif
