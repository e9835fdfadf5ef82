/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v1/completions
 */
#include "base/error.h"
#include "server/fields.h"
#include "server/openai.h"

/* A text, or ids; an array of one of either. */
static bool read_prompt(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (json_is_array(value) && json_array_size(value) == 1 && !json_is_integer(json_array_get(value, 0)))
        value = json_array_get(value, 0);
    if (json_is_string(value)) {
        json_object_set(g->request, "prompt", (json_t *)value);
        return true;
    }
    if (!json_is_array(value) || json_array_size(value) == 0 || !json_is_integer(json_array_get(value, 0)))
        return error_set(err, HOB_USAGE, "prompt: want a string or an array of token ids; of several, a request each");
    json_object_set(g->request, "tokens", (json_t *)value);
    return true;
}

static bool read_logprobs(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > 20)
        return error_set(err, HOB_USAGE, "logprobs: want a whole number in [0, 20]");
    g->wants_logprobs = true;
    json_object_set(g->request, "logprobs", (json_t *)value);
    return true;
}

static bool read_echo(struct generation *g, const json_t *value, struct hob_error *err)
{
    bool echo;
    (void)g;
    if (!field_bool(value, &echo, err))
        return error_prefix(err, "echo");
    return !echo || error_set(err, HOB_USAGE, "echo: is not supported");
}

static bool read_best_of(struct generation *g, const json_t *value, struct hob_error *err)
{
    (void)g;
    return json_integer_value(value) == 1 || error_set(err, HOB_USAGE, "best_of: want 1; n gives several replies");
}

static bool read_suffix(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (!json_is_string(value))
        return error_set(err, HOB_USAGE, "suffix: want a string");
    if (json_string_length(value))
        json_object_set(g->extra, "suffix", (json_t *)value);
    return true;
}

static const struct field fields[] = {
    {"model", field_model, "string"},
    {"prompt", read_prompt, NULL},
    {"suffix", read_suffix, "string"},
    {"stream", field_stream, "boolean"},
    {"stream_options", openai_stream_options, "object"},
    {"n", openai_n, "integer"},
    {"logprobs", read_logprobs, "integer"},
    {"echo", read_echo, "boolean"},
    {"best_of", read_best_of, "integer"},
    {"response_format", openai_response_format, "object"},
    {"structured_outputs", openai_structured_outputs, "object"},
    {"json_schema", openai_json_schema, "object"},
    {"grammar", openai_grammar, "string"},
    {"keep_alive", field_keep_alive, NULL},
    {"receipt", field_receipt, "boolean"},
    {"constraint", field_constraint, "object"},
    {"user", NULL, "string"},
    {"cache_prompt", NULL, "boolean"},
    {"id_slot", NULL, "integer"},
    {0},
};

static bool finish(struct generation *g, struct hob_error *err)
{
    if (!json_object_get(g->request, "prompt") && !json_object_get(g->request, "tokens")) {
        g->param = "prompt";
        return error_set(err, HOB_USAGE, "prompt: is missing");
    }
    if (!json_object_get(g->request, "max_tokens")) /* as OpenAI has it */
        json_object_set_new(g->request, "max_tokens", json_integer(16));
    make_id("cmpl-", g->id, sizeof g->id);
    return true;
}

/* {"tokens", "token_logprobs", "top_logprobs", "text_offset"} of what came since the last. */
static json_t *logprobs(struct answer *answer)
{
    json_t *chat = openai_logprobs(answer, &answer->n_logged), *content = json_object_get(chat, "content");
    json_t *tokens = json_array(), *values = json_array(), *tops = json_array(), *offsets = json_array();
    json_int_t offset = 0;
    for (size_t i = 0; i < json_array_size(content); i++) {
        const json_t *entry = json_array_get(content, i), *top = json_object_get(entry, "top_logprobs");
        json_t *best = json_object();
        for (size_t k = 0; k < json_array_size(top); k++)
            json_object_set(best, json_string_value(json_object_get(json_array_get(top, k), "token")),
                            json_object_get(json_array_get(top, k), "logprob"));
        json_array_append(tokens, json_object_get(entry, "token"));
        json_array_append(values, json_object_get(entry, "logprob"));
        json_array_append_new(tops, best);
        json_array_append_new(offsets, json_integer(offset));
        offset += (json_int_t)json_string_length(json_object_get(entry, "token"));
    }
    json_decref(chat);
    return json_pack("{s:o, s:o, s:o, s:o}", "tokens", tokens, "token_logprobs", values, "top_logprobs", tops,
                     "text_offset", offsets);
}

static json_t *choice(struct answer *answer, struct str text, const char *reason)
{
    return json_pack("{s:o, s:I, s:o, s:o}", "text", json_bytes(text), "index", (json_int_t)answer->index, "logprobs",
                     answer->generation->wants_logprobs ? logprobs(answer) : json_null(), "finish_reason",
                     reason ? json_string(reason) : json_null());
}

static json_t *envelope(const struct generation *g, json_t *choices)
{
    return json_pack("{s:s, s:s, s:I, s:s, s:s, s:o}", "id", g->id, "object", "text_completion", "created",
                     (json_int_t)g->created_s, "model", g->model, "system_fingerprint", "hob-" HOB_VERSION, "choices",
                     choices);
}

static void event(struct answer *answer, const struct chat_event *e)
{
    struct generation *g = answer->generation;
    if (e->kind == CHAT_TEXT)
        openai_send(g, envelope(g, json_pack("[o]", choice(answer, e->text, NULL))));
    else if (e->kind == CHAT_END && reply_error(e->reply)->status == HOB_OK)
        openai_send(g, envelope(g, json_pack("[o]", choice(answer, STR(""), openai_reason(answer)))));
}

static void end(struct generation *g)
{
    struct hob_error err;
    json_t *choices = json_array();
    for (size_t i = 0; i < g->n && !g->stream; i++)
        json_array_append_new(choices,
                              choice(&g->answers[i], reply_text(g->answers[i].reply), openai_reason(&g->answers[i])));
    json_t *body = envelope(g, choices);
    json_object_set_new(body, "usage", openai_usage(g));
    if (g->receipt && g->n == 1)
        json_object_set_new(body, "receipt", reply_receipt(g->answers[0].reply, &err));
    if (!g->stream) {
        exchange_answer_json(g->exchange, MHD_HTTP_OK, body);
        return;
    }
    if (g->include_usage || g->receipt)
        openai_send(g, body);
    else
        json_decref(body);
    exchange_write(g->exchange, STR("data: [DONE]\n\n"));
    exchange_end(g->exchange);
}

const struct dialect openai_completions_dialect = {
    .name = "openai completions",
    .stream_type = "text/event-stream",
    .ping = ": waiting\n\n",
    .frame = openai_frame,
    .error = openai_error,
    .fields = fields,
    .options = DIALECT_OPENAI,
    .finish = finish,
    .event = event,
    .end = end,
};
