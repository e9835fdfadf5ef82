/* SPDX-License-Identifier: Apache-2.0
 *
 * safetensors:
 *
 *   offset 0   u64 length of the header
 *          8   the header: {"name": {"dtype": "F32", "shape": [rows, columns], "data_offsets": [begin, end]}, ...,
 *              "__metadata__": {"key": "value"}}, spaces after it
 *   8+length   the data, row-major; offsets count from here
 */
#include "formats/safetensors.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/json.h"
#include "formats/foreign.h"
#include "formats/reader.h"

enum { LENGTH_BYTES = 8, MAX_HEADER_BYTES = 32 << 20, SHOWN = 80 };
#define FORMAT_MAX_HEADER_BYTES 100000000u /* of the format's reference reader */

static const struct {
    const char *dtype;
    enum quant_id id;
} dtypes[] = {
    {"F32", QUANT_F32}, {"F16", QUANT_F16}, {"BF16", QUANT_BF16}, {"F64", QUANT_F64},
    {"I8", QUANT_I8},   {"I16", QUANT_I16}, {"I32", QUANT_I32},   {"I64", QUANT_I64},
};

/* Reads and checks the length of the header. */
static bool read_length(const struct file *file, size_t *out, struct hob_error *err)
{
    uint8_t head[16];
    size_t n = file->size < sizeof head ? (size_t)file->size : sizeof head;
    if (!file_read_at(file, 0, head, n, err))
        return false;
    uint64_t left = n < LENGTH_BYTES ? 0 : file->size - LENGTH_BYTES;
    uint64_t length = n < LENGTH_BYTES ? 0 : load_le(head, LENGTH_BYTES);
    if (length >= 2 && length <= left && head[LENGTH_BYTES] == '{') {
        *out = (size_t)length;
        if (length <= MAX_HEADER_BYTES)
            return true;
        return error_set(err, length > FORMAT_MAX_HEADER_BYTES ? HOB_FORMAT : HOB_LIMIT,
                         "%s: the header has %llu bytes, the limit is %d", file_name(file), (unsigned long long)length,
                         MAX_HEADER_BYTES);
    }
    bool cut = n > LENGTH_BYTES && head[LENGTH_BYTES] == '{'; /* what a length above the rest of the file says */
    const char *name = cut ? NULL : foreign_name((struct str){(const char *)head, n});
    if (name && length > left)
        return error_set(err, HOB_FORMAT, "%s: is not safetensors: it is %s", file_name(file), name);
    if (n < LENGTH_BYTES)
        return error_set(err, HOB_FORMAT, "%s: is not safetensors: it has %zu bytes", file_name(file), n);
    if (length < 2 || length > left)
        return error_set(err, HOB_FORMAT, "%s: the header's length is %llu, want 2 to the %llu bytes that are left",
                         file_name(file), (unsigned long long)length, (unsigned long long)left);
    return error_set(err, HOB_FORMAT, "%s: the header starts with byte 0x%02x, want {", file_name(file),
                     head[LENGTH_BYTES]);
}

static json_t *read_header(const struct file *file, size_t length, struct hob_error *err)
{
    char *text = malloc(length);
    json_t *header = NULL;
    if (!text)
        error_memory(err, length);
    else if (file_read_at(file, LENGTH_BYTES, text, length, err))
        header = json_read((struct str){text, length}, file_name(file), err);
    free(text);
    return header;
}

/* `__metadata__` maps strings to strings. */
static bool check_metadata(json_t *metadata, struct hob_error *err)
{
    if (!json_is_object(metadata))
        return error_set(err, HOB_FORMAT, "__metadata__: is no object");
    for (void *iter = json_object_iter(metadata); iter; iter = json_object_iter_next(metadata, iter))
        if (!json_is_string(json_object_iter_value(iter)))
            return error_set(err, HOB_FORMAT, "__metadata__: %.*s is no string", SHOWN, json_object_iter_key(iter));
    return true;
}

static bool read_type(struct tensor_info *tensor, const json_t *dtype, struct hob_error *err)
{
    struct str name = json_span(dtype);
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (str_eq(name, str_of(dtypes[i].dtype)))
            tensor->type = quant_find(dtypes[i].id);
    if (tensor->type)
        return true;
    if (!json_is_string(dtype))
        return error_set(err, HOB_FORMAT, "dtype is missing or no string");
    return error_set(err, HOB_FORMAT, "dtype %.*s, want F32, F16, BF16, F64, I8, I16, I32 or I64",
                     name.len < SHOWN ? (int)name.len : SHOWN, name.ptr);
}

/* Sets the axes, the last of the file first, and bytes. */
static bool read_shape(struct tensor_info *tensor, const json_t *shape, struct hob_error *err)
{
    size_t n = json_array_size(shape), bytes = tensor->type->block_bytes;
    if (!json_is_array(shape) || n > TENSOR_DIMS)
        return error_set(err, HOB_FORMAT, "shape: want an array of at most %d numbers", TENSOR_DIMS);
    tensor->n_dims = (unsigned)n;
    for (unsigned i = 0; i < TENSOR_DIMS; i++)
        tensor->ne[i] = 1;
    for (size_t i = 0; i < n; i++) {
        const json_t *dim = json_array_get(shape, n - 1 - i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return error_set(err, HOB_FORMAT, "shape: axis %zu is no integer from 0", n - 1 - i);
        tensor->ne[i] = (uint64_t)json_integer_value(dim);
        if (!size_mul(bytes, (size_t)tensor->ne[i], &bytes))
            return error_set(err, HOB_FORMAT, "shape: size overflow at axis %zu, %llu", n - 1 - i,
                             (unsigned long long)tensor->ne[i]);
    }
    tensor->bytes = bytes;
    return true;
}

/* Sets the offset, still from the start of the data, and compares the extent with type and shape. */
static bool read_extent(struct tensor_info *tensor, const json_t *offsets, struct hob_error *err)
{
    const json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last) ||
        json_integer_value(first) < 0 || json_integer_value(last) < json_integer_value(first))
        return error_set(err, HOB_FORMAT, "data_offsets: want two integers from 0 that ascend");
    tensor->offset = (uint64_t)json_integer_value(first);
    uint64_t extent = (uint64_t)json_integer_value(last) - tensor->offset;
    if (extent != tensor->bytes)
        return error_set(err, HOB_FORMAT, "data_offsets: %llu bytes, but shape and dtype %s want %llu",
                         (unsigned long long)extent, tensor->type->name, (unsigned long long)tensor->bytes);
    return true;
}

static bool read_tensor(struct tensor_info *tensor, const json_t *info, struct hob_error *err)
{
    if (!json_is_object(info))
        return error_set(err, HOB_FORMAT, "is no object");
    return read_type(tensor, json_object_get(info, "dtype"), err) &&
           read_shape(tensor, json_object_get(info, "shape"), err) &&
           read_extent(tensor, json_object_get(info, "data_offsets"), err);
}

static int by_offset(const void *left, const void *right)
{
    const struct tensor_info *a = left, *b = right;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    return (a->bytes > b->bytes) - (a->bytes < b->bytes); /* an empty tensor lies before its neighbour */
}

/* Sorts the tensors and checks that they cover the data exactly. */
static bool place_tensors(struct tensor_info *tensors, size_t n, uint64_t data_at, uint64_t file_size,
                          struct hob_error *err)
{
    if (n)
        qsort(tensors, n, sizeof *tensors, by_offset);
    uint64_t at = 0, size = file_size - data_at;
    for (size_t i = 0; i < n; i++) {
        struct tensor_info *tensor = &tensors[i];
        int shown = tensor->name.len < SHOWN ? (int)tensor->name.len : SHOWN;
        if (tensor->offset != at)
            return error_set(err, HOB_FORMAT, "%.*s: data_offsets: starts at %llu, want %llu: %s", shown,
                             tensor->name.ptr, (unsigned long long)tensor->offset, (unsigned long long)at,
                             tensor->offset < at ? "an overlap" : "a hole");
        if (tensor->bytes > size - at)
            return error_set(err, HOB_FORMAT,
                             "%.*s: data_offsets: ends at %llu, but the data ends at %llu: was it cut?", shown,
                             tensor->name.ptr, (unsigned long long)(at + tensor->bytes), (unsigned long long)size);
        at += tensor->bytes;
        tensor->offset += data_at;
    }
    if (at != size)
        return error_set(err, HOB_FORMAT, "the tensors end at %llu of the data, but it has %llu bytes",
                         (unsigned long long)at, (unsigned long long)size);
    return true;
}

/* Reads what the header says about each tensor into `tensors`, sets `*n`. */
static bool read_tensors(const struct file *file, json_t *header, struct arena *arena, struct tensor_info *tensors,
                         size_t *n, struct hob_error *err)
{
    *n = 0;
    for (void *iter = json_object_iter(header); iter; iter = json_object_iter_next(header, iter)) {
        struct str name = {json_object_iter_key(iter), json_object_iter_key_len(iter)};
        json_t *info = json_object_iter_value(iter);
        if (str_eq(name, STR("__metadata__"))) {
            if (!check_metadata(info, err))
                return false;
            continue;
        }
        struct tensor_info *tensor = &tensors[(*n)++];
        tensor->file = file;
        tensor->name = (struct str){arena_copy(arena, name.ptr, name.len), name.len};
        if (!tensor->name.ptr)
            return error_memory(err, name.len);
        if (!read_tensor(tensor, info, err))
            return error_prefix(err, "%.*s", name.len < SHOWN ? (int)name.len : SHOWN, name.ptr);
    }
    return true;
}

bool safetensors_read(const struct file *file, struct arena *arena, struct tensor_info **tensors, size_t *n,
                      struct hob_error *err)
{
    size_t length = 0;
    if (!read_length(file, &length, err))
        return false;
    json_t *header = read_header(file, length, err);
    if (!header)
        return false;
    *tensors = arena_array(arena, json_object_size(header), sizeof **tensors);
    bool good = false;
    if (!*tensors)
        error_memory(err, json_object_size(header) * sizeof **tensors);
    else
        good = (read_tensors(file, header, arena, *tensors, n, err) &&
                place_tensors(*tensors, *n, LENGTH_BYTES + length, file->size, err)) ||
               error_prefix(err, "%s", file_name(file));
    json_decref(header);
    return good;
}
