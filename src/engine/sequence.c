/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/internal.h"

void sequence_release(struct sequence *sequence)
{
    /* The last pages first, so that the least recently used are those at the end of a text. */
    while (sequence->n_pages > 0)
        pages_drop(sequence->engine->pages, sequence->pages[--sequence->n_pages]);
}

void sequence_reuse_prefix(struct sequence *sequence)
{
    struct pages *pages = sequence->engine->pages;
    /* The last token is always computed: its logits are wanted. */
    size_t whole = (sequence->n_prompt + sequence->n_generated - 1) / CACHE_BLOCK;
    enum pooling pool = sequence->request.pool;
    if (sequence->request.all_logits || pool == POOL_MEAN || pool == POOL_CLS)
        return;
    while (sequence->n_pages < whole) {
        uint32_t parent = sequence->n_pages ? sequence->pages[sequence->n_pages - 1] : PAGE_NONE;
        uint32_t page =
            pages_match(pages, parent, sequence->request.owner, sequence->tokens + sequence->n_pages * CACHE_BLOCK);
        if (page == PAGE_NONE)
            break;
        sequence->pages[sequence->n_pages++] = page;
    }
    sequence->n_published = sequence->n_pages;
    sequence->n_computed = sequence->n_pages * CACHE_BLOCK;
    if (sequence->n_generated == 0)
        sequence->n_cached = sequence->n_computed;
}

bool sequence_reserve(struct sequence *sequence, size_t n)
{
    while (sequence->n_pages * CACHE_BLOCK < n) {
        uint32_t page = pages_take(sequence->engine->pages);
        if (page == PAGE_NONE)
            return false;
        sequence->pages[sequence->n_pages++] = page;
    }
    return true;
}

void sequence_publish(struct sequence *sequence)
{
    while ((sequence->n_published + 1) * CACHE_BLOCK <= sequence->n_computed) {
        size_t i = sequence->n_published++;
        sequence->pages[i] =
            pages_publish(sequence->engine->pages, sequence->pages[i], i ? sequence->pages[i - 1] : PAGE_NONE,
                          sequence->request.owner, sequence->tokens + i * CACHE_BLOCK);
    }
}

void sequence_cancel(struct sequence *sequence)
{
    atomic_store(&sequence->cancelled, true);
}

void *sequence_user(const struct sequence *sequence)
{
    return sequence->request.user;
}

const int32_t *sequence_tokens(const struct sequence *sequence, size_t *n_prompt, size_t *n_generated)
{
    *n_prompt = sequence->n_prompt;
    *n_generated = sequence->n_generated;
    return sequence->tokens;
}

const float *sequence_embedding(const struct sequence *sequence)
{
    return sequence->pooled;
}

const struct sampler *sequence_sampler(const struct sequence *sequence)
{
    return sequence->sampler;
}

const struct hob_error *sequence_error(const struct sequence *sequence)
{
    return &sequence->error;
}

void sequence_logits_sha256(struct sequence *sequence, char out[65])
{
    sha256_hex(sequence->sha, out);
}

struct sequence_timings sequence_timings(const struct sequence *sequence)
{
    bool begun = sequence->n_generated > 0;
    return (struct sequence_timings){
        .cached_tokens = sequence->n_cached,
        .prefill_tokens = sequence->n_prompt - sequence->n_cached,
        .prefill_ms = (begun ? sequence->first_ms : sequence->last_ms) - sequence->started_ms,
        .decode_tokens = begun ? sequence->n_generated - 1 : 0,
        .decode_ms = begun ? sequence->last_ms - sequence->first_ms : 0,
    };
}

/* The positions that a request may have. */
static size_t context_of(const struct engine *engine, const struct sequence_request *request)
{
    return request->ctx && request->ctx < engine->plan.ctx ? request->ctx : engine->plan.ctx;
}

/* Checks a request against the engine it is for. */
static bool check_request(const struct engine *engine, const struct sequence_request *request, struct hob_error *err)
{
    if (request->n_tokens == 0)
        return error_set(err, HOB_USAGE, "the prompt is empty: want at least one token");
    if (request->n_tokens > context_of(engine, request))
        return error_set(err, HOB_LIMIT,
                         "the prompt has %zu tokens, the context %zu; shorten it or give a larger --ctx",
                         request->n_tokens, context_of(engine, request));
    for (size_t i = 0; i < request->n_tokens; i++)
        if (request->tokens[i] < 0 || (size_t)request->tokens[i] >= engine->model->n_vocab)
            return error_set(err, HOB_USAGE, "token %zu of the prompt is %d, want [0, %zu)", i, request->tokens[i],
                             engine->model->n_vocab);
    return true;
}

struct sequence *sequence_new(struct engine *engine, const struct sequence_request *request, struct hob_error *err)
{
    if (!check_request(engine, request, err))
        return NULL;
    struct sequence *sequence = calloc(1, sizeof *sequence);
    if (!sequence) {
        error_memory(err, sizeof *sequence);
        return NULL;
    }
    struct sampler_options defaults;
    sampler_defaults(&defaults);
    size_t room = context_of(engine, request) - request->n_tokens + 1; /* the last token needs no place in the cache */
    sequence->engine = engine;
    sequence->request = *request;
    if (request->pool)
        sequence->request.max_tokens = 0;
    sequence->n_prompt = request->n_tokens;
    sequence->cap = request->n_tokens + (sequence->request.max_tokens < room ? sequence->request.max_tokens : room);
    sequence->tokens = calloc(sequence->cap + 1, sizeof *sequence->tokens);
    sequence->pages = calloc(sequence->cap / CACHE_BLOCK + 1, sizeof *sequence->pages);
    bool good = sequence->tokens && sequence->pages;
    if (good && request->pool) {
        sequence->pool_sum = calloc(engine->model->hparams.e, sizeof *sequence->pool_sum);
        sequence->pooled = calloc(engine->model->hparams.e, sizeof *sequence->pooled);
        good = sequence->pool_sum && sequence->pooled;
    }
    if (good && request->hash_logits)
        good = (sequence->sha = sha256_new()) != NULL;
    if (!good)
        error_memory(err, sequence->cap * sizeof *sequence->tokens);
    if (good && sequence->request.max_tokens > 0) {
        sequence->sampler =
            sampler_new(request->sampling ? request->sampling : &defaults, engine->model->n_vocab, sequence->cap, err);
        good = sequence->sampler != NULL;
    }
    if (!good) {
        sequence_free(sequence);
        return NULL;
    }
    memcpy(sequence->tokens, request->tokens, request->n_tokens * sizeof *sequence->tokens);
    return sequence;
}

void engine_queue(struct engine *engine, struct sequence *sequence)
{
    sequence->number = engine->n_queued++;
    *(engine->waiting ? &engine->waiting_last->next : &engine->waiting) = sequence;
    engine->waiting_last = sequence;
    sequence->state = SEQUENCE_WAITING;
}

struct sequence *engine_submit(struct engine *engine, const struct sequence_request *request, struct hob_error *err)
{
    struct sequence *sequence = sequence_new(engine, request, err);
    if (sequence)
        engine_queue(engine, sequence);
    return sequence;
}

/* Takes a sequence out of the waiting list or its slot. */
static void detach(struct sequence *sequence)
{
    struct engine *engine = sequence->engine;
    for (unsigned i = 0; i < engine->plan.parallel; i++)
        if (engine->slots[i] == sequence)
            engine->slots[i] = NULL;
    struct sequence *before = NULL;
    for (struct sequence *at = engine->waiting; at; before = at, at = at->next) {
        if (at != sequence)
            continue;
        *(before ? &before->next : &engine->waiting) = at->next;
        if (engine->waiting_last == at)
            engine->waiting_last = before;
        break;
    }
}

void sequence_set_aside(struct sequence *sequence)
{
    struct engine *engine = sequence->engine;
    detach(sequence);
    sequence_release(sequence);
    sequence->n_computed = sequence->n_published = 0;
    sequence->state = SEQUENCE_WAITING;
    sequence->next = engine->waiting; /* it is older than all that wait */
    engine->waiting = sequence;
    if (!sequence->next)
        engine->waiting_last = sequence;
}

void sequence_finish(struct sequence *sequence)
{
    detach(sequence);
    sequence_release(sequence);
    sequence->state = SEQUENCE_ENDED;
    sequence->reason = END_STOP;
}

void sequence_free(struct sequence *sequence)
{
    if (!sequence)
        return;
    if (sequence->state != SEQUENCE_NEW)
        detach(sequence);
    if (sequence->pages)
        sequence_release(sequence);
    sampler_free(sequence->sampler);
    sha256_free(sequence->sha);
    free(sequence->pool_sum);
    free(sequence->pooled);
    free(sequence->tokens);
    free(sequence->pages);
    free(sequence);
}
