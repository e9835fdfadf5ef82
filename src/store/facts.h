/* SPDX-License-Identifier: Apache-2.0
 *
 * What a model's files say of it, in short, for lists: read once and remembered in the index.
 */
#ifndef HOB_STORE_FACTS_H
#define HOB_STORE_FACTS_H

#include "store/library.h"

struct model;

/* {"architecture", "format": "gguf" or "safetensors", "parameters", "parameter_size": "135M", "quantization",
 * "context_length", "embedding_length", "capabilities": ["completion", "tools", "insert", "thinking", "embedding"]}.
 * The caller owns the reference. NULL with an error when the file cannot be read. */
json_t *facts_of(const struct library_entry *entry, struct hob_error *err);

/* The facts that are remembered for a file's stamp, as facts_of() returns them; NULL where there are none. */
json_t *facts_recall(const char *stamp);

/* Remembers them. A failure is no error. */
void facts_note(const char *stamp, const json_t *facts);

/* The ids by which a model fills in text between a prefix and a suffix: before the prefix, the suffix, the middle.
 * False when it has none. */
bool facts_infill(struct model *model, int32_t ids[3]);

#endif
