/* SPDX-License-Identifier: Apache-2.0
 *
 * Gemma 3, text: norms before and after each half of the block, norms on the heads of q and k, five sliding layers to
 * one full, embeddings times sqrt(E). Source: arXiv 2503.19786; `transformers` models/gemma3.
 */
#include "families/families.h"

#include <math.h>

#include "base/error.h"

extern const struct family family_gemma3;

#define PERIOD        6 /* every sixth layer is full */
#define SLIDING_BASE  10000.0
#define LAYERS_OF_27B 62 /* the one size whose scores are scaled by E / H instead of D */

static const struct role_use roles[] = {
    {ROLE_TOKEN_EMBD, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_OUTPUT_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_OUTPUT, ROLE_OPTIONAL, BIAS_NONE, NULL},
    {ROLE_ATTN_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_ATTN_Q, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_ATTN_K, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_ATTN_V, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_ATTN_OUTPUT, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_ATTN_Q_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_ATTN_K_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_POST_ATTN_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_FFN_NORM, ROLE_REQUIRED, BIAS_NONE, "model.layers.%u.pre_feedforward_layernorm"},
    {ROLE_FFN_GATE, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_FFN_UP, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_FFN_DOWN, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_POST_FFN_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},
};

static bool configure(const struct config *config, struct hparams *hp, struct hob_error *err)
{
    double scalar = hp->n_layers == LAYERS_OF_27B ? (double)hp->e / hp->heads : hp->d;
    double softcap = 0;
    bool both_ways = false;                /* embedding models see what follows, too */
    hp->norm_shift = config->json ? 1 : 0; /* GGUF holds 1 + w */
    hp->embed_scale = sqrtf((float)hp->e);
    hp->tied = true;
    hp->act = ACT_GELU_TANH; /* also where an old config's hidden_act says otherwise */
    if (!config_need(config, "num_key_value_heads", err) || !config_need(config, "head_dim", err) ||
        !config_need(config, "rope_parameters.full_attention.rope_theta|rope_theta", err) ||
        !config_float(config, NULL, "query_pre_attn_scalar", 1e-3, 1e6, &scalar, err) ||
        !hparams_sliding_rope(config, SLIDING_BASE, &hp->rope[1], err) ||
        !hparams_activation(config, "hidden_activation", &hp->act, err) ||
        !config_float(config, "final_logit_softcapping", "final_logit_softcapping", 0, 1e6, &softcap, err) ||
        !config_bool(config, NULL, "use_bidirectional_attention", &both_ways, err) ||
        !config_bool(config, NULL, "tie_word_embeddings", &hp->tied, err))
        return false;
    if (!config_gguf(config, "attention.scale"))
        hp->attn_scale = (float)(1 / sqrt(scalar));
    hp->logit_softcap = (float)softcap;
    if (both_ways)
        return error_set(err, HOB_FORMAT, "%s: use_bidirectional_attention: true is not supported", config->name);
    return hparams_windows(config, hp, PERIOD, err);
}

static int block(struct block *b, int x)
{
    int h = block_norm(b, x, ROLE_ATTN_NORM);                                                /* [T, E] */
    int q = block_rope(b, block_norm(b, block_linear(b, h, ROLE_ATTN_Q), ROLE_ATTN_Q_NORM)); /* [T, H, D] */
    int k = block_rope(b, block_norm(b, block_linear(b, h, ROLE_ATTN_K), ROLE_ATTN_K_NORM)); /* [T, G, D] */
    int v = block_linear(b, h, ROLE_ATTN_V);                                                 /* [T, G, D] */
    h = block_linear(b, block_attend(b, q, k, v), ROLE_ATTN_OUTPUT);                         /* [T, E] */
    x = block_add(b, x, block_norm(b, h, ROLE_POST_ATTN_NORM));

    h = block_norm(b, x, ROLE_FFN_NORM);
    h = block_glu(b, block_linear(b, h, ROLE_FFN_GATE), block_linear(b, h, ROLE_FFN_UP)); /* [T, F] */
    h = block_linear(b, h, ROLE_FFN_DOWN);                                                /* [T, E] */
    return block_add(b, x, block_norm(b, h, ROLE_POST_FFN_NORM));
}

const struct family family_gemma3 = {
    .arch = "gemma3",
    .hf_class = "Gemma3ForCausalLM",
    .roles = roles,
    .n_roles = sizeof roles / sizeof *roles,
    .configure = configure,
    .block = block,
};
