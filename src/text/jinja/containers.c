/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists and dicts. A dict keeps insertion order; from a few entries on it has a table of their positions.
 */
#include "text/jinja/jinja.h"

#include <math.h>

#include "base/map.h"

enum { INDEX_FROM = 8 };

struct list *list_new(struct jinja *j, size_t cap)
{
    struct list *list = machine_alloc(j, 1, sizeof *list);
    if (!list)
        return NULL;
    if (cap) {
        list->items = machine_alloc(j, cap, sizeof *list->items);
        if (!list->items)
            return NULL;
        list->cap = cap;
    }
    return list;
}

bool list_add(struct jinja *j, struct list *list, struct value v)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 4;
        struct value *items = machine_grow(j, list->items, list->cap * sizeof *items, cap * sizeof *items);
        if (!items)
            return false;
        list->items = items;
        list->cap = cap;
    }
    list->items[list->n++] = v;
    return true;
}

struct dict *dict_new(struct jinja *j, size_t cap)
{
    struct dict *dict = machine_alloc(j, 1, sizeof *dict);
    if (!dict)
        return NULL;
    if (cap) {
        dict->entries = machine_alloc(j, cap, sizeof *dict->entries);
        if (!dict->entries)
            return NULL;
        dict->cap = cap;
    }
    return dict;
}

/* A hash that is equal for equal keys, 1 and 1.0 and true among them. */
static bool hash_value(struct jinja *j, struct value v, uint64_t *hash)
{
    switch (v.kind) {
    case VALUE_STRING:
        *hash = hash_bytes(v.as.text->ptr, v.as.text->len);
        return jinja_work(j, 0, v.as.text->len);
    case VALUE_FLOAT:
        if (v.as.real != floor(v.as.real) || fabs(v.as.real) >= 9.2e18) {
            *hash = hash_bytes(&v.as.real, sizeof v.as.real);
            return true;
        }
        v = value_int((int64_t)v.as.real);
        *hash = hash_bytes(&v.as.integer, sizeof v.as.integer);
        return true;
    case VALUE_BOOL:
    case VALUE_INT:
        v = value_int(value_integer(v));
        *hash = hash_bytes(&v.as.integer, sizeof v.as.integer);
        return true;
    case VALUE_NONE:
    case VALUE_UNDEFINED:
        *hash = v.kind;
        return true;
    case VALUE_LIST:
    case VALUE_DICT:
    case VALUE_VIEW:
        return jinja_fail(j, "a %s cannot be a key", kind_name(v.kind));
    case VALUE_RANGE:
        *hash = v.as.range->n;
        return true;
    case VALUE_TUPLE:
        break;
    default:
        *hash = hash_bytes(&v.as.list, sizeof v.as.list);
        return true;
    }
    *hash = v.as.list->n;
    if (!jinja_work(j, 1, 0) || !jinja_enter(j))
        return false;
    bool ok = true;
    for (size_t i = 0; ok && i < v.as.list->n; i++) {
        uint64_t item = 0;
        ok = hash_value(j, v.as.list->items[i], &item);
        *hash = (*hash ^ item) * 0x9e3779b97f4a7c15u;
    }
    j->depth--;
    return ok;
}

/* The entry of a key in `*entry`, NULL when there is none, and the place in the index where it belongs. */
static bool find(struct jinja *j, const struct dict *dict, struct value key, struct dict_entry **entry, size_t *place)
{
    uint64_t hash = 0;
    *entry = NULL;
    *place = 0;
    if (!hash_value(j, key, &hash))
        return false;
    if (!dict->n_index) {
        for (size_t i = 0; i < dict->n; i++) {
            bool equal;
            if (!value_equal(j, dict->entries[i].key, key, &equal))
                return false;
            if (equal) {
                *entry = &dict->entries[i];
                return true;
            }
        }
        return true;
    }
    for (*place = hash & (dict->n_index - 1); dict->index[*place]; *place = (*place + 1) & (dict->n_index - 1)) {
        struct dict_entry *candidate = &dict->entries[dict->index[*place] - 1];
        bool equal;
        if (!value_equal(j, candidate->key, key, &equal))
            return false;
        if (equal) {
            *entry = candidate;
            return true;
        }
    }
    return true;
}

/* Builds the index anew, twice as large as needed for `cap` entries. */
static bool reindex(struct jinja *j, struct dict *dict)
{
    size_t n = 16;
    while (n < dict->cap * 2)
        n *= 2;
    dict->index = machine_alloc(j, n, sizeof *dict->index);
    if (!dict->index)
        return false;
    dict->n_index = n;
    for (size_t i = 0; i < dict->n; i++) {
        uint64_t hash = 0;
        if (!hash_value(j, dict->entries[i].key, &hash))
            return false;
        size_t place = hash & (n - 1);
        while (dict->index[place])
            place = (place + 1) & (n - 1);
        dict->index[place] = (uint32_t)i + 1;
    }
    return true;
}

bool dict_set(struct jinja *j, struct dict *dict, struct value key, struct value v)
{
    struct dict_entry *entry;
    size_t place;
    if (!find(j, dict, key, &entry, &place))
        return false;
    if (entry) {
        entry->value = v;
        return true;
    }
    bool grown = dict->n == dict->cap;
    if (grown) {
        size_t cap = dict->cap ? dict->cap * 2 : 4;
        struct dict_entry *entries = machine_grow(j, dict->entries, dict->cap * sizeof *entries, cap * sizeof *entries);
        if (!entries)
            return false;
        dict->entries = entries;
        dict->cap = cap;
    }
    dict->entries[dict->n++] = (struct dict_entry){key, v};
    if (dict->n_index && !grown) {
        dict->index[place] = (uint32_t)dict->n;
        return true;
    }
    return dict->n < INDEX_FROM || reindex(j, dict);
}

bool dict_get(struct jinja *j, const struct dict *dict, struct value key, struct value *out)
{
    struct dict_entry *entry;
    size_t place;
    if (!find(j, dict, key, &entry, &place))
        return false;
    *out = entry ? entry->value : (struct value){.kind = VALUE_ABSENT};
    return true;
}

const struct value *dict_find(const struct dict *dict, struct str key)
{
    if (!dict->n_index) {
        for (size_t i = 0; i < dict->n; i++) {
            const struct value *k = &dict->entries[i].key;
            if (k->kind == VALUE_STRING && str_eq(text_str(k->as.text), key))
                return &dict->entries[i].value;
        }
        return NULL;
    }
    size_t mask = dict->n_index - 1;
    for (size_t place = hash_bytes(key.ptr, key.len) & mask; dict->index[place]; place = (place + 1) & mask) {
        const struct dict_entry *entry = &dict->entries[dict->index[place] - 1];
        if (entry->key.kind == VALUE_STRING && str_eq(text_str(entry->key.as.text), key))
            return &entry->value;
    }
    return NULL;
}
