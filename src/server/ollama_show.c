/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /api/show
 */
#include "base/error.h"
#include "chat/modelfile.h"
#include "model/model.h"
#include "server/ollama.h"
#include "store/facts.h"
#include "store/name.h"

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
static json_t *show_json(struct generation *g, struct model *model, const json_t *facts)
{
    const json_t *settings = g->settings;
    const json_t *licenses = json_object_get(settings, "license"), *system = json_object_get(settings, "system");
    const struct library_entry *entry = &g->entry;
    struct buf modelfile = {0}, parameters = {0}, license = {0};
    size_t i;
    json_t *item, *json = json_object();
    modelfile_write(settings, str_of(entry->path), &modelfile);
    modelfile_parameters(settings, &parameters);
    if (parameters.len) /* no empty line at the end: Continue reads no further than that, template and all */
        parameters.len--;
    json_array_foreach(licenses, i, item)
    {
        buf_format(&license, "%s\n", json_is_string(item) ? json_string_value(item) : "");
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
    json_object_set_new(json, "model_info", model_info(model, facts, g->verbose));
    json_object_set_new(json, "projector_info", json_object());
    json_object_set_new(json, "tensors", g->verbose ? tensors_json(model) : json_array());
    json_object_set(json, "capabilities", json_object_get(facts, "capabilities"));
    json_object_set_new(json, "modified_at", ollama_time(entry->modified_s, 0));
    if (strncmp(g->exchange->agent, "GitHubCopilotChat/", 18) == 0) /* it shows that as the model's name */
        json_object_set_new(json_object_get(json, "model_info"), "general.basename",
                            json_bytes(name_shown(entry->name, true)));
    buf_clear(&modelfile);
    buf_clear(&parameters);
    buf_clear(&license);
    return json;
}

static void show(struct generation *g)
{
    struct hob_error err;
    json_t *facts = generation_find_model(g, &err) ? facts_of(&g->entry, &err) : NULL;
    struct model *model = facts ? model_open(g->entry.path, &err) : NULL;
    if (model)
        exchange_answer_json(g->exchange, MHD_HTTP_OK, show_json(g, model, facts));
    else
        exchange_fail(g->exchange, exchange_status(&err), NULL, &err);
    model_close(model);
    json_decref(facts);
}

static const struct field fields[] = {
    {"verbose", FIELD_BOOL, .flag = FIELD_FLAG(verbose)},
    {"system", FIELD_STRING},
    {"template", FIELD_STRING},
    {"options", FIELD_OBJECT},
    {0},
};

const struct dialect ollama_show_dialect = {
    .name = "ollama show",
    .frame = ollama_frame,
    .error = ollama_error,
    .fields = (const struct field *const[]){fields, ollama_names, NULL},
    .options = DIALECT_NONE,
    .act = show,
};
