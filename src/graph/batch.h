/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program is run on: rows of several sequences, and where their keys and values lie.
 */
#ifndef HOB_GRAPH_BATCH_H
#define HOB_GRAPH_BATCH_H

#include "kernels/cache.h"

/* Where one layer's keys and values lie within a page: kv head g has its key block at
 * offset + g * (key_bytes + value_bytes), its value block behind it. */
struct cache_layer {
    size_t offset;
    size_t key_bytes, value_bytes;
    unsigned kv_heads, dim, dim_v;
};

/* The KV memory. A page holds 64 positions of one sequence for all layers. */
struct cache_view {
    enum cache_type type;
    uint8_t *base; /* page p at base + p * page_bytes */
    size_t page_bytes;
    const struct cache_layer *layers;
};

/* Consecutive rows of one sequence, at consecutive positions. */
struct segment {
    size_t first, n;       /* rows */
    size_t position;       /* of the first row */
    const uint32_t *pages; /* page of block b of the sequence; covers position + n - 1 */
};

struct batch {
    size_t n_rows;
    const int32_t *ids;       /* [n_rows] token ids, within the embedding table */
    const int32_t *positions; /* [n_rows] */
    size_t n_segments;
    const struct segment *segments; /* cover the rows in order */
    size_t n_selected;
    const uint32_t *selected; /* [n_selected] rows, ascending */
    struct cache_view cache;
};

#endif
