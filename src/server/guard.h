/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may ask: exact Host and Origin, framing that leaves nothing to guess, keys. Checked before a byte of the body is
 * read, whatever the route.
 */
#ifndef HOB_SERVER_GUARD_H
#define HOB_SERVER_GUARD_H

#include "server/exchange.h"
#include "server/keys.h"
#include "server/listener.h"
#include "server/server.h"

struct guard {
    char hosts[6][80]; /* what Host may be */
    size_t n_hosts;
    bool is_open;               /* others can reach it: Host may be an address, and with keys anything */
    bool is_unix;               /* Host may be anything */
    const char *scheme;         /* of its own origin: "http://" */
    struct option_list origins; /* of pages that may use it besides; borrowed */
    struct keys keys;
    uint64_t seed; /* of owners' hashes */
};

/* Sets it up for a listener. Reads the keys. */
bool guard_init(struct guard *guard, const struct listener *listener, const struct server_options *options,
                struct hob_error *err);

/* Frees it. */
void guard_clear(struct guard *guard);

/* The path of a target, which may name this server in full, as its Host does: "http://HOST/path". */
const char *guard_path(const struct guard *guard, const struct exchange *exchange, const char *target);

/* Checks a request's headers, and whether its key lets it do what wants `wanted` (SCOPE_NONE: no key); sets its owner.
 * False after it was answered. */
bool guard_check(const struct guard *guard, struct exchange *exchange, const char *method, enum scope wanted);

#endif
