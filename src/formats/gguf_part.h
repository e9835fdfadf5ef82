/* SPDX-License-Identifier: Apache-2.0
 *
 * One file of a GGUF set. Internal to the reader.
 *
 *   offset 0   "GGUF", u32 version, u64 tensor_count, u64 metadata_kv_count
 *         24   entries:  string key, u32 type, value          (string: u64 length, bytes)
 *                        array value: u32 element type, u64 count, elements
 *              tensors:  string name, u32 number of dimensions, u64 dimensions, u32 type, u64 offset
 *              zeros up to a multiple of general.alignment
 *              data; the tensors' offsets count from here
 */
#ifndef HOB_FORMATS_GGUF_PART_H
#define HOB_FORMATS_GGUF_PART_H

#include "base/map.h"
#include "formats/gguf.h"
#include "formats/reader.h"

/* Limits of hob, above anything published. */
enum {
    GGUF_MAX_ENTRIES = 1 << 16,
    GGUF_MAX_TENSORS = 1 << 20,
    GGUF_MAX_KEY = 65535,       /* bytes, by the specification */
    GGUF_MAX_TENSOR_NAME = 64,  /* bytes, by the specification */
    GGUF_MAX_STRING = 16 << 20, /* bytes */
    GGUF_MAX_ARRAY = 1 << 24,   /* elements */
    GGUF_MAX_METADATA = 512 << 20,
    GGUF_MAX_PARTS = 65535,
    GGUF_LONG_ARRAY = 4096, /* elements beyond which an array can be dropped by itself */
    GGUF_SHOWN = 80         /* bytes of a name in a message */
};

struct gguf_part {
    struct file file;
    size_t n_entries;
    struct gguf_entry *entries;
    struct map keys;          /* key: index into entries */
    struct arena long_arrays; /* of arrays of more than GGUF_LONG_ARRAY elements */
    size_t n_tensors;
    struct tensor_info *tensors;
};

/* Opens the file and reads its structure; everything but the file and the map lives in `arena`. The part is zeroed
 * before. Call gguf_part_close() also after a failure. Messages start with the base name. */
bool gguf_part_open(struct gguf_part *part, const char *path, struct arena *arena, struct hob_error *err);

/* Closes the file and frees the map; fine on a zeroed part. */
void gguf_part_close(struct gguf_part *part);

/* The value of a key of this part, or NULL. */
const struct gguf_value *gguf_part_find(const struct gguf_part *part, struct str key);

/* gguf_get_int() of one part. */
bool gguf_part_int(const struct gguf_part *part, const char *key, int64_t min, int64_t max, int64_t *out,
                   struct hob_error *err);

/* Reads `n` metadata entries into part->entries and the map. Errors name the key. */
bool gguf_read_entries(struct gguf_part *part, struct reader *reader, size_t n, struct hob_error *err);

/* Reads `n` tensor infos, then places them: aligned, inside the file, apart from each other. Errors name the tensor. */
bool gguf_read_tensors(struct gguf_part *part, struct reader *reader, size_t n, struct hob_error *err);

/* Whether a type is an integer other than a bool. */
bool gguf_type_is_int(uint32_t type);

/* Bytes of an element of a type, 0 for strings, arrays and unknown types. */
unsigned gguf_type_bytes(uint32_t type);

/* "u32", ..., or NULL for an unknown type. */
const char *gguf_type_name(uint32_t type);

struct gguf_words {
    char text[96];
};

/* A value in a few words for a message: `u32 3`, `string "abc"`, `array of 5 f32`. */
struct gguf_words gguf_value_words(const struct gguf_value *value);

/* How many bytes of a name a message shows. */
static inline int gguf_shown(struct str name)
{
    return name.len < GGUF_SHOWN ? (int)name.len : GGUF_SHOWN;
}

#endif
