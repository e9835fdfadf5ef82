/* SPDX-License-Identifier: Apache-2.0 */
#include "model/roles.h"

static const struct role_info roles[ROLE_COUNT] = {
    [ROLE_TOKEN_EMBD] = {"token_embd", "model.embed_tokens", "EV", false},
    [ROLE_OUTPUT_NORM] = {"output_norm", "model.norm", "E", false},
    [ROLE_OUTPUT] = {"output", "lm_head", "EV", false},
    [ROLE_ROPE_FREQS] = {"rope_freqs", NULL, "R", false},
    [ROLE_ATTN_NORM] = {"blk.%u.attn_norm", "model.layers.%u.input_layernorm", "E", true},
    [ROLE_ATTN_Q] = {"blk.%u.attn_q", "model.layers.%u.self_attn.q_proj", "EQ", true},
    [ROLE_ATTN_K] = {"blk.%u.attn_k", "model.layers.%u.self_attn.k_proj", "EK", true},
    [ROLE_ATTN_V] = {"blk.%u.attn_v", "model.layers.%u.self_attn.v_proj", "EW", true},
    [ROLE_ATTN_OUTPUT] = {"blk.%u.attn_output", "model.layers.%u.self_attn.o_proj", "OE", true},
    [ROLE_ATTN_Q_NORM] = {"blk.%u.attn_q_norm", "model.layers.%u.self_attn.q_norm", "D", true},
    [ROLE_ATTN_K_NORM] = {"blk.%u.attn_k_norm", "model.layers.%u.self_attn.k_norm", "D", true},
    [ROLE_ATTN_Q_NORM_ALL] = {"blk.%u.attn_q_norm", "model.layers.%u.self_attn.q_norm", "Q", true},
    [ROLE_ATTN_K_NORM_ALL] = {"blk.%u.attn_k_norm", "model.layers.%u.self_attn.k_norm", "K", true},
    [ROLE_POST_ATTN_NORM] = {"blk.%u.post_attention_norm", "model.layers.%u.post_attention_layernorm", "E", true},
    [ROLE_FFN_NORM] = {"blk.%u.ffn_norm", "model.layers.%u.post_attention_layernorm", "E", true},
    [ROLE_FFN_GATE] = {"blk.%u.ffn_gate", "model.layers.%u.mlp.gate_proj", "EF", true},
    [ROLE_FFN_UP] = {"blk.%u.ffn_up", "model.layers.%u.mlp.up_proj", "EF", true},
    [ROLE_FFN_DOWN] = {"blk.%u.ffn_down", "model.layers.%u.mlp.down_proj", "FE", true},
    [ROLE_POST_FFN_NORM] = {"blk.%u.post_ffw_norm", "model.layers.%u.post_feedforward_layernorm", "E", true},
};

const struct role_info *role_info(enum role role)
{
    return &roles[role];
}

size_t role_size(const struct hparams *hp, size_t n_vocab, char symbol)
{
    switch (symbol) {
    case 'E':
        return hp->e;
    case 'F':
        return hp->f;
    case 'V':
        return n_vocab;
    case 'D':
        return hp->d;
    case 'R':
        return hp->n_rot / 2;
    case 'Q':
        return (size_t)hp->heads * hp->d;
    case 'K':
        return (size_t)hp->kv_heads * hp->d;
    case 'W':
        return (size_t)hp->kv_heads * hp->dv;
    default: /* 'O' */
        return (size_t)hp->heads * hp->dv;
    }
}
