/* SPDX-License-Identifier: Apache-2.0
 *
 * A reply in progress, between chat's files.
 */
#ifndef HOB_CHAT_REPLY_H
#define HOB_CHAT_REPLY_H

#include <pthread.h>

#include "chat/constrain.h"
#include "chat/request.h"

struct reply {
    struct chat *chat;
    struct reply *next; /* in the chat's list */
    struct request request;
    struct sequence *sequence;
    struct constrain constrain;
    void *user;
    bool queued, receipt, ended;
    bool embeds; /* it is a vector, and has no tokens */
    enum end_reason reason;
    struct hob_error error;
    struct detokenizer detokenizer;
    struct buf raw; /* all decoded bytes; what is beyond `n_sure` may still be part of a stop text */
    size_t n_sure;
    const char *stop; /* the stop text that was found, or NULL */
    struct reply_parts parts;
    json_t *logprobs; /* an array, or NULL */
};

struct chat {
    struct model *model;
    const struct options *options;
    struct engine *engine;
    struct chat_template template; /* --template, or none */
    const struct persona *persona; /* or NULL */
    pthread_mutex_t lock;          /* of what follows, while replies are prepared */
    struct token_trie *trie;       /* made when a constraint first needs it */
    struct reply *replies;
    double load_ms;
    char digest[65]; /* of the model's files, once it was asked for */
};

/* Takes a token: decodes it, looks for stop texts, tells what became certain. True when a stop text ended the reply. */
bool reply_token(struct reply *reply, int32_t id, bool is_eog, chat_event_fn *on_event, void *user);

/* Ends the reply: tells the rest and CHAT_END. */
void reply_end(struct reply *reply, enum end_reason reason, chat_event_fn *on_event, void *user);

#endif
