/* SPDX-License-Identifier: Apache-2.0
 *
 * One GGUF file: its header, and what comes after it in order.
 */
#include "formats/gguf_part.h"

#include "base/error.h"
#include "formats/foreign.h"

enum { HEADER_BYTES = 24, MIN_ENTRY_BYTES = 8 + 1 + 4 + 1, MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8 };

/* Reads magic and version. */
static bool read_identity(struct reader *reader, struct hob_error *err)
{
    uint8_t head[16];
    size_t n = reader->file->size < sizeof head ? (size_t)reader->file->size : sizeof head;
    if (!file_read_at(reader->file, 0, head, n, err))
        return false;
    if (n == 0)
        return error_set(err, HOB_FORMAT, "is empty, want GGUF");
    if (n < 4 || memcmp(head, "GGUF", 4) != 0) {
        const char *name = foreign_name((struct str){(const char *)head, n});
        if (name)
            return error_set(err, HOB_FORMAT, "is not GGUF: it is %s", name);
        return error_set(err, HOB_FORMAT, "is not GGUF: the magic is %.*s, want GGUF", n < 4 ? (int)n : 4, head);
    }
    uint32_t version;
    reader->at = 4;
    if (!reader_u32(reader, "the version", &version, err))
        return false;
    uint32_t swapped = __builtin_bswap32(version);
    if (version > 0xffff && swapped <= 0xffff)
        return error_set(err, HOB_FORMAT, "is a big-endian GGUF (version %u), which is not supported", swapped);
    if (version != 2 && version != 3)
        return error_set(err, HOB_FORMAT, "GGUF version %u, want 2 or 3", version);
    return true;
}

/* Reads a count that the rest of the file must have room for, `min_bytes` each. */
static bool read_count(struct reader *reader, const char *what, uint64_t min_bytes, uint64_t max, size_t *out,
                       struct hob_error *err)
{
    uint64_t at = reader->at, n;
    if (!reader_u64(reader, what, &n, err))
        return false;
    uint64_t left = reader->file->size > HEADER_BYTES ? reader->file->size - HEADER_BYTES : 0;
    if (n > left / min_bytes)
        return error_set(err, HOB_FORMAT, "offset %llu: %s is %llu, but %llu bytes are left", (unsigned long long)at,
                         what, (unsigned long long)n, (unsigned long long)left);
    if (n > max)
        return error_set(err, HOB_LIMIT, "offset %llu: %s is %llu, the limit is %llu", (unsigned long long)at, what,
                         (unsigned long long)n, (unsigned long long)max);
    *out = (size_t)n;
    return true;
}

bool gguf_part_open(struct gguf_part *part, const char *path, struct arena *arena, struct hob_error *err)
{
    struct hob_error local = {0}; /* the prefix depends on the status, and `err` may be NULL */
    if (!file_open(&part->file, path, err))
        return false;
    struct reader reader = {.file = &part->file, .arena = arena, .max = GGUF_MAX_METADATA};
    size_t n_tensors = 0, n_entries = 0;
    part->long_arrays.limit_bytes = arena->limit_bytes;
    if (read_identity(&reader, &local) &&
        read_count(&reader, "tensor_count", MIN_TENSOR_BYTES, GGUF_MAX_TENSORS, &n_tensors, &local) &&
        read_count(&reader, "metadata_kv_count", MIN_ENTRY_BYTES, GGUF_MAX_ENTRIES, &n_entries, &local) &&
        gguf_read_entries(part, &reader, n_entries, &local) && gguf_read_tensors(part, &reader, n_tensors, &local))
        return true;
    /* Errors of the disk name the file themselves. */
    if (local.status == HOB_FORMAT || local.status == HOB_LIMIT)
        error_prefix(&local, "%s", file_name(&part->file));
    if (err)
        *err = local;
    return false;
}

void gguf_part_close(struct gguf_part *part)
{
    map_clear(&part->keys);
    arena_clear(&part->long_arrays);
    file_close(&part->file);
}

const struct gguf_value *gguf_part_find(const struct gguf_part *part, struct str key)
{
    uint32_t i = map_get(&part->keys, key);
    return i == MAP_NONE ? NULL : &part->entries[i].value;
}

bool gguf_part_int(const struct gguf_part *part, const char *key, int64_t min, int64_t max, int64_t *out,
                   struct hob_error *err)
{
    const struct gguf_value *value = gguf_part_find(part, str_of(key));
    if (!value)
        return true;
    if (!gguf_type_is_int(value->type) || value->huge || value->i < min || value->i > max)
        return error_set(err, HOB_FORMAT, "%s: %s: %s, want an integer from %lld to %lld", file_name(&part->file), key,
                         gguf_value_words(value).text, (long long)min, (long long)max);
    *out = value->i;
    return true;
}
