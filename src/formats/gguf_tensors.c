/* SPDX-License-Identifier: Apache-2.0
 *
 * GGUF tensor infos: read, sized and placed.
 */
#include "formats/gguf_part.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"

enum { DEFAULT_ALIGNMENT = 32, MIN_ALIGNMENT = 8, MAX_ALIGNMENT = 65536 };
#define MAX_DIM ((uint64_t)1 << 40)

static bool find_alignment(const struct gguf_part *part, uint64_t *out, struct hob_error *err)
{
    const struct gguf_value *value = gguf_part_find(part, STR("general.alignment"));
    *out = DEFAULT_ALIGNMENT;
    if (!value)
        return true;
    bool is_unsigned =
        value->type == GGUF_U8 || value->type == GGUF_U16 || value->type == GGUF_U32 || value->type == GGUF_U64;
    if (!is_unsigned || value->huge || value->i < MIN_ALIGNMENT || value->i > MAX_ALIGNMENT ||
        (value->i & (value->i - 1)) != 0)
        return error_set(err, HOB_FORMAT, "general.alignment: %s, want u32, a power of two from %d to %d",
                         gguf_value_words(value).text, MIN_ALIGNMENT, MAX_ALIGNMENT);
    *out = (uint64_t)value->i;
    return true;
}

static bool read_name(struct str *name, struct reader *reader, struct hob_error *err)
{
    uint64_t at = reader->at;
    if (!reader_string(reader, "the name", GGUF_MAX_STRING, name, err))
        return false;
    if (name->len == 0 || name->len > GGUF_MAX_TENSOR_NAME)
        return error_set(err, HOB_FORMAT, "offset %llu: the name has %zu bytes, want 1 to %d", (unsigned long long)at,
                         name->len, GGUF_MAX_TENSOR_NAME);
    if (!utf8_valid(*name) || memchr(name->ptr, 0, name->len))
        return error_set(err, HOB_FORMAT, "offset %llu: the name \"%.*s\" is not UTF-8 text without NUL",
                         (unsigned long long)at, (int)name->len, name->ptr);
    return true;
}

/* Reads the dimensions. */
static bool read_shape(struct tensor_info *tensor, struct reader *reader, struct hob_error *err)
{
    uint64_t at = reader->at;
    uint32_t n_dims;
    if (!reader_u32(reader, "the number of dimensions", &n_dims, err))
        return false;
    if (n_dims < 1 || n_dims > TENSOR_DIMS)
        return error_set(err, HOB_FORMAT, "offset %llu: %u dimensions, want 1 to %d", (unsigned long long)at, n_dims,
                         TENSOR_DIMS);
    tensor->n_dims = n_dims;
    for (unsigned i = 0; i < TENSOR_DIMS; i++)
        tensor->ne[i] = 1;
    for (unsigned i = 0; i < n_dims; i++) {
        at = reader->at;
        if (!reader_u64(reader, "a dimension", &tensor->ne[i], err))
            return false;
        if (tensor->ne[i] < 1 || tensor->ne[i] > MAX_DIM)
            return error_set(err, HOB_FORMAT, "offset %llu: dimension %u is %llu, want 1 to %llu",
                             (unsigned long long)at, i, (unsigned long long)tensor->ne[i], (unsigned long long)MAX_DIM);
    }
    return true;
}

/* Sets tensor->bytes from type and shape. */
static bool size_tensor(struct tensor_info *tensor, struct hob_error *err)
{
    size_t row_bytes = quant_row_bytes(tensor->type, (size_t)tensor->ne[0]);
    if (row_bytes == 0)
        return error_set(err, HOB_FORMAT, "dimension 0 is %llu, want a multiple of %u for %s",
                         (unsigned long long)tensor->ne[0], tensor->type->block_elements, tensor->type->name);
    size_t bytes = row_bytes;
    for (unsigned i = 1; i < tensor->n_dims; i++)
        if (!size_mul(bytes, (size_t)tensor->ne[i], &bytes))
            return error_set(err, HOB_FORMAT, "size overflow: shape [%llu, %llu, %llu, %llu] of %s",
                             (unsigned long long)tensor->ne[0], (unsigned long long)tensor->ne[1],
                             (unsigned long long)tensor->ne[2], (unsigned long long)tensor->ne[3], tensor->type->name);
    tensor->bytes = bytes;
    return true;
}

/* Reads what follows the name. tensor->offset still counts from the start of the data. */
static bool read_tensor(struct tensor_info *tensor, struct reader *reader, struct hob_error *err)
{
    if (!read_shape(tensor, reader, err))
        return false;
    uint64_t at = reader->at;
    uint32_t type;
    if (!reader_u32(reader, "the type", &type, err))
        return false;
    tensor->type = quant_find(type);
    if (!tensor->type)
        return error_set(err, HOB_FORMAT, "offset %llu: type %u is unknown or was removed from GGUF",
                         (unsigned long long)at, type);
    return reader_u64(reader, "the tensor's offset", &tensor->offset, err) && size_tensor(tensor, err);
}

/* Turns tensor->offset into one from the start of the file. */
static bool place_tensor(struct tensor_info *tensor, uint64_t data_at, uint64_t alignment, uint64_t file_size,
                         struct hob_error *err)
{
    uint64_t offset = tensor->offset, at, end;
    if (offset % alignment != 0)
        return error_set(err, HOB_FORMAT, "offset %llu is no multiple of the alignment %llu",
                         (unsigned long long)offset, (unsigned long long)alignment);
    if (!size_add(data_at, offset, &at) || !size_add(at, tensor->bytes, &end))
        return error_set(err, HOB_FORMAT, "size overflow: %llu bytes at offset %llu", (unsigned long long)tensor->bytes,
                         (unsigned long long)offset);
    if (end > file_size)
        return error_set(err, HOB_FORMAT, "bytes %llu to %llu, but the file ends at %llu: was it cut?",
                         (unsigned long long)at, (unsigned long long)end, (unsigned long long)file_size);
    tensor->offset = at;
    return true;
}

static int by_offset(const void *left, const void *right, void *context)
{
    const struct tensor_info *tensors = context;
    uint64_t a = tensors[*(const uint32_t *)left].offset, b = tensors[*(const uint32_t *)right].offset;
    return (a > b) - (a < b);
}

/* Tensors may come in any order and leave gaps, but they share no byte. */
static bool check_overlap(const struct gguf_part *part, struct hob_error *err)
{
    size_t n = part->n_tensors;
    uint32_t *order = malloc((n ? n : 1) * sizeof *order);
    if (!order)
        return error_memory(err, n * sizeof *order);
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    qsort_r(order, n, sizeof *order, by_offset, part->tensors);
    bool good = true;
    for (size_t i = 1; good && i < n; i++) {
        const struct tensor_info *a = &part->tensors[order[i - 1]], *b = &part->tensors[order[i]];
        if (b->offset < a->offset + a->bytes)
            good = error_set(err, HOB_FORMAT, "%.*s: offset %llu overlaps %.*s, which ends at %llu",
                             gguf_shown(b->name), b->name.ptr, (unsigned long long)b->offset, gguf_shown(a->name),
                             a->name.ptr, (unsigned long long)(a->offset + a->bytes));
    }
    free(order);
    return good;
}

bool gguf_read_tensors(struct gguf_part *part, struct reader *reader, size_t n, struct hob_error *err)
{
    uint64_t alignment, data_at;
    if (!find_alignment(part, &alignment, err))
        return false;
    part->tensors = arena_array(reader->arena, n, sizeof *part->tensors);
    if (!part->tensors)
        return error_memory(err, n * sizeof *part->tensors);
    for (size_t i = 0; i < n; i++) {
        struct tensor_info *tensor = &part->tensors[i];
        tensor->file = &part->file;
        if (!read_name(&tensor->name, reader, err))
            return error_prefix(err, "tensor %zu", i);
        if (!read_tensor(tensor, reader, err))
            return error_prefix(err, "%.*s", gguf_shown(tensor->name), tensor->name.ptr);
    }
    part->n_tensors = n;
    if (!size_align(reader->at, alignment, &data_at))
        return error_set(err, HOB_FORMAT, "offset %llu: size overflow", (unsigned long long)reader->at);
    for (size_t i = 0; i < n; i++)
        if (!place_tensor(&part->tensors[i], data_at, alignment, part->file.size, err))
            return error_prefix(err, "%.*s", gguf_shown(part->tensors[i].name), part->tensors[i].name.ptr);
    return check_overlap(part, err);
}
