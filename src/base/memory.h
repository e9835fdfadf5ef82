/* SPDX-License-Identifier: Apache-2.0
 *
 * How much memory this process may still take, and what bounds it.
 */
#ifndef HOB_BASE_MEMORY_H
#define HOB_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

enum { MEMORY_MAX_GROUPS = 16, MEMORY_MAX_FILES = 2 + 3 * MEMORY_MAX_GROUPS };

/* The files that tell it:
 *
 *   files[0]      /proc/meminfo
 *   files[1]      /proc/PID/statm, this process's own size, for ulimit
 *   files[2...]   three a control group of versions 1 and 2, its own and those around it: limit, use, statistics */
struct memory_files {
    char *files[MEMORY_MAX_FILES]; /* owned */
    size_t n;
};

/* What is left. */
struct memory_left {
    size_t bytes;
    const char *bound; /* "ulimit -v", "ulimit -d", "the control group", or NULL: the machine */
};

/* Finds the files below `root` ("" for the machine's). The caller clears it. */
void memory_find(struct memory_files *memory, const char *root);

/* Frees it. */
void memory_clear(struct memory_files *memory);

/* Reads what they say now; what cannot be read bounds nothing. */
struct memory_left memory_left_of(const struct memory_files *memory);

/* The machine's files, found at the first call: behind the wall their names must have been granted. Thread-safe. */
const struct memory_files *memory_files(void);

/* What those say now. */
struct memory_left memory_left(void);

/* The limit of address space or data that is set for this process, the smaller one: "ulimit -v" or "ulimit -d" and
 * its bytes; NULL where there is none. */
const char *memory_ulimit(size_t *bytes);

#endif
