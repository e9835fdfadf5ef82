/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program costs: bytes it must read and operations it must do.
 */
#include "graph/graph.h"
#include "kernels/panel.h"

/* Keys that rows [from, from + n) of a sequence see together. */
static double keys_seen(const struct attend *attend, size_t from, size_t n)
{
    size_t first = from + 1, last = from + n, window = attend->window;
    if (n == 0)
        return 0;
    if (window == 0 || last <= window)
        return (double)(first + last) * (double)n / 2;
    if (first >= window)
        return (double)window * (double)n;
    return (double)(first + window) * (double)(window - first + 1) / 2 + (double)(last - window) * (double)window;
}

struct graph_cost graph_cost(const struct graph *graph, size_t from, size_t n, size_t n_selected)
{
    struct graph_cost cost = {0};
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct node *node = &graph->nodes[i];
        if (node->op == OP_LINEAR) {
            const struct weight *w = node->weight;
            size_t panel = 0, rows = graph->values[node->out].selected ? n_selected : n;
            double operations = 2.0 * (double)w->k * (double)w->n * (double)rows;
            panel_bytes(w->type, w->k, &panel);
            cost.weight_bytes += rows ? (double)panel * (double)panel_count(w->n) : 0;
            if (graph->values[node->in[0]].q8)
                cost.int8 += operations;
            else
                cost.fp32 += operations;
        } else if (node->op == OP_ATTEND) {
            const struct attend *attend = &node->attend;
            double keys = keys_seen(attend, from, n);
            cost.fp32 += 2.0 * keys * attend->heads * (attend->dim + attend->dim_v);
            cost.cache_elements += keys / (double)n * attend->kv_heads * (attend->dim + attend->dim_v);
        }
    }
    return cost;
}
