/* SPDX-License-Identifier: Apache-2.0
 *
 * An arena: many allocations, one lifetime. Memory comes zeroed, aligned to 16 bytes, and goes
 * all at once with arena_clear(). Not thread-safe.
 */
#ifndef HOB_BASE_ARENA_H
#define HOB_BASE_ARENA_H

#include <stddef.h>

struct arena_block;

/* Zero-initialised is ready for use. `limit_bytes` (0: none) bounds the sum of what is handed out. */
struct arena {
    struct arena_block *head;
    size_t used_bytes;
    size_t limit_bytes;
};

/* `size` zeroed bytes (at least 1), or NULL when memory or the limit is exhausted. */
void *arena_alloc(struct arena *arena, size_t size);

/* `count * size` zeroed bytes, or NULL also when the product overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* A NUL-terminated copy of `size` bytes at `ptr`, or NULL. */
char *arena_copy(struct arena *arena, const void *ptr, size_t size);

/* A formatted string of the arena, or NULL. */
char *arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Frees everything the arena handed out; it can be used again. */
void arena_clear(struct arena *arena);

#endif
