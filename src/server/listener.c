/* SPDX-License-Identifier: Apache-2.0 */
#include "server/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"

#define DEFAULT_HOST "127.0.0.1"
#define DEFAULT_PORT 11434
#define BACKLOG      511

/* Takes host and port apart. */
static bool parse(struct listener *l, const char *text, struct hob_error *err)
{
    if (strncmp(text, "http://", 7) == 0)
        text += 7;
    const char *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');
    if (colon && (colon < bracket || (text[0] != '[' && strchr(text, ':') != colon)))
        colon = NULL; /* within an IPv6 address */
    size_t host_len = colon ? (size_t)(colon - text) : strcspn(text, "/");
    bool bare = !colon && text[0] != '[' && memchr(text, ':', host_len);
    l->port = DEFAULT_PORT;
    if (colon) {
        char *end;
        unsigned long port = strtoul(colon + 1, &end, 10);
        if (end == colon + 1 || (*end && strcmp(end, "/") != 0) || port > 65535)
            return error_set(err, HOB_USAGE, "--listen: found \"%.60s\", want HOST:PORT or unix:PATH", text);
        l->port = (unsigned)port;
    }
    if (host_len + 2 >= sizeof l->host)
        return error_set(err, HOB_USAGE, "--listen: the host of \"%.60s\" is too long", text);
    snprintf(l->host, sizeof l->host, "%s%.*s%s", bare ? "[" : "", (int)host_len, text, bare ? "]" : "");
    if (!l->host[0])
        snprintf(l->host, sizeof l->host, "%s", DEFAULT_HOST);
    return true;
}

bool listener_is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24) == 127;
    const struct in6_addr *ip = &((const struct sockaddr_in6 *)address)->sin6_addr;
    return address->sa_family == AF_INET6 &&
           (IN6_IS_ADDR_LOOPBACK(ip) || (IN6_IS_ADDR_V4MAPPED(ip) && ip->s6_addr[12] == 127));
}

/* The error for an address that is taken: what to ask. */
static bool taken(const struct listener *l, struct hob_error *err)
{
    return error_set(err, HOB_LIMIT,
                     "%s:%u is taken, perhaps by Ollama or another hob: \"ss -ltnp sport = :%u\" says by what; "
                     "--listen %s:%u takes another port",
                     l->host, l->port, l->port, l->host, l->port < 65535 ? l->port + 1 : 11434);
}

/* Beyond this machine it listens only with keys and TLS, or a word for each that is missing. */
static bool check_reach(const struct listener *l, const struct server_options *options, struct hob_error *err)
{
    if (!options->key_file && !options->allow_no_key)
        return error_set(err, HOB_REFUSED,
                         "--listen %s: others could reach it; want --key-file FILE, or --allow-no-key", l->host);
    return options->certificate || options->allow_no_tls ||
           error_set(err, HOB_REFUSED,
                     "--listen %s: others could read along; want --tls-cert FILE and --tls-key FILE, or --allow-no-tls",
                     l->host);
}

/* Listens on one address; false with errno, or (0) with an error. */
static bool open_address(struct listener *l, const struct addrinfo *found, const struct server_options *options,
                         struct hob_error *err)
{
    int one = 1;
    l->is_local = listener_is_loopback(found->ai_addr);
    if (!l->is_local && !check_reach(l, options, err)) {
        errno = 0;
        return false;
    }
    l->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return error_system(err, l->host, "no socket can be had");
    setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(l->fd, found->ai_addr, found->ai_addrlen) == 0 && listen(l->fd, BACKLOG) == 0)
        return true;
    int error = errno;
    if (error == EADDRINUSE)
        taken(l, err);
    else
        error_system(err, l->host, "cannot be listened on");
    close(l->fd);
    l->fd = -1;
    errno = error;
    return false;
}

/* Whether that was for want of IPv6. */
static bool is_six_off(const struct addrinfo *found)
{
    return found->ai_family == AF_INET6 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL);
}

static bool open_tcp(struct listener *l, const struct server_options *options, struct hob_error *err)
{
    static const char *const kin[][2] = {{"::1", "127.0.0.1"}, {"::", "0.0.0.0"}}; /* the same reach without IPv6 */
    char port[8], bare[64], given[64];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
    size_t n = strlen(l->host);
    bool brackets = n > 2 && l->host[0] == '[' && l->host[n - 1] == ']';
    snprintf(bare, sizeof bare, "%.*s", brackets ? (int)(n - 2) : (int)n, l->host + brackets);
    snprintf(port, sizeof port, "%u", l->port);
    snprintf(given, sizeof given, "%s", l->host);
    /* "localhost" is loopback, whatever a table or a server of names would say (RFC 6761, 6.3). */
    int code = getaddrinfo(strcasecmp(bare, "localhost") == 0 ? "127.0.0.1" : bare, port, &hints, &found);
    if (code != 0)
        return error_set(err, HOB_NOT_FOUND, "--listen: %s: %s", l->host, gai_strerror(code));
    const struct addrinfo *at = found;
    bool good = open_address(l, at, options, err), off = !good && is_six_off(at);
    while (!good && is_six_off(at) && at->ai_next) /* a name may mean more than one */
        good = open_address(l, at = at->ai_next, options, err);
    for (size_t i = 0; off && !good && is_six_off(at) && i < sizeof kin / sizeof *kin; i++) {
        struct addrinfo *four;
        if (strcmp(bare, kin[i][0]) != 0 || getaddrinfo(kin[i][1], port, &hints, &four) != 0)
            continue;
        snprintf(l->host, sizeof l->host, "%s", kin[i][1]);
        good = open_address(l, four, options, err);
        freeaddrinfo(four);
        break;
    }
    if (good) /* what came before is no error then */
        error_clear(err);
    if (good && off)
        snprintf(l->notice, sizeof l->notice, "--listen %s: IPv6 is off here; IPv4 is listened on alone", given);
    struct sockaddr_storage bound = {0};
    socklen_t size = sizeof bound;
    if (good && getsockname(l->fd, (struct sockaddr *)&bound, &size) == 0) /* port 0: the system has chosen */
        l->port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                    : ((struct sockaddr_in *)&bound)->sin_port);
    snprintf(l->address, sizeof l->address, "%s://%s:%u", options->certificate ? "https" : "http", l->host, l->port);
    freeaddrinfo(found);
    return good;
}

static bool open_unix(struct listener *l, const char *path, struct hob_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat st;
    if (!*path || strlen(path) >= sizeof address.sun_path)
        return error_set(err, HOB_USAGE, "--listen unix:%.60s: want a path of 1 to %zu bytes", path,
                         sizeof address.sun_path - 1);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    l->is_local = true;
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return error_system(err, path, "no socket can be had");
    if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode)) { /* left by one that was killed, unless somebody answers */
        int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool alive = probe >= 0 && connect(probe, (struct sockaddr *)&address, sizeof address) == 0;
        if (probe >= 0)
            close(probe);
        if (alive)
            return error_set(err, HOB_LIMIT, "%s is taken: another server answers there", path);
        unlink(path);
    }
    mode_t mask = umask(0177);
    bool good = bind(l->fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(l->fd, BACKLOG) == 0;
    umask(mask);
    if (!good)
        return error_system(err, path, "cannot be listened on");
    l->path = strdup(path);
    snprintf(l->address, sizeof l->address, "unix:%s", path);
    return l->path || error_memory(err, strlen(path));
}

bool listener_open(struct listener *listener, const struct server_options *options, struct hob_error *err)
{
    const char *text = options->listen && *options->listen ? options->listen : DEFAULT_HOST;
    *listener = (struct listener){.fd = -1};
    bool good = strncmp(text, "unix:", 5) == 0 ? open_unix(listener, text + 5, err)
                                               : parse(listener, text, err) && open_tcp(listener, options, err);
    if (!good && listener->fd >= 0) {
        close(listener->fd);
        listener->fd = -1;
    }
    return good;
}
