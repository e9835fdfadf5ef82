/* SPDX-License-Identifier: Apache-2.0
 *
 * Hyper-parameters: the numbers that shape a model. The alphabet of shapes: E embedding, H heads, G kv heads, D head
 * dimension, F ffn width, V vocabulary.
 */
#ifndef HOB_MODEL_HPARAMS_H
#define HOB_MODEL_HPARAMS_H

#include "base/arena.h"
#include "graph/graph.h"
#include "model/config.h"

/* How positions are stretched for contexts longer than trained. */
enum rope_scaling {
    ROPE_SCALING_NONE,
    ROPE_SCALING_LINEAR, /* positions / factor */
    ROPE_SCALING_LLAMA3  /* low frequencies / factor, a smooth step between */
};

/* The rotary embedding of some layers. */
struct rope_hparams {
    double base;
    enum rope_scaling scaling;
    double factor, low, high, original; /* original: trained context of LLAMA3 */
};

struct hparams {
    unsigned n_layers;
    unsigned e, f; /* embedding and ffn width */
    unsigned heads, kv_heads;
    unsigned d, dv; /* head dimension of keys and values */
    unsigned n_ctx; /* trained context */
    float eps;
    float embed_scale;                 /* of token embeddings */
    float attn_scale;                  /* of scores */
    float attn_softcap, logit_softcap; /* 0: none */
    enum activation act;               /* of the ffn's gate */
    unsigned n_rot;                    /* rotated dimensions of a head */
    enum rope_pairing pairing;
    struct rope_hparams rope[2]; /* of full layers; of sliding layers */
    unsigned window;             /* of sliding layers; 0: no layer slides */
    bool *sliding;               /* [n_layers] */
    float norm_shift;            /* added to norm weights on loading (checkpoints that store w of 1 + w) */
    /* of config.json: */
    bool tied;                /* the head is the embedding table */
    bool attn_bias, ffn_bias; /* which biases there are, where the family leaves it open */
};

/* Fills `hparams` from what every family has in common; `sliding` lives in `arena`. Family rules come after. */
bool hparams_read(const struct config *config, struct hparams *hparams, struct arena *arena, struct hob_error *err);

/* Marks layers as sliding. A per-layer list in the file (GGUF sliding_window_pattern as an array, config.json
 * layer_types) wins; else `period` layers are a group and the last of each is full, or, with period 0, layers from
 * config.json's max_window_layers on slide. The window comes from the file: a GGUF without one has no sliding layer,
 * a config.json must have it. */
bool hparams_windows(const struct config *config, struct hparams *hparams, unsigned period, struct hob_error *err);

/* Reads the rotary embedding of sliding layers, whose base is `base` unless the file says otherwise. */
bool hparams_sliding_rope(const struct config *config, double base, struct rope_hparams *rope, struct hob_error *err);

/* Reads the activation that config.json names; GGUF has no such key. HOB_FORMAT for one that is unknown. */
bool hparams_activation(const struct config *config, const char *hf_keys, enum activation *act, struct hob_error *err);

/* The inverse frequencies of full (0) or sliding (1) layers, into inv_frequency[n_rot / 2], rounded as the publishers'
 * code does it (docs/numerics.md, section 4). `divisors` (may be NULL) is [n_rot / 2], GGUF's rope_freqs. */
void hparams_frequencies(const struct hparams *hparams, unsigned which, const float *divisors, float *inv_frequency);

#endif
