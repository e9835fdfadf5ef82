/* SPDX-License-Identifier: Apache-2.0
 *
 * A Hugging Face folder: config.json, tokenizer files, safetensors weights. Nothing in it is executed.
 */
#ifndef HOB_FORMATS_HF_H
#define HOB_FORMATS_HF_H

#include "base/arena.h"
#include "base/json.h"
#include "base/map.h"
#include "formats/tensor.h"

/* What lies in the folder. JSON members are NULL where the file is absent; those present are objects. */
struct hf {
    char *path;
    json_t *config;             /* config.json; a folder that holds only a tokenizer has none */
    json_t *generation_config;  /* generation_config.json */
    json_t *tokenizer_config;   /* tokenizer_config.json, and special_tokens_map.json */
    json_t *modules;            /* modules.json, an array: how sentence-transformers makes a vector of a text */
    json_t *pooling;            /* 1_Pooling/config.json, one of those */
    const char *tokenizer_path; /* of the tokenizer file: tokenizer.json, else tokenizer.model, tekken.json,
                                   tiktoken.model, the first that ends in .tiktoken; NULL where there is none */
    json_t *templates;          /* chat templates by their names, the one without a name as "default": of
                                   chat_template.jinja and additional_chat_templates, else of tokenizer_config.json, else of
                                   chat_template.json */
    size_t n_tensors;
    struct tensor_info *tensors;
    size_t n_files;
    struct file **files; /* the safetensors files */
    size_t n_sources;
    struct file **sources; /* all files that results depend on: those, then config.json and the tokenizer file */
    struct arena arena;
    struct map by_name; /* tensor name: index into tensors */
};

/* Opens a folder: reads and checks everything but the tensors' bytes and the tokenizer file. Weights may be missing
 * (n_tensors 0), but a folder with only pickled weights is refused. Weights are model.safetensors, or the files that
 * model.safetensors.index.json names. The caller owns it. */
struct hf *hf_open(const char *path, struct hob_error *err);

/* Opens a tokenizer file alone, as if its folder held nothing else but a tokenizer_config.json. The caller owns it. */
struct hf *hf_open_tokenizer(const char *path, struct hob_error *err);

/* Whether a file is by its name one that hf_open_tokenizer() is for. */
bool hf_names_tokenizer(const char *path);

/* Reads the tokenizer file, which there must be, into `out`. */
bool hf_load_tokenizer(const struct hf *hf, struct buf *out, struct hob_error *err);

/* Closes and frees (NULL is fine). */
void hf_close(struct hf *hf);

/* The tensor of that name, or NULL. */
const struct tensor_info *hf_tensor(const struct hf *hf, struct str name);

#endif
