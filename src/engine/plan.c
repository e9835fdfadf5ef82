/* SPDX-License-Identifier: Apache-2.0
 *
 * What an engine will take, known before it takes it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backends/backend.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/memory.h"
#include "engine/engine.h"
#include "engine/internal.h"

#define DEFAULT_BATCH 128
#define SMALLEST_CTX  512 /* a context is not reduced below this */
#define CTX_STEP      256
#define HEADROOM      0.95 /* of the available memory */

/* Pages that `ctx` positions take. */
static size_t pages_of(size_t ctx)
{
    return (ctx + CACHE_BLOCK - 1) / CACHE_BLOCK;
}

bool engine_make_plan(const struct model *model, const struct engine_options *options, struct engine_plan *plan,
                      struct hob_error *err)
{
    const struct hparams *hp = &model->hparams;
    struct memory_left left = memory_left();
    *plan = (struct engine_plan){
        .ctx_wanted = options->ctx ? options->ctx : hp->n_ctx,
        .batch = options->batch ? options->batch : DEFAULT_BATCH,
        .parallel = options->parallel ? options->parallel : 1,
        .threads = options->threads ? options->threads : cpu_cores_allowed(),
        .kv = options->has_kv    ? options->kv
              : options->precise ? CACHE_F32
                                 : CACHE_F16,
        .weight_bytes = model->weight_bytes,
        .available_bytes = left.bytes,
    };
    if (options->max_bytes && options->max_bytes < plan->available_bytes)
        plan->available_bytes = options->max_bytes;
    if (plan->ctx_wanted > (size_t)1 << 30 || plan->batch > 65536 || plan->parallel > 4096 || plan->threads > 256)
        return error_set(err, HOB_USAGE,
                         "ctx %zu, batch %zu, parallel %u, threads %u: want at most 2^30, 65536, 4096, 256",
                         plan->ctx_wanted, plan->batch, plan->parallel, plan->threads);
    plan->ctx = plan->ctx_wanted;
    struct cache_layer *layers = calloc(hp->n_layers, sizeof *layers);
    size_t page_bytes = layers ? model_cache_layout(model, plan->kv, layers, err) : 0;
    free(layers);
    if (page_bytes == 0)
        return layers ? false : error_memory(err, hp->n_layers * sizeof *layers);
    plan->cache_bytes_token = page_bytes / CACHE_BLOCK;

    struct graph graph;
    struct compile_options compile = engine_compile_options(plan, options->precise);
    bool built = model_graph(model, &compile, &graph, err);
    plan->work_bytes = built ? backend_cpu_bytes(&graph, plan->threads) : 0;
    graph_clear(&graph);
    if (!built)
        return error_prefix(err, "%s", model->name);

    size_t budget = (size_t)((double)plan->available_bytes * HEADROOM);
    size_t resident = model->memory ? 0 : plan->weight_bytes, fixed = resident + plan->work_bytes;
    size_t room = budget > fixed ? (budget - fixed) / page_bytes : 0; /* pages */
    if (pages_of(plan->ctx) > room && options->ctx == 0) {
        size_t ctx = room * CACHE_BLOCK / CTX_STEP * CTX_STEP;
        plan->ctx = ctx > SMALLEST_CTX ? ctx : plan->ctx < SMALLEST_CTX ? plan->ctx : SMALLEST_CTX;
    }
    /* Sequences share what there is: one that finds no page makes the youngest wait. */
    size_t most = pages_of(plan->ctx) * plan->parallel;
    plan->n_pages = most < room || room < pages_of(plan->ctx) ? most : room;
    if (room < pages_of(plan->ctx))
        plan->n_pages = pages_of(plan->ctx);
    if (!size_mul(plan->n_pages, page_bytes, &plan->cache_bytes))
        plan->cache_bytes = SIZE_MAX / 2;
    if (plan->cache_bytes + fixed <= budget)
        return true;
    char bound[64] = "";
    if (left.bound)
        snprintf(bound, sizeof bound, "; %s leaves %zu MB", left.bound, left.bytes >> 20);
    return error_set(err, HOB_LIMIT,
                     "%s: needs %zu MB (weights %zu, KV of %zu positions %zu, work %zu), %zu MB are available%s",
                     model->name, (plan->cache_bytes + fixed) >> 20, resident >> 20, plan->ctx, plan->cache_bytes >> 20,
                     plan->work_bytes >> 20, plan->available_bytes >> 20, bound);
}
