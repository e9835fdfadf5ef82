/* SPDX-License-Identifier: Apache-2.0
 *
 * Tools and the choice of them, from each dialect's form into chat/'s. As rows of fields.
 *
 * A tool that its publisher's server would run itself (a web search, an interpreter) is not run here, and so no model
 * is told of it: it is named in X-Hob-Ignored.
 */
#ifndef HOB_SERVER_TOOLS_H
#define HOB_SERVER_TOOLS_H

#include "server/generation.h"

/* "tools": [{"type": "function", "function": {"name", "description", "parameters"}}] of OpenAI's chat and of Ollama;
 * the same without the object around it, of responses; [{"name", "description", "input_schema"}] of Anthropic. */
bool tools_nested(struct generation *generation, const json_t *value, struct hob_error *err);
bool tools_flat(struct generation *generation, const json_t *value, struct hob_error *err);
bool tools_anthropic(struct generation *generation, const json_t *value, struct hob_error *err);

/* "tool_choice" of OpenAI, allowed_tools among them, and of Anthropic. */
bool tool_choice_openai(struct generation *generation, const json_t *value, struct hob_error *err);
bool tool_choice_anthropic(struct generation *generation, const json_t *value, struct hob_error *err);

#endif
