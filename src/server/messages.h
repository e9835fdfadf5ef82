/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages of the dialects as chat templates want them: {"role": system, user, assistant or tool, "content": text,
 * "thinking", "tool_calls": [{"type", "id", "function": {"name", "arguments": object}}], "tool_call_id",
 * "name"}.
 */
#ifndef HOB_SERVER_MESSAGES_H
#define HOB_SERVER_MESSAGES_H

#include "server/generation.h"

/* Each reads an array of messages into generation->request's "messages"; an error names the index. As rows of fields.
 */
bool messages_openai(struct generation *generation, const json_t *value, struct hob_error *err);
bool messages_ollama(struct generation *generation, const json_t *value, struct hob_error *err);
bool messages_anthropic(struct generation *generation, const json_t *value, struct hob_error *err);

/* The text of a content: a string, or an array of parts of text, joined by newlines. `where` stands in the error. */
bool content_text(const json_t *content, const char *where, struct buf *out, struct hob_error *err);

/* Appends one message. */
json_t *message_add(json_t *messages, const char *role, struct str content);

/* Adds a call to an assistant's message; `arguments` is an object, or the text of one. */
bool message_add_call(json_t *message, const json_t *id, const json_t *name, const json_t *arguments, const char *where,
                      struct hob_error *err);

#endif
