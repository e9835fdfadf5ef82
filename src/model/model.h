/* SPDX-License-Identifier: Apache-2.0
 *
 * A model: a file or folder, its family, its weights and its text side. Opening reads and checks what the file says;
 * weights, tokenizer and template come when they are asked for, so that a file that holds only one of them serves for
 * it.
 */
#ifndef HOB_MODEL_MODEL_H
#define HOB_MODEL_MODEL_H

#include "base/thread.h"
#include "graph/batch.h"
#include "model/family.h"
#include "text/jinja/template.h"
#include "text/tokenizer/tokenizer.h"

/* Where a weight's bytes are in the file. */
struct binding {
    struct weight weight;
    const struct tensor_info *tensor;
    size_t row0; /* first row of the tensor that is this weight's */
    float shift; /* added to a vector's values */
    bool is_vector;
};

/* The roles of one layer, or of the model. NULL where the model has no such weight. */
struct role_weights {
    struct weight *weight[ROLE_COUNT], *bias[ROLE_COUNT];
};

struct model {
    struct arena arena;
    char *name; /* base name of the file or folder, for messages */
    char *path;
    char *arch;        /* GGUF's general.architecture, or config.json's class */
    struct gguf *gguf; /* exactly one of gguf and hf */
    struct hf *hf;
    /* After model_bind(). */
    const struct family *family; /* NULL before */
    struct hparams hparams;
    size_t n_vocab; /* rows of the embedding table and of the logits */
    struct binding *bindings;
    size_t n_bindings;
    struct role_weights global, *layers;
    struct rope rope[2];
    size_t weight_bytes; /* of all weights in memory */
    /* After model_load(). */
    uint8_t *memory;
    size_t memory_bytes;
    /* After model_tokenizer(), model_template(). */
    struct tokenizer *tokenizer;
    struct template *templates[2]; /* without tools, and with them where that is another */
};

/* Opens a .gguf file (or the first of a split set) or a Hugging Face folder. The caller owns it. */
struct model *model_open(const char *path, struct hob_error *err);

/* Frees everything (NULL is fine). */
void model_close(struct model *model);

/* The family of the model among `families` [n], its hyper-parameters, and a binding for every weight. All names and
 * shapes are checked; nothing is read but the metadata. Idempotent. */
bool model_bind(struct model *model, const struct family *const *families, size_t n, struct hob_error *err);

/* Reads the weights into panels, on the workers of `pool`. `progress` (may be NULL) is told the bytes done, from any
 * worker, and returns false to stop (HOB_INTERRUPTED). Needs model_bind(). Idempotent. */
bool model_load(struct model *model, struct pool *pool, bool (*progress)(void *ctx, size_t done, size_t total),
                void *ctx, struct hob_error *err);

/* The tokenizer, built when first asked for; borrowed. HOB_FORMAT when the file has none. One thread at a time. */
const struct tokenizer *model_tokenizer(struct model *model, struct hob_error *err);

/* Frees what only the tokenizer is built from; call it after model_tokenizer(). */
void model_drop_vocabulary(struct model *model);

/* The text of the chat template for requests with or without tools: of several that have names the one named
 * "tool_use" where there are tools, else "default", else the first; empty where the model has none. Borrowed. */
struct str model_template_text(const struct model *model, bool tools);

/* The text of the chat template of that name, or an empty span. Borrowed. */
struct str model_template_named(const struct model *model, struct str name);

/* The chat template that model_template_text() means, parsed when first asked for; borrowed. HOB_NOT_FOUND when there
 * is none. One thread at a time. */
const struct template *model_template(struct model *model, bool tools, struct hob_error *err);

/* The special tokens as templates know them: {"bos_token": text, "eos_token": text, "pad_token": ...}, BOS and EOS
 * empty where there are none, the others absent. The caller owns the reference. */
json_t *model_special_tokens(struct model *model);

/* The model's name, licence and architecture as the file says them; empty where it does not. Borrowed. */
struct str model_title(const struct model *model);
struct str model_license(const struct model *model);

/* Whether a Hugging Face folder names code of its own ("auto_map"). It is never run: only what hob knows is. */
bool model_has_code(const struct model *model);
struct str model_architecture(const struct model *model);

/* How the rows of a text become one vector. */
enum pooling {
    POOL_NONE, /* not at all */
    POOL_MEAN, /* the mean of all */
    POOL_CLS,  /* the first */
    POOL_LAST  /* the last */
};

/* How the model's file wants it: the mean, unless it says otherwise. HOB_FORMAT for a way that is not known. */
bool model_pooling(const struct model *model, enum pooling *pooling, struct hob_error *err);

/* Whether the file says it at all, as those of models that are made for it do. */
bool model_has_pooling(const struct model *model);

/* The files that results depend on, weights first. Borrowed. */
const struct file *const *model_files(const struct model *model, size_t *n);

/* What the file says of itself, as families and text read it. */
struct config model_config(const struct model *model);

/* All tensors of the file. Borrowed. */
const struct tensor_info *model_tensors(const struct model *model, size_t *n);

/* Builds the graph of the whole model, from ids to logits, and compiles it. `graph` is empty; the caller clears it. */
bool model_graph(const struct model *model, const struct compile_options *options, struct graph *graph,
                 struct hob_error *err);

/* The layout of a KV page: fills layers [n_layers] and returns the bytes of a page, or 0 with an error. */
size_t model_cache_layout(const struct model *model, enum cache_type type, struct cache_layer *layers,
                          struct hob_error *err);

#endif
