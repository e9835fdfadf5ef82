/* SPDX-License-Identifier: Apache-2.0
 */
#include "engine/truncate.h"

#include <math.h>

#include "kernels/math.h"

#define LN_2 0x1.62e42fefa39efp-1

void truncate_top_n_sigma(struct candidates *c, float n)
{
    if (n <= 0 || c->n < 2)
        return;
    double part[16] = {0}, squares[16] = {0};
    size_t n_allowed = 0;
    for (size_t i = 0; i < c->n; i++) {
        bool allowed = c->logit[i] != -INFINITY;
        n_allowed += allowed;
        part[i % 16] += allowed ? c->logit[i] : 0;
    }
    double mean = sum_tree(part) / (double)n_allowed;
    for (size_t i = 0; i < c->n; i++) {
        double off = c->logit[i] != -INFINITY ? c->logit[i] - mean : 0;
        squares[i % 16] += off * off;
    }
    float lowest;
    candidate_set(&lowest, candidates_max(c) - n * sqrt(sum_tree(squares) / (double)n_allowed));
    candidates_keep(c, c->logit, (struct cut){lowest, SIZE_MAX});
}

void truncate_top_k(struct candidates *c, int32_t k)
{
    if (k > 0)
        candidates_keep_top(c, (size_t)k);
}

/* The weights to be reached to hold `mass` of `total`, less one: the target of cut_find(). */
static uint64_t mass_target(float mass, uint64_t total)
{
    double want = (double)mass * (double)total;
    uint64_t whole = (uint64_t)want;
    if ((double)whole < want)
        whole++;
    return whole > 0 ? whole - 1 : 0;
}

/* Keeps the candidates that `cut` keeps, and the `least` best. */
static void keep(struct candidates *c, const float *value, struct cut cut, int32_t least)
{
    if (least > 1) {
        struct cut wide = cut_find(c, value, NULL, c->n, (uint64_t)least - 1);
        if (wide.value < cut.value || (wide.value == cut.value && wide.last > cut.last))
            cut = wide;
    }
    candidates_keep(c, value, cut);
}

void truncate_typical(struct candidates *c, float mass, int32_t least)
{
    if (mass >= 1 || c->n < 2)
        return;
    float max = candidates_max(c);
    uint64_t total = candidates_weigh(c, max);
    double sum, sum_logit;
    candidates_moments(c, max, &sum, &sum_logit);
    /* With -log p = log(sum) - (logit - max), |-log p - entropy| is |mean of (logit - max) - (logit - max)|. */
    double mean = sum_logit / sum;
    for (size_t i = 0; i < c->n; i++)
        c->score[i] = -(float)fabs(mean - (c->logit[i] - max));
    keep(c, c->score, cut_find(c, c->score, c->p, c->n, mass_target(mass, total)), least);
}

void truncate_top_p(struct candidates *c, float mass, int32_t least)
{
    if (mass >= 1 || c->n < 2)
        return;
    uint64_t total = candidates_weigh(c, candidates_max(c));
    keep(c, c->logit, cut_find(c, c->logit, c->p, c->n, mass_target(mass, total)), least);
}

void truncate_min_p(struct candidates *c, float share, int32_t least)
{
    if (share <= 0)
        return;
    double lowest = candidates_max(c) + math_log64(share);
    keep(c, c->logit, (struct cut){(float)lowest, SIZE_MAX}, least);
}

void truncate_xtc(struct candidates *c, float threshold, int32_t least)
{
    if (c->n < 2)
        return;
    double lowest = (double)threshold * (double)candidates_weigh(c, candidates_max(c));
    size_t n_above = 0, n_allowed = 0, spared = 0, out = 0;
    for (size_t i = 0; i < c->n; i++) {
        n_allowed += c->logit[i] != -INFINITY;
        if (c->logit[i] == -INFINITY || (double)candidate_weight(c->p[i]) < lowest)
            continue;
        if (n_above == 0 || c->logit[i] <= c->logit[spared])
            spared = i;
        n_above++;
    }
    if (n_above < 2 || (least > 1 && n_allowed - n_above + 1 < (size_t)least))
        return;
    for (size_t i = 0; i < c->n; i++) {
        if ((double)candidate_weight(c->p[i]) >= lowest && i != spared)
            continue;
        candidate_move(c, i, out++);
    }
    candidates_end(c, out);
}

void warm(struct candidates *c, float temp)
{
    /* Only differences count; where the best logit itself would leave the range of float, it becomes 0 instead. */
    double best = candidates_max(c), largest = 0x1.fffffep127, shift = fabs(best) / temp > largest ? best : 0;
    for (size_t i = 0; i < c->n; i++)
        if (c->logit[i] != -INFINITY)
            candidate_set(&c->own[i], (c->logit[i] - shift) / temp);
        else
            c->own[i] = -INFINITY;
    candidates_end(c, c->n);
}

void warm_by_entropy(struct candidates *c, float temp, float range, float exponent)
{
    size_t n_allowed = 0;
    for (size_t i = 0; i < c->n; i++)
        n_allowed += c->logit[i] != -INFINITY;
    if (n_allowed < 2)
        return;
    float max = candidates_max(c);
    double sum, sum_logit;
    candidates_weigh(c, max);
    candidates_moments(c, max, &sum, &sum_logit);
    double entropy = math_log64(sum) - sum_logit / sum;
    double share = entropy / math_log64((double)n_allowed);
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    double low = temp > range ? (double)temp - range : 0;
    double high = (double)temp + range;
    float found = (float)(low + (high - low) * math_pow64(share, exponent));
    if (found > 0)
        warm(c, found);
    else
        candidates_keep_top(c, 1);
}

size_t mirostat_draw(struct candidates *c, float tau, float eta, double *mu, uint32_t uniform)
{
    float max = candidates_max(c);
    double log_sum = math_log64((double)candidates_weigh(c, max) / CANDIDATE_ONE);
    double lowest = max + log_sum - *mu * LN_2;
    if (lowest > max)
        candidates_keep_top(c, 1);
    else
        candidates_keep(c, c->logit, (struct cut){(float)lowest, SIZE_MAX});
    size_t chosen = candidates_draw(c, uniform);
    double surprise = (log_sum + max - c->logit[chosen]) / LN_2;
    *mu -= eta * (surprise - tau);
    return chosen;
}
