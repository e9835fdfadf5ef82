/* SPDX-License-Identifier: Apache-2.0
 *
 * What Python's str does, on texts with their origin.
 */
#include "text/jinja/strings.h"

const struct text *string_like(struct jinja *j, const struct text *text, const struct text *model)
{
    if (!text || text->markup == model->markup)
        return text;
    struct text *copy = machine_alloc(j, 1, sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *text;
    copy->markup = model->markup;
    copy->tail = NULL;
    return copy;
}

static const struct text *take(struct jinja *j, struct text_builder *builder, const struct text *model)
{
    return string_like(j, builder_take(j, builder), model);
}

/* The code point that ends at byte `end`, and where it starts. */
static uint32_t code_before(const struct text *text, size_t end, size_t *start)
{
    unsigned size;
    *start = end - 1;
    while (*start > 0 && ((unsigned char)text->ptr[*start] & 0xc0) == 0x80)
        --*start;
    return (uint32_t)utf8_decode(text_str(text), *start, &size);
}

static bool in_set(uint32_t c, const struct text *chars)
{
    if (!chars)
        return char_is_space(c);
    unsigned size;
    for (size_t at = 0; at < chars->len; at += size)
        if ((uint32_t)utf8_decode(text_str(chars), at, &size) == c)
            return true;
    return false;
}

const struct text *string_strip(struct jinja *j, const struct text *text, const struct text *chars, int sides)
{
    size_t start = 0, end = text->len, before, cost = chars ? chars->len * 8 : 16; /* of looking at one character */
    unsigned size;
    for (; (sides & STRIP_LEFT) && start < end; start += size) {
        if (!in_set((uint32_t)utf8_decode(text_str(text), start, &size), chars))
            break;
        if (!jinja_work(j, 0, cost + 16))
            return NULL;
    }
    for (; (sides & STRIP_RIGHT) && end > start; end = before) {
        if (!in_set(code_before(text, end, &before), chars))
            break;
        if (!jinja_work(j, 0, cost + 16))
            return NULL;
    }
    return text_slice(j, text, start, end);
}

/* ---- Case ---- */

/* Whether the capital sigma at `at` ends a word: a cased letter before it, none behind, looking through ignorables. */
static bool is_final_sigma(const struct text *text, size_t at)
{
    size_t i = at;
    uint32_t c = 0;
    while (i > 0 && char_is_case_ignorable(c = code_before(text, i, &i)))
        ;
    if (i == at || char_is_case_ignorable(c) || !char_is_cased(c))
        return false;
    unsigned size = 2;
    for (i = at + size; i < text->len; i += size) {
        c = (uint32_t)utf8_decode(text_str(text), i, &size);
        if (!char_is_case_ignorable(c))
            return !char_is_cased(c);
    }
    return true;
}

bool string_append_case(struct jinja *j, struct text_builder *out, const struct text *text, size_t start, size_t end,
                        enum char_case to)
{
    unsigned size;
    if (!jinja_work(j, 0, (end - start) * 8))
        return false;
    for (size_t at = start; at < end; at += size) {
        uint32_t c = (uint32_t)utf8_decode(text_str(text), at, &size), mapped[4];
        unsigned n = char_map(c, to, mapped);
        if (c == 0x3a3 && to == CASE_LOWER)
            mapped[0] = is_final_sigma(text, at) ? 0x3c2 : 0x3c3;
        for (unsigned i = 0; i < n; i++)
            if (!builder_code(j, out, mapped[i], text_mark(text, at)))
                return false;
    }
    return true;
}

const struct text *string_map(struct jinja *j, const struct text *text, enum char_case to)
{
    struct text_builder out = {0};
    return string_append_case(j, &out, text, 0, text->len, to) ? take(j, &out, text) : NULL;
}

const struct text *string_capitalize(struct jinja *j, const struct text *text)
{
    struct text_builder out = {0};
    unsigned size = 0;
    if (text->len)
        utf8_decode(text_str(text), 0, &size);
    if (!string_append_case(j, &out, text, 0, size, CASE_TITLE) ||
        !string_append_case(j, &out, text, size, text->len, CASE_LOWER))
        return NULL;
    return take(j, &out, text);
}

const struct text *string_title(struct jinja *j, const struct text *text)
{
    struct text_builder out = {0};
    bool in_word = false;
    unsigned size;
    for (size_t at = 0; at < text->len; at += size) {
        uint32_t c = (uint32_t)utf8_decode(text_str(text), at, &size);
        if (!string_append_case(j, &out, text, at, at + size, in_word ? CASE_LOWER : CASE_TITLE))
            return NULL;
        in_word = char_is_cased(c);
    }
    return take(j, &out, text);
}

const struct text *string_swapcase(struct jinja *j, const struct text *text)
{
    struct text_builder out = {0};
    unsigned size;
    for (size_t at = 0; at < text->len; at += size) {
        uint32_t c = (uint32_t)utf8_decode(text_str(text), at, &size);
        bool ok = char_is_upper(c)   ? string_append_case(j, &out, text, at, at + size, CASE_LOWER)
                  : char_is_lower(c) ? string_append_case(j, &out, text, at, at + size, CASE_UPPER)
                                     : builder_slice(j, &out, text, at, at + size);
        if (!ok)
            return NULL;
    }
    return take(j, &out, text);
}

bool string_is_case(const struct text *text, bool upper)
{
    bool any = false;
    unsigned size;
    for (size_t at = 0; at < text->len; at += size) {
        uint32_t c = (uint32_t)utf8_decode(text_str(text), at, &size);
        bool is = upper ? char_is_upper(c) : char_is_lower(c);
        if (!is && char_is_cased(c))
            return false;
        any |= is;
    }
    return any;
}

/* ---- Searching ---- */

/* The last position of `needle` that ends at or before `end`, or SIZE_MAX. */
static size_t find_last(struct str s, struct str needle, size_t end)
{
    if (needle.len > end)
        return SIZE_MAX;
    for (size_t at = end - needle.len + 1; at-- > 0;)
        if (memcmp(s.ptr + at, needle.ptr, needle.len) == 0)
            return at;
    return SIZE_MAX;
}

/* Searching backwards compares at each place; a long needle may cost its length there. */
static bool work_backwards(struct jinja *j, const struct text *text, const struct text *needle)
{
    return jinja_work(j, (text->len / 64 + 1) * (needle->len / 64 + 1), 0);
}

/* A character index as slices mean it, as a byte offset; SIZE_MAX past the end. */
static bool slice_offset(struct jinja *j, const struct text *text, struct value v, size_t fallback, size_t *offset)
{
    *offset = fallback;
    if (v.kind == VALUE_ABSENT || v.kind == VALUE_NONE)
        return true;
    if (v.kind != VALUE_INT && v.kind != VALUE_BOOL)
        return v.kind == VALUE_UNDEFINED ? jinja_fail_undefined(j, v)
                                         : jinja_fail(j, "a position must be an integer, not %s", kind_name(v.kind));
    int64_t at = value_integer(v), n = (int64_t)text_chars(text);
    if (at < 0)
        at = at < -n ? 0 : at + n;
    *offset = at > n ? SIZE_MAX : text_offset(text, (size_t)at);
    return jinja_work(j, 0, text->len);
}

bool string_range(struct jinja *j, const struct text *text, struct value start, struct value end,
                  struct byte_range *range)
{
    if (!slice_offset(j, text, start, 0, &range->from) || !slice_offset(j, text, end, text->len, &range->to))
        return false;
    if (range->to > text->len)
        range->to = text->len;
    range->exists = range->from <= range->to;
    return true;
}

bool string_find(struct jinja *j, const struct text *text, const struct text *needle, const struct byte_range *range,
                 bool last, size_t *at)
{
    *at = SIZE_MAX;
    if (!range->exists)
        return true;
    struct str part = {text->ptr, range->to};
    if (last && !work_backwards(j, text, needle))
        return false;
    *at = last ? find_last(part, text_str(needle), range->to) : str_find(part, text_str(needle), range->from);
    if (*at != SIZE_MAX && *at < range->from)
        *at = SIZE_MAX;
    return jinja_work(j, 1, text->len);
}

/* Puts `new` before each of the first characters, and behind the last one. */
static const struct text *replace_between(struct jinja *j, const struct text *text, const struct text *new,
                                          int64_t count)
{
    struct text_builder out = {0};
    unsigned size;
    size_t at = 0;
    for (; at < text->len && count != 0; at += size, count--) {
        utf8_decode(text_str(text), at, &size);
        if (!jinja_work(j, 1, 0) || !builder_text(j, &out, new) || !builder_slice(j, &out, text, at, at + size))
            return NULL;
    }
    if (at == text->len && count != 0 && !builder_text(j, &out, new))
        return NULL;
    return builder_slice(j, &out, text, at, text->len) ? take(j, &out, text) : NULL;
}

const struct text *string_replace(struct jinja *j, const struct text *text, const struct text *old,
                                  const struct text *new, int64_t count)
{
    struct text_builder out = {0};
    size_t at = 0, found = 0;
    if (!jinja_work(j, 0, text->len))
        return NULL;
    if (!old->len)
        return replace_between(j, text, new, count);
    while (count-- != 0 && (found = str_find(text_str(text), text_str(old), at)) != SIZE_MAX) {
        if (!jinja_work(j, 1, 0) || !builder_slice(j, &out, text, at, found) || !builder_text(j, &out, new))
            return NULL;
        at = found + old->len;
    }
    if (!at)
        return text;
    return builder_slice(j, &out, text, at, text->len) ? take(j, &out, text) : NULL;
}

/* ---- Cutting ---- */

static bool add_piece(struct jinja *j, struct list *list, const struct text *text, size_t start, size_t end)
{
    const struct text *piece = jinja_work(j, 1, 0) ? text_slice(j, text, start, end) : NULL;
    return piece && list_add(j, list, value_text(piece));
}

static size_t skip(const struct text *text, size_t at, bool spaces)
{
    unsigned size;
    while (at < text->len && char_is_space((uint32_t)utf8_decode(text_str(text), at, &size)) == spaces)
        at += size;
    return at;
}

static size_t skip_back(const struct text *text, size_t end, bool spaces)
{
    size_t start;
    while (end > 0 && char_is_space(code_before(text, end, &start)) == spaces)
        end = start;
    return end;
}

static bool split_words(struct jinja *j, struct list *list, const struct text *text, int64_t limit)
{
    for (size_t at = skip(text, 0, true); at < text->len;) {
        size_t end = skip(text, at, false);
        if (limit-- == 0) {
            return add_piece(j, list, text, at, text->len);
        }
        if (!add_piece(j, list, text, at, end))
            return false;
        at = skip(text, end, true);
    }
    return true;
}

static bool split_at(struct jinja *j, struct list *list, const struct text *text, const struct text *separator,
                     int64_t limit)
{
    size_t at = 0, found;
    while (limit-- != 0 && (found = str_find(text_str(text), text_str(separator), at)) != SIZE_MAX) {
        if (!add_piece(j, list, text, at, found))
            return false;
        at = found + separator->len;
    }
    return add_piece(j, list, text, at, text->len);
}

static bool rsplit_words(struct jinja *j, struct list *list, const struct text *text, int64_t limit)
{
    for (size_t end = skip_back(text, text->len, true); end > 0;) {
        size_t start = skip_back(text, end, false);
        if (limit-- == 0)
            return add_piece(j, list, text, 0, end);
        if (!add_piece(j, list, text, start, end))
            return false;
        end = skip_back(text, start, true);
    }
    return true;
}

static bool rsplit_at(struct jinja *j, struct list *list, const struct text *text, const struct text *separator,
                      int64_t limit)
{
    size_t end = text->len, found;
    if (!work_backwards(j, text, separator))
        return false;
    while (limit-- != 0 && (found = find_last(text_str(text), text_str(separator), end)) != SIZE_MAX) {
        if (!add_piece(j, list, text, found + separator->len, end))
            return false;
        end = found;
    }
    return add_piece(j, list, text, 0, end);
}

struct list *string_split(struct jinja *j, const struct text *text, const struct text *separator, int64_t limit,
                          bool right)
{
    struct list *list = list_new(j, 0);
    bool ok;
    if (!list || !jinja_work(j, 0, text->len * 4))
        return NULL;
    if (separator && !separator->len) {
        jinja_fail(j, "empty separator");
        return NULL;
    }
    if (limit < 0 || !right) {
        ok = separator ? split_at(j, list, text, separator, limit) : split_words(j, list, text, limit);
        return ok ? list : NULL;
    }
    ok = separator ? rsplit_at(j, list, text, separator, limit) : rsplit_words(j, list, text, limit);
    for (size_t a = 0, b = list->n; ok && a + 1 < b; a++) { /* they came from the end */
        struct value swap = list->items[a];
        list->items[a] = list->items[--b];
        list->items[b] = swap;
    }
    return ok ? list : NULL;
}

static bool is_line_end(uint32_t c)
{
    return (c >= 0xa && c <= 0xd) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

struct list *string_lines(struct jinja *j, const struct text *text, bool keep_ends)
{
    struct list *list = list_new(j, 0);
    unsigned size;
    if (!list || !jinja_work(j, 0, text->len * 4))
        return NULL;
    size_t start = 0;
    for (size_t at = 0; at < text->len; at += size) {
        uint32_t c = (uint32_t)utf8_decode(text_str(text), at, &size);
        if (!is_line_end(c))
            continue;
        if (c == '\r' && at + 1 < text->len && text->ptr[at + 1] == '\n')
            size = 2;
        if (!add_piece(j, list, text, start, keep_ends ? at + size : at))
            return NULL;
        start = at + size;
    }
    return start == text->len || add_piece(j, list, text, start, text->len) ? list : NULL;
}

/* ---- Putting together ---- */

/* An item of a join as a text. Markup joins everything, and escapes what is not markup. */
static const struct text *join_item(struct jinja *j, const struct text *separator, struct value item, bool convert)
{
    bool escape = separator->markup && !convert;
    if (item.kind != VALUE_STRING && !convert && !escape) {
        jinja_fail(j, "join() needs strings, found %s", kind_name(item.kind));
        return NULL;
    }
    const struct text *text = value_str(j, item);
    return text && escape && !text->markup ? jinja_escape(j, text) : text;
}

const struct text *string_join(struct jinja *j, const struct text *separator, const struct list *items, bool convert)
{
    static const struct text plain = {.ptr = ""};
    struct text_builder out = {0};
    for (size_t i = 0; i < items->n; i++) {
        const struct text *text = jinja_work(j, 1, 0) ? join_item(j, separator, items->items[i], convert) : NULL;
        if (!text || (i && !builder_text(j, &out, separator)) || !builder_text(j, &out, text))
            return NULL;
    }
    return take(j, &out, convert ? &plain : separator);
}

const struct text *string_pad(struct jinja *j, const struct text *text, int64_t width, uint32_t fill, char align)
{
    int64_t n = (int64_t)text_chars(text);
    if (width <= n)
        return text;
    size_t total = (size_t)(width - n), left = 0;
    if (align == '>')
        left = total;
    else if (align == '^') /* Python's rule for the odd one */
        left = total / 2 + (total & (size_t)width & 1);
    struct text_builder out = {0};
    if (!builder_fill(j, &out, fill, left, false) || !builder_text(j, &out, text) ||
        !builder_fill(j, &out, fill, total - left, false))
        return NULL;
    return take(j, &out, text);
}

const struct text *string_zfill(struct jinja *j, const struct text *text, int64_t width)
{
    int64_t n = (int64_t)text_chars(text);
    size_t sign = text->len && (text->ptr[0] == '-' || text->ptr[0] == '+');
    if (width <= n)
        return text;
    struct text_builder out = {0};
    if (!builder_slice(j, &out, text, 0, sign) || !builder_fill(j, &out, '0', (size_t)(width - n), false) ||
        !builder_slice(j, &out, text, sign, text->len))
        return NULL;
    return take(j, &out, text);
}
