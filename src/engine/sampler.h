/* SPDX-License-Identifier: Apache-2.0
 *
 * The sampler: raw logits to one token, a chain of samplers in a stated order over a seeded, counter-based
 * generator. A sampler belongs to one sequence. After sampler_new() nothing is allocated.
 */
#ifndef HOB_ENGINE_SAMPLER_H
#define HOB_ENGINE_SAMPLER_H

#include <hob.h>

#define SAMPLER_MAX_LOGPROBS 1024

enum sampler_step {
    SAMPLE_PENALTIES,
    SAMPLE_DRY,
    SAMPLE_TOP_N_SIGMA,
    SAMPLE_TOP_K,
    SAMPLE_TYPICAL,
    SAMPLE_TOP_P,
    SAMPLE_MIN_P,
    SAMPLE_XTC,
    SAMPLE_TEMPERATURE,
    SAMPLE_STEPS
};

struct logit_bias {
    int32_t id;
    float bias; /* -INFINITY forbids */
};

/* All options; sampler_defaults() fills them. Ranges are checked by sampler_new(). */
struct sampler_options {
    uint64_t seed;
    float temp;    /* 0: greedy after penalties and dry, ties to the lower id */
    int32_t top_k; /* 0 or -1: off */
    float top_p, min_p, typical, top_n_sigma;
    float repeat_penalty;
    int32_t repeat_last_n;                     /* window, prompt included; -1: all */
    float presence_penalty, frequency_penalty; /* over generated tokens only */
    float dry_multiplier, dry_base;
    int32_t dry_allowed_length, dry_last_n; /* last_n: as repeat_last_n */
    const int32_t *const
        *dry_breakers; /* sequences of ids that end a match, each ended by -1; borrowed for sampler_new() */
    size_t n_dry_breakers;
    float xtc_probability, xtc_threshold;
    float dynatemp_range, dynatemp_exponent;
    int32_t mirostat; /* 0 or 2; 2 stands in for every sampler but penalties, dry and temperature */
    float mirostat_tau, mirostat_eta;
    const struct logit_bias *logit_bias; /* borrowed for sampler_new() */
    size_t n_logit_bias;
    int32_t min_keep;    /* typical, top-p, min-p and XTC leave at least so many; 0 or 1: off */
    size_t min_tokens;   /* `ends` are not chosen before so many were generated, unless nothing else is allowed */
    const int32_t *ends; /* [n_ends]; as all below, borrowed for sampler_new() */
    size_t n_ends;
    const int32_t *only; /* [n_only] the only ids that are chosen; none: all */
    size_t n_only;
    const int32_t *const *bad; /* [n_bad] sequences of ids, each ended by -1, that are not generated */
    size_t n_bad;
    enum sampler_step order[SAMPLE_STEPS]; /* what runs, in this order; a sampler may be left out */
    size_t n_order;
    int32_t logprobs; /* top K (to SAMPLER_MAX_LOGPROBS) log probabilities a token; -1: none asked */
};

/* One candidate's log probability, from the raw logits. */
struct token_logprob {
    int32_t id;
    float logprob;
};

struct sampler;

/* The defaults of `hob`'s command line. */
void sampler_defaults(struct sampler_options *options);

/* Reads an order as `penalties;dry;top-n-sigma;...`, _ being as good as -; no text is no sampler. HOB_USAGE for a name
 * that is unknown or stands twice. */
bool sampler_parse_order(const char *text, struct sampler_options *options, struct hob_error *err);

/* A sampler over `n_vocab` tokens whose histories are at most `n_context` long. HOB_USAGE names the option out of
 * range. The caller owns it. */
struct sampler *sampler_new(const struct sampler_options *options, size_t n_vocab, size_t n_context,
                            struct hob_error *err);

/* Frees it (NULL is fine). */
void sampler_free(struct sampler *sampler);

/* Chooses the token that follows. `logits` [n_vocab] are raw and stay unchanged; `allowed` (may be NULL) is a bit mask
 * over the vocabulary, bit id%32 of word id/32, of what a constraint permits; `tokens` [n_tokens] is the prompt and
 * all that was generated, the last n_generated of them generated. Logit bias, `allowed` and what the options forbid
 * come before every sampler. A result never depends on anything but the arguments, the options and the calls before.
 * Returns the id, or -1 with HOB_FORMAT "non-finite logits" or "no token is allowed". */
int32_t sampler_next(struct sampler *sampler, const float *logits, const uint32_t *allowed, const int32_t *tokens,
                     size_t n_tokens, size_t n_generated, struct hob_error *err);

/* After sampler_next() with options.logprobs >= 0: the chosen token's log probability, and the top K in descending
 * order (ties to the lower id). Borrowed until the next call. */
float sampler_chosen_logprob(const struct sampler *sampler);
const struct token_logprob *sampler_top_logprobs(const struct sampler *sampler, size_t *n);

#endif
