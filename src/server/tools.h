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

/* A tool's schema could not be honoured, as `err` says: from now on calls of that tool are held to less, types and
 * names of arguments alone, then to any object, and the tool is named in X-Hob-Ignored; the model is told all of it.
 * Beyond a number of such tools all are taken for ones.
 * False where the error is another, where nothing is left to take, or where the client has made the tool "strict". */
bool tools_relax(struct generation *generation, const struct hob_error *err);

/* "tool_choice" of OpenAI, allowed_tools among them, and of Anthropic. */
bool tool_choice_openai(struct generation *generation, const json_t *value, struct hob_error *err);
bool tool_choice_anthropic(struct generation *generation, const json_t *value, struct hob_error *err);

#endif
