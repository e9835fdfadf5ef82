/* SPDX-License-Identifier: Apache-2.0
 *
 * Samplers that drop candidates and those that warm them. None drops the last; a value that turns a sampler off leaves
 * the candidates alone. One thread at a time per set. At least one candidate must not be forbidden.
 */
#ifndef HOB_ENGINE_TRUNCATE_H
#define HOB_ENGINE_TRUNCATE_H

#include "engine/candidates.h"

/* Keeps logits of at least max - n * (their standard deviation). 0 or less: off. Tang et al., "Top-nsigma" (2024). */
void truncate_top_n_sigma(struct candidates *c, float n);

/* Keeps the `k` largest. 0 or less: off. Fan et al., "Hierarchical neural story generation" (2018). */
void truncate_top_k(struct candidates *c, int32_t k);

/* In what follows, `least` candidates are kept in any case, and 0 or 1 is off. */

/* Keeps the fewest tokens, those whose -log p is nearest the entropy first, that hold `mass`. 1: off. Meister et al.,
 * "Locally typical sampling" (2022). */
void truncate_typical(struct candidates *c, float mass, int32_t least);

/* Keeps the fewest tokens, the likeliest first, that hold `mass`. 1: off. Holtzman et al., "The curious case of neural
 * text degeneration" (2019). */
void truncate_top_p(struct candidates *c, float mass, int32_t least);

/* Keeps p >= share * (the largest p). 0: off. Nguyen et al., "Min-p sampling" (2024). */
void truncate_min_p(struct candidates *c, float share, int32_t least);

/* Of the tokens with p >= threshold drops all but the least likely (of equals, the one with the highest id). Called
 * with the probability that it happens drawn already. Drops none where fewer than `least` would be left. p-e-w,
 * "Exclude top choices" (2024). */
void truncate_xtc(struct candidates *c, float threshold, int32_t least);

/* Divides the logits by temp > 0. */
void warm(struct candidates *c, float temp);

/* Divides the logits by a temperature between temp - range (0 or more) and temp + range: at the share
 * (entropy / log n)^exponent of the way, n candidates being left. At temperature 0 only the best is left. kalomaze,
 * "Dynamic temperature" (2023). */
void warm_by_entropy(struct candidates *c, float temp, float range, float exponent);

/* Mirostat 2: drops tokens with -log2 p > *mu (but for the best), draws one, and moves *mu by
 * -eta * (its -log2 p - tau), p being that before tokens were dropped. Returns the candidate. Basu et al., "Mirostat"
 * (2021). */
size_t mirostat_draw(struct candidates *c, float tau, float eta, double *mu, uint32_t uniform);

#endif
