/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v1/completions
 */
#include "base/error.h"
#include "server/openai.h"

/* A text, or ids; an array of one of either. */
static bool read_prompt(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (json_is_array(value) && json_array_size(value) == 1 && !json_is_integer(json_array_get(value, 0)))
        value = json_array_get(value, 0);
    if (!json_is_string(value) && !json_is_integer(json_array_get(value, 0)))
        return error_set(err, HOB_USAGE, "prompt: want a string or an array of token ids; of several, a request each");
    json_object_set(g->request, json_is_string(value) ? "prompt" : "tokens", (json_t *)value);
    return true;
}

static bool read_best_of(struct generation *g, const json_t *value, struct hob_error *err)
{
    (void)g;
    return json_integer_value(value) == 1 || error_set(err, HOB_USAGE, "best_of: want 1; n gives several replies");
}

static const struct field fields[] = {
    {"prompt", FIELD_STRING | FIELD_ARRAY, .required = true, .read = read_prompt},
    {"suffix", FIELD_STRING, .extra = "suffix"},
    {"logprobs", FIELD_WHOLE, .max = 20, .request = "logprobs"},
    {"echo", FIELD_BOOL, .flag = FIELD_FLAG(echo)},
    {"best_of", FIELD_WHOLE, .max = 20, .read = read_best_of},
    {0},
};

static bool finish(struct generation *g, struct hob_error *err)
{
    if (g->echo)
        return error_set(err, HOB_USAGE, "echo: is not supported");
    g->wants_logprobs = json_object_get(g->request, "logprobs") != NULL;
    if (!json_object_get(g->request, "max_tokens")) /* as OpenAI has it */
        json_object_set_new(g->request, "max_tokens", json_integer(16));
    make_id("cmpl-", g->id, sizeof g->id);
    return true;
}

/* {"tokens", "token_logprobs", "top_logprobs", "text_offset"} of what came since the last. */
static json_t *logprobs(struct answer *answer)
{
    json_t *content = answer_logprobs(answer);
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
    json_decref(content);
    return json_pack("{s:o, s:o, s:o, s:o}", "tokens", tokens, "token_logprobs", values, "top_logprobs", tops,
                     "text_offset", offsets);
}

static json_t *choice(struct answer *answer, struct str text, const char *reason)
{
    return json_pack("{s:o, s:I, s:o, s:o}", "text", json_bytes(text), "index", (json_int_t)answer->index, "logprobs",
                     answer->generation->wants_logprobs ? logprobs(answer) : json_null(), "finish_reason",
                     reason ? json_string(reason) : json_null());
}

static void event(struct answer *answer, const struct chat_event *e)
{
    struct generation *g = answer->generation;
    if (e->kind == CHAT_TEXT)
        openai_send(g, openai_envelope(g, "text_completion", json_pack("[o]", choice(answer, e->text, NULL))));
    else if (e->kind == CHAT_END && reply_error(e->reply)->status == HOB_OK)
        openai_send(
            g, openai_envelope(g, "text_completion", json_pack("[o]", choice(answer, STR(""), openai_reason(answer)))));
}

static void end(struct generation *g)
{
    json_t *choices = json_array();
    for (size_t i = 0; i < g->n && !g->stream; i++)
        json_array_append_new(choices,
                              choice(&g->answers[i], reply_text(g->answers[i].reply), openai_reason(&g->answers[i])));
    openai_end(g, openai_envelope(g, "text_completion", choices));
}

const struct dialect openai_completions_dialect = {
    .name = "openai completions",
    .stream_type = "text/event-stream",
    .ping = ": waiting\n\n",
    .frame = openai_frame,
    .error = openai_error,
    .fields = (const struct field *const[]){fields, openai_fields, fields_model, fields_reply, openai_advisory, NULL},
    .options = DIALECT_OPENAI,
    .finish = finish,
    .event = event,
    .end = end,
};
