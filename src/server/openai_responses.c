/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v1/responses, and what is kept of it.
 */
#include <stdio.h>

#include "base/error.h"
#include "server/messages.h"
#include "server/openai.h"
#include "server/responses.h"
#include "server/tools.h"

/* ------------------------------------------------------------------------------------------------------- fields */

/* The id of an item that stands for one of a response that is kept, or NULL. */
static const char *reference_id(const json_t *item)
{
    const json_t *type = json_object_get(item, "type"), *id = json_object_get(item, "id");
    bool bare = (!type || json_is_null(type)) && !json_object_get(item, "role");
    return bare || str_eq(json_span(type), STR("item_reference")) ? json_string_value(id) : NULL;
}

/* The items of an array, references to kept ones followed. The caller owns it; NULL with an error. */
static json_t *follow_references(struct generation *g, const json_t *value, struct hob_error *err)
{
    json_t *kept = json_object(), *items = json_array(), *item;
    bool good = true;
    size_t i;
    json_array_foreach(value, i, item)
    {
        if (reference_id(item))
            json_object_set_new(kept, reference_id(item), json_null());
    }
    if (json_object_size(kept))
        responses_items(g->exchange->server, g->exchange->owner, kept);
    json_array_foreach(value, i, item)
    {
        const char *id = reference_id(item);
        json_t *found = id ? json_object_get(kept, id) : item;
        if (id && json_is_null(found)) {
            good = error_set(err, HOB_NOT_FOUND, "input[%zu].id: there is no item '%.60s' that is kept", i, id);
            break;
        }
        json_array_append(items, found);
    }
    json_decref(kept);
    if (good)
        return items;
    json_decref(items);
    return NULL;
}

/* One item of "input" into messages. */
static bool read_item(json_t *messages, const json_t *item, size_t i, struct hob_error *err)
{
    const json_t *type = json_object_get(item, "type"), *role = json_object_get(item, "role");
    char where[40];
    struct buf text = {0};
    bool good = true;
    snprintf(where, sizeof where, "input[%zu]", i);
    struct str kind = type ? json_span(type) : STR("message");
    json_t *last = json_array_get(messages, json_array_size(messages) - 1);
    bool follows = json_array_size(messages) && str_eq(json_span(json_object_get(last, "role")), STR("assistant"));
    if (str_eq(kind, STR("message"))) {
        const char *name = str_eq(json_span(role), STR("developer")) ? "system" : json_string_value(role);
        if (!name || (strcmp(name, "system") != 0 && strcmp(name, "user") != 0 && strcmp(name, "assistant") != 0))
            return error_set(err, HOB_USAGE, "%s.role: want system, developer, user or assistant", where);
        good = content_text(json_object_get(item, "content"), where, &text, err);
        /* the thinking before it is a part of the same message */
        bool joins = follows && strcmp(name, "assistant") == 0 && !json_object_get(last, "tool_calls") &&
                     json_string_length(json_object_get(last, "content")) == 0;
        if (good && joins)
            json_object_set_new(last, "content", json_bytes(buf_view(&text)));
        else if (good)
            message_add(messages, name, buf_view(&text));
    } else if (str_eq(kind, STR("function_call"))) {
        if (!follows)
            last = message_add(messages, "assistant", STR(""));
        good = message_add_call(last, json_object_get(item, "call_id"), json_object_get(item, "name"),
                                json_object_get(item, "arguments"), where, err);
    } else if (str_eq(kind, STR("function_call_output"))) {
        good = content_text(json_object_get(item, "output"), where, &text, err);
        json_t *message = good ? message_add(messages, "tool", buf_view(&text)) : NULL;
        if (message && json_is_string(json_object_get(item, "call_id")))
            json_object_set(message, "tool_call_id", json_object_get(item, "call_id"));
    } else if (str_eq(kind, STR("reasoning"))) {
        const json_t *part = json_array_get(json_object_get(item, "content"), 0);
        if (!part)
            part = json_array_get(json_object_get(item, "summary"), 0);
        if (json_is_string(json_object_get(part, "text")))
            json_object_set(message_add(messages, "assistant", STR("")), "thinking", json_object_get(part, "text"));
    } else {
        good = error_set(err, HOB_USAGE, "%s.type: \"%.*s\" is not supported", where,
                         (int)(kind.len < 40 ? kind.len : 40), kind.ptr);
    }
    buf_clear(&text);
    return good;
}

static bool read_input(struct generation *g, const json_t *value, struct hob_error *err)
{
    json_t *messages = json_array(), *items = NULL;
    bool good = json_is_string(value) || (json_is_array(value) && json_array_size(value)) ||
                error_set(err, HOB_USAGE, "input: want a string, or an array of items");
    if (json_is_string(value))
        items = json_pack("[{s:s, s:s, s:O}]", "type", "message", "role", "user", "content", value);
    else if (good)
        good = (items = follow_references(g, value, err)) != NULL;
    for (size_t i = 0; good && i < json_array_size(items); i++)
        good = read_item(messages, json_array_get(items, i), i, err);
    json_object_set_new(g->request, "messages", messages);
    json_object_set_new(g->extra, "input", items);
    return good;
}

static bool read_previous(struct generation *g, const json_t *value, struct hob_error *err)
{
    json_t *before = responses_find(g->exchange->server, g->exchange->owner, json_string_value(value), "messages");
    if (!before)
        return error_set(err, HOB_NOT_FOUND, "previous_response_id: there is no response '%.60s'",
                         json_string_value(value));
    json_object_set_new(g->extra, "before", before);
    return true;
}

static bool read_text(struct generation *g, const json_t *value, struct hob_error *err)
{
    const json_t *format = json_object_get(value, "format");
    if (json_is_string(json_object_get(value, "verbosity")))
        exchange_ignore(g->exchange, "text.verbosity");
    return !format || json_is_null(format) || openai_response_format(g, format, err);
}

/* What else an answer holds: log probabilities. The others are of tools that the publisher runs. */
static bool read_include(struct generation *g, const json_t *value, struct hob_error *err)
{
    size_t i;
    json_t *what;
    json_array_foreach(value, i, what)
    {
        if (!json_is_string(what))
            return error_set(err, HOB_USAGE, "include[%zu]: want a string", i);
        if (strcmp(json_string_value(what), "message.output_text.logprobs") == 0)
            g->wants_logprobs = true;
        else
            exchange_ignore(g->exchange, json_string_value(what));
    }
    return true;
}

static bool read_store(struct generation *g, const json_t *value, struct hob_error *err)
{
    (void)err;
    g->no_store = json_is_false(value);
    return true;
}

static bool read_background(struct generation *g, const json_t *value, struct hob_error *err)
{
    (void)g;
    return json_is_false(value) || error_set(err, HOB_USAGE, "background: is not supported");
}

static bool read_truncation(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (str_eq(json_span(value), STR("auto")))
        exchange_ignore(g->exchange, "truncation");
    return str_eq(json_span(value), STR("auto")) || str_eq(json_span(value), STR("disabled")) ||
           error_set(err, HOB_USAGE, "truncation: want auto or disabled");
}

static const struct field fields[] = {
    {"input", FIELD_STRING | FIELD_ARRAY, .required = true, .read = read_input},
    {"instructions", FIELD_STRING, .request = "system"},
    {"previous_response_id", FIELD_STRING, .read = read_previous},
    {"tools", FIELD_ARRAY, .read = tools_flat},
    {"tool_choice", FIELD_STRING | FIELD_OBJECT, .read = tool_choice_openai},
    {"parallel_tool_calls", FIELD_BOOL, .request = "parallel_tool_calls"},
    {"text", FIELD_OBJECT, .read = read_text},
    {"reasoning", FIELD_OBJECT, .read = field_think},
    {"store", FIELD_BOOL, .read = read_store},
    {"background", FIELD_BOOL, .read = read_background},
    {"truncation", FIELD_STRING, .read = read_truncation},
    {"include", FIELD_ARRAY, .read = read_include},
    {"top_logprobs", FIELD_WHOLE, .max = 20, .request = "logprobs"},
    {"max_tool_calls", FIELD_WHOLE},
    {"client_metadata", FIELD_OBJECT},
    {0},
};

static bool finish(struct generation *g, struct hob_error *err)
{
    json_t *messages = json_object_get(g->request, "messages"), *before = json_object_get(g->extra, "before");
    g->wants_logprobs |= json_integer_value(json_object_get(g->request, "logprobs")) > 0;
    if (before) {
        json_t *all = json_copy(before);
        json_array_extend(all, messages);
        json_object_set_new(g->request, "messages", all);
    }
    make_id("resp_", g->id, sizeof g->id);
    json_object_set_new(g->extra, "output", json_array());
    return fields_logprobs(g, err);
}

/* ------------------------------------------------------------------------------------------------------- stream */

/* A member of the request as the client gave it, or else this. Takes `other`. */
static json_t *given(const struct generation *g, const char *name, json_t *other)
{
    json_t *value = json_object_get(g->exchange->json, name);
    if (!value || json_is_null(value))
        return other;
    json_decref(other);
    return json_incref(value);
}

/* The response as it stands. */
static json_t *response_json(struct generation *g, const char *status)
{
    json_t *r = json_pack("{s:s, s:s, s:I, s:s, s:s, s:n, s:n}", "id", g->id, "object", "response", "created_at",
                          (json_int_t)g->created_s, "status", status, "model", g->model, "error", "incomplete_details");
    json_object_set(r, "output", json_object_get(g->extra, "output"));
    json_object_set_new(r, "instructions", given(g, "instructions", json_null()));
    json_object_set_new(r, "previous_response_id", given(g, "previous_response_id", json_null()));
    json_object_set_new(r, "parallel_tool_calls", given(g, "parallel_tool_calls", json_true()));
    json_object_set_new(r, "tool_choice", given(g, "tool_choice", json_string("auto")));
    json_object_set_new(r, "tools", given(g, "tools", json_array()));
    json_object_set_new(r, "temperature", given(g, "temperature", json_null()));
    json_object_set_new(r, "top_p", given(g, "top_p", json_null()));
    json_object_set_new(r, "max_output_tokens", given(g, "max_output_tokens", json_null()));
    json_object_set_new(r, "text", given(g, "text", json_pack("{s:{s:s}}", "format", "type", "text")));
    json_object_set_new(r, "reasoning", given(g, "reasoning", json_pack("{s:n, s:n}", "effort", "summary")));
    json_object_set_new(r, "store", json_boolean(!g->no_store));
    json_object_set_new(r, "truncation", json_string("disabled"));
    json_object_set_new(r, "metadata", given(g, "metadata", json_object()));
    json_object_set_new(r, "usage", json_null());
    return r;
}

/* Writes an event with its number. Takes the reference. */
static void put_event(struct generation *g, const char *type, json_t *json)
{
    struct buf text = {0}, event = {0};
    json_int_t number = json_integer_value(json_object_get(g->extra, "sequence"));
    json_object_set_new(json, "type", json_string(type));
    json_object_set_new(json, "sequence_number", json_integer(number));
    json_object_set_new(g->extra, "sequence", json_integer(number + 1));
    json_write(json, &text);
    json_decref(json);
    buf_format(&event, "event: %s\n", type);
    exchange_write(g->exchange, buf_view(&event));
    openai_frame(g->exchange, NULL, buf_view(&text));
    buf_clear(&text);
    buf_clear(&event);
}

static void begin(struct generation *g)
{
    put_event(g, "response.created", json_pack("{s:o}", "response", response_json(g, "in_progress")));
    put_event(g, "response.in_progress", json_pack("{s:o}", "response", response_json(g, "in_progress")));
}

enum { OPEN_TEXT, OPEN_THINKING, OPEN_CALL };

/* `logged`: log probabilities of its tokens, or NULL. */
static json_t *text_part(struct str text, const json_t *logged)
{
    return json_pack("{s:s, s:o, s:[], s:o}", "type", "output_text", "text", json_bytes(text), "annotations",
                     "logprobs", logged ? json_copy((json_t *)logged) : json_array());
}

static json_t *message_item(const char *id, const char *status, json_t *content)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "id", id, "type", "message", "status", status, "role", "assistant",
                     "content", content);
}

static json_t *reasoning_item(const char *id, struct str text)
{
    json_t *summary =
        text.len ? json_pack("[{s:s, s:o}]", "type", "summary_text", "text", json_bytes(text)) : json_array();
    return json_pack("{s:s, s:s, s:o}", "id", id, "type", "reasoning", "summary", summary);
}

static json_t *call_item(const char *id, const char *call_id, struct str name, struct str arguments, const char *status)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "id", id, "type", "function_call", "status", status, "call_id",
                     call_id, "name", json_bytes(name), "arguments", json_bytes(arguments));
}

/* Where an event belongs: item, index, part. The caller owns it. */
static json_t *place(const struct answer *answer, const char *part_key)
{
    json_t *json = json_pack("{s:s, s:I}", "item_id", answer->part_id, "output_index", (json_int_t)answer->n_parts);
    if (part_key)
        json_object_set_new(json, part_key, json_integer(0));
    return json;
}

/* Says that an item is whole, and keeps it. Takes `item`. */
static void item_done(struct answer *answer, json_t *item)
{
    struct generation *g = answer->generation;
    json_array_append(json_object_get(g->extra, "output"), item);
    put_event(g, "response.output_item.done",
              json_pack("{s:I, s:o}", "output_index", (json_int_t)answer->n_parts, "item", item));
    answer->n_parts++;
}

/* Takes `item`. */
static void item_added(struct answer *answer, json_t *item)
{
    put_event(answer->generation, "response.output_item.added",
              json_pack("{s:I, s:o}", "output_index", (json_int_t)answer->n_parts, "item", item));
}

/* Ends the part that is open; its text is "completed", or "incomplete". */
static void close_part(struct answer *answer, const char *status)
{
    struct generation *g = answer->generation;
    struct str text = buf_view(&answer->part);
    if (answer->open[OPEN_TEXT]) {
        json_t *done = place(answer, "content_index");
        json_object_set_new(done, "text", json_bytes(text));
        json_t *part = text_part(text, answer->logged);
        json_object_set(done, "logprobs", json_object_get(part, "logprobs"));
        put_event(g, "response.output_text.done", done);
        done = place(answer, "content_index");
        json_object_set(done, "part", part);
        put_event(g, "response.content_part.done", done);
        item_done(answer, message_item(answer->part_id, status, json_pack("[o]", part)));
    } else if (answer->open[OPEN_THINKING]) {
        json_t *done = place(answer, "summary_index");
        json_object_set_new(done, "text", json_bytes(text));
        put_event(g, "response.reasoning_summary_text.done", done);
        done = place(answer, "summary_index");
        json_object_set_new(done, "part", json_pack("{s:s, s:o}", "type", "summary_text", "text", json_bytes(text)));
        put_event(g, "response.reasoning_summary_part.done", done);
        item_done(answer, reasoning_item(answer->part_id, text));
    }
    answer->open[OPEN_TEXT] = answer->open[OPEN_THINKING] = false;
    answer->part.len = 0;
    json_decref(answer->logged);
    answer->logged = NULL;
}

static void open_part(struct answer *answer, int kind)
{
    struct generation *g = answer->generation;
    close_part(answer, "completed");
    make_id(kind == OPEN_TEXT ? "msg_" : "rs_", answer->part_id, sizeof answer->part_id);
    item_added(answer, kind == OPEN_TEXT ? message_item(answer->part_id, "in_progress", json_array())
                                         : reasoning_item(answer->part_id, STR("")));
    json_t *added = place(answer, kind == OPEN_TEXT ? "content_index" : "summary_index");
    json_object_set_new(added, "part",
                        kind == OPEN_TEXT ? text_part(STR(""), NULL)
                                          : json_pack("{s:s, s:s}", "type", "summary_text", "text", ""));
    put_event(g, kind == OPEN_TEXT ? "response.content_part.added" : "response.reasoning_summary_part.added", added);
    answer->open[kind] = true;
}

/* More of the part that is open. */
static void send_text(struct answer *answer, int kind, struct str text)
{
    json_t *delta = place(answer, kind == OPEN_TEXT ? "content_index" : "summary_index");
    json_object_set_new(delta, "delta", json_bytes(text));
    if (kind == OPEN_TEXT) {
        json_t *logged = answer->generation->wants_logprobs ? answer_logprobs(answer) : json_array();
        answer->logged = answer->logged ? answer->logged : json_array();
        json_array_extend(answer->logged, logged);
        json_object_set_new(delta, "logprobs", logged);
    }
    put_event(answer->generation,
              kind == OPEN_TEXT ? "response.output_text.delta" : "response.reasoning_summary_text.delta", delta);
    buf_str(&answer->part, text);
}

/* Ends the call. */
static void close_call(struct answer *answer, bool cut)
{
    struct str name = buf_view(&answer->name), arguments = buf_view(&answer->arguments);
    json_t *done = place(answer, NULL);
    json_object_set_new(done, "name", json_bytes(name));
    json_object_set_new(done, "arguments", json_bytes(arguments));
    put_event(answer->generation, "response.function_call_arguments.done", done);
    item_done(answer, call_item(answer->part_id, answer->call_id, name, arguments, cut ? "incomplete" : "completed"));
}

/* What becomes of the part that a reply ends in. */
static const char *answer_status(const struct reply *reply)
{
    return strcmp(reply_finish_reason(reply), "length") == 0 ? "incomplete" : "completed";
}

static void event(struct answer *answer, const struct chat_event *e)
{
    int kind = e->kind == CHAT_TEXT ? OPEN_TEXT : OPEN_THINKING;
    json_t *delta;
    switch (e->kind) {
    case CHAT_TEXT:
    case CHAT_THINKING:
        if (!answer->open[kind])
            open_part(answer, kind);
        send_text(answer, kind, e->text);
        break;
    case CHAT_CALL_BEGIN:
        close_part(answer, "completed");
        make_id("fc_", answer->part_id, sizeof answer->part_id);
        item_added(answer, call_item(answer->part_id, answer->call_id, e->text, STR(""), "in_progress"));
        break;
    case CHAT_CALL_ARGUMENTS:
        delta = place(answer, NULL);
        json_object_set_new(delta, "delta", json_bytes(e->text));
        put_event(answer->generation, "response.function_call_arguments.delta", delta);
        break;
    case CHAT_CALL_END:
        close_call(answer, e->cut);
        break;
    case CHAT_END:
        close_part(answer, answer_status(e->reply));
        break;
    default:
        break;
    }
}

/* -------------------------------------------------------------------------------------------------------- whole */

/* The output of a reply that was not streamed. */
static void collect_output(struct generation *g)
{
    struct answer *answer = g->answers;
    struct str text = reply_text(answer->reply), thinking = reply_thinking(answer->reply);
    json_t *output = json_object_get(g->extra, "output");
    const json_t *calls = reply_calls(answer->reply);
    char id[48], call_id[48];
    if (thinking.len) {
        make_id("rs_", id, sizeof id);
        json_array_append_new(output, reasoning_item(id, thinking));
    }
    if (text.len || json_array_size(calls) == 0) {
        json_t *logged = g->wants_logprobs ? answer_logprobs(answer) : NULL;
        make_id("msg_", id, sizeof id);
        const char *status = json_array_size(calls) ? "completed" : answer_status(answer->reply);
        json_array_append_new(output, message_item(id, status, json_pack("[o]", text_part(text, logged))));
        json_decref(logged);
    }
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *call = json_array_get(calls, i);
        json_t *arguments = answer_call_arguments(call);
        bool cut = json_object_get(call, "cut") != NULL;
        make_id("fc_", id, sizeof id);
        answer_call_id(answer, call, call_id);
        json_array_append_new(output, call_item(id, call_id, json_span(json_object_get(call, "name")),
                                                json_span(arguments), cut ? "incomplete" : "completed"));
        json_decref(arguments);
    }
}

/* Keeps the response for the next, unless that is not wanted. */
static void keep(struct generation *g, json_t *body)
{
    struct answer *answer = g->answers;
    if (g->no_store)
        return;
    json_t *messages = json_copy(json_object_get(g->request, "messages")), *output = json_object_get(body, "output");
    json_t *message = message_add(messages, "assistant", reply_text(answer->reply));
    struct str thinking = reply_thinking(answer->reply);
    struct hob_error none;
    size_t i;
    json_t *item;
    if (thinking.len)
        json_object_set_new(message, "thinking", json_bytes(thinking));
    json_array_foreach(output, i, item)
    {
        if (str_eq(json_span(json_object_get(item, "type")), STR("function_call")))
            message_add_call(message, json_object_get(item, "call_id"), json_object_get(item, "name"),
                             json_object_get(item, "arguments"), "output", &none);
    }
    openai_keep(g, body, messages);
}

static void end(struct generation *g)
{
    struct answer *answer = g->answers;
    struct usage usage = generation_usage(g);
    struct hob_error err;
    bool cut = strcmp(reply_finish_reason(answer->reply), "length") == 0;
    if (!g->stream)
        collect_output(g);
    json_t *body = response_json(g, cut ? "incomplete" : "completed");
    if (cut)
        json_object_set_new(body, "incomplete_details", json_pack("{s:s}", "reason", "max_output_tokens"));
    json_object_set_new(body, "usage",
                        json_pack("{s:I, s:{s:I}, s:I, s:{s:I}, s:I}", "input_tokens", (json_int_t)usage.prompt,
                                  "input_tokens_details", "cached_tokens", (json_int_t)usage.cached, "output_tokens",
                                  (json_int_t)usage.generated, "output_tokens_details", "reasoning_tokens",
                                  (json_int_t)usage.thinking, "total_tokens",
                                  (json_int_t)(usage.prompt + usage.generated)));
    if (g->receipt)
        json_object_set_new(body, "receipt", reply_receipt(answer->reply, &err));
    keep(g, body);
    if (!g->stream) {
        exchange_answer_json(g->exchange, MHD_HTTP_OK, body);
        return;
    }
    put_event(g, cut ? "response.incomplete" : "response.completed", json_pack("{s:o}", "response", body));
    exchange_end(g->exchange);
}

/* An error within a stream, as an event, and the response that failed. In the thread that fails the generation. */
static void frame(struct exchange *exchange, const char *name, struct str json)
{
    struct generation *g = exchange->generation;
    json_t *whole = json_read(json, name, NULL), *error = json_object_get(whole, "error");
    json_t *code = json_object_get(error, "code"), *message = json_object_get(error, "message");
    code = json_is_string(code) ? code : json_object_get(error, "type");
    if (g && error) {
        json_t *failed = response_json(g, "failed");
        json_object_set_new(failed, "error", json_pack("{s:O, s:O}", "code", code, "message", message));
        put_event(
            g, "error",
            json_pack("{s:O, s:O, s:O}", "code", code, "message", message, "param", json_object_get(error, "param")));
        put_event(g, "response.failed", json_pack("{s:o}", "response", failed));
    }
    json_decref(whole);
}

const struct dialect openai_responses_dialect = {
    .name = "openai responses",
    .stream_type = "text/event-stream",
    .ping = ": waiting\n\n",
    .call_prefix = "call_",
    .frame = frame,
    .error = openai_error,
    .fields = (const struct field *const[]){fields, fields_model, fields_reply, openai_added, openai_advisory, NULL},
    .options = DIALECT_OPENAI,
    .finish = finish,
    .begin = begin,
    .event = event,
    .end = end,
};
