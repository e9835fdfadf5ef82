/* SPDX-License-Identifier: Apache-2.0
 *
 * What OpenAI's endpoints share.
 */
#ifndef HOB_SERVER_OPENAI_H
#define HOB_SERVER_OPENAI_H

#include "server/generation.h"

/* The body of an error: {"error": {"message", "type", "param", "code"}}. */
json_t *openai_error(unsigned status, const char *param, const struct hob_error *err);

/* Writes "data: JSON\n\n". */
void openai_frame(struct exchange *exchange, const char *event, struct str json);

/* Writes a message of a stream. Takes the reference. */
void openai_send(struct generation *generation, json_t *json);

/* The counts: {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details": {"cached_tokens"}}. */
json_t *openai_usage(const struct generation *generation);

/* The log probabilities from the `*n`-th token on, in the form of chat completions; *n goes on. */
json_t *openai_logprobs(struct answer *answer, size_t *n);

/* "stop", "length" or "tool_calls". */
const char *openai_reason(const struct answer *answer);

/* [{"id", "type", "function": {"name", "arguments": text}}] of a whole reply, NULL where there are none. */
json_t *openai_calls(const struct answer *answer);

/* "response_format", and vLLM's and llama.cpp's fields of constraints. As rows of fields. */
bool openai_response_format(struct generation *generation, const json_t *value, struct hob_error *err);
bool openai_structured_outputs(struct generation *generation, const json_t *value, struct hob_error *err);
bool openai_grammar(struct generation *generation, const json_t *value, struct hob_error *err);
bool openai_json_schema(struct generation *generation, const json_t *value, struct hob_error *err);

/* Other rows. */
bool openai_n(struct generation *generation, const json_t *value, struct hob_error *err);
bool openai_stream_options(struct generation *generation, const json_t *value, struct hob_error *err);
bool openai_tool_choice(struct generation *generation, const json_t *value, struct hob_error *err);
bool openai_parallel_tool_calls(struct generation *generation, const json_t *value, struct hob_error *err);

/* Handlers. */
void openai_models(struct exchange *exchange);
void openai_model(struct exchange *exchange);
void openai_embeddings(struct exchange *exchange);
void openai_response_get(struct exchange *exchange);
void openai_response_delete(struct exchange *exchange);

#endif
