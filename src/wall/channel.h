/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages between engine and keeper, over one socket pair: a JSON object each, and with it at most one descriptor.
 *
 *   | bytes of the JSON, uint32 |  JSON ...  |      the descriptor travels with the first four bytes
 */
#ifndef HOB_WALL_CHANNEL_H
#define HOB_WALL_CHANNEL_H

#include <hob.h>
#include <jansson.h>

/* Sends a message, with `fd` unless it is below 0, which stays the caller's. False when the other side is gone. */
bool channel_send(int channel, const json_t *message, int fd);

/* Receives one, null for what is no JSON; *fd is the descriptor that came with it, the caller's, or -1. NULL at the
 * end, or for what is no message. The caller owns it. */
json_t *channel_receive(int channel, int *fd);

/* A path as a member of a message, whatever its bytes: each is a code point. The caller owns it. */
json_t *channel_path(const char *path);

/* The path that a member holds; NULL where it holds none. The caller frees it. */
char *channel_read_path(const json_t *member);

#endif
