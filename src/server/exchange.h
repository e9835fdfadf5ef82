/* SPDX-License-Identifier: Apache-2.0
 *
 * One HTTP request and what is answered to it. The daemon's thread owns the connection; whoever answers, on any thread,
 * uses the functions here.
 */
#ifndef HOB_SERVER_EXCHANGE_H
#define HOB_SERVER_EXCHANGE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/json.h"
#include "server/server.h"

struct dialect;
struct generation;
struct route;
struct upload;

struct exchange {
    /* Set by the daemon before the request is handled; then only read. */
    struct server *server;
    struct MHD_Connection *connection;
    struct exchange *next; /* among the server's */
    uint64_t number;       /* tells it from all others */
    int fd;
    const struct route *route;
    const struct dialect *dialect; /* how errors are told */
    char tail[256];                /* what the path has beyond the route's */
    bool head, is_http10;
    bool bad_line;      /* spaces or control characters are in the target */
    bool refused;       /* before its body was read */
    double answer_ms;   /* the time at which a refusal goes out; 0: at once */
    char origin[128];   /* of a page that may read the answer; "": none */
    size_t line_bytes;  /* of its request line */
    uint64_t owner;     /* whose request it is: a hash of address and key */
    double received_ms; /* clock_ms() */
    char agent[64];     /* User-Agent's start */
    struct buf body;
    json_t *json;          /* read by the handler; NULL: no body */
    struct upload *upload; /* a body that is a file (upload.h); or NULL */
    atomic_int refs;
    struct exchange *next_work; /* in the handlers' queue */
    void (*work)(struct exchange *exchange);

    pthread_mutex_t lock; /* of all below */
    unsigned status;      /* of the answer; 0: there is none yet */
    const char *type;     /* its Content-Type */
    char request_id[32];
    unsigned retry_after_s;
    struct buf ignored;   /* names for X-Hob-Ignored */
    struct buf truncated; /* inputs for X-Hob-Truncated */
    struct buf out;       /* of which `n_sent` bytes are with the daemon */
    size_t n_sent;
    bool streaming, ended, suspended, gone;
    bool dispatched;               /* the daemon has handed it to its handler */
    double written_ms;             /* when bytes were last added */
    struct generation *generation; /* whose replies it waits for, to be cancelled when the client leaves; or NULL */
};

/* A reference more, or less; the last frees it. */
struct exchange *exchange_hold(struct exchange *exchange);
void exchange_drop(struct exchange *exchange);

/* Answers with the whole of `body`, which is taken over and empty afterwards. The first answer counts. */
void exchange_answer(struct exchange *exchange, unsigned status, const char *type, struct buf *body);

/* Answers with JSON. Takes the reference; NULL is a lack of memory. */
void exchange_answer_json(struct exchange *exchange, unsigned status, json_t *json);

/* Answers with an error, in the words of its dialect; `param` (may be NULL) names the field at fault. Once a stream has
 * begun, the error is its last message. */
void exchange_fail(struct exchange *exchange, unsigned status, const char *param, const struct hob_error *err);

/* The same with a text of its own. */
void exchange_refuse(struct exchange *exchange, unsigned status, const char *format, ...) HOB_PRINTF(3, 4);

/* Begins a streamed answer: status 200 and headers go out now. */
void exchange_stream(struct exchange *exchange, const char *type);

/* Adds bytes to a streamed answer. A client that left, or takes nothing, costs its generation. */
void exchange_write(struct exchange *exchange, struct str bytes);

/* Ends a streamed answer. */
void exchange_end(struct exchange *exchange);

/* Adds a name to X-Hob-Ignored; before the answer. */
void exchange_ignore(struct exchange *exchange, const char *name);

/* Adds an input that was cut to X-Hob-Truncated; before the answer. */
void exchange_truncated(struct exchange *exchange, size_t input);

/* The client has left: what is made for it ends. */
void exchange_leave(struct exchange *exchange);

/* Lets the daemon go on with a suspended connection. */
void exchange_resume(struct exchange *exchange);

/* For the daemon. */
ssize_t exchange_read(void *exchange, uint64_t position, char *out, size_t size);

/* The HTTP status for an error of a request. */
unsigned exchange_status(const struct hob_error *err);

#endif
