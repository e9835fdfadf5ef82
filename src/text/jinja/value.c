/* SPDX-License-Identifier: Apache-2.0
 *
 * What all values have in common: truth, equality, order, printing, walking.
 */
#include "text/jinja/jinja.h"

#include <stdio.h>

#include "text/jinja/char.h"

const char *kind_name(enum value_kind kind)
{
    static const char *const names[] = {
        [VALUE_ABSENT] = "nothing",     [VALUE_UNDEFINED] = "Undefined", [VALUE_NONE] = "None",
        [VALUE_BOOL] = "bool object",   [VALUE_INT] = "int object",      [VALUE_FLOAT] = "float object",
        [VALUE_STRING] = "str object",  [VALUE_LIST] = "list object",    [VALUE_TUPLE] = "tuple object",
        [VALUE_DICT] = "dict object",   [VALUE_VIEW] = "dict view",      [VALUE_ITERATOR] = "iterator",
        [VALUE_RANGE] = "range object", [VALUE_NAMESPACE] = "namespace", [VALUE_MACRO] = "macro",
        [VALUE_LOOP] = "loop",          [VALUE_FUNCTION] = "function",   [VALUE_METHOD] = "method",
        [VALUE_CYCLER] = "cycler",      [VALUE_JOINER] = "joiner",
    };
    return names[kind];
}

struct value value_undefined(enum undefined_flavor flavor, const struct text *key, enum value_kind of)
{
    return (struct value){.kind = VALUE_UNDEFINED, .flavor = (uint8_t)flavor, .of = (uint8_t)of, .as.text = key};
}

bool value_truth(struct value v)
{
    size_t n;
    switch (v.kind) {
    case VALUE_ABSENT:
    case VALUE_UNDEFINED:
    case VALUE_NONE:
        return false;
    case VALUE_BOOL:
        return v.as.boolean;
    case VALUE_INT:
        return v.as.integer != 0;
    case VALUE_FLOAT:
        return v.as.real != 0;
    case VALUE_LOOP:
        return true;
    default:
        return !value_length(v, &n) || n > 0;
    }
}

bool value_length(struct value v, size_t *n)
{
    switch (v.kind) {
    case VALUE_UNDEFINED:
        *n = 0;
        return true;
    case VALUE_STRING:
        *n = text_chars(v.as.text);
        return true;
    case VALUE_LIST:
    case VALUE_TUPLE:
        *n = v.as.list->n;
        return true;
    case VALUE_DICT:
    case VALUE_VIEW:
        *n = v.as.dict->n;
        return true;
    case VALUE_RANGE:
        *n = v.as.range->n;
        return true;
    default:
        return false;
    }
}

bool value_iterable(struct value v)
{
    size_t n;
    return v.kind == VALUE_ITERATOR || v.kind == VALUE_LOOP || value_length(v, &n);
}

/* ---- Equality and order ---- */

static bool equal_lists(struct jinja *j, const struct list *a, const struct list *b, bool *equal)
{
    *equal = a->n == b->n;
    for (size_t i = 0; *equal && i < a->n; i++)
        if (!value_equal(j, a->items[i], b->items[i], equal))
            return false;
    return true;
}

static bool equal_dicts(struct jinja *j, const struct dict *a, const struct dict *b, bool *equal)
{
    *equal = a->n == b->n;
    for (size_t i = 0; *equal && i < a->n; i++) {
        struct value other;
        if (!dict_get(j, b, a->entries[i].key, &other))
            return false;
        *equal = other.kind != VALUE_ABSENT;
        if (*equal && !value_equal(j, a->entries[i].value, other, equal))
            return false;
    }
    return true;
}

/* Ranges are equal as sequences. */
static bool equal_ranges(const struct range *a, const struct range *b)
{
    return a->n == b->n && (a->n == 0 || (a->start == b->start && (a->n == 1 || a->step == b->step)));
}

static bool equal_containers(struct jinja *j, struct value a, struct value b, bool *equal)
{
    switch (a.kind) {
    case VALUE_LIST:
    case VALUE_TUPLE:
        return a.as.list == b.as.list || equal_lists(j, a.as.list, b.as.list, equal);
    case VALUE_DICT:
        return a.as.dict == b.as.dict || equal_dicts(j, a.as.dict, b.as.dict, equal);
    case VALUE_RANGE:
        *equal = equal_ranges(a.as.range, b.as.range);
        return true;
    default: /* the same object */
        *equal = a.as.list == b.as.list;
        return true;
    }
}

bool value_equal(struct jinja *j, struct value a, struct value b, bool *equal)
{
    enum { COST = 16 };
    *equal = true;
    if (!jinja_work(j, 0, COST))
        return false;
    if (value_is_number(a) && value_is_number(b)) {
        *equal = number_compare(a, b) == 0;
        return true;
    }
    if (a.kind != b.kind) {
        *equal = false;
        return true;
    }
    if (a.kind == VALUE_UNDEFINED || a.kind == VALUE_NONE)
        return true;
    if (a.kind == VALUE_STRING) {
        *equal = str_eq(text_str(a.as.text), text_str(b.as.text));
        return jinja_work(j, 1, a.as.text->len == b.as.text->len ? a.as.text->len : 0);
    }
    if (!jinja_work(j, 1, 0) || !jinja_enter(j))
        return false;
    bool ok = equal_containers(j, a, b, equal);
    j->depth--;
    return ok;
}

static bool less_lists(struct jinja *j, const struct list *a, const struct list *b, bool *less)
{
    for (size_t i = 0; i < a->n && i < b->n; i++) {
        bool equal;
        if (!value_equal(j, a->items[i], b->items[i], &equal))
            return false;
        if (!equal) {
            if (!jinja_enter(j))
                return false;
            bool ok = value_less(j, a->items[i], b->items[i], less);
            j->depth--;
            return ok;
        }
    }
    *less = a->n < b->n;
    return true;
}

bool value_less(struct jinja *j, struct value a, struct value b, bool *less)
{
    if (!jinja_work(j, 1, 0))
        return false;
    if (value_is_number(a) && value_is_number(b)) {
        *less = number_compare(a, b) == -1;
        return true;
    }
    if (a.kind == VALUE_STRING && b.kind == VALUE_STRING) {
        *less = str_cmp(text_str(a.as.text), text_str(b.as.text)) < 0;
        return jinja_work(j, 0, a.as.text->len < b.as.text->len ? a.as.text->len : b.as.text->len);
    }
    if (a.kind == b.kind && (a.kind == VALUE_LIST || a.kind == VALUE_TUPLE))
        return less_lists(j, a.as.list, b.as.list, less);
    return jinja_fail_kinds(j, "'<' between", a, b);
}

static bool contains_text(struct jinja *j, struct value haystack, struct value needle, bool *found)
{
    if (needle.kind != VALUE_STRING)
        return jinja_fail(j, "'in' a string needs a string on its left side, not %s", kind_name(needle.kind));
    *found = str_find(text_str(haystack.as.text), text_str(needle.as.text), 0) != SIZE_MAX;
    return jinja_work(j, 1, haystack.as.text->len);
}

static bool range_contains(struct jinja *j, const struct range *range, struct value needle, bool *found)
{
    *found = false;
    for (size_t i = 0; value_is_number(needle) && !*found && i < range->n; i++)
        *found = number_compare(value_int(range->start + (int64_t)i * range->step), needle) == 0;
    return jinja_work(j, range->n / 8, 0);
}

bool value_contains(struct jinja *j, struct value haystack, struct value needle, bool *found)
{
    struct value other;
    *found = false;
    if (haystack.kind == VALUE_STRING)
        return contains_text(j, haystack, needle, found);
    if (haystack.kind == VALUE_DICT || (haystack.kind == VALUE_VIEW && haystack.flavor == VIEW_KEYS)) {
        if (!dict_get(j, haystack.as.dict, needle, &other))
            return false;
        *found = other.kind != VALUE_ABSENT;
        return true;
    }
    if (!value_iterable(haystack))
        return jinja_fail(j, "'in' needs something that can be walked, not %s", kind_name(haystack.kind));
    if (haystack.kind == VALUE_UNDEFINED)
        return true;
    if (haystack.kind == VALUE_RANGE)
        return range_contains(j, haystack.as.range, needle, found);
    struct list *items = value_list(j, haystack);
    for (size_t i = 0; items && !*found && i < items->n; i++)
        if (!value_equal(j, items->items[i], needle, found))
            return false;
    return items != NULL;
}

/* ---- Printing ---- */

static bool write_c(struct jinja *j, struct text_builder *out, const char *text)
{
    return builder_bytes(j, out, str_of(text), false);
}

/* What stands for a character in a Python literal; nothing for one that stands for itself. */
static bool write_escape(struct jinja *j, struct text_builder *out, uint32_t c, char quote, bool mark)
{
    static const char from[] = "\n\r\t\\", to[] = "nrt\\";
    const char *simple = c && c < 0x80 ? strchr(from, (int)c) : NULL;
    if (simple || c == (uint32_t)quote) {
        char escape[2] = {'\\', simple ? to[simple - from] : quote};
        return builder_bytes(j, out, (struct str){escape, 2}, mark);
    }
    return c < 0x100     ? builder_hex(j, out, "\\x", c, 2, mark)
           : c < 0x10000 ? builder_hex(j, out, "\\u", c, 4, mark)
                         : builder_hex(j, out, "\\U", c, 8, mark);
}

/* A string as a Python literal. */
static bool write_quoted(struct jinja *j, struct text_builder *out, const struct text *text)
{
    struct str s = text_str(text);
    bool has_single = memchr(s.ptr, '\'', s.len) != NULL, has_double = memchr(s.ptr, '"', s.len) != NULL;
    char quote = has_single && !has_double ? '"' : '\'';
    size_t done = 0;
    if ((text->markup && !write_c(j, out, "Markup(")) || !builder_code(j, out, (uint32_t)quote, false) ||
        !jinja_work(j, 0, s.len))
        return false;
    unsigned size;
    for (size_t at = 0; at < s.len; at += size) {
        uint32_t c = (uint32_t)utf8_decode(s, at, &size);
        if (c != (uint32_t)quote && c != '\\' && char_is_printable(c))
            continue;
        if (!builder_slice(j, out, text, done, at) || !write_escape(j, out, c, quote, text_mark(text, at)))
            return false;
        done = at + size;
    }
    return builder_slice(j, out, text, done, s.len) && builder_code(j, out, (uint32_t)quote, false) &&
           (!text->markup || write_c(j, out, ")"));
}

static bool write_list(struct jinja *j, struct text_builder *out, const struct list *list, const char *open,
                       const char *close)
{
    if (!write_c(j, out, open))
        return false;
    for (size_t i = 0; i < list->n; i++)
        if ((i && !write_c(j, out, ", ")) || !value_write(j, out, list->items[i], true))
            return false;
    return (*close != ')' || list->n != 1 || write_c(j, out, ",")) && write_c(j, out, close);
}

static bool write_dict(struct jinja *j, struct text_builder *out, const struct dict *dict)
{
    if (!write_c(j, out, "{"))
        return false;
    for (size_t i = 0; i < dict->n; i++)
        if ((i && !write_c(j, out, ", ")) || !value_write(j, out, dict->entries[i].key, true) ||
            !write_c(j, out, ": ") || !value_write(j, out, dict->entries[i].value, true))
            return false;
    return write_c(j, out, "}");
}

static bool write_view(struct jinja *j, struct text_builder *out, struct value view)
{
    static const char *const names[] = {
        [VIEW_KEYS] = "dict_keys(", [VIEW_VALUES] = "dict_values(", [VIEW_ITEMS] = "dict_items("};
    struct list *items = value_list(j, view);
    return items && write_c(j, out, names[view.flavor]) && write_list(j, out, items, "[", "]") && write_c(j, out, ")");
}

static bool write_container(struct jinja *j, struct text_builder *out, struct value v)
{
    char text[96];
    switch (v.kind) {
    case VALUE_LIST:
        return write_list(j, out, v.as.list, "[", "]");
    case VALUE_TUPLE:
        return write_list(j, out, v.as.list, "(", ")");
    case VALUE_DICT:
        return write_dict(j, out, v.as.dict);
    case VALUE_VIEW:
        return write_view(j, out, v);
    case VALUE_NAMESPACE:
        return write_c(j, out, "<Namespace ") && write_dict(j, out, v.as.dict) && write_c(j, out, ">");
    case VALUE_RANGE:
        snprintf(text, sizeof text, v.as.range->step == 1 ? "range(%lld, %lld)" : "range(%lld, %lld, %lld)",
                 (long long)v.as.range->start, (long long)v.as.range->stop, (long long)v.as.range->step);
        return write_c(j, out, text);
    case VALUE_MACRO:
        if (!v.as.macro->name)
            return write_c(j, out, "<Macro anonymous>");
        return write_c(j, out, "<Macro ") && write_quoted(j, out, v.as.macro->name) && write_c(j, out, ">");
    default:
        snprintf(text, sizeof text, "<%s>", kind_name(v.kind));
        return write_c(j, out, text);
    }
}

bool value_write(struct jinja *j, struct text_builder *out, struct value v, bool repr)
{
    char text[40];
    switch (v.kind) {
    case VALUE_ABSENT:
        return true;
    case VALUE_UNDEFINED:
        return !repr || write_c(j, out, "Undefined");
    case VALUE_NONE:
        return write_c(j, out, "None");
    case VALUE_BOOL:
        return write_c(j, out, v.as.boolean ? "True" : "False");
    case VALUE_INT:
        integer_repr(v.as.integer, text);
        return write_c(j, out, text);
    case VALUE_FLOAT:
        float_repr(v.as.real, text);
        return jinja_work(j, FLOAT_COST, 0) && write_c(j, out, text);
    case VALUE_STRING:
        return repr ? write_quoted(j, out, v.as.text) : builder_text(j, out, v.as.text);
    default:
        break;
    }
    if (!jinja_work(j, 1, 0) || !jinja_enter(j))
        return false;
    bool ok = write_container(j, out, v);
    j->depth--;
    return ok;
}

const struct text *value_str(struct jinja *j, struct value v)
{
    if (v.kind == VALUE_STRING)
        return v.as.text;
    struct text_builder builder = {0};
    return value_write(j, &builder, v, false) ? builder_take(j, &builder) : NULL;
}

/* ---- Walking ---- */

bool value_item(struct jinja *j, struct value v, size_t i, struct value *out)
{
    if (v.kind == VALUE_RANGE) {
        *out = value_int(v.as.range->start + (int64_t)i * v.as.range->step);
        return true;
    }
    if (v.kind != VALUE_STRING) {
        *out = v.as.list->items[i];
        return true;
    }
    const struct text *text = v.as.text;
    bool ascii = text_chars(text) == text->len;
    if (!jinja_work(j, 0, ascii ? 0 : text->len))
        return false;
    size_t start = text_offset(text, i), end = start + 1;
    while (end < text->len && ((unsigned char)text->ptr[end] & 0xc0) == 0x80)
        end++;
    const struct text *slice = text_slice(j, text, start, end);
    *out = value_text(slice);
    return slice != NULL;
}

static bool list_characters(struct jinja *j, struct list *list, const struct text *text)
{
    for (size_t start = 0, end; start < text->len; start = end) {
        for (end = start + 1; end < text->len && ((unsigned char)text->ptr[end] & 0xc0) == 0x80;)
            end++;
        struct text *slice = text_borrow(j, (struct str){text->ptr + start, end - start}, text_mark(text, start));
        if (!slice || !list_add(j, list, value_text(slice)))
            return false;
    }
    return true;
}

static bool list_dict(struct jinja *j, struct list *list, const struct dict *dict, unsigned flavor)
{
    for (size_t i = 0; i < dict->n; i++) {
        struct value item = flavor == VIEW_VALUES ? dict->entries[i].value : dict->entries[i].key;
        if (flavor == VIEW_ITEMS) {
            struct list *pair = list_new(j, 2);
            if (!pair || !list_add(j, pair, item) || !list_add(j, pair, dict->entries[i].value))
                return false;
            item = (struct value){.kind = VALUE_TUPLE, .as.list = pair};
        }
        if (!list_add(j, list, item))
            return false;
    }
    return true;
}

static bool list_sequence(struct jinja *j, struct list *list, struct value v)
{
    size_t n = 0;
    value_length(v, &n);
    for (size_t i = 0; i < n; i++) {
        struct value item;
        if (!value_item(j, v, i, &item) || !list_add(j, list, item))
            return false;
    }
    return true;
}

struct list *value_list(struct jinja *j, struct value v)
{
    size_t n = 0;
    if (v.kind == VALUE_LIST || v.kind == VALUE_TUPLE)
        return v.as.list;
    if (v.kind == VALUE_ITERATOR) { /* what is left of it */
        struct list *all = iterator_list(j, v.as.iterator), *rest = all ? list_new(j, 0) : NULL;
        size_t at = v.as.iterator->at;
        if (rest && at < all->n) {
            rest->items = all->items + at;
            rest->n = rest->cap = all->n - at;
            v.as.iterator->at = all->n;
        }
        return rest;
    }
    if (!value_length(v, &n)) {
        jinja_fail(j, "%s is not iterable", kind_name(v.kind));
        return NULL;
    }
    struct list *list = jinja_work(j, n, 0) ? list_new(j, n) : NULL;
    if (!list)
        return NULL;
    bool ok = true;
    if (v.kind == VALUE_STRING)
        ok = list_characters(j, list, v.as.text);
    else if (v.kind == VALUE_DICT || v.kind == VALUE_VIEW)
        ok = list_dict(j, list, v.as.dict, v.kind == VALUE_DICT ? VIEW_KEYS : v.flavor);
    else if (v.kind != VALUE_UNDEFINED)
        ok = list_sequence(j, list, v);
    return ok ? list : NULL;
}
