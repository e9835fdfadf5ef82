/* SPDX-License-Identifier: Apache-2.0
 */
#include "engine/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "engine/candidates.h"
#include "engine/dry.h"
#include "engine/forbid.h"
#include "engine/penalties.h"
#include "engine/philox.h"
#include "engine/sampler_options.h"
#include "engine/truncate.h"
#include "kernels/math.h"

struct sampler {
    struct sampler_options options; /* its borrowed pointers are not used after sampler_new() */
    size_t n_vocab;
    struct arena arena;
    struct candidates candidates;
    struct logit_bias *bias; /* [options.n_logit_bias] */
    bool forbids;            /* no candidate may be left */
    uint32_t *count;         /* [n_vocab], zero between calls */
    struct dry dry;
    struct forbid forbid;
    double mirostat_mu;
    struct token_logprob chosen;
    struct token_logprob *top; /* [n_top] of room for options.logprobs */
    size_t n_top;
};

/* The text a token is chosen after. */
struct history {
    const int32_t *tokens; /* [n] */
    size_t n, n_generated;
};

static bool init_memory(struct sampler *sampler, size_t n_context, struct hob_error *err)
{
    const struct sampler_options *o = &sampler->options;
    size_t n_bias = o->n_logit_bias, n_top = o->logprobs > 0 ? (size_t)o->logprobs : 0;
    if (!candidates_init(&sampler->candidates, sampler->n_vocab, &sampler->arena, err))
        return false;
    sampler->count = arena_array(&sampler->arena, sampler->n_vocab, sizeof *sampler->count);
    sampler->bias = arena_array(&sampler->arena, n_bias, sizeof *sampler->bias);
    sampler->top = arena_array(&sampler->arena, n_top, sizeof *sampler->top);
    if (!sampler->count || !sampler->bias || !sampler->top)
        return error_memory(err, sampler->n_vocab * sizeof *sampler->count);
    for (size_t i = 0; i < n_bias; i++) {
        sampler->bias[i] = o->logit_bias[i];
        sampler->forbids |= o->logit_bias[i].bias == -INFINITY;
    }
    if (!forbid_init(&sampler->forbid, o, sampler->n_vocab, &sampler->arena, err))
        return false;
    sampler->forbids |= forbid_any(&sampler->forbid);
    if (o->dry_multiplier == 0)
        return true;
    size_t asked = o->dry_last_n < 0 ? n_context : (size_t)o->dry_last_n;
    sampler->dry = (struct dry){
        .multiplier = o->dry_multiplier,
        .base = o->dry_base,
        .allowed_length = (size_t)o->dry_allowed_length,
        .n_window = asked < n_context ? asked : n_context,
        .n_vocab = sampler->n_vocab,
    };
    return dry_init(&sampler->dry, o->dry_breakers, o->n_dry_breakers, &sampler->arena, err);
}

struct sampler *sampler_new(const struct sampler_options *options, size_t n_vocab, size_t n_context,
                            struct hob_error *err)
{
    if (!sampler_check_options(options, n_vocab, err))
        return NULL;
    struct sampler *sampler = calloc(1, sizeof *sampler);
    if (!sampler) {
        error_memory(err, sizeof *sampler);
        return NULL;
    }
    sampler->options = *options;
    sampler->n_vocab = n_vocab;
    sampler->mirostat_mu = 2 * (double)options->mirostat_tau;
    if (!init_memory(sampler, n_context, err)) {
        sampler_free(sampler);
        return NULL;
    }
    return sampler;
}

void sampler_free(struct sampler *sampler)
{
    if (!sampler)
        return;
    arena_clear(&sampler->arena);
    free(sampler);
}

static uint32_t uniform(const struct sampler *sampler, const struct history *history, enum philox_draw draw)
{
    return philox_uniform(sampler->options.seed, history->n_generated, draw);
}

static void step_penalties(struct sampler *sampler, const struct history *history)
{
    const struct sampler_options *o = &sampler->options;
    struct candidates *c = &sampler->candidates;
    if (history->n == 0)
        return;
    size_t n = o->repeat_last_n < 0 || (size_t)o->repeat_last_n > history->n ? history->n : (size_t)o->repeat_last_n;
    penalize_repeats(c, o->repeat_penalty, history->tokens + history->n - n, n, sampler->count, sampler->n_vocab);
    penalize_presence(c, o->presence_penalty, o->frequency_penalty, history->tokens + history->n - history->n_generated,
                      history->n_generated, sampler->count, sampler->n_vocab);
}

static void step_dry(struct sampler *sampler, const struct history *history)
{
    dry_apply(&sampler->dry, &sampler->candidates, history->tokens, history->n);
}

static void step_top_n_sigma(struct sampler *sampler, const struct history *history)
{
    (void)history;
    truncate_top_n_sigma(&sampler->candidates, sampler->options.top_n_sigma);
}

static void step_top_k(struct sampler *sampler, const struct history *history)
{
    (void)history;
    truncate_top_k(&sampler->candidates, sampler->options.top_k);
}

static void step_typical(struct sampler *sampler, const struct history *history)
{
    (void)history;
    truncate_typical(&sampler->candidates, sampler->options.typical, sampler->options.min_keep);
}

static void step_top_p(struct sampler *sampler, const struct history *history)
{
    (void)history;
    truncate_top_p(&sampler->candidates, sampler->options.top_p, sampler->options.min_keep);
}

static void step_min_p(struct sampler *sampler, const struct history *history)
{
    (void)history;
    truncate_min_p(&sampler->candidates, sampler->options.min_p, sampler->options.min_keep);
}

static void step_xtc(struct sampler *sampler, const struct history *history)
{
    float chance = (float)uniform(sampler, history, DRAW_XTC) * 0x1p-24f;
    if (chance < sampler->options.xtc_probability)
        truncate_xtc(&sampler->candidates, sampler->options.xtc_threshold, sampler->options.min_keep);
}

static void step_temperature(struct sampler *sampler, const struct history *history)
{
    const struct sampler_options *o = &sampler->options;
    (void)history;
    if (o->dynatemp_range > 0)
        warm_by_entropy(&sampler->candidates, o->temp, o->dynatemp_range, o->dynatemp_exponent);
    else
        warm(&sampler->candidates, o->temp);
}

static const struct {
    void (*run)(struct sampler *sampler, const struct history *history);
    bool if_greedy, if_mirostat; /* whether it runs at temperature 0, and before mirostat */
} steps[SAMPLE_STEPS] = {
    [SAMPLE_PENALTIES] = {step_penalties, true, true},
    [SAMPLE_DRY] = {step_dry, true, true},
    [SAMPLE_TOP_N_SIGMA] = {step_top_n_sigma, false, false},
    [SAMPLE_TOP_K] = {step_top_k, false, false},
    [SAMPLE_TYPICAL] = {step_typical, false, false},
    [SAMPLE_TOP_P] = {step_top_p, false, false},
    [SAMPLE_MIN_P] = {step_min_p, false, false},
    [SAMPLE_XTC] = {step_xtc, false, false},
    [SAMPLE_TEMPERATURE] = {step_temperature, false, true},
};

/* The chain: the candidate that is chosen. */
static size_t choose(struct sampler *sampler, const struct history *history)
{
    const struct sampler_options *o = &sampler->options;
    struct candidates *c = &sampler->candidates;
    bool greedy = o->temp == 0;
    for (size_t i = 0; i < o->n_order; i++)
        if ((!greedy || steps[o->order[i]].if_greedy) && (!o->mirostat || steps[o->order[i]].if_mirostat))
            steps[o->order[i]].run(sampler, history);
    if (greedy)
        return candidates_argmax(c);
    uint32_t u = uniform(sampler, history, DRAW_TOKEN);
    if (o->mirostat)
        return mirostat_draw(c, o->mirostat_tau, o->mirostat_eta, &sampler->mirostat_mu, u);
    return candidates_draw(c, u);
}

/* By log probability, descending, ties to the lower id. */
static int compare_logprobs(const void *a, const void *b)
{
    const struct token_logprob *x = a, *y = b;
    if (x->logprob != y->logprob)
        return x->logprob > y->logprob ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Inserts `entry` into the sorted top[n]. */
static void insert_logprob(struct token_logprob *top, size_t n, struct token_logprob entry)
{
    for (; n > 0 && compare_logprobs(&top[n - 1], &entry) > 0; n--)
        top[n] = top[n - 1];
    top[n] = entry;
}

static void find_logprobs(struct sampler *sampler, const float *logits, int32_t id)
{
    struct candidates *c = &sampler->candidates;
    size_t n_asked = (size_t)sampler->options.logprobs;
    double sum, sum_logit;
    candidates_load(c, logits, sampler->n_vocab);
    float max = candidates_max(c);
    candidates_weigh(c, max);
    candidates_moments(c, max, &sum, &sum_logit);
    double log_sum = max + math_log64(sum);
    sampler->chosen = (struct token_logprob){id, (float)(logits[id] - log_sum)};
    sampler->n_top = 0;
    if (n_asked == 0)
        return;
    candidates_keep_top(c, n_asked);
    for (size_t i = 0; i < c->n; i++) {
        struct token_logprob entry = {candidate_id(c, i), c->logit[i]};
        insert_logprob(sampler->top, sampler->n_top++, entry);
    }
    for (size_t i = 0; i < sampler->n_top; i++)
        sampler->top[i].logprob = (float)(sampler->top[i].logprob - log_sum);
}

int32_t sampler_next(struct sampler *sampler, const float *logits, const uint32_t *allowed, const int32_t *tokens,
                     size_t n_tokens, size_t n_generated, struct hob_error *err)
{
    struct candidates *c = &sampler->candidates;
    struct history history = {tokens, n_tokens, n_generated < n_tokens ? n_generated : n_tokens};
    if (!candidates_load(c, logits, sampler->n_vocab)) {
        error_set(err, HOB_FORMAT, "non-finite logits");
        return -1;
    }
    for (size_t i = 0; i < sampler->options.n_logit_bias; i++) {
        float *logit = candidate_find(c, sampler->bias[i].id), bias = sampler->bias[i].bias;
        if (logit && bias == -INFINITY)
            *logit = -INFINITY;
        else if (logit)
            candidate_set(logit, *logit + bias);
    }
    if (allowed)
        candidates_mask(c, allowed);
    if (forbid_any(&sampler->forbid))
        forbid_apply(&sampler->forbid, c, history.n_generated ? tokens + n_tokens - history.n_generated : NULL,
                     history.n_generated);
    if ((allowed || sampler->forbids) && candidates_max(c) == -INFINITY) {
        error_set(err, HOB_FORMAT, "no token is allowed");
        return -1;
    }
    int32_t id = candidate_id(c, choose(sampler, &history));
    if (sampler->options.logprobs >= 0)
        find_logprobs(sampler, logits, id);
    return id;
}

float sampler_chosen_logprob(const struct sampler *sampler)
{
    return sampler->chosen.logprob;
}

const struct token_logprob *sampler_top_logprobs(const struct sampler *sampler, size_t *n)
{
    *n = sampler->n_top;
    return sampler->top;
}
