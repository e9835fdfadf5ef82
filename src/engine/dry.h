/* SPDX-License-Identifier: Apache-2.0
 *
 * DRY, "don't repeat yourself" (p-e-w, 2024): a token that would go on with a repetition of what stands in the text is
 * penalised by multiplier * base^(length of the repetition - allowed length).
 */
#ifndef HOB_ENGINE_DRY_H
#define HOB_ENGINE_DRY_H

#include "engine/candidates.h"

struct dry_breaker;

/* What the sampler remembers of its options, and its scratch. */
struct dry {
    float multiplier, base;
    size_t allowed_length;
    size_t n_window; /* the last tokens that are searched */
    size_t n_vocab;
    uint32_t *match;                    /* [n_window] */
    uint32_t *longest;                  /* [n_vocab], zero between calls */
    const struct dry_breaker *breakers; /* [n_breakers], by last token */
    size_t n_breakers;
};

/* Copies the breakers (sequences of ids of the vocabulary, each ended by -1) and makes room, from `arena`, for the
 * fields set already: n_window, n_vocab. HOB_USAGE for a breaker that is empty or holds another id, HOB_LIMIT when
 * memory is exhausted. */
bool dry_init(struct dry *dry, const int32_t *const *breakers, size_t n_breakers, struct arena *arena,
              struct hob_error *err);

/* Penalises the candidates after tokens[n_tokens]. A repetition does not reach past a breaker, and a breaker of one
 * token is not penalised. Linear in the window. */
void dry_apply(const struct dry *dry, struct candidates *c, const int32_t *tokens, size_t n_tokens);

#endif
