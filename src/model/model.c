/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/error.h"
#include "model/vocabulary.h"

#define ARCH_BYTES 64

/* A string of the metadata, or an empty span. */
static struct str gguf_text(const struct model *model, const char *key)
{
    const struct gguf_value *value = model->gguf ? gguf_find(model->gguf, key) : NULL;
    return value && value->type == GGUF_STRING ? value->s : (struct str){"", 0};
}

/* Copies the architecture's name, which stands before every key. */
static bool read_architecture(struct model *model, struct hob_error *err)
{
    struct str arch = model->gguf ? gguf_text(model, "general.architecture")
                                  : json_span(json_array_get(json_object_get(model->hf->config, "architectures"), 0));
    if (model->gguf && arch.len == 0)
        return error_set(err, HOB_FORMAT, "%s: general.architecture: %s", model->name,
                         gguf_find(model->gguf, "general.architecture") ? "want a name as a string" : "is missing");
    if (arch.len > ARCH_BYTES)
        return error_set(err, HOB_FORMAT, "%s: %s: a name of %zu bytes, want at most %d", model->name,
                         model->gguf ? "general.architecture" : "config.json: architectures", arch.len, ARCH_BYTES);
    model->arch = arena_copy(&model->arena, arch.ptr, arch.len);
    return model->arch ? true : error_memory(err, arch.len);
}

/* The last part of a path. */
static const char *base_name(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    const char *start = path + n;
    while (start > path && start[-1] != '/')
        start--;
    return start;
}

struct model *model_open(const char *path, struct hob_error *err)
{
    struct model *model = calloc(1, sizeof *model);
    if (!model) {
        error_memory(err, sizeof *model);
        return NULL;
    }
    const char *name = base_name(path);
    model->path = arena_copy(&model->arena, path, strlen(path));
    model->name = arena_copy(&model->arena, name, strcspn(name, "/"));
    bool opened = model->path && model->name;
    if (!opened)
        error_memory(err, strlen(path));
    else if (file_is_folder(path))
        opened = (model->hf = hf_open(path, err)) != NULL;
    else if (hf_names_tokenizer(path))
        opened = (model->hf = hf_open_tokenizer(path, err)) != NULL;
    else
        opened = (model->gguf = gguf_open(path, err)) != NULL;
    if (opened && read_architecture(model, err))
        return model;
    model_close(model);
    return NULL;
}

void model_close(struct model *model)
{
    if (!model)
        return;
    if (model->memory)
        munmap(model->memory, model->memory_bytes);
    tokenizer_free(model->tokenizer);
    for (size_t i = 0; i < 2; i++)
        template_free(model->templates[i]);
    gguf_close(model->gguf);
    hf_close(model->hf);
    arena_clear(&model->arena);
    free(model);
}

struct str model_architecture(const struct model *model)
{
    return str_of(model->arch);
}

struct str model_title(const struct model *model)
{
    struct str name = gguf_text(model, "general.name");
    return name.len ? name : str_of(model->name);
}

struct str model_license(const struct model *model)
{
    return gguf_text(model, "general.license");
}

bool model_has_code(const struct model *model)
{
    return model->hf &&
           (json_object_get(model->hf->config, "auto_map") || json_object_get(model->hf->tokenizer_config, "auto_map"));
}

struct config model_config(const struct model *model)
{
    struct config config = {.gguf = model->gguf, .arch = "", .name = model->name};
    if (model->gguf) {
        config.arch = model->arch;
    } else {
        const json_t *text = json_object_get(model->hf->config, "text_config");
        config.json = json_is_object(text) ? text : model->hf->config;
    }
    return config;
}

const struct tensor_info *model_tensors(const struct model *model, size_t *n)
{
    if (model->gguf)
        return gguf_tensors(model->gguf, n);
    *n = model->hf->n_tensors;
    return model->hf->tensors;
}

const struct file *const *model_files(const struct model *model, size_t *n)
{
    if (model->gguf)
        return gguf_files(model->gguf, n);
    *n = model->hf->n_sources;
    return (const struct file *const *)model->hf->sources;
}

void model_drop_vocabulary(struct model *model)
{
    if (model->gguf)
        gguf_drop_long_arrays(model->gguf);
}

const struct tokenizer *model_tokenizer(struct model *model, struct hob_error *err)
{
    if (!model->tokenizer)
        model->tokenizer = model->gguf ? vocabulary_from_gguf(model, err) : vocabulary_from_hf(model, err);
    return model->tokenizer;
}
