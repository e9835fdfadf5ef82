/* SPDX-License-Identifier: Apache-2.0
 *
 * hob's own endpoints.
 */
#ifndef HOB_SERVER_OWN_H
#define HOB_SERVER_OWN_H

#include "server/generation.h"

/* Answers GET /health. */
void own_health(struct exchange *exchange);

/* Answers GET /metrics. */
void own_metrics(struct exchange *exchange);

/* Answers GET /api/privacy. */
void own_privacy(struct exchange *exchange);

/* Answers GET /limits. */
void own_limits(struct exchange *exchange);

/* Answers POST /v1/rerank. */
void own_rerank(struct exchange *exchange);

extern const struct dialect tokenize_dialect, detokenize_dialect, render_dialect;

#endif
