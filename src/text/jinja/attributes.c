/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes, items and slices, as Jinja's immutable sandbox looks them up: x.name tries attributes, then items;
 * x['name'] items, then attributes; what begins with an underscore or would change a value is unsafe.
 */
#include <stdlib.h>

#include "text/jinja/jinja.h"

/* Methods that would change a list or dict in place. */
static bool mutates(enum value_kind kind, struct str name)
{
    static const char *const lists[] = {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"};
    static const char *const dicts[] = {"clear", "pop", "popitem", "setdefault", "update"};
    size_t n = kind == VALUE_LIST   ? sizeof lists / sizeof *lists
               : kind == VALUE_DICT ? sizeof dicts / sizeof *dicts
                                    : 0;
    for (size_t i = 0; i < n; i++)
        if (str_eq(name, str_of(kind == VALUE_LIST ? lists[i] : dicts[i])))
            return true;
    return false;
}

static bool bound_method(struct jinja *j, const struct builtin *row, struct value object, struct value *out)
{
    struct method *method = machine_alloc(j, 1, sizeof *method);
    if (!method)
        return false;
    *method = (struct method){row, object};
    *out = (struct value){.kind = VALUE_METHOD, .as.method = method};
    return true;
}

static bool macro_attribute(struct jinja *j, const struct macro *macro, struct str name, struct value *out)
{
    const struct node *node = macro->node;
    if (str_eq(name, STR("name")))
        *out = macro->name ? value_text(macro->name) : value_none();
    else if (str_eq(name, STR("catch_kwargs")))
        *out = value_bool(node->flags & FLAG_USES_KWARGS);
    else if (str_eq(name, STR("catch_varargs")))
        *out = value_bool(node->flags & FLAG_USES_VARARGS);
    else if (str_eq(name, STR("caller")))
        *out = value_bool(node->flags & FLAG_USES_CALLER);
    else if (str_eq(name, STR("arguments"))) {
        struct list *names = list_new(j, node->n);
        for (uint32_t i = 0; names && i < node->n; i++)
            if (!list_add(j, names, value_text(j->template->names[node->list[i]->name])))
                return false;
        *out = (struct value){.kind = VALUE_TUPLE, .as.list = names};
        return names != NULL;
    }
    return true;
}

static void cycler_attribute(struct value object, struct str name, struct value *out)
{
    const struct cycler *cycler = object.as.cycler;
    if (object.kind == VALUE_CYCLER && str_eq(name, STR("current")))
        *out = cycler->items->items[cycler->at];
    else if (object.kind == VALUE_CYCLER && str_eq(name, STR("pos")))
        *out = value_int((int64_t)cycler->at);
    else if (object.kind == VALUE_JOINER && str_eq(name, STR("sep")))
        *out = cycler->items->items[0];
    else if (object.kind == VALUE_JOINER && str_eq(name, STR("used")))
        *out = value_bool(cycler->at > 0);
}

static void range_attribute(const struct range *range, struct str name, struct value *out)
{
    if (str_eq(name, STR("start")))
        *out = value_int(range->start);
    else if (str_eq(name, STR("stop")))
        *out = value_int(range->stop);
    else if (str_eq(name, STR("step")))
        *out = value_int(range->step);
}

static void number_attribute(struct value number, struct str name, struct value *out)
{
    bool real = number.kind == VALUE_FLOAT;
    if (str_eq(name, STR("real")) || (!real && str_eq(name, STR("numerator"))))
        *out = real ? number : value_int(value_integer(number));
    else if (str_eq(name, STR("imag")))
        *out = real ? value_float(0) : value_int(0);
    else if (!real && str_eq(name, STR("denominator")))
        *out = value_int(1);
}

bool jinja_own_attribute(struct jinja *j, struct value object, const struct text *name, struct value *out)
{
    struct str s = text_str(name);
    *out = (struct value){.kind = VALUE_ABSENT};
    if (str_starts(s, STR("__")) && str_ends(s, STR("__")) && s.len > 4) {
        *out = value_undefined(UNDEFINED_UNSAFE, name, object.kind);
        return true;
    }
    if (mutates(object.kind, s)) {
        *out = value_undefined(UNDEFINED_UNSAFE, name, object.kind);
        return true;
    }
    const struct builtin *row = jinja_method(object.kind, s);
    if (row)
        return bound_method(j, row, object, out);
    const struct value *found;
    switch (object.kind) {
    case VALUE_NAMESPACE:
        found = dict_find(object.as.dict, s);
        if (found)
            *out = *found;
        return true;
    case VALUE_TUPLE:
        if (object.flavor == TUPLE_GROUP && (str_eq(s, STR("grouper")) || str_eq(s, STR("list"))))
            *out = object.as.list->items[s.ptr[0] == 'l'];
        return true;
    case VALUE_LOOP:
        return loop_attribute(j, object.as.loop, s, out);
    case VALUE_MACRO:
        return macro_attribute(j, object.as.macro, s, out);
    case VALUE_CYCLER:
    case VALUE_JOINER:
        cycler_attribute(object, s, out);
        return true;
    case VALUE_RANGE:
        range_attribute(object.as.range, s, out);
        return true;
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_FLOAT:
        number_attribute(object, s, out);
        return true;
    case VALUE_FUNCTION: /* dict.fromkeys() */
        row = object.as.function == jinja_function(STR("dict")) && str_eq(s, STR("fromkeys"))
                  ? jinja_method(VALUE_DICT, s)
                  : NULL;
        return !row || bound_method(j, row, object, out);
    default:
        return true;
    }
}

bool jinja_attribute(struct jinja *j, struct value object, const struct text *name, struct value *out)
{
    if (object.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, object);
    if (!jinja_own_attribute(j, object, name, out))
        return false;
    if (out->kind != VALUE_ABSENT)
        return true;
    const struct value *found = object.kind == VALUE_DICT ? dict_find(object.as.dict, text_str(name)) : NULL;
    *out = found ? *found : value_undefined(UNDEFINED_ATTRIBUTE, name, object.kind);
    return true;
}

/* Item `index` of a sequence, negative from its end; VALUE_ABSENT when there is none. */
static bool sequence_item(struct jinja *j, struct value object, int64_t index, struct value *out)
{
    size_t n = 0;
    value_length(object, &n);
    if (index < 0)
        index += (int64_t)n;
    *out = (struct value){.kind = VALUE_ABSENT};
    return index < 0 || (uint64_t)index >= n || value_item(j, object, (size_t)index, out);
}

/* object[key] without the fallback to attributes. */
static bool own_item(struct jinja *j, struct value object, struct value key, struct value *out)
{
    bool hashable = key.kind != VALUE_LIST && key.kind != VALUE_DICT && key.kind != VALUE_VIEW;
    *out = (struct value){.kind = VALUE_ABSENT};
    switch (object.kind) {
    case VALUE_DICT:
        return !hashable || dict_get(j, object.as.dict, key, out);
    case VALUE_STRING:
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_RANGE:
        return (key.kind != VALUE_INT && key.kind != VALUE_BOOL) || sequence_item(j, object, value_integer(key), out);
    default:
        return true;
    }
}

bool jinja_item(struct jinja *j, struct value object, struct value key, struct value *out)
{
    if (object.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, object);
    if (!own_item(j, object, key, out))
        return false;
    if (out->kind == VALUE_ABSENT && key.kind == VALUE_STRING && !jinja_own_attribute(j, object, key.as.text, out))
        return false;
    if (out->kind != VALUE_ABSENT)
        return true;
    const struct text *name = value_str(j, key);
    *out = value_undefined(UNDEFINED_ATTRIBUTE, name, object.kind);
    return name != NULL;
}

/* ---- Slices ---- */

/* A bound of a slice, clamped as Python does: negative from the end. */
static bool slice_bound(struct jinja *j, struct value v, int64_t n, int64_t fallback, int64_t low, int64_t high,
                        int64_t *out)
{
    *out = fallback;
    if (v.kind == VALUE_ABSENT || v.kind == VALUE_NONE)
        return true;
    if (v.kind != VALUE_INT && v.kind != VALUE_BOOL)
        return v.kind == VALUE_UNDEFINED ? jinja_fail_undefined(j, v)
                                         : jinja_fail(j, "a slice needs integers, found %s", kind_name(v.kind));
    int64_t at = value_integer(v);
    if (at < 0)
        at = at < -n ? low : at + n;
    *out = at < low ? low : at > high ? high : at;
    return true;
}

/* Every |step|th character of [start, ...), `count` of them. */
static bool slice_text(struct jinja *j, const struct text *text, int64_t start, int64_t step, size_t count,
                       struct value *out)
{
    struct text_builder builder = {0};
    const struct text *result = NULL;
    if (!jinja_work(j, count, text->len))
        return false;
    if (step == 1) {
        size_t from = text_offset(text, (size_t)start), to = from;
        for (size_t i = 0; i < count; i++)
            for (to++; to < text->len && ((unsigned char)text->ptr[to] & 0xc0) == 0x80;)
                to++;
        result = text_slice(j, text, from, to);
    } else {
        size_t at = text_offset(text, (size_t)start);
        for (size_t i = 0; i < count; i++) {
            unsigned size;
            utf8_decode(text_str(text), at, &size);
            if (!builder_slice(j, &builder, text, at, at + size))
                return false;
            for (int64_t k = 0; i + 1 < count && k < (step < 0 ? -step : step); k++) {
                if (step > 0) {
                    utf8_decode(text_str(text), at, &size);
                    at += size;
                } else {
                    do
                        at--;
                    while (((unsigned char)text->ptr[at] & 0xc0) == 0x80);
                }
            }
        }
        struct text *built = (struct text *)builder_take(j, &builder);
        if (built)
            built->markup = text->markup;
        result = built;
    }
    *out = value_text(result);
    return result != NULL;
}

static bool slice_list(struct jinja *j, struct value object, int64_t start, int64_t step, size_t count,
                       struct value *out)
{
    struct list *list = jinja_work(j, count / 4, 0) ? list_new(j, step == 1 ? 0 : count) : NULL;
    if (!list)
        return false;
    if (step == 1 && count) { /* lists do not change: share the items */
        list->items = object.as.list->items + start;
        list->n = list->cap = count;
    }
    for (size_t i = 0; step != 1 && i < count; i++)
        if (!list_add(j, list, object.as.list->items[start + (int64_t)i * step]))
            return false;
    *out = (struct value){.kind = object.kind, .as.list = list};
    return true;
}

static bool slice_range(struct jinja *j, const struct range *range, int64_t start, int64_t stop, int64_t step,
                        size_t count, struct value *out)
{
    struct range *slice = machine_alloc(j, 1, sizeof *slice);
    if (!slice)
        return false;
    slice->start = range->start + start * range->step;
    slice->stop = range->start + stop * range->step;
    slice->step = range->step * step;
    slice->n = count;
    *out = (struct value){.kind = VALUE_RANGE, .as.range = slice};
    return true;
}

bool jinja_slice(struct jinja *j, struct value object, const struct value bounds[3], struct value *out)
{
    size_t length = 0;
    int64_t start, stop, step = 1;
    if (object.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, object);
    if (object.kind != VALUE_STRING && object.kind != VALUE_LIST && object.kind != VALUE_TUPLE &&
        object.kind != VALUE_RANGE)
        return jinja_fail(j, "%s cannot be sliced", kind_name(object.kind));
    if (bounds[2].kind == VALUE_INT || bounds[2].kind == VALUE_BOOL)
        step = value_integer(bounds[2]);
    else if (bounds[2].kind != VALUE_ABSENT && bounds[2].kind != VALUE_NONE)
        return jinja_fail(j, "a slice needs integers, found %s", kind_name(bounds[2].kind));
    if (step == 0)
        return jinja_fail(j, "slice step cannot be zero");
    value_length(object, &length);
    int64_t n = (int64_t)length, low = step < 0 ? -1 : 0, high = step < 0 ? n - 1 : n;
    if (step < -n - 1 || step > n + 1) /* the same as one step over everything, and cannot overflow */
        step = step < 0 ? -n - 1 : n + 1;
    if (!slice_bound(j, bounds[0], n, step < 0 ? high : low, low, high, &start) ||
        !slice_bound(j, bounds[1], n, step < 0 ? low : high, low, high, &stop))
        return false;
    int64_t distance = step < 0 ? start - stop : stop - start;
    size_t count = distance > 0 ? (size_t)((distance - 1) / llabs(step) + 1) : 0;
    if (object.kind == VALUE_STRING)
        return slice_text(j, object.as.text, count ? start : 0, step, count, out);
    if (object.kind == VALUE_RANGE)
        return slice_range(j, object.as.range, start, stop, step, count, out);
    return slice_list(j, object, start, step, count, out);
}
