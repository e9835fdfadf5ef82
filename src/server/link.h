/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections, from their accept to their close, and the clock that runs while they send.
 */
#ifndef HOB_SERVER_LINK_H
#define HOB_SERVER_LINK_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* For MHD_OPTION_NOTIFY_CONNECTION. */
void link_notify(void *user, struct MHD_Connection *connection, void **context,
                 enum MHD_ConnectionNotificationCode code);

/* Whether one more connection of that address may be accepted; loopback always may. */
enum MHD_Result link_admit(void *user, const struct sockaddr *address, socklen_t size);

/* For MHD_OPTION_URI_LOG_CALLBACK: notes how long the request's target is, and whether spaces or control characters are
 * in it. */
void *link_uri(void *user, const char *uri, struct MHD_Connection *connection);
size_t link_uri_bytes(struct MHD_Connection *connection);
bool link_bad_uri(struct MHD_Connection *connection);

/* What a connection is about: whether it sends a body, and whether a request is whole and its answer is not. */
void link_state(struct MHD_Connection *connection, bool in_body, bool busy);

/* The body is a file, which may take long as long as it comes. */
void link_upload(struct MHD_Connection *connection);

/* `size` more bytes of a body came. */
void link_received(struct MHD_Connection *connection, size_t size);

/* The requests that came on a connection. */
unsigned link_requests(struct MHD_Connection *connection);

/* Tells connections that take too long over a request so (408), and cuts them. */
void links_cut_slow(double now_ms);

#endif
