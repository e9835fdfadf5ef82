/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that clients send: POST /api/blobs/sha256:HEX. They are hashed as they are written, and get their name only
 * when they are whole and what they claim to be.
 */
#ifndef HOB_SERVER_UPLOAD_H
#define HOB_SERVER_UPLOAD_H

#include "server/exchange.h"

/* Takes a piece of the body, in the daemon's thread. */
void upload_add(struct exchange *exchange, struct str bytes);

/* Gives up what was not finished. */
void upload_drop(struct exchange *exchange);

#endif
