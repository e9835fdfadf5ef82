/* SPDX-License-Identifier: Apache-2.0
 *
 * The back end on the processor's cores, between its files.
 */
#ifndef HOB_BACKENDS_CPU_CPU_H
#define HOB_BACKENDS_CPU_CPU_H

#include "backends/backend.h"

#define ATTEND_QUERIES     64                 /* queries of one attend item, at most */
#define ATTEND_SPLIT_BYTES ((size_t)16 << 20) /* room for partial attention of one step */
#define ATTEND_SPLIT_ITEMS 1024               /* attend items that may be split over workers */

/* What one worker has for itself. */
struct cpu_scratch {
    void *kernel;   /* SCRATCH_BYTES */
    void *q8;       /* one q8 row of the widest value */
    float *queries; /* [ATTEND_QUERIES, widest head] */
    float *state;   /* the same, for the merged sums */
};

struct backend {
    const struct graph *graph;
    const struct kernels *kernels;
    struct pool *pool;
    uint8_t *memory; /* graph->memory_bytes */
    size_t memory_bytes;
    struct cpu_scratch *scratch; /* [workers] */
    struct claim *claims;        /* [steps, workers] */
    uint8_t *split;              /* ATTEND_SPLIT_BYTES */
    atomic_uint *split_done;     /* [ATTEND_SPLIT_ITEMS] blocks finished */
    atomic_size_t *done;         /* [steps] items finished */
    const struct batch *batch;   /* of the run in progress */
    unsigned turn;               /* of the pool, at the run's first step */
};

/* What one worker did of a step: `done` of its `total` items (the total is at least 1). */
struct cpu_work {
    size_t done, total;
};

/* Where row `row` of a value lies. */
static inline void *cpu_row(const struct backend *cpu, int value, size_t row)
{
    const struct value *v = &cpu->graph->values[value];
    return cpu->memory + v->offset + row * v->stride;
}

/* Runs the row-local `node` for one row. */
void cpu_run_row(const struct backend *cpu, const struct node *node, size_t row, struct cpu_scratch *scratch);

/* Runs the column-local `node` on columns [c0, c1) of one row; quantize takes whole groups of 32. */
void cpu_run_columns(const struct backend *cpu, const struct node *node, size_t row, size_t c0, size_t c1,
                     struct cpu_scratch *scratch);

/* One worker's part of a linear step, and of an attend step. `claims` are the step's. */
struct cpu_work cpu_run_linear(const struct backend *cpu, const struct step *step, struct claim *claims,
                               unsigned worker, struct cpu_scratch *scratch);
struct cpu_work cpu_run_attend(const struct backend *cpu, const struct step *step, struct claim *claim,
                               struct cpu_scratch *scratch);

/* A step that has nothing to do: one worker says so. */
static inline struct cpu_work cpu_no_work(struct claim *claim)
{
    size_t first, end;
    return (struct cpu_work){claim_next(claim, 1, 1, &first, &end), 1};
}

#endif
