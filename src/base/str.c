/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings and UTF-8 (RFC 3629).
 */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"

int str_cmp(struct str a, struct str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.ptr, b.ptr, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

size_t str_find(struct str s, struct str needle, size_t from)
{
    if (from > s.len || needle.len > s.len - from)
        return SIZE_MAX;
    if (needle.len == 0)
        return from;
    const char *hit = memmem(s.ptr + from, s.len - from, needle.ptr, needle.len);
    return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

/* Room for `len` bytes in all. Doubles, so that appending byte by byte is linear. */
static bool grow_to(struct buf *buf, size_t len)
{
    if (len <= buf->cap)
        return true;
    size_t cap = buf->cap < 64 ? 64 : buf->cap;
    while (cap < len)
        cap = cap > SIZE_MAX / 2 ? len : cap * 2;
    char *ptr = realloc(buf->ptr, cap);
    if (!ptr) {
        buf->failed = true;
        return false;
    }
    buf->ptr = ptr;
    buf->cap = cap;
    return true;
}

bool buf_reserve(struct buf *buf, size_t extra)
{
    size_t len;
    if (buf->failed)
        return false;
    if (!size_add(buf->len, extra, &len) || (buf->limit && len > buf->limit)) {
        buf->failed = true;
        return false;
    }
    return grow_to(buf, len);
}

bool buf_add(struct buf *buf, const void *ptr, size_t len)
{
    if (!buf_reserve(buf, len))
        return false;
    if (len)
        memcpy(buf->ptr + buf->len, ptr, len);
    buf->len += len;
    return true;
}

bool buf_format(struct buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        buf->failed = true;
    /* vsnprintf writes a NUL after the text, which the limit does not count. */
    bool room = len >= 0 && buf_reserve(buf, (size_t)len) && grow_to(buf, buf->len + (size_t)len + 1);
    if (room) {
        vsnprintf(buf->ptr + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
    return room;
}

char *buf_text(struct buf *buf)
{
    if (buf->failed || buf->len == SIZE_MAX || !grow_to(buf, buf->len + 1))
        return NULL;
    buf->ptr[buf->len] = '\0';
    return buf->ptr;
}

void buf_clear(struct buf *buf)
{
    free(buf->ptr);
    *buf = (struct buf){.limit = buf->limit};
}

/* The length a first byte announces (0: it cannot start a code point) and the range its second byte must lie in,
 * which excludes overlong forms, surrogates and what is past U+10FFFF. */
static unsigned utf8_lead(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    if (lead == 0xe0)
        *low = 0xa0;
    else if (lead == 0xed)
        *high = 0x9f;
    else if (lead == 0xf0)
        *low = 0x90;
    else if (lead == 0xf4)
        *high = 0x8f;
    return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* How many of the bytes at `p` (`left` of them) are a well-formed start of a code point; *size is its full length. */
static unsigned utf8_matched(const unsigned char *p, size_t left, unsigned *size)
{
    unsigned char low, high;
    *size = utf8_lead(p[0], &low, &high);
    if (*size == 0)
        return 0;
    unsigned matched = 1;
    while (matched < *size && matched < left && p[matched] >= low && p[matched] <= high) {
        low = 0x80;
        high = 0xbf;
        matched++;
    }
    return matched;
}

int32_t utf8_decode(struct str s, size_t at, unsigned *size)
{
    const unsigned char *p = (const unsigned char *)s.ptr + at;
    unsigned full;
    if (utf8_matched(p, s.len - at, &full) != full || full == 0) {
        *size = 1;
        return -1;
    }
    *size = full;
    if (full == 1)
        return p[0];
    int32_t code = p[0] & (0x7f >> full);
    for (unsigned i = 1; i < full; i++)
        code = code << 6 | (p[i] & 0x3f);
    return code;
}

unsigned utf8_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    unsigned size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (unsigned i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)((0xf00u >> size & 0xffu) | code);
    return size;
}

bool utf8_valid(struct str s)
{
    for (size_t at = 0; at < s.len;) {
        unsigned size;
        if (utf8_decode(s, at, &size) < 0)
            return false;
        at += size;
    }
    return true;
}

size_t utf8_incomplete_tail(struct str s)
{
    for (size_t tail = 1; tail <= 3 && tail <= s.len; tail++) {
        const unsigned char *p = (const unsigned char *)s.ptr + (s.len - tail);
        if (*p >= 0x80 && *p < 0xc0)
            continue;
        unsigned size;
        unsigned matched = utf8_matched(p, tail, &size);
        return matched == tail && size > tail ? tail : 0;
    }
    return 0;
}
