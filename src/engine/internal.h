/* SPDX-License-Identifier: Apache-2.0
 *
 * What the engine's files share: the engine, its sequences, and how a step is put together.
 */
#ifndef HOB_ENGINE_INTERNAL_H
#define HOB_ENGINE_INTERNAL_H

#include <stdatomic.h>

#include "backends/backend.h"
#include "base/sha256.h"
#include "engine/engine.h"
#include "engine/pages.h"

enum sequence_state { SEQUENCE_NEW, SEQUENCE_WAITING, SEQUENCE_RUNNING, SEQUENCE_ENDED };

struct sequence {
    struct engine *engine;
    struct sequence *next; /* in the waiting list */
    enum sequence_state state;
    uint64_t number; /* the order of queueing */
    atomic_bool cancelled;
    struct sequence_request request; /* its `tokens` and `sampling` are no longer valid */
    struct sampler *sampler;
    struct sha256 *sha;
    double *pool_sum; /* with request.pool: [E] */
    float *pooled;    /* [E] */
    int32_t *tokens;  /* [cap] prompt, then generated */
    size_t n_prompt, n_generated, n_cached, cap;
    size_t n_computed; /* positions whose keys and values are in the cache */
    uint32_t *pages;   /* [cap / 64 + 1] */
    size_t n_pages, n_published;
    enum end_reason reason;
    struct hob_error error;
    double started_ms, first_ms, last_ms;
};

/* A token to be chosen after the logits of a sequence's last row. */
struct choice {
    struct sequence *sequence;
    const float *logits; /* [n_vocab] */
    int32_t id;          /* what was drawn; negative: sequence->error says why not */
};

/* How long rows of prompts take, and how many the step being put together may have. */
struct pace {
    double unit_ms, decode_ms; /* about, of an operation of prompts and of a step without any; 0: not known yet */
    double foreseen_ms;        /* of an operation of this step; 0: nobody knows */
    double left_ms;            /* of this step */
    double work;               /* operations of prompts in this step */
    size_t n_rows;             /* rows of them */
    bool limited;              /* there would have been more */
};

struct engine {
    struct model *model;
    struct engine_plan plan;
    const struct kernels *kernels;
    struct pool *pool;
    struct graph graph;
    struct backend *backend;
    struct pages *pages;
    struct cache_layer *layers;
    size_t page_bytes;
    struct sequence **slots; /* [parallel] running sequences, NULL where free */
    struct sequence *waiting, *waiting_last;
    uint64_t n_queued;
    struct pace pace;
    double graph_ms; /* of all steps so far */
    unsigned turn;   /* the slot whose prompt is served first */
    /* The batch of a step. */
    struct batch batch;
    int32_t *ids, *positions;
    struct segment *segments;
    uint32_t *selected;
    struct sequence **segment_owner; /* [segments] */
    struct choice *choices;          /* [parallel] */
    size_t n_choices;
    atomic_size_t next_choice;
    struct engine_event *events;
    size_t n_events;
};

/* How the engine's graph is compiled. */
struct compile_options engine_compile_options(const struct engine_plan *plan, bool precise);

/* Begins a step. */
void pace_begin(struct engine *engine);

/* How many of the next `most` rows of a prompt, which is read up to `from`, the step may take: all, when it is `free`
 * of rows that decode. */
size_t pace_rows(struct engine *engine, size_t from, size_t most, bool free);

/* Counts rows of a prompt that the step takes. */
void pace_take(struct engine *engine, size_t from, size_t n);

/* Learns from how long the step took. */
void pace_learn(struct engine *engine, double ms);

/* Gives the sequence's pages back. */
void sequence_release(struct sequence *sequence);

/* Takes over what the cache has of the prompt. */
void sequence_reuse_prefix(struct sequence *sequence);

/* Makes pages for positions up to `n`; false when there are not enough, and then it has those there were. */
bool sequence_reserve(struct sequence *sequence, size_t n);

/* Takes a running sequence's place and pages away; it waits, before all others, and then is computed anew. */
void sequence_set_aside(struct sequence *sequence);

/* Publishes pages that have become full. */
void sequence_publish(struct sequence *sequence);

#endif
