/* SPDX-License-Identifier: Apache-2.0
 *
 * A conversation.
 */
#include "cli/talk.h"

#include "base/clock.h"
#include "base/error.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"

void talk_clear(struct talk *talk)
{
    json_decref(talk->messages);
    json_decref(talk->members);
    view_clear(&talk->view);
    *talk = (struct talk){0};
}

bool talk_add(struct talk *talk, const char *role, struct str content, struct hob_error *err)
{
    json_t *message = json_object();
    if (json_object_set_new(message, "role", json_string(role)) == 0 &&
        json_object_set_new(message, "content", json_bytes(content)) == 0 &&
        json_array_append(talk->messages, message) == 0) {
        json_decref(message);
        return true;
    }
    json_decref(message);
    return error_memory(err, content.len);
}

/* The first message, if it is the system's. */
static json_t *system_message(const struct talk *talk)
{
    json_t *first = json_array_get(talk->messages, 0);
    return str_eq(json_span(json_object_get(first, "role")), STR("system")) ? first : NULL;
}

bool talk_set_system(struct talk *talk, struct str text, struct hob_error *err)
{
    if (system_message(talk))
        json_array_remove(talk->messages, 0);
    if (text.len == 0)
        return true;
    if (!talk_add(talk, "system", text, err))
        return false;
    size_t last = json_array_size(talk->messages) - 1;
    json_t *message = json_incref(json_array_get(talk->messages, last));
    json_array_remove(talk->messages, last);
    return json_array_insert_new(talk->messages, 0, message) == 0 || error_memory(err, text.len);
}

struct str talk_system(const struct talk *talk)
{
    return json_span(json_object_get(system_message(talk), "content"));
}

bool talk_take_messages(struct talk *talk, json_t *messages, const char *name, struct hob_error *err)
{
    bool good = json_is_array(messages) || error_set(err, HOB_FORMAT, "%s: want a JSON array of messages", name);
    for (size_t i = 0; good && i < json_array_size(messages); i++)
        if (!json_is_string(json_object_get(json_array_get(messages, i), "role")))
            good = error_set(err, HOB_FORMAT, "%s: [%zu]: want an object with a role", name, i);
    if (!good) {
        json_decref(messages);
        return false;
    }
    json_decref(talk->messages);
    talk->messages = messages;
    return true;
}

/* One reply on its way to the screen. */
struct show {
    struct talk *talk;
    struct progress bar;
};

static void on_event(void *user, const struct chat_event *event)
{
    struct show *show = user;
    if (event->kind == CHAT_PREFILL) {
        progress_set(&show->bar, event->n_done, event->n_prompt);
        return;
    }
    progress_end(&show->bar);
    if (show->talk->silent)
        return;
    if (event->kind == CHAT_THINKING)
        view_thinking(&show->talk->view, event->text);
    else if (event->kind == CHAT_TEXT)
        view_text(&show->talk->view, event->text);
    else if (event->kind == CHAT_CALL_BEGIN)
        view_call_begin(&show->talk->view, event->text);
    else if (event->kind == CHAT_CALL_ARGUMENTS)
        view_call_arguments(&show->talk->view, event->text);
    else if (event->kind == CHAT_CALL_END)
        view_call_end(&show->talk->view, event->cut ? "cut" : event->broken ? "no call" : NULL);
}

/* Appends the reply to the messages, with its thoughts and its whole calls as templates want them. */
static bool add_reply(struct talk *talk, const struct reply *reply, struct hob_error *err)
{
    const json_t *calls = reply_calls(reply);
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *call = json_array_get(calls, i);
        json_t *entry = json_object(), *function = json_object();
        json_object_set(function, "name", json_object_get(call, "name"));
        json_object_set(function, "arguments", json_object_get(call, "arguments"));
        json_object_set_new(entry, "type", json_string("function"));
        if (json_object_get(call, "id"))
            json_object_set(entry, "id", json_object_get(call, "id"));
        json_object_set_new(entry, "function", function);
        if (json_object_get(call, "cut"))
            json_decref(entry);
        else
            json_array_append_new(list, entry);
    }
    bool good = talk_add(talk, "assistant", reply_text(reply), err);
    json_t *message = good ? json_array_get(talk->messages, json_array_size(talk->messages) - 1) : NULL;
    if (good && json_array_size(list))
        json_object_set(message, "tool_calls", list);
    if (good && reply_thinking(reply).len)
        json_object_set_new(message, "thinking", json_bytes(reply_thinking(reply)));
    json_decref(list);
    return good;
}

/* Whether the reply ended because the context did. */
static bool is_full(const struct talk *talk, const struct reply *reply)
{
    struct sequence_timings t = reply_timings(reply);
    return strcmp(reply_finish_reason(reply), "length") == 0 &&
           t.cached_tokens + t.prefill_tokens + t.decode_tokens + 1 >= engine_get_plan(talk->opened->engine)->ctx;
}

static double per_second(size_t n, double ms)
{
    return ms > 0 ? (double)n * 1000 / ms : 0;
}

static void tell_speed(const struct reply *reply)
{
    struct sequence_timings t = reply_timings(reply);
    message("%zu tokens at %.1f/s; prompt: %zu read at %.1f/s, %zu from the cache",
            t.decode_tokens + (t.decode_tokens > 0), per_second(t.decode_tokens, t.decode_ms), t.prefill_tokens,
            per_second(t.prefill_tokens, t.prefill_ms), t.cached_tokens);
}

/* The request of the messages as they are. */
static json_t *make_request(const struct talk *talk)
{
    json_t *request = json_copy(talk->members);
    json_object_set(request, "messages", talk->messages);
    return request;
}

/* Runs steps until the reply has ended. */
static void run_steps(struct show *show, struct reply *reply, bool *cancelled)
{
    struct chat *chat = show->talk->opened->chat;
    while (chat_step(chat, on_event, show)) {
        if ((interrupt_pending() || output_failed()) && !*cancelled) {
            reply_cancel(reply);
            *cancelled = true;
            interrupt_take();
        }
    }
    progress_end(&show->bar);
}

bool talk_reply(struct talk *talk, struct talk_outcome *outcome, struct hob_error *err)
{
    struct show show = {talk, {.label = "reading the prompt", .unit = PROGRESS_TOKENS}};
    struct hob_error failure = {0};
    json_t *request = make_request(talk);
    struct reply *reply = chat_submit(talk->opened->chat, request, talk->receipt, NULL, &failure);
    json_decref(request);
    if (!reply) {
        outcome->full = failure.status == HOB_LIMIT;
        return error_set(err, failure.status, "%s", failure.text);
    }
    run_steps(&show, reply, &outcome->cancelled);
    if (!talk->silent)
        view_end(&talk->view);
    bool good = true;
    if (reply_error(reply)->status != HOB_OK) {
        good = error_set(err, reply_error(reply)->status, "%s", reply_error(reply)->text);
    } else {
        outcome->full = is_full(talk, reply);
        good = add_reply(talk, reply, err);
        if (good && outcome->wants_json)
            good = (outcome->json = reply_json(reply, err)) != NULL;
        if (good && talk->verbose)
            tell_speed(reply);
    }
    reply_free(reply);
    return good;
}
