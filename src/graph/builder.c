/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/graph.h"

#include "base/error.h"
#include "kernels/activation.h"

static const struct op_info ops[OP_COUNT] = {
    [OP_EMBED] = {"embed", true, false},      [OP_ANGLES] = {"angles", true, false},
    [OP_NORM] = {"norm", true, false},        [OP_LINEAR] = {"linear", false, false},
    [OP_ROPE] = {"rope", true, false},        [OP_CACHE] = {"cache", true, false},
    [OP_ATTEND] = {"attend", false, false},   [OP_GLU] = {"glu", true, true},
    [OP_ADD] = {"add", true, true},           [OP_SCALE] = {"scale", true, true},
    [OP_SOFTCAP] = {"softcap", true, true},   [OP_SELECT] = {"select", true, false},
    [OP_QUANTIZE] = {"quantize", true, true},
};

const struct op_info *op_info(enum op op)
{
    return &ops[op];
}

void graph_init(struct graph *graph)
{
    *graph = (struct graph){.output = -1, .hidden = -1};
}

void graph_clear(struct graph *graph)
{
    arena_clear(&graph->arena);
    graph_init(graph);
}

/* Makes room for one more element of an array that lives in the arena. */
static void *grow(struct arena *arena, void *old, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return old;
    size_t cap_new = *cap ? *cap * 2 : 64;
    void *bigger = arena_array(arena, cap_new, size);
    if (bigger && n)
        memcpy(bigger, old, n * size);
    if (bigger)
        *cap = cap_new;
    return bigger;
}

/* Records the first mistake. */
static int mistake(struct graph *graph, const char *what, const struct weight *weight, size_t found, size_t want)
{
    if (graph->error.status == HOB_OK)
        error_set(&graph->error, HOB_FORMAT, "%s%s%s: width %zu, want %zu", weight ? weight->name : "graph",
                  weight ? ": " : "", what, found, want);
    return -1;
}

/* Bytes rounded up to an odd number of 64: rows at a power of two from each other would all fall on the same few sets
 * of a cache. */
static size_t odd_lines(size_t bytes)
{
    return ((bytes + 63) / 64 | 1) * 64;
}

int graph_add_node(struct graph *graph, const struct node *node, size_t width, bool selected)
{
    if (graph->error.status != HOB_OK)
        return -1;
    struct node *nodes = grow(&graph->arena, graph->nodes, graph->n_nodes, &graph->cap_nodes, sizeof *nodes);
    struct value *values = grow(&graph->arena, graph->values, graph->n_values, &graph->cap_values, sizeof *values);
    if (!nodes || !values) {
        error_memory(&graph->error, sizeof *nodes * (graph->n_nodes + 1));
        return -1;
    }
    graph->nodes = nodes;
    graph->values = values;
    struct node *added = &nodes[graph->n_nodes++];
    *added = *node;
    added->out = -1;
    if (width == 0)
        return -1;
    bool q8 = node->op == OP_QUANTIZE;
    added->out = (int)graph->n_values;
    graph->values[graph->n_values++] = (struct value){
        .width = width,
        .q8 = q8,
        .selected = selected,
        .stride = odd_lines(q8 ? q8_row_bytes(width) : width * sizeof(float)),
    };
    return added->out;
}

/* The value `x`, or NULL when an input is a mistake already made. */
static const struct value *input(const struct graph *graph, int x)
{
    return x < 0 || graph->error.status != HOB_OK ? NULL : &graph->values[x];
}

int graph_embed(struct graph *graph, const struct weight *table, float scale)
{
    struct node node = {.op = OP_EMBED, .in = {-1, -1, -1}, .weight = table, .f = scale};
    return graph_add_node(graph, &node, table->k, false);
}

int graph_angles(struct graph *graph, const struct rope *rope)
{
    struct node node = {.op = OP_ANGLES, .in = {-1, -1, -1}, .rope = rope};
    return graph_add_node(graph, &node, rope->n_rot, false);
}

int graph_norm(struct graph *graph, int x, const struct weight *weight, float eps)
{
    const struct value *v = input(graph, x);
    if (!v)
        return -1;
    if (weight->n == 0 || v->width % weight->n)
        return mistake(graph, "norm", weight, v->width, weight->n);
    struct node node = {.op = OP_NORM, .in = {x, -1, -1}, .weight = weight, .f = eps};
    return graph_add_node(graph, &node, v->width, v->selected);
}

int graph_linear(struct graph *graph, int x, const struct weight *weight, const struct weight *bias)
{
    const struct value *v = input(graph, x);
    if (!v)
        return -1;
    if (v->width != weight->k)
        return mistake(graph, "linear", weight, v->width, weight->k);
    if (bias && bias->n != weight->n)
        return mistake(graph, "bias", bias, bias->n, weight->n);
    struct node node = {.op = OP_LINEAR, .in = {x, -1, -1}, .weight = weight, .bias = bias};
    return graph_add_node(graph, &node, weight->n, v->selected);
}

int graph_rope(struct graph *graph, int x, int angles, unsigned dim, enum rope_pairing pairing)
{
    const struct value *v = input(graph, x), *a = input(graph, angles);
    if (!v || !a)
        return -1;
    if (dim == 0 || v->width % dim || a->width > dim)
        return mistake(graph, "rope", NULL, v->width, dim);
    struct node node = {.op = OP_ROPE, .in = {x, angles, -1}, .dim = dim, .pairing = pairing};
    return graph_add_node(graph, &node, v->width, v->selected);
}

void graph_cache(struct graph *graph, int k, int v, const struct attend *attend)
{
    const struct value *keys = input(graph, k), *values = input(graph, v);
    if (!keys || !values)
        return;
    if (keys->width != (size_t)attend->kv_heads * attend->dim)
        mistake(graph, "keys", NULL, keys->width, (size_t)attend->kv_heads * attend->dim);
    else if (values->width != (size_t)attend->kv_heads * attend->dim_v)
        mistake(graph, "values", NULL, values->width, (size_t)attend->kv_heads * attend->dim_v);
    struct node node = {.op = OP_CACHE, .in = {k, v, -1}, .attend = *attend};
    graph_add_node(graph, &node, 0, false);
}

int graph_attend(struct graph *graph, int q, const struct attend *attend)
{
    const struct value *v = input(graph, q);
    if (!v)
        return -1;
    if (attend->kv_heads == 0 || attend->heads % attend->kv_heads)
        return mistake(graph, "kv heads", NULL, attend->kv_heads, attend->heads);
    if (v->width != (size_t)attend->heads * attend->dim)
        return mistake(graph, "queries", NULL, v->width, (size_t)attend->heads * attend->dim);
    struct node node = {.op = OP_ATTEND, .in = {q, -1, -1}, .attend = *attend};
    return graph_add_node(graph, &node, (size_t)attend->heads * attend->dim_v, false);
}

/* A node of two inputs of one width. */
static int binary(struct graph *graph, const struct node *node)
{
    const struct value *a = input(graph, node->in[0]), *b = input(graph, node->in[1]);
    if (!a || !b)
        return -1;
    if (a->width != b->width || a->selected != b->selected)
        return mistake(graph, op_info(node->op)->name, NULL, b->width, a->width);
    return graph_add_node(graph, node, a->width, a->selected);
}

int graph_glu(struct graph *graph, enum activation act, int gate, int up)
{
    return binary(graph, &(struct node){.op = OP_GLU, .in = {gate, up, -1}, .act = act});
}

int graph_add(struct graph *graph, int a, int b)
{
    return binary(graph, &(struct node){.op = OP_ADD, .in = {a, b, -1}});
}

/* A node of one input and a number. */
static int unary(struct graph *graph, enum op op, int x, float f)
{
    const struct value *v = input(graph, x);
    if (!v)
        return -1;
    struct node node = {.op = op, .in = {x, -1, -1}, .f = f};
    return graph_add_node(graph, &node, v->width, v->selected || op == OP_SELECT);
}

int graph_scale(struct graph *graph, int x, float factor)
{
    return unary(graph, OP_SCALE, x, factor);
}

int graph_softcap(struct graph *graph, int x, float cap)
{
    return unary(graph, OP_SOFTCAP, x, cap);
}

int graph_select(struct graph *graph, int x)
{
    return unary(graph, OP_SELECT, x, 0);
}

void graph_keep(struct graph *graph, int x)
{
    graph->hidden = x;
}

bool graph_compile(struct graph *graph, int output, const struct compile_options *options, struct hob_error *err)
{
    graph->output = output;
    graph->max_rows = options->max_rows;
    graph->max_selected = options->max_selected;
    if (graph->error.status == HOB_OK && output < 0)
        error_set(&graph->error, HOB_FORMAT, "graph: no output");
    bool done = graph->error.status == HOB_OK && graph_quantize(graph, options->precise) && graph_fuse(graph) &&
                graph_plan(graph);
    if (!done && graph->error.status == HOB_OK)
        error_memory(&graph->error, graph->n_nodes * sizeof *graph->nodes);
    if (!done && err)
        *err = graph->error;
    return done;
}
