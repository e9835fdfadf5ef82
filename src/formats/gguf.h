/* SPDX-License-Identifier: Apache-2.0
 *
 * GGUF, versions 2 and 3, little-endian, also as a split set. Everything a file claims is checked against its size and
 * the limits of hob before it is believed.
 */
#ifndef HOB_FORMATS_GGUF_H
#define HOB_FORMATS_GGUF_H

#include "formats/tensor.h"

enum gguf_type {
    GGUF_U8 = 0,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64
};

/* One metadata value. Scalars are widened: integers to `i` (u64 above INT64_MAX sets `huge`), floats to `f`. */
struct gguf_value {
    enum gguf_type type;
    bool huge;
    int64_t i;    /* integers and bool */
    double f;     /* floats, and integers as a float */
    struct str s; /* strings */
    /* Arrays: element type, count; numbers as raw little-endian elements, strings as spans. */
    enum gguf_type element;
    size_t n;
    const uint8_t *raw;
    const struct str *strings;
};

struct gguf_entry {
    struct str key;
    struct gguf_value value;
};

struct gguf;

/* Opens a file (the first of a split set opens all of them) and checks its structure. The caller owns it. */
struct gguf *gguf_open(const char *path, struct hob_error *err);

/* Closes the files and frees everything borrowed from them (NULL is fine). */
void gguf_close(struct gguf *gguf);

/* Frees the elements of long arrays (vocabularies, once they were read): they become empty arrays. */
void gguf_drop_long_arrays(struct gguf *gguf);

/* The base name of the first file, for messages. */
const char *gguf_name(const struct gguf *gguf);

/* Metadata in file order. Borrowed. */
const struct gguf_entry *gguf_entries(const struct gguf *gguf, size_t *n);

/* The value of a key, or NULL. */
const struct gguf_value *gguf_find(const struct gguf *gguf, const char *key);

/* Reads a typed value. Absent: true and *out unchanged, so set the default before. Present but of another kind or
 * outside [min, max]: false, the error names file, key, range and what was found. Integers of every width are
 * integers; a bool may be an integer 0 or 1; a float may be written as an integer. */
bool gguf_get_int(const struct gguf *gguf, const char *key, int64_t min, int64_t max, int64_t *out,
                  struct hob_error *err);
bool gguf_get_float(const struct gguf *gguf, const char *key, double min, double max, double *out,
                    struct hob_error *err);
bool gguf_get_bool(const struct gguf *gguf, const char *key, bool *out, struct hob_error *err);
bool gguf_get_string(const struct gguf *gguf, const char *key, struct str *out, struct hob_error *err);

/* Element `i` of a numeric array as an integer or a float. `i < n`. */
int64_t gguf_array_int(const struct gguf_value *array, size_t i);
double gguf_array_float(const struct gguf_value *array, size_t i);

/* All tensors of all parts, in order. Borrowed. */
const struct tensor_info *gguf_tensors(const struct gguf *gguf, size_t *n);

/* The tensor of that name, or NULL. */
const struct tensor_info *gguf_tensor(const struct gguf *gguf, struct str name);

/* The files of the set, in order of their parts. Borrowed. */
const struct file *const *gguf_files(const struct gguf *gguf, size_t *n);

#endif
