/* SPDX-License-Identifier: Apache-2.0
 *
 * The socket that the server listens on.
 */
#ifndef HOB_SERVER_LISTENER_H
#define HOB_SERVER_LISTENER_H

#include <sys/socket.h>

#include "server/server.h"

struct listener {
    int fd;
    char host[64]; /* as it was given, in brackets for IPv6 */
    unsigned port;
    bool is_local; /* loopback, or a Unix socket */
    char *path;    /* of a Unix socket; the caller owns it */
    char address[160];
    char notice[128]; /* what is not as it was asked for; "": nothing */
};

/* Opens what options->listen names: "HOST:PORT", "HOST", ":PORT", "http://..." or "unix:PATH"; NULL: 127.0.0.1:11434.
 * HOB_REFUSED when others than this machine could reach it, and neither a key and TLS nor the words that allow their
 * lack are there; HOB_LIMIT when it is taken, with by what. Where there is no IPv6, ::1, :: and names fall back to
 * IPv4. */
bool listener_open(struct listener *listener, const struct server_options *options, struct hob_error *err);

/* Whether an address is this machine's own, IPv4 within IPv6 too. */
bool listener_is_loopback(const struct sockaddr *address);

#endif
