/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a file from front to back in large pieces and hands out spans that stay where they are: a field that does not
 * fit into the rest of a piece starts a new one. Nothing is allocated for bytes that the file does not have.
 * Messages name the offset; the caller puts the file in front.
 */
#ifndef HOB_FORMATS_READER_H
#define HOB_FORMATS_READER_H

#include "base/arena.h"
#include "base/file.h"

struct reader {
    const struct file *file;
    struct arena *arena; /* owns what is read */
    uint64_t max;        /* no byte past this one is read: a limit of hob, not of the file */
    uint64_t at;         /* offset of the next byte */
    const uint8_t *piece;
    uint64_t piece_at, piece_end; /* offsets of the piece */
};

/* From here on what is read belongs to `arena`; returns the arena before. */
static inline struct arena *reader_switch(struct reader *reader, struct arena *arena)
{
    struct arena *before = reader->arena;
    reader->arena = arena;
    reader->piece_end = reader->at; /* the next byte starts a piece of its own */
    return before;
}

/* How many bytes of the file are left. */
static inline uint64_t reader_left(const struct reader *reader)
{
    return reader->file->size - reader->at;
}

/* The next `n` bytes, which live as long as the arena, or NULL: HOB_FORMAT where the file ends first, HOB_LIMIT past
 * `max`. `what` names the field. */
const uint8_t *reader_take(struct reader *reader, uint64_t n, const char *what, struct hob_error *err);

/* Little-endian numbers. */
bool reader_u32(struct reader *reader, const char *what, uint32_t *out, struct hob_error *err);
bool reader_u64(struct reader *reader, const char *what, uint64_t *out, struct hob_error *err);

/* A string: u64 length, bytes. HOB_LIMIT past `max` bytes. */
bool reader_string(struct reader *reader, const char *what, uint64_t max, struct str *out, struct hob_error *err);

/* The little-endian unsigned number in `size` (1 to 8) bytes. */
static inline uint64_t load_le(const uint8_t *bytes, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

#endif
