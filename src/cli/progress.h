/* SPDX-License-Identifier: Apache-2.0
 *
 * A progress bar on standard error, with rate and time left. It shows itself only on a terminal, and only when the
 * work takes longer than a second.
 */
#ifndef HOB_CLI_PROGRESS_H
#define HOB_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

enum progress_unit { PROGRESS_BYTES, PROGRESS_TOKENS, PROGRESS_ITEMS };

/* Zero-initialised but for label and unit is ready. */
struct progress {
    const char *label; /* what is being done: "loading model" */
    enum progress_unit unit;
    double start_ms, shown_ms;
    size_t first; /* done at the start */
    bool started, visible;
};

/* Tells how far the work is; draws at most ten times a second. One thread at a time. */
void progress_set(struct progress *progress, size_t done, size_t total);

/* Takes the bar away; the next progress_set() starts anew. */
void progress_end(struct progress *progress);

#endif
