/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters that are generators in Python: they do their work when somebody walks what they gave, and not before.
 */
#include "text/jinja/filters.h"

/* The items of what a filter works on; none of what is false, whatever it is. */
static struct list *items_if_true(struct jinja *j, struct value v)
{
    return value_truth(v) ? value_list(j, v) : list_new(j, 0);
}

/* The keyword argument of a name, or VALUE_ABSENT. */
static struct value keyword(const struct arguments *arguments, const char *name)
{
    for (size_t i = 0; i < arguments->n_keywords; i++)
        if (str_eq(text_str(arguments->keywords[i].name.as.text), str_of(name)))
            return arguments->keywords[i].value;
    return (struct value){.kind = VALUE_ABSENT};
}

static struct list *make_map(struct jinja *j, const struct call *call)
{
    const struct arguments *all = call->all;
    struct value attribute = keyword(all, "attribute"), fallback = keyword(all, "default");
    bool by_attribute = !all->n_args && attribute.kind != VALUE_ABSENT;
    struct list *items = items_if_true(j, call->self), *mapped = items ? list_new(j, items->n) : NULL;
    if (!mapped || !items->n)
        return mapped;
    if (!by_attribute && !all->n_args) {
        jinja_fail(j, "map() needs a filter or an attribute");
        return NULL;
    }
    if (by_attribute && all->n_keywords > 1u + (fallback.kind != VALUE_ABSENT)) {
        jinja_fail(j, "map() takes attribute and default, found another keyword");
        return NULL;
    }
    struct arguments rest = *all;
    rest.args += !by_attribute;
    rest.n_args -= !by_attribute;
    for (size_t i = 0; i < items->n; i++) {
        struct value item;
        bool ok = by_attribute ? filter_follow(j, items->items[i], attribute, fallback, &item)
                               : jinja_apply(j, false, all->args[0], items->items[i], &rest, &item);
        if (!ok || !list_add(j, mapped, item))
            return NULL;
    }
    return mapped;
}

/* select, reject, selectattr, rejectattr. */
static struct list *make_select(struct jinja *j, const struct call *call)
{
    const struct arguments *all = call->all;
    bool by_attribute = call->row->detail & SELECT_ATTRIBUTE, reject = call->row->detail & SELECT_REJECT;
    struct list *items = items_if_true(j, call->self), *kept = items ? list_new(j, 0) : NULL;
    struct value none = {.kind = VALUE_ABSENT};
    if (!kept || !items->n)
        return kept;
    if (by_attribute && !all->n_args) {
        jinja_fail(j, "%s() needs an attribute", call->row->name);
        return NULL;
    }
    size_t skip = by_attribute, test = all->n_args > skip;
    struct arguments rest = *all;
    rest.args += skip + test;
    rest.n_args -= skip + test;
    for (size_t i = 0; i < items->n; i++) {
        struct value item = items->items[i], result;
        if (by_attribute && !filter_follow(j, item, all->args[0], none, &item))
            return NULL;
        result = item;
        if (test && !jinja_apply(j, true, all->args[skip], item, &rest, &result))
            return NULL;
        if (!jinja_work(j, 1, 0) || (value_truth(result) != reject && !list_add(j, kept, items->items[i])))
            return NULL;
    }
    return kept;
}

static struct list *make_unique(struct jinja *j, const struct call *call)
{
    struct key_rule rule = {call->args[1], {.kind = VALUE_ABSENT}, call_bool(call, 0, false)};
    struct list *items = value_list(j, call->self), *kept = list_new(j, 0);
    struct dict *seen = dict_new(j, 0);
    if (!items || !kept || !seen)
        return NULL;
    for (size_t i = 0; i < items->n; i++) {
        struct value key, before;
        if (!filter_key(j, &rule, items->items[i], &key) || !dict_get(j, seen, key, &before))
            return NULL;
        if (before.kind == VALUE_ABSENT &&
            (!dict_set(j, seen, key, value_none()) || !list_add(j, kept, items->items[i])))
            return NULL;
    }
    return kept;
}

static bool is_filled(struct value fill)
{
    return fill.kind != VALUE_ABSENT && fill.kind != VALUE_NONE;
}

static bool add_list(struct jinja *j, struct list *lists, struct list *list)
{
    return list_add(j, lists, (struct value){.kind = VALUE_LIST, .as.list = list});
}

static struct list *make_batch(struct jinja *j, const struct call *call)
{
    struct list *items = value_list(j, call->self), *batches = list_new(j, 0), *batch = list_new(j, 0);
    struct value size = call->args[0];
    bool full = false, less = true;
    if (!items || !batches || !batch)
        return NULL;
    for (size_t i = 0; i < items->n; i++) {
        if (!value_equal(j, value_int((int64_t)batch->n), size, &full))
            return NULL;
        if (full) {
            if (!add_list(j, batches, batch))
                return NULL;
            batch = list_new(j, 0);
        }
        if (!batch || !list_add(j, batch, items->items[i]))
            return NULL;
    }
    while (batch->n && is_filled(call->args[1])) {
        if (!value_less(j, value_int((int64_t)batch->n), size, &less))
            return NULL;
        if (!less)
            break;
        if (!jinja_work(j, 1, 0) || !list_add(j, batch, call->args[1]))
            return NULL;
    }
    return !batch->n || add_list(j, batches, batch) ? batches : NULL;
}

static struct list *make_slice(struct jinja *j, const struct call *call)
{
    struct list *items = value_list(j, call->self), *slices = list_new(j, 0);
    int64_t n;
    if (!items || !slices || !call_int(j, call, 0, 0, &n))
        return NULL;
    if (n == 0) {
        jinja_fail(j, "division by zero");
        return NULL;
    }
    size_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        bool extra = i < (int64_t)(items->n % (size_t)n);
        size_t end = at + items->n / (size_t)n + extra;
        struct list *slice = jinja_work(j, 1, 0) ? list_new(j, 0) : NULL;
        for (; slice && at < end; at++)
            if (!list_add(j, slice, items->items[at]))
                return NULL;
        if (!slice || (!extra && is_filled(call->args[1]) && !list_add(j, slice, call->args[1])) ||
            !add_list(j, slices, slice))
            return NULL;
    }
    return slices;
}

static struct list *make_items(struct jinja *j, const struct call *call)
{
    struct value v = call->self;
    if (v.kind != VALUE_DICT && v.kind != VALUE_UNDEFINED) {
        jinja_fail(j, "items() needs a dict, found %s", kind_name(v.kind));
        return NULL;
    }
    if (v.kind == VALUE_DICT) {
        v.kind = VALUE_VIEW;
        v.flavor = VIEW_ITEMS;
    }
    return value_list(j, v);
}

struct list *iterator_list(struct jinja *j, struct iterator *iterator)
{
    static struct list *(*const makers[])(struct jinja *, const struct call *) = {
        [LAZY_MAP] = make_map,     [LAZY_SELECT] = make_select, [LAZY_UNIQUE] = make_unique,
        [LAZY_BATCH] = make_batch, [LAZY_SLICE] = make_slice,   [LAZY_ITEMS] = make_items,
    };
    enum { LEVELS = 3 }; /* one of these may walk another: it takes the stack of so many evaluations */
    if (iterator->list)
        return iterator->list;
    if (!jinja_enter(j))
        return NULL;
    j->depth += LEVELS - 1;
    iterator->list = makers[iterator->call->row->detail & LAZY_KINDS](j, iterator->call);
    j->depth -= LEVELS;
    return iterator->list;
}

/* A copy of a call that outlives it. */
static struct call *keep_call(struct jinja *j, const struct call *call)
{
    const struct arguments *all = call->all;
    struct call *copy = machine_alloc(j, 1, sizeof *copy);
    struct arguments *arguments = machine_alloc(j, 1, sizeof *arguments);
    struct value *args = machine_alloc(j, all->n_args, sizeof *args);
    struct keyword *keywords = machine_alloc(j, all->n_keywords, sizeof *keywords);
    if (!copy || !arguments || !args || !keywords)
        return NULL;
    if (all->n_args)
        memcpy(args, all->args, all->n_args * sizeof *args);
    if (all->n_keywords)
        memcpy(keywords, all->keywords, all->n_keywords * sizeof *keywords);
    *arguments = (struct arguments){args, all->n_args, keywords, all->n_keywords};
    *copy = *call;
    copy->all = arguments;
    return copy;
}

bool filter_lazy(struct jinja *j, const struct call *call, struct value *out)
{
    struct iterator *iterator = machine_alloc(j, 1, sizeof *iterator);
    if (!iterator || !(iterator->call = keep_call(j, call)))
        return false;
    *out = (struct value){.kind = VALUE_ITERATOR, .as.iterator = iterator};
    return true;
}

bool filter_iterator(struct jinja *j, struct list *list, struct value *out)
{
    struct iterator *iterator = list ? machine_alloc(j, 1, sizeof *iterator) : NULL;
    if (!iterator)
        return false;
    iterator->list = list;
    *out = (struct value){.kind = VALUE_ITERATOR, .as.iterator = iterator};
    return true;
}
