/* SPDX-License-Identifier: Apache-2.0
 *
 * Unicode as the `tokenizers` library sees it, by utf8proc.
 */
#include "text/tokenizer/unicode.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "base/checked.h"

bool unicode_is_space(int32_t code)
{
    if (code < 0x80)
        return code == ' ' || (code >= '\t' && code <= '\r');
    return code == 0x85 || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
           code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

size_t utf8_stretch_end(struct str text, size_t at, bool valid)
{
    while (at < text.len) {
        unsigned size;
        if ((utf8_decode(text, at, &size) >= 0) != valid)
            break;
        at += size;
    }
    return at;
}

size_t utf8_before(struct str text, size_t at)
{
    unsigned size;
    for (size_t start = at - 1, n = 0; n < 4; n++) {
        if (utf8_decode(text, start, &size) >= 0 && start + size == at)
            return start;
        if (start-- == 0)
            break;
    }
    return at - 1;
}

/* The first byte of the first code point that a form can change: U+0300 for NFC, U+00A0 for the others. */
static uint8_t first_changed(enum unicode_form form)
{
    return form == UNICODE_NFC ? 0xcc : 0x80;
}

bool unicode_is_plain(struct str text, enum unicode_form form)
{
    for (size_t i = 0; i < text.len; i++)
        if ((uint8_t)text.ptr[i] >= first_changed(form))
            return false;
    return true;
}

/* The library normalizes by Unicode 9. These later code points have a combining class or a decomposition today, or are
 * part of one; to it they are letters like any other. */
static const uint32_t later[][2] = {
    {0x7fd, 0x7fd},     {0x898, 0x89f},     {0x8ca, 0x8d3},     {0x9fe, 0x9fe},     {0xc3c, 0xc3c},
    {0xd3b, 0xd3c},     {0xeba, 0xeba},     {0x1715, 0x1715},   {0x1abf, 0x1ace},   {0x1df6, 0x1dfa},
    {0x32ff, 0x32ff},   {0xa7f2, 0xa7f4},   {0xa82c, 0xa82c},   {0xab69, 0xab69},   {0x10781, 0x107ba},
    {0x10d24, 0x10d27}, {0x10eab, 0x10eac}, {0x10efd, 0x10eff}, {0x10f46, 0x10f50}, {0x10f82, 0x10f85},
    {0x11070, 0x11070}, {0x1133b, 0x1133b}, {0x1145e, 0x1145e}, {0x11839, 0x1183a}, {0x11930, 0x11930},
    {0x11935, 0x11935}, {0x11938, 0x11938}, {0x1193d, 0x1193e}, {0x11943, 0x11943}, {0x119e0, 0x119e0},
    {0x11a34, 0x11a34}, {0x11a47, 0x11a47}, {0x11a99, 0x11a99}, {0x11d42, 0x11d42}, {0x11d44, 0x11d45},
    {0x11d97, 0x11d97}, {0x11f41, 0x11f42}, {0x16ff0, 0x16ff1}, {0x1e030, 0x1e06d}, {0x1e08f, 0x1e08f},
    {0x1e130, 0x1e136}, {0x1e2ae, 0x1e2ae}, {0x1e2ec, 0x1e2ef}, {0x1e4ec, 0x1e4ef}, {0x1f16c, 0x1f16c},
    {0x1fbf0, 0x1fbf9}};

static bool is_later(int32_t code)
{
    size_t low = 0, high = sizeof(later) / sizeof(*later);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if ((uint32_t)code > later[middle][1])
            low = middle + 1;
        else
            high = middle;
    }
    return low < sizeof(later) / sizeof(*later) && (uint32_t)code >= later[low][0];
}

/* Code points on their way through a normalization. */
struct codes {
    utf8proc_int32_t *ptr;
    size_t len, cap;
};

static bool decompose(struct str text, int options, struct codes *codes)
{
    for (size_t at = 0; at < text.len;) {
        unsigned size;
        int32_t code = utf8_decode(text, at, &size);
        at += size;
        for (;;) {
            int boundary = 0;
            utf8proc_ssize_t room = (utf8proc_ssize_t)(codes->cap - codes->len);
            utf8proc_ssize_t n =
                utf8proc_decompose_char(code, codes->ptr ? codes->ptr + codes->len : NULL, room, options, &boundary);
            if (n < 0)
                return false;
            if (n <= room) {
                codes->len += (size_t)n;
                break;
            }
            size_t cap = codes->cap * 2 + 64;
            utf8proc_int32_t *grown = reallocarray(codes->ptr, cap, sizeof(*grown));
            if (!grown)
                return false;
            codes->ptr = grown;
            codes->cap = cap;
        }
    }
    return true;
}

static unsigned class_of(utf8proc_int32_t code)
{
    return code < 0x300 ? 0 : (unsigned)utf8proc_get_property(code)->combining_class;
}

/* Sorts one run of combining marks by class, marks of one class staying in order: a counting sort, for a hostile
 * run may be as long as the text. */
static bool sort_run(utf8proc_int32_t *run, size_t n)
{
    size_t first[257] = {0};
    bool sorted = true;
    for (size_t i = 0; i < n; i++) {
        first[class_of(run[i]) + 1]++;
        sorted = sorted && (i == 0 || class_of(run[i - 1]) <= class_of(run[i]));
    }
    if (sorted)
        return true;
    utf8proc_int32_t *copy = reallocarray(NULL, n, sizeof(*copy));
    if (!copy)
        return false;
    memcpy(copy, run, n * sizeof(*copy));
    for (unsigned class = 1; class < 257; class ++)
        first[class] += first[class - 1];
    for (size_t i = 0; i < n; i++)
        run[first[class_of(copy[i])]++] = copy[i];
    free(copy);
    return true;
}

static bool order_marks(struct codes *codes)
{
    for (size_t i = 0; i < codes->len;) {
        size_t start = i;
        while (i < codes->len && class_of(codes->ptr[i]) != 0)
            i++;
        if (i - start > 1 && !sort_run(codes->ptr + start, i - start))
            return false;
        i += i == start;
    }
    return true;
}

static bool normalize_valid(struct str text, enum unicode_form form, struct codes *codes, struct buf *out)
{
    bool compat = form == UNICODE_NFKC || form == UNICODE_NFKD;
    bool compose = form == UNICODE_NFC || form == UNICODE_NFKC;
    codes->len = 0;
    if (!decompose(text, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | (compat ? UTF8PROC_COMPAT : 0), codes) ||
        !order_marks(codes))
        return false;
    utf8proc_ssize_t len = (utf8proc_ssize_t)codes->len;
    if (compose)
        len = utf8proc_normalize_utf32(codes->ptr, len, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    for (utf8proc_ssize_t i = 0; i < len; i++) {
        char bytes[4];
        if (!buf_add(out, bytes, utf8_encode((uint32_t)codes->ptr[i], bytes)))
            return false;
    }
    return len >= 0;
}

/* Text that may hold bytes that are not UTF-8 and later code points; nothing combines across either. */
static bool normalize_stretch(struct str text, enum unicode_form form, struct codes *codes, struct buf *out)
{
    bool ok = true;
    for (size_t at = 0; ok && at < text.len;) {
        size_t start = at;
        unsigned size = 1;
        int32_t code = 0;
        while (at < text.len && (code = utf8_decode(text, at, &size)) >= 0 && !is_later(code))
            at += size;
        ok = normalize_valid((struct str){text.ptr + start, at - start}, form, codes, out);
        if (ok && at < text.len) {
            ok = buf_add(out, text.ptr + at, size);
            at += size;
        }
    }
    return ok;
}

bool unicode_normalize(struct str text, enum unicode_form form, struct buf *out)
{
    struct codes codes = {0};
    bool ok = true;
    for (size_t at = 0; ok && at < text.len;) {
        /* Plain characters stay as they are, but the last one may combine with what follows it. What follows ends
         * at the next ASCII character, which combines with nothing before it. */
        size_t plain = at;
        while (plain < text.len && (uint8_t)text.ptr[plain] < first_changed(form))
            plain++;
        size_t start = plain;
        while (plain < text.len && start > at && ((uint8_t)text.ptr[--start] & 0xc0) == 0x80)
            ;
        size_t end = plain;
        while (end < text.len && (uint8_t)text.ptr[end] >= 0x80)
            end++;
        ok = buf_add(out, text.ptr + at, start - at) &&
             normalize_stretch((struct str){text.ptr + start, end - start}, form, &codes, out);
        at = end;
    }
    free(codes.ptr);
    return ok;
}
