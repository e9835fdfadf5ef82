/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a file in large pieces.
 */
#include "formats/reader.h"

#include "base/error.h"

enum { PIECE_BYTES = 1 << 16 };

const uint8_t *reader_take(struct reader *reader, uint64_t n, const char *what, struct hob_error *err)
{
    uint64_t at = reader->at, left = reader_left(reader);
    if (n > left) {
        error_set(err, HOB_FORMAT, "offset %llu: the file ends inside %s: want %llu bytes, %llu are left",
                  (unsigned long long)at, what, (unsigned long long)n, (unsigned long long)left);
        return NULL;
    }
    if (n > reader->max || at > reader->max - n) {
        error_set(err, HOB_LIMIT, "offset %llu: %s ends past the limit of %llu bytes", (unsigned long long)at, what,
                  (unsigned long long)reader->max);
        return NULL;
    }
    if (at + n > reader->piece_end) {
        uint64_t size = n > PIECE_BYTES ? n : PIECE_BYTES;
        if (size > left)
            size = left;
        uint8_t *piece = arena_alloc(reader->arena, (size_t)size);
        if (!piece) {
            error_memory(err, (size_t)size);
            return NULL;
        }
        if (!file_read_at(reader->file, at, piece, (size_t)size, err))
            return NULL;
        reader->piece = piece;
        reader->piece_at = at;
        reader->piece_end = at + size;
    }
    reader->at = at + n;
    return reader->piece + (at - reader->piece_at);
}

bool reader_u32(struct reader *reader, const char *what, uint32_t *out, struct hob_error *err)
{
    const uint8_t *bytes = reader_take(reader, 4, what, err);
    if (bytes)
        *out = (uint32_t)load_le(bytes, 4);
    return bytes != NULL;
}

bool reader_u64(struct reader *reader, const char *what, uint64_t *out, struct hob_error *err)
{
    const uint8_t *bytes = reader_take(reader, 8, what, err);
    if (bytes)
        *out = load_le(bytes, 8);
    return bytes != NULL;
}

bool reader_string(struct reader *reader, const char *what, uint64_t max, struct str *out, struct hob_error *err)
{
    uint64_t at = reader->at, n;
    if (!reader_u64(reader, what, &n, err))
        return false;
    if (n > reader_left(reader))
        return error_set(err, HOB_FORMAT, "offset %llu: the length of %s is %llu, but %llu bytes are left",
                         (unsigned long long)at, what, (unsigned long long)n, (unsigned long long)reader_left(reader));
    if (n > max)
        return error_set(err, HOB_LIMIT, "offset %llu: the length of %s is %llu, the limit is %llu",
                         (unsigned long long)at, what, (unsigned long long)n, (unsigned long long)max);
    const uint8_t *bytes = reader_take(reader, n, what, err);
    *out = (struct str){(const char *)bytes, (size_t)n};
    return bytes != NULL;
}
