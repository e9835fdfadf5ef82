/* SPDX-License-Identifier: Apache-2.0
 *
 * Llama 1 to 3.3, TinyLlama, SmolLM2, Mistral before yarn, and whatever else calls itself LlamaForCausalLM.
 * Source: arXiv 2302.13971, 2407.21783; `transformers` models/llama.
 */
#include "families/families.h"

extern const struct family family_llama;

static const struct role_use roles[] = {
    {ROLE_TOKEN_EMBD, ROLE_REQUIRED, BIAS_NONE, NULL},      {ROLE_OUTPUT_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_OUTPUT, ROLE_OPTIONAL, BIAS_NONE, NULL},          {ROLE_ROPE_FREQS, ROLE_OPTIONAL, BIAS_NONE, NULL},
    {ROLE_ATTN_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},       {ROLE_ATTN_Q, ROLE_REQUIRED, BIAS_OPTIONAL, NULL},
    {ROLE_ATTN_K, ROLE_REQUIRED, BIAS_OPTIONAL, NULL},      {ROLE_ATTN_V, ROLE_REQUIRED, BIAS_OPTIONAL, NULL},
    {ROLE_ATTN_OUTPUT, ROLE_REQUIRED, BIAS_OPTIONAL, NULL}, {ROLE_FFN_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_FFN_GATE, ROLE_REQUIRED, BIAS_OPTIONAL, NULL},    {ROLE_FFN_UP, ROLE_REQUIRED, BIAS_OPTIONAL, NULL},
    {ROLE_FFN_DOWN, ROLE_REQUIRED, BIAS_OPTIONAL, NULL},
};

static bool configure(const struct config *config, struct hparams *hp, struct hob_error *err)
{
    (void)err;
    /* GGUF stores the rows of q and k in pairs, Hugging Face in halves: the same rotation. */
    hp->pairing = config->gguf ? ROPE_ADJACENT : ROPE_HALVES;
    return true;
}

int llama_block(struct block *b, int x)
{
    int h = block_norm(b, x, ROLE_ATTN_NORM);                  /* [T, E] */
    int q = block_rope(b, block_linear(b, h, ROLE_ATTN_Q));    /* [T, H, D] */
    int k = block_rope(b, block_linear(b, h, ROLE_ATTN_K));    /* [T, G, D] */
    int v = block_linear(b, h, ROLE_ATTN_V);                   /* [T, G, D] */
    h = block_attend(b, q, k, v);                              /* [T, H, D] */
    x = block_add(b, x, block_linear(b, h, ROLE_ATTN_OUTPUT)); /* [T, E] */

    h = block_norm(b, x, ROLE_FFN_NORM);
    h = block_glu(b, block_linear(b, h, ROLE_FFN_GATE), block_linear(b, h, ROLE_FFN_UP)); /* [T, F] */
    return block_add(b, x, block_linear(b, h, ROLE_FFN_DOWN));                            /* [T, E] */
}

const struct family family_llama = {
    .arch = "llama",
    .hf_class = "LlamaForCausalLM",
    .roles = roles,
    .n_roles = sizeof roles / sizeof *roles,
    .configure = configure,
    .block = llama_block,
};
