/* SPDX-License-Identifier: Apache-2.0
 *
 * hob serve: HTTP on a listener, by libmicrohttpd.
 *
 * One thread (the daemon's) speaks HTTP: it checks a request, takes its body and hands the exchange to the handlers.
 * Handlers, on a few threads, read JSON, find the model and prepare prompts; nothing they wait for holds up the daemon.
 * Each loaded model has a thread of its own that steps its engine and writes events, in the words of the request's
 * dialect, into the exchanges (resident.h). The watcher sees clients that leave, and the time.
 *
 *   client --daemon--> exchange --handlers--> generation --queue--> resident: steps
 *          <--daemon-- bytes <-------------------dialect <---------- events
 */
#ifndef HOB_SERVER_SERVER_H
#define HOB_SERVER_SERVER_H

#include "chat/options.h"

struct server;

struct server_options {
    const char *listen;                    /* "HOST:PORT", "HOST", ":PORT" or "unix:PATH" */
    const char *key_file;                  /* keys.h; NULL: none are asked for */
    const char *certificate, *private_key; /* files of TLS, PEM; NULL: none */
    bool allow_no_key, allow_no_tls;       /* though others can reach it */
    struct option_list origins;            /* of pages that may use it; borrowed */
    const struct options *options;         /* of every engine: borrowed, and must outlive the server */
    double keep_alive_s;                   /* below 0: models stay */
    double queue_s;                        /* how long a request waits for a place at most */
    bool lenient;                          /* fields that are not known are named in X-Hob-Ignored, not refused */
    bool metrics;                          /* /metrics is served */
    /* Called once it listens and its keys are read, before a thread begins: raises the walls. */
    bool (*seal)(void *user, int listener, const char *socket_path, struct hob_error *err);
    void *user;
};

/* Starts serving. HOB_REFUSED when it would listen beyond this machine without keys, HOB_LIMIT when the address is
 * taken (and by what). The caller owns it. */
struct server *server_start(const struct server_options *options, struct hob_error *err);

/* Where it listens: "http://127.0.0.1:11434" or "unix:PATH". Borrowed. */
const char *server_address(const struct server *server);

/* What is not as it was asked for, or "". Borrowed. */
const char *server_notice(const struct server *server);

/* Takes no more requests (503), and waits until those in flight have ended, `seconds` at most or until *hurry; polls.
 */
void server_drain(struct server *server, double seconds, bool (*hurry)(void));

/* Ends what is left, and frees everything (NULL is fine). */
void server_stop(struct server *server);

/* Reads a duration of keep_alive: seconds, or Go's form ("10m", "1h30m", "-1s"); below 0 is for ever. False for
 * anything else. */
bool duration_read(const char *text, double *seconds);

#endif
