/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters that put items in order, and the keys they go by.
 */
#include "text/jinja/filters.h"

/* ---- Attributes by path: "a.b.0" ---- */

bool filter_follow(struct jinja *j, struct value v, struct value path, struct value fallback, struct value *out)
{
    *out = v;
    bool falls_back = fallback.kind != VALUE_ABSENT && fallback.kind != VALUE_NONE;
    if (path.kind == VALUE_NONE)
        return true;
    if (path.kind != VALUE_STRING) {
        bool ok = jinja_item(j, v, path, out);
        *out = ok && falls_back && out->kind == VALUE_UNDEFINED ? fallback : *out;
        return ok;
    }
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
        if (out->kind == VALUE_UNDEFINED && falls_back)
            *out = fallback;
    }
    return true;
}

bool filter_key(struct jinja *j, const struct key_rule *rule, struct value item, struct value *key)
{
    *key = item;
    if (rule->attribute.kind != VALUE_ABSENT && rule->attribute.kind != VALUE_NONE &&
        !filter_follow(j, item, rule->attribute, rule->fallback, key))
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
        return filter_key(j, rule, item, key);
    struct list *names = string_split(j, rule->attribute.as.text, text_borrow(j, STR(","), false), -1, false);
    if (names && names->n == 1)
        return filter_key(j, rule, item, key);
    struct list *keys = names ? list_new(j, names->n) : NULL;
    for (size_t i = 0; keys && i < names->n; i++) {
        struct key_rule part = {names->items[i], rule->fallback, rule->case_sensitive};
        struct value one;
        if (!filter_key(j, &part, item, &one) || !list_add(j, keys, one))
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
        if (!(multiple ? keys_of : filter_key)(j, rule, list->items[i], &items[i].key))
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

/* The argument `reverse`, which sorted() takes only as a bool or integer. */
static bool call_reverse(struct jinja *j, const struct call *call, size_t i, bool *reverse)
{
    int64_t number;
    bool ok = call_int(j, call, i, 0, &number);
    *reverse = ok && number != 0;
    return ok;
}

bool filter_sort(struct jinja *j, const struct call *call, struct value *out)
{
    struct key_rule rule = {call->args[2], {.kind = VALUE_ABSENT}, call_bool(call, 1, false)};
    struct list *items = value_list(j, call->self);
    bool reverse;
    return items && call_reverse(j, call, 0, &reverse) &&
           give_list(sorted(j, items, &rule, true, reverse), VALUE_LIST, out);
}

bool filter_dictsort(struct jinja *j, const struct call *call, struct value *out)
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

/* min and max. */
bool filter_extreme(struct jinja *j, const struct call *call, struct value *out)
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
        if (!filter_key(j, &rule, items->items[i], &key))
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

bool filter_groupby(struct jinja *j, const struct call *call, struct value *out)
{
    struct key_rule rule = {call->args[0], call->args[1], call_bool(call, 2, false)}, real = rule;
    struct list *items = value_list(j, call->self), *groups = list_new(j, 0), *members = NULL;
    struct value previous = {.kind = VALUE_ABSENT}, name = previous;
    real.case_sensitive = true;
    items = items ? sorted(j, items, &rule, false, false) : NULL;
    for (size_t i = 0; items && groups && i < items->n; i++) {
        struct value key;
        bool same = false;
        if (!filter_key(j, &rule, items->items[i], &key) || (i && !value_equal(j, key, previous, &same)))
            return false;
        if (!same) {
            if (members && !add_group(j, groups, name, members))
                return false;
            members = list_new(j, 0);
            if (!members || !filter_key(j, &real, items->items[i], &name))
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
