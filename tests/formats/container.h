/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of this folder build files from.
 */
#ifndef TESTS_FORMATS_CONTAINER_H
#define TESTS_FORMATS_CONTAINER_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "formats/gguf.h"

/* A path in a folder of its own for each test program, removed by remove_scratch(). */
static char scratch_folder[64];

static inline const char *scratch(const char *name)
{
    static char paths[8][200];
    static unsigned next;
    if (!scratch_folder[0]) {
        snprintf(scratch_folder, sizeof(scratch_folder), "/tmp/hob-formats-XXXXXX");
        if (!mkdtemp(scratch_folder))
            exit(1);
    }
    char *path = paths[next++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", scratch_folder, name);
    return path;
}

static inline int remove_scratch(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof(command), "rm -rf %s", scratch_folder);
    return scratch_folder[0] ? system(command) : 0;
}

/* Writes a file of the scratch folder, and says where. */
static inline const char *put_file(const char *name, struct str bytes)
{
    const char *path = scratch(name);
    unlink(path); /* a new file need not be flushed to the disk, as some file systems do with one cut to nothing */
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes.ptr, 1, bytes.len, file) != bytes.len || fclose(file) != 0)
        exit(1);
    return path;
}

static inline void put_le(struct buf *buf, uint64_t value, unsigned n_bytes)
{
    for (unsigned i = 0; i < n_bytes; i++)
        buf_byte(buf, (char)(value >> (8 * i)));
}

static inline void put_string(struct buf *buf, struct str s)
{
    put_le(buf, s.len, 8);
    buf_str(buf, s);
}

static inline void put_header(struct buf *buf, uint32_t version, uint64_t n_tensors, uint64_t n_entries)
{
    buf_str(buf, STR("GGUF"));
    put_le(buf, version, 4);
    put_le(buf, n_tensors, 8);
    put_le(buf, n_entries, 8);
}

/* An entry whose value is `n_bytes` of `bits`. */
static inline void put_number(struct buf *buf, const char *key, enum gguf_type type, uint64_t bits, unsigned n_bytes)
{
    put_string(buf, str_of(key));
    put_le(buf, type, 4);
    put_le(buf, bits, n_bytes);
}

static inline void put_text(struct buf *buf, const char *key, struct str text)
{
    put_string(buf, str_of(key));
    put_le(buf, GGUF_STRING, 4);
    put_string(buf, text);
}

/* The start of an array's entry; its elements follow. */
static inline void put_array(struct buf *buf, const char *key, enum gguf_type element, uint64_t n)
{
    put_string(buf, str_of(key));
    put_le(buf, GGUF_ARRAY, 4);
    put_le(buf, element, 4);
    put_le(buf, n, 8);
}

/* A tensor with one or two axes (rows 0: one). */
static inline void put_tensor(struct buf *buf, const char *name, uint64_t columns, uint64_t rows, uint32_t type,
                              uint64_t offset)
{
    put_string(buf, str_of(name));
    put_le(buf, rows ? 2 : 1, 4);
    put_le(buf, columns, 8);
    if (rows)
        put_le(buf, rows, 8);
    put_le(buf, type, 4);
    put_le(buf, offset, 8);
}

static inline void put_padding(struct buf *buf, size_t alignment)
{
    while (buf->len % alignment)
        buf_byte(buf, 0);
}

static inline void put_zeros(struct buf *buf, size_t n)
{
    while (n--)
        buf_byte(buf, 0);
}

#endif
