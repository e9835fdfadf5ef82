/* SPDX-License-Identifier: Apache-2.0
 *
 * The endpoints: a row each in routes.c, from which dispatch, the guards, the OpenAPI document and docs come.
 */
#ifndef HOB_SERVER_ROUTES_H
#define HOB_SERVER_ROUTES_H

#include "server/exchange.h"

enum route_flag {
    ROUTE_INLINE = 1, /* answered by the daemon's thread: it waits for nothing and reads no file */
    ROUTE_TAIL = 2,   /* the path goes on, or has more at {id}: `exchange->tail` */
    ROUTE_UPLOAD = 4, /* the body is a file, of any size */
    ROUTE_HIDDEN = 8, /* another spelling of a row above: not in the document */
    ROUTE_OPEN = 16,  /* needs no key */
    ROUTE_MANAGE = 32 /* needs a key that may manage, where there are keys */
};

struct route {
    const char *method, *path;
    void (*handle)(struct exchange *exchange);
    const struct dialect *dialect;
    unsigned flags;
    const char *summary; /* for the OpenAPI document */
};

/* The table, [*n]. */
const struct route *routes_all(size_t *n);

/* The row for a request: its tail, where it has one, goes to `tail`. NULL: there is none; *allowed then has the methods
 * that the path has, parted by ", ", empty for no such path. */
const struct route *routes_find(const char *method, const char *path, char tail[256], char allowed[64]);

/* Answers GET /openapi.json. */
void openapi_get(struct exchange *exchange);

#endif
