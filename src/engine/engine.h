/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine: many sequences through one model. Each step runs one ragged batch, a row for every sequence that decodes
 * and chunks of prompts beside them; a sequence's tokens depend on nothing but its own request. KV pages are shared by
 * equal prefix. One thread drives an engine; only sequence_cancel() may come from others. Decoding allocates nothing.
 */
#ifndef HOB_ENGINE_ENGINE_H
#define HOB_ENGINE_ENGINE_H

#include "engine/sampler.h"
#include "model/model.h"

/* Zero-initialised: all defaults, one sequence. */
struct engine_options {
    unsigned threads;  /* 0: the physical cores allowed */
    size_t ctx;        /* positions a sequence may have; 0: the model's own, reduced to fit memory */
    size_t batch;      /* rows of a step; 0: 128 */
    unsigned parallel; /* sequences in flight; 0: 1 */
    size_t max_bytes;  /* memory to take at most; 0: what the machine has left */
    bool has_kv;
    enum cache_type kv; /* with has_kv; else f16, f32 under precise */
    enum isa isa;       /* ISA_REF is 0: set ISA_AUTO for the best */
    bool precise;
};

/* What an engine will take, in bytes, before it takes it. */
struct engine_plan {
    size_t ctx;        /* after reduction */
    size_t ctx_wanted; /* before */
    size_t batch;
    unsigned parallel, threads;
    enum cache_type kv;
    size_t weight_bytes; /* in panels */
    size_t n_pages;      /* of the KV cache; fewer than every sequence's whole context takes where memory is short */
    size_t cache_bytes;  /* when all pages are in use */
    size_t cache_bytes_token;
    size_t work_bytes;      /* activations and scratch */
    size_t available_bytes; /* memory_left() */
};

struct engine;
struct sequence;

/* Why a sequence ended. */
enum end_reason { END_STOP, END_LENGTH, END_CANCELLED, END_ERROR };

/* What happened to a sequence in a step. */
enum event_kind {
    EVENT_PREFILL, /* part of its prompt was read: n_done of n_prompt */
    EVENT_TOKEN,   /* a token was chosen */
    EVENT_END      /* nothing more will come; the sequence is the caller's to free */
};

struct engine_event {
    enum event_kind kind;
    struct sequence *sequence;
    size_t n_done, n_prompt;
    int32_t id;
    bool is_eog; /* the token ends generation; EVENT_END follows */
    enum end_reason reason;
};

/* Called with the raw logits [V] of position `position` (those that predict position + 1), within engine_step(). */
typedef void logits_fn(void *user, struct sequence *sequence, size_t position, const float *logits);

/* The words a constraint allows next, a bit mask over the vocabulary, asked before each token; and each token taken.
 * Within engine_step(), on any of its workers, and on several at once for different sequences. */
struct constraint {
    void *state;
    const uint32_t *(*allowed)(void *state);
    void (*accept)(void *state, int32_t id);
};

struct sequence_request {
    const int32_t *tokens; /* the prompt; copied */
    size_t n_tokens;
    size_t max_tokens; /* to generate; SIZE_MAX: as many as the context holds; 0: only read the prompt */
    size_t ctx;        /* positions it may have, when that is less than the engine's; 0: those */
    uint64_t owner;    /* whose it is: pages are shared with the same owner's sequences only */
    enum pooling pool; /* what is wanted is not tokens but a vector of the prompt (sequence_embedding()) */
    bool ignore_eos;
    const int32_t *stops; /* [n_stops] ids that end it besides; borrowed */
    size_t n_stops;
    bool all_logits;                        /* on_logits for every position of the prompt, and no prefix is reused */
    size_t logits_from;                     /* with all_logits: only from this position on */
    bool hash_logits;                       /* digest the raw logits of every token chosen (sequence_logits_sha256) */
    const struct sampler_options *sampling; /* NULL: the defaults */
    const struct constraint *constraint;    /* NULL: none; borrowed */
    logits_fn *on_logits;                   /* NULL: none */
    void *user;
};

/* Plans without loading; needs model_bind(). HOB_LIMIT names needed and available bytes when even the smallest context
 * does not fit. */
bool engine_make_plan(const struct model *model, const struct engine_options *options, struct engine_plan *plan,
                      struct hob_error *err);

/* An engine on `model`, which is bound and is loaded here if it is not yet (`progress` as in model_load()). `model` is
 * borrowed. The caller owns the engine. */
struct engine *engine_new(struct model *model, const struct engine_options *options,
                          bool (*progress)(void *ctx, size_t done, size_t total), void *ctx, struct hob_error *err);

/* Frees it; its sequences have been freed before (NULL is fine). */
void engine_free(struct engine *engine);

/* The plan the engine was built by. Borrowed. */
const struct engine_plan *engine_get_plan(const struct engine *engine);

/* The kernels in use. */
const struct kernels *engine_kernels(const struct engine *engine);

/* The program that a step runs. Borrowed. */
const struct graph *engine_graph(const struct engine *engine);

/* How long the program has run in all steps so far, without what comes around it: choosing rows, sampling, events. */
double engine_graph_ms(const struct engine *engine);

/* The model. Borrowed. */
struct model *engine_model(const struct engine *engine);

/* Makes a sequence. HOB_LIMIT with both numbers when the prompt is longer than the context, HOB_USAGE when it is empty
 * or names an id out of the vocabulary. From any thread. The caller owns it. */
struct sequence *sequence_new(struct engine *engine, const struct sequence_request *request, struct hob_error *err);

/* Queues a new sequence. The caller still frees it, after its EVENT_END or earlier. */
void engine_queue(struct engine *engine, struct sequence *sequence);

/* Both at once. */
struct sequence *engine_submit(struct engine *engine, const struct sequence_request *request, struct hob_error *err);

/* Runs one step and sets the events it caused, borrowed until the next call; n == 0 means there is nothing to do. */
void engine_step(struct engine *engine, const struct engine_event **events, size_t *n);

/* Asks the sequence to end at the next step. From any thread. */
void sequence_cancel(struct sequence *sequence);

/* Ends the sequence now, between steps, as if its last token had been its end (a stop word was found). No EVENT_END
 * follows. */
void sequence_finish(struct sequence *sequence);

/* Frees a sequence; its full pages stay for others with the same prefix (NULL is fine). */
void sequence_free(struct sequence *sequence);

/* What the request gave as `user`. */
void *sequence_user(const struct sequence *sequence);

/* Prompt and generated tokens so far. Borrowed. */
const int32_t *sequence_tokens(const struct sequence *sequence, size_t *n_prompt, size_t *n_generated);

/* After its end: the vector of a sequence with `pool`, [E], as the model makes it. Borrowed. */
const float *sequence_embedding(const struct sequence *sequence);

/* The sampler, for log probabilities of the last token. Borrowed. */
const struct sampler *sequence_sampler(const struct sequence *sequence);

/* Why a sequence with END_ERROR failed. Borrowed. */
const struct hob_error *sequence_error(const struct sequence *sequence);

/* The digest of the raw logits so far as 64 hex digits and a NUL; hash_logits was set. Ends the digest. */
void sequence_logits_sha256(struct sequence *sequence, char out[65]);

/* How long things took. */
struct sequence_timings {
    size_t cached_tokens;  /* of the prompt, found in the cache */
    size_t prefill_tokens; /* of the prompt, computed */
    double prefill_ms;     /* from the first step to the first token */
    size_t decode_tokens;  /* after the first */
    double decode_ms;
};

/* The times of a sequence so far. */
struct sequence_timings sequence_timings(const struct sequence *sequence);

#endif
