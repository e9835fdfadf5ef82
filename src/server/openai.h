/* SPDX-License-Identifier: Apache-2.0
 *
 * What OpenAI's endpoints share.
 */
#ifndef HOB_SERVER_OPENAI_H
#define HOB_SERVER_OPENAI_H

#include "server/fields.h"

/* The body of an error: {"error": {"message", "type", "param", "code"}}. */
json_t *openai_error(unsigned status, const char *param, const struct hob_error *err);

/* Writes "data: JSON\n\n". */
void openai_frame(struct exchange *exchange, const char *event, struct str json);

/* Writes a message of a stream. Takes the reference. */
void openai_send(struct generation *generation, json_t *json);

/* The counts: {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details": {"cached_tokens"}}. */
json_t *openai_usage(const struct generation *generation);

/* An answer's body but for what is its own: {"id", "object", "created", "model", "system_fingerprint", "choices"}.
 * Takes `choices`. */
json_t *openai_envelope(const struct generation *generation, const char *object, json_t *choices);

/* Ends an answer: `body` with the counts and receipts that were asked for is all of it, or of a stream the last
 * message. Takes the reference. */
void openai_end(struct generation *generation, json_t *body);

/* "stop", "length" or "tool_calls". */
const char *openai_reason(const struct answer *answer);

/* [{"id", "type", "function": {"name", "arguments": text}}] of a whole reply, NULL where there are none. */
json_t *openai_calls(const struct answer *answer);

/* The members that chat completions and completions share, and those that are advisory in all of OpenAI's. */
extern const struct field openai_fields[], openai_advisory[];

/* The members that vLLM and llama.cpp add to OpenAI's. */
extern const struct field openai_added[];

/* The ids of the answer's prompt. The caller owns the reference. */
json_t *openai_prompt_ids(const struct answer *answer);

/* Adds to a choice the ids generated since the last call, where they are asked for. Returns it. */
json_t *openai_with_ids(struct answer *answer, json_t *choice);

/* Sets the constraint (chat/constrain.h); takes the reference. And that of a JSON schema. */
bool openai_constraint(struct generation *generation, json_t *constraint, struct hob_error *err);
bool openai_schema(struct generation *generation, const json_t *schema, struct hob_error *err);

/* "response_format", also as responses have it. As a row of fields. */
bool openai_response_format(struct generation *generation, const json_t *value, struct hob_error *err);

/* Keeps a response for the next: its body, and its messages and those before it. Takes `messages`. */
void openai_keep(struct generation *generation, const json_t *body, json_t *messages);

/* Handlers. */
void openai_models(struct exchange *exchange);
void openai_model(struct exchange *exchange);
void openai_response_get(struct exchange *exchange);
void openai_response_items(struct exchange *exchange);
void openai_response_delete(struct exchange *exchange);

extern const struct dialect openai_embeddings_dialect;

#endif
