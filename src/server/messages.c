/* SPDX-License-Identifier: Apache-2.0 */
#include "server/messages.h"

#include <stdio.h>

#include "base/error.h"

enum { MAX_MESSAGES = 100000 };

static bool is(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

bool content_text(const json_t *content, const char *where, struct buf *out, struct hob_error *err)
{
    size_t i;
    json_t *part;
    if (!content || json_is_null(content))
        return true;
    if (json_is_string(content))
        return buf_str(out, json_span(content)) || error_memory(err, json_string_length(content));
    if (!json_is_array(content))
        return error_set(err, HOB_USAGE, "%s: want a string or an array of parts", where);
    json_array_foreach(content, i, part)
    {
        const json_t *type = json_object_get(part, "type"), *text = json_object_get(part, "text");
        if (is(type, "refusal"))
            text = json_object_get(part, "refusal");
        bool known = is(type, "text") || is(type, "input_text") || is(type, "output_text") || is(type, "refusal");
        if (known && !json_is_string(text))
            return error_set(err, HOB_USAGE, "%s[%zu].text: want a string", where, i);
        if (!known && json_is_string(type))
            return error_set(err, HOB_USAGE, "%s[%zu]: this model takes no %.40s, only text", where, i,
                             json_string_value(type));
        if (!known)
            return error_set(err, HOB_USAGE, "%s[%zu].type: want \"text\"", where, i);
        if (i > 0)
            buf_byte(out, '\n');
        buf_str(out, json_span(text));
    }
    return !out->failed || error_memory(err, out->len);
}

json_t *message_add(json_t *messages, const char *role, struct str content)
{
    json_t *message = json_object();
    json_object_set_new(message, "role", json_string(role));
    json_object_set_new(message, "content", json_bytes(content));
    json_array_append_new(messages, message);
    return message;
}

bool message_add_call(json_t *message, const json_t *id, const json_t *name, const json_t *arguments, const char *where,
                      struct hob_error *err)
{
    json_t *object = NULL, *calls = json_object_get(message, "tool_calls"), *call = json_object();
    if (!json_is_string(name)) {
        json_decref(call);
        return error_set(err, HOB_USAGE, "%s: want the name of a tool", where);
    }
    if (json_is_string(arguments) && json_string_length(arguments))
        object = json_read_wide(json_span(arguments), where, err); /* a model wrote it */
    else if (json_is_object(arguments))
        object = json_incref((json_t *)arguments);
    else
        object = json_object();
    if (!json_is_object(object)) {
        json_decref(object);
        json_decref(call);
        return error_set(err, HOB_USAGE, "%s: the arguments are no JSON object", where);
    }
    if (!calls)
        json_object_set_new(message, "tool_calls", calls = json_array());
    json_object_set_new(call, "type", json_string("function"));
    if (json_is_string(id))
        json_object_set(call, "id", (json_t *)id);
    json_object_set_new(call, "function", json_pack("{s:O, s:o}", "name", name, "arguments", object));
    json_array_append_new(calls, call);
    return true;
}

/* Checks the array itself. */
static bool check_array(const json_t *value, bool may_be_empty, struct hob_error *err)
{
    size_t n = json_array_size(value);
    if (!json_is_array(value) || (n == 0 && !may_be_empty) || n > MAX_MESSAGES)
        return error_set(err, HOB_USAGE, "messages: want an array of 1 to %d messages", (int)MAX_MESSAGES);
    return true;
}

/* The role of a message as templates know it, or NULL with an error. */
static const char *role_of(const json_t *message, size_t i, struct hob_error *err)
{
    static const char *const roles[][2] = {{"system", "system"},       {"developer", "system"}, {"user", "user"},
                                           {"assistant", "assistant"}, {"tool", "tool"},        {"function", "tool"}};
    const json_t *role = json_object_get(message, "role");
    for (size_t k = 0; k < sizeof roles / sizeof *roles; k++)
        if (is(role, roles[k][0]))
            return roles[k][1];
    if (!json_is_object(message) || !json_is_string(role))
        error_set(err, HOB_USAGE, "messages[%zu]: want an object with a role", i);
    else
        error_set(err, HOB_USAGE, "messages[%zu].role: \"%.40s\", want system, user, assistant or tool", i,
                  json_string_value(role));
    return NULL;
}

/* Copies a member that is a string. */
static void copy_text(json_t *to, const char *key, const json_t *value)
{
    if (json_is_string(value) && json_string_length(value))
        json_object_set(to, key, (json_t *)value);
}

/* The calls of a message in the form that OpenAI and Ollama share. */
static bool read_calls(json_t *message, const json_t *calls, size_t i, struct hob_error *err)
{
    size_t k;
    json_t *call;
    if (calls && !json_is_null(calls) && !json_is_array(calls))
        return error_set(err, HOB_USAGE, "messages[%zu].tool_calls: want an array", i);
    json_array_foreach(calls, k, call)
    {
        char where[64];
        const json_t *function = json_object_get(call, "function");
        snprintf(where, sizeof where, "messages[%zu].tool_calls[%zu]", i, k);
        if (!message_add_call(message, json_object_get(call, "id"), json_object_get(function, "name"),
                              json_object_get(function, "arguments"), where, err))
            return false;
    }
    return true;
}

/* A message in the form that OpenAI and Ollama share. */
static bool read_message(json_t *messages, const json_t *given, size_t i, struct hob_error *err)
{
    char where[48];
    struct buf text = {0};
    const char *role = role_of(given, i, err);
    snprintf(where, sizeof where, "messages[%zu].content", i);
    if (!role || !content_text(json_object_get(given, "content"), where, &text, err)) {
        buf_clear(&text);
        return false;
    }
    json_t *message = message_add(messages, role, buf_view(&text));
    buf_clear(&text);
    if (strcmp(role, "assistant") == 0) {
        const json_t *thinking = json_object_get(given, "reasoning_content");
        if (!json_is_string(thinking))
            thinking = json_object_get(given, "reasoning");
        if (!json_is_string(thinking))
            thinking = json_object_get(given, "thinking");
        copy_text(message, "thinking", thinking);
        const json_t *call = json_object_get(given, "function_call"); /* as tool calls were before they had ids */
        snprintf(where, sizeof where, "messages[%zu].function_call", i);
        if (json_is_object(call) && !message_add_call(message, NULL, json_object_get(call, "name"),
                                                      json_object_get(call, "arguments"), where, err))
            return false;
        return read_calls(message, json_object_get(given, "tool_calls"), i, err);
    }
    copy_text(message, "name", json_object_get(given, "name"));
    copy_text(message, "name", json_object_get(given, "tool_name"));
    copy_text(message, "tool_call_id", json_object_get(given, "tool_call_id"));
    return true;
}

/* The calls that messages have made so far, each of which a result may answer. Zero-initialised: none. */
struct calls {
    json_t *ids; /* an object whose keys they are; NULL: none */
    bool any, unnamed;
};

static void note_calls(struct calls *calls, const json_t *message)
{
    const json_t *list = json_object_get(message, "tool_calls");
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct str id = json_span(json_object_get(json_array_get(list, i), "id"));
        calls->any = true;
        calls->unnamed |= id.len == 0;
        if (id.len && !calls->ids)
            calls->ids = json_object();
        if (id.len)
            json_object_setn_new(calls->ids, id.ptr, id.len, json_true());
    }
}

/* Whether an earlier message has made the call that a result names, or any where one of the two has no name. */
static bool was_called(const struct calls *calls, const json_t *id)
{
    struct str name = json_span(id);
    return calls->any && (calls->unnamed || name.len == 0 || json_object_getn(calls->ids, name.ptr, name.len));
}

bool messages_openai(struct generation *g, const json_t *value, struct hob_error *err)
{
    json_t *messages = json_array();
    struct calls calls = {0};
    bool good = check_array(value, false, err);
    for (size_t i = 0; good && i < json_array_size(value); i++) {
        const json_t *given = json_array_get(value, i);
        good = read_message(messages, given, i, err);
        const json_t *message = json_array_get(messages, i);
        if (good && is(json_object_get(message, "role"), "tool") &&
            !was_called(&calls, json_object_get(given, "tool_call_id")))
            good =
                error_set(err, HOB_USAGE, "messages[%zu]: is the result of a call that no message before it makes", i);
        note_calls(&calls, message);
    }
    json_decref(calls.ids);
    json_object_set_new(g->request, "messages", messages);
    return good;
}

bool messages_ollama(struct generation *g, const json_t *value, struct hob_error *err)
{
    json_t *messages = json_array();
    bool good = check_array(value, true, err);
    for (size_t i = 0; good && i < json_array_size(value); i++) {
        const json_t *given = json_array_get(value, i);
        good = read_message(messages, given, i, err);
        if (good && json_array_size(json_object_get(given, "images")))
            good = error_set(err, HOB_USAGE, "messages[%zu].images: this model takes no images", i);
    }
    json_object_set_new(g->request, "messages", messages);
    return good;
}

/* A block of an assistant's or a user's message in Anthropic's dialect; a result is appended to `messages`. */
static bool read_block(const json_t *block, const char *where, const struct calls *calls, json_t *messages,
                       json_t *message, struct buf *text, struct hob_error *err)
{
    const json_t *type = json_object_get(block, "type");
    if (is(type, "text")) {
        if (!json_is_string(json_object_get(block, "text")))
            return error_set(err, HOB_USAGE, "%s.text: want a string", where);
        if (text->len)
            buf_byte(text, '\n');
        return buf_str(text, json_span(json_object_get(block, "text"))) || error_memory(err, text->len);
    }
    if (is(type, "thinking")) {
        copy_text(message, "thinking", json_object_get(block, "thinking"));
        return true;
    }
    if (is(type, "redacted_thinking"))
        return true;
    if (is(type, "tool_use"))
        return message_add_call(message, json_object_get(block, "id"), json_object_get(block, "name"),
                                json_object_get(block, "input"), where, err);
    if (is(type, "tool_result")) {
        struct buf result = {0};
        const json_t *id = json_object_get(block, "tool_use_id");
        bool good = (was_called(calls, id) ||
                     error_set(err, HOB_USAGE, "%s: is the result of a call that no message before it makes", where)) &&
                    content_text(json_object_get(block, "content"), where, &result, err);
        if (good)
            copy_text(message_add(messages, "tool", buf_view(&result)), "tool_call_id", id);
        buf_clear(&result);
        return good;
    }
    return error_set(err, HOB_USAGE, "%s: this model takes no %.40s", where,
                     json_is_string(type) ? json_string_value(type) : "block without a type");
}

bool messages_anthropic(struct generation *g, const json_t *value, struct hob_error *err)
{
    json_t *messages = json_array();
    struct calls calls = {0};
    bool good = check_array(value, false, err);
    for (size_t i = 0; good && i < json_array_size(value); i++) {
        const json_t *given = json_array_get(value, i), *content = json_object_get(given, "content");
        const char *role = role_of(given, i, err);
        struct buf text = {0};
        json_t *message = json_object(); /* appended once its results, which are messages of their own, are */
        char where[64];
        size_t n_before = json_array_size(messages);
        good = role && (strcmp(role, "tool") != 0 ||
                        error_set(err, HOB_USAGE, "messages[%zu].role: want user or assistant", i));
        if (good && (json_is_string(content) || !json_is_array(content))) {
            snprintf(where, sizeof where, "messages[%zu].content", i);
            good = content_text(content, where, &text, err);
        }
        for (size_t k = 0; good && k < json_array_size(content); k++) {
            snprintf(where, sizeof where, "messages[%zu].content[%zu]", i, k);
            good = read_block(json_array_get(content, k), where, &calls, messages, message, &text, err);
        }
        bool only_results = role && strcmp(role, "user") == 0 && text.len == 0 && json_array_size(messages) > n_before;
        if (good && !only_results) {
            json_object_set_new(message, "role", json_string(role));
            json_object_set_new(message, "content", json_bytes(buf_view(&text)));
            json_array_append(messages, message);
            note_calls(&calls, message);
        }
        json_decref(message);
        buf_clear(&text);
    }
    json_decref(calls.ids);
    json_object_set_new(g->request, "messages", messages);
    return good;
}
