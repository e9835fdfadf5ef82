/* SPDX-License-Identifier: Apache-2.0
 *
 * GGUF metadata: keys and values. Strings and arrays of numbers stay where the reader put them.
 */
#include "formats/gguf_part.h"

#include <stdio.h>

#include "base/error.h"
#include "base/checked.h"

static const struct {
    const char *name;
    unsigned bytes;
} gguf_types[] = {
    [GGUF_U8] = {"u8", 1},   [GGUF_I8] = {"i8", 1},   [GGUF_U16] = {"u16", 2},       [GGUF_I16] = {"i16", 2},
    [GGUF_U32] = {"u32", 4}, [GGUF_I32] = {"i32", 4}, [GGUF_F32] = {"f32", 4},       [GGUF_BOOL] = {"bool", 1},
    [GGUF_U64] = {"u64", 8}, [GGUF_I64] = {"i64", 8}, [GGUF_STRING] = {"string", 0}, [GGUF_ARRAY] = {"array", 0},
    [GGUF_F64] = {"f64", 8},
};

unsigned gguf_type_bytes(uint32_t type)
{
    return type <= GGUF_F64 ? gguf_types[type].bytes : 0;
}

const char *gguf_type_name(uint32_t type)
{
    return type <= GGUF_F64 ? gguf_types[type].name : NULL;
}

bool gguf_type_is_int(uint32_t type)
{
    return gguf_type_bytes(type) != 0 && type != GGUF_F32 && type != GGUF_F64 && type != GGUF_BOOL;
}

struct gguf_words gguf_value_words(const struct gguf_value *value)
{
    struct gguf_words words;
    const char *type = gguf_type_name(value->type);
    size_t size = sizeof words.text;
    if (value->type == GGUF_ARRAY)
        snprintf(words.text, size, "array of %zu %s", value->n, gguf_type_name(value->element));
    else if (value->type == GGUF_STRING)
        snprintf(words.text, size, "string \"%.*s\"%s", value->s.len < 40 ? (int)value->s.len : 40, value->s.ptr,
                 value->s.len > 40 ? "..." : "");
    else if (value->type == GGUF_F32 || value->type == GGUF_F64)
        snprintf(words.text, size, "%s %g", type, value->f);
    else if (value->huge)
        snprintf(words.text, size, "%s %llu", type, (unsigned long long)value->i);
    else
        snprintf(words.text, size, "%s %lld", type, (long long)value->i);
    return words;
}

/* Widens the number at `bytes` into value->i, ->f and ->huge. */
static void widen(struct gguf_value *value, enum gguf_type type, const uint8_t *bytes)
{
    unsigned n_bytes = gguf_type_bytes(type);
    if (n_bytes == 0) /* a string is no number */
        return;
    uint64_t raw = load_le(bytes, n_bytes);
    if (type == GGUF_F32) {
        uint32_t bits = (uint32_t)raw;
        float single;
        memcpy(&single, &bits, sizeof single);
        value->f = single;
        return;
    }
    if (type == GGUF_F64) {
        memcpy(&value->f, &raw, sizeof value->f);
        return;
    }
    bool is_signed = type == GGUF_I8 || type == GGUF_I16 || type == GGUF_I32;
    uint64_t sign = 1ull << (8 * n_bytes - 1);
    if (is_signed)
        raw = (raw ^ sign) - sign; /* extends the sign; i64 has nothing to extend */
    memcpy(&value->i, &raw, sizeof value->i);
    value->huge = type == GGUF_U64 && value->i < 0;
    value->f = value->huge ? (double)raw : (double)value->i;
}

int64_t gguf_array_int(const struct gguf_value *array, size_t i)
{
    struct gguf_value element = {0};
    widen(&element, array->element, array->raw + i * gguf_type_bytes(array->element));
    return element.i;
}

double gguf_array_float(const struct gguf_value *array, size_t i)
{
    struct gguf_value element = {0};
    widen(&element, array->element, array->raw + i * gguf_type_bytes(array->element));
    return element.f;
}

static bool check_bools(const uint8_t *bytes, size_t n, uint64_t at, struct hob_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] > 1)
            return error_set(err, HOB_FORMAT, "offset %llu: a bool is %u, want 0 or 1", (unsigned long long)(at + i),
                             bytes[i]);
    return true;
}

/* Reads the strings of an array, value->n of them; there are at least 8 bytes a string left. */
static bool read_strings(struct gguf_value *value, struct reader *reader, struct hob_error *err)
{
    struct str *strings = arena_array(reader->arena, value->n, sizeof *strings);
    if (!strings)
        return error_memory(err, value->n * sizeof *strings);
    value->strings = strings;
    for (size_t i = 0; i < value->n; i++)
        if (!reader_string(reader, "a string", GGUF_MAX_STRING, &strings[i], err))
            return error_prefix(err, "element %zu", i);
    return true;
}

/* Reads the value->n elements of an array; the file has bytes for them. */
static bool read_elements(struct gguf_value *value, struct reader *reader, struct hob_error *err)
{
    uint64_t at = reader->at;
    if (value->element == GGUF_STRING)
        return read_strings(value, reader, err);
    value->raw = reader_take(reader, value->n * gguf_type_bytes(value->element), "an array", err);
    return value->raw && (value->element != GGUF_BOOL || check_bools(value->raw, value->n, at, err));
}

static bool read_array(struct gguf_value *value, struct reader *reader, struct arena *long_arrays,
                       struct hob_error *err)
{
    uint64_t at = reader->at, n;
    uint32_t element;
    if (!reader_u32(reader, "the element type", &element, err))
        return false;
    if (element == GGUF_ARRAY)
        return error_set(err, HOB_FORMAT, "offset %llu: an array of arrays, want an array of numbers or strings",
                         (unsigned long long)at);
    if (!gguf_type_name(element))
        return error_set(err, HOB_FORMAT, "offset %llu: element type %u, want 0 to 12 but 9", (unsigned long long)at,
                         element);
    if (!reader_u64(reader, "the array's length", &n, err))
        return false;
    uint64_t min_bytes = element == GGUF_STRING ? 8 : gguf_type_bytes(element);
    if (n > reader_left(reader) / min_bytes)
        return error_set(err, HOB_FORMAT, "offset %llu: the array's length is %llu, but %llu bytes are left",
                         (unsigned long long)at + 4, (unsigned long long)n, (unsigned long long)reader_left(reader));
    if (n > GGUF_MAX_ARRAY)
        return error_set(err, HOB_LIMIT, "offset %llu: the array's length is %llu, the limit is %d",
                         (unsigned long long)at + 4, (unsigned long long)n, GGUF_MAX_ARRAY);
    value->element = element;
    value->n = (size_t)n;
    struct arena *usual = n > GGUF_LONG_ARRAY ? reader_switch(reader, long_arrays) : NULL;
    bool good = read_elements(value, reader, err);
    if (usual)
        reader_switch(reader, usual);
    return good;
}

static bool read_value(struct gguf_value *value, struct reader *reader, struct arena *long_arrays,
                       struct hob_error *err)
{
    uint64_t at = reader->at;
    uint32_t type;
    if (!reader_u32(reader, "the value's type", &type, err))
        return false;
    if (!gguf_type_name(type))
        return error_set(err, HOB_FORMAT, "offset %llu: value type %u, want 0 to 12", (unsigned long long)at, type);
    value->type = type;
    if (type == GGUF_ARRAY)
        return read_array(value, reader, long_arrays, err);
    if (type == GGUF_STRING)
        return reader_string(reader, "a string", GGUF_MAX_STRING, &value->s, err);
    at = reader->at;
    const uint8_t *bytes = reader_take(reader, gguf_type_bytes(type), "a value", err);
    if (!bytes || (type == GGUF_BOOL && !check_bools(bytes, 1, at, err)))
        return false;
    widen(value, type, bytes);
    return true;
}

static bool read_key(struct str *key, struct reader *reader, struct hob_error *err)
{
    uint64_t at = reader->at;
    if (!reader_string(reader, "the key", GGUF_MAX_STRING, key, err))
        return false;
    if (key->len == 0 || key->len > GGUF_MAX_KEY)
        return error_set(err, HOB_FORMAT, "offset %llu: the key has %zu bytes, want 1 to %d", (unsigned long long)at,
                         key->len, GGUF_MAX_KEY);
    if (!utf8_valid(*key) || memchr(key->ptr, 0, key->len))
        return error_set(err, HOB_FORMAT, "offset %llu: the key \"%.*s\" is not UTF-8 text without NUL",
                         (unsigned long long)at, gguf_shown(*key), key->ptr);
    return true;
}

bool gguf_read_entries(struct gguf_part *part, struct reader *reader, size_t n, struct hob_error *err)
{
    part->entries = arena_array(reader->arena, n, sizeof *part->entries);
    if (!part->entries || !map_reserve(&part->keys, n))
        return error_memory(err, n * sizeof *part->entries);
    for (size_t i = 0; i < n; i++) {
        struct gguf_entry *entry = &part->entries[i];
        uint64_t at = reader->at;
        if (!read_key(&entry->key, reader, err))
            return error_prefix(err, "metadata entry %zu", i);
        bool existed;
        if (!map_add(&part->keys, entry->key, (uint32_t)i, &existed))
            return error_memory(err, n);
        if (existed)
            return error_set(err, HOB_FORMAT, "%.*s: offset %llu: the key is there twice", gguf_shown(entry->key),
                             entry->key.ptr, (unsigned long long)at);
        if (!read_value(&entry->value, reader, &part->long_arrays, err))
            return error_prefix(err, "%.*s", gguf_shown(entry->key), entry->key.ptr);
    }
    part->n_entries = n;
    return true;
}
