/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /, /api/version, /api/tags, /api/ps
 */
#include "base/error.h"
#include "server/internal.h"
#include "server/ollama.h"
#include "server/resident.h"
#include "store/facts.h"

/* The version that clients gate features on: that of the API that is spoken here. */
#define API_VERSION "0.24.0"

void ollama_root(struct exchange *exchange)
{
    struct buf body = {0};
    buf_str(&body, STR("Ollama is running"));
    exchange_answer(exchange, MHD_HTTP_OK, "text/plain; charset=utf-8", &body);
}

void ollama_version(struct exchange *exchange)
{
    exchange_answer_json(exchange, MHD_HTTP_OK, json_pack("{s:s, s:s}", "version", API_VERSION, "hob", HOB_VERSION));
}

json_t *ollama_details(const json_t *facts)
{
    const json_t *family = json_object_get(facts, "architecture");
    return json_pack("{s:s, s:O?, s:O?, s:[O?], s:O?, s:O?, s:O?, s:O?}", "parent_model", "", "format",
                     json_object_get(facts, "format"), "family", family, "families", family, "parameter_size",
                     json_object_get(facts, "parameter_size"), "quantization_level",
                     json_object_get(facts, "quantization"), "context_length", json_object_get(facts, "context_length"),
                     "embedding_length", json_object_get(facts, "embedding_length"));
}

void ollama_tags(struct exchange *exchange)
{
    struct arena arena = {0};
    struct library_entry *entries;
    struct hob_error err;
    size_t n;
    if (!library_list(&arena, &entries, &n, &err)) {
        exchange_fail(exchange, exchange_status(&err), NULL, &err);
        arena_clear(&arena);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *facts = facts_of(&entries[i], NULL);
        if (!facts) /* gone, changed or broken: not to be had */
            continue;
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:o, s:I, s:s, s:o, s:O?}", "name", entries[i].name, "model", entries[i].name,
                            "modified_at", ollama_time(entries[i].modified_s, 0), "size",
                            (json_int_t)entries[i].size_bytes, "digest", entries[i].digest ? entries[i].digest : "",
                            "details", ollama_details(facts), "capabilities", json_object_get(facts, "capabilities")));
        json_decref(facts);
    }
    exchange_answer_json(exchange, MHD_HTTP_OK, json_pack("{s:o}", "models", list));
    arena_clear(&arena);
}

void ollama_ps(struct exchange *exchange)
{
    json_t *residents = residents_json(exchange->server), *list = json_array(), *resident;
    size_t i;
    json_array_foreach(residents, i, resident)
    {
        struct arena arena = {0};
        struct library_entry entry;
        json_t *facts = library_find(&arena, json_span(json_object_get(resident, "name")), &entry, NULL)
                            ? facts_of(&entry, NULL)
                            : NULL;
        json_t *expires = json_object_get(resident, "expires_s");
        json_array_append_new(
            list,
            json_pack("{s:O, s:O, s:O, s:i, s:O, s:o, s:o, s:O}", "name", json_object_get(resident, "name"), "model",
                      json_object_get(resident, "name"), "size", json_object_get(resident, "bytes"), "size_vram", 0,
                      "digest", json_object_get(resident, "digest"), "details", ollama_details(facts), "expires_at",
                      ollama_time(expires ? json_integer_value(expires) : 10413792000, 0), "context_length",
                      json_object_get(resident, "context")));
        json_decref(facts);
        arena_clear(&arena);
    }
    json_decref(residents);
    exchange_answer_json(
        exchange, MHD_HTTP_OK,
        json_pack("{s:o, s:O}", "models", list, "sandboxed", json_object_get(exchange->server->wall, "sandboxed")));
}
