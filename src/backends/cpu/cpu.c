/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/cpu/cpu.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/error.h"
#include "kernels/activation.h"

#define FEW_ROWS 2 /* so many are sooner done by one worker than shared out */

/* The widest q8 row and the widest head of a graph. */
static void widest(const struct graph *graph, size_t *q8_bytes, size_t *head)
{
    *q8_bytes = *head = 64;
    for (size_t v = 0; v < graph->n_values; v++)
        if (graph->values[v].q8 && graph->values[v].stride > *q8_bytes)
            *q8_bytes = graph->values[v].stride;
    for (size_t i = 0; i < graph->n_nodes; i++) {
        const struct attend *a = &graph->nodes[i].attend;
        size_t d = graph->nodes[i].op != OP_ATTEND ? 0 : a->dim > a->dim_v ? a->dim : a->dim_v;
        if (d > *head)
            *head = d;
    }
    *head = (*head + 15) & ~(size_t)15;
}

/* Bytes of one worker's scratch. */
static size_t scratch_bytes(const struct graph *graph)
{
    size_t q8_bytes, head;
    widest(graph, &q8_bytes, &head);
    return SCRATCH_BYTES + q8_bytes + 2 * ATTEND_QUERIES * head * sizeof(float);
}

size_t backend_cpu_bytes(const struct graph *graph, unsigned n_workers)
{
    return graph->memory_bytes + n_workers * scratch_bytes(graph);
}

/* Anonymous zeroed memory. It is large enough for the longest batch; huge pages would make all of it resident at once.
 */
static void *map_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

struct backend *backend_cpu_new(const struct graph *graph, const struct kernels *kernels, struct pool *pool,
                                struct hob_error *err)
{
    struct backend *cpu = calloc(1, sizeof *cpu);
    unsigned n = pool_size(pool);
    size_t each = scratch_bytes(graph), q8_bytes, head;
    widest(graph, &q8_bytes, &head);
    if (cpu) {
        cpu->graph = graph;
        cpu->kernels = kernels;
        cpu->pool = pool;
        cpu->memory_bytes = backend_cpu_bytes(graph, n);
        cpu->memory = map_memory(cpu->memory_bytes);
        cpu->split = map_memory(ATTEND_SPLIT_BYTES);
        cpu->scratch = calloc(n, sizeof *cpu->scratch);
        cpu->claims = aligned_alloc(64, (graph->n_steps + 1) * n * sizeof *cpu->claims);
        cpu->done = calloc(graph->n_steps + 1, sizeof *cpu->done);
        cpu->split_done = calloc(ATTEND_SPLIT_ITEMS, sizeof *cpu->split_done);
    }
    if (!cpu || !cpu->memory || !cpu->split || !cpu->scratch || !cpu->claims || !cpu->done || !cpu->split_done) {
        error_memory(err, backend_cpu_bytes(graph, n));
        backend_free(cpu);
        return NULL;
    }
    for (unsigned w = 0; w < n; w++) {
        uint8_t *at = cpu->memory + graph->memory_bytes + w * each;
        size_t row = head * ATTEND_QUERIES;
        float *queries = (float *)(at + SCRATCH_BYTES + q8_bytes);
        cpu->scratch[w] =
            (struct cpu_scratch){.kernel = at, .q8 = at + SCRATCH_BYTES, .queries = queries, .state = queries + row};
    }
    return cpu;
}

void backend_free(struct backend *cpu)
{
    if (!cpu)
        return;
    if (cpu->memory)
        munmap(cpu->memory, cpu->memory_bytes);
    if (cpu->split)
        munmap(cpu->split, ATTEND_SPLIT_BYTES);
    free(cpu->scratch);
    free(cpu->claims);
    free(cpu->done);
    free(cpu->split_done);
    free(cpu);
}

/* One worker's part of a step of row-local nodes. */
static struct cpu_work run_rows(const struct backend *cpu, const struct step *step, struct claim *claim,
                                struct cpu_scratch *scratch)
{
    size_t n = step->selected ? cpu->batch->n_selected : cpu->batch->n_rows, first, end;
    size_t chunk = n / (4 * pool_size(cpu->pool)) + 1;
    struct cpu_work work = {0, n};
    if (n == 0)
        return cpu_no_work(claim);
    while (claim_next(claim, n, chunk, &first, &end)) {
        for (size_t row = first; row < end; row++)
            for (unsigned i = 0; i < step->n; i++)
                cpu_run_row(cpu, &cpu->graph->nodes[step->first + i], row, scratch);
        work.done += end - first;
    }
    return work;
}

/* Steps of row-local nodes from step `s` on that are too short to be shared out: runs them and returns how many. */
static unsigned run_few_rows(const struct backend *cpu, size_t s, struct cpu_scratch *scratch)
{
    unsigned n = 0;
    for (; s < cpu->graph->n_steps; s++, n++) {
        const struct step *step = &cpu->graph->steps[s];
        size_t rows = step->selected ? cpu->batch->n_selected : cpu->batch->n_rows;
        if (step->kind != STEP_ROWS || rows > FEW_ROWS)
            break;
        for (size_t row = 0; row < rows; row++)
            for (unsigned i = 0; i < step->n; i++)
                cpu_run_row(cpu, &cpu->graph->nodes[step->first + i], row, scratch);
    }
    return n;
}

/* One worker's part of the program. Whoever finishes the last item of a step opens the next, after it has
 * done what is too short to be shared out; a worker that comes late to a step finds nothing left and goes on to the one
 * that is open. */
static void run_program(void *ctx, unsigned worker)
{
    const struct backend *cpu = ctx;
    struct cpu_scratch *scratch = &cpu->scratch[worker];
    for (;;) {
        unsigned turn = pool_turn(cpu->pool);
        size_t s = turn - cpu->turn;
        if (s >= cpu->graph->n_steps)
            return;
        const struct step *step = &cpu->graph->steps[s];
        struct claim *claims = &cpu->claims[s * pool_size(cpu->pool)];
        struct cpu_work work = step->kind == STEP_LINEAR   ? cpu_run_linear(cpu, step, claims, worker, scratch)
                               : step->kind == STEP_ATTEND ? cpu_run_attend(cpu, step, claims, scratch)
                                                           : run_rows(cpu, step, claims, scratch);
        if (work.done &&
            atomic_fetch_add_explicit(&cpu->done[s], work.done, memory_order_acq_rel) + work.done == work.total)
            pool_advance(cpu->pool, 1 + run_few_rows(cpu, s + 1, scratch));
        else
            pool_wait(cpu->pool, turn);
    }
}

static struct backend_rows rows_of(const struct backend *cpu, int v)
{
    const struct value *value = &cpu->graph->values[v];
    return (struct backend_rows){(const float *)(cpu->memory + value->offset), value->stride / sizeof(float)};
}

struct backend_rows backend_run(struct backend *cpu, const struct batch *batch)
{
    cpu->batch = batch;
    cpu->turn = pool_turn(cpu->pool);
    for (size_t s = 0; s < cpu->graph->n_steps; s++)
        atomic_store_explicit(&cpu->done[s], 0, memory_order_relaxed);
    for (size_t i = 0; i < cpu->graph->n_steps * pool_size(cpu->pool); i++)
        atomic_store_explicit(&cpu->claims[i].next, 0, memory_order_relaxed);
    uint64_t control = float_control_enter();
    pool_run(cpu->pool, run_program, cpu);
    float_control_leave(control);
    return rows_of(cpu, cpu->graph->output);
}

struct backend_rows backend_hidden(const struct backend *cpu)
{
    return rows_of(cpu, cpu->graph->hidden);
}
