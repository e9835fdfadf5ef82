/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v1/embeddings
 */
#include "base/error.h"
#include "server/embeddings.h"
#include "server/fields.h"
#include "server/openai.h"

static bool read_encoding(struct generation *g, const json_t *value, struct hob_error *err)
{
    bool base64 = str_eq(json_span(value), STR("base64"));
    json_object_set_new(g->extra, "base64", json_boolean(base64));
    return base64 || str_eq(json_span(value), STR("float")) ||
           error_set(err, HOB_USAGE, "encoding_format: want \"float\" or \"base64\"");
}

static bool read_dimensions(struct generation *g, const json_t *value, struct hob_error *err)
{
    json_object_set(g->extra, "dimensions", (json_t *)value);
    return json_integer_value(value) > 0 || error_set(err, HOB_USAGE, "dimensions: want a whole number above 0");
}

static const struct field own_fields[] = {
    {"input", FIELD_STRING | FIELD_ARRAY, .extra = "input"},
    {"encoding_format", FIELD_STRING, .read = read_encoding},
    {"dimensions", FIELD_WHOLE, .max = 1 << 20, .read = read_dimensions},
    {"user", FIELD_STRING},
    {0},
};

static const struct field *const fields[] = {own_fields, fields_model, NULL};

static bool finish(struct generation *g, struct hob_error *err)
{
    return embeddings_inputs(g, false, err);
}

static void end(struct generation *g)
{
    struct buf out = {0};
    size_t n = generation_usage(g).prompt;
    buf_str(&out, STR("{\"object\":\"list\",\"data\":["));
    for (size_t i = 0; i < g->n; i++) {
        buf_format(&out, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", i ? "," : "", i);
        embeddings_put(&out, &g->answers[i]);
        buf_byte(&out, '}');
    }
    buf_str(&out, STR("],\"model\":"));
    embeddings_put_json(&out, json_string(g->model));
    buf_format(&out, ",\"usage\":{\"prompt_tokens\":%zu,\"total_tokens\":%zu}}", n, n);
    exchange_answer(g->exchange, MHD_HTTP_OK, "application/json", &out);
}

const struct dialect openai_embeddings_dialect = {
    .name = "openai embeddings",
    .frame = openai_frame,
    .error = openai_error,
    .fields = fields,
    .options = DIALECT_NONE,
    .finish = finish,
    .prepare = embeddings_prepare,
    .ended = embeddings_ended,
    .end = end,
};
