/* SPDX-License-Identifier: Apache-2.0
 *
 * The pass that gives every value its place in one piece of memory. A value lives from the step that makes it to the
 * last step that reads it; values whose lives do not meet may share bytes. First fit, in the order they are made.
 */
#include "graph/graph.h"

#include "base/checked.h"

struct life {
    size_t from, to; /* steps, inclusive; from > to: never made */
    size_t bytes;
};

/* The lowest offset at which value `v` meets none of the values placed before it. */
static size_t place(const struct graph *graph, const struct life *lives, size_t v)
{
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t o = 0; o < v; o++) {
            bool meets = lives[o].from <= lives[v].to && lives[v].from <= lives[o].to && lives[o].from <= lives[o].to;
            size_t start = graph->values[o].offset;
            if (meets && start < offset + lives[v].bytes && offset < start + lives[o].bytes) {
                offset = start + lives[o].bytes;
                moved = true;
            }
        }
    }
    return offset;
}

bool graph_plan(struct graph *graph)
{
    struct life *lives = arena_array(&graph->arena, graph->n_values, sizeof *lives);
    if (!lives)
        return false;
    for (size_t v = 0; v < graph->n_values; v++) {
        const struct value *value = &graph->values[v];
        lives[v] = (struct life){.from = SIZE_MAX, .to = 0};
        if (!size_mul(value->stride, value->selected ? graph->max_selected : graph->max_rows, &lives[v].bytes))
            return false;
    }
    for (size_t s = 0; s < graph->n_steps; s++)
        for (size_t i = graph->steps[s].first; i < graph->steps[s].first + graph->steps[s].n; i++) {
            const struct node *node = &graph->nodes[i];
            if (node->out >= 0) {
                lives[node->out].from = s;
                lives[node->out].to = lives[node->out].to > s ? lives[node->out].to : s;
            }
            for (int k = 0; k < NODE_INPUTS; k++)
                if (node->in[k] >= 0 && lives[node->in[k]].to < s)
                    lives[node->in[k]].to = s;
        }
    lives[graph->output].to = graph->n_steps; /* read by the caller */
    if (graph->hidden >= 0)
        lives[graph->hidden].to = graph->n_steps;
    graph->memory_bytes = 0;
    for (size_t v = 0; v < graph->n_values; v++) {
        if (lives[v].from > lives[v].to)
            continue;
        graph->values[v].offset = place(graph, lives, v);
        size_t end = graph->values[v].offset + lives[v].bytes;
        if (end > graph->memory_bytes)
            graph->memory_bytes = end;
    }
    return true;
}
