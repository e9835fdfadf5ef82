/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading weights: slices of rows go from the file through a worker's buffer into panels, once, in parallel.
 */
#include "model/model.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/error.h"
#include "kernels/panel.h"

#define SLICE_BYTES ((size_t)1 << 18) /* raw bytes a worker reads at a time, about */
#define HUGE_PAGE   ((size_t)2 << 20)

/* Some panels of one matrix. */
struct slice {
    const struct binding *binding;
    size_t panel0, panel1;
};

struct loading {
    struct model *model;
    struct slice *slices;
    size_t n_slices, buffer_bytes;
    struct claim claim;
    atomic_size_t done;
    atomic_bool failed;
    bool (*progress)(void *ctx, size_t done, size_t total);
    void *ctx;
    struct hob_error *err;
};

/* The first worker that fails says why. */
static void fail(struct loading *loading, const struct hob_error *why)
{
    if (!atomic_exchange(&loading->failed, true) && loading->err)
        *loading->err = *why;
}

static bool load_slice(struct loading *loading, const struct slice *slice, uint8_t *buffer, struct hob_error *why)
{
    const struct binding *binding = slice->binding;
    const struct weight *weight = &binding->weight;
    const struct tensor_info *tensor = binding->tensor;
    size_t row_bytes = quant_row_bytes(weight->type, weight->k), panel;
    panel_bytes(weight->type, weight->k, &panel);
    size_t row = slice->panel0 * PANEL_ROWS, end = slice->panel1 * PANEL_ROWS;
    end = end < weight->n ? end : weight->n;
    if (!file_read_at(tensor->file, tensor->offset + (binding->row0 + row) * row_bytes, buffer, (end - row) * row_bytes,
                      why))
        return false;
    for (size_t p = slice->panel0; p < slice->panel1; p++) {
        size_t first = p * PANEL_ROWS, n = weight->n - first < PANEL_ROWS ? weight->n - first : PANEL_ROWS;
        panel_pack(weight->type, buffer + (first - row) * row_bytes, n, weight->k,
                   (uint8_t *)(uintptr_t)weight->panels + p * panel);
    }
    size_t done = atomic_fetch_add(&loading->done, (end - row) * row_bytes) + (end - row) * row_bytes;
    if (loading->progress && !loading->progress(loading->ctx, done, loading->model->weight_bytes))
        return error_set(why, HOB_INTERRUPTED, "%s: loading was interrupted", loading->model->name);
    return true;
}

static void run_worker(void *ctx, unsigned worker)
{
    (void)worker;
    struct loading *loading = ctx;
    struct hob_error why;
    size_t first, end;
    uint8_t *buffer = malloc(loading->buffer_bytes);
    if (!buffer) {
        error_memory(&why, loading->buffer_bytes);
        fail(loading, &why);
    }
    while (!atomic_load(&loading->failed) && claim_next(&loading->claim, loading->n_slices, 1, &first, &end))
        if (!load_slice(loading, &loading->slices[first], buffer, &why))
            fail(loading, &why);
    free(buffer);
}

/* Reads a vector's values. */
static bool load_vector(const struct model *model, const struct binding *binding, float *out, struct hob_error *err)
{
    const struct tensor_info *t = binding->tensor;
    uint8_t *raw = malloc(t->bytes ? t->bytes : 1);
    if (!raw)
        return error_memory(err, t->bytes);
    bool good = file_read_at(t->file, t->offset, raw, t->bytes, err);
    if (good) {
        quant_decode_row(t->type, raw, binding->weight.n, out);
        for (size_t i = 0; i < binding->weight.n; i++)
            out[i] += binding->shift;
    } else {
        error_prefix(err, "%s", model->name);
    }
    free(raw);
    return good;
}

/* Gives every weight its place, reads the vectors, and cuts the matrices into slices. */
static bool prepare(struct loading *loading, struct arena *arena, struct hob_error *err)
{
    struct model *model = loading->model;
    size_t at = 0, cap = 0, n = 0;
    loading->buffer_bytes = SLICE_BYTES;
    for (size_t i = 0; i < model->n_bindings; i++) {
        const struct weight *weight = &model->bindings[i].weight;
        size_t raw = quant_row_bytes(weight->type, weight->k) * PANEL_ROWS;
        if (model->bindings[i].is_vector)
            continue;
        cap += panel_count(weight->n); /* at most a slice a panel */
        if (raw > loading->buffer_bytes)
            loading->buffer_bytes = raw;
    }
    loading->slices = arena_array(arena, cap + 1, sizeof *loading->slices);
    if (!loading->slices)
        return error_memory(err, cap * sizeof *loading->slices);
    for (size_t i = 0; i < model->n_bindings; i++) {
        struct binding *binding = &model->bindings[i];
        struct weight *weight = &binding->weight;
        size_t bytes = weight->n * sizeof(float);
        if (binding->is_vector) {
            weight->values = (const float *)(model->memory + at);
            if (!load_vector(model, binding, (float *)(model->memory + at), err))
                return false;
        } else {
            size_t panels = panel_count(weight->n), raw = quant_row_bytes(weight->type, weight->k) * PANEL_ROWS;
            size_t each = SLICE_BYTES / raw ? SLICE_BYTES / raw : 1;
            panel_bytes(weight->type, weight->k, &bytes);
            bytes *= panels;
            weight->panels = model->memory + at;
            for (size_t p = 0; p < panels; p += each)
                loading->slices[n++] = (struct slice){binding, p, p + each < panels ? p + each : panels};
        }
        at += (bytes + 63) & ~(size_t)63;
    }
    loading->n_slices = n;
    return true;
}

bool model_load(struct model *model, struct pool *pool, bool (*progress)(void *ctx, size_t done, size_t total),
                void *ctx, struct hob_error *err)
{
    if (model->memory)
        return true;
    size_t bytes = (model->weight_bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *memory = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return error_memory(err, bytes);
    /* Huge pages begin at multiples of their size; give back what lies before the first and behind the last. */
    uintptr_t start = ((uintptr_t)memory + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    if (start > (uintptr_t)memory)
        munmap(memory, start - (uintptr_t)memory);
    munmap((void *)(start + bytes), (uintptr_t)memory + HUGE_PAGE - start);
    model->memory = (uint8_t *)start;
    model->memory_bytes = bytes;
    madvise(model->memory, model->weight_bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* a whole last one is waste */

    struct arena arena = {0};
    struct loading loading = {.model = model, .progress = progress, .ctx = ctx, .err = err};
    bool loaded = prepare(&loading, &arena, err);
    if (loaded) {
        pool_run(pool, run_worker, &loading);
        loaded = !atomic_load(&loading.failed);
    }
    arena_clear(&arena);
    if (loaded && progress)
        progress(ctx, model->weight_bytes, model->weight_bytes);
    if (loaded)
        return true;
    munmap(model->memory, model->memory_bytes);
    model->memory = NULL;
    return false;
}
