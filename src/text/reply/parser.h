/* SPDX-License-Identifier: Apache-2.0
 *
 * Takes a reply apart as it streams: thinking, text and tool calls, each family in its own markup. Any split of the
 * bytes gives the same events; nothing that turns out to be markup is shown as text, and what only looked like markup
 * becomes text again. White space between parts belongs to the markup.
 *
 * A new format is one file that defines a `struct reply_format` and one row of reply/list.h
 * (docs/add-a-reply-format.md).
 */
#ifndef HOB_TEXT_REPLY_PARSER_H
#define HOB_TEXT_REPLY_PARSER_H

#include "base/json.h"

struct reply_format;
struct reply_parser;

enum reply_event_kind {
    REPLY_THINKING,       /* more of the thinking part */
    REPLY_TEXT,           /* more of the answer */
    REPLY_CALL_BEGIN,     /* a tool call: `text` is the name, `id` the model's id for it or empty */
    REPLY_CALL_ARGUMENTS, /* more of the arguments' JSON, an object when the call is whole */
    REPLY_CALL_END        /* `state` says how it ended; `id` as far as it is known by now */
};

enum reply_call_state {
    REPLY_CALL_WHOLE,
    REPLY_CALL_CUT,   /* the reply ended within the call */
    REPLY_CALL_BROKEN /* no call after all; its bytes follow as text */
};

struct reply_event {
    enum reply_event_kind kind;
    enum reply_call_state state;
    struct str text, id; /* borrowed during the call */
};

typedef void reply_event_fn(void *user, const struct reply_event *event);

/* How a reply is written: its format, and where the prompt left it. */
struct reply_form {
    const struct reply_format *format;
    bool thinks;      /* the template knows the format's thinking */
    struct str start; /* the end of the prompt as far as it matters: the mark that opened or closed the thinking part,
                         or all that was begun of a message; borrowed */
};

/* The format of replies to prompts that this chat template makes. Never NULL: text that has no markup is a format.
 * Lives for ever. */
const struct reply_format *reply_format_find(struct str template_text);

/* The format of this name, or NULL. */
const struct reply_format *reply_format_named(struct str name);

/* Its name. */
const char *reply_format_name(const struct reply_format *format);

/* Whether it has tool calls. */
bool reply_format_calls(const struct reply_format *format);

/* Whether the text of a control token is markup of the format, which its parser must see. */
bool reply_format_wants(const struct reply_format *format, struct str token);

/* How a reply to `prompt` (rendered by this template; may be empty) is written. */
struct reply_form reply_form_find(struct str template_text, struct str prompt);

/* The same where the format is known. */
struct reply_form reply_form_of(const struct reply_format *format, struct str template_text, struct str prompt);

/* The same where the prompt is not known: a reply that closes a thinking part it did not open begins in one. */
struct reply_form reply_form_guess(struct str template_text, struct str reply);

/* Whether a thinking part may come, and whether the reply begins in it. */
bool reply_form_may_think(const struct reply_form *form);
bool reply_form_in_thinking(const struct reply_form *form);

/* What the prompt has begun of a reply that is made of messages; else an empty span. */
struct str reply_form_begun(const struct reply_form *form);

/* What a parser is made for. */
struct reply_setting {
    struct reply_form form;
    const json_t *tools; /* an array of tools, whose schemas give arguments their types; may be NULL */
    bool no_calls;       /* calls that no mark starts (a JSON object alone) are text */
};

/* A parser for one reply. It keeps a reference to the tools and borrows nothing else. The caller owns it; NULL without
 * memory. */
struct reply_parser *reply_parser_new(const struct reply_setting *setting);

/* Frees it (NULL is fine). */
void reply_parser_free(struct reply_parser *parser);

/* Adds bytes of the reply; calls `on_event` for all that is certain. */
void reply_parser_add(struct reply_parser *parser, struct str bytes, reply_event_fn *on_event, void *user);

/* Ends the reply. */
void reply_parser_end(struct reply_parser *parser, reply_event_fn *on_event, void *user);

/* Whether memory ran out: parts are missing. */
bool reply_parser_failed(const struct reply_parser *parser);

/* The parts of a reply, collected. Zero-initialised is empty. */
struct reply_parts {
    struct buf text, thinking;
    json_t *calls; /* an array of {"name", "arguments", "id" where the model gave one}, or NULL. A call that
                      was cut has "cut": true, and its arguments are the JSON text as far as it came */
    struct buf name, arguments; /* of the call that has begun */
    bool failed;                /* memory ran out */
};

/* Adds what an event says. */
void reply_parts_add(struct reply_parts *parts, const struct reply_event *event);

/* The number of calls that are whole. */
size_t reply_parts_calls(const struct reply_parts *parts);

/* Frees what it holds. */
void reply_parts_clear(struct reply_parts *parts);

#endif
