/* SPDX-License-Identifier: Apache-2.0
 *
 * Philox 4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3" (SC 2011): a number is a function of a key and a counter, so nothing is remembered from draw to draw.
 */
#ifndef HOB_ENGINE_PHILOX_H
#define HOB_ENGINE_PHILOX_H

#include <stdint.h>

/* out[4] = Philox4x32-10 of counter[4] under key[2]. Thread-safe. */
void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* What a number is drawn for: each purpose has its own, so one that is not needed does not shift the others. */
enum philox_draw { DRAW_TOKEN, DRAW_XTC };

/* A uniform number 0 .. 2^24 - 1, to be read as a fraction of 2^24: the top 24 bits of the first word, where the key is
 * `seed` (low word first) and the counter is (index low, index high, draw, 0). `index` is that of the generated token.
 * Thread-safe. */
uint32_t philox_uniform(uint64_t seed, uint64_t index, enum philox_draw draw);

#endif
