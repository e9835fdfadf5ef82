/* SPDX-License-Identifier: Apache-2.0 */
#include "chat/request.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/error.h"
#include "chat/constrain.h"
#include "chat/conversation.h"
#include "engine/sampler_options.h"

#define MAX_MESSAGES 100000
#define COUNTED      65536 /* so many tokens of a prompt are counted even where the context is smaller */

/* Members of a request that are no options. */
static const char *const members[] = {"id",
                                      "prompt",
                                      "messages",
                                      "tokens",
                                      "tools",
                                      "tool_choice",
                                      "parallel_tool_calls",
                                      "template_variables",
                                      "think",
                                      "template",
                                      "now",
                                      "constraint",
                                      "system",
                                      "format",
                                      "markup",
                                      "generic_tools",
                                      "held_tools",
                                      NULL};

/* Those of them that only messages make use of. */
static const char *const chat_members[] = {
    "tools", "tool_choice", "parallel_tool_calls", "template_variables", "think", "system", NULL};

/* Messages are objects in an array. What is only rendered may be odd otherwise: that is the template's affair. */
static bool check_shape(const json_t *messages, struct hob_error *err)
{
    size_t n = json_array_size(messages);
    if (!json_is_array(messages) || n > MAX_MESSAGES)
        return error_set(err, HOB_USAGE, "messages: want an array of at most %d messages", MAX_MESSAGES);
    for (size_t i = 0; i < n; i++)
        if (!json_is_object(json_array_get(messages, i)))
            return error_set(err, HOB_USAGE, "messages[%zu]: want an object", i);
    return true;
}

/* Messages that are to be answered: there is one, and each says who speaks. */
static bool check_messages(const json_t *messages, struct hob_error *err)
{
    if (!check_shape(messages, err))
        return false;
    if (json_array_size(messages) == 0)
        return error_set(err, HOB_USAGE, "messages: want at least one message");
    for (size_t i = 0; i < json_array_size(messages); i++)
        if (!json_is_string(json_object_get(json_array_get(messages, i), "role")))
            return error_set(err, HOB_USAGE, "messages[%zu]: want an object with a role", i);
    return true;
}

/* Tells the template what "think" says, in the words of all families. */
static void set_thinking(json_t *variables, const json_t *think)
{
    static const char *const switches[] = {"enable_thinking", "thinking", "reasoning"};
    if (!think || json_is_null(think))
        return;
    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
        json_object_set_new(variables, switches[i], json_boolean(!json_is_false(think)));
    if (json_is_string(think))
        json_object_set(variables, "reasoning_effort", (json_t *)think);
}

/* All that the template sees. The caller owns the reference; NULL with an error. */
static json_t *template_variables(struct model *model, struct str template_text, const json_t *json,
                                  struct hob_error *err)
{
    const json_t *messages = json_object_get(json, "messages"), *extra = json_object_get(json, "template_variables");
    const json_t *tools = json_object_get(json, "tools");
    json_t *variables = model ? model_special_tokens(model) : json_object();
    bool good = (variables || error_memory(err, 64)) && check_shape(messages, err);
    if (good) {
        json_object_set_new(variables, "messages", conversation_messages(json, template_text));
        json_object_set_new(variables, "add_generation_prompt", json_true());
        json_object_set_new(variables, "tools", json_null()); /* as transformers gives them: none, but defined */
        json_object_set_new(variables, "documents", json_null());
    }
    if (good && tools && !json_is_null(tools) && !conversation_is_generic(json, template_text)) {
        good = json_is_array(tools) || error_set(err, HOB_USAGE, "tools: want an array");
        json_object_set(variables, "tools", (json_t *)tools);
    }
    if (good && extra && !json_is_null(extra)) {
        good = json_is_object(extra) || error_set(err, HOB_USAGE, "template_variables: want an object");
        if (good)
            json_object_update(variables, (json_t *)extra);
    }
    if (good) {
        set_thinking(variables, json_object_get(json, "think"));
        return variables;
    }
    json_decref(variables);
    return NULL;
}

/* "now" of a request, or the clock. */
static bool read_now(const json_t *json, int64_t *now, struct hob_error *err)
{
    const json_t *given = json_object_get(json, "now");
    *now = (int64_t)time(NULL);
    if (!given || json_is_null(given))
        return true;
    if (!json_is_integer(given) || json_integer_value(given) < 0 || json_integer_value(given) > 253402300799)
        return error_set(err, HOB_USAGE, "now: want seconds since 1970, up to the year 9999");
    *now = json_integer_value(given);
    return true;
}

bool chat_render(struct model *model, const struct chat_template *replacement, const json_t *json, struct rendered *out,
                 struct hob_error *err)
{
    int64_t now;
    bool tools = chat_has_tools(json);
    const struct template *template = replacement ? replacement->parsed : model_template(model, tools, err);
    struct str text = replacement ? buf_view(&replacement->text) : model_template_text(model, tools);
    if (!template || !read_now(json, &now, err))
        return false;
    json_t *variables = template_variables(model, text, json, err);
    if (!variables)
        return false;
    struct render_input input = {.variables = variables, .now = (time_t)now};
    bool good = template_render(template, &input, out, err);
    json_decref(variables);
    return good;
}

/* What of a prompt no message wrote, from its end on: a message that ends like a template begins is no template. */
static struct str trusted_end(const struct rendered *rendered)
{
    struct str text = buf_view(&rendered->text);
    size_t from = rendered->n_untrusted ? rendered->untrusted[rendered->n_untrusted - 1].end : 0;
    return str_from(text, from);
}

json_t *chat_markup(struct model *model, const struct chat_template *replacement, const struct rendered *rendered,
                    const json_t *request, struct hob_error *err)
{
    struct str text = replacement ? buf_view(&replacement->text) : model_template_text(model, chat_has_tools(request));
    struct markup markup = {0};
    json_t *json = markup_make(text, trusted_end(rendered), request, &markup, err) ? json_incref(markup.json) : NULL;
    markup_clear(&markup);
    return json;
}

/* A stop text of no bytes would end every reply before it begins. */
static bool check_stops(const struct options *options, struct hob_error *err)
{
    const struct option_list *stops = &options_get(options, "stop")->list;
    for (size_t i = 0; i < stops->n; i++)
        if (!stops->texts[i][0])
            return error_set(err, HOB_USAGE, "--stop: the text is empty");
    return true;
}

/* A template that knows no tools would leave them out in silence. */
static bool check_tools(const json_t *json, struct str template_text, struct hob_error *err)
{
    return json_array_size(json_object_get(json, "tools")) == 0 ||
           str_find(template_text, STR("tools"), 0) != SIZE_MAX || conversation_is_generic(json, template_text) ||
           error_set(err, HOB_USAGE, "tools: this model's template has no tools");
}

bool request_go_on(void *ctx, size_t n_sure, struct hob_error *err)
{
    const struct request_bounds *bounds = ctx;
    size_t most = bounds->ctx < COUNTED ? COUNTED : bounds->ctx;
    if (bounds->left && atomic_load_explicit(bounds->left, memory_order_relaxed))
        return error_set(err, HOB_INTERRUPTED, "the client has left");
    return n_sure <= most ||
           error_set(err, HOB_LIMIT,
                     "the prompt has more than %zu tokens, the context %zu; shorten it or give a larger --ctx", most,
                     bounds->ctx);
}

/* The prompt of messages: rendered, then tokenized; nothing that came from a message becomes a control token. */
static bool read_messages(struct model *model, const struct chat_template *replacement, const json_t *json,
                          struct request *request, struct hob_error *err)
{
    struct rendered rendered = {0};
    const struct tokenizer *tokenizer = model_tokenizer(model, err);
    struct str text = replacement ? buf_view(&replacement->text) : model_template_text(model, chat_has_tools(json));
    bool good = tokenizer && check_messages(json_object_get(json, "messages"), err) && check_tools(json, text, err) &&
                chat_render(model, replacement, json, &rendered, err);
    if (good) {
        struct encode_options encode = {
            .special = true,
            .untrusted = rendered.untrusted,
            .n_untrusted = rendered.n_untrusted,
            .go_on = request_go_on,
            .go_on_ctx = &request->bounds,
        };
        good = markup_make(text, trusted_end(&rendered), json, &request->markup, err) &&
               tokenizer_encode(tokenizer, buf_view(&rendered.text), &encode, &request->prompt, err);
    }
    rendered_clear(&rendered);
    return good;
}

/* The prompt of raw text. */
static bool read_prompt(struct model *model, const json_t *text, struct request *request, struct hob_error *err)
{
    const struct tokenizer *tokenizer = model_tokenizer(model, err);
    if (!tokenizer)
        return false;
    if (!json_is_string(text))
        return error_set(err, HOB_USAGE, "prompt: want a string");
    struct encode_options encode = {.special = true,
                                    .add_bos = tokenizer_adds_bos(tokenizer),
                                    .go_on = request_go_on,
                                    .go_on_ctx = &request->bounds};
    struct str bos = tokenizer_text(tokenizer, tokenizer_bos(tokenizer));
    if (encode.add_bos && bos.len && str_starts(json_span(text), bos)) /* written out already */
        encode.add_bos = false;
    return tokenizer_encode(tokenizer, json_span(text), &encode, &request->prompt, err);
}

/* The prompt of ids. */
static bool read_tokens(const json_t *tokens, struct request *request, struct hob_error *err)
{
    if (!json_is_array(tokens))
        return error_set(err, HOB_USAGE, "tokens: want an array of ids");
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        const json_t *id = json_array_get(tokens, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > INT32_MAX)
            return error_set(err, HOB_USAGE, "tokens[%zu]: want an id", i);
        if (!ids_add(&request->prompt, (int32_t)json_integer_value(id)))
            return error_memory(err, json_array_size(tokens));
    }
    return true;
}

/* "ID=F" of --logit-bias. */
static bool read_biases(struct request *request, struct hob_error *err)
{
    const struct option_list *list = &options_get(&request->options, "logit-bias")->list;
    request->biases = arena_array(&request->options.arena, list->n + 1, sizeof *request->biases);
    if (!request->biases)
        return error_memory(err, list->n);
    for (size_t i = 0; i < list->n; i++) {
        char *end, *last = NULL;
        errno = 0;
        long id = strtol(list->texts[i], &end, 10);
        if (*end == '=')
            request->biases[i] = (struct logit_bias){(int32_t)id, strtof(end + 1, &last)};
        if (errno || end == list->texts[i] || !last || last == end + 1 || *last || id < 0 || id > INT32_MAX)
            return error_set(err, HOB_USAGE, "--logit-bias: found \"%.40s\", want ID=F", list->texts[i]);
    }
    request->sampling.logit_bias = request->biases;
    request->sampling.n_logit_bias = list->n;
    return true;
}

/* The ids that an option lists, [*n], of the vocabulary. */
static bool read_ids(const struct model *model, struct request *request, const char *name, const int32_t **ids,
                     size_t *n, struct hob_error *err)
{
    const struct option_list *list = &options_get(&request->options, name)->list;
    int32_t *made = arena_array(&request->options.arena, list->n + 1, sizeof *made);
    if (!made)
        return error_memory(err, list->n);
    for (*n = 0; *n < list->n; (*n)++) {
        made[*n] = (int32_t)strtol(list->texts[*n], NULL, 10);
        if ((size_t)made[*n] >= model->n_vocab)
            return error_set(err, HOB_USAGE, "--%s: token %d, want [0, %zu)", name, made[*n], model->n_vocab);
    }
    *ids = made;
    return true;
}

/* What --min-tokens puts off: the ids of --stop-token, and what ends a reply of this model. */
static bool read_ends(struct model *model, struct request *request, struct hob_error *err)
{
    const struct option_value *most = options_get(&request->options, "max-tokens");
    int64_t least = options_get(&request->options, "min-tokens")->i;
    size_t n = request->n_stops;
    if (least == 0)
        return true;
    if (most->given && least > most->i)
        return error_set(err, HOB_USAGE, "--min-tokens: found %lld, want at most --max-tokens, %lld", (long long)least,
                         (long long)most->i);
    bool all = model->tokenizer && !options_get(&request->options, "ignore-eos")->flag;
    for (size_t id = 0; all && id < model->n_vocab; id++)
        n += tokenizer_is_eog(model->tokenizer, (int32_t)id);
    int32_t *ends = arena_array(&request->options.arena, n + 1, sizeof *ends);
    if (!ends)
        return error_memory(err, n);
    memcpy(ends, request->stops, request->n_stops * sizeof *ends);
    request->sampling.min_tokens = (size_t)least;
    request->sampling.n_ends = request->n_stops;
    request->sampling.ends = ends;
    for (size_t id = 0; all && id < model->n_vocab; id++)
        if (tokenizer_is_eog(model->tokenizer, (int32_t)id))
            ends[request->sampling.n_ends++] = (int32_t)id;
    return true;
}

/* The ids of a text, ended by -1, in the request's arena; NULL with an error. */
static int32_t *text_ids(const struct model *model, struct request *request, struct str text, struct hob_error *err)
{
    struct ids ids = {0};
    struct encode_options plain = {0};
    bool good = tokenizer_encode(model->tokenizer, text, &plain, &ids, err) &&
                (ids_add(&ids, -1) || error_memory(err, ids.len));
    int32_t *copy = good ? arena_array(&request->options.arena, ids.len, sizeof *copy) : NULL;
    if (copy)
        memcpy(copy, ids.ptr, ids.len * sizeof *copy);
    else if (good)
        error_memory(err, ids.len);
    ids_clear(&ids);
    return copy;
}

/* The ids of --bad-word's texts, as a reply begins with them and after a space. */
static bool read_bad_words(struct model *model, struct request *request, struct hob_error *err)
{
    const struct option_list *list = &options_get(&request->options, "bad-word")->list;
    const int32_t **bad = arena_array(&request->options.arena, 2 * list->n + 1, sizeof *bad);
    if (list->n && !model->tokenizer)
        return error_set(err, HOB_USAGE, "--bad-word: the model has no tokenizer");
    struct buf spaced = {0};
    bool good = bad || error_memory(err, list->n);
    for (size_t i = 0; good && i < 2 * list->n; i++) {
        struct str word = str_of(list->texts[i / 2]);
        spaced.len = 0;
        good = word.len ? (buf_str(&spaced, i % 2 ? STR(" ") : STR("")) && buf_str(&spaced, word)) ||
                              error_memory(err, word.len)
                        : error_set(err, HOB_USAGE, "--bad-word: the text is empty");
        good = good && (bad[i] = text_ids(model, request, buf_view(&spaced), err)) != NULL;
    }
    buf_clear(&spaced);
    request->sampling.bad = bad;
    request->sampling.n_bad = 2 * list->n;
    return good;
}

/* The ids of --dry-breaker's texts. */
static bool read_breakers(struct model *model, struct request *request, struct hob_error *err)
{
    static const char *const usual[] = {"\n", ":", "\"", "*"};
    const struct option_value *value = options_get(&request->options, "dry-breaker");
    size_t n = value->given ? value->list.n : sizeof usual / sizeof *usual;
    if (request->sampling.dry_multiplier == 0 || !model->tokenizer)
        return true;
    request->breakers = arena_array(&request->options.arena, n + 1, sizeof *request->breakers);
    for (size_t i = 0; request->breakers && i < n; i++) {
        const char *text = value->given ? value->list.texts[i] : usual[i];
        int32_t *ids = text_ids(model, request, str_of(text), err);
        if (!ids)
            return false;
        request->breakers[request->n_breakers++] = ids;
    }
    request->sampling.dry_breakers = (const int32_t *const *)request->breakers;
    request->sampling.n_dry_breakers = request->n_breakers;
    return request->breakers ? true : error_memory(err, n);
}

/* Sampling options from the table's values. */
static bool read_sampling(struct model *model, struct request *request, struct hob_error *err)
{
    const struct options *o = &request->options;
    struct sampler_options *s = &request->sampling;
    size_t seed = options_find(STR("seed"));
    if (!o->values[seed].given) { /* drawn, and from here on as good as given */
        if (getrandom(&o->values[seed].seed, sizeof o->values[seed].seed, 0) < 0)
            return error_set(err, HOB_DISK, "the system gives no random bytes for a seed");
        o->values[seed].seed >>= 11; /* 53 bits: JSON readers keep it exactly */
        o->values[seed].given = true;
    }
    sampler_defaults(s);
    s->seed = o->values[seed].seed;
    s->temp = (float)options_get(o, "temp")->f;
    s->top_k = (int32_t)options_get(o, "top-k")->i;
    s->top_p = (float)options_get(o, "top-p")->f;
    s->min_p = (float)options_get(o, "min-p")->f;
    s->typical = (float)options_get(o, "typical")->f;
    s->top_n_sigma = (float)options_get(o, "top-n-sigma")->f;
    s->repeat_penalty = (float)options_get(o, "repeat-penalty")->f;
    s->repeat_last_n = (int32_t)options_get(o, "repeat-last-n")->i;
    s->presence_penalty = (float)options_get(o, "presence-penalty")->f;
    s->frequency_penalty = (float)options_get(o, "frequency-penalty")->f;
    s->dry_multiplier = (float)options_get(o, "dry-multiplier")->f;
    s->dry_base = (float)options_get(o, "dry-base")->f;
    s->dry_allowed_length = (int32_t)options_get(o, "dry-allowed-length")->i;
    s->dry_last_n = (int32_t)options_get(o, "dry-last-n")->i;
    s->xtc_probability = (float)options_get(o, "xtc-probability")->f;
    s->xtc_threshold = (float)options_get(o, "xtc-threshold")->f;
    s->dynatemp_range = (float)options_get(o, "dynatemp-range")->f;
    s->dynatemp_exponent = (float)options_get(o, "dynatemp-exponent")->f;
    s->mirostat = (int32_t)options_get(o, "mirostat")->i;
    s->mirostat_tau = (float)options_get(o, "mirostat-tau")->f;
    s->mirostat_eta = (float)options_get(o, "mirostat-eta")->f;
    s->min_keep = (int32_t)options_get(o, "min-keep")->i;
    s->logprobs = options_get(o, "logprobs")->given ? (int32_t)options_get(o, "logprobs")->i : -1;
    return sampler_parse_order(options_get(o, "samplers")->text, s, err) && read_biases(request, err) &&
           read_breakers(model, request, err) && read_ids(model, request, "allow-token", &s->only, &s->n_only, err) &&
           read_ids(model, request, "stop-token", &request->stops, &request->n_stops, err) &&
           read_ends(model, request, err) && read_bad_words(model, request, err);
}

/* What makes sense for messages alone is refused elsewhere, and not dropped. */
static bool check_members(const json_t *json, struct hob_error *err)
{
    const json_t *markup = json_object_get(json, "markup");
    bool is_chat = json_object_get(json, "messages") != NULL;
    for (size_t i = 0; chat_members[i] && !is_chat; i++) {
        const json_t *value = json_object_get(json, chat_members[i]);
        if (value && !json_is_null(value))
            return error_set(err, HOB_USAGE, "%s: goes with messages, not with a prompt or tokens", chat_members[i]);
    }
    return !markup || !is_chat || error_set(err, HOB_USAGE, "markup: goes with a prompt or tokens, not with messages");
}

bool request_read(struct model *model, const struct chat_template *replacement, const struct options *session,
                  const struct request_bounds *bounds, const json_t *json, struct request *request,
                  struct hob_error *err)
{
    *request = (struct request){.bounds = *bounds};
    if (!json_is_object(json))
        return error_set(err, HOB_USAGE, "a request is a JSON object");
    if (json_object_get(json, "template"))
        return error_set(err, HOB_USAGE, "template: belongs to the session, not to a request");
    const json_t *prompt = json_object_get(json, "prompt"), *messages = json_object_get(json, "messages");
    const json_t *tokens = json_object_get(json, "tokens");
    if ((prompt != NULL) + (messages != NULL) + (tokens != NULL) != 1)
        return error_set(err, HOB_USAGE, "a request has one of prompt, messages and tokens");
    const json_t *markup = json_object_get(json, "markup");
    request->id = json_incref(json_object_get(json, "id"));
    if (!check_members(json, err) || !options_copy(&request->options, session, err) ||
        !options_set_json(&request->options, json, members, err) ||
        !constrain_describe(&request->options, json_object_get(json, "constraint"), json_object_get(json, "format"),
                            &request->constraint, err) ||
        !check_stops(&request->options, err) || !read_now(json, &request->now, err))
        return false;
    const struct option_value *ctx = options_get(&request->options, "ctx");
    if (ctx->given && (size_t)ctx->i < request->bounds.ctx)
        request->bounds.ctx = (size_t)ctx->i;
    if (tokens) {
        struct hob_error none; /* with a tokenizer the reply has text and ends by itself; without one, ids */
        model_tokenizer(model, &none);
    }
    bool read = messages ? read_messages(model, replacement, json, request, err)
                : prompt ? read_prompt(model, prompt, request, err)
                         : read_tokens(tokens, request, err);
    read = read && (!markup || markup_read(markup, &request->markup, err)) &&
           ((request->parser = markup_parser(&request->markup)) != NULL || error_memory(err, 256));
    return read && read_sampling(model, request, err);
}

/* Whether the constraint is still to come from standard input. */
static bool constraint_is_piped(const struct options *options)
{
    const char *schema = options_get(options, "schema")->text, *grammar = options_get(options, "grammar")->text;
    return (schema && strcmp(schema, "-") == 0) || (grammar && strcmp(grammar, "-") == 0);
}

bool request_check(struct model *model, const struct options *session, struct hob_error *err)
{
    struct request request = {0};
    bool good = options_copy(&request.options, session, err) && check_stops(&request.options, err) &&
                read_sampling(model, &request, err) && sampler_check_options(&request.sampling, model->n_vocab, err);
    if (good && !constraint_is_piped(session))
        good = constrain_describe(&request.options, NULL, NULL, &request.constraint, err) &&
               (!request.constraint || constrain_check(request.constraint, model_tokenizer(model, err), err));
    request_clear(&request);
    return good;
}

void request_clear(struct request *request)
{
    options_clear(&request->options);
    ids_clear(&request->prompt);
    reply_parser_free(request->parser);
    request->parser = NULL;
    markup_clear(&request->markup);
    json_decref(request->constraint);
    json_decref(request->id);
    request->constraint = request->id = NULL;
}
