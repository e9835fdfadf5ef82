/* SPDX-License-Identifier: Apache-2.0 */
#include "server/generation.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "chat/request.h"
#include "model/model.h"
#include "server/fields.h"
#include "server/internal.h"
#include "server/limits.h"
#include "server/resident.h"
#include "server/routes.h"
#include "server/tools.h"
#include "store/digest.h"
#include "store/facts.h"

void make_id(const char *prefix, char *out, size_t size)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    unsigned char random[24];
    char text[25];
    if (getrandom(random, sizeof random, 0) < 0)
        memset(random, 0, sizeof random);
    for (size_t i = 0; i < 24; i++)
        text[i] = letters[random[i] % 62];
    text[24] = 0;
    snprintf(out, size, "%s%s", prefix, text);
}

/* Values in a JSON tree. */
static size_t count_values(const json_t *json)
{
    size_t n = 1, i;
    const char *key;
    json_t *value;
    if (json_is_object(json)) {
        json_object_foreach((json_t *)json, key, value)
        {
            n += count_values(value);
        }
    } else if (json_is_array(json)) {
        json_array_foreach(json, i, value)
        {
            n += count_values(value);
        }
    }
    return n;
}

bool body_read(struct exchange *exchange, bool may_be_empty)
{
    struct hob_error err = {0};
    if (exchange->body.len == 0 && may_be_empty) {
        exchange->json = json_object();
        return exchange->json != NULL;
    }
    if (exchange->body.len == 0)
        error_set(&err, HOB_FORMAT, "missing request body");
    else if (str_starts(buf_view(&exchange->body), STR("\xef\xbb\xbf")))
        error_set(&err, HOB_FORMAT, "body: line 1, column 1: starts with a byte order mark, want JSON");
    else
        exchange->json = json_read_wide(buf_view(&exchange->body), "body", &err); /* the fields say what is too large */
    if (exchange->json && !json_is_object(exchange->json))
        error_set(&err, HOB_FORMAT, "body: want a JSON object");
    else if (exchange->json && count_values(exchange->json) > (size_t)limits[LIMIT_JSON_KEYS].value)
        error_set(&err, HOB_LIMIT, "body: has more than %lld values", limits[LIMIT_JSON_KEYS].value);
    buf_clear(&exchange->body);
    if (err.status == HOB_OK)
        return true;
    exchange_fail(exchange, MHD_HTTP_BAD_REQUEST, NULL, &err);
    return false;
}

void generation_cancel(struct generation *generation)
{
    atomic_store(&generation->cancelled, true);
}

void generation_free(struct generation *g)
{
    if (!g)
        return;
    pthread_mutex_lock(&g->exchange->lock);
    g->exchange->generation = NULL;
    pthread_mutex_unlock(&g->exchange->lock);
    for (size_t i = 0; g->answers && i < g->n; i++) {
        reply_free(g->answers[i].reply);
        buf_clear(&g->answers[i].name);
        buf_clear(&g->answers[i].arguments);
        buf_clear(&g->answers[i].part);
        json_decref(g->answers[i].logged);
    }
    free(g->answers);
    persona_clear(&g->persona);
    json_decref(g->settings);
    json_decref(g->request);
    json_decref(g->extra);
    arena_clear(&g->arena);
    exchange_drop(g->exchange);
    free(g);
}

void generation_fail(struct generation *g, unsigned status, const struct hob_error *err)
{
    exchange_fail(g->exchange, status, g->param, err);
    generation_free(g);
}

/* What a request of this dialect is made of. */
static struct generation *generation_new(struct exchange *exchange)
{
    struct generation *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->exchange = exchange_hold(exchange);
    g->dialect = exchange->dialect;
    g->request = json_object();
    g->extra = json_object();
    g->n = g->n_prompts = 1;
    g->keep_alive_s = exchange->server->options.keep_alive_s;
    g->start_ms = exchange->received_ms;
    g->created_s = time(NULL);
    atomic_init(&g->cancelled, false);
    pthread_mutex_lock(&exchange->lock);
    exchange->generation = g;
    atomic_store(&g->cancelled, exchange->gone);
    pthread_mutex_unlock(&exchange->lock);
    if (g->request && g->extra)
        return g;
    generation_free(g);
    return NULL;
}

bool generation_find_entry(struct generation *g, struct hob_error *err)
{
    g->param = "model";
    if (!g->model[0])
        return error_set(err, HOB_USAGE, "model: is missing; want the name of a model");
    if (!library_find(&g->arena, str_of(g->model), &g->entry, err))
        return err->status != HOB_NOT_FOUND && err->status != HOB_USAGE
                   ? false
                   : error_set(err, HOB_NOT_FOUND, "model '%s' not found", g->model);
    g->param = NULL;
    return true;
}

bool generation_find_model(struct generation *g, struct hob_error *err)
{
    return generation_find_entry(g, err) && library_check(&g->entry, err) &&
           (g->settings = json_read(str_of(g->entry.settings), g->entry.name, err)) != NULL;
}

struct generation *generation_read(struct exchange *exchange)
{
    struct hob_error err = {0};
    if (!body_read(exchange, false))
        return NULL;
    struct generation *g = generation_new(exchange);
    if (!g) {
        exchange_refuse(exchange, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory");
        return NULL;
    }
    bool good = fields_read(g, exchange->json, g->dialect->fields, g->dialect->options, &err) &&
                (!g->dialect->finish || g->dialect->finish(g, &err));
    if (good)
        return g;
    generation_fail(g, exchange_status(&err), &err);
    return NULL;
}

void generation_handle(struct exchange *exchange)
{
    struct hob_error err = {0};
    struct generation *g = generation_read(exchange);
    if (g && g->dialect->act) {
        g->dialect->act(g);
        generation_free(g);
    } else if (g && generation_find_model(g, &err)) {
        resident_find(exchange->server, g); /* goes on in generation_continue() */
    } else if (g) {
        generation_fail(g, exchange_status(&err), &err);
    }
}

/* The member "seed" of the i-th answer: the i-th number from the request's, after the largest comes 0. */
static void vary_seed(json_t *request, const json_t *seed, size_t i)
{
    json_int_t value = json_integer_value(seed);
    if (json_is_integer(seed))
        json_object_set_new(request, "seed",
                            json_integer(value < 0 ? value : (json_int_t)(((uint64_t)value + i) & INT64_MAX)));
}

/* Gives the request the n-th answer's prompt, where there are several. */
static void set_prompt(struct generation *g, size_t i)
{
    json_t *prompt = json_array_get(json_object_get(g->extra, "prompts"), i / (g->n / g->n_prompts));
    if (g->n_prompts == 1)
        return;
    json_object_del(g->request, json_is_string(prompt) ? "tokens" : "prompt");
    json_object_set(g->request, json_is_string(prompt) ? "prompt" : "tokens", prompt);
}

/* What is left of thinking where the model cannot do as it was asked: a level becomes on, off becomes nothing, and so
 * does on unless it was asked for in a word of its own. Nobody is told of what nobody asked for. False when nothing is
 * left to take. */
static bool soften(struct generation *g, struct hob_error *err)
{
    const json_t *think = json_object_get(g->request, "think");
    if (!think || strncmp(err->text, "think:", 6) != 0)
        return false;
    if (json_is_true(think) && g->think_name && strcmp(g->think_name, "think") == 0)
        return error_set(err, HOB_USAGE, "\"%s\" does not support thinking", g->model); /* as Ollama says it */
    if (json_is_string(think))
        json_object_set_new(g->request, "think", json_true());
    else
        json_object_del(g->request, "think");
    if (g->think_name && !g->think_softened)
        exchange_ignore(g->exchange, g->think_name);
    g->think_softened = true;
    return true;
}

/* Appends the ids of a text that names no special tokens. */
static bool add_text(struct generation *g, const struct tokenizer *tokenizer, const json_t *text, json_t *to,
                     struct hob_error *err)
{
    struct ids ids = {0};
    struct request_bounds bounds = {engine_get_plan(chat_engine(resident_chat(g->resident)))->ctx, &g->cancelled};
    struct encode_options plain = {.go_on = request_go_on, .go_on_ctx = &bounds};
    bool good = tokenizer_encode(tokenizer, json_span(text), &plain, &ids, err);
    for (size_t i = 0; good && i < ids.len; i++)
        json_array_append_new(to, json_integer(ids.ptr[i]));
    ids_clear(&ids);
    return good;
}

/* The ids of a prompt whose middle is wanted: the model's marks, and texts that stay texts. */
static bool fill_in(struct generation *g, struct model *model, struct hob_error *err)
{
    int32_t marks[3];
    const json_t *suffix = json_object_get(g->extra, "suffix"), *prompt = json_object_get(g->request, "prompt");
    const struct tokenizer *tokenizer = model_tokenizer(model, err);
    prompt = prompt ? prompt : json_object_get(g->extra, "prompt");
    if (!tokenizer)
        return false;
    if (!facts_infill(model, marks)) {
        g->param = "suffix";
        return error_set(err, HOB_USAGE, "\"%s\" does not support insert", g->model);
    }
    json_t *ids = json_array();
    if (tokenizer_adds_bos(tokenizer))
        json_array_append_new(ids, json_integer(tokenizer_bos(tokenizer)));
    json_array_append_new(ids, json_integer(marks[0]));
    bool good = add_text(g, tokenizer, prompt, ids, err);
    json_array_append_new(ids, json_integer(marks[1]));
    good = good && add_text(g, tokenizer, suffix, ids, err);
    json_array_append_new(ids, json_integer(marks[2]));
    json_object_del(g->request, "prompt");
    json_object_del(g->request, "messages");
    json_object_set_new(g->request, "tokens", ids);
    return good;
}

/* The ids of an earlier answer, and the new prompt behind them. */
static bool put_context(struct generation *g, struct chat *chat, struct hob_error *err)
{
    struct model *model = engine_model(chat_engine(chat));
    json_t *tokens = json_copy(json_object_get(g->extra, "context")), *request, *markup = NULL;
    struct rendered rendered = {0};
    struct ids ids = {0};
    const struct tokenizer *tokenizer = model_tokenizer(model, err);
    request = persona_request(&g->persona, g->request);
    bool good = tokenizer && chat_render(model, persona_template(&g->persona), request, &rendered, err);
    good = good && (markup = chat_markup(model, persona_template(&g->persona), &rendered, request, err)) != NULL;
    if (good) {
        struct request_bounds bounds = {engine_get_plan(chat_engine(chat))->ctx, &g->cancelled};
        struct encode_options options = {.special = true,
                                         .untrusted = rendered.untrusted,
                                         .n_untrusted = rendered.n_untrusted,
                                         .go_on = request_go_on,
                                         .go_on_ctx = &bounds};
        good = tokenizer_encode(tokenizer, buf_view(&rendered.text), &options, &ids, err);
    }
    for (size_t i = 0; good && i < ids.len; i++)
        json_array_append_new(tokens, json_integer(ids.ptr[i]));
    if (good) {
        json_object_del(g->request, "messages");
        json_object_del(g->request, "think");
        json_object_set(g->request, "tokens", tokens);
        json_object_set(g->request, "markup", markup);
    }
    json_decref(tokens);
    json_decref(markup);
    json_decref(request);
    rendered_clear(&rendered);
    ids_clear(&ids);
    return good;
}

/* A model without a template takes a prompt as it is, as under Ollama's default template; messages it cannot take. */
static bool check_template(struct generation *g, const struct model *model, struct hob_error *err)
{
    json_t *prompt = json_object_get(g->extra, "prompt");
    if (!json_object_get(g->request, "messages") || persona_template(&g->persona) ||
        options_get(resident_options(g->resident), "template")->given || model_template_text(model, false).len)
        return true;
    if (!prompt || json_object_get(g->extra, "context"))
        return error_set(
            err, HOB_USAGE,
            "\"%s\" has no chat template; use /v1/completions, or /api/generate without context, or give it "
            "a template with hob create",
            g->model);
    if (json_object_get(g->extra, "system"))
        exchange_ignore(g->exchange, "system");
    json_object_del(g->request, "messages");
    json_object_set(g->request, "prompt", prompt);
    return true;
}

/* Renders, tokenizes and compiles each answer's request. */
static bool prepare(struct generation *g, struct hob_error *err)
{
    struct chat *chat = resident_chat(g->resident);
    if (g->dialect->call_prefix) /* agents send tools whatever the model */
        json_object_set_new(g->request, "generic_tools", json_true());
    json_t *own = json_object_get(g->extra, "settings"); /* of the request: a template */
    if (own)
        json_object_update(g->settings, own);
    if (!persona_init(&g->persona, resident_options(g->resident), g->settings, err))
        return false;
    if (g->load_only)
        return true;
    g->answers = calloc(g->n, sizeof *g->answers);
    if (!g->answers)
        return error_memory(err, g->n * sizeof *g->answers);
    for (size_t i = 0; i < g->n; i++) {
        g->answers[i].generation = g;
        g->answers[i].index = i;
    }
    if (g->dialect->prepare)
        return g->dialect->prepare(g, err);
    if (json_object_get(g->extra, "suffix") && !fill_in(g, engine_model(chat_engine(chat)), err))
        return false;
    if (!check_template(g, engine_model(chat_engine(chat)), err))
        return false;
    if (json_object_get(g->extra, "context"))
        while (!put_context(g, chat, err))
            if (!soften(g, err))
                return false;
    if (g->receipt) { /* so that no step waits for it */
        char hex[65];
        size_t n;
        struct model *model = engine_model(chat_engine(chat));
        const struct file *const *files = model_files(model, &n);
        if (!digest_model(model->path, files, n, hex, NULL, NULL, err))
            return false;
    }
    json_t *seed = json_incref(json_object_get(g->request, "seed"));
    bool good = true;
    for (size_t i = 0; good && i < g->n && !atomic_load(&g->cancelled); i++) {
        struct answer *answer = &g->answers[i];
        vary_seed(g->request, seed, i % (g->n / g->n_prompts));
        set_prompt(g, i);
        do
            answer->reply =
                chat_prepare(chat, &g->persona, g->request, g->receipt, g->exchange->owner, &g->cancelled, answer, err);
        while (!answer->reply && !atomic_load(&g->cancelled) && (soften(g, err) || tools_relax(g, err)));
        good = answer->reply != NULL;
    }
    json_decref(seed);
    return good && (!atomic_load(&g->cancelled) || error_set(err, HOB_USAGE, "the client has left"));
}

/* A request that only loads or unloads. */
static void end_load(struct generation *g)
{
    struct exchange *exchange = exchange_hold(g->exchange);
    struct resident *resident = g->resident;
    bool unload = g->has_keep_alive && g->keep_alive_s == 0;
    json_object_set_new(g->extra, "reason", json_string(unload ? "unload" : "load"));
    if (g->stream)
        exchange_stream(exchange, g->dialect->stream_type);
    g->dialect->end(g);
    resident_release(resident, g->keep_alive_s);
    generation_free(g);
    exchange_drop(exchange);
}

/* Tells an error of an option, "--name: ..." or "name: ...", by the client's name for it. */
static void rename_option(struct generation *g, struct hob_error *err)
{
    const char *start = err->text + (strncmp(err->text, "--", 2) == 0 ? 2 : 0), *colon = strchr(start, ':');
    size_t n, at = colon ? options_find((struct str){start, (size_t)(colon - start)}) : SIZE_MAX;
    const struct option *table = options_table(&n);
    if (at == SIZE_MAX)
        return;
    const char *names = option_dialect_names(&table[at], g->dialect->options), *name = names;
    for (const char *one = names; one && *one; one += strcspn(one, " ") + (one[strcspn(one, " ")] == ' '))
        if (json_object_getn(g->exchange->json, one, strcspn(one, " ")))
            name = one;
    if (!name)
        return;
    struct hob_error told = *err;
    size_t len = strcspn(name, " ");
    char *kept = arena_copy(&g->arena, name, len);
    error_set(err, told.status, "%.*s%s", (int)len, name, told.text + (colon - err->text));
    g->param = kept;
}

void generation_continue(struct exchange *exchange)
{
    struct generation *g = exchange->generation;
    struct hob_error err = {0};
    if (!g)
        return;
    if (!prepare(g, &err)) {
        resident_release(g->resident, g->keep_alive_s);
        rename_option(g, &err);
        generation_fail(g, exchange_status(&err), &err);
    } else if (g->load_only || g->count_only) {
        end_load(g);
    } else {
        resident_queue(g->resident, g);
    }
}

void generation_event(struct generation *g, const struct chat_event *event)
{
    struct answer *answer = reply_user(event->reply);
    size_t n_prompt, n_generated;
    reply_tokens(answer->reply, &n_prompt, &n_generated);
    if (event->kind == CHAT_THINKING)
        answer->n_thinking = n_generated;
    if (event->kind == CHAT_END) {
        g->n_ended++;
        if (g->dialect->ended)
            g->dialect->ended(answer);
    }
    if (!g->stream || atomic_load(&g->cancelled))
        return;
    if (event->kind == CHAT_CALL_BEGIN || event->kind == CHAT_CALL_ARGUMENTS || event->kind == CHAT_CALL_END)
        answer_call(answer, event);
    else
        g->dialect->event(answer, event);
}

void generation_end(struct generation *g)
{
    const struct hob_error *failure = NULL;
    for (size_t i = 0; i < g->n && !failure; i++)
        if (reply_error(g->answers[i].reply)->status != HOB_OK)
            failure = reply_error(g->answers[i].reply);
    struct usage usage = generation_usage(g);
    atomic_fetch_add(&g->exchange->server->counters.prompt_tokens, usage.prompt);
    atomic_fetch_add(&g->exchange->server->counters.generated_tokens, usage.generated);
    if (failure) {
        generation_fail(g, MHD_HTTP_INTERNAL_SERVER_ERROR, failure);
        return;
    }
    if (atomic_load(&g->cancelled))
        atomic_fetch_add(&g->exchange->server->counters.cancelled, 1);
    else
        g->dialect->end(g);
    generation_free(g);
}

struct usage generation_usage(const struct generation *g)
{
    struct usage usage = {0};
    for (size_t i = 0; g->answers && i < g->n; i++) {
        size_t n_prompt, n_generated;
        reply_tokens(g->answers[i].reply, &n_prompt, &n_generated);
        usage.prompt += i % (g->n / g->n_prompts) == 0 ? n_prompt : 0;
        usage.generated += n_generated;
        usage.thinking += g->answers[i].n_thinking;
        if (i == 0)
            usage.cached = reply_timings(g->answers[i].reply).cached_tokens;
    }
    return usage;
}
