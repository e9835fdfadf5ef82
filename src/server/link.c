/* SPDX-License-Identifier: Apache-2.0 */
#include "server/link.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "server/limits.h"
#include "server/listener.h"

enum { GRACE_S = 5 }; /* before the rate of a body counts */

struct link {
    double since_ms; /* when it began to send what it is sending */
    unsigned n_requests;
    bool busy; /* a request's body is whole, and its answer is not */
    bool in_body, cut, plain;
    bool upload;      /* the body is a file: its rate counts, not its time */
    bool bad_uri;     /* control characters or spaces are in it */
    size_t uri_bytes; /* of the request's line; the daemon's alone */
    size_t received;  /* bytes of the body */
    int fd;
    struct in6_addr peer; /* IPv4 as mapped; zeros for a Unix socket */
    struct link *next, **back;
};

/* The links of all daemons of the process; only the watcher and the daemon's thread use them. */
static pthread_mutex_t links_lock = PTHREAD_MUTEX_INITIALIZER;
static struct link *links;

/* The peer's address, IPv4 as mapped. */
static struct in6_addr peer_of(const struct sockaddr *address)
{
    struct in6_addr peer = IN6ADDR_ANY_INIT;
    if (address && address->sa_family == AF_INET6)
        peer = ((const struct sockaddr_in6 *)address)->sin6_addr;
    if (address && address->sa_family == AF_INET) {
        peer.s6_addr[10] = peer.s6_addr[11] = 0xff;
        memcpy(peer.s6_addr + 12, &((const struct sockaddr_in *)address)->sin_addr, 4);
    }
    return peer;
}

enum MHD_Result link_admit(void *user, const struct sockaddr *address, socklen_t size)
{
    struct in6_addr peer = peer_of(address);
    long long n = 0;
    (void)user;
    (void)size;
    if (!address || address->sa_family == AF_UNIX || listener_is_loopback(address))
        return MHD_YES;
    pthread_mutex_lock(&links_lock);
    for (const struct link *link = links; link; link = link->next)
        n += memcmp(&link->peer, &peer, sizeof peer) == 0;
    pthread_mutex_unlock(&links_lock);
    return n < limits[LIMIT_CONNECTIONS_IP].value ? MHD_YES : MHD_NO;
}

void link_notify(void *user, struct MHD_Connection *connection, void **context,
                 enum MHD_ConnectionNotificationCode code)
{
    (void)user;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        struct link *link = calloc(1, sizeof *link);
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        const union MHD_ConnectionInfo *client =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        *context = link;
        if (!link)
            return;
        link->peer = peer_of(client ? client->client_addr : NULL);
        link->since_ms = clock_ms();
        link->fd = info ? info->connect_fd : -1;
        link->plain = !MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
        pthread_mutex_lock(&links_lock);
        link->next = links;
        link->back = &links;
        if (links)
            links->back = &link->next;
        links = link;
        pthread_mutex_unlock(&links_lock);
    } else if (*context) {
        struct link *link = *context;
        pthread_mutex_lock(&links_lock);
        *link->back = link->next;
        if (link->next)
            link->next->back = link->back;
        pthread_mutex_unlock(&links_lock);
        free(link);
        *context = NULL;
    }
}

static struct link *link_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void link_state(struct MHD_Connection *connection, bool in_body, bool busy)
{
    struct link *link = link_of(connection);
    if (!link)
        return;
    pthread_mutex_lock(&links_lock);
    if (in_body != link->in_body) {
        link->since_ms = clock_ms();
        link->received = 0;
        link->upload = false;
    }
    link->n_requests += in_body && !link->in_body;
    link->in_body = in_body;
    link->busy = busy;
    pthread_mutex_unlock(&links_lock);
}

void *link_uri(void *user, const char *uri, struct MHD_Connection *connection)
{
    struct link *link = link_of(connection);
    (void)user;
    if (link) {
        link->uri_bytes = strlen(uri);
        link->bad_uri = false;
        for (const unsigned char *c = (const unsigned char *)uri; *c; c++)
            link->bad_uri = link->bad_uri || *c <= ' ' || *c == 0x7f;
    }
    return NULL; /* the request has no context yet */
}

bool link_bad_uri(struct MHD_Connection *connection)
{
    const struct link *link = link_of(connection);
    return !link || link->bad_uri;
}

size_t link_uri_bytes(struct MHD_Connection *connection)
{
    const struct link *link = link_of(connection);
    return link ? link->uri_bytes : 0;
}

void link_upload(struct MHD_Connection *connection)
{
    struct link *link = link_of(connection);
    if (!link)
        return;
    pthread_mutex_lock(&links_lock);
    link->upload = true;
    pthread_mutex_unlock(&links_lock);
}

void link_received(struct MHD_Connection *connection, size_t size)
{
    struct link *link = link_of(connection);
    if (!link)
        return;
    pthread_mutex_lock(&links_lock);
    link->received += size;
    pthread_mutex_unlock(&links_lock);
}

unsigned link_requests(struct MHD_Connection *connection)
{
    const struct link *link = link_of(connection);
    return link ? link->n_requests : 0;
}

/* Whether a link takes too long. */
static bool is_slow(const struct link *link, double now_ms)
{
    double seconds = (now_ms - link->since_ms) / 1000;
    if (link->busy || link->cut)
        return false;
    if (!link->in_body) /* between requests it may be idle first */
        return seconds > (double)(limits[LIMIT_HEADER_S].value + (link->n_requests ? limits[LIMIT_IDLE_S].value : 0));
    return (!link->upload && seconds > (double)limits[LIMIT_BODY_S].value) ||
           (seconds > GRACE_S && (double)link->received < seconds * (double)limits[LIMIT_BODY_RATE].value);
}

/* Stands before the C library's, for the libraries of HTTP and TLS, which send their parts by it: the system call could
 * pass descriptors out, so that behind the walls there is none (wall/filter.c). The parts go one by one. */
__attribute__((visibility("default"))) ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    ssize_t whole = 0, n = 0;
    if (message->msg_namelen || message->msg_controllen) {
        errno = EPERM;
        return -1;
    }
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        const struct iovec *part = &message->msg_iov[i];
        if (part->iov_len == 0)
            continue;
        n = send(fd, part->iov_base, part->iov_len, flags | (i + 1 < message->msg_iovlen ? MSG_MORE : 0));
        whole += n > 0 ? n : 0;
        if (n != (ssize_t)part->iov_len)
            break;
    }
    return whole || n >= 0 ? whole : -1;
}

void links_cut_slow(double now_ms)
{
    static const char late[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    pthread_mutex_lock(&links_lock);
    for (struct link *link = links; link; link = link->next) {
        if (!is_slow(link, now_ms))
            continue;
        link->cut = true;
        if (link->plain) /* nothing of an answer has been sent: the request is not whole */
            send(link->fd, late, sizeof late - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        shutdown(link->fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&links_lock);
}
