/* SPDX-License-Identifier: Apache-2.0
 *
 * A request, read: ids and options.
 */
#ifndef HOB_CHAT_REQUEST_H
#define HOB_CHAT_REQUEST_H

#include <stdatomic.h>

#include "chat/chat.h"
#include "chat/markup.h"

/* What ends the reading of a request early. */
struct request_bounds {
    size_t ctx;              /* positions of the engine; SIZE_MAX: no bound */
    const atomic_bool *left; /* set when nobody waits for the reply any longer; or NULL */
};

struct request {
    struct options options; /* the session's, the request's over them */
    struct sampler_options sampling;
    struct logit_bias *biases; /* what `sampling` borrows */
    int32_t **breakers;
    size_t n_breakers;
    const int32_t *stops; /* [n_stops] of --stop-token */
    size_t n_stops;
    struct request_bounds bounds;
    struct ids prompt;
    struct markup markup;        /* how the reply is written */
    struct reply_parser *parser; /* for the reply */
    json_t *constraint;          /* its description (constrain.h), or NULL */
    json_t *id;                  /* "id", or NULL */
    int64_t now;                 /* what the template was told */
};

/* Reads a request against a model and the session's options. `replacement` (may be NULL) is a template that stands for
 * the model's. The caller clears `request` also after a failure. */
bool request_read(struct model *model, const struct chat_template *replacement, const struct options *session,
                  const struct request_bounds *bounds, const json_t *json, struct request *request,
                  struct hob_error *err);

/* For struct encode_options: HOB_LIMIT with both numbers for a prompt that is far too long, HOB_INTERRUPTED when nobody
 * waits. `bounds` is a struct request_bounds. */
bool request_go_on(void *bounds, size_t n_sure, struct hob_error *err);

/* Refuses what every request under the session's options would be refused for. A constraint in standard input is left
 * for the request that reads it. */
bool request_check(struct model *model, const struct options *session, struct hob_error *err);

/* Frees what a request holds. */
void request_clear(struct request *request);

#endif
