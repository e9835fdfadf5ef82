/* SPDX-License-Identifier: Apache-2.0
 *
 * Back ends: each runs a compiled graph on one kind of device.
 */
#ifndef HOB_BACKENDS_BACKEND_H
#define HOB_BACKENDS_BACKEND_H

#include "base/thread.h"
#include "graph/batch.h"
#include "graph/graph.h"

struct backend;

/* The rows that came out of a run: row i of the selected rows at data + i * stride. */
struct backend_rows {
    const float *data;
    size_t stride; /* floats */
};

/* A back end on the processor's cores for `graph`, with the arithmetic of `kernels`, on the workers of `pool`; all
 * three are borrowed. Allocates all that running needs. The caller owns it. */
struct backend *backend_cpu_new(const struct graph *graph, const struct kernels *kernels, struct pool *pool,
                                struct hob_error *err);

/* Runs the program on a batch of at most graph->max_rows rows, max_selected of them selected, and returns the
 * logits of the selected rows, valid until the next run. Writes the batch's keys and values to its cache. Allocates
 * nothing. */
struct backend_rows backend_run(struct backend *backend, const struct batch *batch);

/* The hidden states, after the last norm, of all rows of the last run, valid until the next. */
struct backend_rows backend_hidden(const struct backend *backend);

/* The memory that backend_cpu_new() takes for `graph` and `n_workers` workers. */
size_t backend_cpu_bytes(const struct graph *graph, unsigned n_workers);

/* Frees it (NULL is fine). */
void backend_free(struct backend *backend);

#endif
