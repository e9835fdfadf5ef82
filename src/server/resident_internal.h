/* SPDX-License-Identifier: Apache-2.0
 *
 * A resident, between its own files: its life (resident.c), its loading (resident_load.c), its steps (resident_run.c).
 */
#ifndef HOB_SERVER_RESIDENT_INTERNAL_H
#define HOB_SERVER_RESIDENT_INTERNAL_H

#include "server/internal.h"
#include "server/resident.h"

enum resident_state { RESIDENT_LOADING, RESIDENT_READY, RESIDENT_LEAVING };

#define FOR_EVER (-1.0)

/* All but what the thread alone uses is under the server's lock. */
struct resident {
    struct server *server;
    struct resident *next;
    char *path, *name, *digest;
    char stamp[128]; /* of the first file: a changed file is another model */
    pthread_t thread;
    enum resident_state state;
    pthread_cond_t wake;
    size_t n_users;    /* generations that hold it */
    double expires_ms; /* with no users; FOR_EVER */
    double used_ms;
    struct generation *parked;             /* wait for the load */
    struct generation *queue, *queue_last; /* prepared; some of their answers wait for a place */
    size_t n_queued, n_running;            /* generations in the queue; answers that run */
    size_t bytes, ctx;
    size_t reserved; /* of the bytes, those that are taken only as replies grow */
    unsigned parallel;
    double tokens_a_second;
    struct hob_error error;
    /* The thread's. */
    struct options options;
    struct model *model;
    struct chat *chat;
    struct generation *running; /* by next_running; an answer of theirs has begun */
};

/* Opens and loads the model, once there is memory for it. */
bool resident_load(struct resident *resident, struct hob_error *err);

/* Runs steps as long as there is something to do. Returns when the resident is to leave. Called with the lock. */
void resident_run(struct resident *resident);

/* Ends what still runs or waits, when the server stops. */
void resident_abandon(struct resident *resident);

/* Frees it. */
void resident_free(struct resident *resident);

#endif
