/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be said of a model, as JSON: one function a section of hob inspect. Bytes that are not UTF-8 are shown as
 * \xHH. Every function returns a reference that the caller owns.
 */
#ifndef HOB_CLI_INSPECT_FACTS_H
#define HOB_CLI_INSPECT_FACTS_H

#include "base/json.h"
#include "chat/chat.h"
#include "engine/engine.h"

/* Bytes as a JSON string. */
json_t *facts_text(struct str bytes);

/* Name, path, format, architecture, licence, files, parameters, weights by type; fields of its own go into `to`. */
void facts_file(json_t *to, const struct model *model);

/* The numbers that shape the model; it is bound. */
json_t *facts_shape(const struct model *model);

/* What the tokenizer is; with `all`, its special tokens too. Problems are appended to `warnings`. */
json_t *facts_tokenizer(struct model *model, bool all, json_t *warnings);

/* The chat template, the model's or `replacement` (may be NULL): what it knows, the format of the replies to its
 * prompts, and the published model that has the same: null when it is not one of the known. */
json_t *facts_chat(struct model *model, const struct chat_template *replacement, json_t *warnings);

/* What running the model takes and what fits this machine; it is bound. */
json_t *facts_plan(const struct model *model, const struct engine_options *options, json_t *warnings);

/* All metadata: GGUF's keys, or config.json. Long arrays are told by type and length. */
json_t *facts_metadata(const struct model *model);

/* All tensors: name, type, shape with the outermost axis first, bytes. */
json_t *facts_tensors(const struct model *model);

/* Appends a formatted sentence to `warnings`. */
void facts_warn(json_t *warnings, const char *format, ...) HOB_PRINTF(2, 3);

#endif
