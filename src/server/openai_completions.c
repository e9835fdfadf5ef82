/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v1/completions
 */
#include "base/error.h"
#include "model/model.h"
#include "server/limits.h"
#include "server/openai.h"
#include "server/resident.h"

/* A text, or ids; or an array of either. */
static bool read_prompt(struct generation *g, const json_t *value, struct hob_error *err)
{
    bool one = json_is_string(value) || json_is_integer(json_array_get(value, 0));
    json_t *prompts = one ? json_pack("[O]", value) : json_incref((json_t *)value);
    json_object_set_new(g->extra, "prompts", prompts);
    g->n_prompts = json_array_size(prompts);
    for (size_t i = 0; i < g->n_prompts; i++) {
        json_t *prompt = json_array_get(prompts, i);
        if (!json_is_string(prompt) && !json_is_integer(json_array_get(prompt, 0)))
            return error_set(err, HOB_USAGE, "prompt: want a string, an array of ids, or an array of either");
        json_object_set(g->request, json_is_string(prompt) ? "prompt" : "tokens", prompt);
    }
    return g->n_prompts > 0 || error_set(err, HOB_USAGE, "prompt: is empty");
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
    g->wants_logprobs = json_object_get(g->request, "logprobs") != NULL;
    if (g->echo && g->wants_logprobs)
        return error_set(err, HOB_USAGE, "echo: not with logprobs, which are of generated tokens alone");
    if (g->n_prompts > 1 && json_object_get(g->extra, "suffix"))
        return error_set(err, HOB_USAGE, "suffix: wants one prompt");
    g->n *= g->n_prompts;
    if (g->n > (size_t)limits[LIMIT_CHOICES].value)
        return error_set(err, HOB_LIMIT, "prompt: %zu replies are asked for, want at most %lld", g->n,
                         limits[LIMIT_CHOICES].value);
    if (!json_object_get(g->request, "max_tokens") && !json_object_get(g->extra, "endless")) /* as OpenAI has it */
        json_object_set_new(g->request, "max_tokens", json_integer(16));
    make_id("cmpl-", g->id, sizeof g->id);
    return true;
}

/* Characters that begin in these bytes, which may be parts of some. */
static size_t count_characters(const json_t *bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(bytes); i++)
        n += (json_integer_value(json_array_get(bytes, i)) & 0xC0) != 0x80;
    return n;
}

/* {"tokens", "token_logprobs", "top_logprobs", "text_offset"} of what came since the last. */
static json_t *logprobs(struct answer *answer)
{
    json_t *content = answer_logprobs(answer);
    json_t *tokens = json_array(), *values = json_array(), *tops = json_array(), *offsets = json_array();
    for (size_t i = 0; i < json_array_size(content); i++) {
        const json_t *entry = json_array_get(content, i), *top = json_object_get(entry, "top_logprobs");
        json_t *best = json_object();
        for (size_t k = 0; k < json_array_size(top); k++)
            json_object_set(best, json_string_value(json_object_get(json_array_get(top, k), "token")),
                            json_object_get(json_array_get(top, k), "logprob"));
        json_array_append(tokens, json_object_get(entry, "token"));
        json_array_append(values, json_object_get(entry, "logprob"));
        json_array_append_new(tops, best);
        json_array_append_new(offsets, json_integer((json_int_t)answer->n_characters));
        answer->n_characters += count_characters(json_object_get(entry, "bytes"));
    }
    json_decref(content);
    return json_pack("{s:o, s:o, s:o, s:o}", "tokens", tokens, "token_logprobs", values, "top_logprobs", tops,
                     "text_offset", offsets);
}

static json_t *choice(struct answer *answer, struct str text, const char *reason)
{
    json_t *choice = json_pack("{s:o, s:I, s:o, s:o}", "text", json_bytes(text), "index", (json_int_t)answer->index,
                               "logprobs", answer->generation->wants_logprobs ? logprobs(answer) : json_null(),
                               "finish_reason", reason ? json_string(reason) : json_null());
    if (answer->generation->return_ids && answer->n_parts++ == 0)
        json_object_set_new(choice, "prompt_token_ids", openai_prompt_ids(answer));
    return openai_with_ids(answer, choice);
}

/* Appends the answer's prompt, which the client wants back. */
static void put_prompt(const struct answer *answer, struct buf *out)
{
    const struct generation *g = answer->generation;
    const json_t *prompts = json_object_get(g->extra, "prompts");
    const json_t *prompt = json_array_get(prompts, answer->index / (g->n / g->n_prompts));
    struct hob_error none;
    struct detokenizer state = {0};
    const struct tokenizer *tokenizer = model_tokenizer(engine_model(chat_engine(resident_chat(g->resident))), &none);
    buf_str(out, json_span(prompt));
    for (size_t i = 0; tokenizer && i < json_array_size(prompt); i++)
        detokenizer_add(&state, tokenizer, (int32_t)json_integer_value(json_array_get(prompt, i)), true, out);
    detokenizer_end(&state, out);
}

static void begin(struct generation *g)
{
    for (size_t i = 0; g->echo && i < g->n; i++) {
        struct buf text = {0};
        put_prompt(&g->answers[i], &text);
        openai_send(
            g, openai_envelope(g, "text_completion", json_pack("[o]", choice(&g->answers[i], buf_view(&text), NULL))));
        buf_clear(&text);
    }
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
    for (size_t i = 0; i < g->n && !g->stream; i++) {
        struct answer *answer = &g->answers[i];
        struct buf text = {0};
        if (g->echo)
            put_prompt(answer, &text);
        buf_str(&text, reply_text(answer->reply));
        json_array_append_new(choices, choice(answer, buf_view(&text), openai_reason(answer)));
        buf_clear(&text);
    }
    openai_end(g, openai_envelope(g, "text_completion", choices));
}

const struct dialect openai_completions_dialect = {
    .name = "openai completions",
    .stream_type = "text/event-stream",
    .ping = ": waiting\n\n",
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
