/* SPDX-License-Identifier: Apache-2.0
 *
 * Arenas: a chain of blocks, each filled from its start.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum { ALIGN = 16, FIRST_BLOCK_BYTES = 4096, LARGEST_BLOCK_BYTES = 1 << 20 };

struct arena_block {
    struct arena_block *next;
    size_t used, size; /* of `bytes` */
    alignas(ALIGN) unsigned char bytes[];
};

/* A zeroed block with room for `size` bytes, put at the head unless the head has more room left. */
static struct arena_block *add_block(struct arena *arena, size_t size)
{
    struct arena_block *head = arena->head;
    size_t grown = head ? head->size * 2 : FIRST_BLOCK_BYTES;
    if (grown > LARGEST_BLOCK_BYTES)
        grown = LARGEST_BLOCK_BYTES;
    if (grown < size)
        grown = size;
    size_t total;
    if (!size_add(sizeof(struct arena_block), grown, &total))
        return NULL;
    struct arena_block *block = calloc(1, total);
    if (!block)
        return NULL;
    block->size = grown;
    if (head && head->size - head->used > grown - size) {
        block->next = head->next;
        head->next = block;
    } else {
        block->next = head;
        arena->head = block;
    }
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t used;
    if (!size_align(size ? size : 1, ALIGN, &size) || !size_add(arena->used_bytes, size, &used) ||
        (arena->limit_bytes && used > arena->limit_bytes))
        return NULL;
    struct arena_block *block = arena->head;
    if (!block || block->size - block->used < size)
        block = add_block(arena, size);
    if (!block)
        return NULL;
    void *ptr = block->bytes + block->used;
    block->used += size;
    arena->used_bytes = used;
    return ptr;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    return size_mul(count, size, &total) ? arena_alloc(arena, total) : NULL;
}

char *arena_copy(struct arena *arena, const void *ptr, size_t size)
{
    size_t total;
    if (!size_add(size, 1, &total))
        return NULL;
    char *copy = arena_alloc(arena, total);
    if (copy && size)
        memcpy(copy, ptr, size);
    return copy;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1);
    if (text)
        vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}

void arena_clear(struct arena *arena)
{
    for (struct arena_block *block = arena->head, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    arena->head = NULL;
    arena->used_bytes = 0;
}
