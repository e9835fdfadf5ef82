/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens that a request rules out before any sampler sees them.
 */
#ifndef HOB_ENGINE_FORBID_H
#define HOB_ENGINE_FORBID_H

#include "engine/candidates.h"
#include "engine/sampler.h"

/* What the sampler remembers of its options, and its scratch. */
struct forbid {
    size_t n_ends, n_bad, min_tokens;
    const int32_t *ends;       /* [n_ends] */
    float *kept;               /* [n_ends] */
    const uint32_t *only;      /* a bit mask, or NULL */
    const int32_t *const *bad; /* [n_bad], each ended by -1 */
};

/* Copies what the options forbid into `arena`. HOB_USAGE names an id out of the vocabulary, HOB_LIMIT when memory is
 * exhausted. */
bool forbid_init(struct forbid *forbid, const struct sampler_options *options, size_t n_vocab, struct arena *arena,
                 struct hob_error *err);

/* Whether it may forbid anything at all. */
static inline bool forbid_any(const struct forbid *forbid)
{
    return forbid->only || forbid->n_bad || forbid->n_ends;
}

/* Forbids candidates after generated[n]; `c` is whole. Ends of a reply that comes too early stay where nothing else is
 * left. */
void forbid_apply(const struct forbid *forbid, struct candidates *c, const int32_t *generated, size_t n);

#endif
