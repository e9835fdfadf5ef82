/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /v1/embeddings: no family of models that makes embeddings can be loaded, and a model that writes text gives
 * none that mean much; so every model is asked in vain, by name.
 */
#include "base/error.h"
#include "server/openai.h"
#include "store/library.h"

void openai_embeddings(struct exchange *exchange)
{
    struct arena arena = {0};
    struct library_entry entry;
    struct hob_error err;
    if (!body_read(exchange, false))
        return;
    const json_t *model = json_object_get(exchange->json, "model");
    if (!json_is_string(model)) {
        error_set(&err, HOB_USAGE, "model: want the name of a model");
        exchange_fail(exchange, MHD_HTTP_BAD_REQUEST, "model", &err);
    } else if (!library_find(&arena, json_span(model), &entry, &err)) {
        error_set(&err, HOB_NOT_FOUND, "model '%.100s' not found", json_string_value(model));
        exchange_fail(exchange, MHD_HTTP_NOT_FOUND, "model", &err);
    } else {
        error_set(&err, HOB_USAGE, "\"%.100s\" does not support embeddings", json_string_value(model));
        exchange_fail(exchange, MHD_HTTP_BAD_REQUEST, "model", &err);
    }
    arena_clear(&arena);
}
