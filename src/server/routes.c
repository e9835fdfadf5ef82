/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of endpoints.
 */
#include "server/routes.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "server/anthropic.h"
#include "server/generation.h"
#include "server/ollama.h"
#include "server/openai.h"
#include "server/own.h"

/* clang-format off */
static const struct route routes[] = {
    /* method, path, handler, dialect, flags, summary */
    {"GET",    "/",                         ollama_root,            &ollama_chat_dialect,        ROUTE_INLINE | ROUTE_OPEN, "Whether the server is there"},
    {"GET",    "/health",                   own_health,             &hob_dialect,                ROUTE_INLINE | ROUTE_OPEN, "Whether the server is well"},
    {"GET",    "/openapi.json",             openapi_get,            &hob_dialect,                ROUTE_INLINE, "This document"},
    {"GET",    "/metrics",                  own_metrics,            &hob_dialect,                0, "Counters, for Prometheus"},
    {"GET",    "/limits",                   own_limits,             &hob_dialect,                ROUTE_INLINE, "Every limit and its value"},
    {"GET",    "/api/privacy",              own_privacy,            &hob_dialect,                0, "What this server can reach, tried now"},
    {"POST",   "/tokenize",                 generation_handle,      &tokenize_dialect,           0, "Text to ids"},
    {"POST",   "/detokenize",               generation_handle,      &detokenize_dialect,         0, "Ids to text"},
    {"POST",   "/render",                   generation_handle,      &render_dialect,             0, "The prompt as the model sees it"},

    {"GET",    "/v1/models",                openai_models,          &openai_chat_dialect,        0, "The models that can be named"},
    {"GET",    "/v1/models/",               openai_model,           &openai_chat_dialect,        ROUTE_TAIL, "One model"},
    {"POST",   "/v1/chat/completions",      generation_handle,      &openai_chat_dialect,        0, "A reply to messages"},
    {"POST",   "/v1/completions",           generation_handle,      &openai_completions_dialect, 0, "A text goes on"},
    {"POST",   "/v1/responses",             generation_handle,      &openai_responses_dialect,   0, "A reply to items"},
    {"GET",    "/v1/responses/{id}/input_items", openai_response_items, &openai_responses_dialect, ROUTE_TAIL, "What a response that is kept answers"},
    {"GET",    "/v1/responses/",            openai_response_get,    &openai_responses_dialect,   ROUTE_TAIL, "A response that is kept"},
    {"DELETE", "/v1/responses/",            openai_response_delete, &openai_responses_dialect,   ROUTE_TAIL, "Forgets a response"},
    {"POST",   "/v1/embeddings",            generation_handle,      &openai_embeddings_dialect,  0, "Vectors of texts"},
    {"POST",   "/v1/rerank",                own_rerank,             &openai_chat_dialect,        ROUTE_INLINE, "Ranks texts"},
    {"POST",   "/v1/messages",              generation_handle,      &anthropic_dialect,          0, "A reply to messages, as Anthropic has it"},
    {"POST",   "/v1/messages/count_tokens", generation_handle,      &anthropic_count_dialect,    0, "How many tokens messages take"},

    {"GET",    "/api/version",              ollama_version,         &ollama_chat_dialect,        ROUTE_INLINE | ROUTE_OPEN, "The version of the API"},
    {"POST",   "/api/chat",                 generation_handle,      &ollama_chat_dialect,        0, "A reply to messages, as Ollama has it"},
    {"POST",   "/api/generate",             generation_handle,      &ollama_generate_dialect,    0, "A reply to a prompt"},
    {"GET",    "/api/tags",                 ollama_tags,            &ollama_chat_dialect,        0, "The models that can be named"},
    {"GET",    "/api/ps",                   ollama_ps,              &ollama_chat_dialect,        0, "The models in memory"},
    {"POST",   "/api/show",                 generation_handle,      &ollama_show_dialect,        0, "What a name stands for"},
    {"POST",   "/api/create",               generation_handle,      &ollama_create_dialect,      ROUTE_MANAGE, "A name with settings"},
    {"POST",   "/api/copy",                 generation_handle,      &ollama_copy_dialect,        ROUTE_MANAGE, "Another name for a model"},
    {"DELETE", "/api/delete",               generation_handle,      &ollama_delete_dialect,      ROUTE_MANAGE, "Takes a name away"},
    {"POST",   "/api/embed",                generation_handle,      &ollama_embed_dialect,       0, "Vectors of texts"},
    {"POST",   "/api/embeddings",           generation_handle,      &ollama_embeddings_dialect,  0, "A vector of a text"},
    {"POST",   "/api/pull",                 generation_handle,      &ollama_pull_dialect,        ROUTE_MANAGE, "Refused: nothing is fetched"},
    {"POST",   "/api/push",                 generation_handle,      &ollama_pull_dialect,        ROUTE_MANAGE, "Refused: nothing is sent"},
    {"HEAD",   "/api/blobs/",               ollama_blob_head,       &ollama_chat_dialect,        ROUTE_TAIL, "Whether a file is there"},
    {"POST",   "/api/blobs/",               ollama_blob_post,       &ollama_chat_dialect,        ROUTE_TAIL | ROUTE_UPLOAD | ROUTE_MANAGE, "Takes a file"},
};
/* clang-format on */

enum { N_ROUTES = sizeof routes / sizeof *routes };

const struct route *routes_all(size_t *n)
{
    *n = N_ROUTES;
    return routes;
}

enum { MAX_TAIL = 256 };

/* Where a route's tail stands in its path, "{id}", or at its end. */
static size_t tail_at(const struct route *route)
{
    return strcspn(route->path, "{");
}

/* Bytes of the tail, where the path is the route's; SIZE_MAX where it is not. */
static size_t match(const struct route *route, const char *path)
{
    size_t n = tail_at(route), len = strlen(path);
    struct str end = str_of(route->path[n] ? route->path + n + strlen("{id}") : "");
    if (!(route->flags & ROUTE_TAIL))
        return strcmp(path, route->path) == 0 ? 0 : SIZE_MAX;
    bool fits = strncmp(path, route->path, n) == 0 && len > n + end.len && len - n - end.len < MAX_TAIL &&
                str_ends(str_of(path), end);
    return fits ? len - n - end.len : SIZE_MAX;
}

const struct route *routes_find(const char *method, const char *path, char tail[MAX_TAIL], char allowed[64])
{
    size_t used = 0;
    tail[0] = allowed[0] = 0;
    for (size_t i = 0; i < N_ROUTES; i++) {
        const struct route *route = &routes[i];
        size_t n_tail = match(route, path);
        if (n_tail == SIZE_MAX)
            continue;
        bool head = strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0;
        if (head || strcmp(route->method, method) == 0) {
            snprintf(tail, MAX_TAIL, "%.*s", (int)n_tail, path + tail_at(route));
            return route;
        }
        if (used < 48)
            used += (size_t)snprintf(allowed + used, 64 - used, "%s%s", used ? ", " : "", route->method);
    }
    return NULL;
}
