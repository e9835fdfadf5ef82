/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON (RFC 8259), parsed by jansson.
 */
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"

enum { MAX_WRITE_DEPTH = 256 };

/* Where the number that starts at `at` ends, and whether it is an integer that int64_t cannot hold. */
static size_t skip_number(struct str text, size_t at, bool *too_big)
{
    size_t start = at;
    bool integer = true;
    for (; at < text.len && byte_in(text.ptr[at], "+-.eE0123456789"); at++)
        integer = integer && text.ptr[at] != '.' && (text.ptr[at] | 0x20) != 'e';
    bool negative = text.ptr[start] == '-';
    struct str digits = {text.ptr + start + negative, at - start - negative};
    struct str most = negative ? STR("9223372036854775808") : STR("9223372036854775807");
    *too_big = integer && (digits.len > most.len || (digits.len == most.len && str_cmp(digits, most) > 0));
    return at;
}

/* Where the string that starts at the quote `at` ends. */
static size_t skip_string(struct str text, size_t at)
{
    for (at++; at < text.len && text.ptr[at] != '"'; at++)
        if (text.ptr[at] == '\\')
            at++;
    return at < text.len ? at + 1 : text.len;
}

/* Looks over the text before jansson sees it, because jansson recurses deeper than we allow and has no integers past
 * int64_t. With `wide` they get a ".0" and become reals, in `widened`, which stays empty when there are none. */
static bool scan(struct str text, const char *name, bool wide, struct buf *widened, struct hob_error *err)
{
    size_t copied = 0;
    unsigned depth = 0;
    for (size_t at = 0; at < text.len;) {
        char c = text.ptr[at];
        if (c == '"') {
            at = skip_string(text, at);
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            bool too_big;
            size_t start = at;
            at = skip_number(text, at, &too_big);
            if (too_big && !wide)
                return error_set(err, HOB_FORMAT, "%s: byte %zu: the integer %.*s%s does not fit in 64 bits", name,
                                 start, (int)(at - start < 40 ? at - start : 40), text.ptr + start,
                                 at - start < 40 ? "" : "...");
            if (too_big) {
                buf_add(widened, text.ptr + copied, at - copied);
                buf_str(widened, STR(".0"));
                copied = at;
            }
        } else {
            if (c == '[' || c == '{')
                depth++;
            else if ((c == ']' || c == '}') && depth)
                depth--;
            if (depth > JSON_MAX_DEPTH)
                return error_set(err, HOB_FORMAT, "%s: byte %zu: JSON is nested deeper than %d", name, at,
                                 JSON_MAX_DEPTH);
            at++;
        }
    }
    if (copied)
        buf_add(widened, text.ptr + copied, text.len - copied);
    return !widened->failed || error_memory(err, text.len);
}

static json_t *read_value(struct str text, const char *name, bool wide, struct hob_error *err)
{
    if (str_starts(text, STR("\xef\xbb\xbf"))) {
        text.ptr += 3;
        text.len -= 3;
    }
    struct buf widened = {0};
    json_t *value = NULL;
    if (scan(text, name, wide, &widened, err)) {
        struct str source = widened.len ? buf_view(&widened) : text;
        json_error_t failure;
        value = json_loadb(source.len ? source.ptr : "", source.len,
                           JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &failure);
        if (!value)
            error_set(err, json_error_code(&failure) == json_error_out_of_memory ? HOB_LIMIT : HOB_FORMAT,
                      "%s: line %d, column %d: %s", name, failure.line, failure.column, failure.text);
    }
    buf_clear(&widened);
    return value;
}

json_t *json_read(struct str text, const char *name, struct hob_error *err)
{
    return read_value(text, name, false, err);
}

json_t *json_read_wide(struct str text, const char *name, struct hob_error *err)
{
    return read_value(text, name, true, err);
}

json_t *json_read_file(const char *path, size_t max, struct hob_error *err)
{
    struct buf text = {0};
    json_t *value = NULL;
    if (file_load(path, max, &text, err))
        value = json_read(buf_view(&text), strcmp(path, "-") == 0 ? "standard input" : path, err);
    buf_clear(&text);
    return value;
}

static void write_string(struct str s, struct buf *out)
{
    buf_byte(out, '"');
    size_t copied = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
            continue;
        buf_add(out, s.ptr + copied, i - copied);
        copied = i + 1;
        if (c == '"' || c == '\\')
            buf_format(out, "\\%c", c);
        else if (c == '\n' || c == '\r' || c == '\t')
            buf_format(out, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else
            buf_format(out, "\\u%04x", c);
    }
    buf_add(out, s.ptr + copied, s.len - copied);
    buf_byte(out, '"');
}

/* The shortest of %.15g to %.17g that reads back the same; with ".0" where it would read back as an integer. */
static bool write_real(double value, struct buf *out)
{
    if (!isfinite(value))
        return false;
    char text[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof(text), "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    /* A locale may have another decimal point. */
    size_t len = strcspn(text, ",");
    if (text[len])
        text[len] = '.';
    buf_str(out, str_of(text));
    return strpbrk(text, ".e") ? true : buf_str(out, STR(".0"));
}

static bool write_value(const json_t *value, unsigned depth, struct buf *out)
{
    if (depth > MAX_WRITE_DEPTH)
        return false;
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT: {
        bool good = buf_byte(out, '{'), first = true;
        void *iter = json_object_iter((json_t *)(uintptr_t)value);
        for (; good && iter; iter = json_object_iter_next((json_t *)(uintptr_t)value, iter), first = false) {
            if (!first)
                buf_byte(out, ',');
            write_string((struct str){json_object_iter_key(iter), json_object_iter_key_len(iter)}, out);
            buf_byte(out, ':');
            good = write_value(json_object_iter_value(iter), depth + 1, out);
        }
        return good && buf_byte(out, '}');
    }
    case JSON_ARRAY: {
        bool good = buf_byte(out, '[');
        for (size_t i = 0; good && i < json_array_size(value); i++) {
            if (i)
                buf_byte(out, ',');
            good = write_value(json_array_get(value, i), depth + 1, out);
        }
        return good && buf_byte(out, ']');
    }
    case JSON_STRING:
        write_string(json_span(value), out);
        return !out->failed;
    case JSON_INTEGER:
        return buf_format(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL:
        return write_real(json_real_value(value), out);
    case JSON_TRUE:
        return buf_str(out, STR("true"));
    case JSON_FALSE:
        return buf_str(out, STR("false"));
    case JSON_NULL:
        break;
    }
    return buf_str(out, STR("null"));
}

bool json_write(const json_t *value, struct buf *out)
{
    return write_value(value, 0, out);
}

json_t *json_bytes(struct str text)
{
    if (utf8_valid(text))
        return json_stringn_nocheck(text.len ? text.ptr : "", text.len);
    struct buf clean = {0};
    for (size_t at = 0; at < text.len;) {
        unsigned size;
        if (utf8_decode(text, at, &size) < 0)
            buf_str(&clean, STR("\xef\xbf\xbd"));
        else
            buf_add(&clean, text.ptr + at, size);
        at += size;
    }
    json_t *value = clean.failed ? NULL : json_stringn_nocheck(clean.ptr, clean.len);
    buf_clear(&clean);
    return value;
}

struct str json_span(const json_t *value)
{
    return json_is_string(value) ? (struct str){json_string_value(value), json_string_length(value)} : STR("");
}
