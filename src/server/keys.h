/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys that clients show. A file holds their digests, a line each, and is the person's alone (0600):
 *
 *     use sha256:64 hex digits        replies
 *     manage sha256:64 hex digits     replies, and names of the library given and taken away
 */
#ifndef HOB_SERVER_KEYS_H
#define HOB_SERVER_KEYS_H

#include <hob.h>

/* What a key lets its owner do. */
enum scope {
    SCOPE_NONE,
    SCOPE_USE,
    SCOPE_MANAGE /* and use */
};

struct keys {
    struct key {
        enum scope scope;
        char sha256[65];
    } * all; /* [n]; none: no key is asked for */
    size_t n;
};

/* Reads a file of keys. HOB_REFUSED when others than its owner may read it; HOB_USAGE names a line that is none. The
 * caller clears `keys` also after a failure. */
bool keys_read(struct keys *keys, const char *path, struct hob_error *err);

/* Frees them. */
void keys_clear(struct keys *keys);

/* What the key `shown` lets its owner do, in a time that tells nothing of the keys there are. */
enum scope keys_scope(const struct keys *keys, const char *shown);

/* Draws a new key into `key`, and adds it to the file at `path`, which is made where it is missing. */
bool keys_add(const char *path, enum scope scope, char key[64], struct hob_error *err);

#endif
