/* SPDX-License-Identifier: Apache-2.0
 *
 * Cuts a reply, as it streams, into its thinking part and its text. Any split of the bytes gives the same parts;
 * nothing that turns out to be markup is shown as text.
 */
#ifndef HOB_TEXT_REPLY_PARSER_H
#define HOB_TEXT_REPLY_PARSER_H

#include "base/str.h"

enum reply_part { REPLY_TEXT, REPLY_THINKING };

/* Zero-initialised: a model that does not think. */
struct reply_parser {
    bool thinks; /* the model's template knows <think> */
    enum reply_part part;
    bool begun;    /* something but white space was seen */
    bool trim;     /* white space is dropped until something else comes */
    char held[64]; /* the start of what may be a tag */
    size_t n_held;
};

typedef void reply_part_fn(void *user, enum reply_part part, struct str text);

/* A parser for replies to `prompt`, the rendered prompt, which may have opened the thinking part, of a model with this
 * chat template. */
struct reply_parser reply_parser_for(struct str template_text, struct str prompt);

/* Adds bytes of the reply; calls `on_part` for all that is certain. */
void reply_parser_add(struct reply_parser *parser, struct str bytes, reply_part_fn *on_part, void *user);

/* Ends the reply. */
void reply_parser_end(struct reply_parser *parser, reply_part_fn *on_part, void *user);

#endif
