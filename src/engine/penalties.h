/* SPDX-License-Identifier: Apache-2.0
 *
 * Penalties on tokens that stand in the text already.
 */
#ifndef HOB_ENGINE_PENALTIES_H
#define HOB_ENGINE_PENALTIES_H

#include "engine/candidates.h"

/* Divides the positive and multiplies the negative logits of the tokens of the window by `penalty`, each once. Keskar
 * et al., "CTRL" (2019). `count` [n_vocab] is zero before and after. */
void penalize_repeats(struct candidates *c, float penalty, const int32_t *window, size_t n_window, uint32_t *count,
                      size_t n_vocab);

/* Takes presence + frequency * (how often it was generated) from the logit of each generated token, as OpenAI's API
 * documents it. `count` [n_vocab] is zero before and after. */
void penalize_presence(struct candidates *c, float presence, float frequency, const int32_t *generated,
                       size_t n_generated, uint32_t *count, size_t n_vocab);

#endif
