/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /api/chat and /api/generate
 */
#include "server/ollama.h"

#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "chat/modelfile.h"
#include "server/fields.h"
#include "server/internal.h"
#include "server/messages.h"

json_t *ollama_error(unsigned status, const char *param, const struct hob_error *err)
{
    (void)status;
    (void)param;
    return json_pack("{s:o}", "error", json_bytes(str_of(err->text)));
}

void ollama_frame(struct exchange *exchange, const char *event, struct str json)
{
    struct buf line = {0};
    (void)event;
    buf_str(&line, json);
    buf_byte(&line, '\n');
    exchange_write(exchange, buf_view(&line));
    buf_clear(&line);
}

json_t *ollama_time(int64_t seconds, long nanoseconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;
    char text[64];
    gmtime_r(&t, &tm);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, sizeof text - n, ".%09ldZ", nanoseconds);
    return json_string(text);
}

static json_t *now_json(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return ollama_time(now.tv_sec, now.tv_nsec);
}

/* Options that say how another program runs a model. */
static const struct field option_fields[] = {
    {"num_keep", NULL, "integer"},
    {"num_gpu", NULL, "integer"},
    {"num_thread", NULL, "integer"},
    {"num_batch", NULL, "integer"},
    {"main_gpu", NULL, "integer"},
    {"use_mmap", NULL, "boolean"},
    {"use_mlock", NULL, "boolean"},
    {"low_vram", NULL, "boolean"},
    {"f16_kv", NULL, "boolean"},
    {"numa", NULL, "boolean"},
    {"vocab_only", NULL, "boolean"},
    {"tfs_z", NULL, "number"},
    {"mirostat_tau", NULL, "number"},
    {"mirostat_eta", NULL, "number"},
    {"penalize_newline", NULL, "boolean"},
    {"draft_num_predict", NULL, "integer"},
    {"logits_all", NULL, "boolean"},
    {"embedding_only", NULL, "boolean"},
    {"rope_frequency_base", NULL, "number"},
    {"rope_frequency_scale", NULL, "number"},
    {0},
};

/* Values by which Ollama's clients say "as the model has it". */
static bool means_none(const char *name, const json_t *value)
{
    bool negative = json_is_number(value) && json_number_value(value) < 0;
    return (negative && (strcmp(name, "num_predict") == 0 || strcmp(name, "seed") == 0)) ||
           (strcmp(name, "num_ctx") == 0 && json_is_number(value) && json_number_value(value) <= 0) ||
           (strcmp(name, "mirostat") == 0 && json_is_integer(value) && json_integer_value(value) == 0);
}

static bool read_options(struct generation *g, const json_t *value, struct hob_error *err)
{
    const char *name;
    json_t *member;
    if (!json_is_object(value))
        return error_set(err, HOB_USAGE, "options: want an object");
    json_t *kept = json_object();
    json_object_foreach((json_t *)value, name, member)
    {
        double number = json_is_real(member) ? json_real_value(member) : 0.5;
        if (means_none(name, member))
            continue;
        if (number == (double)(json_int_t)number) /* some clients send every number as a float */
            json_object_set_new(kept, name, json_integer((json_int_t)number));
        else
            json_object_set(kept, name, member);
    }
    bool good = fields_read(g, kept, option_fields, DIALECT_OLLAMA, err);
    if (!good)
        g->param = "options";
    json_decref(kept);
    return good;
}

static bool read_format(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (json_is_string(value) && json_string_length(value) == 0)
        return true;
    if (!json_is_object(value) && !str_eq(json_span(value), STR("json")))
        return error_set(err, HOB_USAGE, "format: want \"json\" or a schema");
    json_object_set(g->request, "format", (json_t *)value);
    return true;
}

static bool read_think(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (!json_is_boolean(value) && !json_is_string(value))
        return error_set(err, HOB_USAGE, "think: want true, false, \"low\", \"medium\" or \"high\"");
    bool text = json_is_string(value);
    bool words = text && (str_eq(json_span(value), STR("true")) || str_eq(json_span(value), STR("false")));
    if (words)
        json_object_set_new(g->request, "think", json_boolean(json_string_value(value)[0] == 't'));
    else if (text && str_eq(json_span(value), STR("max")))
        json_object_set_new(g->request, "think", json_string("high"));
    else if (!text || json_string_length(value))
        json_object_set(g->request, "think", (json_t *)value);
    return true;
}

static bool read_logprobs(struct generation *g, const json_t *value, struct hob_error *err)
{
    return field_bool(value, &g->wants_logprobs, err) || error_prefix(err, "logprobs");
}

static bool read_top_logprobs(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > 20)
        return error_set(err, HOB_USAGE, "top_logprobs: want a whole number in [0, 20]");
    json_object_set(g->request, "logprobs", (json_t *)value);
    return true;
}

/* A text that the dialect keeps: prompt, suffix, system, template. */
static bool keep_text(struct generation *g, const char *name, const json_t *value, struct hob_error *err)
{
    if (!json_is_string(value))
        return error_set(err, HOB_USAGE, "%s: want a string", name);
    if (json_string_length(value))
        json_object_set(g->extra, name, (json_t *)value);
    return true;
}

static bool read_prompt(struct generation *g, const json_t *value, struct hob_error *err)
{
    return keep_text(g, "prompt", value, err);
}

static bool read_suffix(struct generation *g, const json_t *value, struct hob_error *err)
{
    return keep_text(g, "suffix", value, err);
}

static bool read_system(struct generation *g, const json_t *value, struct hob_error *err)
{
    return keep_text(g, "system", value, err);
}

static bool read_template(struct generation *g, const json_t *value, struct hob_error *err)
{
    return keep_text(g, "template", value, err);
}

static bool read_context(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (!json_is_array(value))
        return error_set(err, HOB_USAGE, "context: want the array of ids that an answer gave");
    if (json_array_size(value))
        json_object_set(g->extra, "context", (json_t *)value);
    return true;
}

static bool read_raw(struct generation *g, const json_t *value, struct hob_error *err)
{
    bool raw;
    if (!field_bool(value, &raw, err))
        return error_prefix(err, "raw");
    json_object_set_new(g->extra, "raw", json_boolean(raw));
    return true;
}

static bool read_images(struct generation *g, const json_t *value, struct hob_error *err)
{
    (void)g;
    return json_array_size(value) == 0 || error_set(err, HOB_USAGE, "images: this model takes no images");
}

/* false for what hob never does in silence: cutting a prompt. */
static bool read_cut(struct generation *g, const json_t *value, struct hob_error *err)
{
    bool wanted;
    if (!field_bool(value, &wanted, err))
        return error_prefix(err, "truncate, shift");
    if (wanted)
        exchange_ignore(g->exchange, "truncate");
    return true;
}

/* clang-format off */
#define SHARED                                                                                                         \
    {"model", field_model, "string"}, {"stream", field_stream, "boolean"}, {"format", read_format, NULL},              \
    {"options", read_options, "object"}, {"think", read_think, NULL}, {"keep_alive", field_keep_alive, NULL},          \
    {"logprobs", read_logprobs, "boolean"}, {"top_logprobs", read_top_logprobs, "integer"},                            \
    {"truncate", read_cut, "boolean"}, {"shift", read_cut, "boolean"}, {"receipt", field_receipt, "boolean"}, {"constraint", field_constraint, "object"}, \
    {"metadata", NULL, "object"}
/* clang-format on */

static const struct field chat_fields[] = {
    SHARED, {"messages", messages_ollama, "array"}, {"tools", field_tools, "array"}, {"tool_choice", NULL, NULL}, {0},
};

static const struct field generate_fields[] = {
    SHARED,
    {"prompt", read_prompt, "string"},
    {"suffix", read_suffix, "string"},
    {"system", read_system, "string"},
    {"template", read_template, "string"},
    {"context", read_context, "array"},
    {"raw", read_raw, "boolean"},
    {"images", read_images, "array"},
    {0},
};

/* What both have to say once all fields are read. */
static void finish_shared(struct generation *g)
{
    if (!json_object_get(g->exchange->json, "stream") || json_is_null(json_object_get(g->exchange->json, "stream")))
        g->stream = true;
    if (g->wants_logprobs && !json_object_get(g->request, "logprobs"))
        json_object_set_new(g->request, "logprobs", json_integer(0));
    else if (!g->wants_logprobs)
        json_object_del(g->request, "logprobs");
}

static bool finish_chat(struct generation *g, struct hob_error *err)
{
    (void)err;
    finish_shared(g);
    g->load_only = json_array_size(json_object_get(g->request, "messages")) == 0;
    return true;
}

static bool finish_generate(struct generation *g, struct hob_error *err)
{
    json_t *prompt = json_object_get(g->extra, "prompt"), *system = json_object_get(g->extra, "system");
    const json_t *template = json_object_get(g->extra, "template");
    finish_shared(g);
    g->load_only = !prompt && !json_object_get(g->extra, "suffix");
    if (g->load_only || json_object_get(g->extra, "suffix"))
        return true;
    if (json_is_true(json_object_get(g->extra, "raw"))) {
        if (system || template || json_object_get(g->extra, "context"))
            return error_set(err, HOB_USAGE, "raw mode does not support template, system, or context");
        json_object_set(g->request, "prompt", prompt);
        return true;
    }
    if (template) {
        json_t *settings = json_object();
        bool good = modelfile_template(settings, json_span(template), err);
        json_object_set(g->extra, "settings", settings);
        json_decref(settings);
        if (!good)
            return false;
    }
    json_t *messages = json_array();
    if (system)
        json_object_set(message_add(messages, "system", STR("")), "content", system);
    json_object_set(message_add(messages, "user", STR("")), "content", prompt);
    json_object_set_new(g->request, "messages", messages);
    return true;
}

static bool is_chat(const struct generation *g)
{
    return g->dialect == &ollama_chat_dialect;
}

/* A line that is not the last. */
static json_t *line(const struct generation *g, struct str text, struct str thinking, json_t *calls, bool done)
{
    json_t *json = json_pack("{s:s, s:o}", "model", g->model, "created_at", now_json());
    json_t *to = json;
    if (is_chat(g)) {
        to = json_pack("{s:s, s:o}", "role", "assistant", "content", json_bytes(text));
        json_object_set_new(json, "message", to);
    } else {
        json_object_set_new(json, "response", json_bytes(text));
    }
    if (thinking.len)
        json_object_set_new(to, "thinking", json_bytes(thinking));
    if (calls)
        json_object_set_new(to, "tool_calls", calls);
    json_object_set_new(json, "done", json_boolean(done));
    return json;
}

/* [{"token", "logprob", "bytes", "top_logprobs"}] of what came since the last. */
static void add_logprobs(struct answer *answer, json_t *to)
{
    const json_t *all = reply_logprobs(answer->reply);
    json_t *list = json_array();
    for (; answer->n_logged < json_array_size(all); answer->n_logged++) {
        const json_t *entry = json_array_get(all, answer->n_logged), *top = json_object_get(entry, "top");
        json_t *tops = json_array();
        for (size_t i = 0; i < json_array_size(top); i++)
            json_array_append_new(tops,
                                  json_pack("{s:O?, s:O}", "token", json_object_get(json_array_get(top, i), "token"),
                                            "logprob", json_object_get(json_array_get(top, i), "logprob")));
        json_array_append_new(list, json_pack("{s:O?, s:O, s:o}", "token", json_object_get(entry, "token"), "logprob",
                                              json_object_get(entry, "logprob"), "top_logprobs", tops));
    }
    if (json_array_size(list))
        json_object_set(to, "logprobs", list);
    json_decref(list);
}

static void put_line(struct generation *g, json_t *json)
{
    struct buf text = {0};
    json_write(json, &text);
    json_decref(json);
    ollama_frame(g->exchange, NULL, buf_view(&text));
    buf_clear(&text);
}

static json_t *call_json(const json_t *name, const json_t *arguments, size_t index, const char *id)
{
    json_t *object = json_is_string(arguments) ? json_read(json_span(arguments), "arguments", NULL)
                                               : json_incref((json_t *)arguments);
    return json_pack("{s:s, s:{s:I, s:O, s:o}}", "id", id, "function", "index", (json_int_t)index, "name", name,
                     "arguments", object ? object : json_object());
}

static void event(struct answer *answer, const struct chat_event *e)
{
    struct generation *g = answer->generation;
    json_t *json = NULL;
    if (e->kind == CHAT_TEXT) {
        json = line(g, e->text, STR(""), NULL, false);
    } else if (e->kind == CHAT_THINKING) {
        json = line(g, STR(""), e->text, NULL, false);
    } else if (answer_call(answer, e)) {
        json_t *name = json_bytes(buf_view(&answer->name)), *arguments = json_bytes(buf_view(&answer->arguments));
        json = line(g, STR(""), STR(""),
                    json_pack("[o]", call_json(name, arguments, answer->n_calls - 1, answer->call_id)), false);
        json_decref(name);
        json_decref(arguments);
    }
    if (json && g->wants_logprobs)
        add_logprobs(answer, json);
    if (json)
        put_line(g, json);
}

static json_t *nanoseconds(double ms)
{
    return json_integer((json_int_t)(ms > 0 ? ms * 1e6 : 0));
}

/* The whole reply's calls. */
static json_t *all_calls(const struct answer *answer)
{
    const json_t *calls = reply_calls(answer->reply);
    json_t *list = json_array_size(calls) ? json_array() : NULL;
    for (size_t i = 0; i < json_array_size(calls); i++) {
        char id[32];
        make_id("call_", id, 5 + 8 + 1);
        json_array_append_new(list, call_json(json_object_get(json_array_get(calls, i), "name"),
                                              json_object_get(json_array_get(calls, i), "arguments"), i, id));
    }
    return list;
}

/* The ids of prompt and reply, for the next request. */
static json_t *context_json(const struct answer *answer)
{
    size_t n_prompt, n_generated;
    const int32_t *tokens = reply_tokens(answer->reply, &n_prompt, &n_generated);
    json_t *list = json_array();
    for (size_t i = 0; i < n_prompt + n_generated; i++)
        json_array_append_new(list, json_integer(tokens[i]));
    return list;
}

static void end(struct generation *g)
{
    struct answer *answer = g->answers;
    struct hob_error err;
    const char *reason =
        answer ? reply_finish_reason(answer->reply) : json_string_value(json_object_get(g->extra, "reason"));
    bool all = answer && !g->stream;
    json_t *json = line(g, all ? reply_text(answer->reply) : STR(""), all ? reply_thinking(answer->reply) : STR(""),
                        all ? all_calls(answer) : NULL, true);
    json_object_set_new(json, "done_reason",
                        json_string(answer && strcmp(reason, "length") != 0 ? "stop"
                                    : reason                                ? reason
                                                                            : "load"));
    if (answer) {
        struct sequence_timings t = reply_timings(answer->reply);
        struct usage usage = generation_usage(g);
        if (!is_chat(g))
            json_object_set_new(json, "context", context_json(answer));
        if (g->wants_logprobs)
            add_logprobs(answer, json);
        json_object_set_new(json, "total_duration", nanoseconds(clock_ms() - g->start_ms));
        json_object_set_new(json, "load_duration", nanoseconds(g->load_ms));
        json_object_set_new(json, "prompt_eval_count", json_integer((json_int_t)usage.prompt));
        json_object_set_new(json, "prompt_eval_duration", nanoseconds(t.prefill_ms));
        json_object_set_new(json, "eval_count", json_integer((json_int_t)usage.generated));
        json_object_set_new(json, "eval_duration", nanoseconds(t.decode_ms));
        if (g->receipt)
            json_object_set_new(json, "receipt", reply_receipt(answer->reply, &err));
    }
    if (!g->stream) {
        exchange_answer_json(g->exchange, MHD_HTTP_OK, json);
        return;
    }
    put_line(g, json);
    exchange_end(g->exchange);
}

const struct dialect ollama_chat_dialect = {
    .name = "ollama chat",
    .stream_type = "application/x-ndjson",
    .frame = ollama_frame,
    .error = ollama_error,
    .fields = chat_fields,
    .options = DIALECT_OLLAMA,
    .finish = finish_chat,
    .event = event,
    .end = end,
};

const struct dialect ollama_generate_dialect = {
    .name = "ollama generate",
    .stream_type = "application/x-ndjson",
    .frame = ollama_frame,
    .error = ollama_error,
    .fields = generate_fields,
    .options = DIALECT_OLLAMA,
    .finish = finish_generate,
    .event = event,
    .end = end,
};
