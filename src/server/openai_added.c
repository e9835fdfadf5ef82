/* SPDX-License-Identifier: Apache-2.0
 *
 * What vLLM and llama.cpp add to OpenAI's requests.
 */
#include "base/error.h"
#include "server/openai.h"

/* A schema, or the text of one. */
static bool read_schema(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (!json_is_string(value))
        return openai_schema(g, value, err);
    json_t *copy = json_read(json_span(value), g->param, err);
    bool good = copy && openai_schema(g, copy, err);
    json_decref(copy);
    return good;
}

static bool read_structured_outputs(struct generation *g, const json_t *value, struct hob_error *err)
{
    const json_t *json = json_object_get(value, "json");
    if (json_object_size(value) != 1)
        return error_set(err, HOB_USAGE, "structured_outputs: want one of json, regex, choice, grammar, json_object");
    return json ? read_schema(g, json, err) : field_constraint(g, value, err);
}

static bool read_grammar(struct generation *g, const json_t *value, struct hob_error *err)
{
    return json_string_length(value) == 0 || openai_constraint(g, json_pack("{s:O}", "grammar", value), err);
}

static bool read_regex(struct generation *g, const json_t *value, struct hob_error *err)
{
    return openai_constraint(g, json_pack("{s:O}", "regex", value), err);
}

static bool read_choice(struct generation *g, const json_t *value, struct hob_error *err)
{
    return openai_constraint(g, json_pack("{s:O}", "choice", value), err);
}

static bool read_n_probs(struct generation *g, const json_t *value, struct hob_error *err)
{
    (void)err;
    if (json_integer_value(value) > 0) {
        g->wants_logprobs = true;
        json_object_set(g->request, "logprobs", (json_t *)value);
    }
    return true;
}

/* A list of names as llama.cpp has them, or hob's text of them. */
static bool read_samplers(struct generation *g, const json_t *value, struct hob_error *err)
{
    struct buf text = {0};
    for (size_t i = 0; i < json_array_size(value); i++) {
        struct str name = json_span(json_array_get(value, i));
        if (str_eq(name, STR("typ_p")) || str_eq(name, STR("typical_p")))
            name = STR("typical");
        if (name.len == 0 || memchr(name.ptr, 0, name.len)) {
            buf_clear(&text);
            return error_set(err, HOB_USAGE, "samplers[%zu]: want the name of a sampler", i);
        }
        buf_str(&text, i ? STR(";") : STR(""));
        buf_str(&text, name);
    }
    if (text.len)
        json_object_set_new(g->request, "samplers", json_bytes(buf_view(&text)));
    else if (json_string_length(value) && strlen(json_string_value(value)) == json_string_length(value))
        json_object_set(g->request, "samplers", (json_t *)value);
    buf_clear(&text);
    return true;
}

const struct field openai_added[] = {
    {"structured_outputs", FIELD_OBJECT, .read = read_structured_outputs},
    {"json_schema", FIELD_OBJECT | FIELD_BOOL, .read = openai_schema},
    {"grammar", FIELD_STRING, .read = read_grammar},
    {"guided_json", FIELD_OBJECT | FIELD_BOOL | FIELD_STRING, .read = read_schema},
    {"guided_regex", FIELD_STRING, .read = read_regex},
    {"guided_choice", FIELD_ARRAY, .read = read_choice},
    {"guided_grammar", FIELD_STRING, .read = read_grammar},
    {"samplers", FIELD_STRING | FIELD_ARRAY, .read = read_samplers},
    {"n_probs", FIELD_WHOLE, .max = 20, .read = read_n_probs},
    {"enable_thinking", FIELD_BOOL, .read = field_think},

    /* what cannot change the text */
    {"priority", FIELD_WHOLE},
    {"request_id", FIELD_STRING},
    {"cache_salt", FIELD_STRING},
    {"spaces_between_special_tokens", FIELD_BOOL},
    {"n_keep", FIELD_WHOLE},
    {"n_discard", FIELD_WHOLE, .max = 1 << 30},
    {"n_cache_reuse", FIELD_WHOLE},
    {"backend_sampling", FIELD_BOOL},
    {"verbose", FIELD_BOOL},

    /* what hob does in one way */
    {"logits_processors", .only = "[]"},
    {"skip_special_tokens", .only = "true"},
    {"detokenize", .only = "true"},
    {"length_penalty", .only = "1 1.0"},
    {"use_beam_search", .only = "false"},
    {"early_stopping", .only = "false"},
    {"add_generation_prompt", .only = "true"},
    {"continue_final_message", .only = "false"},
    {"add_special_tokens", .only = "false true"},
    {"documents", .only = "[]"},
    {"include_reasoning", .only = "true"},
    {"return_tokens_as_token_ids", .only = "false"},
    {"return_tokens", .only = "false"},
    {"t_max_predict_ms", .only = "0 -1"},
    {"n_indent", .only = "0"},
    {"post_sampling_probs", .only = "false"},
    {"lora", .only = "[]"},
    {"response_fields", .only = "[]"},
    {"parse_tool_calls", .only = "true"},
    {"thinking_forced_open", .only = "false"},
    {"grammar_lazy", .only = "false"},
    {"reasoning_budget", .only = "-1"},
    {0},
};
