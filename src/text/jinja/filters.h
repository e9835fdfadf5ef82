/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of filters share.
 */
#ifndef HOB_TEXT_JINJA_FILTERS_H
#define HOB_TEXT_JINJA_FILTERS_H

#include "text/jinja/strings.h"

/* Follows a path of attributes set apart by dots, "a.b.0"; `path` is a string or any other key; none gives `v` itself.
 * What is missing becomes `fallback` unless that is absent or none. */
bool filter_follow(struct jinja *j, struct value v, struct value path, struct value fallback, struct value *out);

/* What sorting and grouping compare by: an attribute, in lower case unless case matters. */
struct key_rule {
    struct value attribute; /* VALUE_ABSENT or VALUE_NONE: the item itself */
    struct value fallback;
    bool case_sensitive;
};

/* The key of an item. */
bool filter_key(struct jinja *j, const struct key_rule *rule, struct value item, struct value *key);

/* jinja/sort.c: sort, dictsort, groupby, min and max. */
bool filter_sort(struct jinja *j, const struct call *call, struct value *out);
bool filter_dictsort(struct jinja *j, const struct call *call, struct value *out);
bool filter_groupby(struct jinja *j, const struct call *call, struct value *out);
bool filter_extreme(struct jinja *j, const struct call *call, struct value *out);

/* The `detail` of the rows of lazy filters: which one, and what `select` and its kin differ in. */
enum {
    LAZY_MAP,
    LAZY_SELECT,
    LAZY_UNIQUE,
    LAZY_BATCH,
    LAZY_SLICE,
    LAZY_ITEMS,
    LAZY_KINDS = 15,
    SELECT_REJECT = 16,
    SELECT_ATTRIBUTE = 32
};

/* Filters that make their items when somebody walks them (jinja/iterators.c). */
bool filter_lazy(struct jinja *j, const struct call *call, struct value *out);

/* A list as an iterator. */
bool filter_iterator(struct jinja *j, struct list *list, struct value *out);

#endif
