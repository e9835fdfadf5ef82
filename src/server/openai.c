/* SPDX-License-Identifier: Apache-2.0 */
#include "server/openai.h"

#include <stdio.h>

#include "base/error.h"
#include "server/limits.h"
#include "server/ollama.h"
#include "store/name.h"

json_t *openai_error(unsigned status, const char *param, const struct hob_error *err)
{
    const char *type = status == MHD_HTTP_NOT_FOUND               ? "not_found_error"
                       : status == MHD_HTTP_UNAUTHORIZED          ? "authentication_error"
                       : status == MHD_HTTP_FORBIDDEN             ? "permission_error"
                       : status == MHD_HTTP_SERVICE_UNAVAILABLE   ? "overloaded_error"
                       : status >= MHD_HTTP_INTERNAL_SERVER_ERROR ? "api_error"
                                                                  : "invalid_request_error";
    json_t *code = json_null();
    if (status == MHD_HTTP_NOT_FOUND && param && strcmp(param, "model") == 0)
        code = json_string("model_not_found");
    else if (err->status == HOB_LIMIT && strstr(err->text, "the context"))
        code = json_string("context_length_exceeded");
    return json_pack("{s:{s:o, s:s, s:o, s:o}}", "error", "message", json_bytes(str_of(err->text)), "type", type,
                     "param", param ? json_string(param) : json_null(), "code", code);
}

void openai_frame(struct exchange *exchange, const char *event, struct str json)
{
    struct buf text = {0};
    (void)event;
    buf_str(&text, STR("data: "));
    buf_str(&text, json);
    buf_str(&text, STR("\n\n"));
    exchange_write(exchange, buf_view(&text));
    buf_clear(&text);
}

void openai_send(struct generation *g, json_t *json)
{
    struct buf text = {0};
    json_write(json, &text);
    json_decref(json);
    openai_frame(g->exchange, NULL, buf_view(&text));
    buf_clear(&text);
}

json_t *openai_usage(const struct generation *g)
{
    struct usage usage = generation_usage(g);
    return json_pack("{s:I, s:I, s:I, s:{s:I}, s:{s:I}}", "prompt_tokens", (json_int_t)usage.prompt,
                     "completion_tokens", (json_int_t)usage.generated, "total_tokens",
                     (json_int_t)(usage.prompt + usage.generated), "prompt_tokens_details", "cached_tokens",
                     (json_int_t)usage.cached, "completion_tokens_details", "reasoning_tokens",
                     (json_int_t)usage.thinking);
}

json_t *openai_envelope(const struct generation *g, const char *object, json_t *choices)
{
    return json_pack("{s:s, s:s, s:I, s:s, s:s, s:o}", "id", g->id, "object", object, "created",
                     (json_int_t)g->created_s, "model", g->model, "system_fingerprint", "hob-" HOB_VERSION, "choices",
                     choices);
}

void openai_end(struct generation *g, json_t *body)
{
    struct hob_error err;
    if (!g->stream || g->include_usage)
        json_object_set_new(body, "usage", openai_usage(g));
    if (g->receipt && g->n == 1)
        json_object_set_new(body, "receipt", reply_receipt(g->answers[0].reply, &err));
    for (size_t i = 0; g->receipt && i < g->n && g->n > 1; i++) {
        if (i == 0)
            json_object_set_new(body, "receipt", json_array());
        json_array_append_new(json_object_get(body, "receipt"), reply_receipt(g->answers[i].reply, &err));
    }
    if (!g->stream) {
        exchange_answer_json(g->exchange, MHD_HTTP_OK, body);
        return;
    }
    if (g->include_usage || g->receipt)
        openai_send(g, json_incref(body));
    json_decref(body);
    exchange_write(g->exchange, STR("data: [DONE]\n\n"));
    exchange_end(g->exchange);
}

json_t *openai_prompt_ids(const struct answer *answer)
{
    size_t n_prompt, n_generated;
    const int32_t *tokens = reply_tokens(answer->reply, &n_prompt, &n_generated);
    json_t *ids = json_array();
    for (size_t i = 0; i < n_prompt; i++)
        json_array_append_new(ids, json_integer(tokens[i]));
    return ids;
}

json_t *openai_with_ids(struct answer *answer, json_t *choice)
{
    size_t n_prompt, n_generated;
    if (!answer->generation->return_ids)
        return choice;
    const int32_t *tokens = reply_tokens(answer->reply, &n_prompt, &n_generated);
    json_t *ids = json_array();
    for (; answer->n_told < n_generated; answer->n_told++)
        json_array_append_new(ids, json_integer(tokens[n_prompt + answer->n_told]));
    json_object_set_new(choice, "token_ids", ids);
    return choice;
}

const char *openai_reason(const struct answer *answer)
{
    const char *reason = reply_finish_reason(answer->reply);
    return strcmp(reason, "cancelled") == 0 ? "stop" : reason;
}

json_t *openai_calls(const struct answer *answer)
{
    const json_t *calls = reply_calls(answer->reply);
    json_t *list = json_array_size(calls) ? json_array() : NULL;
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *call = json_array_get(calls, i);
        char id[48];
        answer_call_id(answer, call, id);
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:{s:O, s:o}}", "id", id, "type", "function", "function", "name",
                                        json_object_get(call, "name"), "arguments", answer_call_arguments(call)));
    }
    return list;
}

bool openai_constraint(struct generation *g, json_t *constraint, struct hob_error *err)
{
    bool good = field_constraint(g, constraint, err);
    json_decref(constraint);
    return good;
}

bool openai_schema(struct generation *g, const json_t *schema, struct hob_error *err)
{
    if (!json_is_object(schema) && !json_is_boolean(schema))
        return error_set(err, HOB_USAGE, "%s: want a JSON schema", g->param);
    return openai_constraint(g, json_pack("{s:O}", "schema", schema), err);
}

bool openai_response_format(struct generation *g, const json_t *value, struct hob_error *err)
{
    const json_t *type = json_object_get(value, "type"), *inner = json_object_get(value, "json_schema");
    if (str_eq(json_span(type), STR("text")))
        return true;
    if (str_eq(json_span(type), STR("json_object"))) {
        const json_t *schema = json_object_get(value, "schema"); /* as llama.cpp has it */
        return json_is_object(schema) ? openai_schema(g, schema, err)
                                      : openai_constraint(g, json_pack("{s:b}", "json_object", 1), err);
    }
    if (!str_eq(json_span(type), STR("json_schema")))
        return error_set(err, HOB_USAGE, "response_format.type: want text, json_object or json_schema");
    const json_t *schema = json_object_get(inner ? inner : value, "schema"); /* responses have no object around it */
    return schema ? openai_schema(g, schema, err)
                  : error_set(err, HOB_USAGE, "response_format.json_schema.schema: is missing");
}

static bool read_n(struct generation *g, const json_t *value, struct hob_error *err)
{
    long long most = limits[LIMIT_CHOICES].value;
    g->n = (size_t)json_integer_value(value);
    return (g->n >= 1 && g->n <= (size_t)most) ||
           error_set(err, HOB_USAGE, "n: want a whole number in [1, %lld]", most);
}

static bool read_stream_options(struct generation *g, const json_t *value, struct hob_error *err)
{
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member)
    {
        if (strcmp(key, "include_usage") == 0) {
            g->include_usage = json_is_true(member);
            if (!json_is_null(member) && !json_is_boolean(member))
                return error_set(err, HOB_USAGE, "stream_options.include_usage: want true or false");
        } else if (!json_is_null(member)) {
            exchange_ignore(g->exchange, key);
        }
    }
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

const struct field openai_fields[] = {
    {"stream_options", FIELD_OBJECT, .read = read_stream_options},
    {"n", FIELD_WHOLE, .max = 128, .read = read_n},
    {"modalities", FIELD_ARRAY, .read = read_modalities},
    {"return_token_ids", FIELD_BOOL, .flag = FIELD_FLAG(return_ids)}, /* as vLLM has it */
    {"response_format", FIELD_OBJECT, .read = openai_response_format},
    {0},
};

const struct field openai_advisory[] = {
    {"user", FIELD_STRING},
    {"store", FIELD_BOOL},
    {"metadata", FIELD_OBJECT},
    {"service_tier", FIELD_STRING},
    {"prompt_cache_key", FIELD_STRING},
    {"prompt_cache_retention", FIELD_STRING},
    {"safety_identifier", FIELD_STRING},
    {"verbosity", FIELD_STRING},
    {"prediction", FIELD_OBJECT},
    {"stream_options", FIELD_OBJECT},
    {"cache_prompt", FIELD_BOOL},
    {"id_slot", FIELD_WHOLE},
    {"timings_per_token", FIELD_BOOL},
    {"return_progress", FIELD_BOOL},
    {"reasoning_format", FIELD_STRING},
    {"num_ctx", FIELD_WHOLE},
    {"title", FIELD_STRING},
    {"strict", FIELD_BOOL},
    {0},
};

/* A model as a list shows it. */
static json_t *model_json(const struct library_entry *entry)
{
    json_t *json = json_object();
    json_object_set_new(json, "id", json_bytes(name_shown(entry->name, true)));
    json_object_set_new(json, "object", json_string("model"));
    json_object_set_new(json, "created", json_integer(entry->modified_s));
    json_object_set_new(json, "owned_by", json_string("library"));
    json_object_set_new(json, "type", json_string("model")); /* from here on as Anthropic has it */
    json_object_set_new(json, "display_name", json_bytes(name_shown(entry->name, true)));
    json_object_set_new(json, "created_at", ollama_time(entry->modified_s, 0));
    return json;
}

void openai_models(struct exchange *exchange)
{
    struct arena arena = {0};
    struct library_entry *entries;
    struct hob_error err;
    size_t n;
    if (library_list(&arena, &entries, &n, &err)) {
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(list, model_json(&entries[i]));
        exchange_answer_json(exchange, MHD_HTTP_OK,
                             json_pack("{s:s, s:o, s:b, s:s, s:s}", "object", "list", "data", list, "has_more", 0,
                                       "first_id", "", "last_id", ""));
    } else {
        exchange_fail(exchange, exchange_status(&err), NULL, &err);
    }
    arena_clear(&arena);
}

void openai_model(struct exchange *exchange)
{
    struct arena arena = {0};
    struct library_entry entry;
    struct hob_error err;
    if (library_find(&arena, str_of(exchange->tail), &entry, &err)) {
        exchange_answer_json(exchange, MHD_HTTP_OK, model_json(&entry));
    } else {
        error_set(&err, HOB_NOT_FOUND, "model '%s' not found", exchange->tail);
        exchange_fail(exchange, MHD_HTTP_NOT_FOUND, "model", &err);
    }
    arena_clear(&arena);
}
