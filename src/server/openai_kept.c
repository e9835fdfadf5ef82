/* SPDX-License-Identifier: Apache-2.0
 *
 * Responses that are kept: GET and DELETE /v1/responses/ID, GET /v1/responses/ID/input_items.
 */
#include "base/error.h"
#include "server/openai.h"
#include "server/responses.h"

/* An item of a request as it is shown: with an id, and its content as parts. The caller owns it. */
static json_t *item_json(const json_t *given)
{
    json_t *item = json_copy((json_t *)given), *content = json_object_get(item, "content");
    const json_t *role = json_object_get(item, "role");
    bool is_reply = str_eq(json_span(role), STR("assistant"));
    char id[48];
    if (role && !json_is_string(json_object_get(item, "type")))
        json_object_set_new(item, "type", json_string("message"));
    if (json_is_string(content))
        json_object_set_new(
            item, "content",
            json_pack("[{s:s, s:O}]", "type", is_reply ? "output_text" : "input_text", "text", content));
    make_id(role ? "msg_" : "item_", id, sizeof id);
    if (!json_is_string(json_object_get(item, "id")))
        json_object_set_new(item, "id", json_string(id));
    return item;
}

void openai_keep(struct generation *g, const json_t *body, json_t *messages)
{
    const json_t *input = json_object_get(g->extra, "input"), *item;
    json_t *items = json_array();
    for (size_t i = 0; (item = json_array_get(input, i)); i++)
        json_array_append_new(items, item_json(item));
    json_t *record = json_pack("{s:O, s:o, s:o}", "body", body, "input", items, "messages", messages);
    responses_keep(g->exchange->server, g->exchange->owner, g->id, record);
    json_decref(record);
}

static void not_kept(struct exchange *exchange)
{
    struct hob_error err;
    error_set(&err, HOB_NOT_FOUND, "there is no response '%.60s'", exchange->tail);
    exchange_fail(exchange, MHD_HTTP_NOT_FOUND, "id", &err);
}

void openai_response_get(struct exchange *exchange)
{
    json_t *body = responses_find(exchange->server, exchange->owner, exchange->tail, "body");
    if (body)
        exchange_answer_json(exchange, MHD_HTTP_OK, body);
    else
        not_kept(exchange);
}

void openai_response_items(struct exchange *exchange)
{
    json_t *items = responses_find(exchange->server, exchange->owner, exchange->tail, "input");
    size_t n = json_array_size(items);
    if (items)
        exchange_answer_json(exchange, MHD_HTTP_OK,
                             json_pack("{s:s, s:O*, s:O*, s:b, s:o}", "object", "list", "first_id",
                                       json_object_get(json_array_get(items, 0), "id"), "last_id",
                                       json_object_get(json_array_get(items, n ? n - 1 : 0), "id"), "has_more", 0,
                                       "data", items));
    else
        not_kept(exchange);
}

void openai_response_delete(struct exchange *exchange)
{
    if (responses_forget(exchange->server, exchange->owner, exchange->tail))
        exchange_answer_json(exchange, MHD_HTTP_OK,
                             json_pack("{s:s, s:s, s:b}", "id", exchange->tail, "object", "response", "deleted", 1));
    else
        not_kept(exchange);
}
