/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings: `struct str`, a borrowed span of bytes, and `struct buf`, a growable owned one.
 */
#ifndef HOB_BASE_STR_H
#define HOB_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A borrowed span of bytes, not NUL-terminated, never owned. */
struct str {
    const char *ptr;
    size_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})

/* The span of a NUL-terminated string (NULL gives an empty span). */
static inline struct str str_of(const char *text)
{
    return (struct str){text ? text : "", text ? strlen(text) : 0};
}

/* Whether two spans hold the same bytes. */
static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Whether the span starts with `prefix`. */
static inline bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

/* Whether the span ends with `suffix`. */
static inline bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len && (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

/* What is left of the span from byte `at` on, at <= s.len; an empty span may be NULL, to which C adds nothing. */
static inline struct str str_from(struct str s, size_t at)
{
    return (struct str){at ? s.ptr + at : s.ptr, s.len - at};
}

/* Whether `byte` is one of the bytes of `set`; NUL is in no set, which strchr() would say. */
static inline bool byte_in(char byte, const char *set)
{
    return byte && strchr(set, byte);
}

/* memcmp order, then length. */
int str_cmp(struct str a, struct str b);

/* Position of `needle` in `s` at or after `from`, or SIZE_MAX. */
size_t str_find(struct str s, struct str needle, size_t from);

/* A growable byte buffer. Zero-initialised is empty. A failed growth sets `failed`, which sticks: later
 * appends do nothing, so a caller checks once at the end. `limit` (0: none) bounds `len`. */
struct buf {
    char *ptr;
    size_t len, cap, limit;
    bool failed;
};

/* Makes room for `extra` more bytes; false (and `failed`) when that can't be had. */
bool buf_reserve(struct buf *buf, size_t extra);

/* Appends `len` bytes; false when memory or the limit is exhausted. */
bool buf_add(struct buf *buf, const void *ptr, size_t len);

/* Appends a span. */
static inline bool buf_str(struct buf *buf, struct str s)
{
    return buf_add(buf, s.ptr, s.len);
}

/* Appends one byte. */
static inline bool buf_byte(struct buf *buf, char c)
{
    return buf_add(buf, &c, 1);
}

/* Appends formatted text. */
bool buf_format(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The bytes as a NUL-terminated string (the NUL is not counted), or NULL after a failure. Still owned by `buf`. */
char *buf_text(struct buf *buf);

/* The span of what is in the buffer; of an empty one it is not NULL. */
static inline struct str buf_view(const struct buf *buf)
{
    return (struct str){buf->ptr ? buf->ptr : "", buf->len};
}

/* Frees the bytes; the buffer is empty again. */
void buf_clear(struct buf *buf);

/* Decodes one code point at `s.ptr[at]`, sets `*size` to its bytes. Invalid UTF-8 (overlong, surrogate, past
 * U+10FFFF, cut) gives -1 and size 1. `at < s.len`. */
int32_t utf8_decode(struct str s, size_t at, unsigned *size);

/* Encodes a code point (0..0x10FFFF) into `out`, returns the bytes written (1..4). */
unsigned utf8_encode(uint32_t code, char out[4]);

/* Whether all bytes are well-formed UTF-8. */
bool utf8_valid(struct str s);

/* How many bytes at the end of `s` are the start of a code point that is not complete (0..3). */
size_t utf8_incomplete_tail(struct str s);

#endif
