/* SPDX-License-Identifier: Apache-2.0
 *
 * Roles: what a weight is for. One table gives each role its name in GGUF and in Hugging Face checkpoints and its shape
 * in symbols; a family lists the roles it uses.
 */
#ifndef HOB_MODEL_ROLES_H
#define HOB_MODEL_ROLES_H

#include "model/hparams.h"

enum role {
    /* of the model */
    ROLE_TOKEN_EMBD,
    ROLE_OUTPUT_NORM,
    ROLE_OUTPUT,
    ROLE_ROPE_FREQS,
    /* of a layer */
    ROLE_ATTN_NORM,
    ROLE_ATTN_Q,
    ROLE_ATTN_K,
    ROLE_ATTN_V,
    ROLE_ATTN_OUTPUT,
    ROLE_ATTN_Q_NORM,
    ROLE_ATTN_K_NORM,
    ROLE_ATTN_Q_NORM_ALL, /* over all heads at once */
    ROLE_ATTN_K_NORM_ALL,
    ROLE_POST_ATTN_NORM,
    ROLE_FFN_NORM,
    ROLE_FFN_GATE,
    ROLE_FFN_UP,
    ROLE_FFN_DOWN,
    ROLE_POST_FFN_NORM,
    ROLE_COUNT
};

/* One row of the table. Shapes are symbols, the contiguous axis first, a vector has one:
 *   E, F, V  embedding, ffn and vocabulary width     D  head dimension     R  n_rot / 2
 *   Q  heads * D      K  kv_heads * D      W  kv_heads * DV      O  heads * DV */
struct role_info {
    const char *gguf; /* without ".weight" or ".bias"; %u is the layer */
    const char *hf;   /* likewise; after the checkpoint's own prefix */
    const char *shape;
    bool per_layer;
};

/* How a family uses a role. */
enum role_need { ROLE_REQUIRED, ROLE_OPTIONAL };
enum bias_need { BIAS_NONE, BIAS_OPTIONAL, BIAS_REQUIRED };

struct role_use {
    enum role role;
    enum role_need need;
    enum bias_need bias;
    const char *hf; /* NULL, or the family's own Hugging Face name for the role */
};

/* The row of a role. */
const struct role_info *role_info(enum role role);

/* The number of a shape symbol; `n_vocab` is V. */
size_t role_size(const struct hparams *hparams, size_t n_vocab, char symbol);

#endif
