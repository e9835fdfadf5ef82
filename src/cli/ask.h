/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks the server that runs on this machine.
 */
#ifndef HOB_CLI_ASK_H
#define HOB_CLI_ASK_H

#include <hob.h>
#include <jansson.h>

/* Sends a request to the server at HOB_HOST, else 127.0.0.1:11434; `body` (may be NULL) is JSON. The answer's JSON, the
 * caller's. NULL: HOB_NOT_FOUND when nobody answers there, else the server's own error. */
json_t *ask_server(const char *method, const char *path, const json_t *body, struct hob_error *err);

#endif
