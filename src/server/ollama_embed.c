/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /api/embed and /api/embeddings
 */
#include "base/clock.h"
#include "base/error.h"
#include "server/embeddings.h"
#include "server/ollama.h"

static const struct field embed_fields[] = {
    {"input", FIELD_STRING | FIELD_ARRAY, .extra = "input"},
    {"truncate", FIELD_BOOL, .extra = "truncate"},
    {"dimensions", FIELD_WHOLE, .max = 1 << 20, .extra = "dimensions"},
    {"options", FIELD_OBJECT, .read = ollama_options},
    {0},
};

static const struct field embeddings_fields[] = {
    {"prompt", FIELD_STRING, .extra = "input"},
    {"options", FIELD_OBJECT, .read = ollama_options},
    {0},
};

/* Options that have no say in a vector are named as ignored. */
static bool finish(struct generation *g, struct hob_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(g->exchange->json, "options"), name, value)
    {
        if (strcmp(name, "num_ctx") != 0 && options_find_dialect(DIALECT_OLLAMA, str_of(name)) != SIZE_MAX)
            exchange_ignore(g->exchange, name);
    }
    if (!json_object_get(g->extra, "truncate"))
        json_object_set_new(g->extra, "truncate", json_true());
    return embeddings_inputs(g, true, err);
}

/* The older endpoint gives vectors as the model makes them. */
static bool finish_embeddings(struct generation *g, struct hob_error *err)
{
    g->raw = true;
    return finish(g, err);
}

static void end_embed(struct generation *g)
{
    struct buf out = {0};
    buf_str(&out, STR("{\"model\":"));
    embeddings_put_json(&out, json_string(g->model));
    buf_str(&out, STR(",\"embeddings\":["));
    for (size_t i = 0; i < g->n; i++) {
        buf_str(&out, i ? STR(",") : STR(""));
        embeddings_put(&out, &g->answers[i]);
    }
    buf_format(&out, "],\"total_duration\":%.0f,\"load_duration\":%.0f,\"prompt_eval_count\":%zu}",
               (clock_ms() - g->start_ms) * 1e6, g->load_ms * 1e6, generation_usage(g).prompt);
    exchange_answer(g->exchange, MHD_HTTP_OK, "application/json", &out);
}

static void end_embeddings(struct generation *g)
{
    struct buf out = {0};
    buf_str(&out, STR("{\"embedding\":"));
    if (g->n)
        embeddings_put(&out, &g->answers[0]);
    else
        buf_str(&out, STR("[]"));
    buf_byte(&out, '}');
    exchange_answer(g->exchange, MHD_HTTP_OK, "application/json", &out);
}

const struct dialect ollama_embed_dialect = {
    .name = "ollama embed",
    .frame = ollama_frame,
    .error = ollama_error,
    .fields = (const struct field *const[]){embed_fields, fields_model, NULL},
    .options = DIALECT_NONE,
    .finish = finish,
    .prepare = embeddings_prepare,
    .ended = embeddings_ended,
    .end = end_embed,
};

const struct dialect ollama_embeddings_dialect = {
    .name = "ollama embeddings",
    .frame = ollama_frame,
    .error = ollama_error,
    .fields = (const struct field *const[]){embeddings_fields, fields_model, NULL},
    .options = DIALECT_NONE,
    .finish = finish_embeddings,
    .prepare = embeddings_prepare,
    .ended = embeddings_ended,
    .end = end_embeddings,
};
