/* SPDX-License-Identifier: Apache-2.0
 *
 * How the commands of the library show things, in Ollama's words.
 */
#ifndef HOB_CLI_LIBRARY_VIEW_H
#define HOB_CLI_LIBRARY_VIEW_H

#include "store/library.h"

/* "4.7 GB", into `out` [16]. */
const char *view_size(uint64_t bytes, char out[16]);

/* "3 weeks ago", or for a time to come "4 minutes from now", into `out` [48]. */
const char *view_age(int64_t then_s, int64_t now_s, char out[48]);

/* Starts a process of its own that computes the digests of the model's files, if they are large; small ones are read at
 * once. Nothing waits for it, and a failure is none: who needs a digest computes it. */
void digest_in_background(const char *path);

#endif
