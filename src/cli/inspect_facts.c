/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be said of a model.
 */
#include "cli/inspect_facts.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "chat/doctor.h"
#include "text/reply/parser.h"

enum { SHORT_ARRAY = 16 }; /* elements that are shown one by one */

void facts_warn(json_t *warnings, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_array_append_new(warnings, facts_text(str_of(text)));
}

json_t *facts_text(struct str bytes)
{
    struct buf text = {0};
    for (size_t at = 0; at < bytes.len;) {
        unsigned size;
        if (utf8_decode(bytes, at, &size) < 0)
            buf_format(&text, "\\x%02x", (unsigned char)bytes.ptr[at]);
        else
            buf_add(&text, bytes.ptr + at, size);
        at += size;
    }
    json_t *json = json_bytes(buf_view(&text));
    buf_clear(&text);
    return json;
}

/* Sets a member unless its text is empty. */
static void set_text(json_t *to, const char *key, struct str text)
{
    if (text.len)
        json_object_set_new(to, key, facts_text(text));
}

static void set_count(json_t *to, const char *key, size_t n)
{
    json_object_set_new(to, key, json_integer((json_int_t)n));
}

static json_t *files_json(const struct model *model, size_t *total)
{
    size_t n;
    const struct file *const *files = model_files(model, &n);
    json_t *list = json_array();
    *total = 0;
    for (size_t i = 0; i < n; i++) {
        json_t *file = json_object();
        set_text(file, "path", str_of(files[i]->path));
        set_count(file, "bytes", (size_t)files[i]->size);
        json_array_append_new(list, file);
        *total += (size_t)files[i]->size;
    }
    return list;
}

void facts_file(json_t *to, const struct model *model)
{
    size_t n, total, parameters = 0;
    const struct tensor_info *tensors = model_tensors(model, &n);
    json_t *types = json_object(), *files = files_json(model, &total);
    for (size_t i = 0; i < n; i++) {
        const char *name = tensors[i].type->name;
        json_t *type = json_object_get(types, name);
        size_t elements = 1;
        for (unsigned d = 0; d < tensors[i].n_dims; d++)
            elements *= (size_t)tensors[i].ne[d];
        parameters += elements;
        if (!type)
            json_object_set_new(types, name, type = json_object());
        set_count(type, "tensors", (size_t)json_integer_value(json_object_get(type, "tensors")) + 1);
        set_count(type, "bytes", (size_t)json_integer_value(json_object_get(type, "bytes")) + (size_t)tensors[i].bytes);
    }
    set_text(to, "name", model_title(model));
    set_text(to, "path", str_of(model->path));
    json_object_set_new(to, "format",
                        json_string(model->gguf                   ? "GGUF"
                                    : file_is_folder(model->path) ? "Hugging Face folder"
                                                                  : "tokenizer file"));
    set_text(to, "architecture", model_architecture(model));
    set_text(to, "license", model_license(model));
    set_count(to, "bytes", total);
    json_object_set_new(to, "files", files);
    set_count(to, "parameters", parameters);
    json_object_set_new(to, "types", types);
}

json_t *facts_shape(const struct model *model)
{
    const struct hparams *hp = &model->hparams;
    json_t *json = json_object();
    size_t sliding = 0;
    for (unsigned i = 0; i < hp->n_layers; i++)
        sliding += hp->sliding[i];
    set_count(json, "context", hp->n_ctx);
    set_count(json, "layers", hp->n_layers);
    set_count(json, "embedding", hp->e);
    set_count(json, "ffn", hp->f);
    set_count(json, "heads", hp->heads);
    set_count(json, "kv_heads", hp->kv_heads);
    set_count(json, "head_size", hp->d);
    set_count(json, "vocabulary", model->n_vocab);
    json_object_set_new(json, "rope_base", json_real(hp->rope[0].base));
    if (sliding) {
        set_count(json, "sliding_layers", sliding);
        set_count(json, "window", hp->window);
    }
    return json;
}

/* A token for people and programs: {"id", "text"}. */
static json_t *token_json(const struct tokenizer *tokenizer, int32_t id)
{
    json_t *json = json_object();
    json_object_set_new(json, "id", json_integer(id));
    json_object_set_new(json, "text", facts_text(tokenizer_text(tokenizer, id)));
    return json;
}

json_t *facts_tokenizer(struct model *model, bool all, json_t *warnings)
{
    struct hob_error err = {0};
    const struct tokenizer *tokenizer = model_tokenizer(model, &err);
    if (!tokenizer) {
        facts_warn(warnings, "no tokenizer: %s", err.text);
        return json_null();
    }
    json_t *json = json_object(), *ends = json_array(), *special = json_array();
    size_t n = tokenizer_size(tokenizer);
    json_object_set_new(json, "algorithm", json_string(tokenizer_algorithm(tokenizer)));
    set_count(json, "tokens", n);
    if (tokenizer_bos(tokenizer) != TOKEN_NONE)
        json_object_set_new(json, "bos", token_json(tokenizer, tokenizer_bos(tokenizer)));
    if (tokenizer_eos(tokenizer) != TOKEN_NONE)
        json_object_set_new(json, "eos", token_json(tokenizer, tokenizer_eos(tokenizer)));
    json_object_set_new(json, "adds_bos", json_boolean(tokenizer_adds_bos(tokenizer)));
    json_object_set_new(json, "adds_eos", json_boolean(tokenizer_adds_eos(tokenizer)));
    for (size_t i = 0; i < n; i++) {
        enum token_type type = tokenizer_type(tokenizer, (int32_t)i);
        if (tokenizer_is_eog(tokenizer, (int32_t)i))
            json_array_append_new(ends, token_json(tokenizer, (int32_t)i));
        if (all && (type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED))
            json_array_append_new(special, token_json(tokenizer, (int32_t)i));
    }
    json_object_set_new(json, "ends_generation", ends);
    if (all)
        json_object_set(json, "special", special);
    json_decref(special);
    if (model->family && n != model->n_vocab)
        facts_warn(warnings, "the tokenizer has %zu tokens, the embedding table %zu rows", n, model->n_vocab);
    return json;
}

json_t *facts_chat(struct model *model, const struct chat_template *replacement, json_t *warnings)
{
    struct hob_error err = {0};
    struct str text = replacement ? buf_view(&replacement->text) : model_template_text(model, false);
    struct str with_tools = replacement ? text : model_template_text(model, true);
    json_t *json = json_object();
    bool usable = replacement || model_template(model, false, &err);
    if (!usable)
        facts_warn(warnings, "no chat: %s", err.text);
    json_object_set_new(json, "usable", json_boolean(usable));
    const struct reply_format *format = reply_format_find(with_tools);
    bool tools = str_find(with_tools, STR("tools"), 0) != SIZE_MAX;
    json_object_set_new(json, "reply_format", json_string(reply_format_name(format)));
    json_object_set_new(json, "thinking", json_boolean(reply_form_find(text, STR("")).thinks));
    json_object_set_new(json, "tools", json_boolean(tools && reply_format_calls(format)));
    if (text.len) {
        const char *known = doctor_known_template(text);
        json_object_set_new(json, "published", known ? json_string(known) : json_null());
    }
    set_text(json, "template", text);
    return json;
}

json_t *facts_plan(const struct model *model, const struct engine_options *options, json_t *warnings)
{
    static const char *const caches[] = {[CACHE_F16] = "f16", [CACHE_Q8_0] = "q8_0", [CACHE_F32] = "f32"};
    struct hob_error err = {0};
    struct engine_plan plan = {0};
    bool fits = engine_make_plan(model, options, &plan, &err);
    if (!fits)
        facts_warn(warnings, "does not fit: %s", err.text);
    else if (plan.ctx < plan.ctx_wanted)
        facts_warn(warnings, "a context of %zu fits this machine, the model has %zu", plan.ctx, plan.ctx_wanted);
    if (plan.cache_bytes_token == 0)
        return json_null();
    size_t fixed = plan.weight_bytes + plan.work_bytes;
    size_t room = plan.available_bytes > fixed ? plan.available_bytes - fixed : 0;
    json_t *json = json_object();
    json_object_set_new(json, "fits", json_boolean(fits));
    set_count(json, "weights_bytes", plan.weight_bytes);
    set_count(json, "kv_token_bytes", plan.cache_bytes_token);
    set_count(json, "kv_bytes", plan.cache_bytes);
    set_count(json, "work_bytes", plan.work_bytes);
    set_count(json, "total_bytes", fixed + plan.cache_bytes);
    set_count(json, "available_bytes", plan.available_bytes);
    set_count(json, "context", plan.ctx);
    set_count(json, "context_that_fits", room / plan.cache_bytes_token / plan.parallel);
    set_count(json, "parallel", plan.parallel);
    set_count(json, "threads", plan.threads);
    json_object_set_new(json, "kv", json_string(caches[plan.kv]));
    return json;
}

/* A number of GGUF as JSON; what JSON cannot say becomes text. */
static json_t *number_json(enum gguf_type type, int64_t i, double f, bool huge)
{
    char text[40];
    if (type == GGUF_BOOL)
        return json_boolean(i != 0);
    if (type == GGUF_F32 || type == GGUF_F64) {
        json_t *json = json_real(f);
        snprintf(text, sizeof text, "%g", f);
        return json ? json : json_string(text);
    }
    snprintf(text, sizeof text, "%llu", (unsigned long long)i);
    return huge ? json_string(text) : json_integer(i);
}

static json_t *value_json(const struct gguf_value *value)
{
    static const char *const names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                        "bool", "string", "array", "u64", "i64", "f64"};
    if (value->type == GGUF_STRING)
        return facts_text(value->s);
    if (value->type != GGUF_ARRAY)
        return number_json(value->type, value->i, value->f, value->huge);
    if (value->n > SHORT_ARRAY || value->element == GGUF_ARRAY)
        return json_pack("{s:s, s:I}", "array", names[value->element], "length", (json_int_t)value->n);
    json_t *list = json_array();
    for (size_t i = 0; i < value->n; i++)
        json_array_append_new(
            list, value->element == GGUF_STRING
                      ? facts_text(value->strings[i])
                      : number_json(value->element, gguf_array_int(value, i), gguf_array_float(value, i), false));
    return list;
}

json_t *facts_metadata(const struct model *model)
{
    if (!model->gguf)
        return model->hf->config ? json_incref(model->hf->config) : json_object();
    size_t n;
    const struct gguf_entry *entries = gguf_entries(model->gguf, &n);
    json_t *json = json_object();
    for (size_t i = 0; i < n; i++) {
        json_t *key = facts_text(entries[i].key);
        json_object_set_new_nocheck(json, json_string_value(key), value_json(&entries[i].value));
        json_decref(key);
    }
    return json;
}

json_t *facts_tensors(const struct model *model)
{
    size_t n;
    const struct tensor_info *tensors = model_tensors(model, &n);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *json = json_object(), *shape = json_array();
        for (unsigned d = tensors[i].n_dims; d-- > 0;)
            json_array_append_new(shape, json_integer((json_int_t)tensors[i].ne[d]));
        json_object_set_new(json, "name", facts_text(tensors[i].name));
        json_object_set_new(json, "type", json_string(tensors[i].type->name));
        json_object_set_new(json, "shape", shape);
        set_count(json, "bytes", (size_t)tensors[i].bytes);
        json_array_append_new(list, json);
    }
    return list;
}
