/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon: from connections to exchanges.
 */
#include "server/server.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/generation.h"
#include "server/internal.h"
#include "server/limits.h"
#include "server/link.h"
#include "server/listener.h"
#include "server/resident.h"
#include "server/responses.h"
#include "server/routes.h"
#include "server/upload.h"
#include "wall/wall.h"

void server_init_wait(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

struct timespec server_deadline(double ms)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double s = ms / 1000;
    now.tv_sec += (time_t)s;
    now.tv_nsec += (long)((s - (double)(time_t)s) * 1e9);
    if (now.tv_nsec >= 1000000000) {
        now.tv_sec++;
        now.tv_nsec -= 1000000000;
    }
    return now;
}

/* ----------------------------------------------------------------------------------------------------- watcher */

void server_watch(struct exchange *exchange)
{
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLONESHOT,
                                .data.u64 = exchange->number};
    if (epoll_ctl(exchange->server->epoll, EPOLL_CTL_ADD, exchange->fd, &event) != 0 && errno == EEXIST)
        epoll_ctl(exchange->server->epoll, EPOLL_CTL_MOD, exchange->fd, &event);
}

/* The exchange of that number, held; or NULL. */
static struct exchange *find_exchange(struct server *server, uint64_t number)
{
    pthread_mutex_lock(&server->lock);
    struct exchange *exchange = server->exchanges;
    while (exchange && exchange->number != number)
        exchange = exchange->next;
    if (exchange)
        exchange_hold(exchange);
    pthread_mutex_unlock(&server->lock);
    return exchange;
}

/* Lets the refusals go out that were held back. */
static void release_refusals(struct server *server, double now)
{
    pthread_mutex_lock(&server->lock);
    for (struct exchange *exchange = server->exchanges; exchange; exchange = exchange->next)
        if (exchange->answer_ms > 0 && now >= exchange->answer_ms)
            exchange_resume(exchange);
    pthread_mutex_unlock(&server->lock);
}

/* Keeps streams alive that say nothing for a while. */
static void keep_alive(struct server *server, double now)
{
    pthread_mutex_lock(&server->lock);
    for (struct exchange *exchange = server->exchanges; exchange; exchange = exchange->next) {
        pthread_mutex_lock(&exchange->lock);
        bool silent = exchange->streaming && !exchange->ended && now - exchange->written_ms > 5000;
        pthread_mutex_unlock(&exchange->lock);
        if (silent && exchange->dialect->ping)
            exchange_write(exchange, str_of(exchange->dialect->ping));
    }
    pthread_mutex_unlock(&server->lock);
}

static void *watch(void *user)
{
    struct server *server = user;
    double told = clock_ms();
    while (!atomic_load(&server->stopping)) {
        struct epoll_event events[64];
        int n = epoll_wait(server->epoll, events, 64, 250);
        for (int i = 0; i < n; i++) {
            struct exchange *exchange = find_exchange(server, events[i].data.u64);
            if (!exchange)
                continue;
            exchange_leave(exchange);
            exchange_drop(exchange);
        }
        double now = clock_ms();
        release_refusals(server, now);
        if (now - told < 500)
            continue;
        told = now;
        links_cut_slow(now);
        keep_alive(server, now);
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------------ daemon */

static void on_completed(void *user, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct server *server = user;
    struct exchange *exchange = *context;
    (void)code;
    *context = NULL;
    link_state(connection, false, false);
    if (!exchange)
        return;
    epoll_ctl(server->epoll, EPOLL_CTL_DEL, exchange->fd, NULL);
    pthread_mutex_lock(&exchange->lock);
    exchange->suspended = false; /* the connection is no longer ours */
    exchange->gone = true;
    if (exchange->generation)
        generation_cancel(exchange->generation);
    pthread_mutex_unlock(&exchange->lock);
    pthread_mutex_lock(&server->lock);
    for (struct exchange **at = &server->exchanges; *at; at = &(*at)->next)
        if (*at == exchange) {
            *at = exchange->next;
            break;
        }
    server->n_exchanges--;
    pthread_mutex_unlock(&server->lock);
    exchange_drop(exchange);
}

/* Queues the answer that the exchange has. */
static enum MHD_Result respond(struct exchange *exchange, struct MHD_Connection *connection, bool close)
{
    struct MHD_Response *response;
    char text[32];
    pthread_mutex_lock(&exchange->lock);
    if (exchange->streaming)
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16 << 10, exchange_read, exchange, NULL);
    else
        response = MHD_create_response_from_buffer(
            exchange->out.len, exchange->out.ptr ? exchange->out.ptr : (char *)exchange->tail, MHD_RESPMEM_MUST_COPY);
    if (response) {
        if (exchange->type)
            MHD_add_response_header(response, "Content-Type", exchange->type);
        MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
        MHD_add_response_header(response, "Cache-Control", exchange->streaming ? "no-cache" : "no-store");
        snprintf(text, sizeof text, "req_%016llx", (unsigned long long)exchange->number);
        MHD_add_response_header(response, "X-Request-Id", text);
        MHD_add_response_header(response, "Request-Id", text);
        if (exchange->ignored.len && buf_text(&exchange->ignored))
            MHD_add_response_header(response, "X-Hob-Ignored", exchange->ignored.ptr);
        if (exchange->truncated.len && buf_text(&exchange->truncated))
            MHD_add_response_header(response, "X-Hob-Truncated", exchange->truncated.ptr);
        if (exchange->retry_after_s) {
            snprintf(text, sizeof text, "%u", exchange->retry_after_s);
            MHD_add_response_header(response, "Retry-After", text);
        }
        if (exchange->request_id[0]) /* the methods that a path has */
            MHD_add_response_header(response, "Allow", exchange->request_id);
        if (exchange->origin[0]) {
            MHD_add_response_header(response, "Access-Control-Allow-Origin", exchange->origin);
            MHD_add_response_header(response, "Access-Control-Allow-Methods", "GET, POST, DELETE");
            MHD_add_response_header(response, "Access-Control-Allow-Headers", "Authorization, Content-Type, X-Api-Key");
            MHD_add_response_header(response, "Vary", "Origin");
        }
        if (close)
            MHD_add_response_header(response, "Connection", "close");
    }
    unsigned status = exchange->status;
    pthread_mutex_unlock(&exchange->lock);
    enum MHD_Result result = response ? MHD_queue_response(connection, status, response) : MHD_NO;
    if (response)
        MHD_destroy_response(response);
    return result;
}

/* A new exchange for a request whose headers are there. */
static struct exchange *exchange_new(struct server *server, struct MHD_Connection *connection, const char *method,
                                     const char *version)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (!exchange)
        return NULL;
    exchange->server = server;
    exchange->connection = connection;
    exchange->fd = info ? info->connect_fd : -1;
    exchange->is_http10 = strcmp(version, "HTTP/1.0") == 0;
    exchange->received_ms = clock_ms();
    exchange->bad_line = link_bad_uri(connection);
    exchange->line_bytes = strlen(method) + 1 + link_uri_bytes(connection) + 1 + strlen(version);
    exchange->dialect = &hob_dialect;
    atomic_init(&exchange->refs, 1);
    pthread_mutex_init(&exchange->lock, NULL);
    exchange->body.limit = (size_t)limits[LIMIT_BODY_BYTES].value;
    const char *agent = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "User-Agent");
    snprintf(exchange->agent, sizeof exchange->agent, "%s", agent ? agent : "");
    pthread_mutex_lock(&server->lock);
    exchange->number = ++server->n_numbers;
    exchange->next = server->exchanges;
    server->exchanges = exchange;
    server->n_exchanges++;
    pthread_mutex_unlock(&server->lock);
    return exchange;
}

/* Finds the route and checks who asks. False after a refusal. */
static bool admit(struct server *server, struct exchange *exchange, const char *method, const char *path)
{
    char allowed[64];
    path = guard_path(&server->guard, exchange, path);
    exchange->head = strcmp(method, "HEAD") == 0;
    exchange->route = routes_find(method, path, exchange->tail, allowed);
    if (exchange->route)
        exchange->dialect = exchange->route->dialect;
    else if (strncmp(path, "/v1/messages", 12) == 0)
        exchange->dialect = &anthropic_dialect;
    else if (strncmp(path, "/v1/", 4) == 0)
        exchange->dialect = &openai_chat_dialect;
    else if (strncmp(path, "/api/", 5) == 0)
        exchange->dialect = &ollama_chat_dialect;
    atomic_fetch_add(&server->counters.requests, 1);
    enum scope scope = !exchange->route                        ? SCOPE_USE
                       : exchange->route->flags & ROUTE_OPEN   ? SCOPE_NONE
                       : exchange->route->flags & ROUTE_MANAGE ? SCOPE_MANAGE
                                                               : SCOPE_USE;
    if (!guard_check(&server->guard, exchange, method, scope))
        return false;
    if (strchr(path, '%')) {
        exchange_refuse(exchange, MHD_HTTP_BAD_REQUEST, "the path has an escape that is not taken");
        return false;
    }
    if (!exchange->route) {
        snprintf(exchange->request_id, sizeof exchange->request_id, "%.31s", allowed);
        exchange_refuse(exchange, allowed[0] ? MHD_HTTP_METHOD_NOT_ALLOWED : MHD_HTTP_NOT_FOUND, "%s",
                        allowed[0] ? "the path does not take this method" : "there is no such path");
        return false;
    }
    if (atomic_load(&server->draining)) {
        exchange->retry_after_s = 5;
        exchange_refuse(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, "the server is stopping");
        return false;
    }
    const char *length = MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, "Content-Length");
    if (length && !(exchange->route->flags & ROUTE_UPLOAD) &&
        (strlen(length) > 18 || strtoll(length, NULL, 10) > limits[LIMIT_BODY_BYTES].value)) {
        exchange_refuse(exchange, MHD_HTTP_CONTENT_TOO_LARGE, "the body has %.20s bytes, want at most %lld", length,
                        limits[LIMIT_BODY_BYTES].value);
        return false;
    }
    return true;
}

/* Takes a piece of the body. */
static void take_body(struct exchange *exchange, const char *data, size_t size)
{
    if (exchange->route->flags & ROUTE_UPLOAD)
        upload_add(exchange, (struct str){data, size});
    else if (!exchange->status && !buf_add(&exchange->body, data, size))
        exchange_refuse(exchange, MHD_HTTP_CONTENT_TOO_LARGE, "the body has more than %lld bytes",
                        limits[LIMIT_BODY_BYTES].value);
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *data, size_t *size, void **context)
{
    struct server *server = user;
    struct exchange *exchange = *context;
    if (!exchange) {
        exchange = exchange_new(server, connection, method, version);
        *context = exchange;
        if (!exchange)
            return MHD_NO;
        link_state(connection, true, false);
        if (!admit(server, exchange, method, path)) {
            atomic_fetch_add(&server->counters.refused, 1);
            exchange->refused = true;
            if (exchange->answer_ms == 0)
                return respond(exchange, connection, true);
            exchange->suspended = true; /* the watcher lets it go on */
            MHD_suspend_connection(connection);
            return MHD_YES;
        }
        if (exchange->route->flags & ROUTE_UPLOAD)
            link_upload(connection);
        return MHD_YES;
    }
    if (*size) {
        link_received(connection, *size);
        take_body(exchange, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (!exchange->dispatched) {
        exchange->dispatched = true;
        link_state(connection, true, true);
        if (exchange->status == 0 && exchange->route->flags & ROUTE_INLINE) {
            exchange->route->handle(exchange);
        } else if (exchange->status == 0) {
            pthread_mutex_lock(&exchange->lock);
            exchange->suspended = true;
            MHD_suspend_connection(connection);
            pthread_mutex_unlock(&exchange->lock);
            server_watch(exchange);
            if (!server_hand(server, WORK_SHORT, exchange, exchange->route->handle)) {
                exchange->retry_after_s = 5;
                exchange_refuse(exchange, MHD_HTTP_SERVICE_UNAVAILABLE, "the server is stopping");
            }
            return MHD_YES;
        }
    }
    pthread_mutex_lock(&exchange->lock);
    bool answered = exchange->status != 0, gone = exchange->gone;
    pthread_mutex_unlock(&exchange->lock);
    if (!answered || gone) /* its client left before there was an answer */
        return MHD_NO;
    return respond(exchange, connection,
                   exchange->refused || link_requests(connection) >= (unsigned)limits[LIMIT_REQUESTS].value);
}

/* The byte that "%xx" stands for, or -1: bad digits, a control character, or "%" again. */
static int escaped_byte(const char *at)
{
    int byte = 0;
    for (int i = 1; i <= 2; i++) {
        if (!isxdigit((unsigned char)at[i]))
            return -1;
        byte = 16 * byte + (isdigit((unsigned char)at[i]) ? at[i] - '0' : (at[i] | 32) - 'a' + 10);
    }
    return byte < 32 || byte == 127 || byte == '%' ? -1 : byte;
}

/* Decodes a path, once. One that nobody sends in earnest stays as it is, and admit() refuses it by its "%": with bad
 * escapes, or where what was escaped makes a part "..". */
static size_t unescape(void *user, struct MHD_Connection *connection, char *text)
{
    (void)user;
    (void)connection;
    size_t len = strlen(text), n = 0;
    char *plain = strchr(text, '%') ? malloc(len + 3) : NULL;
    bool good = plain != NULL;
    if (good)
        plain[n++] = '/';
    for (const char *at = text; good && *at; at++) {
        int byte = *at == '%' ? escaped_byte(at) : (unsigned char)*at;
        good = byte >= 0;
        plain[n++] = (char)byte;
        at += *at == '%' && good ? 2 : 0;
    }
    if (good) {
        plain[n] = '/';
        plain[n + 1] = 0;
        good = !strstr(plain, "/../") && !strstr(plain, "/./") && utf8_valid((struct str){plain, n});
    }
    if (good) {
        len = n - 1;
        memcpy(text, plain + 1, len);
        text[len] = 0;
    }
    free(plain);
    return len;
}

static void log_nothing(void *user, const char *format, va_list args)
{
    (void)user;
    (void)format;
    (void)args;
}

/* -------------------------------------------------------------------------------------------- start and stop */

static bool start_threads(struct server *server, struct hob_error *err)
{
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (server->epoll < 0)
        return error_system(err, "epoll", "cannot be had");
    server->watching = pthread_create(&server->watcher, NULL, watch, server) == 0;
    return server->watching ? handlers_start(server, err)
                            : error_set(err, HOB_LIMIT, "the system gives no more threads");
}

/* What TLS needs, in memory. */
struct tls {
    struct buf certificate, key;
};

static bool read_tls(struct tls *tls, const struct server_options *options, struct hob_error *err)
{
    enum { MAX_PEM = 1 << 20 };
    if (!options->certificate)
        return true;
    return file_load(options->certificate, MAX_PEM, &tls->certificate, err) &&
           file_load(options->private_key, MAX_PEM, &tls->key, err) &&
           ((buf_text(&tls->certificate) && buf_text(&tls->key)) || error_memory(err, MAX_PEM));
}

static void clear_tls(struct tls *tls)
{
    if (tls->key.ptr)
        explicit_bzero(tls->key.ptr, tls->key.len);
    buf_clear(&tls->key);
    buf_clear(&tls->certificate);
}

static struct MHD_Daemon *start_daemon(struct server *server, const struct listener *listener, const struct tls *tls)
{
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}},
                                with_tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, tls->certificate.ptr},
                                              {MHD_OPTION_HTTPS_MEM_KEY, 0, tls->key.ptr},
                                              {MHD_OPTION_END, 0, NULL}};
    bool has_tls = tls->key.len > 0;
    /* Before 1.0 it refuses a lack of Host where it is strict, but with two heads. The guard refuses with one. */
    int strict = MHD_get_version()[0] != '0';
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (has_tls ? MHD_USE_TLS : 0), 0,
        link_admit, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, log_nothing, NULL, MHD_OPTION_LISTEN_SOCKET,
        listener->fd, MHD_OPTION_STRICT_FOR_CLIENT, strict, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)limits[LIMIT_CONNECTIONS].value, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)limits[LIMIT_IDLE_S].value,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)limits[LIMIT_HEADER_BYTES].value + (32 << 10),
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, link_notify, server,
        MHD_OPTION_URI_LOG_CALLBACK, link_uri, NULL, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_ARRAY,
        has_tls ? with_tls : none, MHD_OPTION_END);
}

struct server *server_start(const struct server_options *options, struct hob_error *err)
{
    struct server *server = calloc(1, sizeof *server);
    struct listener listener = {.fd = -1};
    struct tls tls = {0};
    if (!server) {
        error_memory(err, sizeof *server);
        return NULL;
    }
    server->options = *options;
    server->epoll = -1;
    server->started_ms = clock_ms();
    pthread_mutex_init(&server->lock, NULL);
    handlers_init(server);
    server_init_wait(&server->resident_left);
    bool good = listener_open(&listener, options, err);
    snprintf(server->address, sizeof server->address, "%s", listener.address);
    snprintf(server->notice, sizeof server->notice, "%s", listener.notice);
    good = good && guard_init(&server->guard, &listener, options, err) && read_tls(&tls, options, err);
    good = good && options->seal(options->user, listener.fd, listener.path, err);
    server->wall = wall_status();
    good = good && start_threads(server, err);
    if (good) {
        server->daemon = start_daemon(server, &listener, &tls);
        if (!server->daemon) {
            close(listener.fd);
            good = error_set(err, HOB_LIMIT, "the HTTP daemon did not start%s",
                             options->certificate ? "; are the certificate and the key PEM, and of one another?" : "");
        }
    } else if (listener.fd >= 0) {
        close(listener.fd);
    }
    clear_tls(&tls);
    if (!good && listener.path)
        unlink(listener.path); /* once the walls stand, the keeper does it */
    free(listener.path);
    if (good)
        return server;
    server_stop(server);
    return NULL;
}

const char *server_address(const struct server *server)
{
    return server->address;
}

const char *server_notice(const struct server *server)
{
    return server->notice;
}

enum { FLUSH_S = 1 }; /* for the last words of what the end of the server cuts */

/* Waits until every answer is taken, for so long at most; `hurry` may be NULL. */
static void wait_for_exchanges(struct server *server, double seconds, bool (*hurry)(void))
{
    double until = clock_ms() + seconds * 1000;
    size_t left = 1;
    while (left && clock_ms() < until && !(hurry && hurry())) {
        pthread_mutex_lock(&server->lock);
        left = server->n_exchanges;
        pthread_mutex_unlock(&server->lock);
        if (left)
            usleep(20000);
    }
}

void server_drain(struct server *server, double seconds, bool (*hurry)(void))
{
    atomic_store(&server->draining, true);
    wait_for_exchanges(server, seconds, hurry);
}

void server_stop(struct server *server)
{
    if (!server)
        return;
    atomic_store(&server->draining, true);
    handlers_stop(server);  /* they use residents */
    residents_free(server); /* what is in flight is told why it ends */
    wait_for_exchanges(server, FLUSH_S, NULL);
    pthread_mutex_lock(&server->lock);
    for (struct exchange *exchange = server->exchanges; exchange; exchange = exchange->next)
        exchange_leave(exchange);
    pthread_mutex_unlock(&server->lock);
    if (server->watching)
        pthread_join(server->watcher, NULL);
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    if (server->epoll >= 0)
        close(server->epoll);
    responses_free(server);
    guard_clear(&server->guard);
    json_decref(server->wall);
    pthread_mutex_destroy(&server->lock);
    pthread_cond_destroy(&server->resident_left);
    free(server);
}
