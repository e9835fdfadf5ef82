/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters on numbers and sequences, and the table of all filters but those on strings.
 */
#include "text/jinja/filters.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool give_list(struct list *list, enum value_kind kind, struct value *out)
{
    *out = (struct value){.kind = (uint8_t)kind, .as.list = list};
    return list != NULL;
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
        struct list *items = iterator_list(j, v.as.iterator);
        if (items && v.as.iterator->at < items->n)
            *out = items->items[v.as.iterator->at++];
        return items != NULL;
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
        return filter_iterator(j, reversed.as.list, out);
    *out = reversed; /* what cannot be walked backwards becomes a list */
    return true;
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
            if (!filter_follow(j, items->items[i], call->args[1], none, &part) || !list_add(j, parts, part))
                return false;
        }
    }
    *out = value_text(parts ? string_join(j, separator, parts, true) : NULL);
    return out->as.text != NULL;
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
            !filter_follow(j, item, call->args[0], none, &item))
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
    if (!(fabs(f) < 9223372036854775808.0))
        return jinja_fail(j, "number too large: integers have 64 bits");
    *out = value_int((int64_t)f);
    return true;
}

static bool filter_int(struct jinja *j, const struct call *call, struct value *out)
{
    struct value v = call->self;
    int64_t i, base = 10;
    double f;
    bool big = false;
    *out = call->args[0].kind == VALUE_ABSENT ? value_int(0) : call->args[0];
    if (call->args[1].kind != VALUE_ABSENT) /* what is no base reads no integer */
        base = call->args[1].kind == VALUE_INT || call->args[1].kind == VALUE_BOOL ? value_integer(call->args[1]) : -1;
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
    int64_t precision = 0;
    bool whole = call->args[0].kind == VALUE_NONE; /* round(x, None) is an integer */
    if (!method || (!whole && !call_int(j, call, 0, 0, &precision)) || !call_text(j, call, 1, &method))
        return false;
    struct str s = text_str(method);
    bool up = str_eq(s, STR("ceil"));
    if (!up && !str_eq(s, STR("floor")) && !str_eq(s, STR("common")))
        return jinja_fail(j, "round() knows the methods common, ceil and floor");
    if (v.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, v);
    if (!value_is_number(v))
        return jinja_fail(j, "round() needs a number, found %s", kind_name(v.kind));
    if (str_eq(s, STR("common"))) {
        if (!round_common(j, v, precision, out))
            return false;
        return !whole || out->kind != VALUE_FLOAT || truncate_float(j, out->as.real, out);
    }
    if (whole)
        return jinja_fail(j, "round() needs an integer, found None");
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
    {"items", filter_lazy, "", LAZY_ITEMS},
    {"first", filter_first, "", 0},
    {"last", filter_last, "", 0},
    {"map", filter_lazy, "*", LAZY_MAP},
    {"select", filter_lazy, "*", LAZY_SELECT},
    {"reject", filter_lazy, "*", LAZY_SELECT | SELECT_REJECT},
    {"selectattr", filter_lazy, "*", LAZY_SELECT | SELECT_ATTRIBUTE},
    {"rejectattr", filter_lazy, "*", LAZY_SELECT | SELECT_ATTRIBUTE | SELECT_REJECT},
    {"dictsort", filter_dictsort, "?case_sensitive ?by ?reverse", 0},
    {"sort", filter_sort, "?reverse ?case_sensitive ?attribute", 0},
    {"unique", filter_lazy, "?case_sensitive ?attribute", LAZY_UNIQUE},
    {"groupby", filter_groupby, "attribute ?default ?case_sensitive", 0},
    {"min", filter_extreme, "?case_sensitive ?attribute", false},
    {"max", filter_extreme, "?case_sensitive ?attribute", true},
    {"reverse", filter_reverse, "", 0},
    {"batch", filter_lazy, "linecount ?fill_with", LAZY_BATCH},
    {"slice", filter_lazy, "slices ?fill_with", LAZY_SLICE},
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
