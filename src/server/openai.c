/* SPDX-License-Identifier: Apache-2.0 */
#include "server/openai.h"

#include <stdio.h>

#include "base/error.h"
#include "model/model.h"
#include "server/fields.h"
#include "server/internal.h"
#include "server/resident.h"
#include "store/facts.h"
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
    return json_pack("{s:I, s:I, s:I, s:{s:I}}", "prompt_tokens", (json_int_t)usage.prompt, "completion_tokens",
                     (json_int_t)usage.generated, "total_tokens", (json_int_t)(usage.prompt + usage.generated),
                     "prompt_tokens_details", "cached_tokens", (json_int_t)usage.cached);
}

/* {"token", "logprob", "bytes"} of an entry of chat/'s. */
static json_t *logprob_json(const struct tokenizer *tokenizer, const json_t *entry)
{
    struct buf bytes = {0};
    json_t *list = json_array(), *json = json_object();
    tokenizer_piece(tokenizer, (int32_t)json_integer_value(json_object_get(entry, "id")), true, &bytes);
    for (size_t i = 0; i < bytes.len; i++)
        json_array_append_new(list, json_integer((unsigned char)bytes.ptr[i]));
    json_object_set_new(json, "token", json_bytes(buf_view(&bytes)));
    json_object_set(json, "logprob", json_object_get(entry, "logprob"));
    json_object_set_new(json, "bytes", list);
    buf_clear(&bytes);
    return json;
}

json_t *openai_logprobs(struct answer *answer, size_t *n)
{
    const json_t *all = reply_logprobs(answer->reply);
    struct hob_error none;
    struct model *model = engine_model(chat_engine(resident_chat(answer->generation->resident)));
    const struct tokenizer *tokenizer = model_tokenizer(model, &none);
    json_t *content = json_array();
    for (; tokenizer && *n < json_array_size(all); ++*n) {
        const json_t *entry = json_array_get(all, *n), *top = json_object_get(entry, "top");
        if (tokenizer_is_eog(tokenizer, (int32_t)json_integer_value(json_object_get(entry, "id"))))
            continue;
        json_t *json = logprob_json(tokenizer, entry), *list = json_array();
        for (size_t i = 0; i < json_array_size(top); i++)
            json_array_append_new(list, logprob_json(tokenizer, json_array_get(top, i)));
        json_object_set_new(json, "top_logprobs", list);
        json_array_append_new(content, json);
    }
    return json_pack("{s:o, s:n}", "content", content, "refusal");
}

const char *openai_reason(const struct answer *answer)
{
    const char *reason = reply_finish_reason(answer->reply);
    return strcmp(reason, "cancelled") == 0 ? "stop" : reason;
}

json_t *openai_calls(const struct answer *answer)
{
    const json_t *calls = reply_calls(answer->reply);
    if (json_array_size(calls) == 0)
        return NULL;
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *call = json_array_get(calls, i), *arguments = json_object_get(call, "arguments");
        struct buf text = {0};
        char id[48];
        make_id("call_", id, 5 + 24 + 1);
        if (json_is_string(arguments))
            buf_str(&text, json_span(arguments));
        else
            json_write(arguments, &text);
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:{s:O, s:o}}", "id", id, "type", "function", "function", "name",
                                        json_object_get(call, "name"), "arguments", json_bytes(buf_view(&text))));
        buf_clear(&text);
    }
    return list;
}

/* Sets the constraint, of which a request has one. */
static bool set_constraint(struct generation *g, json_t *constraint, struct hob_error *err)
{
    if (json_object_get(g->request, "constraint")) {
        json_decref(constraint);
        return error_set(err, HOB_USAGE, "a reply takes one constraint, and this is a second");
    }
    json_object_set_new(g->request, "constraint", constraint);
    return true;
}

bool openai_json_schema(struct generation *g, const json_t *schema, struct hob_error *err)
{
    if (!json_is_object(schema) && !json_is_boolean(schema))
        return error_set(err, HOB_USAGE, "want a JSON schema");
    return set_constraint(g, json_pack("{s:O}", "schema", schema), err);
}

bool openai_response_format(struct generation *g, const json_t *value, struct hob_error *err)
{
    const json_t *type = json_object_get(value, "type"), *schema = json_object_get(value, "json_schema");
    if (str_eq(json_span(type), STR("text")))
        return true;
    if (str_eq(json_span(type), STR("json_object"))) {
        schema = json_object_get(value, "schema"); /* as llama.cpp has it */
        return json_is_object(schema) ? openai_json_schema(g, schema, err)
                                      : set_constraint(g, json_pack("{s:b}", "json_object", 1), err);
    }
    if (!str_eq(json_span(type), STR("json_schema")))
        return error_set(err, HOB_USAGE, "response_format.type: want text, json_object or json_schema");
    if (!schema) /* as responses have it, without the object around */
        schema = value;
    if (json_object_get(schema, "schema"))
        schema = json_object_get(schema, "schema");
    else
        return error_set(err, HOB_USAGE, "response_format.json_schema.schema: is missing");
    return openai_json_schema(g, schema, err);
}

bool openai_structured_outputs(struct generation *g, const json_t *value, struct hob_error *err)
{
    const json_t *json = json_object_get(value, "json");
    json_t *copy;
    if (!json_is_object(value) || json_object_size(value) != 1)
        return error_set(err, HOB_USAGE, "structured_outputs: want one of json, regex, choice, grammar, json_object");
    if (json_is_string(json)) {
        copy = json_read(json_span(json), "structured_outputs.json", err);
        bool good = copy && openai_json_schema(g, copy, err);
        json_decref(copy);
        return good;
    }
    if (json)
        return openai_json_schema(g, json, err);
    return set_constraint(g, json_incref((json_t *)value), err);
}

bool openai_grammar(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (!json_is_string(value))
        return error_set(err, HOB_USAGE, "grammar: want a GBNF grammar");
    return json_string_length(value) == 0 || set_constraint(g, json_pack("{s:O}", "grammar", value), err);
}

bool openai_n(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (!json_is_integer(value) || json_integer_value(value) < 1 || json_integer_value(value) > 64)
        return error_set(err, HOB_USAGE, "n: want a whole number in [1, 64]");
    g->n = (size_t)json_integer_value(value);
    return true;
}

bool openai_stream_options(struct generation *g, const json_t *value, struct hob_error *err)
{
    const char *key;
    json_t *member;
    if (!json_is_object(value))
        return error_set(err, HOB_USAGE, "stream_options: want an object");
    json_object_foreach((json_t *)value, key, member)
    {
        if (strcmp(key, "include_usage") == 0) {
            if (!json_is_null(member) && !field_bool(member, &g->include_usage, err))
                return error_prefix(err, "stream_options.include_usage");
        } else if (!json_is_null(member)) {
            exchange_ignore(g->exchange, key);
        }
    }
    return true;
}

bool openai_tool_choice(struct generation *g, const json_t *value, struct hob_error *err)
{
    const json_t *type = json_object_get(value, "type");
    if (!json_is_string(value) && !json_is_object(value))
        return error_set(err, HOB_USAGE, "tool_choice: want none, auto, required or a function");
    if (str_eq(json_span(type), STR("allowed_tools")))
        return error_set(err, HOB_USAGE, "tool_choice: allowed_tools is not supported; leave out the other tools");
    json_object_set(g->request, "tool_choice", (json_t *)value);
    return true;
}

bool openai_parallel_tool_calls(struct generation *g, const json_t *value, struct hob_error *err)
{
    bool parallel;
    if (!field_bool(value, &parallel, err))
        return error_prefix(err, "parallel_tool_calls");
    json_object_set(g->request, "parallel_tool_calls", (json_t *)value);
    return true;
}

/* A model as a list shows it. */
static json_t *model_json(const struct library_entry *entry)
{
    json_t *json = json_object();
    json_object_set_new(json, "id", json_bytes(name_shown(entry->name, true)));
    json_object_set_new(json, "object", json_string("model"));
    json_object_set_new(json, "created", json_integer(entry->modified_s));
    json_object_set_new(json, "owned_by", json_string("library"));
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
