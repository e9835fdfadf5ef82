/* SPDX-License-Identifier: Apache-2.0
 *
 * /health, /metrics, /limits, and /tokenize, /detokenize, /render: what needs a model but no reply.
 */
#include "server/own.h"

#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "chat/request.h"
#include "model/model.h"
#include "server/fields.h"
#include "server/internal.h"
#include "server/limits.h"
#include "server/messages.h"
#include "server/resident.h"
#include "wall/wall.h"
#include "server/tools.h"

static json_t *error_json(unsigned status, const char *param, const struct hob_error *err)
{
    return json_pack("{s:{s:i, s:o, s:o}}", "error", "code", (int)status, "message", json_bytes(str_of(err->text)),
                     "param", param ? json_string(param) : json_null());
}

static void frame(struct exchange *exchange, const char *event, struct str json)
{
    (void)event;
    exchange_write(exchange, json);
}

const struct dialect hob_dialect = {.name = "hob", .frame = frame, .error = error_json};

void own_health(struct exchange *exchange)
{
    exchange_answer_json(exchange, MHD_HTTP_OK,
                         json_pack("{s:s, s:s, s:O}", "status", "ok", "hob", HOB_VERSION, "sandboxed",
                                   json_object_get(exchange->server->wall, "sandboxed")));
}

void own_privacy(struct exchange *exchange)
{
    unsigned n_open;
    json_t *exits = wall_try_exits(&n_open), *whole = json_deep_copy(exchange->server->wall);
    json_object_set_new(whole, "open", json_integer(n_open));
    json_object_set_new(whole, "exits", exits);
    exchange_answer_json(exchange, MHD_HTTP_OK, whole);
}

void own_limits(struct exchange *exchange)
{
    json_t *list = limits_json();
    double seconds = exchange->server->options.queue_s; /* may have a fraction */
    json_object_set_new(json_array_get(list, LIMIT_QUEUE_S), "value",
                        seconds == floor(seconds) ? json_integer((json_int_t)seconds) : json_real(seconds));
    exchange_answer_json(exchange, MHD_HTTP_OK, list);
}

static void put(struct buf *out, const char *name, const char *type, const char *help, double value)
{
    buf_format(out, "# HELP hob_%s %s\n# TYPE hob_%s %s\nhob_%s %.17g\n", name, help, name, type, name, value);
}

void own_metrics(struct exchange *exchange)
{
    struct server *server = exchange->server;
    struct counters *c = &server->counters;
    struct buf out = {0};
    if (!server->options.metrics) {
        exchange_refuse(exchange, MHD_HTTP_NOT_FOUND, "metrics are off; hob serve --metrics turns them on");
        return;
    }
    put(&out, "requests_total", "counter", "Requests.", (double)atomic_load(&c->requests));
    put(&out, "requests_refused_total", "counter", "Requests refused by their headers.",
        (double)atomic_load(&c->refused));
    put(&out, "generations_cancelled_total", "counter", "Replies whose client left.",
        (double)atomic_load(&c->cancelled));
    put(&out, "prompt_tokens_total", "counter", "Tokens of prompts.", (double)atomic_load(&c->prompt_tokens));
    put(&out, "generated_tokens_total", "counter", "Tokens generated.", (double)atomic_load(&c->generated_tokens));
    put(&out, "steps_total", "counter", "Steps of all engines.", (double)atomic_load(&c->steps));
    put(&out, "step_replies_total", "counter", "Replies that took part in each step, summed up.",
        (double)atomic_load(&c->step_replies));
    put(&out, "model_loads_total", "counter", "Models loaded.", (double)atomic_load(&c->loads));
    put(&out, "sandboxed", "gauge", "Whether every wall stands.",
        json_is_true(json_object_get(server->wall, "sandboxed")));
    put(&out, "uptime_seconds", "gauge", "Seconds since the start.", (clock_ms() - server->started_ms) / 1000);
    json_t *residents = residents_json(server), *resident;
    double bytes = 0, running = 0, waiting = 0;
    size_t i;
    json_array_foreach(residents, i, resident)
    {
        bytes += json_number_value(json_object_get(resident, "bytes"));
        running += json_number_value(json_object_get(resident, "running"));
        waiting += json_number_value(json_object_get(resident, "waiting"));
    }
    put(&out, "models_loaded", "gauge", "Models in memory.", (double)json_array_size(residents));
    put(&out, "model_bytes", "gauge", "Bytes planned for them.", bytes);
    put(&out, "replies_running", "gauge", "Replies that have a place.", running);
    put(&out, "requests_waiting", "gauge", "Requests that wait for a place.", waiting);
    json_decref(residents);
    exchange_answer(exchange, MHD_HTTP_OK, "text/plain; version=0.0.4", &out);
}

void own_rerank(struct exchange *exchange)
{
    exchange_refuse(exchange, MHD_HTTP_NOT_IMPLEMENTED, "no model that ranks texts can be loaded");
}

/* ----------------------------------------------------------------------------------------- what needs a model */

static bool read_content(struct generation *g, const json_t *value, struct hob_error *err)
{
    long long most = limits[LIMIT_TEXT_BYTES].value;
    json_object_set(g->extra, "content", (json_t *)value);
    return json_string_length(value) <= (size_t)most ||
           error_set(err, HOB_LIMIT, "%s: has %zu bytes, want at most %lld", g->param, json_string_length(value), most);
}

static const struct field tokenize_fields[] = {
    {"content", FIELD_STRING, .read = read_content},
    {"prompt", FIELD_STRING, .read = read_content},
    {"special", FIELD_BOOL, .flag = FIELD_FLAG(special)},
    {"parse_special", FIELD_BOOL, .flag = FIELD_FLAG(special)},
    {"bos", FIELD_BOOL, .flag = FIELD_FLAG(bos)},
    {"add_special", FIELD_BOOL, .flag = FIELD_FLAG(bos)},
    {0},
};

static const struct field detokenize_fields[] = {
    {"tokens", FIELD_ARRAY, .required = true, .extra = "tokens"},
    {"special", FIELD_BOOL, .flag = FIELD_FLAG(special)},
    {0},
};

static const struct field render_fields[] = {
    {"messages", FIELD_ARRAY, .required = true, .read = messages_openai},
    {"tools", FIELD_ARRAY, .read = tools_nested},
    {"think", FIELD_BOOL | FIELD_STRING, .read = field_think},
    {"chat_template_kwargs", FIELD_OBJECT, .read = field_template_variables},
    {0},
};

static bool finish(struct generation *g, struct hob_error *err)
{
    (void)err;
    g->load_only = true;
    return true;
}

static struct model *model_of(const struct generation *g)
{
    return engine_model(chat_engine(resident_chat(g->resident)));
}

static void fail(struct generation *g, const struct hob_error *err)
{
    exchange_fail(g->exchange, exchange_status(err), g->param, err);
}

static void end_tokenize(struct generation *g)
{
    struct hob_error err;
    struct ids ids = {0};
    const struct tokenizer *tokenizer = model_tokenizer(model_of(g), &err);
    struct request_bounds bounds = {SIZE_MAX, &g->cancelled};
    struct encode_options options = {
        .special = g->special,
        .add_bos = g->bos,
        .go_on = request_go_on,
        .go_on_ctx = &bounds,
    };
    if (tokenizer &&
        tokenizer_encode(tokenizer, json_span(json_object_get(g->extra, "content")), &options, &ids, &err)) {
        json_t *list = json_array();
        for (size_t i = 0; i < ids.len; i++)
            json_array_append_new(list, json_integer(ids.ptr[i]));
        exchange_answer_json(g->exchange, MHD_HTTP_OK,
                             json_pack("{s:o, s:I}", "tokens", list, "count", (json_int_t)ids.len));
    } else {
        fail(g, &err);
    }
    ids_clear(&ids);
}

static void end_detokenize(struct generation *g)
{
    struct hob_error err;
    struct buf text = {0};
    struct detokenizer state = {0};
    const json_t *tokens = json_object_get(g->extra, "tokens");
    const struct tokenizer *tokenizer = model_tokenizer(model_of(g), &err);
    bool good = tokenizer != NULL, special = g->special;
    for (size_t i = 0; good && i < json_array_size(tokens); i++) {
        const json_t *id = json_array_get(tokens, i);
        good = (json_is_integer(id) && json_integer_value(id) >= 0 &&
                (size_t)json_integer_value(id) < tokenizer_size(tokenizer)) ||
               error_set(&err, HOB_USAGE, "tokens[%zu]: want an id in [0, %zu)", i, tokenizer_size(tokenizer));
        if (good)
            detokenizer_add(&state, tokenizer, (int32_t)json_integer_value(id), special, &text);
    }
    detokenizer_end(&state, &text);
    if (good)
        exchange_answer_json(g->exchange, MHD_HTTP_OK, json_pack("{s:o}", "content", json_bytes(buf_view(&text))));
    else
        fail(g, &err);
    buf_clear(&text);
}

static void end_render(struct generation *g)
{
    struct hob_error err;
    struct rendered rendered = {0};
    json_t *whole = persona_request(&g->persona, g->request);
    if (chat_render(model_of(g), persona_template(&g->persona), whole, &rendered, &err)) {
        json_t *spans = json_array();
        for (size_t i = 0; i < rendered.n_untrusted; i++)
            json_array_append_new(spans, json_pack("[I, I]", (json_int_t)rendered.untrusted[i].start,
                                                   (json_int_t)rendered.untrusted[i].end));
        exchange_answer_json(g->exchange, MHD_HTTP_OK,
                             json_pack("{s:o, s:o}", "prompt", json_bytes(buf_view(&rendered.text)), "spans", spans));
    } else {
        fail(g, &err);
    }
    json_decref(whole);
    rendered_clear(&rendered);
}

const struct dialect tokenize_dialect = {
    .name = "tokenize",
    .frame = frame,
    .error = error_json,
    .fields = (const struct field *const[]){tokenize_fields, fields_model, NULL},
    .options = DIALECT_NONE,
    .finish = finish,
    .end = end_tokenize,
};

const struct dialect detokenize_dialect = {
    .name = "detokenize",
    .frame = frame,
    .error = error_json,
    .fields = (const struct field *const[]){detokenize_fields, fields_model, NULL},
    .options = DIALECT_NONE,
    .finish = finish,
    .end = end_detokenize,
};

const struct dialect render_dialect = {
    .name = "render",
    .call_prefix = "call_",
    .frame = frame,
    .error = error_json,
    .fields = (const struct field *const[]){render_fields, fields_model, NULL},
    .options = DIALECT_NONE,
    .finish = finish,
    .end = end_render,
};
