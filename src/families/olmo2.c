/* SPDX-License-Identifier: Apache-2.0
 *
 * OLMo 2: norms after each half of the block and none before, and norms on all heads of q, and of k, together.
 * Source: arXiv 2501.00656; `transformers` models/olmo2.
 */
#include "families/families.h"

#include "base/error.h"

extern const struct family family_olmo2;

static const struct role_use roles[] = {
    {ROLE_TOKEN_EMBD, ROLE_REQUIRED, BIAS_NONE, NULL},      {ROLE_OUTPUT_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_OUTPUT, ROLE_OPTIONAL, BIAS_NONE, NULL},          {ROLE_ATTN_Q, ROLE_REQUIRED, BIAS_OPTIONAL, NULL},
    {ROLE_ATTN_K, ROLE_REQUIRED, BIAS_OPTIONAL, NULL},      {ROLE_ATTN_V, ROLE_REQUIRED, BIAS_OPTIONAL, NULL},
    {ROLE_ATTN_OUTPUT, ROLE_REQUIRED, BIAS_OPTIONAL, NULL}, {ROLE_ATTN_Q_NORM_ALL, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_ATTN_K_NORM_ALL, ROLE_REQUIRED, BIAS_NONE, NULL}, {ROLE_POST_ATTN_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_FFN_GATE, ROLE_REQUIRED, BIAS_NONE, NULL},        {ROLE_FFN_UP, ROLE_REQUIRED, BIAS_NONE, NULL},
    {ROLE_FFN_DOWN, ROLE_REQUIRED, BIAS_NONE, NULL},        {ROLE_POST_FFN_NORM, ROLE_REQUIRED, BIAS_NONE, NULL},
};

static bool configure(const struct config *config, struct hparams *hp, struct hob_error *err)
{
    int64_t window = 0;
    (void)hp;
    /* GGUF files of OLMo 3 carry the same name; only their windows tell. */
    if (!config_int(config, "attention.sliding_window", NULL, 0, 1 << 30, &window, err))
        return false;
    return window == 0 || error_set(err, HOB_FORMAT,
                                    "%s: olmo2.attention.sliding_window: found %d, want none: OLMo 3 "
                                    "is not supported",
                                    config->name, (int)window);
}

static int block(struct block *b, int x)
{
    int q = block_rope(b, block_norm(b, block_linear(b, x, ROLE_ATTN_Q), ROLE_ATTN_Q_NORM_ALL)); /* [T, H, D] */
    int k = block_rope(b, block_norm(b, block_linear(b, x, ROLE_ATTN_K), ROLE_ATTN_K_NORM_ALL)); /* [T, G, D] */
    int v = block_linear(b, x, ROLE_ATTN_V);                                                     /* [T, G, D] */
    int h = block_linear(b, block_attend(b, q, k, v), ROLE_ATTN_OUTPUT);                         /* [T, E] */
    x = block_add(b, x, block_norm(b, h, ROLE_POST_ATTN_NORM));

    h = block_glu(b, block_linear(b, x, ROLE_FFN_GATE), block_linear(b, x, ROLE_FFN_UP)); /* [T, F] */
    h = block_linear(b, h, ROLE_FFN_DOWN);                                                /* [T, E] */
    return block_add(b, x, block_norm(b, h, ROLE_POST_FFN_NORM));
}

const struct family family_olmo2 = {
    .arch = "olmo2",
    .hf_class = "Olmo2ForCausalLM",
    .roles = roles,
    .n_roles = sizeof roles / sizeof *roles,
    .configure = configure,
    .block = block,
};
