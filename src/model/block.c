/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of a block, and the graph of a whole model around the family's blocks.
 */
#include "model/model.h"

#include "base/error.h"

static const struct weight *layer_weight(const struct block *b, enum role role)
{
    return b->model->layers[b->layer].weight[role];
}

int block_norm(struct block *b, int x, enum role role)
{
    return graph_norm(b->graph, x, layer_weight(b, role), b->model->hparams.eps);
}

int block_linear(struct block *b, int x, enum role role)
{
    return graph_linear(b->graph, x, layer_weight(b, role), b->model->layers[b->layer].bias[role]);
}

int block_rope(struct block *b, int x)
{
    const struct hparams *hp = &b->model->hparams;
    return graph_rope(b->graph, x, b->angles[hp->sliding[b->layer]], hp->d, hp->pairing);
}

int block_attend(struct block *b, int q, int k, int v)
{
    const struct hparams *hp = &b->model->hparams;
    struct attend attend = {
        .layer = b->layer,
        .heads = hp->heads,
        .kv_heads = hp->kv_heads,
        .dim = hp->d,
        .dim_v = hp->dv,
        .window = hp->sliding[b->layer] ? hp->window : 0,
        .scale = hp->attn_scale,
        .softcap = hp->attn_softcap,
    };
    graph_cache(b->graph, k, v, &attend);
    return graph_attend(b->graph, q, &attend);
}

int block_glu(struct block *b, int gate, int up)
{
    return graph_glu(b->graph, b->model->hparams.act, gate, up);
}

int block_add(struct block *b, int x, int y)
{
    return graph_add(b->graph, x, y);
}

bool model_graph(const struct model *model, const struct compile_options *options, struct graph *graph,
                 struct hob_error *err)
{
    const struct hparams *hp = &model->hparams;
    const struct role_weights *global = &model->global;
    graph_init(graph);
    struct block b = {.graph = graph, .model = model, .angles = {-1, -1}};
    int x = graph_embed(graph, global->weight[ROLE_TOKEN_EMBD], hp->embed_scale); /* [T, E] */
    for (unsigned i = 0; i < hp->n_layers; i++)
        if (b.angles[hp->sliding[i]] < 0)
            b.angles[hp->sliding[i]] = graph_angles(graph, &model->rope[hp->sliding[i]]);
    for (b.layer = 0; b.layer < hp->n_layers; b.layer++)
        x = model->family->block(&b, x);
    x = graph_norm(graph, x, global->weight[ROLE_OUTPUT_NORM], hp->eps);
    graph_keep(graph, x);
    x = graph_select(graph, x);                                                         /* [S, E] */
    x = graph_linear(graph, x, global->weight[ROLE_OUTPUT], global->bias[ROLE_OUTPUT]); /* [S, V] */
    if (hp->logit_softcap > 0)
        x = graph_softcap(graph, x, hp->logit_softcap);
    return graph_compile(graph, x, options, err);
}

size_t model_cache_layout(const struct model *model, enum cache_type type, struct cache_layer *layers,
                          struct hob_error *err)
{
    const struct hparams *hp = &model->hparams;
    size_t at = 0;
    if (type == CACHE_Q8_0 && (hp->d % 32 || hp->dv % 32)) {
        error_set(err, HOB_USAGE, "--kv q8_0: heads of %u are no multiple of 32; use f16 or f32", hp->d);
        return 0;
    }
    for (unsigned i = 0; i < hp->n_layers; i++) {
        layers[i] = (struct cache_layer){
            .offset = at,
            .key_bytes = cache_block_bytes(type, hp->d),
            .value_bytes = cache_block_bytes(type, hp->dv),
            .kv_heads = hp->kv_heads,
            .dim = hp->d,
            .dim_v = hp->dv,
        };
        at += hp->kv_heads * (layers[i].key_bytes + layers[i].value_bytes);
    }
    return at;
}
