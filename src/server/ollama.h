/* SPDX-License-Identifier: Apache-2.0
 *
 * What Ollama's endpoints share.
 */
#ifndef HOB_SERVER_OLLAMA_H
#define HOB_SERVER_OLLAMA_H

#include "server/fields.h"

/* The body of an error: {"error": text}. */
json_t *ollama_error(unsigned status, const char *param, const struct hob_error *err);

/* A line of JSON. */
void ollama_frame(struct exchange *exchange, const char *event, struct str json);

/* RFC 3339, UTC, with nanoseconds. The caller owns it. */
json_t *ollama_time(int64_t seconds, long nanoseconds);

/* The details of a model: {"parent_model", "format", "family", "families", "parameter_size", ...}. */
json_t *ollama_details(const json_t *facts);

/* The name of a model in a request about it: "model", or as old clients have it "name". */
extern const struct field ollama_names[];

/* The member "options", as struct field has it. */
bool ollama_options(struct generation *generation, const json_t *value, struct hob_error *err);

/* Handlers. */
void ollama_root(struct exchange *exchange);
void ollama_version(struct exchange *exchange);
void ollama_tags(struct exchange *exchange);
void ollama_ps(struct exchange *exchange);
void ollama_blob_head(struct exchange *exchange);
void ollama_blob_post(struct exchange *exchange);

extern const struct dialect ollama_embed_dialect, ollama_embeddings_dialect;

#endif
