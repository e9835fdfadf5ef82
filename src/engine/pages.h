/* SPDX-License-Identifier: Apache-2.0
 *
 * KV pages: 64 positions of one sequence, all layers. A full page stays after its sequence ends and serves any later
 * sequence with the same tokens up to and including it; the least recently used go first. Address space is reserved for
 * all pages, memory is taken when a page is first written.
 */
#ifndef HOB_ENGINE_PAGES_H
#define HOB_ENGINE_PAGES_H

#include "kernels/cache.h"

#define PAGE_NONE UINT32_MAX

struct pages;

/* Address space for `n` pages of `page_bytes`. The caller owns it. */
struct pages *pages_new(size_t n, size_t page_bytes, struct hob_error *err);

/* Frees everything (NULL is fine). */
void pages_free(struct pages *pages);

/* The memory: page p at base + p * page_bytes. */
uint8_t *pages_base(const struct pages *pages);

/* How many pages nobody holds. */
size_t pages_unheld(const struct pages *pages);

/* Takes an empty page, dropping the least recently used unheld one if need be; PAGE_NONE when all are held. */
uint32_t pages_take(struct pages *pages);

/* Gives a page back; a published page stays until it is needed. */
void pages_drop(struct pages *pages, uint32_t page);

/* Says that `page`, held by the caller, is full with `tokens` [64] after `parent` (PAGE_NONE: at the start of a text of
 * `owner`, whose pages nobody else is given). Returns
 * the page the caller now holds: where another has the same content already, that one, and `page` is given back. */
uint32_t pages_publish(struct pages *pages, uint32_t page, uint32_t parent, uint64_t owner, const int32_t *tokens);

/* Takes the page that follows `parent` with `tokens` [64], or PAGE_NONE. */
uint32_t pages_match(struct pages *pages, uint32_t parent, uint64_t owner, const int32_t *tokens);

#endif
