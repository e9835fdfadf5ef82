/* SPDX-License-Identifier: Apache-2.0 */
#include "chat/chat.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "chat/persona.h"
#include "chat/reply.h"
#include "store/digest.h"

struct chat *chat_new(struct model *model, const struct options *options,
                      bool (*progress)(void *ctx, size_t done, size_t total), void *ctx, struct hob_error *err)
{
    struct chat *chat = calloc(1, sizeof *chat);
    if (!chat) {
        error_memory(err, sizeof *chat);
        return NULL;
    }
    pthread_mutex_init(&chat->lock, NULL);
    chat->model = model;
    chat->options = options;
    const struct option_value *template = options_get(options, "template");
    double start = clock_ms();
    struct engine_options engine;
    bool good = options_engine(options, &engine, err);
    if (good && template->given)
        good = chat_template_open(&chat->template, model, template->text, err);
    if (good) { /* before the weights: what the vocabulary takes while it is read is free again by then */
        struct hob_error none; /* a model without a tokenizer still takes ids */
        model_tokenizer(model, &none);
        model_template(model, false, &none); /* replies may be prepared by many threads */
        model_template(model, true, &none);
        model_drop_vocabulary(model);
        good = request_check(model, options, err);
    }
    good = good && (chat->engine = engine_new(model, &engine, progress, ctx, err)) != NULL;
    chat->load_ms = clock_ms() - start;
    if (good)
        return chat;
    chat_free(chat);
    return NULL;
}

void chat_free(struct chat *chat)
{
    if (!chat)
        return;
    while (chat->replies)
        reply_free(chat->replies);
    engine_free(chat->engine);
    token_trie_free(chat->trie);
    pthread_mutex_destroy(&chat->lock);
    chat_template_clear(&chat->template);
    free(chat);
}

struct engine *chat_engine(struct chat *chat)
{
    return chat->engine;
}

bool chat_digest(struct chat *chat, bool (*progress)(void *ctx, size_t done, size_t total), void *ctx,
                 struct hob_error *err)
{
    size_t n;
    const struct file *const *files = model_files(chat->model, &n);
    char digest[65];
    if (!*chat->digest && !digest_model(chat->model->path, files, n, digest, progress, ctx, err))
        return false;
    if (!*chat->digest)
        memcpy(chat->digest, digest, sizeof digest);
    return true;
}

bool chat_check(struct chat *chat, struct hob_error *err)
{
    return request_check(chat->model, chat->options, err);
}

/* Makes the reply keep to what its request demands. */
static bool start_constraint(struct chat *chat, struct reply *reply, struct hob_error *err)
{
    const struct tokenizer *tokenizer = model_tokenizer(chat->model, err);
    if (!tokenizer)
        return false;
    pthread_mutex_lock(&chat->lock);
    if (!chat->trie)
        chat->trie = token_trie_new(tokenizer, chat->model->n_vocab, err);
    const struct token_trie *trie = chat->trie;
    pthread_mutex_unlock(&chat->lock);
    return trie &&
           constrain_start(reply->request.constraint, &reply->request.markup, trie, tokenizer, &reply->constrain, err);
}

struct reply *chat_prepare(struct chat *chat, const struct persona *persona, const json_t *json, bool receipt,
                           uint64_t owner, const atomic_bool *left, void *user, struct hob_error *err)
{
    struct reply *reply = calloc(1, sizeof *reply);
    if (!reply) {
        error_memory(err, sizeof *reply);
        return NULL;
    }
    reply->chat = chat;
    reply->user = user;
    reply->receipt = receipt;
    const struct chat_template *replacement = persona_template(persona);
    if (!replacement && chat->template.parsed)
        replacement = &chat->template;
    json_t *whole = persona_request(persona, json);
    struct request_bounds bounds = {engine_get_plan(chat->engine)->ctx, left};
    bool good = request_read(chat->model, replacement, persona ? &persona->options : chat->options, &bounds, whole,
                             &reply->request, err);
    json_decref(whole);
    const struct options *options = &reply->request.options;
    if (good) {
        bool constrained = constrain_needed(reply->request.constraint, &reply->request.markup);
        const struct option_value *max_tokens = options_get(options, "max-tokens"), *ctx = options_get(options, "ctx");
        struct sequence_request request = {
            .tokens = reply->request.prompt.ptr,
            .n_tokens = reply->request.prompt.len,
            .max_tokens = max_tokens->given ? (size_t)max_tokens->i : SIZE_MAX,
            .ctx = ctx->given ? (size_t)ctx->i : 0,
            .owner = owner,
            .ignore_eos = options_get(options, "ignore-eos")->flag,
            .stops = reply->request.stops,
            .n_stops = reply->request.n_stops,
            .hash_logits = receipt,
            .sampling = &reply->request.sampling,
            .constraint = constrained ? &reply->constrain.hooks : NULL,
            .user = reply,
        };
        if (reply->request.sampling.logprobs >= 0)
            reply->logprobs = json_array();
        reply->sequence = sequence_new(chat->engine, &request, err); /* says first what costs least to find out */
        good = reply->sequence && (!constrained || start_constraint(chat, reply, err));
    }
    if (good)
        return reply;
    reply_free(reply);
    return NULL;
}

void chat_queue(struct chat *chat, struct reply *reply)
{
    reply->queued = true;
    reply->next = chat->replies;
    chat->replies = reply;
    engine_queue(chat->engine, reply->sequence);
}

struct reply *chat_submit(struct chat *chat, const json_t *json, bool receipt, void *user, struct hob_error *err)
{
    struct reply *reply = chat_prepare(chat, chat->persona, json, receipt, 0, NULL, user, err);
    if (reply)
        chat_queue(chat, reply);
    return reply;
}

void chat_set_persona(struct chat *chat, const struct persona *persona)
{
    chat->persona = persona;
}

bool chat_step(struct chat *chat, chat_event_fn *on_event, void *user)
{
    const struct engine_event *events;
    size_t n;
    engine_step(chat->engine, &events, &n);
    for (size_t i = 0; i < n; i++) {
        struct reply *reply = sequence_user(events[i].sequence);
        if (reply->ended) /* a stop text was found earlier in this step */
            continue;
        switch (events[i].kind) {
        case EVENT_PREFILL:
            on_event(user, &(struct chat_event){.kind = CHAT_PREFILL,
                                                .reply = reply,
                                                .n_done = events[i].n_done,
                                                .n_prompt = events[i].n_prompt});
            break;
        case EVENT_TOKEN:
            if (!reply_token(reply, events[i].id, events[i].is_eog, on_event, user))
                break;
            sequence_finish(reply->sequence);
            reply_end(reply, END_STOP, on_event, user);
            break;
        case EVENT_END:
            reply_end(reply, events[i].reason, on_event, user);
            break;
        }
    }
    return n > 0;
}
