/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions that templates find without being given them.
 */
#include "text/jinja/jinja.h"

#include <stdio.h>

#include "base/error.h"

static bool function_range(struct jinja *j, const struct call *call, struct value *out)
{
    int64_t first, stop, step;
    if (!call_int(j, call, 0, 0, &first) || !call_int(j, call, 1, 0, &stop) || !call_int(j, call, 2, 1, &step))
        return false;
    if (call->args[1].kind == VALUE_ABSENT) {
        stop = first;
        first = 0;
    }
    if (step == 0)
        return jinja_fail(j, "range() step must not be zero");
    struct range *range = machine_alloc(j, 1, sizeof *range);
    if (!range)
        return false;
    uint64_t distance = 0, stride = step < 0 ? 0 - (uint64_t)step : (uint64_t)step;
    if (step > 0 ? stop > first : stop < first)
        distance = step > 0 ? (uint64_t)stop - (uint64_t)first : (uint64_t)first - (uint64_t)stop;
    uint64_t n = distance ? (distance - 1) / stride + 1 : 0;
    if (n > template_limits[BOUND_RANGE].value)
        return jinja_exceeded(j, BOUND_RANGE);
    *range = (struct range){first, stop, step, (size_t)n};
    *out = (struct value){.kind = VALUE_RANGE, .as.range = range};
    return true;
}

/* The arguments of dict() and namespace(): a dict or pairs, then keywords. */
static struct dict *build_dict(struct jinja *j, const struct call *call)
{
    const struct arguments *all = call->all;
    struct dict *dict = dict_new(j, all->n_keywords);
    if (all->n_args > 1) {
        jinja_fail(j, "%s() takes at most one argument, found %zu", call->row->name, all->n_args);
        return NULL;
    }
    struct value from = all->n_args ? all->args[0] : value_none();
    if (from.kind == VALUE_DICT)
        from = (struct value){.kind = VALUE_VIEW, .flavor = VIEW_ITEMS, .as.dict = from.as.dict};
    struct list *pairs = all->n_args ? value_list(j, from) : list_new(j, 0);
    for (size_t i = 0; dict && pairs && i < pairs->n; i++) {
        struct list *pair = value_list(j, pairs->items[i]);
        if (!pair)
            return NULL;
        if (pair->n != 2) {
            jinja_fail(j, "%s() needs pairs, found %zu values", call->row->name, pair->n);
            return NULL;
        }
        if (!dict_set(j, dict, pair->items[0], pair->items[1]))
            return NULL;
    }
    for (size_t i = 0; dict && pairs && i < all->n_keywords; i++)
        if (!dict_set(j, dict, all->keywords[i].name, all->keywords[i].value))
            return NULL;
    return pairs ? dict : NULL;
}

static bool function_dict(struct jinja *j, const struct call *call, struct value *out)
{
    struct dict *dict = build_dict(j, call);
    *out = (struct value){.kind = VALUE_DICT, .as.dict = dict};
    return dict != NULL;
}

static bool function_namespace(struct jinja *j, const struct call *call, struct value *out)
{
    struct dict *dict = build_dict(j, call);
    for (size_t i = 0; dict && i < dict->n; i++) {
        struct value key = dict->entries[i].key;
        if (key.kind == VALUE_STRING && key.as.text->len && key.as.text->ptr[0] == '_')
            return jinja_fail(j, "a namespace cannot hold '%.*s': its name starts with an underscore",
                              text_clip(key.as.text), key.as.text->ptr);
    }
    *out = (struct value){.kind = VALUE_NAMESPACE, .as.dict = dict};
    return dict != NULL;
}

static bool function_raise(struct jinja *j, const struct call *call, struct value *out)
{
    (void)out;
    const struct text *message = value_str(j, call->args[0]);
    if (!message)
        return false;
    int len = message->len < 400 ? (int)message->len : 400;
    return error_set(j->err, HOB_FORMAT, "%.*s", len, message->ptr);
}

/* The pattern for the C library of one for Python, which has %f: microseconds, none here. A blank at the end tells an
 * empty result from one that does not fit. */
static bool strftime_pattern(struct str format, char *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < format.len; i++) {
        bool pair = format.ptr[i] == '%' && i + 1 < format.len;
        struct str piece = {format.ptr + i, pair ? 2 : 1};
        i += pair;
        if (str_eq(piece, STR("%f")))
            piece = STR("000000");
        if (n + piece.len + 2 > cap)
            return false;
        memcpy(out + n, piece.ptr, piece.len);
        n += piece.len;
    }
    memcpy(out + n, " ", 2);
    return true;
}

static bool function_strftime(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *format = NULL;
    char text[1024], pattern[1024];
    struct tm tm;
    if (!call_text(j, call, 0, &format))
        return false;
    if (memchr(format->ptr, 0, format->len))
        return jinja_fail(j, "strftime_now(): the format holds a null character");
    if (!strftime_pattern(text_str(format), pattern, sizeof pattern))
        return jinja_fail(j, "strftime_now(): the format is longer than %zu bytes", sizeof pattern - 2);
    localtime_r(&j->input->now, &tm);
    tm.tm_isdst = -1; /* a Python datetime without a zone: nothing for %z and %Z */
    tm.tm_zone = "";
    size_t n = strftime(text, sizeof text, pattern, &tm);
    if (!n)
        return jinja_fail(j, "strftime_now(): the result is longer than %zu bytes", sizeof text - 2);
    *out = value_text(text_copy(j, (struct str){text, n - 1}));
    return out->as.text != NULL;
}

/* cycler(...) and joiner(separator). */
static bool function_cycler(struct jinja *j, const struct call *call, struct value *out)
{
    const struct arguments *all = call->all;
    struct cycler *cycler = machine_alloc(j, 1, sizeof *cycler);
    struct list *items = cycler ? list_new(j, all->n_args) : NULL;
    for (size_t i = 0; items && i < all->n_args; i++)
        if (!list_add(j, items, all->args[i]))
            return false;
    if (!items)
        return false;
    if (!items->n || all->n_keywords)
        return jinja_fail(j, "cycler() needs at least one item, and no keywords");
    cycler->items = items;
    *out = (struct value){.kind = VALUE_CYCLER, .as.cycler = cycler};
    return true;
}

static bool function_joiner(struct jinja *j, const struct call *call, struct value *out)
{
    struct cycler *cycler = machine_alloc(j, 1, sizeof *cycler);
    struct list *items = cycler ? list_new(j, 1) : NULL;
    struct value separator = call->args[0];
    if (items && separator.kind == VALUE_ABSENT)
        separator = value_text(text_borrow(j, STR(", "), false));
    if (!items || (separator.kind == VALUE_STRING && !separator.as.text) || !list_add(j, items, separator))
        return false;
    cycler->items = items;
    *out = (struct value){.kind = VALUE_JOINER, .as.cycler = cycler};
    return true;
}

static const struct builtin functions[] = {
    {"range", function_range, "/ start ?stop ?step", 0},
    {"namespace", function_namespace, "*", 0},
    {"dict", function_dict, "*", 0},
    {"raise_exception", function_raise, "message", 0},
    {"strftime_now", function_strftime, "format", 0},
    {"cycler", function_cycler, "*", 0},
    {"joiner", function_joiner, "?sep", 0},
};

const struct builtin *jinja_function(struct str name)
{
    return builtin_find(functions, sizeof functions / sizeof *functions, name);
}
