/* SPDX-License-Identifier: Apache-2.0
 *
 * The tokens a sampler still considers, by ascending id. Nothing is ever sorted: what a sampler asks of an order is
 * where to cut it, and the cut of a descending order is found in a few passes over bins of values.
 *
 * Probabilities are compared and added as integers: a token's weight is floor(exp(logit - max) * 2^44), so sums are
 * exact and no result depends on the order of an addition. What is 2^44 times less likely than the best has no weight.
 */
#ifndef HOB_ENGINE_CANDIDATES_H
#define HOB_ENGINE_CANDIDATES_H

#include <hob.h>

#include "base/arena.h"
#include "kernels/kernels.h"

#define CANDIDATE_ONE   0x1p44 /* the weight of the best token */
#define CANDIDATE_BLOCK 128    /* logits whose maximum is looked at first */

struct candidates {
    size_t n;
    bool whole;         /* nothing was dropped yet: candidate i is token i, and `id` is not filled */
    const float *logit; /* [n]; -INFINITY is a token that is forbidden, every other is finite. What was loaded, where it
                           lies, until something is changed or dropped; `own` from then on */
    float *own;         /* [n] */
    float *maximum;     /* [n / CANDIDATE_BLOCK], rounded up: the largest logit of each block, NaN: not known */
    int32_t *id;        /* [n], ascending */
    float *p;           /* [n]: exp(logit - max), after candidates_weigh() */
    float *score;       /* [n]: room for an order other than that of the logits */
    uint32_t *at;       /* [n]: room for positions */
    const struct kernels *kernels;
};

/* A place in a descending order of values, ties by ascending position: it keeps the values above `value`, and those
 * equal to it up to position `last`. */
struct cut {
    float value;
    size_t last;
};

/* Makes room for `n_vocab` candidates from `arena`. False with HOB_LIMIT when memory is exhausted. */
bool candidates_init(struct candidates *c, size_t n_vocab, struct arena *arena, struct hob_error *err);

/* Takes all of logits[n_vocab], which are borrowed, never written, and must stay as they are while the candidates are
 * used. False when one is not finite. */
bool candidates_load(struct candidates *c, const float *logits, size_t n_vocab);

/* Forbids the tokens whose bit (id % 32 of word id / 32) is not set; before any is dropped. */
void candidates_mask(struct candidates *c, const uint32_t *allowed);

/* The token of candidate `i`. */
static inline int32_t candidate_id(const struct candidates *c, size_t i)
{
    return c->whole ? (int32_t)i : c->id[i];
}

/* The logit of token `id` in `own`, to be changed by candidate_set() before anything else is asked, or NULL when it is
 * dropped or forbidden or no token. */
float *candidate_find(struct candidates *c, int32_t id);

/* Makes candidate `i` the one at `out` <= i, in `own` and `id`; candidates_end() follows when all are moved. */
static inline void candidate_move(struct candidates *c, size_t i, size_t out)
{
    c->id[out] = candidate_id(c, i);
    c->own[out] = c->logit[i];
}

/* The candidates are the first `n` of `own` and, where it is fewer than before, of `id`. */
void candidates_end(struct candidates *c, size_t n);

/* Stores a changed logit, kept finite: past the range of float it is the largest of its sign. */
static inline void candidate_set(float *logit, double value)
{
    *logit = value > 0x1.fffffep127 ? 0x1.fffffep127f : value < -0x1.fffffep127 ? -0x1.fffffep127f : (float)value;
}

/* The candidate of the largest logit, ties to the lower id. */
size_t candidates_argmax(const struct candidates *c);

/* The largest logit. */
float candidates_max(const struct candidates *c);

/* Fills `p`, and returns the sum of all weights; a share of it is a probability. */
uint64_t candidates_weigh(struct candidates *c, float max);

/* The weight of a candidate of exp(logit - max) = `p`. */
static inline uint64_t candidate_weight(float p)
{
    return (uint64_t)(p * (float)CANDIDATE_ONE);
}

/* The sum of 16 partial sums by the tree 8, 4, 2, 1 of docs/numerics.md, which spends them. */
double sum_tree(double part[16]);

/* After candidates_weigh(): the sum of p, and the sum of p * (logit - max), in the order of docs/numerics.md. */
void candidates_moments(const struct candidates *c, float max, double *sum, double *sum_logit);

/* The shortest start of the descending order of value[n] whose weights add up to more than `target`: each value weighs
 * 1 when `p` is NULL, else candidate_weight(p[i]). Everything, when they do not. The room
 * of `c` is used, not its candidates. */
struct cut cut_find(const struct candidates *c, const float *value, const float *p, size_t n, uint64_t target);

/* Drops the candidates below `cut` in the order of value[n], `logit` or `score`. */
void candidates_keep(struct candidates *c, const float *value, struct cut cut);

/* Keeps the `k` (1 or more) largest logits. */
void candidates_keep_top(struct candidates *c, size_t k);

/* Draws a candidate with the probability of its share of the weights; `uniform` is of philox_uniform(). The order
 * drawn from is that of descending logits. */
size_t candidates_draw(struct candidates *c, uint32_t uniform);

#endif
