/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fuzz targets of the server's dialects share: a body, read as a request, without a connection or a model.
 * What it becomes must be a request or an answer that says why not; and the answer, in the dialect's words.
 */
#ifndef HOB_TESTS_FUZZ_DIALECT_H
#define HOB_TESTS_FUZZ_DIALECT_H

#include <stdlib.h>

#include "server/generation.h"
#include "server/internal.h"

/* Reads `data` as a body in this dialect. */
static inline int read_dialect(const struct dialect *dialect, const uint8_t *data, size_t size)
{
    static struct server server;
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange)
        return 0;
    pthread_mutex_init(&server.lock, NULL);
    pthread_mutex_init(&exchange->lock, NULL);
    exchange->server = &server;
    exchange->dialect = dialect;
    atomic_init(&exchange->refs, 1);
    buf_add(&exchange->body, data, size);
    struct generation *generation = generation_read(exchange);
    if (generation && (!json_is_object(generation->request) || exchange->status != 0))
        abort();
    if (!generation && (exchange->status < 400 || exchange->out.len == 0))
        abort();
    if (!generation) {
        json_t *answer = json_read(buf_view(&exchange->out), "answer", NULL);
        if (!json_object_get(answer, "error"))
            abort();
        json_decref(answer);
    }
    generation_free(generation);
    exchange_drop(exchange);
    return 0;
}

#endif
