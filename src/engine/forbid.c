/* SPDX-License-Identifier: Apache-2.0
 */
#include "engine/forbid.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

/* Ids in the arena, all of the vocabulary; NULL with an error. */
static int32_t *copy_ids(const int32_t *ids, size_t n, size_t n_vocab, const char *name, struct arena *arena,
                         struct hob_error *err)
{
    int32_t *copy = arena_array(arena, n + 1, sizeof *copy);
    if (!copy) {
        error_memory(err, n * sizeof *copy);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= n_vocab) {
            error_set(err, HOB_USAGE, "%s: token %d, want [0, %zu)", name, ids[i], n_vocab);
            return NULL;
        }
        copy[i] = ids[i];
    }
    copy[n] = -1;
    return copy;
}

bool forbid_init(struct forbid *forbid, const struct sampler_options *options, size_t n_vocab, struct arena *arena,
                 struct hob_error *err)
{
    const int32_t **bad = arena_array(arena, options->n_bad, sizeof *bad);
    uint32_t *only = arena_array(arena, n_vocab / 32 + 1, sizeof *only);
    *forbid = (struct forbid){.bad = bad, .kept = arena_array(arena, options->n_ends, sizeof *forbid->kept)};
    if (!bad || !only || !forbid->kept)
        return error_memory(err, n_vocab / 8);
    if (options->min_tokens > 0) {
        forbid->min_tokens = options->min_tokens;
        forbid->n_ends = options->n_ends;
        forbid->ends = copy_ids(options->ends, options->n_ends, n_vocab, "stop-token", arena, err);
        if (!forbid->ends)
            return false;
    }
    for (size_t i = 0; i < options->n_bad; i++) {
        size_t n = 0;
        while (options->bad[i][n] != -1)
            n++;
        if (n == 0)
            return error_set(err, HOB_USAGE, "bad-word %zu: no tokens, want at least one", i);
        bad[forbid->n_bad++] = copy_ids(options->bad[i], n, n_vocab, "bad-word", arena, err);
        if (!bad[i])
            return false;
    }
    const int32_t *ids = copy_ids(options->only, options->n_only, n_vocab, "allow-token", arena, err);
    for (size_t i = 0; ids && i < options->n_only; i++)
        only[ids[i] / 32] |= 1u << ids[i] % 32;
    forbid->only = options->n_only ? only : NULL;
    return ids != NULL;
}

/* Whether all but the last of a bad sequence were generated just now; that one's id goes to *last. */
static bool is_next(const int32_t *bad, const int32_t *generated, size_t n, int32_t *last)
{
    size_t len = 0;
    while (bad[len + 1] != -1)
        len++;
    *last = bad[len];
    return len == 0 || (len <= n && memcmp(generated + n - len, bad, len * sizeof *bad) == 0);
}

/* Forbids a token; returns the logit it had. */
static float strike(struct candidates *c, int32_t id)
{
    float *logit = candidate_find(c, id), was = logit ? *logit : -INFINITY;
    if (logit)
        *logit = -INFINITY;
    return was;
}

void forbid_apply(const struct forbid *forbid, struct candidates *c, const int32_t *generated, size_t n)
{
    int32_t last;
    if (forbid->only)
        candidates_mask(c, forbid->only);
    for (size_t i = 0; i < forbid->n_bad; i++)
        if (is_next(forbid->bad[i], generated, n, &last))
            strike(c, last);
    if (n >= forbid->min_tokens)
        return;
    for (size_t i = 0; i < forbid->n_ends; i++)
        forbid->kept[i] = strike(c, forbid->ends[i]);
    bool none = candidates_max(c) == -INFINITY;
    for (size_t i = 0; none && i < forbid->n_ends; i++) {
        if (forbid->kept[i] == -INFINITY)
            continue;
        c->own[forbid->ends[i]] = forbid->kept[i];
        c->maximum[forbid->ends[i] / CANDIDATE_BLOCK] = NAN;
    }
}
