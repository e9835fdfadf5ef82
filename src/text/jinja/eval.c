/* SPDX-License-Identifier: Apache-2.0
 *
 * Expressions: one function a kind of node.
 */
#include "text/jinja/jinja.h"

bool jinja_fail_undefined(struct jinja *j, struct value v)
{
    const struct text *key = v.as.text;
    switch (v.flavor) {
    case UNDEFINED_NAME:
        return jinja_fail(j, "'%.*s' is undefined", text_clip(key), key->ptr);
    case UNDEFINED_ATTRIBUTE:
        return jinja_fail(j, "'%s' has no attribute '%.*s'", kind_name(v.of), text_clip(key), key->ptr);
    case UNDEFINED_UNSAFE:
        return jinja_fail(j, "access to attribute '%.*s' of '%s' is unsafe", text_clip(key), key->ptr, kind_name(v.of));
    default:
        return jinja_fail(j, "%.*s", text_clip(key), key->ptr);
    }
}

bool jinja_fail_kinds(struct jinja *j, const char *what, struct value a, struct value b)
{
    if (a.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, a);
    if (b.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, b);
    return jinja_fail(j, "%s %s and %s is not supported", what, kind_name(a.kind), kind_name(b.kind));
}

static bool eval_const(struct jinja *j, const struct node *node, struct value *out)
{
    (void)j;
    *out = node->constant;
    return true;
}

static bool eval_name(struct jinja *j, const struct node *node, struct value *out)
{
    *out = jinja_lookup(j, node->name);
    if (out->kind == VALUE_UNDEFINED && str_eq(text_str(j->template->names[node->name]), STR("self")))
        return jinja_fail(j, "'self' is not supported in a chat template");
    return true;
}

static bool eval_capture(struct jinja *j, const struct node *node, struct value *out)
{
    (void)node;
    *out = j->capture;
    return true;
}

static bool eval_list(struct jinja *j, const struct node *node, struct value *out)
{
    struct list *list = list_new(j, node->n);
    for (uint32_t i = 0; list && i < node->n; i++) {
        struct value item;
        if (!jinja_eval(j, node->list[i], &item) || !list_add(j, list, item))
            return false;
    }
    *out = (struct value){.kind = node->kind == NODE_LIST ? VALUE_LIST : VALUE_TUPLE, .as.list = list};
    return list != NULL;
}

static bool eval_dict(struct jinja *j, const struct node *node, struct value *out)
{
    struct dict *dict = dict_new(j, node->n / 2);
    for (uint32_t i = 0; dict && i + 1 < node->n; i += 2) {
        struct value key, value;
        if (!jinja_eval(j, node->list[i], &key) || !jinja_eval(j, node->list[i + 1], &value) ||
            !dict_set(j, dict, key, value))
            return false;
    }
    *out = (struct value){.kind = VALUE_DICT, .as.dict = dict};
    return dict != NULL;
}

static bool eval_attribute(struct jinja *j, const struct node *node, struct value *out)
{
    struct value object;
    if (!jinja_eval(j, node->a, &object))
        return false;
    j->line = node->line;
    return jinja_attribute(j, object, j->template->names[node->name], out);
}

static bool eval_item(struct jinja *j, const struct node *node, struct value *out)
{
    struct value object, key;
    if (!jinja_eval(j, node->a, &object) || !jinja_eval(j, node->b, &key))
        return false;
    j->line = node->line;
    return jinja_item(j, object, key, out);
}

static bool eval_slice(struct jinja *j, const struct node *node, struct value *out)
{
    struct value object, bounds[3] = {{.kind = VALUE_ABSENT}};
    if (!jinja_eval(j, node->a, &object))
        return false;
    for (int i = 0; i < 3; i++)
        if (node->list[i] && !jinja_eval(j, node->list[i], &bounds[i]))
            return false;
    j->line = node->line;
    return jinja_slice(j, object, bounds, out);
}

/* ---- Calls ---- */

static bool push_star(struct jinja *j, struct value items)
{
    struct list *list = value_list(j, items);
    for (size_t i = 0; list && i < list->n; i++)
        if (!jinja_push(j, list->items[i]))
            return false;
    return list != NULL;
}

static bool push_double_star(struct jinja *j, struct value v)
{
    if (v.kind != VALUE_DICT)
        return jinja_fail(j, "the argument after ** must be a dict, not %s", kind_name(v.kind));
    for (size_t i = 0; i < v.as.dict->n; i++) {
        if (v.as.dict->entries[i].key.kind != VALUE_STRING)
            return jinja_fail(j, "keyword arguments need strings as names");
        if (!jinja_push(j, v.as.dict->entries[i].key) || !jinja_push(j, v.as.dict->entries[i].value))
            return false;
    }
    return true;
}

/* The keyword arguments at `keywords` name nothing twice. */
static bool check_keywords(struct jinja *j, const struct keyword *keywords, size_t n)
{
    if (!jinja_work(j, n * n / 16, 0))
        return false;
    for (size_t i = 1; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (str_eq(text_str(keywords[i].name.as.text), text_str(keywords[k].name.as.text)))
                return jinja_fail(j, "keyword argument repeated: %.*s", text_clip(keywords[i].name.as.text),
                                  keywords[i].name.as.text->ptr);
    return true;
}

bool jinja_arguments(struct jinja *j, struct node *const *list, size_t n, struct arguments *out)
{
    size_t base = j->n_stack;
    bool stars = false;
    struct value v;
    for (size_t i = 0; i < n; i++) { /* positional ones first: they lie together */
        const struct node *node = list[i];
        if (node->kind == NODE_KEYWORD || node->kind == NODE_DOUBLE_STAR)
            continue;
        if (!jinja_eval(j, node->kind == NODE_STAR ? node->a : node, &v))
            return false;
        if (node->kind == NODE_STAR ? !push_star(j, v) : !jinja_push(j, v))
            return false;
    }
    size_t middle = j->n_stack;
    for (size_t i = 0; i < n; i++) {
        const struct node *node = list[i];
        if (node->kind != NODE_KEYWORD && node->kind != NODE_DOUBLE_STAR)
            continue;
        if (!jinja_eval(j, node->a, &v))
            return false;
        stars |= node->kind == NODE_DOUBLE_STAR;
        if (node->kind == NODE_DOUBLE_STAR
                ? !push_double_star(j, v)
                : !jinja_push(j, value_text(j->template->names[node->name])) || !jinja_push(j, v))
            return false;
    }
    *out = (struct arguments){.args = j->stack + base, .n_args = middle - base};
    out->keywords = (const struct keyword *)(const void *)(j->stack + middle);
    out->n_keywords = (j->n_stack - middle) / 2;
    return !stars || check_keywords(j, out->keywords, out->n_keywords);
}

bool jinja_call(struct jinja *j, struct value function, const struct arguments *arguments, struct value *out)
{
    struct value none = {.kind = VALUE_ABSENT};
    switch (function.kind) {
    case VALUE_UNDEFINED:
        return jinja_fail_undefined(j, function);
    case VALUE_FUNCTION:
        return builtin_call(j, function.as.function, none, arguments, out);
    case VALUE_METHOD:
        return builtin_call(j, function.as.method->row, function.as.method->self, arguments, out);
    case VALUE_MACRO:
        return jinja_call_macro(j, function.as.macro, arguments, out);
    case VALUE_LOOP:
        if (arguments->n_args != 1 || arguments->n_keywords)
            return jinja_fail(j, "loop() takes one argument");
        return jinja_call_loop(j, function.as.loop, arguments->args[0], out);
    case VALUE_JOINER:
        if (arguments->n_args || arguments->n_keywords)
            return jinja_fail(j, "a joiner takes no argument");
        *out = value_text(text_borrow(j, STR(""), false));
        if (function.as.cycler->at++)
            *out = function.as.cycler->items->items[0];
        return out->kind != VALUE_STRING || out->as.text;
    default:
        return jinja_fail(j, "%s is not callable", kind_name(function.kind));
    }
}

/* object.name(...): finds the method of strings, lists and dicts without making a value of it. */
static bool call_attribute(struct jinja *j, const struct node *node, struct value *out)
{
    const struct node *target = node->a;
    struct value object, function;
    struct arguments arguments;
    if (!jinja_eval(j, target->a, &object))
        return false;
    j->line = target->line;
    const struct text *name = j->template->names[target->name];
    const struct builtin *method = jinja_method(object.kind, text_str(name));
    if (!method && !jinja_attribute(j, object, name, &function))
        return false;
    if (!jinja_arguments(j, node->list, node->n, &arguments))
        return false;
    j->line = node->line;
    return method ? builtin_call(j, method, object, &arguments, out) : jinja_call(j, function, &arguments, out);
}

static bool eval_call(struct jinja *j, const struct node *node, struct value *out)
{
    size_t base = j->n_stack;
    struct value function;
    struct arguments arguments;
    bool ok;
    if (node->a->kind == NODE_ATTRIBUTE) {
        ok = call_attribute(j, node, out);
    } else {
        ok = jinja_eval(j, node->a, &function) && jinja_arguments(j, node->list, node->n, &arguments);
        j->line = node->line;
        ok = ok && jinja_call(j, function, &arguments, out);
    }
    j->n_stack = base;
    return ok;
}

static bool fail_unknown(struct jinja *j, bool test, struct str name)
{
    char text[160];
    builtin_unknown(test, name, text);
    return jinja_fail(j, "%s", text);
}

/* Filters and tests. */
static bool eval_applied(struct jinja *j, const struct node *node, struct value *out)
{
    size_t base = j->n_stack;
    struct value self;
    struct arguments arguments;
    if (!jinja_eval(j, node->a, &self) || !jinja_arguments(j, node->list, node->n, &arguments))
        return false;
    j->line = node->line;
    const struct builtin *row = node->row;
    if (!row)
        return fail_unknown(j, node->kind == NODE_TEST, text_str(j->template->names[node->name]));
    bool ok = builtin_call(j, row, self, &arguments, out);
    j->n_stack = base;
    return ok;
}

bool jinja_apply(struct jinja *j, bool test, struct value name, struct value self, const struct arguments *arguments,
                 struct value *out)
{
    if (name.kind != VALUE_STRING)
        return jinja_fail(j, "the name of a %s must be a string", test ? "test" : "filter");
    struct str s = text_str(name.as.text);
    const struct builtin *row = test ? jinja_test(s) : jinja_filter(s);
    if (!row || !row->run)
        return fail_unknown(j, test, s);
    enum { LEVELS = 3 }; /* it takes the stack of so many evaluations */
    if (!jinja_enter(j))
        return false;
    j->depth += LEVELS - 1;
    bool ok = builtin_call(j, row, self, arguments, out);
    j->depth -= LEVELS;
    return ok;
}

/* ---- Operators ---- */

static bool eval_not(struct jinja *j, const struct node *node, struct value *out)
{
    if (!jinja_eval(j, node->a, out))
        return false;
    *out = value_bool(!value_truth(*out));
    return true;
}

static bool eval_sign(struct jinja *j, const struct node *node, struct value *out)
{
    struct value v;
    if (!jinja_eval(j, node->a, &v))
        return false;
    j->line = node->line;
    if (v.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, v);
    if (!value_is_number(v))
        return jinja_fail(j, "a sign before %s is not supported", kind_name(v.kind));
    if (v.kind == VALUE_FLOAT) { /* 0 + -0.0 would be 0.0 */
        *out = value_float(node->kind == NODE_NEGATE ? -v.as.real : v.as.real);
        return true;
    }
    return number_apply(j, node->kind == NODE_NEGATE ? OP_SUB : OP_ADD, value_int(0), v, out);
}

static bool eval_and_or(struct jinja *j, const struct node *node, struct value *out)
{
    if (!jinja_eval(j, node->a, out))
        return false;
    return value_truth(*out) == (node->kind == NODE_OR) || jinja_eval(j, node->b, out);
}

static bool eval_condition(struct jinja *j, const struct node *node, struct value *out)
{
    static const struct text hint = {
        .ptr = "the inline if evaluated to false and has no else", .len = 48, .n_chars = 48};
    struct value test;
    if (!jinja_eval(j, node->a, &test))
        return false;
    const struct node *branch = value_truth(test) ? node->b : node->c;
    if (branch)
        return jinja_eval(j, branch, out);
    *out = value_undefined(UNDEFINED_HINT, &hint, VALUE_UNDEFINED);
    return true;
}

static bool eval_concat(struct jinja *j, const struct node *node, struct value *out)
{
    struct text_builder builder = {0};
    for (uint32_t i = 0; i < node->n; i++) {
        struct value v;
        if (!jinja_eval(j, node->list[i], &v) || !value_write(j, &builder, v, false))
            return false;
    }
    *out = value_text(builder_take(j, &builder));
    return out->as.text != NULL;
}

static bool compare(struct jinja *j, enum comparison op, struct value a, struct value b, bool *result)
{
    bool negate = op == CMP_NE || op == CMP_NOT_IN, ok, equal;
    switch (op) {
    case CMP_EQ:
    case CMP_NE:
        ok = value_equal(j, a, b, result);
        break;
    case CMP_IN:
    case CMP_NOT_IN:
        ok = value_contains(j, b, a, result);
        break;
    case CMP_LT:
        return value_less(j, a, b, result);
    case CMP_GT:
        return value_less(j, b, a, result);
    default: /* <= is < or ==, which for NaN are both false */
        ok = op == CMP_LE ? value_less(j, a, b, result) : value_less(j, b, a, result);
        if (ok && !*result) {
            ok = value_equal(j, a, b, &equal);
            *result = equal;
        }
        break;
    }
    *result ^= ok && negate;
    return ok;
}

static bool eval_compare(struct jinja *j, const struct node *node, struct value *out)
{
    const uint8_t *ops = node->row;
    struct value left, right;
    if (!jinja_eval(j, node->list[0], &left))
        return false;
    bool result = true;
    for (uint32_t i = 1; result && i < node->n; i++) {
        if (!jinja_eval(j, node->list[i], &right))
            return false;
        j->line = node->line;
        if (!compare(j, ops[i - 1], left, right, &result))
            return false;
        left = right;
    }
    *out = value_bool(result);
    return true;
}

static bool eval_binary(struct jinja *j, const struct node *node, struct value *out)
{
    struct value a, b;
    if (!jinja_eval(j, node->a, &a) || !jinja_eval(j, node->b, &b))
        return false;
    j->line = node->line;
    return jinja_binary(j, node->op, a, b, out);
}

static bool add_lists(struct jinja *j, struct value a, struct value b, struct value *out)
{
    struct list *list = list_new(j, a.as.list->n + b.as.list->n);
    for (size_t i = 0; list && i < a.as.list->n; i++)
        if (!list_add(j, list, a.as.list->items[i]))
            return false;
    for (size_t i = 0; list && i < b.as.list->n; i++)
        if (!list_add(j, list, b.as.list->items[i]))
            return false;
    *out = (struct value){.kind = a.kind, .as.list = list};
    return list != NULL && jinja_work(j, list->n / 4, 0);
}

static bool add_texts(struct jinja *j, const struct text *a, const struct text *b, struct value *out)
{
    if (a->markup != b->markup) {
        a = a->markup ? a : jinja_escape(j, a);
        b = b->markup ? b : jinja_escape(j, b);
    }
    const struct text *text = a && b ? text_concat(j, a, b) : NULL;
    *out = value_text(text);
    return text != NULL;
}

static bool repeat(struct jinja *j, struct value v, int64_t count, struct value *out)
{
    if (count < 0)
        count = 0;
    if (v.kind == VALUE_STRING) {
        struct text_builder builder = {0};
        for (; count && v.as.text->len; count--)
            if (!jinja_work(j, 1, 0) || !builder_text(j, &builder, v.as.text))
                return false;
        struct text *text = (struct text *)builder_take(j, &builder);
        if (text)
            text->markup = v.as.text->markup;
        *out = value_text(text);
        return text != NULL;
    }
    struct list *list = list_new(j, 0);
    for (; list && v.as.list->n && count; count--)
        for (size_t i = 0; i < v.as.list->n; i++)
            if (!jinja_work(j, 1, 0) || !list_add(j, list, v.as.list->items[i]))
                return false;
    *out = (struct value){.kind = v.kind, .as.list = list};
    return list != NULL;
}

bool jinja_binary(struct jinja *j, enum arithmetic op, struct value a, struct value b, struct value *out)
{
    static const char *const names[] = {
        [OP_ADD] = "'+' of",       [OP_SUB] = "'-' of", [OP_MUL] = "'*' of", [OP_DIV] = "'/' of",
        [OP_FLOORDIV] = "'//' of", [OP_MOD] = "'%' of", [OP_POW] = "'**' of"};
    bool a_sequence = a.kind == VALUE_STRING || a.kind == VALUE_LIST || a.kind == VALUE_TUPLE;
    bool b_sequence = b.kind == VALUE_STRING || b.kind == VALUE_LIST || b.kind == VALUE_TUPLE;
    if (value_is_number(a) && value_is_number(b))
        return number_apply(j, op, a, b, out);
    if (op == OP_ADD && a.kind == VALUE_STRING && b.kind == VALUE_STRING)
        return add_texts(j, a.as.text, b.as.text, out);
    if (op == OP_ADD && a.kind == b.kind && a_sequence)
        return add_lists(j, a, b, out);
    if (op == OP_MUL && a_sequence && (b.kind == VALUE_INT || b.kind == VALUE_BOOL))
        return repeat(j, a, value_integer(b), out);
    if (op == OP_MUL && b_sequence && (a.kind == VALUE_INT || a.kind == VALUE_BOOL))
        return repeat(j, b, value_integer(a), out);
    if (op == OP_MOD && a.kind == VALUE_STRING)
        return jinja_format_percent(j, a.as.text, b, out);
    return jinja_fail_kinds(j, names[op], a, b);
}

bool jinja_eval(struct jinja *j, const struct node *node, struct value *out)
{
    static bool (*const evaluators[])(struct jinja *, const struct node *, struct value *) = {
        [NODE_CONST] = eval_const,     [NODE_NAME] = eval_name,           [NODE_LIST] = eval_list,
        [NODE_TUPLE] = eval_list,      [NODE_DICT] = eval_dict,           [NODE_ATTRIBUTE] = eval_attribute,
        [NODE_ITEM] = eval_item,       [NODE_SLICE] = eval_slice,         [NODE_CALL] = eval_call,
        [NODE_FILTER] = eval_applied,  [NODE_TEST] = eval_applied,        [NODE_NOT] = eval_not,
        [NODE_NEGATE] = eval_sign,     [NODE_POSITIVE] = eval_sign,       [NODE_AND] = eval_and_or,
        [NODE_OR] = eval_and_or,       [NODE_BINARY] = eval_binary,       [NODE_CONCAT] = eval_concat,
        [NODE_COMPARE] = eval_compare, [NODE_CONDITION] = eval_condition, [NODE_CAPTURE] = eval_capture,
    };
    if (!jinja_work(j, 1, 0) || !jinja_enter(j))
        return false;
    bool ok = evaluators[node->kind](j, node, out);
    j->depth--;
    return ok;
}
