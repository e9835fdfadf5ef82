/* SPDX-License-Identifier: Apache-2.0
 *
 * hob's own endpoints.
 */
#ifndef HOB_SERVER_OWN_H
#define HOB_SERVER_OWN_H

#include "server/generation.h"

/* GET /health */
void own_health(struct exchange *exchange);

/* GET /metrics */
void own_metrics(struct exchange *exchange);

/* GET /limits */
void own_limits(struct exchange *exchange);

/* POST /v1/rerank */
void own_rerank(struct exchange *exchange);

extern const struct dialect tokenize_dialect, detokenize_dialect, render_dialect;

#endif
