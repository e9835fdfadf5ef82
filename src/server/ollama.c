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
#include "server/internal.h"
#include "server/messages.h"
#include "server/tools.h"

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
    {"num_keep", FIELD_WHOLE},
    {"num_gpu", FIELD_WHOLE},
    {"num_thread", FIELD_WHOLE},
    {"num_batch", FIELD_WHOLE},
    {"main_gpu", FIELD_WHOLE},
    {"use_mmap", FIELD_BOOL},
    {"use_mlock", FIELD_BOOL},
    {"low_vram", FIELD_BOOL},
    {"f16_kv", FIELD_BOOL},
    {"numa", FIELD_BOOL},
    {"vocab_only", FIELD_BOOL},
    {"tfs_z", FIELD_NUMBER},
    {"penalize_newline", FIELD_BOOL},
    {"draft_num_predict", FIELD_WHOLE},
    {"logits_all", FIELD_BOOL},
    {"embedding_only", FIELD_BOOL},
    {"rope_frequency_base", FIELD_NUMBER},
    {"rope_frequency_scale", FIELD_NUMBER},
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

bool ollama_options(struct generation *g, const json_t *value, struct hob_error *err)
{
    const char *name;
    json_t *member;
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
    bool good = fields_read(g, kept, (const struct field *const[]){option_fields, NULL}, DIALECT_OLLAMA, err);
    if (!good)
        g->param = "options";
    json_decref(kept);
    return good;
}

static bool read_format(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (json_is_string(value) && json_string_length(value) == 0)
        return true;
    if (json_is_string(value) && !str_eq(json_span(value), STR("json")))
        return error_set(err, HOB_USAGE, "format: want \"json\" or a schema");
    json_object_set(g->request, "format", (json_t *)value);
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
    (void)err;
    if (json_is_true(value))
        exchange_ignore(g->exchange, g->param);
    return true;
}

static const struct field shared_fields[] = {
    {"format", FIELD_STRING | FIELD_OBJECT, .read = read_format},
    {"options", FIELD_OBJECT, .read = ollama_options},
    {"think", FIELD_BOOL | FIELD_STRING, .read = field_think},
    {"logprobs", FIELD_BOOL, .flag = FIELD_FLAG(wants_logprobs)},
    {"top_logprobs", FIELD_WHOLE, .max = 20, .request = "logprobs"},
    {"truncate", FIELD_BOOL, .read = read_cut},
    {"shift", FIELD_BOOL, .read = read_cut},
    {"metadata", FIELD_OBJECT},
    {0},
};

static const struct field chat_fields[] = {
    {"messages", FIELD_ARRAY, .read = messages_ollama},
    {"tools", FIELD_ARRAY, .read = tools_nested},
    {"tool_choice", FIELD_STRING | FIELD_OBJECT},
    {0},
};

static const struct field generate_fields[] = {
    {"prompt", FIELD_STRING, .extra = "prompt"},  {"suffix", FIELD_STRING, .extra = "suffix"},
    {"system", FIELD_STRING, .extra = "system"},  {"template", FIELD_STRING, .extra = "template"},
    {"context", FIELD_ARRAY, .extra = "context"}, {"raw", FIELD_BOOL, .flag = FIELD_FLAG(raw)},
    {"images", FIELD_ARRAY, .read = read_images}, {0},
};

/* What both have to say once all fields are read. */
static bool finish_shared(struct generation *g, struct hob_error *err)
{
    const json_t *stream = json_object_get(g->exchange->json, "stream");
    g->stream |= !stream || json_is_null(stream);
    return fields_logprobs(g, err);
}

/* A model that can think does, unless told otherwise. */
static void think_by_default(struct generation *g)
{
    if (!json_object_get(g->request, "think"))
        json_object_set_new(g->request, "think", json_true());
}

static bool finish_chat(struct generation *g, struct hob_error *err)
{
    g->load_only = json_array_size(json_object_get(g->request, "messages")) == 0;
    think_by_default(g);
    return finish_shared(g, err);
}

static bool finish_generate(struct generation *g, struct hob_error *err)
{
    json_t *prompt = json_object_get(g->extra, "prompt"), *system = json_object_get(g->extra, "system");
    const json_t *template = json_object_get(g->extra, "template");
    if (!finish_shared(g, err))
        return false;
    g->load_only = !prompt && !json_object_get(g->extra, "suffix");
    if (g->load_only)
        return true;
    if ((g->raw || json_object_get(g->extra, "suffix")) && json_object_get(g->request, "think")) {
        json_object_del(g->request, "think"); /* there is no template to be told */
        exchange_ignore(g->exchange, "think");
    }
    if (json_object_get(g->extra, "suffix"))
        return true;
    if (g->raw) {
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
    think_by_default(g);
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

/* What came since the last. */
static void add_logprobs(struct answer *answer, json_t *to)
{
    json_t *list = answer_logprobs(answer);
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

/* A call, whose arguments are an object here. Takes `arguments`. */
static json_t *call_json(struct str name, json_t *arguments, size_t index, const char *id)
{
    return json_pack("{s:s, s:{s:I, s:o, s:o}}", "id", id, "function", "index", (json_int_t)index, "name",
                     json_bytes(name), "arguments", arguments ? arguments : json_object());
}

static void event(struct answer *answer, const struct chat_event *e)
{
    struct generation *g = answer->generation;
    json_t *json = NULL;
    if (e->kind == CHAT_TEXT) {
        json = line(g, e->text, STR(""), NULL, false);
    } else if (e->kind == CHAT_THINKING) {
        json = line(g, STR(""), e->text, NULL, false);
    } else if (e->kind == CHAT_CALL_END && !e->cut) { /* half a call has no form here */
        json_t *arguments = json_read_wide(buf_view(&answer->arguments), "arguments", NULL);
        json_t *call = call_json(buf_view(&answer->name), arguments, answer->n_calls, answer->call_id);
        json = line(g, STR(""), STR(""), json_pack("[o]", call), false);
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

/* The whole reply's calls; NULL: none. */
static json_t *all_calls(const struct answer *answer)
{
    const json_t *calls = reply_calls(answer->reply);
    json_t *list = NULL;
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *call = json_array_get(calls, i);
        json_t *arguments = json_object_get(call, "arguments");
        char id[48];
        if (json_is_string(arguments)) /* cut */
            continue;
        answer_call_id(answer, call, id);
        list = list ? list : json_array();
        json_array_append_new(list, call_json(json_span(json_object_get(call, "name")), json_incref(arguments), i, id));
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
    .call_prefix = "call_",
    .frame = ollama_frame,
    .error = ollama_error,
    .fields = (const struct field *const[]){chat_fields, shared_fields, fields_model, fields_reply, NULL},
    .options = DIALECT_OLLAMA,
    .finish = finish_chat,
    .event = event,
    .end = end,
};

const struct dialect ollama_generate_dialect = {
    .name = "ollama generate",
    .stream_type = "application/x-ndjson",
    .call_prefix = "call_",
    .frame = ollama_frame,
    .error = ollama_error,
    .fields = (const struct field *const[]){generate_fields, shared_fields, fields_model, fields_reply, NULL},
    .options = DIALECT_OLLAMA,
    .finish = finish_generate,
    .event = event,
    .end = end,
};
