/* SPDX-License-Identifier: Apache-2.0
 *
 * The pass that forms steps. Each step ends in a barrier, so nodes that can share one do:
 *
 *   - linears of one input stand together; where they feed a glu they make the same columns at the same time;
 *   - column-local nodes that follow a linear or an attend run on the columns just made, while they are in the cache;
 *   - row-local nodes that follow each other run row by row.
 *
 * Families never change for this; what cannot be fused simply becomes a step of its own.
 */
#include "graph/graph.h"

#include <string.h>

/* Moves linears of one input to the first of them. They need nothing but that input, so the order stays right. */
static void gather_linears(struct graph *graph)
{
    for (size_t i = 0; i < graph->n_nodes; i++) {
        if (graph->nodes[i].op != OP_LINEAR)
            continue;
        size_t at = i + 1;
        for (size_t j = i + 1; j < graph->n_nodes; j++) {
            if (graph->nodes[j].op != OP_LINEAR || graph->nodes[j].in[0] != graph->nodes[i].in[0])
                continue;
            struct node moved = graph->nodes[j];
            memmove(&graph->nodes[at + 1], &graph->nodes[at], (j - at) * sizeof moved);
            graph->nodes[at++] = moved;
        }
        i = at - 1;
    }
}

/* Whether value `v` is made by one of the nodes [first, end). */
static bool made_in(const struct graph *graph, size_t first, size_t end, int v)
{
    for (size_t i = first; i < end; i++)
        if (v >= 0 && graph->nodes[i].out == v)
            return true;
    return false;
}

/* Whether node `i` may run on columns that nodes [first, i) of its step have just made: all it reads of the step has
 * the step's columns, and a group of 32 is made by one worker. */
static bool joins_columns(const struct graph *graph, size_t first, size_t i, size_t width)
{
    const struct node *node = &graph->nodes[i];
    if (!op_info(node->op)->column_local || graph->values[node->out].width != width)
        return false;
    bool reads = false;
    for (int k = 0; k < NODE_INPUTS; k++)
        reads = reads || made_in(graph, first, i, node->in[k]);
    return reads;
}

/* A step that starts with linears at `first`. */
static struct step linear_step(const struct graph *graph, size_t first)
{
    struct step step = {.kind = STEP_LINEAR, .first = (unsigned)first};
    const struct node *nodes = graph->nodes;
    size_t i = first;
    while (i < graph->n_nodes && nodes[i].op == OP_LINEAR && nodes[i].in[0] == nodes[first].in[0])
        i++;
    step.n_linear = (unsigned)(i - first);
    step.selected = graph->values[nodes[first].out].selected;
    size_t width = graph->values[nodes[first].out].width;
    step.paired = step.n_linear == 2 && i < graph->n_nodes && nodes[i].op == OP_GLU &&
                  made_in(graph, first, i, nodes[i].in[0]) && made_in(graph, first, i, nodes[i].in[1]);
    if (step.n_linear == 1 || step.paired)
        while (i < graph->n_nodes && joins_columns(graph, first, i, width))
            i++;
    step.n = (unsigned)(i - first);
    return step;
}

/* A step that starts with the attend at `first`. A worker makes the columns of one kv head's queries. */
static struct step attend_step(const struct graph *graph, size_t first)
{
    struct step step = {.kind = STEP_ATTEND, .first = (unsigned)first};
    const struct attend *attend = &graph->nodes[first].attend;
    size_t columns = (size_t)attend->heads / attend->kv_heads * attend->dim_v, i = first + 1;
    while (i < graph->n_nodes && columns % 32 == 0 &&
           joins_columns(graph, first, i, graph->values[graph->nodes[first].out].width))
        i++;
    step.n = (unsigned)(i - first);
    return step;
}

/* A step of row-local nodes that starts at `first`. */
static struct step rows_step(const struct graph *graph, size_t first)
{
    struct step step = {.kind = STEP_ROWS, .first = (unsigned)first};
    size_t i = first;
    for (; i < graph->n_nodes && op_info(graph->nodes[i].op)->row_local; i++) {
        const struct node *node = &graph->nodes[i];
        bool selected = node->out >= 0 && graph->values[node->out].selected;
        if (i == first)
            step.selected = selected;
        else if (selected != step.selected)
            break;
        if (node->op == OP_SELECT && i > first) /* reads other rows than its own */
            break;
    }
    step.n = (unsigned)(i - first);
    return step;
}

bool graph_fuse(struct graph *graph)
{
    gather_linears(graph);
    graph->steps = arena_array(&graph->arena, graph->n_nodes, sizeof *graph->steps);
    if (!graph->steps)
        return false;
    for (size_t i = 0; i < graph->n_nodes;) {
        enum op op = graph->nodes[i].op;
        struct step step = op == OP_LINEAR   ? linear_step(graph, i)
                           : op == OP_ATTEND ? attend_step(graph, i)
                                             : rows_step(graph, i);
        graph->steps[graph->n_steps++] = step;
        i += step.n;
    }
    return true;
}
