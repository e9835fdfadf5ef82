/* SPDX-License-Identifier: Apache-2.0 */
#include "chat/reply.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/sha256.h"

/* Who hears of a reply's parts. */
struct listener {
    struct reply *reply;
    chat_event_fn *on_event;
    void *user;
};

/* Keeps and tells what the parser found. */
static void on_part(void *user, const struct reply_event *part)
{
    static const enum chat_event_kind kinds[] = {
        [REPLY_THINKING] = CHAT_THINKING,     [REPLY_TEXT] = CHAT_TEXT,
        [REPLY_CALL_BEGIN] = CHAT_CALL_BEGIN, [REPLY_CALL_ARGUMENTS] = CHAT_CALL_ARGUMENTS,
        [REPLY_CALL_END] = CHAT_CALL_END,
    };
    const struct listener *listener = user;
    struct reply *reply = listener->reply;
    reply_parts_add(&reply->parts, part);
    struct chat_event event = {
        .kind = kinds[part->kind],
        .reply = reply,
        .text = part->text,
        .id = part->id,
        .cut = part->state == REPLY_CALL_CUT,
        .broken = part->state == REPLY_CALL_BROKEN,
    };
    listener->on_event(listener->user, &event);
}

/* The first stop text in the bytes that are not sure, from `from`; sets *at. */
static const char *find_stop(const struct reply *reply, size_t from, size_t *at)
{
    const struct option_list *stops = &options_get(&reply->request.options, "stop")->list;
    const char *found = NULL;
    *at = SIZE_MAX;
    for (size_t i = 0; i < stops->n; i++) {
        size_t where = stops->texts[i][0] ? str_find(buf_view(&reply->raw), str_of(stops->texts[i]), from) : SIZE_MAX;
        if (where < *at) {
            *at = where;
            found = stops->texts[i];
        }
    }
    return found;
}

/* Where the text ends that the stop text found at `at` ends. */
static size_t end_of_stop(const struct reply *reply, size_t at)
{
    return at + (options_get(&reply->request.options, "include-stop")->flag ? strlen(reply->stop) : 0);
}

/* Whether it is too early for a stop text. */
static bool is_early(const struct reply *reply)
{
    size_t n_prompt, n_generated;
    sequence_tokens(reply->sequence, &n_prompt, &n_generated);
    return (int64_t)n_generated <= options_get(&reply->request.options, "min-tokens")->i;
}

/* How many bytes at the end may be the start of a stop text. */
static size_t possible_stop(const struct reply *reply)
{
    const struct option_list *stops = &options_get(&reply->request.options, "stop")->list;
    size_t longest = 0;
    for (size_t i = 0; i < stops->n; i++) {
        struct str stop = str_of(stops->texts[i]), tail = buf_view(&reply->raw);
        size_t n = stop.len ? stop.len - 1 : 0;
        for (n = n < tail.len - reply->n_sure ? n : tail.len - reply->n_sure; n > longest; n--)
            if (memcmp(tail.ptr + tail.len - n, stop.ptr, n) == 0)
                longest = n;
    }
    return longest;
}

/* Hands bytes up to `end` to the parser. */
static void make_sure(struct reply *reply, size_t end, struct listener *listener)
{
    if (end == reply->n_sure) /* the buffer may be nowhere yet */
        return;
    struct str sure = {reply->raw.ptr + reply->n_sure, end - reply->n_sure};
    reply->n_sure = end;
    reply_parser_add(reply->request.parser, sure, on_part, listener);
}

/* Whether the token's text is shown though it is a control token: markup that the parser must see. */
static bool is_markup(const struct reply *reply, const struct tokenizer *tokenizer, int32_t id)
{
    const struct markup *markup = &reply->request.markup;
    return markup->json && tokenizer_type(tokenizer, id) == TOKEN_CONTROL &&
           reply_format_wants(markup->demand.form.format, tokenizer_text(tokenizer, id));
}

/* The text a token stands for, control tokens by their names. */
static json_t *piece_json(const struct tokenizer *tokenizer, int32_t id)
{
    struct buf piece = {0};
    tokenizer_piece(tokenizer, id, true, &piece);
    json_t *json = json_bytes(buf_view(&piece));
    buf_clear(&piece);
    return json;
}

/* Adds the last token's log probabilities. */
static void add_logprobs(struct reply *reply, int32_t id)
{
    const struct sampler *sampler = sequence_sampler(reply->sequence);
    const struct tokenizer *tokenizer = reply->chat->model->tokenizer;
    size_t n;
    const struct token_logprob *top = sampler_top_logprobs(sampler, &n);
    json_t *list = json_array(), *entry = json_object();
    for (size_t i = 0; i < n; i++) {
        json_t *one = json_object();
        json_object_set_new(one, "id", json_integer(top[i].id));
        if (tokenizer)
            json_object_set_new(one, "token", piece_json(tokenizer, top[i].id));
        json_object_set_new(one, "logprob", json_real(top[i].logprob));
        json_array_append_new(list, one);
    }
    json_object_set_new(entry, "id", json_integer(id));
    if (tokenizer)
        json_object_set_new(entry, "token", piece_json(tokenizer, id));
    json_object_set_new(entry, "logprob", json_real(sampler_chosen_logprob(sampler)));
    json_object_set_new(entry, "top", list);
    json_array_append_new(reply->logprobs, entry);
}

bool reply_token(struct reply *reply, int32_t id, bool is_eog, chat_event_fn *on_event, void *user)
{
    struct listener listener = {reply, on_event, user};
    const struct tokenizer *tokenizer = reply->chat->model->tokenizer;
    if (reply->logprobs)
        add_logprobs(reply, id);
    if (!tokenizer || (is_eog && !options_get(&reply->request.options, "include-stop")->flag))
        return false;
    size_t at;
    detokenizer_add(&reply->detokenizer, tokenizer, id, is_markup(reply, tokenizer, id), &reply->raw);
    bool early = is_early(reply);
    reply->stop = early ? NULL : find_stop(reply, reply->n_sure, &at);
    if (reply->stop) {
        reply->raw.len = end_of_stop(reply, at);
        make_sure(reply, reply->raw.len, &listener);
        return true;
    }
    make_sure(reply, reply->raw.len - (early ? 0 : possible_stop(reply)), &listener);
    return false;
}

/* Tells the text that was held back, for no stop text is in it. */
static void tell_rest(struct reply *reply, struct listener *listener)
{
    size_t at;
    if (!reply->stop) {
        detokenizer_end(&reply->detokenizer, &reply->raw);
        reply->stop = find_stop(reply, reply->n_sure, &at);
        if (reply->stop) {
            reply->raw.len = end_of_stop(reply, at);
            reply->reason = END_STOP;
        }
        make_sure(reply, reply->raw.len, listener);
    }
    reply_parser_end(reply->request.parser, on_part, listener);
}

void reply_end(struct reply *reply, enum end_reason reason, chat_event_fn *on_event, void *user)
{
    struct listener listener = {reply, on_event, user};
    reply->ended = true;
    reply->reason = reason;
    if (!reply->embeds)
        tell_rest(reply, &listener);
    if (reason == END_ERROR)
        reply->error = *sequence_error(reply->sequence);
    else if (!reply->embeds && (reply->raw.failed || reply->parts.failed || reply_parser_failed(reply->request.parser)))
        error_memory(&reply->error, reply->raw.len);
    on_event(user, &(struct chat_event){.kind = CHAT_END, .reply = reply});
}

void reply_cancel(struct reply *reply)
{
    sequence_cancel(reply->sequence);
}

void *reply_user(const struct reply *reply)
{
    return reply->user;
}

const struct hob_error *reply_error(const struct reply *reply)
{
    return &reply->error;
}

const char *reply_finish_reason(const struct reply *reply)
{
    static const char *const names[] = {
        [END_STOP] = "stop", [END_LENGTH] = "length", [END_CANCELLED] = "cancelled", [END_ERROR] = "error"};
    return reply->reason == END_STOP && reply_parts_calls(&reply->parts) ? "tool_calls" : names[reply->reason];
}

struct str reply_text(const struct reply *reply)
{
    return buf_view(&reply->parts.text);
}

struct str reply_thinking(const struct reply *reply)
{
    return buf_view(&reply->parts.thinking);
}

const json_t *reply_calls(const struct reply *reply)
{
    return reply->parts.calls;
}

struct sequence_timings reply_timings(const struct reply *reply)
{
    return sequence_timings(reply->sequence);
}

const char *reply_stop(const struct reply *reply)
{
    return reply->stop;
}

const int32_t *reply_tokens(const struct reply *reply, size_t *n_prompt, size_t *n_generated)
{
    return sequence_tokens(reply->sequence, n_prompt, n_generated);
}

bool reply_holds_calls(const struct reply *reply)
{
    return reply->constrain.holds_calls;
}

const json_t *reply_logprobs(const struct reply *reply)
{
    return reply->logprobs;
}

static json_t *ids_json(const int32_t *ids, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_integer(ids[i]));
    return list;
}

static json_t *timings_json(const struct reply *reply)
{
    struct sequence_timings t = sequence_timings(reply->sequence);
    return json_pack("{s:f, s:I, s:f, s:I, s:I, s:f}", "load_ms", reply->chat->load_ms, "prefill_tokens",
                     (json_int_t)t.prefill_tokens, "prefill_ms", t.prefill_ms, "cached_tokens",
                     (json_int_t)t.cached_tokens, "decode_tokens", (json_int_t)t.decode_tokens, "decode_ms",
                     t.decode_ms);
}

/* All that is needed to run the reply again, and what it gave. */
json_t *reply_receipt(struct reply *reply, struct hob_error *err)
{
    const struct engine *engine = reply->chat->engine;
    size_t n_prompt, n_generated;
    char text[65], logits[65];
    struct sha256 *sha = sha256_new();
    if (!sha) {
        error_memory(err, 256);
        return NULL;
    }
    if (!chat_digest(reply->chat, NULL, NULL, err)) {
        sha256_free(sha);
        return NULL;
    }
    sha256_add(sha, reply->raw.ptr, reply->raw.len);
    sha256_hex(sha, text);
    sha256_free(sha);
    sequence_logits_sha256(reply->sequence, logits);
    const int32_t *tokens = sequence_tokens(reply->sequence, &n_prompt, &n_generated);
    json_t *receipt = json_object(), *options = options_json(&reply->request.options);
    static const char *const caches[] = {[CACHE_F16] = "f16", [CACHE_Q8_0] = "q8_0", [CACHE_F32] = "f32"};
    json_object_set_new(options, "kv", json_string(caches[engine_get_plan(engine)->kv]));
    json_object_set_new(options, "ctx", json_integer((json_int_t)engine_get_plan(engine)->ctx));
    json_object_set_new(receipt, "hob", json_string(HOB_VERSION));
    json_object_set_new(receipt, "model_sha256", json_string(reply->chat->digest));
    json_object_set_new(receipt, "prompt_tokens", ids_json(tokens, n_prompt));
    json_object_set_new(receipt, "now", json_integer(reply->request.now));
    json_object_set_new(receipt, "options", options);
    if (reply->request.constraint)
        json_object_set(receipt, "constraint", reply->request.constraint);
    if (reply->request.markup.json)
        json_object_set(receipt, "markup", reply->request.markup.json);
    json_object_set_new(receipt, "seed", json_incref(json_object_get(options, "seed")));
    json_object_set_new(receipt, "reply_sha256", json_string(text));
    json_object_set_new(receipt, "logits_sha256", json_string(logits));
    json_object_set_new(receipt, "device", json_sprintf("cpu %s", engine_kernels(engine)->name));
    return receipt;
}

json_t *reply_json(struct reply *reply, struct hob_error *err)
{
    json_t *json = json_object();
    if (!json) {
        error_memory(err, 64);
        return NULL;
    }
    if (reply->request.id)
        json_object_set(json, "id", reply->request.id);
    if (reply->error.status != HOB_OK) {
        json_object_set_new(json, "error",
                            json_pack("{s:i, s:o}", "status", (int)reply->error.status, "message",
                                      json_bytes(str_of(reply->error.text))));
        return json;
    }
    size_t n_prompt, n_generated;
    const int32_t *tokens = sequence_tokens(reply->sequence, &n_prompt, &n_generated);
    if (reply->chat->model->tokenizer) {
        json_object_set_new(json, "text", json_bytes(buf_view(&reply->parts.text)));
        if (reply->parts.thinking.len)
            json_object_set_new(json, "thinking", json_bytes(buf_view(&reply->parts.thinking)));
    }
    if (reply->parts.calls)
        json_object_set(json, "tool_calls", reply->parts.calls);
    json_object_set_new(json, "tokens", ids_json(tokens + n_prompt, n_generated));
    json_object_set_new(json, "prompt_tokens", json_integer((json_int_t)n_prompt));
    json_object_set_new(json, "finish_reason", json_string(reply_finish_reason(reply)));
    json_object_set_new(json, "stop", reply->stop ? json_bytes(str_of(reply->stop)) : json_null());
    if (reply->logprobs)
        json_object_set(json, "logprobs", reply->logprobs);
    json_object_set_new(json, "timings", timings_json(reply));
    if (reply->receipt) {
        json_t *receipt = reply_receipt(reply, err);
        if (!receipt) {
            json_decref(json);
            return NULL;
        }
        json_object_set_new(json, "receipt", receipt);
    }
    return json;
}

void reply_free(struct reply *reply)
{
    if (!reply)
        return;
    for (struct reply **at = &reply->chat->replies; reply->queued && *at; at = &(*at)->next)
        if (*at == reply) {
            *at = reply->next;
            break;
        }
    sequence_free(reply->sequence);
    constrain_clear(&reply->constrain);
    request_clear(&reply->request);
    buf_clear(&reply->raw);
    reply_parts_clear(&reply->parts);
    json_decref(reply->logprobs);
    free(reply);
}
