/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may ask: exact Host and Origin, framing that leaves nothing to guess, keys. Checked before a byte of the body is
 * read, whatever the route.
 */
#ifndef HOB_SERVER_GUARD_H
#define HOB_SERVER_GUARD_H

#include "server/exchange.h"

struct guard {
    char hosts[6][80]; /* what Host may be; [0] empty: anything */
    size_t n_hosts;
    char **keys; /* [n_keys]; none: no key is asked for */
    size_t n_keys;
    uint64_t seed; /* of owners' hashes */
};

/* Sets it up for a listener; `is_local` when only this machine can reach it. Reads the keys. */
bool guard_init(struct guard *guard, const char *host, unsigned port, bool is_local, const char *key_file,
                struct hob_error *err);

/* Frees it. */
void guard_clear(struct guard *guard);

/* Checks a request's headers; sets its owner. False after it was refused. */
bool guard_check(const struct guard *guard, struct exchange *exchange, const char *method, bool needs_key);

#endif
