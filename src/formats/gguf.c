/* SPDX-License-Identifier: Apache-2.0
 *
 * A GGUF file or set of files: opening, and finding what is in it.
 */
#include "formats/gguf_part.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

struct gguf {
    struct arena arena; /* everything but the files and the maps */
    size_t n_parts;     /* opened so far */
    struct gguf_part **parts;
    const struct file **files;
    size_t n_tensors;
    struct tensor_info *tensors; /* of all parts */
    struct map by_name;
};

enum { MEMORY_SLACK_BYTES = 64 << 20 };

/* The end of a name in a set: -00001-of-00003.gguf */
enum { SPLIT_DIGITS = 5, SPLIT_SUFFIX_BYTES = 1 + SPLIT_DIGITS + 4 + SPLIT_DIGITS + 5 };

/* Whether `path` ends like part `no` (from 1) of `count`. */
static bool is_part_name(const char *path, size_t no, size_t count)
{
    char suffix[64];
    snprintf(suffix, sizeof suffix, "-%05zu-of-%05zu.gguf", no, count);
    return str_ends(str_of(path), str_of(suffix));
}

/* The path of part `no` (from 1) beside the first part, in the arena. */
static char *part_path(struct gguf *gguf, size_t no, size_t count)
{
    const char *first = gguf->parts[0]->file.path;
    int stem = (int)(strlen(first) - SPLIT_SUFFIX_BYTES);
    return arena_format(&gguf->arena, "%.*s-%05zu-of-%05zu.gguf", stem, first, no, count);
}

/* Opens the next part. */
static bool open_part(struct gguf *gguf, const char *path, struct hob_error *err)
{
    struct gguf_part *part = arena_alloc(&gguf->arena, sizeof *part);
    if (!part)
        return error_memory(err, sizeof *part);
    gguf->parts[gguf->n_parts++] = part;
    return gguf_part_open(part, path, &gguf->arena, err);
}

static bool same_bytes(const struct gguf_value *a, const struct gguf_value *b)
{
    if (a->element != b->element || a->n != b->n)
        return false;
    if (a->element != GGUF_STRING)
        return a->n == 0 || memcmp(a->raw, b->raw, a->n * gguf_type_bytes(a->element)) == 0;
    for (size_t i = 0; i < a->n; i++)
        if (!str_eq(a->strings[i], b->strings[i]))
            return false;
    return true;
}

static bool same_value(const struct gguf_value *a, const struct gguf_value *b)
{
    if (a->type != b->type)
        return false;
    if (a->type == GGUF_ARRAY)
        return same_bytes(a, b);
    if (a->type == GGUF_STRING)
        return str_eq(a->s, b->s);
    return a->i == b->i && memcmp(&a->f, &b->f, sizeof a->f) == 0;
}

/* Whether a part's own place in the set fits, and whatever metadata it repeats is what the first part says. */
static bool check_part(const struct gguf *gguf, size_t index, size_t count, struct hob_error *err)
{
    const struct gguf_part *first = gguf->parts[0], *part = gguf->parts[index];
    int64_t no = -1, of = -1;
    if (!gguf_part_int(part, "split.no", 0, GGUF_MAX_PARTS, &no, err) ||
        !gguf_part_int(part, "split.count", 0, GGUF_MAX_PARTS, &of, err))
        return false;
    if (no != (int64_t)index || of != (int64_t)count)
        return error_set(err, HOB_FORMAT, "%s: split.no %lld of split.count %lld, want %zu of %zu",
                         file_name(&part->file), (long long)no, (long long)of, index, count);
    for (size_t i = 0; i < part->n_entries; i++) {
        const struct gguf_entry *entry = &part->entries[i];
        const struct gguf_value *value = gguf_part_find(first, entry->key);
        if (value && !same_value(value, &entry->value) && !str_eq(entry->key, STR("split.no")) &&
            !str_eq(entry->key, STR("split.count")) && !str_eq(entry->key, STR("general.alignment")))
            return error_set(err, HOB_FORMAT, "%s: is of another set: %.*s is %s, but %s in %s", file_name(&part->file),
                             gguf_shown(entry->key), entry->key.ptr, gguf_value_words(&entry->value).text,
                             gguf_value_words(value).text, file_name(&first->file));
    }
    return true;
}

/* Opens the parts after the first, as split.count says. */
static bool open_rest(struct gguf *gguf, struct hob_error *err)
{
    const struct gguf_part *first = gguf->parts[0];
    int64_t no = 0, count = 1;
    if (!gguf_part_int(first, "split.count", 0, GGUF_MAX_PARTS, &count, err) ||
        !gguf_part_int(first, "split.no", 0, GGUF_MAX_PARTS, &no, err))
        return false;
    if (no >= (count ? count : 1))
        return error_set(err, HOB_FORMAT, "%s: split.no is %lld, want less than split.count, %lld",
                         file_name(&first->file), (long long)no, (long long)count);
    if (count <= 1)
        return true;
    size_t n = (size_t)count;
    if (no != 0)
        return error_set(err, HOB_FORMAT,
                         "%s: is part %lld of %zu (split.no %lld): open the first, -00001-of-%05zu.gguf",
                         file_name(&first->file), (long long)no + 1, n, (long long)no, n);
    if (!is_part_name(first->file.path, 1, n))
        return error_set(err, HOB_FORMAT,
                         "%s: is part 1 of %zu (split.count), want a name ending in -00001-of-%05zu.gguf",
                         file_name(&first->file), n, n);
    struct gguf_part **parts = arena_array(&gguf->arena, n, sizeof(struct gguf_part *));
    if (!parts)
        return error_memory(err, n * sizeof(struct gguf_part *));
    parts[0] = gguf->parts[0];
    gguf->parts = parts;
    for (size_t i = 1; i < n; i++) {
        const char *path = part_path(gguf, i + 1, n);
        if (!path)
            return error_memory(err, SPLIT_SUFFIX_BYTES);
        if (!open_part(gguf, path, err))
            return err && err->status == HOB_NOT_FOUND ? error_prefix(err, "part %zu of %zu is missing", i + 1, n)
                                                       : false;
        if (!check_part(gguf, i, n, err))
            return false;
    }
    return true;
}

/* Makes one list and one map of the tensors of all parts. */
static bool collect_tensors(struct gguf *gguf, struct hob_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < gguf->n_parts; i++)
        n += gguf->parts[i]->n_tensors;
    const char *name = file_name(&gguf->parts[0]->file);
    if (n > GGUF_MAX_TENSORS)
        return error_set(err, HOB_LIMIT, "%s: %zu tensors in all parts, the limit is %d", name, n, GGUF_MAX_TENSORS);
    int64_t want = (int64_t)n;
    if (gguf->n_parts > 1 && !gguf_part_int(gguf->parts[0], "split.tensors.count", 0, GGUF_MAX_TENSORS, &want, err))
        return false;
    if (want != (int64_t)n)
        return error_set(err, HOB_FORMAT, "%s: split.tensors.count is %lld, but the parts hold %zu tensors", name,
                         (long long)want, n);
    if (gguf->n_parts == 1)
        gguf->tensors = gguf->parts[0]->tensors;
    else
        gguf->tensors = arena_array(&gguf->arena, n, sizeof *gguf->tensors);
    gguf->files = arena_array(&gguf->arena, gguf->n_parts, sizeof(struct file *));
    if (!gguf->tensors || !gguf->files || !map_reserve(&gguf->by_name, n))
        return error_memory(err, n * sizeof *gguf->tensors);
    for (size_t i = 0; i < gguf->n_parts; i++) {
        const struct gguf_part *part = gguf->parts[i];
        gguf->files[i] = &part->file;
        for (size_t j = 0; j < part->n_tensors; j++) {
            struct str key = part->tensors[j].name;
            bool existed;
            gguf->tensors[gguf->n_tensors] = part->tensors[j];
            if (!map_add(&gguf->by_name, key, (uint32_t)gguf->n_tensors++, &existed))
                return error_memory(err, n);
            if (existed)
                return error_set(err, HOB_FORMAT, "%s: %.*s: the tensor is there twice", file_name(&part->file),
                                 gguf_shown(key), key.ptr);
        }
    }
    return true;
}

struct gguf *gguf_open(const char *path, struct hob_error *err)
{
    struct gguf *gguf = calloc(1, sizeof *gguf);
    if (!gguf) {
        error_memory(err, sizeof *gguf);
        return NULL;
    }
    gguf->arena.limit_bytes = (size_t)4 * GGUF_MAX_METADATA + MEMORY_SLACK_BYTES;
    gguf->parts = arena_alloc(&gguf->arena, sizeof(struct gguf_part *));
    if (!gguf->parts)
        error_memory(err, sizeof(struct gguf_part *));
    else if (open_part(gguf, path, err) && open_rest(gguf, err) && collect_tensors(gguf, err))
        return gguf;
    gguf_close(gguf);
    return NULL;
}

void gguf_close(struct gguf *gguf)
{
    if (!gguf)
        return;
    for (size_t i = 0; i < gguf->n_parts; i++)
        gguf_part_close(gguf->parts[i]);
    map_clear(&gguf->by_name);
    arena_clear(&gguf->arena);
    free(gguf);
}

void gguf_drop_long_arrays(struct gguf *gguf)
{
    for (size_t p = 0; p < gguf->n_parts; p++) {
        struct gguf_part *part = gguf->parts[p];
        for (size_t i = 0; i < part->n_entries; i++) {
            struct gguf_value *value = &part->entries[i].value;
            if (value->type != GGUF_ARRAY || value->n <= GGUF_LONG_ARRAY)
                continue;
            value->n = 0;
            value->raw = NULL;
            value->strings = NULL;
        }
        arena_clear(&part->long_arrays);
    }
}

const char *gguf_name(const struct gguf *gguf)
{
    return file_name(&gguf->parts[0]->file);
}

const struct gguf_entry *gguf_entries(const struct gguf *gguf, size_t *n)
{
    *n = gguf->parts[0]->n_entries;
    return gguf->parts[0]->entries;
}

const struct gguf_value *gguf_find(const struct gguf *gguf, const char *key)
{
    return gguf_part_find(gguf->parts[0], str_of(key));
}

const struct tensor_info *gguf_tensors(const struct gguf *gguf, size_t *n)
{
    *n = gguf->n_tensors;
    return gguf->tensors;
}

const struct tensor_info *gguf_tensor(const struct gguf *gguf, struct str name)
{
    uint32_t i = map_get(&gguf->by_name, name);
    return i == MAP_NONE ? NULL : &gguf->tensors[i];
}

const struct file *const *gguf_files(const struct gguf *gguf, size_t *n)
{
    *n = gguf->n_parts;
    return gguf->files;
}

bool gguf_get_int(const struct gguf *gguf, const char *key, int64_t min, int64_t max, int64_t *out,
                  struct hob_error *err)
{
    return gguf_part_int(gguf->parts[0], key, min, max, out, err);
}

/* The error for a value of the wrong kind or out of range. */
static bool unfit(const struct gguf *gguf, const char *key, const char *want, const struct gguf_value *value,
                  struct hob_error *err)
{
    return error_set(err, HOB_FORMAT, "%s: %s: %s, want %s", gguf_name(gguf), key, gguf_value_words(value).text, want);
}

bool gguf_get_float(const struct gguf *gguf, const char *key, double min, double max, double *out,
                    struct hob_error *err)
{
    const struct gguf_value *value = gguf_find(gguf, key);
    if (!value)
        return true;
    bool is_number = gguf_type_is_int(value->type) || value->type == GGUF_F32 || value->type == GGUF_F64;
    if (!is_number || !(value->f >= min && value->f <= max)) { /* NaN is in no range */
        char want[80];
        snprintf(want, sizeof want, "a number from %g to %g", min, max);
        return unfit(gguf, key, want, value, err);
    }
    *out = value->f;
    return true;
}

bool gguf_get_bool(const struct gguf *gguf, const char *key, bool *out, struct hob_error *err)
{
    const struct gguf_value *value = gguf_find(gguf, key);
    if (!value)
        return true;
    bool is_integer = gguf_type_is_int(value->type) || value->type == GGUF_BOOL;
    if (!is_integer || value->huge || value->i < 0 || value->i > 1)
        return unfit(gguf, key, "a bool", value, err);
    *out = value->i == 1;
    return true;
}

bool gguf_get_string(const struct gguf *gguf, const char *key, struct str *out, struct hob_error *err)
{
    const struct gguf_value *value = gguf_find(gguf, key);
    if (!value)
        return true;
    if (value->type != GGUF_STRING)
        return unfit(gguf, key, "a string", value, err);
    *out = value->s;
    return true;
}
