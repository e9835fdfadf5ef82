/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/graph.h"

static const char *const step_names[] = {"rows", "linear", "attend"};

/* "v12[576]", with "q" for q8 rows. */
static void print_value(const struct graph *graph, int v, struct buf *out)
{
    const struct value *value = &graph->values[v];
    buf_format(out, "v%d[%s%zu%s]", v, value->selected ? "S, " : "T, ", value->width, value->q8 ? " q8" : "");
}

static void print_node(const struct graph *graph, const struct node *node, struct buf *out)
{
    buf_format(out, "  ");
    if (node->out >= 0) {
        print_value(graph, node->out, out);
        buf_format(out, " = ");
    }
    buf_format(out, "%s(", op_info(node->op)->name);
    for (int k = 0; k < NODE_INPUTS && node->in[k] >= 0; k++)
        buf_format(out, "%sv%d", k ? ", " : "", node->in[k]);
    if (node->weight)
        buf_format(out, "%s%s %s [%zu, %zu]", node->in[0] >= 0 ? ", " : "", node->weight->name,
                   node->weight->type->name, node->weight->n, node->weight->k);
    if (node->bias)
        buf_format(out, ", %s", node->bias->name);
    if (node->op == OP_ATTEND)
        buf_format(out, ", layer %u, %u/%u heads of %u, window %u, scale %g", node->attend.layer, node->attend.heads,
                   node->attend.kv_heads, node->attend.dim, node->attend.window, (double)node->attend.scale);
    if (node->op == OP_CACHE)
        buf_format(out, ", layer %u", node->attend.layer);
    if (node->op == OP_SCALE || node->op == OP_SOFTCAP || (node->op == OP_EMBED && node->f != 1.0F))
        buf_format(out, ", %g", (double)node->f);
    buf_format(out, ")\n");
}

bool graph_print(const struct graph *graph, struct buf *out)
{
    for (size_t s = 0; s < graph->n_steps; s++) {
        const struct step *step = &graph->steps[s];
        buf_format(out, "step %zu: %s%s\n", s, step_names[step->kind],
                   step->kind != STEP_LINEAR ? ""
                   : step->paired            ? ", paired"
                                             : "");
        for (size_t i = step->first; i < step->first + step->n; i++)
            print_node(graph, &graph->nodes[i], out);
    }
    buf_format(out, "%zu steps, %zu nodes, %zu bytes for %zu rows, %zu of them with logits\n", graph->n_steps,
               graph->n_nodes, graph->memory_bytes, graph->max_rows, graph->max_selected);
    return !out->failed;
}
