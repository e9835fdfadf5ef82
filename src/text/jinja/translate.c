/* SPDX-License-Identifier: Apache-2.0
 *
 * str.maketrans() and str.translate(): characters by a table.
 */
#include "text/jinja/strings.h"

/* Sets table[code of the character of `key`]; `key` may be a code itself. */
static bool set_character(struct jinja *j, struct dict *table, struct value key, struct value v)
{
    unsigned size;
    if (key.kind == VALUE_STRING && text_chars(key.as.text) == 1)
        key = value_int(utf8_decode(text_str(key.as.text), 0, &size));
    if (key.kind != VALUE_INT && key.kind != VALUE_BOOL)
        return jinja_fail(j, "maketrans() needs keys that are characters or codes");
    return dict_set(j, table, value_int(value_integer(key)), v);
}

/* Character `i` of `from` becomes character `i` of `to`, or none where `to` is NULL. */
static bool set_characters(struct jinja *j, struct dict *table, const struct text *from, const struct text *to)
{
    struct value key, v = value_none();
    size_t n = text_chars(from);
    unsigned size;
    if (to && text_chars(to) != n)
        return jinja_fail(j, "maketrans() needs two strings of one length");
    for (size_t i = 0; i < n; i++) {
        if (!value_item(j, value_text(from), i, &key) || (to && !value_item(j, value_text(to), i, &v)))
            return false;
        if (to)
            v = value_int(utf8_decode(text_str(v.as.text), 0, &size));
        if (!set_character(j, table, key, v))
            return false;
    }
    return true;
}

bool str_maketrans(struct jinja *j, const struct call *call, struct value *out)
{
    struct value first = call->args[0];
    const struct text *from = NULL, *to = NULL, *without = NULL;
    struct dict *table = dict_new(j, 0);
    *out = (struct value){.kind = VALUE_DICT, .as.dict = table};
    if (!table)
        return false;
    if (call->args[1].kind != VALUE_ABSENT)
        return call_text(j, call, 0, &from) && call_text(j, call, 1, &to) && call_text(j, call, 2, &without) &&
               set_characters(j, table, from, to) && (!without || set_characters(j, table, without, NULL));
    if (first.kind != VALUE_DICT)
        return jinja_fail(j, "maketrans() needs a dict or two strings, found %s", kind_name(first.kind));
    for (size_t i = 0; i < first.as.dict->n; i++)
        if (!set_character(j, table, first.as.dict->entries[i].key, first.as.dict->entries[i].value))
            return false;
    return true;
}

/* Appends what the table has for one character, of `text` at [at, end). */
static bool append(struct jinja *j, struct text_builder *builder, const struct text *text, size_t at, size_t end,
                   struct value v)
{
    if (v.kind == VALUE_ABSENT)
        return builder_slice(j, builder, text, at, end);
    if (v.kind == VALUE_NONE)
        return true;
    if (v.kind == VALUE_STRING)
        return builder_text(j, builder, v.as.text);
    if (v.kind != VALUE_INT && v.kind != VALUE_BOOL)
        return jinja_fail(j, "translate() needs integers, strings and None in its table, found %s", kind_name(v.kind));
    int64_t code = value_integer(v);
    if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return jinja_fail(j, "translate() has no character %lld", (long long)code);
    return builder_code(j, builder, (uint32_t)code, text_mark(text, at)); /* a character of a message stays one */
}

bool str_translate(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = call->self.as.text;
    struct value table = call->args[0], v;
    struct text_builder builder = {0};
    unsigned size;
    if (table.kind != VALUE_DICT)
        return jinja_fail(j, "translate() needs a dict, found %s", kind_name(table.kind));
    for (size_t at = 0; at < text->len; at += size) {
        uint32_t c = (uint32_t)utf8_decode(text_str(text), at, &size);
        if (!jinja_work(j, 1, 0) || !dict_get(j, table.as.dict, value_int(c), &v) ||
            !append(j, &builder, text, at, at + size, v))
            return false;
    }
    *out = value_text(string_like(j, builder_take(j, &builder), text));
    return out->as.text != NULL;
}
