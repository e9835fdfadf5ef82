/* SPDX-License-Identifier: Apache-2.0
 *
 * Vectors of texts, as far as the dialects share it. An input is a text or an array of ids; each is an answer, which
 * takes its place among the replies.
 */
#ifndef HOB_SERVER_EMBEDDINGS_H
#define HOB_SERVER_EMBEDDINGS_H

#include "server/generation.h"

/* Makes of generation->extra's "input", one input or an array of them, the array "inputs". An empty text is HOB_USAGE,
 * unless `may_be_empty`: then a text that is empty is none at all. Without any, the model is only loaded. */
bool embeddings_inputs(struct generation *generation, bool may_be_empty, struct hob_error *err);

/* As struct dialect has them: an answer for each input; what is too long is cut with extra's "truncate", and named in
 * X-Hob-Truncated; and its vector, of extra's "dimensions", becomes text, with "base64" as base64. */
bool embeddings_prepare(struct generation *generation, struct hob_error *err);
void embeddings_ended(struct answer *answer);

/* Appends that text; nothing stands for an answer that has none. */
void embeddings_put(struct buf *out, const struct answer *answer);

/* Appends JSON. Takes the reference. */
void embeddings_put_json(struct buf *out, json_t *json);

#endif
