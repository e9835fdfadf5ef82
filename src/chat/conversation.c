/* SPDX-License-Identifier: Apache-2.0 */
#include "chat/conversation.h"

#include "text/reply/parser.h"

static bool has(struct str text, const char *words)
{
    return str_find(text, str_of(words), 0) != SIZE_MAX;
}

static bool is_role(const json_t *message, const char *role)
{
    return str_eq(json_span(json_object_get(message, "role")), str_of(role));
}

static struct str content_of(const json_t *message)
{
    return json_span(json_object_get(message, "content"));
}

bool conversation_is_generic(const json_t *request, struct str template_text)
{
    return json_is_true(json_object_get(request, "generic_tools")) &&
           (!has(template_text, "tools") || !reply_format_calls(reply_format_find(template_text)));
}

/* What a template's text says of how it wants messages. */
struct habits {
    bool reasoning_content; /* thinking goes by this name */
    bool one_of_two;        /* gpt-oss takes content or thinking beside a call */
    bool short_ids;         /* Mistral's refuse ids of calls that are not nine letters and digits long */
};

static struct habits find_habits(struct str template_text)
{
    return (struct habits){.reasoning_content = has(template_text, "reasoning_content"),
                           .one_of_two = has(template_text, "both content and thinking"),
                           .short_ids = has(template_text, "strings with length 9")};
}

/* A message that says "thinking", as replies do, in the words of the template. */
static void name_thinking(json_t *message, const struct habits *habits)
{
    json_t *thinking = json_object_get(message, "thinking");
    if (!json_is_string(thinking))
        return;
    if (!json_object_get(message, "reasoning_content") && habits->reasoning_content)
        json_object_set(message, "reasoning_content", thinking);
    if (json_array_size(json_object_get(message, "tool_calls")) && content_of(message).len && habits->one_of_two)
        json_object_del(message, "thinking"); /* the text was meant for the reader */
}

/* Nine letters and digits that stand for an id, the same for the same; an id of nine stays. The caller owns the
 * reference. */
static json_t *short_id(const json_t *id)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    struct str given = json_span(id);
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    char text[9];
    if (given.len == sizeof text)
        return json_incref((json_t *)id);
    for (size_t i = 0; i < given.len; i++)
        hash = (hash ^ (unsigned char)given.ptr[i]) * 1099511628211u;
    for (size_t i = 0; i < sizeof text; i++, hash /= 62)
        text[i] = digits[hash % 62];
    return json_stringn(text, sizeof text);
}

static void shorten_ids(json_t *message)
{
    json_t *calls = json_object_get(message, "tool_calls"), *list = json_array(), *call;
    size_t i;
    json_array_foreach(calls, i, call)
    {
        json_t *copy = json_copy(call);
        json_object_set_new(copy, "id", short_id(json_object_get(call, "id")));
        json_array_append_new(list, copy);
    }
    if (json_array_size(list))
        json_object_set(message, "tool_calls", list);
    if (is_role(message, "tool"))
        json_object_set_new(message, "tool_call_id", short_id(json_object_get(message, "tool_call_id")));
    json_decref(list);
}

/* ------------------------------------------------------------------------------------------- tools put into words */

static void set_content(json_t *message, struct buf *text)
{
    json_object_set_new(message, "content", json_bytes(buf_view(text)));
    buf_clear(text);
}

static struct buf describe_tools(const json_t *tools)
{
    struct buf out = {0};
    size_t i;
    json_t *tool;
    buf_str(&out, STR("You may call functions. Here they are, a JSON object each:\n<tools>\n"));
    json_array_foreach(tools, i, tool)
    {
        json_write(tool, &out);
        buf_byte(&out, '\n');
    }
    buf_str(&out, STR("</tools>\nTo call one, write its name and its arguments as a JSON object between these tags:\n"
                      "<tool_call>\n{\"name\": \"NAME\", \"arguments\": {...}}\n</tool_call>\n"
                      "Its result comes between the tags <tool_response> and </tool_response>."));
    return out;
}

/* Puts the tools where the model is told what to do. */
static void tell_tools(json_t *messages, const json_t *tools)
{
    struct buf text = {0}, told = describe_tools(tools);
    size_t n = json_array_size(messages), at = 0;
    json_t *first = json_array_get(messages, 0);
    while (!is_role(first, "system") && at < n && !is_role(json_array_get(messages, at), "user"))
        at++;
    json_t *to = json_array_get(messages, at);
    if (!to) {
        to = json_pack("{s:s, s:s}", "role", "user", "content", "");
        json_array_append_new(messages, to);
    }
    bool behind = is_role(to, "system");
    buf_str(&text, behind ? content_of(to) : buf_view(&told));
    buf_str(&text, STR("\n\n"));
    buf_str(&text, behind ? buf_view(&told) : content_of(to));
    set_content(to, &text);
    buf_clear(&told);
}

/* Writes an assistant's calls behind its text. */
static void write_calls(json_t *message)
{
    json_t *calls = json_object_get(message, "tool_calls"), *call;
    struct buf text = {0};
    size_t i;
    buf_str(&text, content_of(message));
    json_array_foreach(calls, i, call)
    {
        const json_t *function = json_object_get(call, "function");
        json_t *bare = json_pack("{s:O*, s:O*}", "name", json_object_get(function, "name"), "arguments",
                                 json_object_get(function, "arguments"));
        buf_str(&text, text.len ? STR("\n<tool_call>\n") : STR("<tool_call>\n"));
        json_write(bare, &text);
        buf_str(&text, STR("\n</tool_call>"));
        json_decref(bare);
    }
    set_content(message, &text);
    json_object_del(message, "tool_calls");
}

/* Appends a message of the user's with what was gathered, if anything was. */
static void end_results(json_t *all, struct buf *results)
{
    if (results->len == 0)
        return;
    json_t *message = json_pack("{s:s}", "role", "user");
    set_content(message, results);
    json_array_append_new(all, message);
}

/* Takes the messages one by one; results, and what the user says behind them, become one message of the user's, since
 * templates want users and assistants to take turns. */
static json_t *put_into_words(const json_t *messages, const json_t *tools)
{
    json_t *all = json_array(), *message;
    struct buf results = {0};
    size_t i;
    json_array_foreach(messages, i, message)
    {
        bool is_result = is_role(message, "tool");
        if (is_role(message, "assistant"))
            write_calls(message);
        if (!is_result && !(results.len && is_role(message, "user"))) {
            end_results(all, &results);
            json_array_append(all, message);
            continue;
        }
        buf_str(&results, results.len ? STR("\n") : STR(""));
        buf_str(&results, is_result ? STR("<tool_response>\n") : STR(""));
        buf_str(&results, content_of(message));
        buf_str(&results, is_result ? STR("\n</tool_response>") : STR(""));
    }
    end_results(all, &results);
    if (json_array_size(tools))
        tell_tools(all, tools);
    return all;
}

json_t *conversation_messages(const json_t *request, struct str template_text)
{
    const json_t *given = json_object_get(request, "messages"), *system = json_object_get(request, "system");
    json_t *all = json_array();
    if (json_is_string(system))
        json_array_append_new(all, json_pack("{s:s, s:O}", "role", "system", "content", system));
    struct habits habits = find_habits(template_text);
    for (size_t i = 0; i < json_array_size(given); i++) {
        json_t *message = json_copy(json_array_get(given, i));
        name_thinking(message, &habits);
        if (habits.short_ids)
            shorten_ids(message);
        json_array_append_new(all, message);
    }
    if (!conversation_is_generic(request, template_text))
        return all;
    bool none = str_eq(json_span(json_object_get(request, "tool_choice")), STR("none"));
    json_t *words = put_into_words(all, none ? NULL : json_object_get(request, "tools"));
    json_decref(all);
    return words;
}
