/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON to values, and values to JSON as Python's json.dumps() writes it.
 */
#include "text/jinja/jinja.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool jinja_from_json(struct jinja *j, const json_t *json, bool untrusted, struct value *out)
{
    bool ok = true;
    if (!jinja_enter(j))
        return false;
    *out = value_none();
    if (json_is_string(json)) {
        *out = value_text(text_borrow(j, json_span(json), untrusted));
        ok = out->as.text != NULL;
    } else if (json_is_integer(json)) {
        *out = value_int(json_integer_value(json));
    } else if (json_is_real(json)) {
        *out = value_float(json_real_value(json));
    } else if (json_is_boolean(json)) {
        *out = value_bool(json_is_true(json));
    } else if (json_is_array(json)) {
        size_t n = json_array_size(json);
        struct list *list = list_new(j, n);
        ok = list != NULL;
        for (size_t i = 0; ok && i < n; i++) {
            struct value item;
            ok = jinja_from_json(j, json_array_get(json, i), untrusted, &item) && list_add(j, list, item);
        }
        *out = (struct value){.kind = VALUE_LIST, .as.list = list};
    } else if (json_is_object(json)) {
        struct dict *dict = dict_new(j, json_object_size(json));
        ok = dict != NULL;
        for (void *at = json_object_iter((json_t *)json); ok && at; at = json_object_iter_next((json_t *)json, at)) {
            struct str key = {json_object_iter_key(at), json_object_iter_key_len(at)};
            struct text *name = text_borrow(j, key, untrusted);
            struct value item;
            ok = name && jinja_from_json(j, json_object_iter_value(at), untrusted, &item) &&
                 dict_set(j, dict, value_text(name), item);
        }
        *out = (struct value){.kind = VALUE_DICT, .as.dict = dict};
    }
    j->depth--;
    return ok;
}

/* One writing. */
struct writer {
    struct text_builder *out;
    const struct json_style *style;
    unsigned level;
};

static bool write_value(struct jinja *j, struct writer *w, struct value v);

static bool write_c(struct jinja *j, struct writer *w, const char *text)
{
    return builder_bytes(j, w->out, str_of(text), false);
}

/* The escape of a character that needs one. */
static bool write_escape(struct jinja *j, struct writer *w, uint32_t c, bool mark)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *simple = c && c < 0x80 ? strchr(from, (int)c) : NULL;
    if (simple)
        return builder_bytes(j, w->out, (struct str){(char[]){'\\', to[simple - from]}, 2}, mark);
    if (c < 0x10000)
        return builder_hex(j, w->out, "\\u", c, 4, mark);
    return builder_hex(j, w->out, "\\u", 0xd7c0 + (c >> 10), 4, mark) &&
           builder_hex(j, w->out, "\\u", 0xdc00 + (c & 0x3ff), 4, mark);
}

/* A string; what its bytes become is of the same origin. */
static bool write_string(struct jinja *j, struct writer *w, const struct text *text)
{
    struct str s = text_str(text);
    size_t done = 0;
    unsigned size;
    if (!write_c(j, w, "\"") || !jinja_work(j, 0, s.len))
        return false;
    for (size_t at = 0; at < s.len; at += size) {
        unsigned char byte = (unsigned char)s.ptr[at];
        size = 1;
        if (byte < 0x80 ? byte >= 0x20 && byte != '"' && byte != '\\' : !w->style->ascii)
            continue;
        uint32_t c = (uint32_t)utf8_decode(s, at, &size);
        if (!builder_slice(j, w->out, text, done, at) || !write_escape(j, w, c, text_mark(text, at)))
            return false;
        done = at + size;
    }
    return builder_slice(j, w->out, text, done, s.len) && write_c(j, w, "\"");
}

static bool write_number(struct jinja *j, struct writer *w, struct value v)
{
    char text[40];
    if (v.kind == VALUE_INT)
        integer_repr(v.as.integer, text);
    else if (isnan(v.as.real))
        return write_c(j, w, "NaN");
    else if (isinf(v.as.real))
        return write_c(j, w, v.as.real < 0 ? "-Infinity" : "Infinity");
    else if (float_repr(v.as.real, text), !jinja_work(j, FLOAT_COST, 0))
        return false;
    return write_c(j, w, text);
}

/* A new line of a pretty writing. */
static bool new_line(struct jinja *j, struct writer *w)
{
    if (!w->style->indent)
        return true;
    if (!write_c(j, w, "\n"))
        return false;
    for (unsigned i = 0; i < w->level; i++)
        if (!builder_text(j, w->out, w->style->indent))
            return false;
    return true;
}

static bool write_list(struct jinja *j, struct writer *w, const struct list *list)
{
    if (!list->n)
        return write_c(j, w, "[]");
    if (!write_c(j, w, "["))
        return false;
    w->level++;
    for (size_t i = 0; i < list->n; i++)
        if ((i && !builder_text(j, w->out, w->style->item)) || !new_line(j, w) || !write_value(j, w, list->items[i]))
            return false;
    w->level--;
    return new_line(j, w) && write_c(j, w, "]");
}

/* A key: numbers, true, false and null become strings. */
static bool write_key(struct jinja *j, struct writer *w, struct value key)
{
    if (key.kind == VALUE_STRING)
        return write_string(j, w, key.as.text);
    if (!value_is_number(key) && key.kind != VALUE_NONE)
        return jinja_fail(j, "tojson(): a %s cannot be a key", kind_name(key.kind));
    return write_c(j, w, "\"") && write_value(j, w, key) && write_c(j, w, "\"");
}

/* The entries of a dict in order of their keys. */
static struct list *sorted_keys(struct jinja *j, const struct dict *dict)
{
    struct list *keys = list_new(j, dict->n);
    for (size_t i = 0; keys && i < dict->n; i++) { /* binary insertion: json.dumps compares keys, nothing else */
        struct value key = dict->entries[i].key;
        size_t low = 0, high = i;
        while (low < high) {
            size_t middle = (low + high) / 2;
            bool less;
            if (!value_less(j, key, keys->items[middle], &less))
                return NULL;
            if (less)
                high = middle;
            else
                low = middle + 1;
        }
        if (!list_add(j, keys, key) || !jinja_work(j, (i - low) / 16, 0))
            return NULL;
        memmove(keys->items + low + 1, keys->items + low, (i - low) * sizeof *keys->items);
        keys->items[low] = key;
    }
    return keys;
}

static bool write_dict(struct jinja *j, struct writer *w, const struct dict *dict)
{
    struct list *keys = w->style->sorted ? sorted_keys(j, dict) : NULL;
    if (w->style->sorted && !keys)
        return false;
    if (!dict->n)
        return write_c(j, w, "{}");
    if (!write_c(j, w, "{"))
        return false;
    w->level++;
    for (size_t i = 0; i < dict->n; i++) {
        struct value key = keys ? keys->items[i] : dict->entries[i].key, value = dict->entries[i].value;
        if ((keys && !dict_get(j, dict, key, &value)) || (i && !builder_text(j, w->out, w->style->item)) ||
            !new_line(j, w) || !write_key(j, w, key) || !builder_text(j, w->out, w->style->key) ||
            !write_value(j, w, value))
            return false;
    }
    w->level--;
    return new_line(j, w) && write_c(j, w, "}");
}

static bool write_value(struct jinja *j, struct writer *w, struct value v)
{
    bool ok;
    if (!jinja_work(j, 1, 0) || !jinja_enter(j))
        return false;
    switch (v.kind) {
    case VALUE_NONE:
        ok = write_c(j, w, "null");
        break;
    case VALUE_BOOL:
        ok = write_c(j, w, v.as.boolean ? "true" : "false");
        break;
    case VALUE_INT:
    case VALUE_FLOAT:
        ok = write_number(j, w, v);
        break;
    case VALUE_STRING:
        ok = write_string(j, w, v.as.text);
        break;
    case VALUE_LIST:
    case VALUE_TUPLE:
        ok = write_list(j, w, v.as.list);
        break;
    case VALUE_DICT:
        ok = write_dict(j, w, v.as.dict);
        break;
    default:
        ok = jinja_fail(j, "tojson(): %s is not JSON serializable", kind_name(v.kind));
    }
    j->depth--;
    return ok;
}

bool jinja_to_json(struct jinja *j, struct text_builder *out, struct value v, const struct json_style *style)
{
    struct writer writer = {.out = out, .style = style};
    return write_value(j, &writer, v);
}
