/* SPDX-License-Identifier: Apache-2.0 */
#include "model/hparams.h"

#include <math.h>

#include "base/error.h"
#include "kernels/math.h"

#define MAX_LAYERS 512
#define MAX_WIDTH  (1U << 20)
#define MAX_HEADS  4096
#define MAX_DIM    1024

/* Heads: their counts and widths. */
static bool read_heads(const struct config *config, struct hparams *hp, struct hob_error *err)
{
    int64_t kv = 0, d = 0, dv = 0;
    if (!config_count(config, "attention.head_count", "num_attention_heads", MAX_HEADS, &hp->heads, err) ||
        !config_int(config, "attention.head_count_kv", "num_key_value_heads", 1, MAX_HEADS, &kv, err) ||
        !config_int(config, "attention.key_length", "head_dim", 1, MAX_DIM, &d, err))
        return false;
    hp->kv_heads = kv ? (unsigned)kv : hp->heads;
    if (hp->heads % hp->kv_heads)
        return error_set(err, HOB_FORMAT, "%s: %s: %u does not divide head_count %u", config->name,
                         config->gguf ? "attention.head_count_kv" : "num_key_value_heads", hp->kv_heads, hp->heads);
    if (d == 0 && hp->e % hp->heads)
        return error_set(err, HOB_FORMAT, "%s: %s: %u heads do not divide the embedding width %u", config->name,
                         config->gguf ? "attention.head_count" : "num_attention_heads", hp->heads, hp->e);
    hp->d = d ? (unsigned)d : hp->e / hp->heads;
    dv = hp->d;
    if (!config_int(config, "attention.value_length", NULL, 1, MAX_DIM, &dv, err))
        return false;
    hp->dv = (unsigned)dv;
    hp->attn_scale = 1.0F / sqrtf((float)hp->d);
    double scale = hp->attn_scale;
    if (!config_float(config, "attention.scale", NULL, 0, 1e6, &scale, err))
        return false;
    if (scale > 0) /* 0 in some files means the usual one */
        hp->attn_scale = (float)scale;
    return true;
}

/* Where a file says how a rotary embedding is stretched. */
struct scaling_keys {
    const char *gguf_type, *gguf_factor;
    const char *type, *factor, *low, *high, *original; /* in config.json */
};

/* Of all layers, or of full ones; of sliding ones, which only newer configs write apart. */
static const struct scaling_keys scaling_keys = {
    .gguf_type = "rope.scaling.type",
    .gguf_factor = "rope.scaling.factor|rope.scale_linear",
    .type = "rope_parameters.full_attention.rope_type|rope_parameters.rope_type|rope_scaling.rope_type|"
            "rope_scaling.type",
    .factor = "rope_parameters.full_attention.factor|rope_parameters.factor|rope_scaling.factor",
    .low = "rope_parameters.full_attention.low_freq_factor|rope_parameters.low_freq_factor|"
           "rope_scaling.low_freq_factor",
    .high = "rope_parameters.full_attention.high_freq_factor|rope_parameters.high_freq_factor|"
            "rope_scaling.high_freq_factor",
    .original = "rope_parameters.full_attention.original_max_position_embeddings|"
                "rope_parameters.original_max_position_embeddings|rope_scaling.original_max_position_embeddings",
};
static const struct scaling_keys sliding_scaling_keys = {
    .type = "rope_parameters.sliding_attention.rope_type",
    .factor = "rope_parameters.sliding_attention.factor",
    .low = "rope_parameters.sliding_attention.low_freq_factor",
    .high = "rope_parameters.sliding_attention.high_freq_factor",
    .original = "rope_parameters.sliding_attention.original_max_position_embeddings",
};

/* The kind of rope scaling named by the file. */
static bool read_scaling(const struct config *config, const struct scaling_keys *keys, struct rope_hparams *rope,
                         struct hob_error *err)
{
    struct str type = {0};
    const json_t *place = config_json(config, "rope_parameters|rope_scaling");
    if (place && !json_is_object(place))
        return error_set(err, HOB_FORMAT, "%s: rope_parameters or rope_scaling: want an object", config->name);
    if (!config_string(config, keys->gguf_type, keys->type, &type, err))
        return false;
    if (type.len == 0 && config->gguf)
        type = STR("linear"); /* with the factor's default, no scaling at all */
    if (!config_float(config, keys->gguf_factor, keys->factor, 0, 1e6, &rope->factor, err))
        return false;
    if (type.len == 0 || str_eq(type, STR("none")) || str_eq(type, STR("default")))
        return true;
    if (str_eq(type, STR("linear"))) {
        if (!config_need(config, keys->factor, err))
            return false;
        rope->scaling = rope->factor > 0 && rope->factor != 1 ? ROPE_SCALING_LINEAR : ROPE_SCALING_NONE;
        return true;
    }
    if (config->gguf || !str_eq(type, STR("llama3")))
        return error_set(err, HOB_FORMAT, "%s: rope scaling \"%.*s\" is not supported, want none, linear%s",
                         config->name, (int)(type.len < 40 ? type.len : 40), type.ptr,
                         config->gguf ? "" : " or llama3");
    rope->scaling = ROPE_SCALING_LLAMA3;
    return config_need(config, keys->factor, err) && config_need(config, keys->low, err) &&
           config_need(config, keys->high, err) && config_need(config, keys->original, err) &&
           config_float(config, NULL, keys->low, 1e-6, 1e6, &rope->low, err) &&
           config_float(config, NULL, keys->high, 1e-6, 1e6, &rope->high, err) &&
           config_float(config, NULL, keys->original, 1, 1e9, &rope->original, err);
}

static bool read_rope(const struct config *config, struct hparams *hp, struct hob_error *err)
{
    struct rope_hparams *rope = &hp->rope[0];
    *rope = (struct rope_hparams){.base = 10000, .factor = 1, .low = 1, .high = 4, .original = 8192};
    int64_t n_rot = hp->d;
    double partial = 1;
    if (!config_float(config, "rope.freq_base",
                      "rope_parameters.full_attention.rope_theta|rope_parameters.rope_theta|rope_theta", 1e-3, 1e15,
                      &rope->base, err) ||
        !config_float(config, NULL, "rope_parameters.partial_rotary_factor|partial_rotary_factor", 1e-3, 1, &partial,
                      err))
        return false;
    n_rot = (int64_t)(hp->d * partial);
    if (!config_int(config, "rope.dimension_count", NULL, 2, hp->d, &n_rot, err) ||
        !read_scaling(config, &scaling_keys, rope, err))
        return false;
    if (n_rot % 2)
        return error_set(err, HOB_FORMAT, "%s: rope dimensions %d, want an even number", config->name, (int)n_rot);
    hp->n_rot = (unsigned)n_rot;
    hp->rope[1] = *rope;
    return true;
}

bool hparams_sliding_rope(const struct config *config, double base, struct rope_hparams *rope, struct hob_error *err)
{
    *rope = (struct rope_hparams){.base = base, .factor = 1, .low = 1, .high = 4, .original = 8192};
    return config_float(config, "rope.freq_base_swa",
                        "rope_parameters.sliding_attention.rope_theta|rope_local_base_freq", 1e-3, 1e15, &rope->base,
                        err) &&
           read_scaling(config, &sliding_scaling_keys, rope, err);
}

bool hparams_activation(const struct config *config, const char *hf_keys, enum activation *act, struct hob_error *err)
{
    static const struct {
        const char *name;
        enum activation act;
    } names[] = {
        {"silu", ACT_SILU},          {"swish", ACT_SILU}, {"gelu", ACT_GELU_ERF}, {"gelu_pytorch_tanh", ACT_GELU_TANH},
        {"gelu_new", ACT_GELU_TANH}, {"relu", ACT_RELU},
    };
    struct str name = {0};
    if (!config_string(config, NULL, hf_keys, &name, err))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(name, str_of(names[i].name))) {
            *act = names[i].act;
            return true;
        }
    return name.len == 0 ||
           error_set(err, HOB_FORMAT, "%s: %s: found \"%.*s\", want silu, gelu, gelu_pytorch_tanh or relu",
                     config->name, hf_keys, (int)(name.len < 40 ? name.len : 40), name.ptr);
}

bool hparams_read(const struct config *config, struct hparams *hp, struct arena *arena, struct hob_error *err)
{
    *hp = (struct hparams){.embed_scale = 1, .pairing = ROPE_HALVES, .act = ACT_SILU};
    double eps = 0;
    if (!config_count(config, "block_count", "num_hidden_layers", MAX_LAYERS, &hp->n_layers, err) ||
        !config_count(config, "embedding_length", "hidden_size", MAX_WIDTH, &hp->e, err) ||
        !config_count(config, "feed_forward_length", "intermediate_size", 4 * MAX_WIDTH, &hp->f, err) ||
        !config_count(config, "context_length", "max_position_embeddings", 1U << 30, &hp->n_ctx, err) ||
        !read_heads(config, hp, err) || !read_rope(config, hp, err) ||
        !config_float(config, "attention.layer_norm_rms_epsilon", "rms_norm_eps", 1e-12, 1, &eps, err) ||
        !hparams_activation(config, "hidden_act", &hp->act, err) ||
        !config_bool(config, NULL, "tie_word_embeddings", &hp->tied, err) ||
        !config_bool(config, NULL, "attention_bias", &hp->attn_bias, err) ||
        !config_bool(config, NULL, "mlp_bias", &hp->ffn_bias, err))
        return false;
    if (eps == 0)
        return error_set(err, HOB_FORMAT, "%s: %s: is missing, want [1e-12, 1]", config->name,
                         config->gguf ? "attention.layer_norm_rms_epsilon" : "rms_norm_eps");
    hp->eps = (float)eps;
    hp->sliding = arena_array(arena, hp->n_layers, sizeof *hp->sliding);
    return hp->sliding ? true : error_memory(err, hp->n_layers);
}

/* How a per-layer list says that layer i slides. */
static bool read_layer_types(const struct config *config, const json_t *types, struct hparams *hp,
                             struct hob_error *err)
{
    for (unsigned i = 0; i < hp->n_layers; i++) {
        struct str type = json_span(json_array_get(types, i));
        hp->sliding[i] = str_eq(type, STR("sliding_attention"));
        if (!hp->sliding[i] && !str_eq(type, STR("full_attention")))
            return error_set(err, HOB_FORMAT,
                             "%s: layer_types: entry %u is \"%.*s\", want full_attention or sliding_attention",
                             config->name, i, (int)(type.len < 40 ? type.len : 40), type.ptr);
    }
    return true;
}

bool hparams_windows(const struct config *config, struct hparams *hp, unsigned period, struct hob_error *err)
{
    int64_t window = 0, group = period, first = 0;
    const struct gguf_value *list = config_gguf(config, "attention.sliding_window_pattern");
    const json_t *types = config_json(config, "layer_types");
    bool per_layer = list && list->type == GGUF_ARRAY;
    if (!config_int(config, "attention.sliding_window", "sliding_window", 0, 1 << 30, &window, err) ||
        (period && !per_layer &&
         !config_int(config, "attention.sliding_window_pattern", "sliding_window_pattern|_sliding_window_pattern", 1,
                     MAX_LAYERS, &group, err)) ||
        (!period && !types && !config_need(config, "max_window_layers", err)) ||
        (!period && !config_int(config, NULL, "max_window_layers", 0, 1 << 30, &first, err)) ||
        !config_need(config, "sliding_window", err))
        return false;
    hp->window = (unsigned)window;
    if ((per_layer && (list->n < hp->n_layers || list->element == GGUF_STRING)) ||
        (types && json_array_size(types) != hp->n_layers))
        return error_set(err, HOB_FORMAT, "%s: %s: want one entry a layer, %u", config->name,
                         per_layer ? "attention.sliding_window_pattern" : "layer_types", hp->n_layers);
    if (window == 0)
        return true;
    if (types)
        return read_layer_types(config, types, hp, err);
    for (unsigned i = 0; i < hp->n_layers; i++)
        hp->sliding[i] = per_layer ? gguf_array_int(list, i) != 0
                         : period  ? (i + 1) % (unsigned)group != 0
                                   : i >= first;
    return true;
}

/* One inverse frequency of the llama3 rule, each operation in float32. */
static float llama3_frequency(const struct rope_hparams *rope, float frequency)
{
    float low = (float)rope->low, original = (float)rope->original;
    float wave = (float)(2 * 3.14159265358979323846) / frequency;
    if (wave < (float)(rope->original / rope->high))
        return frequency;
    if (wave > (float)(rope->original / rope->low))
        return frequency / (float)rope->factor;
    float smooth = (original / wave - low) / (float)(rope->high - rope->low);
    return (1 - smooth) * frequency / (float)rope->factor + smooth * frequency;
}

void hparams_frequencies(const struct hparams *hp, unsigned which, const float *divisors, float *inv_frequency)
{
    const struct rope_hparams *rope = &hp->rope[which];
    for (unsigned i = 0; i < hp->n_rot / 2; i++) {
        float exponent = (float)(2 * i) / (float)hp->n_rot;
        float frequency = 1 / (float)math_pow64((double)(float)rope->base, (double)exponent);
        if (divisors)
            frequency /= divisors[i];
        if (rope->scaling == ROPE_SCALING_LINEAR)
            frequency /= (float)rope->factor;
        else if (rope->scaling == ROPE_SCALING_LLAMA3)
            frequency = llama3_frequency(rope, frequency);
        inv_frequency[i] = frequency;
    }
}
