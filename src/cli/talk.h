/* SPDX-License-Identifier: Apache-2.0
 *
 * A conversation with a model: its messages, and the next reply to them, shown as it comes.
 */
#ifndef HOB_CLI_TALK_H
#define HOB_CLI_TALK_H

#include "cli/open.h"
#include "cli/view.h"

/* Zero-initialised but for `opened`, `messages` and `members` is ready. JSON values are owned. */
struct talk {
    struct opened *opened;
    json_t *messages; /* an array of {"role", "content"} */
    json_t *members;  /* of the requests beside them: an object with "tools", "think", "now" and the like */
    bool verbose;     /* a last line with speeds */
    bool silent;      /* nothing is shown */
    bool receipt;     /* the JSON reply carries a receipt */
    struct view view;
};

/* Frees what it owns. */
void talk_clear(struct talk *talk);

/* Appends a message. */
bool talk_add(struct talk *talk, const char *role, struct str content, struct hob_error *err);

/* Sets the system message, the first of all; an empty text removes it. */
bool talk_set_system(struct talk *talk, struct str text, struct hob_error *err);

/* The system message's text, empty when there is none. Borrowed. */
struct str talk_system(const struct talk *talk);

/* Checks and takes messages: an array of objects with a role. `name` stands in the error. Takes the reference. */
bool talk_take_messages(struct talk *talk, json_t *messages, const char *name, struct hob_error *err);

/* What became of a reply. */
struct talk_outcome {
    bool cancelled; /* by Ctrl-C, which was taken */
    bool full;      /* the context is full */
    json_t *json;   /* the whole reply, when `wants_json`; the caller's */
    bool wants_json;
};

/* Asks for a reply to the messages, shows it and appends it to them. A reply that Ctrl-C stopped is kept as far as it
 * went. HOB_LIMIT and `outcome->full` when the messages alone do not fit the context. */
bool talk_reply(struct talk *talk, struct talk_outcome *outcome, struct hob_error *err);

#endif
