/* SPDX-License-Identifier: Apache-2.0
 *
 * hob bench --limits: figures as fractions of what the machine can do.
 */
#ifndef HOB_CLI_BENCH_LIMITS_H
#define HOB_CLI_BENCH_LIMITS_H

#include "backends/limits.h"
#include "base/json.h"
#include "engine/engine.h"

/* What a row of the result measures. */
struct bench_work {
    bool decode;
    size_t n_tokens, depth;
    unsigned parallel;
};

/* Measures the limits with the engine's number of threads and its kernels. */
bool bench_limits(const struct engine *engine, struct limits *limits, struct hob_error *err);

/* The limits as the first element of the result. The caller owns it. */
json_t *bench_limits_json(const struct limits *limits);

/* The time that the work would take at the limits over the time it took at `rate` tokens a second. */
double bench_fraction(const struct engine *engine, const struct limits *limits, const struct bench_work *work,
                      double rate);

#endif
