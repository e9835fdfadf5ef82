/* SPDX-License-Identifier: Apache-2.0 */
#include "server/embeddings.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/error.h"
#include "chat/embed.h"
#include "model/model.h"
#include "server/limits.h"
#include "server/resident.h"

static bool is_ids(const json_t *input)
{
    bool good = json_array_size(input) > 0;
    for (size_t i = 0; good && i < json_array_size(input); i++) {
        const json_t *id = json_array_get(input, i);
        good = json_is_integer(id) && json_integer_value(id) >= 0 && json_integer_value(id) <= INT32_MAX;
    }
    return good;
}

/* Adds one input: a text, or ids. */
static bool add_input(json_t *inputs, json_t *input, bool may_be_empty, struct hob_error *err)
{
    size_t i = json_array_size(inputs);
    if (!json_is_string(input) && !is_ids(input))
        return error_set(err, HOB_USAGE, "input[%zu]: want a text or an array of ids", i);
    if (json_is_string(input) && json_string_length(input) == 0 && !may_be_empty)
        return error_set(err, HOB_USAGE, "input[%zu]: is empty", i);
    if (i == (size_t)limits[LIMIT_INPUTS].value)
        return error_set(err, HOB_LIMIT, "input: want at most %lld texts a request", limits[LIMIT_INPUTS].value);
    return json_array_append(inputs, input) == 0 || error_memory(err, i);
}

bool embeddings_inputs(struct generation *g, bool may_be_empty, struct hob_error *err)
{
    json_t *input = json_object_get(g->extra, "input"), *inputs = json_array();
    bool one = json_is_string(input) || is_ids(input), good = inputs != NULL;
    json_object_set_new(g->extra, "inputs", inputs);
    g->param = "input";
    if (!input && !may_be_empty)
        return error_set(err, HOB_USAGE, "input: is missing or empty; want a text, texts, ids or arrays of ids");
    if (one)
        good = good && add_input(inputs, input, may_be_empty, err);
    for (size_t i = 0; good && !one && i < json_array_size(input); i++)
        good = add_input(inputs, json_array_get(input, i), may_be_empty, err);
    if (!good)
        return false;
    g->n = g->n_prompts = json_array_size(inputs);
    g->load_only = g->n == 0;
    g->param = NULL;
    return true;
}

/* The ids of one input, `most` of them at most when what is longer is cut. */
static bool input_ids(struct model *model, const json_t *input, size_t most, struct ids *ids, bool *cut,
                      struct hob_error *err)
{
    if (json_is_string(input)) {
        const struct tokenizer *tokenizer = model_tokenizer(model, err);
        return tokenizer && embed_encode(tokenizer, json_span(input), most, ids, cut, err);
    }
    for (size_t i = 0; i < json_array_size(input) && !*cut; i++) {
        *cut = i == most;
        if (!*cut && !ids_add(ids, (int32_t)json_integer_value(json_array_get(input, i))))
            return error_memory(err, ids->len * sizeof *ids->ptr);
    }
    return true;
}

/* How many numbers of each vector are wanted. */
static bool width_of(struct generation *g, size_t *width, struct hob_error *err)
{
    size_t all = embed_width(resident_chat(g->resident));
    size_t wanted = (size_t)json_integer_value(json_object_get(g->extra, "dimensions"));
    *width = wanted ? wanted : all;
    if (wanted > all) {
        g->param = "dimensions";
        return error_set(err, HOB_USAGE, "dimensions: found %zu, this model's vectors have %zu", wanted, all);
    }
    if (g->n * *width > (size_t)limits[LIMIT_VECTOR_NUMBERS].value)
        return error_set(err, HOB_LIMIT, "input: %zu vectors of %zu numbers, want at most %lld numbers a request", g->n,
                         *width, limits[LIMIT_VECTOR_NUMBERS].value);
    json_object_set_new(g->extra, "dimensions", json_integer((json_int_t)*width));
    return true;
}

bool embeddings_prepare(struct generation *g, struct hob_error *err)
{
    struct chat *chat = resident_chat(g->resident);
    struct model *model = engine_model(chat_engine(chat));
    const json_t *inputs = json_object_get(g->extra, "inputs");
    bool truncate = json_is_true(json_object_get(g->extra, "truncate")), good = true;
    size_t ctx = (size_t)json_integer_value(json_object_get(g->request, "ctx")), width;
    size_t most = engine_get_plan(chat_engine(chat))->ctx;
    most = !truncate ? SIZE_MAX : ctx && ctx < most ? ctx : most;
    enum pooling pool;
    struct ids ids = {0};
    if (!model_pooling(model, &pool, err) || !width_of(g, &width, err))
        return false;
    for (size_t i = 0; good && i < g->n; i++) {
        struct answer *answer = &g->answers[i];
        bool cut = false;
        ids.len = 0;
        good = input_ids(model, json_array_get(inputs, i), most, &ids, &cut, err) &&
               (answer->reply = embed_prepare(chat, ids.ptr, ids.len, pool, ctx, g->exchange->owner, answer, err));
        if (cut)
            exchange_truncated(g->exchange, i);
        if (!good) {
            error_prefix(err, "input[%zu]", i);
            g->param = "input";
        }
    }
    ids_clear(&ids);
    return good;
}

void embeddings_ended(struct answer *answer)
{
    struct generation *g = answer->generation;
    size_t width = (size_t)json_integer_value(json_object_get(g->extra, "dimensions"));
    float *vector = malloc(width * sizeof *vector);
    struct buf *out = &answer->arguments;
    if (!vector || reply_error(answer->reply)->status != HOB_OK) {
        out->failed = out->failed || !vector;
        free(vector);
        return;
    }
    embed_vector(answer->reply, width, !g->raw, vector);
    if (json_is_true(json_object_get(g->extra, "base64"))) {
        buf_byte(out, '"');
        base64_write((struct str){(const char *)vector, width * sizeof *vector}, out); /* little-endian floats */
        buf_byte(out, '"');
    } else {
        for (size_t i = 0; i < width; i++)
            buf_format(out, "%c%.9g", i ? ',' : '[', (double)vector[i]);
        buf_byte(out, ']');
    }
    free(vector);
}

void embeddings_put(struct buf *out, const struct answer *answer)
{
    buf_str(out, buf_view(&answer->arguments));
    out->failed = out->failed || answer->arguments.failed;
}

void embeddings_put_json(struct buf *out, json_t *json)
{
    if (!json || !json_write(json, out))
        out->failed = true;
    json_decref(json);
}
