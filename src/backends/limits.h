/* SPDX-License-Identifier: Apache-2.0
 *
 * What the machine itself can do, measured: the figures that the speed of a model is a fraction of.
 */
#ifndef HOB_BACKENDS_LIMITS_H
#define HOB_BACKENDS_LIMITS_H

#include "base/thread.h"
#include "kernels/kernels.h"

struct limits {
    double read_bytes; /* a second, of memory larger than the caches, by all workers together */
    double fp32, int8; /* operations a second, all workers, with the instructions of the kernels */
    const char *int8_name;
};

/* Measures the limits, in about a second, on the workers of `pool`; takes 512 MB meanwhile. */
bool limits_measure(struct pool *pool, const struct kernels *kernels, struct limits *limits, struct hob_error *err);

#endif
