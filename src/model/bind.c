/* SPDX-License-Identifier: Apache-2.0
 *
 * Binding: every role a family uses finds its tensor by name, in GGUF or Hugging Face spelling, and the tensor's shape
 * is checked against the hyper-parameters.
 */
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "kernels/panel.h"

#define NAME_BYTES 192

/* Prefixes under which checkpoints keep the text model; "model." of the table is replaced by the first that fits. */
static const char *const prefixes[] = {"model.", "model.language_model.", "language_model.model.", ""};

/* Tensors that old converters and checkpoints carry and nobody needs. */
static const char *const ignored[] = {".rotary_emb.inv_freq", ".attn_rot_embd", ".attn.masked_bias", ".attn.bias"};

/* Binding in progress. */
struct binder {
    struct model *model;
    const char *prefix;
    size_t cap;
    bool *used; /* [n_tensors] */
    unsigned n_missing;
    struct buf missing; /* the first three, for the message */
    struct hob_error *err;
};

static const struct tensor_info *find(const struct model *model, const char *name)
{
    return model->gguf ? gguf_tensor(model->gguf, str_of(name)) : hf_tensor(model->hf, str_of(name));
}

/* The tensor's full name. False when the format has no such role. */
static bool tensor_name(const struct binder *b, const struct role_use *use, unsigned layer, const char *suffix,
                        char out[NAME_BYTES])
{
    const struct role_info *info = role_info(use->role);
    const char *pattern = b->model->gguf ? info->gguf : use->hf ? use->hf : info->hf;
    if (!pattern)
        return false;
    char body[NAME_BYTES];
    const char *layer_mark = strstr(pattern, "%u");
    if (layer_mark)
        snprintf(body, sizeof body, "%.*s%u%s", (int)(layer_mark - pattern), pattern, layer, layer_mark + 2);
    else
        snprintf(body, sizeof body, "%s", pattern);
    bool prefixed = !b->model->gguf && strncmp(body, "model.", 6) == 0;
    snprintf(out, NAME_BYTES, "%s%.150s%s", prefixed ? b->prefix : "", prefixed ? body + 6 : body, suffix);
    return true;
}

/* "[576, 49152]" of n numbers, outermost first. */
static const char *shape_text(const uint64_t *ne, unsigned n, char out[96])
{
    size_t at = (size_t)snprintf(out, 96, "[");
    for (unsigned i = n; i-- > 0 && at < 80;)
        at += (size_t)snprintf(out + at, 96 - at, "%llu%s", (unsigned long long)ne[i], i ? ", " : "");
    snprintf(out + at, 96 - at, "]");
    return out;
}

/* Checks the tensor's shape: `rows` from `row0` of a matrix of width `k`, or a vector of `rows` (k == 1). */
static bool check_shape(const struct binder *b, const struct tensor_info *t, size_t k, size_t n, bool vector,
                        size_t tensor_rows, const char *symbols)
{
    char found[96], want[96];
    uint64_t wanted[2] = {vector ? n : k, tensor_rows};
    unsigned dims = vector ? 1 : 2;
    bool good = t->n_dims >= 1;
    for (unsigned i = 0; i < TENSOR_DIMS; i++)
        good = good && t->ne[i] == (i < dims ? wanted[i] : 1);
    if (!good)
        return error_set(b->err, HOB_FORMAT, "%s: %.*s: shape %s, want %s (%s)", b->model->name, (int)t->name.len,
                         t->name.ptr, shape_text(t->ne, t->n_dims, found), shape_text(wanted, dims, want), symbols);
    if (!t->type->is_weight || (vector && t->ne[0] % t->type->block_elements))
        return error_set(b->err, HOB_FORMAT, "%s: %.*s: type %s cannot hold a weight", b->model->name, (int)t->name.len,
                         t->name.ptr, t->type->name);
    return true;
}

/* Adds a binding of rows [row0, row0 + n) of a tensor; NULL without memory. */
static struct weight *add(struct binder *b, const struct tensor_info *t, size_t k, size_t n, size_t row0, bool vector,
                          float shift)
{
    struct model *model = b->model;
    const struct tensor_info *all;
    size_t n_tensors;
    all = model_tensors(model, &n_tensors);
    b->used[t - all] = true;
    if (model->n_bindings == b->cap) /* counted before: cannot happen */
        return NULL;
    struct binding *binding = &model->bindings[model->n_bindings++];
    *binding = (struct binding){.tensor = t, .row0 = row0, .shift = shift, .is_vector = vector};
    binding->weight = (struct weight){
        .name = arena_copy(&model->arena, t->name.ptr, t->name.len),
        .type = vector ? quant_find(QUANT_F32) : t->type,
        .k = vector ? 1 : k,
        .n = n,
    };
    return binding->weight.name ? &binding->weight : NULL;
}

static void note_missing(struct binder *b, const char *name)
{
    if (b->n_missing++ < 3)
        buf_format(&b->missing, "%s%s", b->n_missing > 1 ? ", " : "", name);
}

/* Binds q, k or v out of a fused attn_qkv, whose rows are q, then k, then v. */
static bool bind_fused(struct binder *b, const struct role_use *use, unsigned layer, const char *suffix, size_t k,
                       size_t n, bool vector, struct weight **out)
{
    const struct hparams *hp = &b->model->hparams;
    char name[NAME_BYTES];
    size_t q = role_size(hp, 0, 'Q'), keys = role_size(hp, 0, 'K'), values = role_size(hp, 0, 'W');
    snprintf(name, sizeof name, "blk.%u.attn_qkv%s", layer, suffix);
    if (!b->model->gguf || vector || use->role < ROLE_ATTN_Q || use->role > ROLE_ATTN_V)
        return true;
    const struct tensor_info *t = find(b->model, name);
    if (!t)
        return true;
    if (!check_shape(b, t, k, n, false, q + keys + values, "E, Q+K+W"))
        return false;
    size_t row0 = use->role == ROLE_ATTN_Q ? 0 : use->role == ROLE_ATTN_K ? q : q + keys;
    *out = add(b, t, k, n, row0, false, 0);
    return *out ? true : error_memory(b->err, sizeof(struct binding));
}

/* Binds one weight or bias of a role. */
static bool bind_one(struct binder *b, const struct role_use *use, unsigned layer, const char *suffix,
                     const char *symbols, bool required, struct weight **out)
{
    const struct hparams *hp = &b->model->hparams;
    bool vector = symbols[1] == 0;
    size_t k = vector ? 1 : role_size(hp, b->model->n_vocab, symbols[0]);
    size_t n = role_size(hp, b->model->n_vocab, symbols[vector ? 0 : 1]);
    char name[NAME_BYTES];
    if (!tensor_name(b, use, layer, suffix, name))
        return true;
    const struct tensor_info *t = find(b->model, name);
    if (!t) {
        if (!bind_fused(b, use, layer, suffix, k, n, vector, out))
            return false;
        if (!*out && required)
            note_missing(b, name);
        return true;
    }
    if (!check_shape(b, t, k, n, vector, n, symbols))
        return false;
    bool norm = vector && suffix[1] == 'w' && use->role != ROLE_ROPE_FREQS;
    *out = add(b, t, k, n, 0, vector, norm ? hp->norm_shift : 0);
    return *out ? true : error_memory(b->err, sizeof(struct binding));
}

/* Whether a role has a bias that must be there; config.json says so where the family leaves it open. */
static enum bias_need bias_need(const struct binder *b, const struct role_use *use)
{
    const struct hparams *hp = &b->model->hparams;
    if (use->bias != BIAS_OPTIONAL || b->model->gguf)
        return use->bias;
    bool has = use->role >= ROLE_FFN_GATE && use->role <= ROLE_FFN_DOWN ? hp->ffn_bias : hp->attn_bias;
    return has ? BIAS_REQUIRED : BIAS_NONE;
}

/* Binds a role of the model or of one layer. */
static bool bind_role(struct binder *b, const struct role_use *use, unsigned layer, struct role_weights *out)
{
    const char *shape = role_info(use->role)->shape;
    bool tied_head = use->role == ROLE_OUTPUT && !b->model->gguf && b->model->hparams.tied;
    if (!tied_head && !bind_one(b, use, layer, ".weight", shape, use->need == ROLE_REQUIRED, &out->weight[use->role]))
        return false;
    enum bias_need bias = bias_need(b, use);
    if (bias == BIAS_NONE || !out->weight[use->role])
        return true;
    return bind_one(b, use, layer, ".bias", shape + 1, bias == BIAS_REQUIRED, &out->bias[use->role]);
}

/* What the file says of the vocabulary's size is what the embedding table has. */
static bool check_vocab_size(const struct model *model, struct hob_error *err)
{
    struct config config = model_config(model);
    int64_t n = (int64_t)model->n_vocab;
    return config_int(&config, "vocab_size", "vocab_size", n, n, &n, err);
}

/* The vocabulary's size is the embedding table's. */
static bool read_vocabulary(struct binder *b)
{
    struct model *model = b->model;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        char name[NAME_BYTES];
        b->prefix = prefixes[i];
        tensor_name(b, &(struct role_use){.role = ROLE_TOKEN_EMBD}, 0, ".weight", name);
        const struct tensor_info *t = find(model, name);
        if (!t)
            continue;
        if (t->ne[1] == 0 || t->ne[1] > (1U << 24))
            return error_set(b->err, HOB_FORMAT, "%s: %s: %llu rows, want [1, %u]", model->name, name,
                             (unsigned long long)t->ne[1], 1U << 24);
        model->n_vocab = (size_t)t->ne[1];
        return check_vocab_size(model, b->err);
    }
    return error_set(b->err, HOB_FORMAT, "%s: token_embd.weight: is missing; the file holds no weights of a model",
                     model->name);
}

/* Refuses tensors that no role uses: what is in the file and not computed would be a wrong model. */
static bool check_unused(struct binder *b)
{
    size_t n, n_extra = 0;
    const struct tensor_info *tensors = model_tensors(b->model, &n);
    char first[NAME_BYTES] = "";
    for (size_t i = 0; i < n; i++) {
        bool skip = b->used[i];
        for (size_t k = 0; k < sizeof ignored / sizeof *ignored; k++)
            skip = skip || str_find(tensors[i].name, str_of(ignored[k]), 0) != SIZE_MAX;
        skip = skip || (!b->model->gguf && b->model->hparams.tied && str_eq(tensors[i].name, STR("lm_head.weight")));
        if (!skip && n_extra++ == 0)
            snprintf(first, sizeof first, "%.*s", (int)(tensors[i].name.len < 100 ? tensors[i].name.len : 100),
                     tensors[i].name.ptr);
    }
    if (n_extra)
        return error_set(b->err, HOB_FORMAT, "%s: %s: no such tensor in family %s (%zu such)", b->model->name, first,
                         b->model->family->arch, n_extra);
    return true;
}

static bool bind_all(struct binder *b)
{
    struct model *model = b->model;
    const struct family *family = model->family;
    for (size_t r = 0; r < family->n_roles; r++) {
        const struct role_use *use = &family->roles[r];
        unsigned layers = role_info(use->role)->per_layer ? model->hparams.n_layers : 0;
        if (layers == 0 && !bind_role(b, use, 0, &model->global))
            return false;
        for (unsigned i = 0; i < layers; i++)
            if (!bind_role(b, use, i, &model->layers[i]))
                return false;
    }
    if (b->n_missing)
        return error_set(b->err, HOB_FORMAT, "%s: %u tensors are missing: %s%s", model->name, b->n_missing,
                         buf_text(&b->missing), b->n_missing > 3 ? ", ..." : "");
    if (!model->global.weight[ROLE_OUTPUT]) /* tied */
        model->global.weight[ROLE_OUTPUT] = model->global.weight[ROLE_TOKEN_EMBD];
    return check_unused(b);
}

/* Rounds up and sums what the weights take in memory. */
static bool count_bytes(struct model *model, struct hob_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < model->n_bindings; i++) {
        const struct weight *w = &model->bindings[i].weight;
        size_t bytes = w->n * sizeof(float);
        if (!model->bindings[i].is_vector &&
            (!panel_bytes(w->type, w->k, &bytes) || !size_mul(bytes, panel_count(w->n), &bytes)))
            return error_set(err, HOB_FORMAT, "%s: %s: size overflow", model->name, w->name);
        if (!size_align(bytes, 64, &bytes) || !size_add(total, bytes, &total))
            return error_set(err, HOB_FORMAT, "%s: %s: size overflow", model->name, w->name);
    }
    model->weight_bytes = total;
    return true;
}

/* The family whose name the file gives. */
static bool find_family(struct model *model, const struct family *const *families, size_t n, struct hob_error *err)
{
    struct str arch = model_architecture(model);
    for (size_t i = 0; i < n && !model->family; i++)
        if (str_eq(arch, str_of(model->gguf ? families[i]->arch : families[i]->hf_class)))
            model->family = families[i];
    if (model->family)
        return true;
    struct buf known = {0};
    for (size_t i = 0; i < n; i++)
        buf_format(&known, "%s%s", i ? ", " : "", model->gguf ? families[i]->arch : families[i]->hf_class);
    error_set(err, HOB_FORMAT, "%s: %s: \"%.*s\" is no family hob knows, want one of %s", model->name,
              model->gguf ? "general.architecture" : "config.json: architectures", (int)(arch.len < 60 ? arch.len : 60),
              arch.ptr, buf_text(&known));
    buf_clear(&known);
    return false;
}

/* The inverse frequencies of full and sliding layers. */
static bool make_ropes(struct model *model, struct hob_error *err)
{
    const struct weight *divisors = model->global.weight[ROLE_ROPE_FREQS];
    float *given = NULL;
    size_t half = model->hparams.n_rot / 2;
    if (divisors) { /* a few numbers, needed before the weights are read */
        const struct tensor_info *t = ((const struct binding *)(const void *)divisors)->tensor;
        uint8_t *raw = arena_alloc(&model->arena, t->bytes);
        given = arena_array(&model->arena, half, sizeof *given);
        if (!raw || !given)
            return error_memory(err, t->bytes);
        if (!file_read_at(t->file, t->offset, raw, t->bytes, err))
            return false;
        quant_decode_row(t->type, raw, half, given);
        for (size_t i = 0; i < half; i++)
            if (!(given[i] > 0))
                return error_set(err, HOB_FORMAT, "%s: rope_freqs.weight: entry %zu is %g, want above 0", model->name,
                                 i, (double)given[i]);
    }
    for (unsigned which = 0; which < 2; which++) {
        float *frequencies = arena_array(&model->arena, half, sizeof *frequencies);
        if (!frequencies)
            return error_memory(err, half * sizeof *frequencies);
        hparams_frequencies(&model->hparams, which, which == 0 ? given : NULL, frequencies);
        model->rope[which] = (struct rope){model->hparams.n_rot, frequencies, 1};
    }
    return true;
}

bool model_bind(struct model *model, const struct family *const *families, size_t n, struct hob_error *err)
{
    if (model->layers)
        return true;
    struct config config = model_config(model);
    if (!find_family(model, families, n, err))
        return false;
    struct hparams *hp = &model->hparams;
    if (config_json(&config, "quantization_config")) {
        error_set(err, HOB_FORMAT, "%s: config.json: quantization_config is not supported, want plain weights",
                  model->name);
        goto failed;
    }
    if (!hparams_read(&config, hp, &model->arena, err) ||
        (model->family->configure && !model->family->configure(&config, hp, err)))
        goto failed;
    size_t n_tensors;
    model_tensors(model, &n_tensors);
    struct binder b = {.model = model, .err = err, .cap = 2 * model->family->n_roles * (hp->n_layers + 1)};
    model->n_bindings = 0;
    model->layers = arena_array(&model->arena, hp->n_layers, sizeof *model->layers);
    model->bindings = arena_array(&model->arena, b.cap, sizeof *model->bindings);
    b.used = arena_array(&model->arena, n_tensors + 1, sizeof *b.used);
    bool bound = model->layers && model->bindings && b.used;
    if (!bound)
        error_memory(err, b.cap * sizeof *model->bindings);
    bound = bound && read_vocabulary(&b) && bind_all(&b) && count_bytes(model, err) && make_ropes(model, err);
    buf_clear(&b.missing);
    if (bound)
        return true;
failed:
    model->family = NULL;
    model->layers = NULL;
    return false;
}
