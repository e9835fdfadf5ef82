/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v1/messages and /v1/messages/count_tokens
 */
#include "server/anthropic.h"

#include <stdio.h>

#include "base/error.h"
#include "server/fields.h"
#include "server/messages.h"
#include "server/tools.h"

static json_t *error_json(unsigned status, const char *param, const struct hob_error *err)
{
    const char *type = status == MHD_HTTP_NOT_FOUND               ? "not_found_error"
                       : status == MHD_HTTP_UNAUTHORIZED          ? "authentication_error"
                       : status == MHD_HTTP_FORBIDDEN             ? "permission_error"
                       : status == MHD_HTTP_CONTENT_TOO_LARGE     ? "request_too_large"
                       : status == MHD_HTTP_SERVICE_UNAVAILABLE   ? "overloaded_error"
                       : status >= MHD_HTTP_INTERNAL_SERVER_ERROR ? "api_error"
                                                                  : "invalid_request_error";
    (void)param;
    return json_pack("{s:s, s:{s:s, s:o}}", "type", "error", "error", "type", type, "message",
                     json_bytes(str_of(err->text)));
}

static void frame(struct exchange *exchange, const char *event, struct str json)
{
    struct buf text = {0};
    buf_format(&text, "event: %s\ndata: ", event);
    buf_str(&text, json);
    buf_str(&text, STR("\n\n"));
    exchange_write(exchange, buf_view(&text));
    buf_clear(&text);
}

/* Writes an event; its "type" is its name. Takes the reference. */
static void put_event(struct generation *g, json_t *json)
{
    struct buf text = {0};
    json_write(json, &text);
    frame(g->exchange, json_string_value(json_object_get(json, "type")), buf_view(&text));
    json_decref(json);
    buf_clear(&text);
}

/* ------------------------------------------------------------------------------------------------------ fields */

static bool read_system(struct generation *g, const json_t *value, struct hob_error *err)
{
    struct buf text = {0};
    bool good = content_text(value, "system", &text, err);
    if (good && text.len)
        json_object_set_new(g->request, "system", json_bytes(buf_view(&text)));
    buf_clear(&text);
    return good;
}

static bool read_thinking(struct generation *g, const json_t *value, struct hob_error *err)
{
    const json_t *type = json_object_get(value, "type");
    bool on = str_eq(json_span(type), STR("enabled")) || str_eq(json_span(type), STR("adaptive"));
    if (!on && !str_eq(json_span(type), STR("disabled")))
        return error_set(err, HOB_USAGE, "thinking.type: want enabled, adaptive or disabled");
    if (json_object_get(value, "budget_tokens"))
        exchange_ignore(g->exchange, "thinking.budget_tokens");
    g->think_name = "thinking";
    if (on && json_is_string(json_object_get(g->request, "think"))) /* output_config gave a level */
        return true;
    json_object_set_new(g->request, "think", json_boolean(on));
    return true;
}

/* {"effort", "format": {"type": "json_schema", "schema"}} */
static bool read_output_config(struct generation *g, const json_t *value, struct hob_error *err)
{
    const json_t *effort = json_object_get(value, "effort"), *format = json_object_get(value, "format");
    const json_t *schema = json_object_get(format, "schema"), *think = json_object_get(g->request, "think");
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member)
    {
        if (strcmp(key, "effort") != 0 && strcmp(key, "format") != 0 && !json_is_null(member))
            exchange_ignore(g->exchange, key);
    }
    if (json_is_string(effort) && !json_is_false(think) && !field_think(g, effort, err))
        return false;
    if (!format || json_is_null(format))
        return true;
    if (!str_eq(json_span(json_object_get(format, "type")), STR("json_schema")) || !schema)
        return error_set(err, HOB_USAGE, "%s.format: want {\"type\": \"json_schema\", \"schema\"}", g->param);
    json_t *constraint = json_pack("{s:O}", "schema", schema);
    bool good = field_constraint(g, constraint, err);
    json_decref(constraint);
    return good;
}

static bool read_output_format(struct generation *g, const json_t *value, struct hob_error *err)
{
    json_t *config = json_pack("{s:O}", "format", value);
    bool good = read_output_config(g, config, err);
    json_decref(config);
    return good;
}

static const struct field fields[] = {
    {"messages", FIELD_ARRAY, .required = true, .read = messages_anthropic},
    {"system", FIELD_STRING | FIELD_ARRAY, .read = read_system},
    {"tools", FIELD_ARRAY, .read = tools_anthropic},
    {"tool_choice", FIELD_OBJECT, .read = tool_choice_anthropic},
    {"thinking", FIELD_OBJECT, .read = read_thinking},
    {"output_config", FIELD_OBJECT, .read = read_output_config},
    {"output_format", FIELD_OBJECT, .read = read_output_format},
    {"metadata", FIELD_OBJECT},
    {"cache_control", FIELD_OBJECT},
    {"context_management", FIELD_OBJECT},
    {"service_tier", FIELD_STRING},
    {"container", FIELD_STRING | FIELD_OBJECT},
    {"mcp_servers", FIELD_ARRAY},
    {"betas", FIELD_ARRAY},
    {"anthropic_beta", FIELD_STRING | FIELD_ARRAY},
    {"inference_geo", FIELD_STRING},
    {"speed", FIELD_STRING},
    {0},
};

static const struct field *const tables[] = {fields, fields_model, fields_reply, NULL};

static bool finish(struct generation *g, struct hob_error *err)
{
    g->param = "max_tokens";
    if (!json_object_get(g->request, "max_tokens"))
        return error_set(err, HOB_USAGE, "max_tokens: is missing");
    if (json_integer_value(json_object_get(g->request, "max_tokens")) < 1)
        return error_set(err, HOB_USAGE, "max_tokens: want at least 1");
    g->param = NULL;
    make_id("msg_", g->id, sizeof g->id);
    return true;
}

/* ------------------------------------------------------------------------------------------------------ stream */

static json_t *usage_json(const struct generation *g, bool at_start)
{
    struct usage usage = generation_usage(g);
    return json_pack("{s:I, s:i, s:I, s:I}", "input_tokens", (json_int_t)(usage.prompt - usage.cached),
                     "cache_creation_input_tokens", 0, "cache_read_input_tokens", (json_int_t)usage.cached,
                     "output_tokens", (json_int_t)(at_start ? 1 : usage.generated));
}

static json_t *message_json(const struct generation *g, json_t *content, bool at_start)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:n, s:n, s:o}", "id", g->id, "type", "message", "role", "assistant",
                     "model", g->model, "content", content, "stop_reason", "stop_sequence", "usage",
                     usage_json(g, at_start));
}

static void begin(struct generation *g)
{
    put_event(g, json_pack("{s:s, s:o}", "type", "message_start", "message", message_json(g, json_array(), true)));
    put_event(g, json_pack("{s:s}", "type", "ping"));
}

enum { OPEN_TEXT, OPEN_THINKING, OPEN_CALL };

static void stop_block(struct answer *answer)
{
    struct generation *g = answer->generation;
    if (answer->open[OPEN_THINKING]) /* no key signs here; clients send it back, and it is taken as it comes */
        put_event(g, json_pack("{s:s, s:I, s:{s:s, s:s}}", "type", "content_block_delta", "index",
                               (json_int_t)answer->n_parts, "delta", "type", "signature_delta", "signature", "hob"));
    if (answer->open[OPEN_TEXT] || answer->open[OPEN_THINKING] || answer->open[OPEN_CALL]) {
        put_event(g, json_pack("{s:s, s:I}", "type", "content_block_stop", "index", (json_int_t)answer->n_parts));
        answer->n_parts++;
    }
    memset(answer->open, 0, sizeof answer->open);
}

/* Takes `block`. */
static void start_block(struct answer *answer, json_t *block)
{
    put_event(answer->generation, json_pack("{s:s, s:I, s:o}", "type", "content_block_start", "index",
                                            (json_int_t)answer->n_parts, "content_block", block));
}

static void send_delta(struct answer *answer, const char *type, const char *key, struct str text)
{
    put_event(answer->generation, json_pack("{s:s, s:I, s:{s:s, s:o}}", "type", "content_block_delta", "index",
                                            (json_int_t)answer->n_parts, "delta", "type", type, key, json_bytes(text)));
}

static void event(struct answer *answer, const struct chat_event *e)
{
    if (e->kind == CHAT_TEXT || e->kind == CHAT_THINKING) {
        int kind = e->kind == CHAT_TEXT ? OPEN_TEXT : OPEN_THINKING;
        if (!answer->open[kind]) {
            stop_block(answer);
            start_block(answer, kind == OPEN_TEXT ? json_pack("{s:s, s:s}", "type", "text", "text", "")
                                                  : json_pack("{s:s, s:s, s:s}", "type", "thinking", "thinking", "",
                                                              "signature", ""));
            answer->open[kind] = true;
        }
        if (kind == OPEN_TEXT)
            send_delta(answer, "text_delta", "text", e->text);
        else
            send_delta(answer, "thinking_delta", "thinking", e->text);
    } else if (e->kind == CHAT_CALL_BEGIN) {
        stop_block(answer);
        start_block(answer, json_pack("{s:s, s:s, s:o, s:{}}", "type", "tool_use", "id", answer->call_id, "name",
                                      json_bytes(e->text), "input"));
        answer->open[OPEN_CALL] = true;
    } else if (e->kind == CHAT_CALL_ARGUMENTS) {
        send_delta(answer, "input_json_delta", "partial_json", e->text);
    } else if (e->kind == CHAT_CALL_END || e->kind == CHAT_END) {
        stop_block(answer);
    }
}

/* -------------------------------------------------------------------------------------------------------- whole */

static const char *stop_reason(const struct answer *answer)
{
    const char *reason = reply_finish_reason(answer->reply);
    return strcmp(reason, "length") == 0       ? "max_tokens"
           : strcmp(reason, "tool_calls") == 0 ? "tool_use"
           : reply_stop(answer->reply)         ? "stop_sequence"
                                               : "end_turn";
}

static json_t *stop_json(const struct answer *answer)
{
    const char *stop = reply_stop(answer->reply);
    return strcmp(stop_reason(answer), "stop_sequence") == 0 ? json_bytes(str_of(stop)) : json_null();
}

static json_t *content_json(const struct answer *answer)
{
    struct str text = reply_text(answer->reply), thinking = reply_thinking(answer->reply);
    const json_t *calls = reply_calls(answer->reply);
    json_t *content = json_array();
    if (thinking.len)
        json_array_append_new(content, json_pack("{s:s, s:o, s:s}", "type", "thinking", "thinking",
                                                 json_bytes(thinking), "signature", "hob"));
    if (text.len || json_array_size(calls) == 0)
        json_array_append_new(content, json_pack("{s:s, s:o}", "type", "text", "text", json_bytes(text)));
    for (size_t i = 0; i < json_array_size(calls); i++) {
        char id[48];
        const json_t *call = json_array_get(calls, i), *arguments = json_object_get(call, "arguments");
        answer_call_id(answer, call, id);
        json_array_append_new(content,
                              json_pack("{s:s, s:s, s:O, s:o}", "type", "tool_use", "id", id, "name",
                                        json_object_get(call, "name"), "input",
                                        json_is_object(arguments) ? json_incref((json_t *)arguments) : json_object()));
    }
    return content;
}

static void end(struct generation *g)
{
    struct answer *answer = g->answers;
    struct hob_error err;
    if (g->stream) {
        json_t *delta =
            json_pack("{s:s, s:{s:s, s:o}, s:o}", "type", "message_delta", "delta", "stop_reason", stop_reason(answer),
                      "stop_sequence", stop_json(answer), "usage", usage_json(g, false));
        if (g->receipt)
            json_object_set_new(delta, "receipt", reply_receipt(answer->reply, &err));
        put_event(g, delta);
        put_event(g, json_pack("{s:s}", "type", "message_stop"));
        exchange_end(g->exchange);
        return;
    }
    json_t *body = message_json(g, content_json(answer), false);
    json_object_set_new(body, "stop_reason", json_string(stop_reason(answer)));
    json_object_set_new(body, "stop_sequence", stop_json(answer));
    if (g->receipt)
        json_object_set_new(body, "receipt", reply_receipt(answer->reply, &err));
    exchange_answer_json(g->exchange, MHD_HTTP_OK, body);
}

const struct dialect anthropic_dialect = {
    .name = "anthropic",
    .stream_type = "text/event-stream",
    .call_prefix = "toolu_",
    .ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n",
    .frame = frame,
    .error = error_json,
    .fields = tables,
    .options = DIALECT_ANTHROPIC,
    .finish = finish,
    .begin = begin,
    .event = event,
    .end = end,
};

/* ------------------------------------------------------------------------------------------------- count_tokens */

static bool finish_count(struct generation *g, struct hob_error *err)
{
    (void)err;
    g->stream = false;
    g->count_only = true;
    return true;
}

static void end_count(struct generation *g)
{
    exchange_answer_json(g->exchange, MHD_HTTP_OK,
                         json_pack("{s:I}", "input_tokens", (json_int_t)generation_usage(g).prompt));
}

const struct dialect anthropic_count_dialect = {
    .name = "anthropic count_tokens",
    .call_prefix = "toolu_",
    .frame = frame,
    .error = error_json,
    .fields = tables,
    .options = DIALECT_ANTHROPIC,
    .finish = finish_count,
    .event = event,
    .end = end_count,
};
