/* SPDX-License-Identifier: Apache-2.0
 *
 * The output of hob batch: lines that are appended and made durable, and continued after an interruption.
 */
#ifndef HOB_CLI_BATCH_OUTPUT_H
#define HOB_CLI_BATCH_OUTPUT_H

#include <stdio.h>

#include "base/json.h"

struct batch_output {
    const char *path; /* borrowed; "-": standard output */
    int fd;           /* -1: standard output */
    bool is_file;     /* a regular file */
    json_t **ids;     /* [n_done] the "id" of each line that was there already, NULL where it had none */
    size_t n_done;
    double synced_ms;
};

/* Opens `path` and reads what it holds already: whole lines are kept, a torn last line is cut. The first error among
 * them goes to `first`. HOB_USAGE when it is the input as well, or another hob writes to it. */
bool batch_output_open(struct batch_output *output, const char *path, FILE *input, struct hob_error *first,
                       struct hob_error *err);

/* Appends one line, which ends with a newline. */
bool batch_output_line(struct batch_output *output, struct str line, struct hob_error *err);

/* Makes all of it durable and closes. */
bool batch_output_end(struct batch_output *output, struct hob_error *err);

/* Closes; what was written stays. Safe on one that was not opened. */
void batch_output_drop(struct batch_output *output);

#endif
