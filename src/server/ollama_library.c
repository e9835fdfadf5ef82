/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /api/create, /api/copy, /api/pull, /api/push and DELETE /api/delete
 */
#include "base/error.h"
#include "base/file.h"
#include "chat/modelfile.h"
#include "server/messages.h"
#include "server/ollama.h"
#include "store/blob.h"

/* A dialect of an endpoint that does what it does and answers. */
#define ACTS(function, what, ...)                                                                                      \
    {                                                                                                                  \
        .name = what, .frame = ollama_frame, .error = ollama_error,                                                    \
        .fields = (const struct field *const[]){__VA_ARGS__, NULL}, .options = DIALECT_NONE, .act = function           \
    }

const struct field ollama_names[] = {
    {"model", FIELD_STRING, .read = field_model},
    {"name", FIELD_STRING, .read = field_model}, /* as old clients have it */
    {"stream", FIELD_BOOL, .flag = FIELD_FLAG(stream)},
    {"insecure", FIELD_BOOL},
    {0},
};

/* Answers with nothing, or with what went wrong. */
static void answer(struct generation *g, bool good, const struct hob_error *err)
{
    struct buf none = {0};
    if (good)
        exchange_answer(g->exchange, MHD_HTTP_OK, NULL, &none);
    else
        exchange_fail(g->exchange, exchange_status(err), g->param, err);
}

/* -------------------------------------------------------------------------------------------------- copy, delete */

static const struct field copy_fields[] = {
    {"source", FIELD_STRING, .required = true, .extra = "source"},
    {"destination", FIELD_STRING, .required = true, .extra = "destination"},
    {0},
};

static void copy(struct generation *g)
{
    struct hob_error err;
    struct str from = json_span(json_object_get(g->extra, "source"));
    answer(g, library_copy(from, json_span(json_object_get(g->extra, "destination")), &err), &err);
}

static void delete (struct generation *g)
{
    struct hob_error err;
    answer(g, generation_find_entry(g, &err) && library_remove(str_of(g->model), &err), &err);
}

/* -------------------------------------------------------------------------------------------------------- create */

static bool read_template(struct generation *g, const json_t *value, struct hob_error *err)
{
    return json_string_length(value) == 0 || modelfile_template(g->request, json_span(value), err);
}

static bool read_license(struct generation *g, const json_t *value, struct hob_error *err)
{
    size_t i;
    json_t *text;
    json_array_foreach((json_t *)value, i, text)
    {
        if (!json_is_string(text))
            return error_set(err, HOB_USAGE, "license[%zu]: want a string", i);
    }
    if (json_string_length(value) || json_array_size(value))
        json_object_set_new(g->request, "license",
                            json_is_array(value) ? json_incref((json_t *)value) : json_pack("[O]", value));
    return true;
}

static bool read_parameters(struct generation *g, const json_t *value, struct hob_error *err)
{
    const char *name;
    json_t *parameter;
    json_object_foreach((json_t *)value, name, parameter)
    {
        if (!json_is_null(parameter) && !modelfile_parameter(g->request, str_of(name), parameter, err))
            return false;
    }
    return true;
}

static bool read_system(struct generation *g, const json_t *value, struct hob_error *err)
{
    (void)err;
    if (json_string_length(value))
        json_object_set(g->request, "system", (json_t *)value);
    return true;
}

/* What a name is to have lies in g->request. */
static const struct field create_fields[] = {
    {"from", FIELD_STRING, .extra = "from"},
    {"files", FIELD_OBJECT, .extra = "files"},
    {"system", FIELD_STRING, .read = read_system},
    {"template", FIELD_STRING, .read = read_template},
    {"license", FIELD_STRING | FIELD_ARRAY, .read = read_license},
    {"parameters", FIELD_OBJECT, .read = read_parameters},
    {"messages", FIELD_ARRAY, .read = messages_ollama},
    {"info", FIELD_OBJECT},
    {0},
};

/* The path of the one file that "files" gives by its digest, and the file, which is not removed while it is open. */
static bool file_of(const json_t *files, struct buf *path, struct file *file, struct hob_error *err)
{
    const json_t *digest = json_object_iter_value(json_object_iter((json_t *)files));
    if (json_object_size(files) != 1 || !json_is_string(digest))
        return error_set(err, HOB_USAGE, "files: want one GGUF file, by its digest");
    return blob_find(json_string_value(digest), path, err) && file_open_for(file, path->ptr, FILE_HOLD, err);
}

/* What it is made from: a file that was sent, or a name, whose settings go to g->settings. The API takes no path. */
static bool find_base(struct generation *g, struct buf *path, struct file *file, struct hob_error *err)
{
    const json_t *from = json_object_get(g->extra, "from"), *files = json_object_get(g->extra, "files");
    if (json_object_size(files))
        return file_of(files, path, file, err);
    if (!from)
        return error_set(err, HOB_USAGE, "want \"from\", a model, or \"files\"");
    return library_find(&g->arena, json_span(from), &g->entry, err) && library_check(&g->entry, err) &&
           (g->settings = json_read(str_of(g->entry.settings), "index", err)) != NULL &&
           (buf_str(path, str_of(g->entry.path)) || error_memory(err, 64));
}

static void create(struct generation *g)
{
    struct hob_error err;
    struct buf path = {0}, lines = {0};
    struct file file = {.fd = -1};
    const json_t *stream = json_object_get(g->exchange->json, "stream");
    bool good = (g->model[0] || error_set(&err, HOB_USAGE, "model: is missing")) && find_base(g, &path, &file, &err);
    json_t *settings = g->settings ? g->settings : json_object();
    g->settings = settings;
    if (json_object_get(g->request, "template"))
        json_object_del(settings, "go_template");
    json_object_update_recursive(settings, g->request);
    good = good && buf_text(&path) && library_add(str_of(g->model), path.ptr, settings, &err);
    file_close(&file);
    buf_clear(&path);
    if (!good || json_is_false(stream)) {
        if (good)
            exchange_answer_json(g->exchange, MHD_HTTP_OK, json_pack("{s:s}", "status", "success"));
        else
            answer(g, false, &err);
        return;
    }
    buf_str(&lines,
            STR("{\"status\":\"parsing GGUF\"}\n{\"status\":\"writing manifest\"}\n{\"status\":\"success\"}\n"));
    exchange_answer(g->exchange, MHD_HTTP_OK, "application/x-ndjson", &lines);
}

/* ---------------------------------------------------------------------------------------------------- pull, push */

static void refuse(struct generation *g)
{
    exchange_refuse(g->exchange, MHD_HTTP_NOT_IMPLEMENTED,
                    "this server opens no connection: fetch the file yourself, then \"hob add FILE --name NAME\"");
}

const struct dialect ollama_copy_dialect = ACTS(copy, "ollama copy", copy_fields);
const struct dialect ollama_delete_dialect = ACTS(delete, "ollama delete", ollama_names);
const struct dialect ollama_create_dialect = ACTS(create, "ollama create", create_fields, ollama_names);
const struct dialect ollama_pull_dialect = ACTS(refuse, "ollama pull", ollama_names);
