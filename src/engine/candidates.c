/* SPDX-License-Identifier: Apache-2.0
 */
#include "engine/candidates.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

#define BLOCK CANDIDATE_BLOCK

static size_t n_blocks(size_t n)
{
    return (n + BLOCK - 1) / BLOCK;
}

/* Looks for the largest logit of block `b`. Whether all of the block are finite. */
static bool find_maximum(const struct candidates *c, size_t b)
{
    size_t rest = c->n - b * BLOCK;
    return c->kernels->maximum(c->logit + b * BLOCK, rest < BLOCK ? rest : BLOCK, &c->maximum[b]);
}

bool candidates_init(struct candidates *c, size_t n_vocab, struct arena *arena, struct hob_error *err)
{
    c->kernels = kernels_select(ISA_AUTO, err);
    if (!c->kernels)
        return false;
    c->own = arena_array(arena, n_vocab, sizeof(float));
    c->maximum = arena_array(arena, n_blocks(n_vocab), sizeof(float));
    c->id = arena_array(arena, n_vocab, sizeof(int32_t));
    c->p = arena_array(arena, n_vocab, sizeof(float));
    c->score = arena_array(arena, n_vocab, sizeof(float));
    c->at = arena_array(arena, n_vocab, sizeof(uint32_t));
    if (!c->own || !c->maximum || !c->id || !c->p || !c->score || !c->at)
        return error_memory(err, n_vocab * 20);
    return true;
}

bool candidates_load(struct candidates *c, const float *logits, size_t n_vocab)
{
    bool finite = true;
    c->n = n_vocab;
    c->whole = true;
    c->logit = logits;
    for (size_t b = 0; b < n_blocks(n_vocab); b++)
        finite &= find_maximum(c, b);
    return finite;
}

void candidates_mask(struct candidates *c, const uint32_t *allowed)
{
    const float *from = c->logit;
    for (size_t at = 0; at < c->n; at += 32) {
        uint32_t word = allowed[at / 32];
        size_t size = c->n - at < 32 ? c->n - at : 32;
        if (word != UINT32_MAX)
            c->maximum[at / BLOCK] = NAN;
        if (word == 0)
            for (size_t i = 0; i < size; i++)
                c->own[at + i] = -INFINITY;
        else if (word != UINT32_MAX)
            for (size_t i = 0; i < size; i++)
                c->own[at + i] = word >> i & 1 ? from[at + i] : -INFINITY;
        else if (from != c->own)
            memcpy(c->own + at, from + at, size * sizeof *from);
    }
    c->logit = c->own;
}

float *candidate_find(struct candidates *c, int32_t id)
{
    size_t low = 0, high = c->n;
    if (c->whole) {
        low = id < 0 ? c->n : (size_t)id;
    } else {
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (c->id[middle] < id)
                low = middle + 1;
            else
                high = middle;
        }
    }
    if (low >= c->n || candidate_id(c, low) != id || c->logit[low] == -INFINITY)
        return NULL;
    if (c->logit != c->own)
        memcpy(c->own, c->logit, c->n * sizeof *c->own);
    c->logit = c->own;
    c->maximum[low / BLOCK] = NAN;
    return &c->own[low];
}

void candidates_end(struct candidates *c, size_t n)
{
    c->whole = c->whole && n == c->n;
    c->n = n;
    c->logit = c->own;
    for (size_t b = 0; b < n_blocks(n); b++)
        c->maximum[b] = NAN;
}

float candidates_max(const struct candidates *c)
{
    float max = -INFINITY;
    for (size_t b = 0; b < n_blocks(c->n); b++) {
        if (isnan(c->maximum[b]))
            find_maximum(c, b);
        max = c->maximum[b] > max ? c->maximum[b] : max;
    }
    return max;
}

size_t candidates_argmax(const struct candidates *c)
{
    float max = candidates_max(c);
    size_t best = 0;
    while (c->maximum[best / BLOCK] != max)
        best += BLOCK;
    while (c->logit[best] != max)
        best++;
    return best;
}

uint64_t candidates_weigh(struct candidates *c, float max)
{
    c->kernels->softmax_exp(c->logit, max, c->n, c->p);
    uint64_t total = 0;
    for (size_t i = 0; i < c->n; i++)
        total += candidate_weight(c->p[i]);
    return total;
}

double sum_tree(double part[16])
{
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t j = 0; j < half; j++)
            part[j] += part[j + half];
    return part[0];
}

void candidates_moments(const struct candidates *c, float max, double *sum, double *sum_logit)
{
    double a[16] = {0}, b[16] = {0};
    for (size_t i = 0; i < c->n; i++) {
        double p = c->p[i];
        a[i % 16] += p;
        /* Without the test a logit of -INFINITY would add 0 * -INFINITY. */
        b[i % 16] += p > 0 ? p * (c->logit[i] - max) : 0;
    }
    *sum = sum_tree(a);
    *sum_logit = sum_tree(b);
}

/* The bits of a float, mapped so that they order as the floats do; -0 counts as +0. */
static inline uint32_t key_of(float value)
{
    union {
        float value;
        uint32_t bits;
    } x = {.value = value + 0.0f};
    return x.bits >> 31 ? ~x.bits : x.bits | 0x80000000u;
}

#define N_BINS 2048

/* Which bin a value falls in by its distance from the largest, 1/64 each: monotone, so bins order as values do. */
static inline uint32_t bin_of(float value, float max)
{
    float distance = (max - value) * 64;
    return distance < N_BINS - 1 ? (uint32_t)distance : N_BINS - 1;
}

static inline uint64_t weight_at(const float *p, size_t i)
{
    return p ? candidate_weight(p[i]) : 1;
}

/* The values that share a bin with the end of the cut, and what is left of the target there. */
struct region {
    uint32_t *at; /* [n] positions, ascending */
    size_t n;
    uint64_t target;
};

/* Finds the region in one pass over the weights and one over the values. False when all weights are not enough. */
static bool find_region(const struct candidates *c, const float *value, const float *p, size_t n, struct region *region)
{
    uint64_t bin[N_BINS] = {0};
    float max;
    uint32_t found = 0;
    c->kernels->maximum(value, n, &max);
    for (size_t i = 0; i < n; i++)
        bin[bin_of(value[i], max)] += weight_at(p, i);
    while (found < N_BINS && region->target >= bin[found])
        region->target -= bin[found++];
    region->at = c->at;
    region->n = 0;
    for (size_t i = 0; i < n; i++)
        if (bin_of(value[i], max) == found)
            region->at[region->n++] = (uint32_t)i;
    return found < N_BINS;
}

/* The key, digit by digit, at which the weights of the region pass its target, which is reduced to what is left for the
 * values of that key. */
static uint32_t find_key(struct region *region, const float *value, const float *p)
{
    static const unsigned shifts[3] = {21, 10, 0}, widths[3] = {11, 11, 10};
    uint32_t key = 0, known = 0; /* the digits found so far, and which bits they are */
    for (int digit = 0; digit < 3; digit++) {
        uint64_t bin[N_BINS] = {0};
        uint32_t mask = (1u << widths[digit]) - 1, found = mask;
        for (size_t j = 0; j < region->n; j++) {
            uint32_t k = key_of(value[region->at[j]]);
            if ((k & known) == key)
                bin[k >> shifts[digit] & mask] += weight_at(p, region->at[j]);
        }
        while (region->target >= bin[found])
            region->target -= bin[found--];
        key |= found << shifts[digit];
        known |= mask << shifts[digit];
    }
    return key;
}

struct cut cut_find(const struct candidates *c, const float *value, const float *p, size_t n, uint64_t target)
{
    struct region region = {.target = target};
    if (!find_region(c, value, p, n, &region))
        return (struct cut){-INFINITY, SIZE_MAX};
    uint32_t key = find_key(&region, value, p);
    struct cut cut = {0, 0};
    for (size_t j = 0; j < region.n; j++) {
        size_t i = region.at[j];
        if (key_of(value[i]) != key)
            continue;
        cut = (struct cut){value[i], i};
        if (region.target < weight_at(p, i))
            break;
        region.target -= weight_at(p, i);
    }
    return cut;
}

/* Moves the candidates [from, to) that `cut` keeps down to `out`, and returns the end of what was written. */
static size_t move_kept(struct candidates *c, const float *value, struct cut cut, size_t from, size_t to, size_t out)
{
    for (size_t i = from; i < to; i++) {
        if (value[i] < cut.value || (value[i] == cut.value && i > cut.last))
            continue;
        candidate_move(c, i, out++);
    }
    return out;
}

void candidates_keep(struct candidates *c, const float *value, struct cut cut)
{
    candidates_end(c, move_kept(c, value, cut, 0, c->n, 0));
}

/* Drops blocks that cannot hold one of the `k` largest logits: `k` blocks have a maximum of at least the k-th largest
 * maximum, so at least `k` logits are as large. */
static void drop_low_blocks(struct candidates *c, size_t k)
{
    candidates_max(c); /* so that every block's is known */
    float threshold = c->maximum[cut_find(c, c->maximum, NULL, n_blocks(c->n), k - 1).last];
    size_t out = 0;
    for (size_t b = 0; b < n_blocks(c->n); b++) {
        size_t from = b * BLOCK, to = c->n - from < BLOCK ? c->n : from + BLOCK;
        if (c->maximum[b] >= threshold)
            out = move_kept(c, c->logit, (struct cut){threshold, SIZE_MAX}, from, to, out);
    }
    candidates_end(c, out);
}

void candidates_keep_top(struct candidates *c, size_t k)
{
    if (k < c->n / BLOCK)
        drop_low_blocks(c, k);
    if (k < c->n)
        candidates_keep(c, c->logit, cut_find(c, c->logit, NULL, c->n, k - 1));
}

size_t candidates_draw(struct candidates *c, uint32_t uniform)
{
    uint64_t total = candidates_weigh(c, candidates_max(c));
    /* total * uniform / 2^24 in two parts, since the product needs more than 64 bits; it is below total. */
    uint64_t target = (total >> 24) * uniform + ((total & 0xffffff) * uniform >> 24);
    return cut_find(c, c->logit, c->p, c->n, target).last;
}
