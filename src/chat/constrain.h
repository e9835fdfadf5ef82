/* SPDX-License-Identifier: Apache-2.0
 *
 * What a reply must keep to, from a request's options to the words that may come next.
 *
 * A constraint is described by a JSON object of one member: {"schema": a schema}, {"grammar": GBNF}, {"regex": a
 * regular expression}, {"choice": [texts]} or {"json_object": true}; and "after", a text in the reply behind which it
 * starts (the end of the thinking part). Options that name files are read into it, so that a receipt holds all there is
 * to know.
 */
#ifndef HOB_CHAT_CONSTRAIN_H
#define HOB_CHAT_CONSTRAIN_H

#include "chat/options.h"
#include "text/constraint.h"

/* A constraint on one reply. */
struct constrain {
    struct grammar *grammar; /* NULL: none */
    struct matcher *matcher;
    struct str after;        /* it starts where this text has come; empty: at once. Borrowed from the description */
    const struct buf *reply; /* the reply so far */
    struct constraint hooks; /* for the engine */
};

/* The description of the constraint that `options` or the request's members "constraint" (`given`) or "format" ("json"
 * or a schema) ask for, in *out (NULL: none). The caller owns the reference. HOB_USAGE when there is more than one. */
bool constrain_describe(const struct options *options, const json_t *given, const json_t *format, json_t **out,
                        struct hob_error *err);

/* Compiles a description for a reply over `trie`, whose bytes will be in `reply`; both and the description are
 * borrowed. The caller clears `out` also after a failure. */
bool constrain_start(const json_t *description, const struct token_trie *trie, const struct tokenizer *tokenizer,
                     const struct buf *reply, struct constrain *out, struct hob_error *err);

/* Frees what it holds. */
void constrain_clear(struct constrain *constrain);

#endif
