/* SPDX-License-Identifier: Apache-2.0
 *
 * A conversation in the words of the model's template: what messages say beyond role and content, under the names that
 * the template has for it.
 *
 * Where a request has "generic_tools": true and the template knows no tools, they are put into words as Hermes does:
 * the tools into the system message or before the first message of the user, calls into the assistant's text, results
 * into messages of the user. Replies then have the format "hermes".
 */
#ifndef HOB_CHAT_CONVERSATION_H
#define HOB_CHAT_CONVERSATION_H

#include "base/json.h"

/* Whether the request's tools, and calls in its messages, are put into words. */
bool conversation_is_generic(const json_t *request, struct str template_text);

/* The messages as the template wants them, with the request's "system" in front. The caller owns the reference. */
json_t *conversation_messages(const json_t *request, struct str template_text);

#endif
