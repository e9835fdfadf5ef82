/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v1/chat/completions
 */
#include <stdio.h>

#include "base/error.h"
#include "server/fields.h"
#include "server/messages.h"
#include "server/openai.h"

static bool read_logprobs(struct generation *g, const json_t *value, struct hob_error *err)
{
    return field_bool(value, &g->wants_logprobs, err) || error_prefix(err, "logprobs");
}

static bool read_top_logprobs(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > 20)
        return error_set(err, HOB_USAGE, "top_logprobs: want a whole number in [0, 20]");
    json_object_set(g->request, "logprobs", (json_t *)value);
    return true;
}

static bool read_think(struct generation *g, const json_t *value, struct hob_error *err)
{
    const json_t *effort = json_object_get(value, "effort");
    if (json_is_object(value))
        return !effort || json_is_null(effort) || field_effort(g, effort, err);
    json_object_set(g->request, "think", (json_t *)value);
    return true;
}

/* What is deprecated, with the value that means nothing. */
static bool read_modalities(struct generation *g, const json_t *value, struct hob_error *err)
{
    (void)g;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!str_eq(json_span(json_array_get(value, i)), STR("text")))
            return error_set(err, HOB_USAGE, "modalities: want [\"text\"]");
    return true;
}

static const struct field fields[] = {
    {"model", field_model, "string"},
    {"messages", messages_openai, "array"},
    {"stream", field_stream, "boolean"},
    {"stream_options", openai_stream_options, "object"},
    {"n", openai_n, "integer"},
    {"tools", field_tools, "array"},
    {"tool_choice", openai_tool_choice, NULL},
    {"parallel_tool_calls", openai_parallel_tool_calls, "boolean"},
    {"response_format", openai_response_format, "object"},
    {"structured_outputs", openai_structured_outputs, "object"},
    {"json_schema", openai_json_schema, "object"},
    {"grammar", openai_grammar, "string"},
    {"logprobs", read_logprobs, "boolean"},
    {"top_logprobs", read_top_logprobs, "integer"},
    {"reasoning_effort", field_effort, "string"},
    {"reasoning", read_think, "object"},
    {"think", read_think, NULL},
    {"chat_template_kwargs", field_template_variables, "object"},
    {"keep_alive", field_keep_alive, NULL},
    {"receipt", field_receipt, "boolean"},
    {"constraint", field_constraint, "object"},
    {"modalities", read_modalities, "array"},
    {"user", NULL, "string"},
    {"store", NULL, "boolean"},
    {"metadata", NULL, "object"},
    {"service_tier", NULL, "string"},
    {"prompt_cache_key", NULL, "string"},
    {"prompt_cache_retention", NULL, "string"},
    {"safety_identifier", NULL, "string"},
    {"verbosity", NULL, "string"},
    {"prediction", NULL, "object"},
    {"cache_prompt", NULL, "boolean"},
    {"id_slot", NULL, "integer"},
    {"timings_per_token", NULL, "boolean"},
    {"return_progress", NULL, "boolean"},
    {"reasoning_format", NULL, "string"},
    {"num_ctx", NULL, "integer"},
    {"title", NULL, "string"},
    {"strict", NULL, "boolean"},
    {0},
};

static bool finish(struct generation *g, struct hob_error *err)
{
    if (!json_object_get(g->request, "messages")) {
        g->param = "messages";
        return error_set(err, HOB_USAGE, "messages: is missing");
    }
    if (!g->wants_logprobs && json_object_get(g->request, "logprobs")) {
        g->param = "top_logprobs";
        return error_set(err, HOB_USAGE, "top_logprobs: wants \"logprobs\": true");
    }
    if (g->wants_logprobs && !json_object_get(g->request, "logprobs"))
        json_object_set_new(g->request, "logprobs", json_integer(0));
    make_id("chatcmpl-", g->id, sizeof g->id);
    return true;
}

static json_t *envelope(const struct generation *g, const char *object, json_t *choices)
{
    return json_pack("{s:s, s:s, s:I, s:s, s:s, s:o}", "id", g->id, "object", object, "created",
                     (json_int_t)g->created_s, "model", g->model, "system_fingerprint", "hob-" HOB_VERSION, "choices",
                     choices);
}

/* A chunk of a stream. Takes `delta`. */
static void send_delta(struct answer *answer, json_t *delta, const char *reason)
{
    struct generation *g = answer->generation;
    json_t *choice =
        json_pack("{s:I, s:o, s:o, s:o}", "index", (json_int_t)answer->index, "delta", delta, "logprobs",
                  g->wants_logprobs && answer->reply ? openai_logprobs(answer, &answer->n_logged) : json_null(),
                  "finish_reason", reason ? json_string(reason) : json_null());
    json_t *chunk = envelope(g, "chat.completion.chunk", json_pack("[o]", choice));
    if (g->include_usage)
        json_object_set_new(chunk, "usage", json_null());
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
    else if (answer_call(answer, e))
        send_delta(answer,
                   json_pack("{s:[{s:I, s:s, s:s, s:{s:o, s:o}}]}", "tool_calls", "index",
                             (json_int_t)(answer->n_calls - 1), "id", answer->call_id, "type", "function", "function",
                             "name", json_bytes(buf_view(&answer->name)), "arguments",
                             json_bytes(buf_view(&answer->arguments))),
                   NULL);
    else if (e->kind == CHAT_END && reply_error(e->reply)->status == HOB_OK)
        send_delta(answer, json_object(), openai_reason(answer));
}

/* The receipts of all answers: one, or an array. */
static void add_receipt(struct generation *g, json_t *to)
{
    struct hob_error err;
    json_t *list = json_array();
    for (size_t i = 0; i < g->n; i++)
        json_array_append_new(list, reply_receipt(g->answers[i].reply, &err));
    json_object_set(to, "receipt", g->n == 1 ? json_array_get(list, 0) : list);
    json_decref(list);
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
    if (g->stream) {
        if (g->include_usage || g->receipt) {
            json_t *chunk = envelope(g, "chat.completion.chunk", json_array());
            json_object_set_new(chunk, "usage", g->include_usage ? openai_usage(g) : json_null());
            if (g->receipt)
                add_receipt(g, chunk);
            openai_send(g, chunk);
        }
        exchange_write(g->exchange, STR("data: [DONE]\n\n"));
        exchange_end(g->exchange);
        return;
    }
    json_t *choices = json_array();
    for (size_t i = 0; i < g->n; i++) {
        struct answer *answer = &g->answers[i];
        json_array_append_new(
            choices, json_pack("{s:I, s:o, s:o, s:s}", "index", (json_int_t)i, "message", message_json(answer),
                               "logprobs", g->wants_logprobs ? openai_logprobs(answer, &answer->n_logged) : json_null(),
                               "finish_reason", openai_reason(answer)));
    }
    json_t *body = envelope(g, "chat.completion", choices);
    json_object_set_new(body, "usage", openai_usage(g));
    if (g->receipt)
        add_receipt(g, body);
    exchange_answer_json(g->exchange, MHD_HTTP_OK, body);
}

const struct dialect openai_chat_dialect = {
    .name = "openai",
    .stream_type = "text/event-stream",
    .ping = ": waiting\n\n",
    .frame = openai_frame,
    .error = openai_error,
    .fields = fields,
    .options = DIALECT_OPENAI,
    .finish = finish,
    .begin = begin,
    .event = event,
    .end = end,
};
