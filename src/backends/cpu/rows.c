/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes that work row by row.
 */
#include "backends/cpu/cpu.h"

#include <string.h>

#include "kernels/activation.h"
#include "kernels/math.h"
#include "kernels/panel.h"

void cpu_run_columns(const struct backend *cpu, const struct node *node, size_t row, size_t c0, size_t c1,
                     struct cpu_scratch *scratch)
{
    const struct kernels *kernels = cpu->kernels;
    const float *a = (const float *)cpu_row(cpu, node->in[0], row) + c0;
    const float *b = node->in[1] < 0 ? NULL : (const float *)cpu_row(cpu, node->in[1], row) + c0;
    void *out = cpu_row(cpu, node->out, row);
    float *y = (float *)out + c0;
    size_t n = c1 - c0, width = cpu->graph->values[node->out].width;
    switch (node->op) {
    case OP_GLU:
        kernels->glu(node->act, a, b, n, y);
        break;
    case OP_ADD:
        kernels->add(a, b, n, y);
        break;
    case OP_SCALE:
        kernels->scale(a, node->f, n, y);
        break;
    case OP_SOFTCAP:
        kernels->softcap(a, node->f, n, y);
        break;
    default: /* OP_QUANTIZE: the groups of 32 of these columns, then to their places in the whole row */
        if (n == width) {
            kernels->quantize(a, n, out);
            break;
        }
        kernels->quantize(a, n, scratch->q8);
        memcpy(q8_integers(out) + c0, q8_integers(scratch->q8), n);
        memcpy(q8_scales(out, width) + c0 / 32, q8_scales(scratch->q8, n), n / 32 * sizeof(float));
        memcpy(q8_sums(out, width) + c0 / 16, q8_sums(scratch->q8, n), n / 16 * sizeof(int16_t));
        break;
    }
}

/* Cosines and sines of a row's position: angles in float32 as the publishers' code has them, their functions in double.
 */
static void run_angles(const struct rope *rope, int32_t position, float *out)
{
    size_t half = rope->n_rot / 2;
    for (size_t i = 0; i < half; i++) {
        double sine, cosine;
        math_sincos64((double)((float)position * rope->inv_frequency[i]), &sine, &cosine);
        out[i] = (float)cosine * rope->magnitude;
        out[half + i] = (float)sine * rope->magnitude;
    }
}

/* Writes a row's keys [G, D] and values [G, DV] into its page. */
static void run_cache(const struct backend *cpu, const struct node *node, size_t row)
{
    const struct batch *batch = cpu->batch;
    const struct cache_layer *layer = &batch->cache.layers[node->attend.layer];
    const struct segment *segment = batch->segments;
    while (row >= segment->first + segment->n)
        segment++;
    size_t position = segment->position + (row - segment->first);
    const float *k = cpu_row(cpu, node->in[0], row), *v = cpu_row(cpu, node->in[1], row);
    uint8_t *at = batch->cache.base + segment->pages[position / CACHE_BLOCK] * batch->cache.page_bytes + layer->offset;
    unsigned slot = position % CACHE_BLOCK;
    for (unsigned g = 0; g < layer->kv_heads; g++) {
        cpu->kernels->cache_key(batch->cache.type, k + (size_t)g * layer->dim, layer->dim, slot, at);
        cpu->kernels->cache_value(batch->cache.type, v + (size_t)g * layer->dim_v, layer->dim_v, slot,
                                  at + layer->key_bytes);
        at += layer->key_bytes + layer->value_bytes;
    }
}

void cpu_run_row(const struct backend *cpu, const struct node *node, size_t row, struct cpu_scratch *scratch)
{
    const struct kernels *kernels = cpu->kernels;
    if (node->op == OP_CACHE) { /* the one node without a value */
        run_cache(cpu, node, row);
        return;
    }
    size_t width = cpu->graph->values[node->out].width;
    float *y = cpu_row(cpu, node->out, row);
    switch (node->op) {
    case OP_EMBED:
        panel_decode_row(node->weight->type, node->weight->panels, node->weight->k, (size_t)cpu->batch->ids[row], y);
        if (node->f != 1.0F)
            kernels->scale(y, node->f, width, y);
        break;
    case OP_ANGLES:
        run_angles(node->rope, cpu->batch->positions[row], y);
        break;
    case OP_NORM: {
        const float *x = cpu_row(cpu, node->in[0], row);
        for (size_t c = 0; c < width; c += node->weight->n)
            kernels->rms_norm(x + c, node->weight->values, node->weight->n, node->f, y + c);
        break;
    }
    case OP_ROPE: {
        const float *angles = cpu_row(cpu, node->in[1], row);
        size_t n_rot = cpu->graph->values[node->in[1]].width;
        memcpy(y, cpu_row(cpu, node->in[0], row), width * sizeof *y);
        for (size_t c = 0; c < width; c += node->dim)
            kernels->rope(y + c, angles, angles + n_rot / 2, n_rot, node->pairing);
        break;
    }
    case OP_SELECT:
        memcpy(y, cpu_row(cpu, node->in[0], cpu->batch->selected[row]), width * sizeof *y);
        break;
    default:
        cpu_run_columns(cpu, node, row, 0, width, scratch);
        break;
    }
}
