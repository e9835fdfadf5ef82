/* SPDX-License-Identifier: Apache-2.0 */
#include "server/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/file.h"
#include "base/map.h"
#include "server/limits.h"

enum { MAX_KEYS = 1024, MAX_KEY_FILE = 1 << 20, MIN_KEY = 8 };

static bool read_keys(struct guard *guard, const char *path, struct hob_error *err)
{
    struct buf text = {0};
    guard->keys = calloc(MAX_KEYS, sizeof *guard->keys);
    bool good = guard->keys ? file_load(path, MAX_KEY_FILE, &text, err) : error_memory(err, MAX_KEYS);
    char *rest = NULL;
    for (char *line = good && buf_text(&text) ? strtok_r(text.ptr, "\r\n", &rest) : NULL; line && good;
         line = strtok_r(NULL, "\r\n", &rest)) {
        if (*line == '#' || !*line)
            continue;
        if (strlen(line) < MIN_KEY || guard->n_keys == MAX_KEYS)
            good = error_set(err, HOB_USAGE, "%s: want up to %d keys of at least %d characters, a line each", path,
                             (int)MAX_KEYS, (int)MIN_KEY);
        else if (!(guard->keys[guard->n_keys++] = strdup(line)))
            good = error_memory(err, strlen(line));
    }
    if (good && guard->n_keys == 0)
        good = error_set(err, HOB_USAGE, "%s: holds no key", path);
    buf_clear(&text);
    return good;
}

bool guard_init(struct guard *guard, const char *host, unsigned port, bool is_local, const char *key_file,
                struct hob_error *err)
{
    static const char *const loopback[] = {"127.0.0.1", "localhost", "[::1]"};
    *guard = (struct guard){0};
    if (getrandom(&guard->seed, sizeof guard->seed, 0) < 0)
        return error_set(err, HOB_DISK, "the system gives no random bytes");
    if (is_local && host) {
        for (size_t i = 0; i < 3; i++)
            snprintf(guard->hosts[guard->n_hosts++], sizeof *guard->hosts, "%s:%u", loopback[i], port);
        snprintf(guard->hosts[guard->n_hosts++], sizeof *guard->hosts, "%.60s:%u", host, port);
        if (port == 80) /* the port of http: is left out */
            for (size_t i = 0; i < 2; i++)
                snprintf(guard->hosts[guard->n_hosts++], sizeof *guard->hosts, "%s", loopback[i]);
    }
    return !key_file || read_keys(guard, key_file, err);
}

void guard_clear(struct guard *guard)
{
    for (size_t i = 0; i < guard->n_keys; i++)
        free(guard->keys[i]);
    free(guard->keys);
    *guard = (struct guard){0};
}

/* What is counted and kept of the headers. */
struct headers {
    unsigned n, n_host, n_length, n_transfer;
    const char *host, *origin, *site, *type, *authorization, *key, *transfer, *length, *encoding;
    bool bad;
};

static enum MHD_Result on_header(void *user, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                 const char *value, size_t value_len)
{
    struct headers *h = user;
    (void)kind;
    h->n++;
    h->bad = h->bad || strlen(name) != name_len || (value && strlen(value) != value_len);
    for (const unsigned char *c = (const unsigned char *)value; c && *c; c++)
        h->bad = h->bad || (*c < 0x20 && *c != '\t') || *c == 0x7f;
    for (const char *c = name; *c; c++)
        h->bad = h->bad || *c <= ' ' || byte_in(*c, "()<>@,;:\\\"/[]?={}");
    if (strcasecmp(name, "Host") == 0) {
        h->n_host++;
        h->host = value;
    } else if (strcasecmp(name, "Content-Length") == 0) {
        h->n_length++;
        h->length = value;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        h->n_transfer++;
        h->transfer = value;
    } else if (strcasecmp(name, "Origin") == 0) {
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

/* Whether the two are equal, in a time that tells nothing of where they differ. */
static bool same_key(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    unsigned char differ = n != m;
    for (size_t i = 0; i < n; i++)
        differ |= (unsigned char)(a[i] ^ b[m ? i % m : 0]);
    return differ == 0 && m > 0;
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

/* What is wrong with the framing, or 0. */
static unsigned check_framing(const struct headers *h, bool is_http10)
{
    if (h->n > (unsigned)limits[LIMIT_HEADERS].value)
        return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
    if (h->bad || h->n_host > 1 || (h->n_host == 0 && !is_http10) || h->n_length > 1 || h->n_transfer > 1 ||
        (h->n_length && h->n_transfer))
        return MHD_HTTP_BAD_REQUEST;
    if (h->n_transfer && strcasecmp(h->transfer, "chunked") != 0)
        return MHD_HTTP_NOT_IMPLEMENTED;
    for (const char *c = h->length; c && *c; c++)
        if (*c < '0' || *c > '9')
            return MHD_HTTP_BAD_REQUEST;
    return 0;
}

/* Whether a page of another origin asks. */
static bool is_foreign(const struct headers *h)
{
    if (h->site && strcasecmp(h->site, "same-origin") != 0 && strcasecmp(h->site, "none") != 0)
        return true;
    if (!h->origin)
        return false;
    return strncasecmp(h->origin, "http://", 7) != 0 || !h->host || strcasecmp(h->origin + 7, h->host) != 0;
}

bool guard_check(const struct guard *guard, struct exchange *exchange, const char *method, bool needs_key)
{
    struct headers h = {0};
    MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, on_header, &h);
    unsigned framing = check_framing(&h, exchange->is_http10);
    if (framing) {
        exchange_refuse(exchange, framing, "the request's headers are malformed or too many");
        return false;
    }
    bool known = guard->n_hosts == 0;
    for (size_t i = 0; i < guard->n_hosts; i++)
        known = known || (h.host && strcasecmp(h.host, guard->hosts[i]) == 0);
    if (!known) {
        exchange_refuse(exchange, MHD_HTTP_FORBIDDEN, "Host \"%.80s\" is not this server", h.host ? h.host : "");
        return false;
    }
    if (is_foreign(&h)) {
        exchange_refuse(exchange, MHD_HTTP_FORBIDDEN, "pages of other origins may not use this server");
        return false;
    }
    if (strcmp(method, "POST") == 0 && (h.origin || h.site) &&
        (!h.type || strncasecmp(h.type, "application/json", 16) != 0)) {
        exchange_refuse(exchange, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "a page must send application/json");
        return false;
    }
    if (h.encoding && strcasecmp(h.encoding, "identity") != 0) {
        exchange_refuse(exchange, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "Content-Encoding \"%.40s\": want none", h.encoding);
        return false;
    }
    const char *key = shown_key(&h);
    bool welcome = guard->n_keys == 0 || !needs_key;
    for (size_t i = 0; i < guard->n_keys; i++)
        welcome |= same_key(guard->keys[i], key);
    exchange->owner = owner_of(guard, exchange, key);
    if (!welcome)
        exchange_refuse(exchange, MHD_HTTP_UNAUTHORIZED, "want a key: Authorization: Bearer KEY, or x-api-key: KEY");
    return welcome;
}
