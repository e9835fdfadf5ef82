/* SPDX-License-Identifier: Apache-2.0
 *
 * What a name of the library adds to its model: settings, as a Modelfile gives them (chat/modelfile.h).
 *
 *   {"parameters": {options by their JSON names}, "system": text, "template": Jinja, "messages": [messages],
 *    "license": [texts], "go_template": the text that "template" was made from}
 */
#ifndef HOB_CHAT_PERSONA_H
#define HOB_CHAT_PERSONA_H

#include "chat/chat.h"

struct persona {
    struct options options;        /* the session's, with the parameters where the session's were not given */
    struct chat_template template; /* none: the model's */
    json_t *system, *messages;     /* put before a request's messages; NULL: none */
};

/* Reads settings (NULL: none) over a session's options. The caller clears `persona` also after a failure. */
bool persona_init(struct persona *persona, const struct options *session, const json_t *settings,
                  struct hob_error *err);

/* Frees what it holds. */
void persona_clear(struct persona *persona);

/* Its template, or NULL; `persona` may be NULL. Borrowed. */
const struct chat_template *persona_template(const struct persona *persona);

/* The request with the persona's system message, where the request has none, and its messages before the request's. The
 * caller owns the reference. */
json_t *persona_request(const struct persona *persona, const json_t *request);

#endif
