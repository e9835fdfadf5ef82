/* SPDX-License-Identifier: Apache-2.0
 *
 * The conversation core: a request (messages, prompt or ids, with options) becomes events (thinking, text, tokens, end)
 * and at last a reply. The command line, the server and the C API only translate to and from it.
 *
 * A request is a JSON object: one of "prompt" (raw text, special tokens parsed), "messages" (an array, rendered by the
 * chat template) or "tokens" (ids); beside messages "tools", "tool_choice" ("auto", "none", "required" or a tool),
 * "parallel_tool_calls" (false: one call at most), "generic_tools" (chat/conversation.h),
 * "held_tools" (the tools as calls are held to them, where that is not as the template is told of them), "think" (true,
 * false or a level), "template_variables" (an object for the template), "system" (a message in front); beside the
 * others "markup" (chat/markup.h); "now" (seconds since 1970); "constraint" (chat/constrain.h) or "format" ("json" or a
 * schema); any option of chat/options.h by its JSON name; "id" (any JSON, returned). In messages, "thinking" is what
 * the model thought.
 */
#ifndef HOB_CHAT_CHAT_H
#define HOB_CHAT_CHAT_H

#include <stdatomic.h>

#include "chat/options.h"

struct chat;  /* an engine and the requests in flight on it */
struct reply; /* one request's progress */
struct persona;

enum chat_event_kind {
    CHAT_PREFILL,        /* n_done of n_prompt tokens of the prompt were read */
    CHAT_THINKING,       /* more text of the thinking part */
    CHAT_TEXT,           /* more text of the answer */
    CHAT_CALL_BEGIN,     /* the model calls a tool: `text` is its name, `id` the model's id for the call or empty */
    CHAT_CALL_ARGUMENTS, /* more of the arguments' JSON */
    CHAT_CALL_END,       /* the call is whole; or `cut`: the reply ended within it; or `broken`: it was no call after
                            all, and what was told of it comes as text once more */
    CHAT_END             /* the reply is whole */
};

struct chat_event {
    enum chat_event_kind kind;
    struct reply *reply;
    struct str text, id; /* whole characters; borrowed during the call */
    bool cut, broken;
    size_t n_done, n_prompt;
};

typedef void chat_event_fn(void *user, const struct chat_event *event);

/* A chat on `model`, which is bound; loads it. `options` give the machine group and the defaults of requests; borrowed
 * and must outlive the chat. The caller owns the chat. */
struct chat *chat_new(struct model *model, const struct options *options,
                      bool (*progress)(void *ctx, size_t done, size_t total), void *ctx, struct hob_error *err);

/* Frees it and its replies (NULL is fine). */
void chat_free(struct chat *chat);

/* The engine. Borrowed. */
struct engine *chat_engine(struct chat *chat);

/* Refuses the chat's options as they are now if every request under them would be refused. */
bool chat_check(struct chat *chat, struct hob_error *err);

/* Finds the digest of the model's files that receipts hold, which may mean to read them: `progress` (may be NULL) hears
 * of that, and ends it by false. Without this the first receipt does it. */
bool chat_digest(struct chat *chat, bool (*progress)(void *ctx, size_t done, size_t total), void *ctx,
                 struct hob_error *err);

/* Renders, tokenizes and queues a request. `receipt`: the reply will carry one (the logits are digested). The reply
 * belongs to the chat until reply_free(). */
struct reply *chat_submit(struct chat *chat, const json_t *request, bool receipt, void *user, struct hob_error *err);

/* The same in two steps, for a program of many threads. chat_prepare() renders, tokenizes and compiles; `persona` (may
 * be NULL; chat/persona.h) is who answers, and `owner` whose cached prompts it may reuse. From any thread, also while
 * another steps the chat; it ends early when `left` (may be NULL) is set. The caller owns the reply until chat_queue(),
 * which hands it to the chat, in the thread that steps it; one that is not queued is freed from any thread. */
struct reply *chat_prepare(struct chat *chat, const struct persona *persona, const json_t *request, bool receipt,
                           uint64_t owner, const atomic_bool *left, void *user, struct hob_error *err);
void chat_queue(struct chat *chat, struct reply *reply);

/* Who answers chat_submit(): borrowed, NULL for nobody in particular. */
void chat_set_persona(struct chat *chat, const struct persona *persona);

/* Runs one step; calls `on_event` for all that happened. False when there is nothing left to do. */
bool chat_step(struct chat *chat, chat_event_fn *on_event, void *user);

/* Asks a reply to end. From any thread. */
void reply_cancel(struct reply *reply);

/* What chat_submit() was given. */
void *reply_user(const struct reply *reply);

/* The whole reply as interfaces.md has it; an error is {"error": {"status", "message"}}. After CHAT_END. The caller
 * owns the reference. NULL without memory. */
json_t *reply_json(struct reply *reply, struct hob_error *err);

/* After CHAT_END: the failure that ended the reply, or HOB_OK. Borrowed. */
const struct hob_error *reply_error(const struct reply *reply);

/* After CHAT_END: "stop", "length", "tool_calls", "cancelled" or "error"; the texts; an array of {"name", "arguments"}
 * or NULL (text/reply/parser.h); times. Borrowed. */
const char *reply_finish_reason(const struct reply *reply);
struct str reply_text(const struct reply *reply);
struct str reply_thinking(const struct reply *reply);
const json_t *reply_calls(const struct reply *reply);
struct sequence_timings reply_timings(const struct reply *reply);

/* Why a reply is as long as it is: the stop text that ended it, or NULL; and how many tokens. */
const char *reply_stop(const struct reply *reply);
const int32_t *reply_tokens(const struct reply *reply, size_t *n_prompt, size_t *n_generated);

/* Whether calls keep to their tools' schemas from their first byte on: none of them will end as `broken`. */
bool reply_holds_calls(const struct reply *reply);

/* The log probabilities of the tokens so far, as in reply_json(); NULL where none were asked for. Borrowed. */
const json_t *reply_logprobs(const struct reply *reply);

/* What is needed to make the reply again (docs: receipt). After CHAT_END. The caller owns the reference. */
json_t *reply_receipt(struct reply *reply, struct hob_error *err);

/* Frees a reply; one in flight is ended (NULL is fine). */
void reply_free(struct reply *reply);

/* A template that stands for the model's. Zero-initialised: none. */
struct chat_template {
    struct buf text;
    struct template *parsed;
};

/* Takes and parses a template's text. The caller clears `out` also after a failure. */
bool chat_template_set(struct chat_template *out, struct str text, struct hob_error *err);

/* The same of what an option says: a file, or the name of one of the templates of `model` (may be NULL). */
bool chat_template_open(struct chat_template *out, const struct model *model, const char *option,
                        struct hob_error *err);

/* Frees what it holds. */
void chat_template_clear(struct chat_template *t);

/* Whether a request gives tools, as transformers sees it: an empty list is one. */
bool chat_has_tools(const json_t *request);

/* Renders messages as the model would see them: `request` as in chat_submit(). `replacement` (may be NULL) stands for
 * the model's template; `model` may then be NULL. The caller clears `out`. */
bool chat_render(struct model *model, const struct chat_template *replacement, const json_t *request,
                 struct rendered *out, struct hob_error *err);

/* How replies to what was rendered are written: the member "markup" of a request that gives the prompt as tokens. The
 * caller owns the reference; NULL with an error, also where the model cannot think as `request` wants it. */
json_t *chat_markup(struct model *model, const struct chat_template *replacement, const struct rendered *rendered,
                    const json_t *request, struct hob_error *err);

#endif
