/* SPDX-License-Identifier: Apache-2.0
 *
 * The pass that inserts 8-bit activations: every linear of a quantized weight reads the q8 form of its input, made
 * once, right behind the node that makes the input.
 */
#include "graph/graph.h"

/* Whether a linear meets 8-bit activations. */
static bool wants_q8(const struct node *node)
{
    return node->op == OP_LINEAR && !node->weight->type->is_float;
}

bool graph_quantize(struct graph *graph, bool precise)
{
    if (precise)
        return true;
    size_t n_old = graph->n_nodes;
    struct node *old = graph->nodes;
    int *q8_of = arena_array(&graph->arena, graph->n_values, sizeof *q8_of); /* value -> its q8 form, 0: none wanted */
    if (!q8_of)
        return false;
    for (size_t i = 0; i < n_old; i++)
        if (wants_q8(&old[i]))
            q8_of[old[i].in[0]] = 1;
    graph->nodes = NULL;
    graph->n_nodes = graph->cap_nodes = 0;
    for (size_t i = 0; i < n_old; i++) {
        struct node node = old[i];
        if (wants_q8(&node))
            node.in[0] = q8_of[node.in[0]];
        graph_add_node(graph, &node, 0, false);
        if (graph->error.status != HOB_OK)
            return false;
        graph->nodes[graph->n_nodes - 1].out = node.out; /* values keep their numbers */
        if (node.out >= 0 && q8_of[node.out]) {
            const struct value *v = &graph->values[node.out];
            struct node quantize = {.op = OP_QUANTIZE, .in = {node.out, -1, -1}};
            q8_of[node.out] = graph_add_node(graph, &quantize, v->width, v->selected);
            if (q8_of[node.out] < 0)
                return false;
        }
    }
    return true;
}
