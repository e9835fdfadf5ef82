/* SPDX-License-Identifier: Apache-2.0 */
#include "server/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/map.h"
#include "server/limits.h"

bool guard_init(struct guard *guard, const struct listener *listener, const struct server_options *options,
                struct hob_error *err)
{
    static const char *const loopback[] = {"127.0.0.1", "localhost", "[::1]"};
    *guard = (struct guard){.scheme = options->certificate ? "https://" : "http://", .origins = options->origins};
    if (getrandom(&guard->seed, sizeof guard->seed, 0) < 0)
        return error_set(err, HOB_DISK, "the system gives no random bytes");
    guard->is_open = !listener->is_local;
    guard->is_unix = listener->path != NULL;
    if (!guard->is_unix && guard->is_open)
        snprintf(guard->hosts[guard->n_hosts++], sizeof *guard->hosts, "%.60s:%u", listener->host, listener->port);
    if (listener->is_local && !listener->path) {
        for (size_t i = 0; i < 3; i++)
            snprintf(guard->hosts[guard->n_hosts++], sizeof *guard->hosts, "%s:%u", loopback[i], listener->port);
        snprintf(guard->hosts[guard->n_hosts++], sizeof *guard->hosts, "%.60s:%u", listener->host, listener->port);
        if (listener->port == 80) /* the port of http: is left out */
            for (size_t i = 0; i < 2; i++)
                snprintf(guard->hosts[guard->n_hosts++], sizeof *guard->hosts, "%s", loopback[i]);
    }
    return !options->key_file || keys_read(&guard->keys, options->key_file, err);
}

void guard_clear(struct guard *guard)
{
    keys_clear(&guard->keys);
    *guard = (struct guard){0};
}

/* What is counted and kept of the headers. */
struct headers {
    unsigned n, n_host, n_length, n_transfer, n_origin;
    size_t bytes, span; /* of all, as told and as they lie in memory with their lines' ends */
    const char *host, *origin, *site, *type, *authorization, *key, *transfer, *length, *encoding;
    char host_text[256];
    bool bad;
};

static enum MHD_Result on_header(void *user, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                 const char *value, size_t value_len)
{
    struct headers *h = user;
    (void)kind;
    h->n++;
    h->bytes += name_len + value_len + 4;
    h->span += value ? (size_t)((uintptr_t)value - (uintptr_t)name) + value_len + 2 : 0;
    h->bad = h->bad || strlen(name) != name_len || (value && strlen(value) != value_len);
    for (const unsigned char *c = (const unsigned char *)value; c && *c; c++)
        h->bad = h->bad || (*c < 0x20 && *c != '\t') || *c == 0x7f;
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        h->bad = h->bad || *c <= ' ' || *c >= 0x7f || byte_in((char)*c, "()<>@,;:\\\"/[]?={}");
    if (strcasecmp(name, "Host") == 0) {
        size_t n = value ? value_len : 0;
        while (n > 0 && byte_in(value[n - 1], " \t")) /* space around a value is no part of it */
            n--;
        h->n_host++;
        h->bad = h->bad || n >= sizeof h->host_text;
        snprintf(h->host_text, sizeof h->host_text, "%.*s", (int)(n < sizeof h->host_text ? n : 0), value ? value : "");
        h->host = h->host_text;
    } else if (strcasecmp(name, "Content-Length") == 0) {
        h->n_length++;
        h->length = value;
        h->bad = h->bad || !value || value > name + name_len + 2; /* more than the one space */
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        h->n_transfer++;
        h->transfer = value;
    } else if (strcasecmp(name, "Origin") == 0) {
        h->n_origin++;
        h->origin = value ? value : "";
    } else if (strcasecmp(name, "Sec-Fetch-Site") == 0) {
        h->site = value ? value : "";
    } else if (strcasecmp(name, "Content-Type") == 0) {
        h->type = value;
    } else if (strcasecmp(name, "Content-Encoding") == 0) {
        h->encoding = value;
    } else if (strcasecmp(name, "Authorization") == 0) {
        h->authorization = value;
    } else if (strcasecmp(name, "X-Api-Key") == 0) {
        h->key = value;
    }
    return MHD_YES;
}

/* The key that was shown, or "". */
static const char *shown_key(const struct headers *h)
{
    if (h->key)
        return h->key;
    return h->authorization && strncasecmp(h->authorization, "Bearer ", 7) == 0 ? h->authorization + 7 : "";
}

/* Whose request it is: the key where one is shown, and the address it comes from. */
static uint64_t owner_of(const struct guard *guard, struct exchange *exchange, const char *key)
{
    struct {
        uint64_t seed, key, address;
    } parts = {.seed = guard->seed, .key = hash_bytes(key, strlen(key))};
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    if (address && address->sa_family == AF_INET)
        parts.address = hash_bytes(address->sa_data + 2, 4);
    else if (address && address->sa_family == AF_INET6)
        parts.address = hash_bytes(address->sa_data + 6, 16);
    return hash_bytes(&parts, sizeof parts);
}

/* Whether every line ended with CR LF, and no header with a line of its own. Before 1.0 libmicrohttpd passes over bare
 * line feeds, folded headers and what follows a NUL, without a word; but it parses in place, so that the request is
 * longer or shorter than what it says of it. Later versions refuse such requests when they are strict. */
static bool is_exact(const struct headers *h, const struct exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return MHD_get_version()[0] != '0' || !info || info->header_size == exchange->line_bytes + 2 + h->span + 2;
}

/* What is wrong with the framing, or 0. */
static unsigned check_framing(const struct headers *h, const struct exchange *exchange)
{
    bool is_http10 = exchange->is_http10;
    if (exchange->line_bytes > (size_t)limits[LIMIT_LINE_BYTES].value)
        return MHD_HTTP_URI_TOO_LONG;
    if (h->bytes + exchange->line_bytes > (size_t)limits[LIMIT_HEADER_BYTES].value)
        return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
    if (h->n > (unsigned)limits[LIMIT_HEADERS].value)
        return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
    if (h->bad || exchange->bad_line || h->n_host > 1 || (h->n_host == 0 && !is_http10) || h->n_length > 1 ||
        h->n_transfer > 1 || h->n_origin > 1 || (h->n_length && h->n_transfer) || !is_exact(h, exchange))
        return MHD_HTTP_BAD_REQUEST;
    if (h->n_transfer && strcasecmp(h->transfer, "chunked") != 0)
        return MHD_HTTP_NOT_IMPLEMENTED;
    for (const char *c = h->length; c && *c; c++)
        if (*c < '0' || *c > '9')
            return MHD_HTTP_BAD_REQUEST;
    return 0;
}

/* Whether Host is an address and not a name. */
static bool is_address(const char *host)
{
    return host && (host[0] == '[' || (*host && strspn(host, "0123456789.:") == strlen(host)));
}

/* Whether Host is this server. HTTP/1.0 may lack it, but no browser does, and pages are what this keeps out. Where
 * others can reach it, it has names that nobody told it: with keys any will do, else it must be an address, which no
 * page's own name can be made to mean. */
static bool is_known(const struct guard *guard, const char *host)
{
    bool known = !host || guard->is_unix || (guard->is_open && (guard->keys.n || is_address(host)));
    for (size_t i = 0; i < guard->n_hosts; i++)
        known = known || (host && strcasecmp(host, guard->hosts[i]) == 0);
    return known;
}

/* Whether the origin was named with --allow-origin. */
static bool is_named(const struct guard *guard, const char *origin)
{
    bool named = false;
    for (size_t i = 0; origin && i < guard->origins.n; i++)
        named = named || strcmp(origin, guard->origins.texts[i]) == 0;
    return named;
}

/* Whether a page of another origin asks. */
static bool is_foreign(const struct guard *guard, const struct headers *h)
{
    size_t n = strlen(guard->scheme);
    if (is_named(guard, h->origin))
        return false;
    if (h->site && strcasecmp(h->site, "same-origin") != 0 && strcasecmp(h->site, "none") != 0)
        return true;
    if (!h->origin)
        return false;
    return strncasecmp(h->origin, guard->scheme, n) != 0 || !h->host || strcasecmp(h->origin + n, h->host) != 0;
}

/* Whether the type is that of JSON, parameters aside. */
static bool is_json(const char *type)
{
    static const char json[] = "application/json";
    size_t n = sizeof json - 1;
    return type && strncasecmp(type, json, n) == 0 && strchr("; \t", type[n]);
}

/* Checks the key. */
static bool check_key(const struct guard *guard, struct exchange *exchange, const char *key, enum scope wanted)
{
    enum scope scope = guard->keys.n ? keys_scope(&guard->keys, key) : SCOPE_MANAGE;
    if (scope >= wanted)
        return true;
    if (scope == SCOPE_NONE) { /* whoever tries many waits for each */
        exchange->answer_ms = clock_ms() + (double)limits[LIMIT_KEY_MS].value;
        exchange_refuse(exchange, MHD_HTTP_UNAUTHORIZED, "want a key: Authorization: Bearer KEY, or x-api-key: KEY");
    } else {
        exchange_refuse(exchange, MHD_HTTP_FORBIDDEN, "this key may not manage models");
    }
    return false;
}

const char *guard_path(const struct guard *guard, const struct exchange *exchange, const char *target)
{
    const char *host = MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, "Host"),
               *scheme = guard->scheme;
    size_t n = host ? strcspn(host, " \t") : 0, before = strlen(scheme);
    if (n == 0 || strncasecmp(target, scheme, before) != 0 || strncasecmp(target + before, host, n) != 0)
        return target;
    const char *path = target + before + n;
    return *path == '/' ? path : *path ? target : "/";
}

bool guard_check(const struct guard *guard, struct exchange *exchange, const char *method, enum scope wanted)
{
    struct headers h = {0};
    MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, on_header, &h);
    unsigned framing = check_framing(&h, exchange);
    if (framing) {
        exchange_refuse(exchange, framing, "the request's line or headers are malformed, too long or too many");
        return false;
    }
    if (!is_known(guard, h.host)) {
        exchange_refuse(exchange, MHD_HTTP_FORBIDDEN, "Host \"%.80s\" is not this server", h.host ? h.host : "");
        return false;
    }
    if (is_foreign(guard, &h)) {
        exchange_refuse(exchange, MHD_HTTP_FORBIDDEN, "pages of other origins may not use this server");
        return false;
    }
    if (is_named(guard, h.origin)) {
        snprintf(exchange->origin, sizeof exchange->origin, "%s", h.origin);
        if (strcmp(method, "OPTIONS") == 0) { /* a browser asks before it asks */
            struct buf none = {0};
            exchange_answer(exchange, MHD_HTTP_NO_CONTENT, NULL, &none);
            return false;
        }
    }
    if (strcmp(method, "POST") == 0 && (h.origin || h.site) && !is_json(h.type)) {
        exchange_refuse(exchange, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "a page must send application/json");
        return false;
    }
    if (h.encoding && strcasecmp(h.encoding, "identity") != 0) {
        exchange_refuse(exchange, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "Content-Encoding \"%.40s\": want none", h.encoding);
        return false;
    }
    const char *key = shown_key(&h);
    exchange->owner = owner_of(guard, exchange, key);
    return check_key(guard, exchange, key, wanted);
}
