/* SPDX-License-Identifier: Apache-2.0
 *
 * Qwen3, dense: Llama's block with an RMS norm on every head of q and k before the rotation.
 * Source: arXiv 2505.09388; `transformers` models/qwen3.
 */
#include "families/families.h"

extern const struct family family_qwen3;

static const struct role_use roles[] = {
    {ROLE_TOKEN_EMBD, ROLE_REQUIRED, BIAS_NONE, NULL},  {ROLE_OUTPUT_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_OUTPUT, ROLE_OPTIONAL, BIAS_NONE, NULL},      {ROLE_ATTN_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_ATTN_Q, ROLE_REQUIRED, BIAS_OPTIONAL, NULL},  {ROLE_ATTN_K, ROLE_REQUIRED, BIAS_OPTIONAL, NULL},
    {ROLE_ATTN_V, ROLE_REQUIRED, BIAS_OPTIONAL, NULL},  {ROLE_ATTN_OUTPUT, ROLE_REQUIRED, BIAS_OPTIONAL, NULL},
    {ROLE_ATTN_Q_NORM, ROLE_REQUIRED, BIAS_NONE, NULL}, {ROLE_ATTN_K_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_FFN_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},    {ROLE_FFN_GATE, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_FFN_UP, ROLE_REQUIRED, BIAS_NONE, NULL},      {ROLE_FFN_DOWN, ROLE_REQUIRED, BIAS_NONE, NULL},
};

static bool configure(const struct config *config, struct hparams *hp, struct hob_error *err)
{
    bool sliding = false; /* released checkpoints name a window and do not use it */
    if (!config_bool(config, NULL, "use_sliding_window", &sliding, err) ||
        !config_need(config, "num_key_value_heads", err) || !config_need(config, "head_dim", err))
        return false;
    return !sliding || hparams_windows(config, hp, 0, err);
}

static int block(struct block *b, int x)
{
    int h = block_norm(b, x, ROLE_ATTN_NORM);                                                /* [T, E] */
    int q = block_rope(b, block_norm(b, block_linear(b, h, ROLE_ATTN_Q), ROLE_ATTN_Q_NORM)); /* [T, H, D] */
    int k = block_rope(b, block_norm(b, block_linear(b, h, ROLE_ATTN_K), ROLE_ATTN_K_NORM)); /* [T, G, D] */
    int v = block_linear(b, h, ROLE_ATTN_V);                                                 /* [T, G, D] */
    h = block_attend(b, q, k, v);                                                            /* [T, H, D] */
    x = block_add(b, x, block_linear(b, h, ROLE_ATTN_OUTPUT));                               /* [T, E] */

    h = block_norm(b, x, ROLE_FFN_NORM);
    h = block_glu(b, block_linear(b, h, ROLE_FFN_GATE), block_linear(b, h, ROLE_FFN_UP)); /* [T, F] */
    return block_add(b, x, block_linear(b, h, ROLE_FFN_DOWN));                            /* [T, E] */
}

const struct family family_qwen3 = {
    .arch = "qwen3",
    .hf_class = "Qwen3ForCausalLM",
    .roles = roles,
    .n_roles = sizeof roles / sizeof *roles,
    .configure = configure,
    .block = block,
};
