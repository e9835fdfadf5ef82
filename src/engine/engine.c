/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/internal.h"

#define SELECTED_ROWS 32 /* logits rows of a step, at least: prompts whose every row is wanted go in chunks of this */

#define EVENTS_A_SLOT 6 /* of a step: a waiting and a running sequence cancelled, another's three, one to spare */

struct compile_options engine_compile_options(const struct engine_plan *plan, bool precise)
{
    size_t rows = plan->batch > plan->parallel ? plan->batch : plan->parallel;
    size_t selected = plan->parallel > SELECTED_ROWS ? plan->parallel : SELECTED_ROWS;
    return (struct compile_options){
        .precise = precise,
        .max_rows = rows,
        .max_selected = selected < rows ? selected : rows,
    };
}

/* Allocates what steps use. */
static bool allocate(struct engine *engine, struct hob_error *err)
{
    size_t rows = engine->graph.max_rows, parallel = engine->plan.parallel;
    engine->slots = calloc(parallel, sizeof *engine->slots);
    engine->ids = calloc(rows, sizeof *engine->ids);
    engine->positions = calloc(rows, sizeof *engine->positions);
    engine->selected = calloc(engine->graph.max_selected, sizeof *engine->selected);
    engine->segments = calloc(parallel, sizeof *engine->segments);
    engine->segment_owner = calloc(parallel, sizeof(struct sequence *));
    engine->choices = calloc(parallel, sizeof *engine->choices);
    engine->events = calloc(EVENTS_A_SLOT * parallel, sizeof *engine->events);
    if (!engine->slots || !engine->ids || !engine->positions || !engine->selected || !engine->segments ||
        !engine->segment_owner || !engine->choices || !engine->events)
        return error_memory(err, rows * sizeof *engine->ids);
    engine->pages = pages_new(engine->plan.n_pages, engine->page_bytes, err);
    if (!engine->pages)
        return false;
    engine->batch = (struct batch){
        .ids = engine->ids,
        .positions = engine->positions,
        .segments = engine->segments,
        .selected = engine->selected,
        .cache = {engine->plan.kv, pages_base(engine->pages), engine->page_bytes, engine->layers},
    };
    return true;
}

struct engine *engine_new(struct model *model, const struct engine_options *options,
                          bool (*progress)(void *ctx, size_t done, size_t total), void *ctx, struct hob_error *err)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        error_memory(err, sizeof *engine);
        return NULL;
    }
    graph_init(&engine->graph);
    engine->model = model;
    engine->layers = calloc(model->hparams.n_layers, sizeof *engine->layers);
    bool good = engine->layers || error_memory(err, model->hparams.n_layers);
    good = good && engine_make_plan(model, options, &engine->plan, err);
    good = good && (engine->kernels = kernels_select(options->isa, err)) != NULL;
    good = good && (engine->page_bytes = model_cache_layout(model, engine->plan.kv, engine->layers, err)) > 0;
    good = good && (engine->pool = pool_new(engine->plan.threads, err)) != NULL;
    struct compile_options compile = engine_compile_options(&engine->plan, options->precise);
    good = good && model_graph(model, &compile, &engine->graph, err) && allocate(engine, err) &&
           model_load(model, engine->pool, progress, ctx, err);
    good = good && (engine->backend = backend_cpu_new(&engine->graph, engine->kernels, engine->pool, err)) != NULL;
    if (good)
        return engine;
    engine_free(engine);
    return NULL;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    backend_free(engine->backend);
    pages_free(engine->pages);
    pool_free(engine->pool);
    graph_clear(&engine->graph);
    free(engine->layers);
    free(engine->slots);
    free(engine->ids);
    free(engine->positions);
    free(engine->selected);
    free(engine->segments);
    free(engine->segment_owner);
    free(engine->choices);
    free(engine->events);
    free(engine);
}

const struct engine_plan *engine_get_plan(const struct engine *engine)
{
    return &engine->plan;
}

const struct kernels *engine_kernels(const struct engine *engine)
{
    return engine->kernels;
}

const struct graph *engine_graph(const struct engine *engine)
{
    return &engine->graph;
}

double engine_graph_ms(const struct engine *engine)
{
    return engine->graph_ms;
}

struct model *engine_model(const struct engine *engine)
{
    return engine->model;
}

/* Records an event. */
static struct engine_event *event(struct engine *engine, enum event_kind kind, struct sequence *sequence)
{
    struct engine_event *e = &engine->events[engine->n_events++];
    *e = (struct engine_event){.kind = kind, .sequence = sequence};
    return e;
}

/* Ends a sequence and frees its slot and pages. */
static void end_sequence(struct engine *engine, struct sequence *sequence, enum end_reason reason)
{
    sequence_finish(sequence);
    sequence->reason = reason;
    event(engine, EVENT_END, sequence)->reason = reason;
}

/* Whether there are pages for all that the sequence has so far, and one more, or nobody whose end would bring them. */
static bool has_room(const struct engine *engine, const struct sequence *sequence)
{
    size_t total = sequence->n_prompt + sequence->n_generated;
    if (pages_unheld(engine->pages) >= total / CACHE_BLOCK + 1)
        return true;
    for (unsigned i = 0; i < engine->plan.parallel; i++)
        if (engine->slots[i])
            return false;
    return true;
}

/* Moves waiting sequences into free slots, and ends those that were cancelled. */
static void admit(struct engine *engine)
{
    for (struct sequence *at = engine->waiting, *next; at && engine->n_events < engine->plan.parallel; at = next) {
        next = at->next;
        if (atomic_load(&at->cancelled))
            end_sequence(engine, at, END_CANCELLED);
    }
    for (unsigned i = 0; i < engine->plan.parallel; i++)
        if (engine->slots[i] && atomic_load(&engine->slots[i]->cancelled))
            end_sequence(engine, engine->slots[i], END_CANCELLED);
    for (unsigned i = 0; i < engine->plan.parallel && engine->waiting; i++) {
        struct sequence *sequence = engine->waiting;
        if (engine->slots[i])
            continue;
        if (!has_room(engine, sequence))
            break;
        engine->waiting = sequence->next;
        sequence->next = NULL;
        sequence->state = SEQUENCE_RUNNING;
        if (sequence->started_ms == 0)
            sequence->started_ms = sequence->last_ms = clock_ms();
        engine->slots[i] = sequence;
        sequence_reuse_prefix(sequence);
        if (atomic_load(&sequence->cancelled))
            end_sequence(engine, sequence, END_CANCELLED);
    }
}

/* Adds `n` rows of a sequence to the batch, as many as the logits rows left allow. */
static void add_rows(struct engine *engine, struct sequence *sequence, size_t n)
{
    struct batch *batch = &engine->batch;
    size_t total = sequence->n_prompt + sequence->n_generated, last = total - 1, first = sequence->n_computed;
    size_t room = engine->graph.max_selected - batch->n_selected;
    if (sequence->request.all_logits) {
        size_t from = sequence->request.logits_from, unseen = from > first ? from - first : 0;
        n = n > unseen && n - unseen > room ? unseen + room : n;
    }
    if (n == 0 || (room == 0 && !sequence->request.pool))
        return;
    if (!sequence_reserve(sequence, first + n)) {
        size_t places = sequence->n_pages * CACHE_BLOCK;
        n = places > first ? places - first : 0;
        if (n == 0) /* it waits for a page; make_places() has seen to it that another goes on */
            return;
    }
    struct segment *segment = &engine->segments[batch->n_segments];
    engine->segment_owner[batch->n_segments++] = sequence;
    *segment = (struct segment){batch->n_rows, n, first, sequence->pages};
    for (size_t i = 0; i < n; i++) {
        size_t position = first + i, row = batch->n_rows++;
        engine->ids[row] = sequence->tokens[position];
        engine->positions[row] = (int32_t)position;
        if ((position == last && !sequence->request.pool) ||
            (sequence->request.all_logits && position >= sequence->request.logits_from &&
             position < sequence->n_prompt))
            engine->selected[batch->n_selected++] = (uint32_t)row;
    }
}

static bool decodes(const struct sequence *sequence)
{
    return sequence->n_computed + 1 == sequence->n_prompt + sequence->n_generated;
}

/* The youngest running sequence that may be set aside for `sequence`, or NULL. */
static struct sequence *youngest(const struct engine *engine, const struct sequence *sequence)
{
    struct sequence *found = NULL;
    for (unsigned i = 0; i < engine->plan.parallel; i++) {
        struct sequence *at = engine->slots[i];
        if (at && at->number > sequence->number && at->n_pages > 0 && !at->request.all_logits &&
            (!found || at->number > found->number))
            found = at;
    }
    return found;
}

/* Sees to it that the next row of every sequence has a page, the oldest first: where there is none, the youngest is set
 * aside. The oldest always goes on, so that all end. */
static void make_places(struct engine *engine)
{
    uint64_t last = 0;
    for (bool first = true;; first = false) {
        struct sequence *next = NULL;
        for (unsigned i = 0; i < engine->plan.parallel; i++) {
            struct sequence *at = engine->slots[i];
            if (at && (first || at->number > last) && (!next || at->number < next->number))
                next = at;
        }
        if (!next)
            return;
        last = next->number;
        while (!sequence_reserve(next, next->n_computed + 1)) {
            struct sequence *victim = youngest(engine, next);
            if (!victim)
                break;
            sequence_set_aside(victim);
        }
    }
}

/* Puts the batch together: a row for every sequence that decodes, then chunks of prompts, one after the other. */
static void compose(struct engine *engine)
{
    struct batch *batch = &engine->batch;
    unsigned parallel = engine->plan.parallel;
    batch->n_rows = batch->n_segments = batch->n_selected = 0;
    pace_begin(engine);
    make_places(engine);
    for (unsigned i = 0; i < parallel; i++)
        if (engine->slots[i] && decodes(engine->slots[i]))
            add_rows(engine, engine->slots[i], 1);
    bool free = batch->n_rows == 0;
    for (unsigned k = 0; k < parallel; k++) {
        struct sequence *sequence = engine->slots[(engine->turn + k) % parallel];
        if (!sequence || decodes(sequence))
            continue;
        size_t from = sequence->n_computed, left = sequence->n_prompt + sequence->n_generated - from;
        size_t room = engine->graph.max_rows - batch->n_rows, before = batch->n_rows;
        add_rows(engine, sequence, pace_rows(engine, from, left < room ? left : room, free));
        pace_take(engine, from, batch->n_rows - before);
    }
    engine->turn = (engine->turn + 1) % parallel;
    for (unsigned i = 0; batch->n_rows == 0 && i < parallel; i++) { /* one that may not be set aside has all pages */
        struct sequence *stuck = engine->slots[i];
        if (!stuck)
            continue;
        error_set(&stuck->error, HOB_LIMIT, "no KV page is left for position %zu", stuck->n_computed);
        end_sequence(engine, stuck, END_ERROR);
    }
}

/* Draws the tokens of a step's choices, on whichever worker is free: rows do not know of each other. */
static void draw(void *ctx, unsigned worker)
{
    struct engine *engine = ctx;
    (void)worker;
    for (size_t at; (at = atomic_fetch_add(&engine->next_choice, 1)) < engine->n_choices;) {
        struct choice *choice = &engine->choices[at];
        struct sequence *sequence = choice->sequence;
        const struct constraint *constraint = sequence->request.constraint;
        const uint32_t *allowed = constraint ? constraint->allowed(constraint->state) : NULL;
        if (sequence->sha)
            sha256_add(sequence->sha, choice->logits, engine->model->n_vocab * sizeof *choice->logits);
        choice->id = sampler_next(sequence->sampler, choice->logits, allowed, sequence->tokens,
                                  sequence->n_prompt + sequence->n_generated, sequence->n_generated, &sequence->error);
        if (constraint && choice->id >= 0)
            constraint->accept(constraint->state, choice->id);
    }
}

/* Makes the token that was drawn the sequence's next. */
static void append(struct engine *engine, const struct choice *choice)
{
    struct sequence *sequence = choice->sequence;
    size_t total = sequence->n_prompt + sequence->n_generated;
    sequence->last_ms = clock_ms();
    if (choice->id < 0) {
        error_prefix(&sequence->error, "%s: token %zu", engine->model->name, total);
        end_sequence(engine, sequence, END_ERROR);
        return;
    }
    if (sequence->n_generated == 0)
        sequence->first_ms = sequence->last_ms;
    sequence->tokens[total] = choice->id;
    sequence->n_generated++;
    const struct tokenizer *tokenizer = engine->model->tokenizer;
    /* Behind what a constraint accepts nothing can follow, whatever the request would like to ignore. */
    bool ends = !sequence->request.ignore_eos || sequence->request.constraint;
    bool eog = ends && tokenizer && tokenizer_is_eog(tokenizer, choice->id);
    for (size_t i = 0; !eog && i < sequence->request.n_stops; i++)
        eog = sequence->request.stops[i] == choice->id;
    struct engine_event *e = event(engine, EVENT_TOKEN, sequence);
    e->id = choice->id;
    e->is_eog = eog;
    if (eog)
        end_sequence(engine, sequence, END_STOP);
    else if (sequence->n_prompt + sequence->n_generated == sequence->cap)
        end_sequence(engine, sequence, END_LENGTH);
}

/* Chooses the tokens that follow the logits which distribute() found to be of last rows. */
static void choose(struct engine *engine)
{
    atomic_store(&engine->next_choice, 0);
    if (engine->n_choices > 1)
        pool_run(engine->pool, draw, engine);
    else
        draw(engine, 0);
    for (size_t i = 0; i < engine->n_choices; i++)
        append(engine, &engine->choices[i]);
}

/* Takes rows of hidden states into a sequence's vector, in the order of their positions; ends it after the last. */
static void pool_rows(struct engine *engine, struct sequence *sequence, const struct segment *segment)
{
    struct backend_rows hidden = backend_hidden(engine->backend);
    size_t width = engine->model->hparams.e, n = sequence->n_prompt;
    for (size_t i = 0; i < segment->n; i++) {
        const float *row = hidden.data + (segment->first + i) * hidden.stride;
        size_t position = segment->position + i;
        enum pooling pool = sequence->request.pool;
        bool first = position == 0 || pool == POOL_LAST, counts = pool != POOL_CLS || position == 0;
        for (size_t c = 0; counts && c < width; c++)
            sequence->pool_sum[c] = (first ? 0 : sequence->pool_sum[c]) + (double)row[c];
    }
    if (sequence->n_computed < n)
        return;
    bool finite = true;
    for (size_t c = 0; c < width; c++) {
        double sum = sequence->pool_sum[c];
        sequence->pooled[c] = (float)(sequence->request.pool == POOL_MEAN ? sum / (double)n : sum);
        finite = finite && isfinite(sequence->pooled[c]);
    }
    if (!finite)
        error_set(&sequence->error, HOB_FORMAT, "%s: its hidden states are not finite", engine->model->name);
    end_sequence(engine, sequence, finite ? END_LENGTH : END_ERROR);
}

/* Hands out the logits of a segment's selected rows; `*at` walks the selected rows. */
static void distribute(struct engine *engine, size_t s, struct backend_rows rows, size_t *at)
{
    struct sequence *sequence = engine->segment_owner[s];
    const struct segment *segment = &engine->segments[s];
    size_t end = segment->first + segment->n;
    bool prefill = sequence->n_computed < sequence->n_prompt;
    sequence->n_computed += segment->n;
    sequence_publish(sequence);
    if (prefill || sequence->n_computed < sequence->n_prompt + sequence->n_generated) { /* or is computed anew */
        struct engine_event *e = event(engine, EVENT_PREFILL, sequence);
        e->n_done = sequence->n_computed < sequence->n_prompt ? sequence->n_computed : sequence->n_prompt;
        e->n_prompt = sequence->n_prompt;
        sequence->last_ms = clock_ms();
    }
    if (sequence->request.pool)
        pool_rows(engine, sequence, segment);
    for (; *at < engine->batch.n_selected && engine->selected[*at] < end; ++*at) {
        const float *logits = rows.data + *at * rows.stride;
        size_t position = segment->position + engine->selected[*at] - segment->first;
        if (sequence->request.on_logits)
            sequence->request.on_logits(sequence->request.user, sequence, position, logits);
        if (position + 1 < sequence->n_prompt + sequence->n_generated)
            continue;
        if (sequence->request.max_tokens == 0)
            end_sequence(engine, sequence, END_LENGTH);
        else
            engine->choices[engine->n_choices++] = (struct choice){.sequence = sequence, .logits = logits};
    }
}

void engine_step(struct engine *engine, const struct engine_event **events, size_t *n)
{
    engine->n_events = 0;
    admit(engine);
    compose(engine);
    if (engine->batch.n_rows > 0) {
        double start_ms = clock_ms();
        struct backend_rows rows = backend_run(engine->backend, &engine->batch);
        double graph_ms = clock_ms() - start_ms;
        pace_learn(engine, graph_ms);
        engine->graph_ms += graph_ms;
        uint64_t control = float_control_enter();
        size_t at = 0;
        engine->n_choices = 0;
        for (size_t s = 0; s < engine->batch.n_segments; s++)
            distribute(engine, s, rows, &at);
        choose(engine);
        float_control_leave(control);
    }
    *events = engine->events;
    *n = engine->n_events;
}
