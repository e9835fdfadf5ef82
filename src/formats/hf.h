/* SPDX-License-Identifier: Apache-2.0
 *
 * A Hugging Face folder: config.json, tokenizer files, safetensors weights.
 */
#ifndef HOB_FORMATS_HF_H
#define HOB_FORMATS_HF_H

#include "base/json.h"
#include "formats/tensor.h"

/* What lies in the folder. JSON members are NULL where the file is absent; config never is. */
struct hf {
    char *path;
    json_t *config;            /* config.json */
    json_t *generation_config; /* generation_config.json */
    json_t *tokenizer;         /* tokenizer.json, read by hf_load_tokenizer() */
    json_t *tokenizer_config;  /* tokenizer_config.json */
    struct buf template_text;  /* chat_template.jinja, else tokenizer_config.json's; empty where there is none */
    size_t n_tensors;
    struct tensor_info *tensors;
    size_t n_files;
    struct file **files;
    struct arena *arena;
};

/* Opens a folder: reads and checks everything but the tensors' bytes and tokenizer.json. Weights may be missing
 * (n_tensors 0). The caller owns it. */
struct hf *hf_open(const char *path, struct hob_error *err);

/* Reads tokenizer.json into hf->tokenizer; true with NULL left there when there is no such file. */
bool hf_load_tokenizer(struct hf *hf, struct hob_error *err);

/* Closes and frees (NULL is fine). */
void hf_close(struct hf *hf);

/* The tensor of that name, or NULL. */
const struct tensor_info *hf_tensor(const struct hf *hf, struct str name);

#endif
