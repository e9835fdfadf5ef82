/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings with their origin: slices share, concatenation grows in place where it can.
 */
#include "text/jinja/jinja.h"

enum { APPEND_COST = 32 }; /* of the work of a byte walked over */

static struct text *new_text(struct jinja *j)
{
    struct text *text = machine_alloc(j, 1, sizeof *text);
    if (text)
        text->n_chars = SIZE_MAX;
    return text;
}

struct text *text_borrow(struct jinja *j, struct str bytes, bool untrusted)
{
    struct text *text = new_text(j);
    if (!text)
        return NULL;
    text->ptr = bytes.ptr ? bytes.ptr : "";
    text->len = bytes.len;
    text->untrusted = untrusted;
    return text;
}

struct text *text_copy(struct jinja *j, struct str bytes)
{
    char *copy = machine_alloc(j, bytes.len + 1, 1);
    if (!copy)
        return NULL;
    if (bytes.len)
        memcpy(copy, bytes.ptr, bytes.len);
    return text_borrow(j, (struct str){copy, bytes.len}, false);
}

const struct text *text_slice(struct jinja *j, const struct text *text, size_t start, size_t end)
{
    if (start == 0 && end == text->len)
        return text;
    struct text *slice = text_borrow(j, (struct str){text->ptr + start, end - start}, text->untrusted);
    if (!slice)
        return NULL;
    slice->marks = text->marks ? text->marks + start : NULL;
    slice->markup = text->markup;
    slice->n_chars = text->n_chars == text->len ? slice->len : SIZE_MAX;
    return slice;
}

size_t text_chars(const struct text *text)
{
    if (text->n_chars != SIZE_MAX)
        return text->n_chars;
    size_t n = 0;
    for (size_t i = 0; i < text->len; i++)
        n += ((unsigned char)text->ptr[i] & 0xc0) != 0x80;
    ((struct text *)text)->n_chars = n; /* a cache: texts of a rendering are seen by one thread */
    return n;
}

size_t text_offset(const struct text *text, size_t index)
{
    if (text_chars(text) == text->len)
        return index < text->len ? index : text->len;
    size_t at = 0;
    for (; at < text->len; at++)
        if (((unsigned char)text->ptr[at] & 0xc0) != 0x80 && index-- == 0)
            break;
    return at;
}

/* Room for `extra` more bytes. */
static bool reserve(struct jinja *j, struct text_builder *b, size_t extra)
{
    if (b->limit && b->len + extra > b->limit)
        return jinja_exceeded(j, BOUND_OUTPUT);
    if (b->cap - b->len >= extra)
        return true;
    size_t cap = b->len + extra;
    cap += cap / 2 + 32;
    char *bytes = machine_grow(j, b->bytes, b->cap, cap);
    if (!bytes)
        return false;
    b->bytes = bytes;
    if (b->marks) {
        uint8_t *marks = machine_grow(j, b->marks, b->cap, cap);
        if (!marks)
            return false;
        b->marks = marks;
    }
    b->cap = cap;
    return true;
}

/* Makes the builder remember the origin of each byte from now on. */
static bool mark_each(struct jinja *j, struct text_builder *b)
{
    b->marks = machine_alloc(j, b->cap, 1);
    if (!b->marks)
        return false;
    memset(b->marks, b->untrusted, b->len);
    return true;
}

static bool append(struct jinja *j, struct text_builder *b, struct str bytes, const uint8_t *marks, bool untrusted)
{
    if (!bytes.len)
        return true;
    if (!jinja_work(j, 0, bytes.len + APPEND_COST) || !reserve(j, b, bytes.len))
        return false;
    if (b->len == 0 && !marks)
        b->untrusted = untrusted;
    if (!b->marks && (marks || b->untrusted != untrusted) && !mark_each(j, b))
        return false;
    memcpy(b->bytes + b->len, bytes.ptr, bytes.len);
    if (b->marks) {
        if (marks)
            memcpy(b->marks + b->len, marks, bytes.len);
        else
            memset(b->marks + b->len, untrusted, bytes.len);
    }
    b->len += bytes.len;
    return true;
}

bool builder_bytes(struct jinja *j, struct text_builder *builder, struct str bytes, bool untrusted)
{
    return append(j, builder, bytes, NULL, untrusted);
}

bool builder_slice(struct jinja *j, struct text_builder *builder, const struct text *text, size_t start, size_t end)
{
    const uint8_t *marks = text->marks ? text->marks + start : NULL;
    return append(j, builder, (struct str){text->ptr + start, end - start}, marks, text->untrusted);
}

bool builder_text(struct jinja *j, struct text_builder *builder, const struct text *text)
{
    return append(j, builder, text_str(text), text->marks, text->untrusted);
}

bool builder_code(struct jinja *j, struct text_builder *builder, uint32_t code, bool untrusted)
{
    char bytes[4];
    return append(j, builder, (struct str){bytes, utf8_encode(code, bytes)}, NULL, untrusted);
}

bool builder_hex(struct jinja *j, struct text_builder *builder, const char *prefix, uint32_t number, unsigned digits,
                 bool untrusted)
{
    char text[16];
    size_t n = strlen(prefix);
    memcpy(text, prefix, n);
    for (unsigned i = digits; i-- > 0;)
        text[n++] = "0123456789abcdef"[number >> (4 * i) & 15];
    return append(j, builder, (struct str){text, n}, NULL, untrusted);
}

bool builder_fill(struct jinja *j, struct text_builder *builder, uint32_t code, size_t count, bool untrusted)
{
    if (count > template_limits[BOUND_MEMORY].value)
        return jinja_exceeded(j, BOUND_MEMORY);
    if (code < 0x80 && count) {
        char block[64];
        memset(block, (int)code, sizeof block);
        for (; count > sizeof block; count -= sizeof block)
            if (!append(j, builder, (struct str){block, sizeof block}, NULL, untrusted))
                return false;
        return append(j, builder, (struct str){block, count}, NULL, untrusted);
    }
    for (; count; count--)
        if (!builder_code(j, builder, code, untrusted))
            return false;
    return true;
}

const struct text *builder_take(struct jinja *j, struct text_builder *builder)
{
    struct text *text = text_borrow(j, (struct str){builder->bytes, builder->len}, builder->untrusted);
    if (text)
        text->marks = builder->marks;
    return text;
}

const struct text *text_concat(struct jinja *j, const struct text *a, const struct text *b)
{
    if (!b->len)
        return a;
    if (!a->len)
        return b;
    struct text_builder *builder = a->tail; /* a text with a tail is a prefix of what is in there */
    if (!builder || builder->len != a->len || builder->cap - builder->len < b->len) {
        builder = machine_alloc(j, 1, sizeof *builder);
        if (!builder || !builder_text(j, builder, a))
            return NULL;
    }
    if (!builder_text(j, builder, b))
        return NULL;
    struct text *text = text_borrow(j, (struct str){builder->bytes, builder->len}, builder->untrusted);
    if (!text)
        return NULL;
    text->marks = builder->marks;
    text->tail = builder;
    text->markup = a->markup && b->markup;
    if (a->n_chars != SIZE_MAX && b->n_chars != SIZE_MAX)
        text->n_chars = a->n_chars + b->n_chars;
    return text;
}
