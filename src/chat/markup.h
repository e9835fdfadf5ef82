/* SPDX-License-Identifier: Apache-2.0
 *
 * How a reply is written: its format, where the prompt left it, and what the request says of thinking and tools. The
 * parser of the reply is made from it, and the grammar. As JSON it stands in receipts, so that a reply can be made
 * again from the prompt's ids:
 *
 *   {"format": NAME, "thinks": BOOL, "start": what the prompt began of the reply,
 *    "think", "tools", "tool_choice", "parallel_tool_calls": as in the request, where they are}
 */
#ifndef HOB_CHAT_MARKUP_H
#define HOB_CHAT_MARKUP_H

#include "text/reply/grammar.h"

/* Zero-initialised: raw text. */
struct markup {
    json_t *json;               /* what it was read from, which the rest borrows from; NULL: raw text */
    json_t *only;               /* the tools that may be called, by name; NULL: all */
    struct reply_demand demand; /* but for the answer */
    bool think_first;           /* thinking was asked for */
    bool must_hold;             /* it takes a grammar to do as the request says */
};

/* The markup of replies to a prompt that `template_text` made: `prompt` is the end of it that no message wrote. Members
 * "tools", "tool_choice", "parallel_tool_calls" and "think" of the request count. HOB_USAGE where they make no sense or
 * the model cannot do as they say. The caller clears `out` also after a failure. */
bool markup_make(struct str template_text, struct str prompt, const json_t *request, struct markup *out,
                 struct hob_error *err);

/* Reads a description, which it keeps a reference to. HOB_USAGE where it is none. The caller clears `out` also after a
 * failure. */
bool markup_read(const json_t *json, struct markup *out, struct hob_error *err);

/* Frees what it holds. */
void markup_clear(struct markup *markup);

/* A parser for the reply. The caller owns it; NULL without memory. */
struct reply_parser *markup_parser(const struct markup *markup);

#endif
