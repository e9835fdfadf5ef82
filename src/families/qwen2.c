/* SPDX-License-Identifier: Apache-2.0
 *
 * Qwen 1.5, 2 and 2.5, and distillations on them: Llama's block with biases on q, k and v.
 * Source: arXiv 2407.10671, 2412.15115; `transformers` models/qwen2.
 */
#include "families/families.h"

extern const struct family family_qwen2;

static const struct role_use roles[] = {
    {ROLE_TOKEN_EMBD, ROLE_REQUIRED, BIAS_NONE, NULL}, {ROLE_OUTPUT_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_OUTPUT, ROLE_OPTIONAL, BIAS_NONE, NULL},     {ROLE_ATTN_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_ATTN_Q, ROLE_REQUIRED, BIAS_REQUIRED, NULL}, {ROLE_ATTN_K, ROLE_REQUIRED, BIAS_REQUIRED, NULL},
    {ROLE_ATTN_V, ROLE_REQUIRED, BIAS_REQUIRED, NULL}, {ROLE_ATTN_OUTPUT, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_FFN_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},   {ROLE_FFN_GATE, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_FFN_UP, ROLE_REQUIRED, BIAS_NONE, NULL},     {ROLE_FFN_DOWN, ROLE_REQUIRED, BIAS_NONE, NULL},
};

static bool configure(const struct config *config, struct hparams *hp, struct hob_error *err)
{
    bool sliding = false; /* released checkpoints name a window and do not use it */
    if (!config_bool(config, NULL, "use_sliding_window", &sliding, err) ||
        !config_need(config, "num_key_value_heads", err))
        return false;
    return !sliding || hparams_windows(config, hp, 0, err);
}

const struct family family_qwen2 = {
    .arch = "qwen2",
    .hf_class = "Qwen2ForCausalLM",
    .roles = roles,
    .n_roles = sizeof roles / sizeof *roles,
    .configure = configure,
    .block = llama_block,
};
