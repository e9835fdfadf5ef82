/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v1/chat/completions
 */
#include <stdio.h>

#include "base/error.h"
#include "server/messages.h"
#include "server/openai.h"
#include "server/tools.h"

static const struct field fields[] = {
    {"messages", FIELD_ARRAY, .required = true, .read = messages_openai},
    {"tools", FIELD_ARRAY, .read = tools_nested},
    {"tool_choice", FIELD_STRING | FIELD_OBJECT, .read = tool_choice_openai},
    {"parallel_tool_calls", FIELD_BOOL, .request = "parallel_tool_calls"},
    {"logprobs", FIELD_BOOL, .flag = FIELD_FLAG(wants_logprobs)},
    {"top_logprobs", FIELD_WHOLE, .max = 20, .request = "logprobs"},
    {"reasoning_effort", FIELD_STRING, .read = field_think},
    {"reasoning", FIELD_OBJECT | FIELD_BOOL, .read = field_think},
    {"think", FIELD_BOOL | FIELD_STRING, .read = field_think},
    {"chat_template_kwargs", FIELD_OBJECT, .read = field_template_variables},
    {0},
};

static bool finish(struct generation *g, struct hob_error *err)
{
    make_id("chatcmpl-", g->id, sizeof g->id);
    return fields_logprobs(g, err);
}

/* What log probabilities came, or null. */
static json_t *logprobs(struct answer *answer)
{
    return answer->generation->wants_logprobs && answer->reply
               ? json_pack("{s:o, s:n}", "content", answer_logprobs(answer), "refusal")
               : json_null();
}

/* A chunk of a stream. Takes `delta`. */
static void send_delta(struct answer *answer, json_t *delta, const char *reason)
{
    struct generation *g = answer->generation;
    json_t *choice = json_pack("{s:I, s:o, s:o, s:o}", "index", (json_int_t)answer->index, "delta", delta, "logprobs",
                               logprobs(answer), "finish_reason", reason ? json_string(reason) : json_null());
    json_t *chunk = openai_envelope(g, "chat.completion.chunk", json_pack("[o]", openai_with_ids(answer, choice)));
    if (g->include_usage)
        json_object_set_new(chunk, "usage", json_null());
    if (g->return_ids && json_object_get(delta, "role"))
        json_object_set_new(chunk, "prompt_token_ids", openai_prompt_ids(answer));
    openai_send(g, chunk);
}

static void begin(struct generation *g)
{
    for (size_t i = 0; i < g->n; i++)
        send_delta(&g->answers[i], json_pack("{s:s, s:s}", "role", "assistant", "content", ""), NULL);
}

static void event(struct answer *answer, const struct chat_event *e)
{
    if (e->kind == CHAT_TEXT)
        send_delta(answer, json_pack("{s:o}", "content", json_bytes(e->text)), NULL);
    else if (e->kind == CHAT_THINKING)
        send_delta(answer, json_pack("{s:o}", "reasoning_content", json_bytes(e->text)), NULL);
    else if (e->kind == CHAT_CALL_BEGIN)
        send_delta(answer,
                   json_pack("{s:[{s:I, s:s, s:s, s:{s:o, s:s}}]}", "tool_calls", "index", (json_int_t)answer->n_calls,
                             "id", answer->call_id, "type", "function", "function", "name", json_bytes(e->text),
                             "arguments", ""),
                   NULL);
    else if (e->kind == CHAT_CALL_ARGUMENTS)
        send_delta(answer,
                   json_pack("{s:[{s:I, s:{s:o}}]}", "tool_calls", "index", (json_int_t)answer->n_calls, "function",
                             "arguments", json_bytes(e->text)),
                   NULL);
    else if (e->kind == CHAT_END && reply_error(e->reply)->status == HOB_OK)
        send_delta(answer, json_object(), openai_reason(answer));
}

static json_t *message_json(struct answer *answer)
{
    struct str text = reply_text(answer->reply), thinking = reply_thinking(answer->reply);
    json_t *calls = openai_calls(answer), *message = json_object();
    json_object_set_new(message, "role", json_string("assistant"));
    json_object_set_new(message, "content", calls && text.len == 0 ? json_null() : json_bytes(text));
    json_object_set_new(message, "refusal", json_null());
    if (thinking.len)
        json_object_set_new(message, "reasoning_content", json_bytes(thinking));
    if (calls)
        json_object_set_new(message, "tool_calls", calls);
    return message;
}

static void end(struct generation *g)
{
    json_t *choices = json_array(), *body;
    for (size_t i = 0; i < g->n && !g->stream; i++) {
        struct answer *answer = &g->answers[i];
        json_t *choice = json_pack("{s:I, s:o, s:o, s:s}", "index", (json_int_t)i, "message", message_json(answer),
                                   "logprobs", logprobs(answer), "finish_reason", openai_reason(answer));
        json_array_append_new(choices, openai_with_ids(answer, choice));
    }
    body = openai_envelope(g, g->stream ? "chat.completion.chunk" : "chat.completion", choices);
    if (g->return_ids && !g->stream)
        json_object_set_new(body, "prompt_token_ids", openai_prompt_ids(&g->answers[0]));
    openai_end(g, body);
}

const struct dialect openai_chat_dialect = {
    .name = "openai",
    .stream_type = "text/event-stream",
    .ping = ": waiting\n\n",
    .call_prefix = "call_",
    .frame = openai_frame,
    .error = openai_error,
    .fields = (const struct field *const[]){fields, openai_fields, fields_model, fields_reply, openai_added,
                                            openai_advisory, NULL},
    .options = DIALECT_OPENAI,
    .finish = finish,
    .begin = begin,
    .event = event,
    .end = end,
};
