/* SPDX-License-Identifier: Apache-2.0
 *
 * Ollama's endpoints about models: tags, ps, show, copy, delete, create; version; what is not there.
 */
#include <stdio.h>
#include <strings.h>

#include "base/error.h"
#include "base/file.h"
#include "chat/modelfile.h"
#include "model/model.h"
#include "server/fields.h"
#include "server/internal.h"
#include "server/ollama.h"
#include "server/resident.h"
#include "store/blob.h"
#include "store/facts.h"
#include "store/name.h"

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

const char *ollama_name(struct exchange *exchange)
{
    if (!body_read(exchange, false))
        return NULL;
    const json_t *name = json_object_get(exchange->json, "model");
    if (!json_is_string(name) || json_string_length(name) == 0)
        name = json_object_get(exchange->json, "name");
    if (json_is_string(name) && json_string_length(name) > 0)
        return json_string_value(name);
    exchange_refuse(exchange, MHD_HTTP_BAD_REQUEST, "model: is missing; want the name of a model");
    return NULL;
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

/* A metadata value; arrays longer than five only when all is asked for. */
static json_t *value_json(const struct gguf_value *value, bool verbose)
{
    switch (value->type) {
    case GGUF_STRING:
        return json_bytes(value->s);
    case GGUF_F32:
    case GGUF_F64:
        return json_real(value->f);
    case GGUF_BOOL:
        return json_boolean(value->i);
    case GGUF_ARRAY: {
        json_t *list = json_array();
        for (size_t i = 0; i < value->n && (verbose || value->n <= 5); i++)
            json_array_append_new(list, value->element == GGUF_STRING ? json_bytes(value->strings[i])
                                        : value->element == GGUF_F32 || value->element == GGUF_F64
                                            ? json_real(gguf_array_float(value, i))
                                            : json_integer(gguf_array_int(value, i)));
        return list;
    }
    default:
        return json_integer(value->i);
    }
}

static json_t *model_info(const struct model *model, const json_t *facts, bool verbose)
{
    json_t *info = json_object();
    size_t n = 0;
    const struct gguf_entry *entries = model->gguf ? gguf_entries(model->gguf, &n) : NULL;
    for (size_t i = 0; i < n; i++) {
        json_t *key = json_bytes(entries[i].key);
        const char *name = json_string_value(key);
        if (name && strcmp(name, "general.name") != 0 && strcmp(name, "tokenizer.chat_template") != 0)
            json_object_set_new(info, name, value_json(&entries[i].value, verbose));
        json_decref(key);
    }
    json_object_set(info, "general.architecture", json_object_get(facts, "architecture"));
    json_object_set(info, "general.parameter_count", json_object_get(facts, "parameters"));
    if (!model->gguf) {
        const char *arch = json_string_value(json_object_get(facts, "architecture"));
        json_object_set_new(info, "general.quantization_version", json_integer(2));
        json_t *context = json_sprintf("%s.context_length", arch), *width = json_sprintf("%s.embedding_length", arch);
        json_object_set(info, json_string_value(context), json_object_get(facts, "context_length"));
        json_object_set(info, json_string_value(width), json_object_get(facts, "embedding_length"));
        json_decref(context);
        json_decref(width);
    }
    return info;
}

static json_t *tensors_json(const struct model *model)
{
    size_t n;
    const struct tensor_info *tensors = model_tensors(model, &n);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *shape = json_array();
        for (unsigned d = 0; d < tensors[i].n_dims; d++)
            json_array_append_new(shape, json_integer((json_int_t)tensors[i].ne[d]));
        json_array_append_new(list, json_pack("{s:o, s:s, s:o}", "name", json_bytes(tensors[i].name), "type",
                                              tensors[i].type->name, "shape", shape));
    }
    return list;
}

/* The template as it is shown: editors look for .Suffix to tell models that fill in. */
static json_t *template_json(const struct model *model, const json_t *settings, const json_t *facts)
{
    const json_t *own = json_object_get(settings, "go_template");
    own = own ? own : json_object_get(settings, "template");
    struct str text = own ? json_span(own) : model_template_text(model, false);
    struct buf out = {0};
    size_t i;
    json_t *capability;
    buf_str(&out, text);
    json_array_foreach(json_object_get(facts, "capabilities"), i, capability)
    {
        if (str_eq(json_span(capability), STR("insert")) && str_find(text, STR(".Suffix"), 0) == SIZE_MAX)
            buf_str(&out, STR("{#- fills in between .Prompt and .Suffix -#}"));
    }
    json_t *json = json_bytes(buf_view(&out));
    buf_clear(&out);
    return json;
}

/* The body of show. */
static json_t *show_json(struct exchange *exchange, const struct library_entry *entry, struct model *model,
                         const json_t *settings, const json_t *facts)
{
    bool verbose = json_is_true(json_object_get(exchange->json, "verbose"));
    const json_t *licenses = json_object_get(settings, "license"), *system = json_object_get(settings, "system");
    struct buf modelfile = {0}, parameters = {0}, license = {0};
    size_t i;
    json_t *item, *json = json_object();
    modelfile_write(settings, str_of(entry->path), &modelfile);
    modelfile_parameters(settings, &parameters);
    json_array_foreach(licenses, i, item)
    {
        buf_format(&license, "%s\n", json_string_value(item));
    }
    json_object_set_new(json, "license",
                        license.len ? json_bytes(buf_view(&license)) : json_incref(json_object_get(facts, "license")));
    json_object_set_new(json, "modelfile", json_bytes(buf_view(&modelfile)));
    json_object_set_new(json, "parameters", json_bytes(buf_view(&parameters)));
    json_object_set_new(json, "template", template_json(model, settings, facts));
    json_object_set_new(json, "system", system ? json_incref((json_t *)system) : json_string(""));
    json_object_set_new(json, "details", ollama_details(facts));
    json_t *messages = json_object_get(settings, "messages");
    json_object_set_new(json, "messages", messages ? json_incref(messages) : json_array());
    json_object_set_new(json, "model_info", model_info(model, facts, verbose));
    json_object_set_new(json, "projector_info", json_object());
    json_object_set_new(json, "tensors", verbose ? tensors_json(model) : json_array());
    json_object_set(json, "capabilities", json_object_get(facts, "capabilities"));
    json_object_set_new(json, "modified_at", ollama_time(entry->modified_s, 0));
    if (strncmp(exchange->agent, "GitHubCopilotChat/", 18) == 0) /* it shows that as the model's name */
        json_object_set_new(json_object_get(json, "model_info"), "general.basename",
                            json_bytes(name_shown(entry->name, true)));
    buf_clear(&modelfile);
    buf_clear(&parameters);
    buf_clear(&license);
    return json;
}

/* Finds what a body names; answers 404 as Ollama does. */
static bool find(struct exchange *exchange, struct arena *arena, const char *name, struct library_entry *entry)
{
    struct hob_error err;
    if (library_find(arena, str_of(name), entry, &err))
        return true;
    if (err.status == HOB_NOT_FOUND || err.status == HOB_USAGE)
        exchange_refuse(exchange, MHD_HTTP_NOT_FOUND, "model '%.100s' not found", name);
    else
        exchange_fail(exchange, exchange_status(&err), NULL, &err);
    return false;
}

void ollama_show(struct exchange *exchange)
{
    struct arena arena = {0};
    struct library_entry entry;
    struct hob_error err;
    const char *name = ollama_name(exchange);
    if (!name || !find(exchange, &arena, name, &entry)) {
        arena_clear(&arena);
        return;
    }
    json_t *facts = facts_of(&entry, &err), *settings = facts ? json_read(str_of(entry.settings), "index", &err) : NULL;
    struct model *model = settings ? model_open(entry.path, &err) : NULL;
    if (model)
        exchange_answer_json(exchange, MHD_HTTP_OK, show_json(exchange, &entry, model, settings, facts));
    else
        exchange_fail(exchange, exchange_status(&err), NULL, &err);
    model_close(model);
    json_decref(facts);
    json_decref(settings);
    arena_clear(&arena);
}

static void answer_empty(struct exchange *exchange)
{
    struct buf none = {0};
    exchange_answer(exchange, MHD_HTTP_OK, NULL, &none);
}

void ollama_copy(struct exchange *exchange)
{
    struct hob_error err;
    if (!body_read(exchange, false))
        return;
    const json_t *from = json_object_get(exchange->json, "source"),
                 *to = json_object_get(exchange->json, "destination");
    if (!json_is_string(from) || !json_is_string(to))
        exchange_refuse(exchange, MHD_HTTP_BAD_REQUEST, "want \"source\" and \"destination\"");
    else if (library_copy(json_span(from), json_span(to), &err))
        answer_empty(exchange);
    else
        exchange_fail(exchange, exchange_status(&err), NULL, &err);
}

void ollama_delete(struct exchange *exchange)
{
    struct arena arena = {0};
    struct library_entry entry;
    struct hob_error err;
    const char *name = ollama_name(exchange);
    if (name && find(exchange, &arena, name, &entry)) {
        if (library_remove(str_of(name), &err))
            answer_empty(exchange);
        else
            exchange_fail(exchange, exchange_status(&err), NULL, &err);
    }
    arena_clear(&arena);
}

/* The settings that the members of create give, over those of what it is made from. */
static bool create_settings(const json_t *body, json_t *settings, struct hob_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)body, key, value)
    {
        if (json_is_null(value) || strcmp(key, "model") == 0 || strcmp(key, "name") == 0 || strcmp(key, "from") == 0 ||
            strcmp(key, "stream") == 0 || strcmp(key, "files") == 0 || strcmp(key, "info") == 0)
            continue;
        if (json_is_string(value) && json_string_length(value) == 0)
            continue;
        if (strcmp(key, "system") == 0 && json_is_string(value)) {
            json_object_set(settings, "system", value);
        } else if (strcmp(key, "template") == 0 && json_is_string(value)) {
            if (!modelfile_template(settings, json_span(value), err))
                return false;
        } else if (strcmp(key, "license") == 0) {
            json_object_set_new(settings, "license",
                                json_is_array(value) ? json_incref(value) : json_pack("[O]", value));
        } else if (strcmp(key, "messages") == 0 && json_is_array(value)) {
            json_object_set(settings, "messages", value);
        } else if (strcmp(key, "parameters") == 0 && json_is_object(value)) {
            const char *name;
            json_t *parameter;
            json_object_foreach(value, name, parameter)
            {
                if (!modelfile_parameter(settings, str_of(name), parameter, err))
                    return false;
            }
        } else {
            return error_set(err, HOB_USAGE, "%.60s: cannot be honoured", key);
        }
    }
    return true;
}

/* The path of the one file that "files" gives by its digest. */
static bool file_of(const json_t *files, struct buf *path, struct hob_error *err)
{
    const json_t *digest = json_object_iter_value(json_object_iter((json_t *)files));
    if (json_object_size(files) != 1 || !json_is_string(digest))
        return error_set(err, HOB_USAGE, "files: want one GGUF file, by its digest");
    return blob_find(json_string_value(digest), path, err);
}

/* What create does; false with an error. */
static bool create(struct exchange *exchange, const char *name, struct hob_error *err)
{
    const json_t *from = json_object_get(exchange->json, "from"), *files = json_object_get(exchange->json, "files");
    struct buf path = {0};
    struct arena arena = {0};
    struct library_entry entry;
    json_t *settings = json_object();
    bool good = true;
    if (json_object_size(files)) {
        good = file_of(files, &path, err);
    } else if (json_is_string(from)) { /* a name: the API takes no path */
        good = library_find(&arena, json_span(from), &entry, err) && library_check(&entry, err);
        json_t *base = good ? json_read(str_of(entry.settings), "index", err) : NULL;
        good = base && (buf_str(&path, str_of(entry.path)) || error_memory(err, 64));
        if (base)
            json_object_update(settings, base);
        json_decref(base);
    } else {
        good = error_set(err, HOB_USAGE, "want \"from\", a model, or \"files\"");
    }
    good = good && create_settings(exchange->json, settings, err) && buf_text(&path) &&
           library_add(str_of(name), path.ptr, settings, err);
    json_decref(settings);
    buf_clear(&path);
    arena_clear(&arena);
    return good;
}

void ollama_create(struct exchange *exchange)
{
    struct hob_error err;
    const char *name = ollama_name(exchange);
    if (!name)
        return;
    if (!create(exchange, name, &err)) {
        exchange_fail(exchange, exchange_status(&err), NULL, &err);
    } else if (json_is_false(json_object_get(exchange->json, "stream"))) {
        exchange_answer_json(exchange, MHD_HTTP_OK, json_pack("{s:s}", "status", "success"));
    } else {
        struct buf body = {0};
        buf_str(&body, STR("{\"status\":\"parsing GGUF\"}\n{\"status\":\"writing manifest\"}\n"
                           "{\"status\":\"success\"}\n"));
        exchange_answer(exchange, MHD_HTTP_OK, "application/x-ndjson", &body);
    }
}

void ollama_pull(struct exchange *exchange)
{
    exchange_refuse(exchange, MHD_HTTP_NOT_IMPLEMENTED,
                    "this server opens no connection: fetch the file yourself, then \"hob add FILE --name NAME\"");
}
