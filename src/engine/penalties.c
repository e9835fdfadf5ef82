/* SPDX-License-Identifier: Apache-2.0
 */
#include "engine/penalties.h"

/* Whether the text's token is one of the vocabulary: an image's placeholder is not. */
static bool is_token(int32_t id, size_t n_vocab)
{
    return id >= 0 && (size_t)id < n_vocab;
}

static void count_tokens(const int32_t *tokens, size_t n, uint32_t *count, size_t n_vocab)
{
    for (size_t i = 0; i < n; i++)
        if (is_token(tokens[i], n_vocab))
            count[tokens[i]]++;
}

/* The count of a token the first time it is asked for, then 0, so that the table is zero again after a walk. */
static uint32_t take_count(int32_t id, uint32_t *count, size_t n_vocab)
{
    if (!is_token(id, n_vocab))
        return 0;
    uint32_t n = count[id];
    count[id] = 0;
    return n;
}

void penalize_repeats(struct candidates *c, float penalty, const int32_t *window, size_t n_window, uint32_t *count,
                      size_t n_vocab)
{
    if (penalty == 1)
        return;
    count_tokens(window, n_window, count, n_vocab);
    for (size_t i = 0; i < n_window; i++) {
        float *logit = take_count(window[i], count, n_vocab) > 0 ? candidate_find(c, window[i]) : NULL;
        if (logit)
            candidate_set(logit, *logit > 0 ? *logit / penalty : *logit * penalty);
    }
}

void penalize_presence(struct candidates *c, float presence, float frequency, const int32_t *generated,
                       size_t n_generated, uint32_t *count, size_t n_vocab)
{
    if (presence == 0 && frequency == 0)
        return;
    count_tokens(generated, n_generated, count, n_vocab);
    for (size_t i = 0; i < n_generated; i++) {
        uint32_t n = take_count(generated[i], count, n_vocab);
        float *logit = n > 0 ? candidate_find(c, generated[i]) : NULL;
        if (logit)
            candidate_set(logit, *logit - (presence + frequency * (float)n));
    }
}
