/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters on numbers and sequences, and the table of all filters but those on strings.
 */
#include "text/jinja_strings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- Attributes by path: "a.b.0" ---- */

/* Follows a path of attributes set apart by dots; `path` is a string or an integer. Missing ones become `fallback`
 * unless that is absent. */
static bool follow(struct jinja *j, struct value v, struct value path, struct value fallback, struct value *out)
{
    *out = v;
    if (path.kind != VALUE_STRING)
        return jinja_item(j, v, path, out);
    struct str s = text_str(path.as.text);
    for (size_t at = 0, end; at <= s.len; at = end + 1) {
        end = str_find(s, STR("."), at);
        end = end == SIZE_MAX ? s.len : end;
        struct str part = {s.ptr + at, end - at};
        int64_t index;
        bool digits = part.len > 0 && number_parse_int(part, 10, &index, NULL);
        for (size_t i = 0; digits && i < part.len; i++)
            digits = part.ptr[i] >= '0' && part.ptr[i] <= '9';
        const struct text *name = digits ? NULL : text_slice(j, path.as.text, at, end);
        if ((!digits && !name) || !jinja_item(j, *out, digits ? value_int(index) : value_text(name), out))
            return false;
        if (out->kind == VALUE_UNDEFINED && fallback.kind != VALUE_ABSENT && fallback.kind != VALUE_NONE)
            *out = fallback;
    }
    return true;
}

/* What sorting and grouping compare by: an attribute, in lower case unless case matters. */
struct key_rule {
    struct value attribute; /* VALUE_ABSENT or VALUE_NONE: the item itself */
    struct value fallback;
    bool case_sensitive;
};

static bool key_of(struct jinja *j, const struct key_rule *rule, struct value item, struct value *key)
{
    *key = item;
    if (rule->attribute.kind != VALUE_ABSENT && rule->attribute.kind != VALUE_NONE &&
        !follow(j, item, rule->attribute, rule->fallback, key))
        return false;
    if (rule->case_sensitive || key->kind != VALUE_STRING)
        return true;
    *key = value_text(string_map(j, key->as.text, CASE_LOWER));
    return key->as.text != NULL;
}

/* Several attributes, set apart by commas: a list of keys, one: its key. */
static bool keys_of(struct jinja *j, const struct key_rule *rule, struct value item, struct value *key)
{
    if (rule->attribute.kind != VALUE_STRING)
        return key_of(j, rule, item, key);
    struct list *names = string_split(j, rule->attribute.as.text, text_borrow(j, STR(","), false), -1, false);
    if (names && names->n == 1)
        return key_of(j, rule, item, key);
    struct list *keys = names ? list_new(j, names->n) : NULL;
    for (size_t i = 0; keys && i < names->n; i++) {
        struct key_rule part = {names->items[i], rule->fallback, rule->case_sensitive};
        struct value one;
        if (!key_of(j, &part, item, &one) || !list_add(j, keys, one))
            return false;
    }
    *key = (struct value){.kind = VALUE_LIST, .as.list = keys};
    return keys != NULL;
}

/* ---- Sorting ---- */

struct sort_item {
    struct value key, value;
};

/* How a list is sorted. */
struct order {
    bool reverse;
    bool lists; /* keys compare as Python's lists of one do: what is equal needs no order */
};

/* Whether item `b`, which stands behind `a`, belongs before it. */
static bool goes_before(struct jinja *j, const struct order *order, struct value a, struct value b, bool *result)
{
    bool equal = false;
    *result = false;
    if (order->lists && (!value_equal(j, a, b, &equal) || equal))
        return equal;
    return order->reverse ? value_less(j, a, b, result) : value_less(j, b, a, result);
}

/* Merges the sorted halves [0, middle) and [middle, n) by way of `spare`; stable, also backwards. */
static bool merge(struct jinja *j, struct sort_item *items, size_t middle, size_t n, const struct order *order,
                  struct sort_item *spare)
{
    size_t a = 0, b = middle, out = 0;
    memcpy(spare, items, n * sizeof *items);
    while (a < middle && b < n) {
        bool swap;
        if (!goes_before(j, order, spare[a].key, spare[b].key, &swap))
            return false;
        items[out++] = swap ? spare[b++] : spare[a++];
    }
    while (a < middle)
        items[out++] = spare[a++];
    while (b < n)
        items[out++] = spare[b++];
    return jinja_work(j, n, 0);
}

static bool sort(struct jinja *j, struct sort_item *items, size_t n, const struct order *order, struct sort_item *spare)
{
    if (n < 2)
        return true;
    size_t middle = n / 2;
    return sort(j, items, middle, order, spare) && sort(j, items + middle, n - middle, order, spare) &&
           merge(j, items, middle, n, order, spare);
}

/* Sorts a list by key; a fresh list. `multiple`: the attribute may name several. */
static struct list *sorted(struct jinja *j, const struct list *list, const struct key_rule *rule, bool multiple,
                           bool reverse)
{
    struct list *result = list_new(j, list->n);
    struct sort_item *items = machine_alloc(j, list->n * 2 + 1, sizeof *items);
    if (!result || !items)
        return NULL;
    for (size_t i = 0; i < list->n; i++) {
        items[i].value = list->items[i];
        if (!(multiple ? keys_of : key_of)(j, rule, list->items[i], &items[i].key))
            return NULL;
    }
    struct order order = {.reverse = reverse, .lists = multiple};
    if (!sort(j, items, list->n, &order, items + list->n))
        return NULL;
    for (size_t i = 0; i < list->n; i++)
        if (!list_add(j, result, items[i].value))
            return NULL;
    return result;
}

static bool give_list(struct list *list, enum value_kind kind, struct value *out)
{
    *out = (struct value){.kind = (uint8_t)kind, .as.list = list};
    return list != NULL;
}

/* A list as something that can be walked once. */
static bool give_iterator(struct jinja *j, struct list *list, struct value *out)
{
    struct iterator *iterator = list ? machine_alloc(j, 1, sizeof *iterator) : NULL;
    if (!iterator)
        return false;
    iterator->list = list;
    *out = (struct value){.kind = VALUE_ITERATOR, .as.iterator = iterator};
    return true;
}

/* The argument `reverse`, which sorted() takes only as a bool or integer. */
static bool call_reverse(struct jinja *j, const struct call *call, size_t i, bool *reverse)
{
    int64_t number;
    bool ok = call_int(j, call, i, 0, &number);
    *reverse = ok && number != 0;
    return ok;
}

static bool filter_sort(struct jinja *j, const struct call *call, struct value *out)
{
    struct key_rule rule = {call->args[2], {.kind = VALUE_ABSENT}, call_bool(call, 1, false)};
    struct list *items = value_list(j, call->self);
    bool reverse;
    return items && call_reverse(j, call, 0, &reverse) &&
           give_list(sorted(j, items, &rule, true, reverse), VALUE_LIST, out);
}

static bool filter_dictsort(struct jinja *j, const struct call *call, struct value *out)
{
    struct value dict = call->self, by = call->args[1];
    if (dict.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, dict);
    if (dict.kind != VALUE_DICT)
        return jinja_fail(j, "dictsort() needs a dict, found %s", kind_name(dict.kind));
    bool value = by.kind == VALUE_STRING && str_eq(text_str(by.as.text), STR("value"));
    if (!value && by.kind != VALUE_ABSENT && !(by.kind == VALUE_STRING && str_eq(text_str(by.as.text), STR("key"))))
        return jinja_fail(j, "dictsort() sorts by 'key' or 'value'");
    dict.kind = VALUE_VIEW;
    dict.flavor = VIEW_ITEMS;
    struct key_rule rule = {value_int(value), {.kind = VALUE_ABSENT}, call_bool(call, 0, false)};
    struct list *items = value_list(j, dict);
    bool reverse;
    return items && call_reverse(j, call, 2, &reverse) &&
           give_list(sorted(j, items, &rule, false, reverse), VALUE_LIST, out);
}

static bool filter_unique(struct jinja *j, const struct call *call, struct value *out)
{
    struct key_rule rule = {call->args[1], {.kind = VALUE_ABSENT}, call_bool(call, 0, false)};
    struct list *items = value_list(j, call->self), *kept = list_new(j, 0);
    struct dict *seen = dict_new(j, 0);
    for (size_t i = 0; items && kept && seen && i < items->n; i++) {
        struct value key, before;
        if (!key_of(j, &rule, items->items[i], &key) || !dict_get(j, seen, key, &before))
            return false;
        if (before.kind == VALUE_ABSENT &&
            (!dict_set(j, seen, key, value_none()) || !list_add(j, kept, items->items[i])))
            return false;
    }
    return items && seen && give_iterator(j, kept, out);
}

/* min and max. */
static bool filter_extreme(struct jinja *j, const struct call *call, struct value *out)
{
    static const struct text empty = {.ptr = "no aggregated item, the sequence was empty", .len = 42, .n_chars = 42};
    struct key_rule rule = {call->args[1], {.kind = VALUE_ABSENT}, call_bool(call, 0, false)};
    struct list *items = value_list(j, call->self);
    struct value best;
    if (!items)
        return false;
    *out = value_undefined(UNDEFINED_HINT, &empty, VALUE_UNDEFINED);
    for (size_t i = 0; i < items->n; i++) {
        struct value key;
        bool better = i == 0;
        if (!key_of(j, &rule, items->items[i], &key))
            return false;
        if (i && !(call->row->detail ? value_less(j, best, key, &better) : value_less(j, key, best, &better)))
            return false;
        if (better) {
            best = key;
            *out = items->items[i];
        }
    }
    return true;
}

/* Ends a group of filter_groupby: (key, items). */
static bool add_group(struct jinja *j, struct list *groups, struct value key, struct list *members)
{
    struct list *pair = list_new(j, 2);
    struct value value = {.kind = VALUE_LIST, .as.list = members};
    return pair && list_add(j, pair, key) && list_add(j, pair, value) &&
           list_add(j, groups, (struct value){.kind = VALUE_TUPLE, .flavor = TUPLE_GROUP, .as.list = pair});
}

static bool filter_groupby(struct jinja *j, const struct call *call, struct value *out)
{
    struct key_rule rule = {call->args[0], call->args[1], call_bool(call, 2, false)}, real = rule;
    struct list *items = value_list(j, call->self), *groups = list_new(j, 0), *members = NULL;
    struct value previous = {.kind = VALUE_ABSENT}, name = previous;
    real.case_sensitive = true;
    items = items ? sorted(j, items, &rule, false, false) : NULL;
    for (size_t i = 0; items && groups && i < items->n; i++) {
        struct value key;
        bool same = false;
        if (!key_of(j, &rule, items->items[i], &key) || (i && !value_equal(j, key, previous, &same)))
            return false;
        if (!same) {
            if (members && !add_group(j, groups, name, members))
                return false;
            members = list_new(j, 0);
            if (!members || !key_of(j, &real, items->items[i], &name))
                return false;
        }
        if (!list_add(j, members, items->items[i]))
            return false;
        previous = key;
    }
    if (!items || !groups || (members && !add_group(j, groups, name, members)))
        return false;
    return give_list(groups, VALUE_LIST, out);
}

/* ---- Walking ---- */

static bool filter_list(struct jinja *j, const struct call *call, struct value *out)
{
    return give_list(value_list(j, call->self), VALUE_LIST, out);
}

static bool filter_length(struct jinja *j, const struct call *call, struct value *out)
{
    size_t n;
    if (!value_length(call->self, &n))
        return jinja_fail(j, "%s has no length", kind_name(call->self.kind));
    *out = value_int((int64_t)n);
    return true;
}

static bool filter_first(struct jinja *j, const struct call *call, struct value *out)
{
    static const struct text none = {.ptr = "no first item, the sequence was empty", .len = 37, .n_chars = 37};
    struct value v = call->self;
    size_t n = 0;
    *out = value_undefined(UNDEFINED_HINT, &none, VALUE_UNDEFINED);
    if (v.kind == VALUE_ITERATOR) {
        struct iterator *iterator = v.as.iterator;
        if (iterator->at < iterator->list->n)
            *out = iterator->list->items[iterator->at++];
        return true;
    }
    if (v.kind == VALUE_DICT || v.kind == VALUE_VIEW) {
        struct list *items = value_list(j, v);
        if (items && items->n)
            *out = items->items[0];
        return items != NULL;
    }
    if (!value_length(v, &n))
        return jinja_fail(j, "%s is not iterable", kind_name(v.kind));
    return n == 0 || value_item(j, v, 0, out);
}

static bool filter_last(struct jinja *j, const struct call *call, struct value *out)
{
    static const struct text none = {.ptr = "no last item, the sequence was empty", .len = 36, .n_chars = 36};
    struct value v = call->self;
    if (v.kind == VALUE_ITERATOR || v.kind == VALUE_LOOP)
        return jinja_fail(j, "%s cannot be walked backwards", kind_name(v.kind));
    struct list *items = value_list(j, v);
    *out = value_undefined(UNDEFINED_HINT, &none, VALUE_UNDEFINED);
    if (items && items->n)
        *out = items->items[items->n - 1];
    return items != NULL;
}

static bool filter_reverse(struct jinja *j, const struct call *call, struct value *out)
{
    struct value bounds[3] = {{.kind = VALUE_ABSENT}, {.kind = VALUE_ABSENT}, value_int(-1)}, v = call->self;
    if (v.kind == VALUE_STRING)
        return jinja_slice(j, v, bounds, out);
    struct list *items = value_list(j, v);
    struct value list = {.kind = VALUE_LIST, .as.list = items}, reversed;
    if (!items || !jinja_slice(j, list, bounds, &reversed))
        return false;
    if (v.kind != VALUE_ITERATOR)
        return give_iterator(j, reversed.as.list, out);
    *out = reversed; /* what cannot be walked backwards becomes a list */
    return true;
}

static bool filter_items(struct jinja *j, const struct call *call, struct value *out)
{
    struct value v = call->self;
    if (v.kind != VALUE_DICT && v.kind != VALUE_UNDEFINED)
        return jinja_fail(j, "items() needs a dict, found %s", kind_name(v.kind));
    if (v.kind == VALUE_DICT) {
        v.kind = VALUE_VIEW;
        v.flavor = VIEW_ITEMS;
    }
    return give_iterator(j, value_list(j, v), out);
}

static bool filter_join(struct jinja *j, const struct call *call, struct value *out)
{
    struct list *items = value_list(j, call->self), *parts = items;
    struct value none = {.kind = VALUE_ABSENT};
    const struct text *separator =
        call->args[0].kind == VALUE_ABSENT ? text_borrow(j, STR(""), false) : value_str(j, call->args[0]);
    if (!items || !separator)
        return false;
    if (call->args[1].kind != VALUE_ABSENT && call->args[1].kind != VALUE_NONE) {
        parts = list_new(j, items->n);
        for (size_t i = 0; parts && i < items->n; i++) {
            struct value part;
            if (!follow(j, items->items[i], call->args[1], none, &part) || !list_add(j, parts, part))
                return false;
        }
    }
    *out = value_text(parts ? string_join(j, separator, parts, true) : NULL);
    return out->as.text != NULL;
}

/* The keyword argument of a name, or VALUE_ABSENT. */
static struct value keyword(const struct arguments *arguments, const char *name)
{
    for (size_t i = 0; i < arguments->n_keywords; i++)
        if (str_eq(text_str(arguments->keywords[i].name.as.text), str_of(name)))
            return arguments->keywords[i].value;
    return (struct value){.kind = VALUE_ABSENT};
}

static bool filter_map(struct jinja *j, const struct call *call, struct value *out)
{
    const struct arguments *all = call->all;
    struct value attribute = keyword(all, "attribute"), fallback = keyword(all, "default");
    bool by_attribute = !all->n_args && attribute.kind != VALUE_ABSENT;
    struct list *items = value_truth(call->self) ? value_list(j, call->self) : list_new(j, 0), *mapped = list_new(j, 0);
    if (!items || !mapped)
        return false;
    if (!items->n)
        return give_iterator(j, mapped, out);
    if (!by_attribute && !all->n_args)
        return jinja_fail(j, "map() needs a filter or an attribute");
    if (by_attribute && all->n_keywords > 1u + (fallback.kind != VALUE_ABSENT))
        return jinja_fail(j, "map() takes attribute and default, found another keyword");
    struct arguments rest = {all->args + 1, all->n_args - 1, all->keywords, all->n_keywords};
    for (size_t i = 0; i < items->n; i++) {
        struct value item;
        bool ok = by_attribute ? follow(j, items->items[i], attribute, fallback, &item)
                               : jinja_apply(j, false, all->args[0], items->items[i], &rest, &item);
        if (!ok || !list_add(j, mapped, item))
            return false;
    }
    return give_iterator(j, mapped, out);
}

enum { SELECT_REJECT = 1, SELECT_ATTRIBUTE = 2 };

/* select, reject, selectattr, rejectattr. */
static bool filter_select(struct jinja *j, const struct call *call, struct value *out)
{
    const struct arguments *all = call->all;
    bool by_attribute = call->row->detail & SELECT_ATTRIBUTE, reject = call->row->detail & SELECT_REJECT;
    struct list *items = value_truth(call->self) ? value_list(j, call->self) : list_new(j, 0), *kept = list_new(j, 0);
    struct value none = {.kind = VALUE_ABSENT};
    if (!items || !kept)
        return false;
    if (!items->n)
        return give_iterator(j, kept, out);
    if (by_attribute && !all->n_args)
        return jinja_fail(j, "%s() needs an attribute", call->row->name);
    size_t skip = by_attribute;
    bool test = all->n_args > skip;
    struct arguments rest = {all->args + skip + test, all->n_args - skip - test, all->keywords, all->n_keywords};
    for (size_t i = 0; i < items->n; i++) {
        struct value item = items->items[i], result;
        if (by_attribute && !follow(j, item, all->args[0], none, &item))
            return false;
        result = item;
        if (test && !jinja_apply(j, true, all->args[skip], item, &rest, &result))
            return false;
        if (!jinja_work(j, 1, 0) || (value_truth(result) != reject && !list_add(j, kept, items->items[i])))
            return false;
    }
    return give_iterator(j, kept, out);
}

static bool filter_batch(struct jinja *j, const struct call *call, struct value *out)
{
    struct list *items = value_list(j, call->self), *batches = list_new(j, 0), *batch = list_new(j, 0);
    struct value fill = call->args[1];
    int64_t size;
    if (!items || !batches || !batch || !call_int(j, call, 0, 0, &size))
        return false;
    for (size_t i = 0; i < items->n; i++) {
        if ((int64_t)batch->n == size) {
            if (!list_add(j, batches, (struct value){.kind = VALUE_LIST, .as.list = batch}))
                return false;
            batch = list_new(j, 0);
        }
        if (!batch || !list_add(j, batch, items->items[i]))
            return false;
    }
    while (batch->n && fill.kind != VALUE_ABSENT && fill.kind != VALUE_NONE && (int64_t)batch->n < size)
        if (!jinja_work(j, 1, 0) || !list_add(j, batch, fill))
            return false;
    if (batch->n && !list_add(j, batches, (struct value){.kind = VALUE_LIST, .as.list = batch}))
        return false;
    return give_iterator(j, batches, out);
}

static bool filter_slice(struct jinja *j, const struct call *call, struct value *out)
{
    struct list *items = value_list(j, call->self), *slices = list_new(j, 0);
    struct value fill = call->args[1];
    int64_t n;
    if (!items || !slices || !call_int(j, call, 0, 0, &n))
        return false;
    if (n == 0)
        return jinja_fail(j, "division by zero");
    size_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        bool extra = i < (int64_t)(items->n % (size_t)n);
        size_t end = at + items->n / (size_t)n + extra;
        struct list *slice = jinja_work(j, 1, 0) ? list_new(j, 0) : NULL;
        for (; slice && at < end; at++)
            if (!list_add(j, slice, items->items[at]))
                return false;
        if (!slice || (!extra && fill.kind != VALUE_ABSENT && fill.kind != VALUE_NONE && !list_add(j, slice, fill)) ||
            !list_add(j, slices, (struct value){.kind = VALUE_LIST, .as.list = slice}))
            return false;
    }
    return give_iterator(j, slices, out);
}

static bool filter_sum(struct jinja *j, const struct call *call, struct value *out)
{
    struct list *items = value_list(j, call->self);
    struct value none = {.kind = VALUE_ABSENT};
    *out = call->args[1].kind == VALUE_ABSENT ? value_int(0) : call->args[1];
    if (items && out->kind == VALUE_STRING)
        return jinja_fail(j, "sum() cannot add strings");
    for (size_t i = 0; items && i < items->n; i++) {
        struct value item = items->items[i];
        if (call->args[0].kind != VALUE_ABSENT && call->args[0].kind != VALUE_NONE &&
            !follow(j, item, call->args[0], none, &item))
            return false;
        if (!jinja_binary(j, OP_ADD, *out, item, out))
            return false;
    }
    return items != NULL;
}

/* ---- Single values ---- */

static bool filter_default(struct jinja *j, const struct call *call, struct value *out)
{
    *out = call->self;
    if (call->self.kind != VALUE_UNDEFINED && !(call_bool(call, 1, false) && !value_truth(call->self)))
        return true;
    *out = call->args[0];
    if (out->kind == VALUE_ABSENT)
        *out = value_text(text_borrow(j, STR(""), false));
    return out->kind != VALUE_STRING || out->as.text;
}

static bool filter_attr(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *name = NULL;
    if (!call_text(j, call, 0, &name))
        return false;
    if (call->self.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, call->self);
    if (!jinja_own_attribute(j, call->self, name, out))
        return false;
    if (out->kind == VALUE_ABSENT)
        *out = value_undefined(UNDEFINED_ATTRIBUTE, name, call->self.kind);
    return true;
}

static bool filter_abs(struct jinja *j, const struct call *call, struct value *out)
{
    struct value v = call->self;
    if (v.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, v);
    if (!value_is_number(v))
        return jinja_fail(j, "abs() needs a number, found %s", kind_name(v.kind));
    if (v.kind == VALUE_FLOAT)
        *out = value_float(fabs(v.as.real));
    else if (value_integer(v) < 0)
        return number_apply(j, OP_SUB, value_int(0), v, out);
    else
        *out = value_int(value_integer(v));
    return true;
}

/* Python's int(float). */
static bool truncate_float(struct jinja *j, double f, struct value *out)
{
    if (fabs(f) >= 9223372036854775808.0)
        return jinja_fail(j, "number too large: integers have 64 bits");
    *out = value_int((int64_t)f);
    return true;
}

static bool filter_int(struct jinja *j, const struct call *call, struct value *out)
{
    struct value v = call->self;
    int64_t base, i;
    double f;
    bool big = false;
    *out = call->args[0].kind == VALUE_ABSENT ? value_int(0) : call->args[0];
    if (!call_int(j, call, 1, 10, &base))
        return false;
    if (v.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, v);
    if (v.kind == VALUE_INT || v.kind == VALUE_BOOL) {
        *out = value_int(value_integer(v));
        return true;
    }
    if (v.kind == VALUE_FLOAT) {
        if (isinf(v.as.real))
            return jinja_fail(j, "infinity is not an integer");
        return isnan(v.as.real) || truncate_float(j, v.as.real, out);
    }
    if (v.kind != VALUE_STRING)
        return true;
    if (base >= 0 && base != 1 && base <= 36 && number_parse_int(text_str(v.as.text), (int)base, &i, &big)) {
        *out = value_int(i);
        return true;
    }
    if (big)
        return jinja_fail(j, "number too large: integers have 64 bits");
    if (number_parse_float(text_str(v.as.text), &f) && isfinite(f))
        return truncate_float(j, f, out);
    return true;
}

static bool filter_float(struct jinja *j, const struct call *call, struct value *out)
{
    struct value v = call->self;
    double f;
    *out = call->args[0].kind == VALUE_ABSENT ? value_float(0) : call->args[0];
    if (v.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, v);
    if (v.kind == VALUE_FLOAT)
        *out = v;
    else if (value_is_number(v))
        *out = value_float((double)value_integer(v));
    else if (v.kind == VALUE_STRING && number_parse_float(text_str(v.as.text), &f))
        *out = value_float(f);
    return true;
}

/* Python's round(): to even, on the decimal digits of the exact value. */
static bool round_common(struct jinja *j, struct value v, int64_t precision, struct value *out)
{
    char digits[400];
    if (v.kind != VALUE_FLOAT) {
        if (precision >= 0) {
            *out = value_int(value_integer(v));
            return true;
        }
        struct value unit, rest, half, twice;
        bool up;
        if (precision < -18) {
            *out = value_int(0);
            return true;
        }
        if (!number_apply(j, OP_POW, value_int(10), value_int(-precision), &unit) ||
            !number_apply(j, OP_MOD, v, unit, &rest) || !number_apply(j, OP_FLOORDIV, unit, value_int(2), &half) ||
            !number_apply(j, OP_SUB, v, rest, out))
            return false;
        int order = number_compare(rest, half);
        if (!number_apply(j, OP_FLOORDIV, *out, unit, &twice) || !number_apply(j, OP_MOD, twice, value_int(2), &twice))
            return false;
        up = order > 0 || (order == 0 && value_truth(twice));
        return !up || number_apply(j, OP_ADD, *out, unit, out);
    }
    *out = v;
    if (!isfinite(v.as.real) || precision > 330)
        return true;
    if (precision < 0) {
        double unit = pow(10, precision < -400 ? 400 : (double)-precision);
        out->as.real = isinf(unit) ? copysign(0, v.as.real) : nearbyint(v.as.real / unit) * unit;
        return true;
    }
    if (fabs(v.as.real) < 1e17) {
        snprintf(digits, sizeof digits, "%.*f", (int)precision, v.as.real);
        out->as.real = strtod(digits, NULL);
    }
    return true;
}

static bool filter_round(struct jinja *j, const struct call *call, struct value *out)
{
    struct value v = call->self, unit;
    const struct text *method = text_borrow(j, STR("common"), false);
    int64_t precision;
    if (!method || !call_int(j, call, 0, 0, &precision) || !call_text(j, call, 1, &method))
        return false;
    struct str s = text_str(method);
    bool up = str_eq(s, STR("ceil"));
    if (!up && !str_eq(s, STR("floor")) && !str_eq(s, STR("common")))
        return jinja_fail(j, "round() knows the methods common, ceil and floor");
    if (v.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, v);
    if (!value_is_number(v))
        return jinja_fail(j, "round() needs a number, found %s", kind_name(v.kind));
    if (str_eq(s, STR("common")))
        return round_common(j, v, precision, out);
    if (!number_apply(j, OP_POW, value_int(10), value_int(precision), &unit) || !number_apply(j, OP_MUL, v, unit, &v))
        return false;
    if (v.kind == VALUE_FLOAT) {
        if (!isfinite(v.as.real))
            return jinja_fail(j, "%s of a number that is not finite", up ? "ceil" : "floor");
        if (!truncate_float(j, up ? ceil(v.as.real) : floor(v.as.real), &v))
            return false;
    }
    return number_apply(j, OP_DIV, v, unit, out);
}

static bool filter_tojson(struct jinja *j, const struct call *call, struct value *out)
{
    struct text_builder builder = {0};
    struct value indent = call->args[1], separators = call->args[2];
    struct json_style style = {.ascii = call_bool(call, 0, false), .sorted = call_bool(call, 3, false)};
    bool pretty = indent.kind != VALUE_ABSENT && indent.kind != VALUE_NONE;
    if (pretty && indent.kind == VALUE_STRING) {
        style.indent = indent.as.text;
    } else if (pretty) {
        struct text_builder blanks = {0};
        int64_t width;
        if (!call_int(j, call, 1, 0, &width) || !builder_fill(j, &blanks, ' ', width < 0 ? 0 : (size_t)width, false) ||
            !(style.indent = builder_take(j, &blanks)))
            return false;
    }
    style.item = text_borrow(j, pretty ? STR(",") : STR(", "), false);
    style.key = text_borrow(j, STR(": "), false);
    if (separators.kind != VALUE_ABSENT && separators.kind != VALUE_NONE) {
        struct list *pair = value_list(j, separators);
        if (!pair)
            return false;
        if (pair->n != 2 || pair->items[0].kind != VALUE_STRING || pair->items[1].kind != VALUE_STRING)
            return jinja_fail(j, "tojson() needs two strings as separators");
        style.item = pair->items[0].as.text;
        style.key = pair->items[1].as.text;
    }
    if (!style.item || !style.key || !jinja_to_json(j, &builder, call->self, &style))
        return false;
    *out = value_text(builder_take(j, &builder));
    return out->as.text != NULL;
}

static const struct builtin filters[] = {
    {"tojson", filter_tojson, "?ensure_ascii ?indent ?separators ?sort_keys", 0},
    {"length", filter_length, "/", 0},
    {"count", filter_length, "/", 0},
    {"default", filter_default, "?default_value ?boolean", 0},
    {"d", filter_default, "?default_value ?boolean", 0},
    {"join", filter_join, "?d ?attribute", 0},
    {"list", filter_list, "", 0},
    {"items", filter_items, "", 0},
    {"first", filter_first, "", 0},
    {"last", filter_last, "", 0},
    {"map", filter_map, "*", 0},
    {"select", filter_select, "*", 0},
    {"reject", filter_select, "*", SELECT_REJECT},
    {"selectattr", filter_select, "*", SELECT_ATTRIBUTE},
    {"rejectattr", filter_select, "*", SELECT_ATTRIBUTE | SELECT_REJECT},
    {"dictsort", filter_dictsort, "?case_sensitive ?by ?reverse", 0},
    {"sort", filter_sort, "?reverse ?case_sensitive ?attribute", 0},
    {"unique", filter_unique, "?case_sensitive ?attribute", 0},
    {"groupby", filter_groupby, "attribute ?default ?case_sensitive", 0},
    {"min", filter_extreme, "?case_sensitive ?attribute", false},
    {"max", filter_extreme, "?case_sensitive ?attribute", true},
    {"reverse", filter_reverse, "", 0},
    {"batch", filter_batch, "linecount ?fill_with", 0},
    {"slice", filter_slice, "slices ?fill_with", 0},
    {"sum", filter_sum, "?attribute ?start", 0},
    {"int", filter_int, "?default ?base", 0},
    {"float", filter_float, "?default", 0},
    {"round", filter_round, "?precision ?method", 0},
    {"abs", filter_abs, "/", 0},
    {"attr", filter_attr, "name", 0},
};

const struct builtin *jinja_filter(struct str name)
{
    const struct builtin *row = builtin_find(filters, COUNT(filters), name);
    return row ? row : jinja_string_filter(name);
}
