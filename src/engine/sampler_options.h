/* SPDX-License-Identifier: Apache-2.0
 *
 * What sampler_new() asks of its options.
 */
#ifndef HOB_ENGINE_SAMPLER_OPTIONS_H
#define HOB_ENGINE_SAMPLER_OPTIONS_H

#include "engine/sampler.h"

#define SAMPLER_MAX_BIAS 1e6f

/* Whether every option is in its range for a vocabulary of `n_vocab`. HOB_USAGE names the first that is not, with its
 * range (dry_breakers are checked by dry_init()). Thread-safe. */
bool sampler_check_options(const struct sampler_options *options, size_t n_vocab, struct hob_error *err);

#endif
