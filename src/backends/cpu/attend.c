/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention steps. An item is the queries of some rows of one sequence that share a kv head (at most ATTEND_QUERIES of
 * them); it walks the blocks of keys
 * its rows see, in ascending position, and the kernel merges each block's sums into its state. Where there are fewer
 * items than would keep the workers busy, the blocks of an item are shared out: every block's sums are kept, and
 * whoever finishes the item's last block merges them, in ascending position, so that the result is the same bits.
 */
#include "backends/cpu/cpu.h"

#include <string.h>

#define SPLIT_BLOCKS 4 /* blocks a worker claims of a split item */

/* Rows [row, row + n) of the batch, all of one segment, and some heads of one kv head. */
struct item {
    const struct segment *segment;
    size_t row, n;
    size_t position; /* of the first row */
    unsigned kv_head;
    unsigned head, heads;  /* query heads [head, head + heads) */
    size_t block0, block1; /* blocks of keys that some row sees */
};

/* One step's attention. */
struct attention {
    const struct backend *cpu;
    const struct node *node;
    const struct attend *attend;
    const struct cache_layer *layer;
    unsigned group; /* query heads of a kv head */
    unsigned part;  /* query heads of an item, at most */
    unsigned parts; /* items that share a kv head's query heads */
    size_t tile;    /* rows of an item, at most */
    size_t n_tiles; /* of all segments */
    size_t n_items;
    const struct step *step;
};

/* The first position that a row at `position` sees. */
static size_t first_seen(const struct attend *attend, size_t position)
{
    return attend->window && position + 1 > attend->window ? position + 1 - attend->window : 0;
}

static struct item item_at(const struct attention *at, size_t index)
{
    struct item item = {.kv_head = (unsigned)(index / at->parts % at->attend->kv_heads)};
    unsigned first = (unsigned)(index % at->parts) * at->part;
    item.head = item.kv_head * at->group + first;
    item.heads = at->group - first < at->part ? at->group - first : at->part;
    size_t tile = index / at->parts / at->attend->kv_heads;
    const struct segment *segment = at->cpu->batch->segments;
    for (;; segment++) {
        size_t tiles = (segment->n + at->tile - 1) / at->tile;
        if (tile < tiles)
            break;
        tile -= tiles;
    }
    item.segment = segment;
    item.row = segment->first + tile * at->tile;
    item.n = segment->n - tile * at->tile < at->tile ? segment->n - tile * at->tile : at->tile;
    item.position = segment->position + tile * at->tile;
    item.block0 = first_seen(at->attend, item.position) / CACHE_BLOCK;
    item.block1 = (item.position + item.n - 1) / CACHE_BLOCK + 1;
    return item;
}

/* Copies the item's queries side by side: [n, heads, D]. */
static void gather_queries(const struct attention *at, const struct item *item, float *out)
{
    size_t columns = (size_t)item->heads * at->attend->dim, c0 = (size_t)item->head * at->attend->dim;
    for (size_t i = 0; i < item->n; i++)
        memcpy(out + i * columns, (const float *)cpu_row(at->cpu, at->node->in[0], item->row + i) + c0,
               columns * sizeof *out);
}

/* Where the keys of a block and of the item's kv head lie; the values lie behind them. */
static const uint8_t *block_keys(const struct attention *at, const struct item *item, size_t block)
{
    const struct cache_view *cache = &at->cpu->batch->cache;
    return cache->base + item->segment->pages[block] * cache->page_bytes + at->layer->offset +
           item->kv_head * (at->layer->key_bytes + at->layer->value_bytes);
}

/* Merges the sums of block `block` into the state of the item's queries that see it: m, s [n * heads], o [n * heads,
 * DV]. */
static void attend_block(const struct attention *at, const struct item *item, size_t block, float *m, float *s,
                         float *o, struct cpu_scratch *scratch)
{
    uint8_t lo[ATTEND_QUERIES], hi[ATTEND_QUERIES];
    size_t start = block * CACHE_BLOCK, first = SIZE_MAX, n = 0;
    for (size_t i = 0; i < item->n; i++) {
        size_t position = item->position + i, from = first_seen(at->attend, position), to = position + 1;
        from = from > start ? from - start : 0;
        to = to > start ? to - start : 0;
        to = to < CACHE_BLOCK ? to : CACHE_BLOCK;
        if (from >= to)
            continue;
        if (first == SIZE_MAX)
            first = i * item->heads;
        for (unsigned h = 0; h < item->heads; h++, n++) {
            lo[n] = (uint8_t)from;
            hi[n] = (uint8_t)to;
        }
    }
    const uint8_t *keys = block_keys(at, item, block);
    const uint8_t *next = block + 1 < item->block1 ? block_keys(at, item, block + 1) : keys;
    struct attend_args args = {
        .n_q = n,
        .q = scratch->queries + first * at->attend->dim,
        .q_stride = at->attend->dim,
        .d = at->attend->dim,
        .dv = at->attend->dim_v,
        .type = at->cpu->batch->cache.type,
        .k = keys,
        .v = keys + at->layer->key_bytes,
        .ahead = next - keys,
        .lo = lo,
        .hi = hi,
        .scale = at->attend->scale,
        .softcap = at->attend->softcap,
        .m = m + first,
        .s = s + first,
        .o = o + first * at->attend->dim_v,
        .o_stride = at->attend->dim_v,
        .scratch = scratch->kernel,
    };
    at->cpu->kernels->attend(&args);
}

/* Writes the item's result, state / s, and runs the step's other nodes on its columns. */
static void end_item(const struct attention *at, const struct item *item, const float *s, const float *state,
                     struct cpu_scratch *scratch)
{
    size_t dv = at->attend->dim_v, columns = item->heads * dv, c0 = item->head * dv;
    for (size_t i = 0; i < item->n; i++) {
        float *out = (float *)cpu_row(at->cpu, at->node->out, item->row + i) + c0;
        for (unsigned h = 0; h < item->heads; h++)
            at->cpu->kernels->attend_end(state + i * columns + h * dv, s[i * item->heads + h], dv, out + h * dv);
        for (unsigned k = 1; k < at->step->n; k++)
            cpu_run_columns(at->cpu, at->node + k, item->row + i, c0, c0 + columns, scratch);
    }
}

/* One whole item. */
static void run_item(const struct attention *at, size_t index, struct cpu_scratch *scratch)
{
    struct item item = item_at(at, index);
    float m[ATTEND_QUERIES], s[ATTEND_QUERIES] = {0};
    gather_queries(at, &item, scratch->queries);
    for (size_t block = item.block0; block < item.block1; block++)
        attend_block(at, &item, block, m, s, scratch->state, scratch);
    end_item(at, &item, s, scratch->state, scratch);
}

/* A split item's sums of one block: m, s, then o. */
struct split_block {
    float *m, *s, *o;
};

static struct split_block split_block(const struct attention *at, size_t index, size_t block, size_t max_blocks)
{
    size_t n_q = at->tile * at->part, floats = n_q * (at->attend->dim_v + 2);
    float *base = (float *)at->cpu->split + (index * max_blocks + block) * floats;
    return (struct split_block){base, base + n_q, base + 2 * n_q};
}

/* Merges all blocks of a split item and ends it. */
static void merge_split(const struct attention *at, size_t index, const struct item *item, size_t max_blocks,
                        struct cpu_scratch *scratch)
{
    float state_m[ATTEND_QUERIES], state_s[ATTEND_QUERIES] = {0};
    size_t dv = at->attend->dim_v;
    for (size_t block = item->block0; block < item->block1; block++) {
        struct split_block part = split_block(at, index, block - item->block0, max_blocks);
        for (size_t q = 0; q < item->n * item->heads; q++) {
            size_t position = item->position + q / item->heads;
            bool sees = first_seen(at->attend, position) < (block + 1) * CACHE_BLOCK && position >= block * CACHE_BLOCK;
            if (sees)
                at->cpu->kernels->attend_merge(&state_m[q], &state_s[q], scratch->state + q * dv, part.m[q], part.s[q],
                                               part.o + q * dv, dv);
        }
    }
    end_item(at, item, state_s, scratch->state, scratch);
}

/* Some blocks of an item; the last to finish merges. */
static void run_split(const struct attention *at, size_t index, size_t from, size_t max_blocks,
                      struct cpu_scratch *scratch)
{
    struct item item = item_at(at, index);
    size_t n_blocks = item.block1 - item.block0, to = from + SPLIT_BLOCKS < n_blocks ? from + SPLIT_BLOCKS : n_blocks;
    if (from >= to)
        return;
    gather_queries(at, &item, scratch->queries);
    for (size_t block = from; block < to; block++) {
        struct split_block part = split_block(at, index, block, max_blocks);
        memset(part.s, 0, item.n * item.heads * sizeof *part.s);
        attend_block(at, &item, item.block0 + block, part.m, part.s, part.o, scratch);
    }
    unsigned done = (unsigned)(to - from);
    if (atomic_fetch_add_explicit(&at->cpu->split_done[index], done, memory_order_acq_rel) + done < n_blocks)
        return;
    atomic_store_explicit(&at->cpu->split_done[index], 0, memory_order_relaxed); /* for the next step */
    merge_split(at, index, &item, max_blocks, scratch);
}

struct cpu_work cpu_run_attend(const struct backend *cpu, const struct step *step, struct claim *claim,
                               struct cpu_scratch *scratch)
{
    const struct batch *batch = cpu->batch;
    struct attention at = {.cpu = cpu, .node = &cpu->graph->nodes[step->first], .step = step};
    at.attend = &at.node->attend;
    at.layer = &batch->cache.layers[at.attend->layer];
    at.group = at.attend->heads / at.attend->kv_heads;
    at.part = at.group < ATTEND_QUERIES ? at.group : ATTEND_QUERIES;
    at.parts = (at.group + at.part - 1) / at.part;
    at.tile = ATTEND_QUERIES / at.part;
    size_t max_blocks = 0, first, end;
    for (size_t i = 0; i < batch->n_segments; i++) {
        const struct segment *segment = &batch->segments[i];
        size_t blocks = (segment->position + segment->n - 1) / CACHE_BLOCK + 1;
        size_t seen = at.attend->window ? (at.attend->window + at.tile) / CACHE_BLOCK + 2 : blocks;
        blocks = blocks < seen ? blocks : seen;
        max_blocks = blocks > max_blocks ? blocks : max_blocks;
        at.n_tiles += (segment->n + at.tile - 1) / at.tile;
    }
    at.n_items = at.n_tiles * at.attend->kv_heads * at.parts;
    struct cpu_work work = {0, at.n_items};
    size_t split_bytes = at.n_items * max_blocks * at.tile * at.part * (at.attend->dim_v + 2) * sizeof(float);
    unsigned workers = pool_size(cpu->pool);
    if (workers > 1 && at.n_items < 4 * (size_t)workers && at.n_items <= ATTEND_SPLIT_ITEMS &&
        max_blocks > SPLIT_BLOCKS && split_bytes <= ATTEND_SPLIT_BYTES) {
        size_t parts = (max_blocks + SPLIT_BLOCKS - 1) / SPLIT_BLOCKS;
        work.total = at.n_items * parts;
        for (; claim_next(claim, work.total, 1, &first, &end); work.done++)
            run_split(&at, first / parts, first % parts * SPLIT_BLOCKS, max_blocks, scratch);
        return work;
    }
    for (; claim_next(claim, work.total, 1, &first, &end); work.done++)
        run_item(&at, at.n_items - 1 - first, scratch); /* the longest first */
    return work;
}
