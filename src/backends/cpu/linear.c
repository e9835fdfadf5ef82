/* SPDX-License-Identifier: Apache-2.0
 *
 * Steps of linears. Work is cut into units of 32 outputs (two panels: a whole group of a q8 row), claimed in chunks.
 */
#include "backends/cpu/cpu.h"

#include "kernels/panel.h"

#define UNIT        32           /* outputs */
#define CHUNK_BYTES (256 * 1024) /* weights of a chunk, about: one stream of memory */
#define FEW_ROWS    8            /* with more, what a kernel prepares for its rows is worth spreading over */
#define MANY_UNITS  8            /* so many units */

/* Units of a linear. */
static size_t units_of(const struct weight *weight)
{
    return (weight->n + UNIT - 1) / UNIT;
}

/* Outputs [unit0, unit1) * 32 of one linear for all rows, its bias added. */
static void run_part(const struct backend *cpu, const struct node *node, size_t rows, size_t unit0, size_t unit1,
                     struct cpu_scratch *scratch)
{
    const struct weight *weight = node->weight;
    const struct value *in = &cpu->graph->values[node->in[0]], *out = &cpu->graph->values[node->out];
    struct linear_args args = {
        .w = weight->panels,
        .type = weight->type,
        .k = weight->k,
        .n = weight->n,
        .t = rows,
        .x = cpu_row(cpu, node->in[0], 0),
        .x_stride = in->stride,
        .y = cpu_row(cpu, node->out, 0),
        .y_stride = out->stride / sizeof(float),
    };
    size_t panels = panel_count(weight->n), panel0 = unit0 * (UNIT / PANEL_ROWS), panel1 = unit1 * (UNIT / PANEL_ROWS);
    linear_fn *const *table = in->q8 ? cpu->kernels->linear_q8 : cpu->kernels->linear_f32;
    table[weight->type->id](&args, panel0, panel1 < panels ? panel1 : panels, scratch->kernel);
    if (!node->bias)
        return;
    size_t c0 = unit0 * UNIT, c1 = unit1 * UNIT < weight->n ? unit1 * UNIT : weight->n;
    for (size_t row = 0; row < rows; row++) {
        float *y = args.y + row * args.y_stride + c0;
        cpu->kernels->add(y, node->bias->values + c0, c1 - c0, y);
    }
}

struct cpu_work cpu_run_linear(const struct backend *cpu, const struct step *step, struct claim *claims,
                               unsigned worker, struct cpu_scratch *scratch)
{
    const struct node *nodes = &cpu->graph->nodes[step->first];
    size_t rows = step->selected ? cpu->batch->n_selected : cpu->batch->n_rows;
    size_t units = 0, bytes = 0, unit0, unit1;
    for (unsigned i = 0; i < step->n_linear; i++) {
        size_t panel;
        panel_bytes(nodes[i].weight->type, nodes[i].weight->k, &panel);
        bytes += panel * panel_count(nodes[i].weight->n);
        units += step->paired && i > 0 ? 0 : units_of(nodes[i].weight);
    }
    if (rows == 0 || units == 0)
        return cpu_no_work(claims);
    size_t chunk = CHUNK_BYTES / (bytes / units + 1) + 1, fair = units / (4 * pool_size(cpu->pool)) + 1;
    if (rows > FEW_ROWS && chunk < MANY_UNITS)
        chunk = MANY_UNITS;
    if (chunk > fair)
        chunk = fair;
    struct cpu_work work = {0, units};
    struct share share = {.parts = claims, .n_parts = pool_size(cpu->pool), .own = worker};
    while (share_next(&share, units, chunk, &unit0, &unit1)) {
        work.done += unit1 - unit0;
        size_t base = 0; /* first unit of linear i */
        for (unsigned i = 0; i < step->n_linear; i++) {
            size_t n = units_of(nodes[i].weight);
            size_t from = unit0 > base ? unit0 - base : 0, to = unit1 > base ? unit1 - base : 0;
            if (from < n && from < to)
                run_part(cpu, &nodes[i], rows, from, to < n ? to : n, scratch);
            base += step->paired ? 0 : n;
        }
        if (step->n == step->n_linear)
            continue;
        size_t width = nodes[0].weight->n, c1 = unit1 * UNIT < width ? unit1 * UNIT : width;
        for (size_t row = 0; row < rows; row++)
            for (unsigned i = step->n_linear; i < step->n; i++)
                cpu_run_columns(cpu, &nodes[i], row, unit0 * UNIT, c1, scratch);
    }
    return work;
}
