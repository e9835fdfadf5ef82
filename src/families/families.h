/* SPDX-License-Identifier: Apache-2.0
 *
 * The families: one file an architecture, one row of list.h.
 */
#ifndef HOB_FAMILIES_FAMILIES_H
#define HOB_FAMILIES_FAMILIES_H

#include "model/family.h"

/* Llama's block, which other families share: pre-norm attention and SwiGLU. */
int llama_block(struct block *block, int x);

/* All families, in the order of list.h. Sets *n. Thread-safe; they live for ever. */
const struct family *const *families_all(size_t *n);

#endif
