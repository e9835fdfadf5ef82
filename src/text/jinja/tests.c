/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests: `x is name`.
 */
#include "text/jinja/strings.h"

static bool give(bool result, struct value *out)
{
    *out = value_bool(result);
    return true;
}

static bool test_defined(struct jinja *j, const struct call *call, struct value *out)
{
    (void)j;
    return give((call->self.kind != VALUE_UNDEFINED) == call->row->detail, out);
}

/* Kinds as bits, for the tests that ask for one of several. */
#define KIND(kind) (1 << (kind))
enum {
    KINDS_NUMBER = KIND(VALUE_BOOL) | KIND(VALUE_INT) | KIND(VALUE_FLOAT),
    KINDS_SEQUENCE = KIND(VALUE_UNDEFINED) | KIND(VALUE_STRING) | KIND(VALUE_LIST) | KIND(VALUE_TUPLE) |
                     KIND(VALUE_DICT) | KIND(VALUE_RANGE),
    KINDS_CALLABLE = KIND(VALUE_UNDEFINED) | KIND(VALUE_MACRO) | KIND(VALUE_LOOP) | KIND(VALUE_FUNCTION) |
                     KIND(VALUE_METHOD) | KIND(VALUE_JOINER)
};

static bool test_kind(struct jinja *j, const struct call *call, struct value *out)
{
    (void)j;
    return give(KIND(call->self.kind) & call->row->detail, out);
}

static bool test_boolean(struct jinja *j, const struct call *call, struct value *out)
{
    (void)j;
    return give(call->self.kind == VALUE_BOOL && call->self.as.boolean == call->row->detail, out);
}

static bool test_iterable(struct jinja *j, const struct call *call, struct value *out)
{
    (void)j;
    return give(value_iterable(call->self), out);
}

static bool test_case(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = value_str(j, call->self);
    return text && give(string_is_case(text, call->row->detail), out) && jinja_work(j, 0, text->len * 4);
}

static bool test_escaped(struct jinja *j, const struct call *call, struct value *out)
{
    (void)j;
    return give(call->self.kind == VALUE_STRING && call->self.as.text->markup, out);
}

/* odd, even, divisibleby. */
static bool test_divisible(struct jinja *j, const struct call *call, struct value *out)
{
    struct value divisor = call->args[0].kind == VALUE_ABSENT ? value_int(2) : call->args[0], rest;
    bool equal;
    if (!jinja_binary(j, OP_MOD, call->self, divisor, &rest) ||
        !value_equal(j, rest, value_int(call->row->detail), &equal))
        return false;
    return give(equal, out);
}

static bool test_sameas(struct jinja *j, const struct call *call, struct value *out)
{
    struct value a = call->self, b = call->args[0];
    bool equal = a.kind == b.kind;
    if (equal && (a.kind <= VALUE_INT || a.kind == VALUE_STRING || a.kind == VALUE_FLOAT))
        return value_equal(j, a, b, &equal) && give(equal, out);
    return give(equal && a.as.list == b.as.list, out);
}

static bool test_in(struct jinja *j, const struct call *call, struct value *out)
{
    bool found;
    return value_contains(j, call->args[0], call->self, &found) && give(found, out);
}

static bool test_equal(struct jinja *j, const struct call *call, struct value *out)
{
    bool equal;
    return value_equal(j, call->self, call->args[0], &equal) && give(equal == call->row->detail, out);
}

enum { ORDER_SWAP = 1, ORDER_EQUAL = 2 };

/* lt, le, gt, ge. */
static bool test_order(struct jinja *j, const struct call *call, struct value *out)
{
    bool swap = call->row->detail & ORDER_SWAP, less, equal = false;
    if (!value_less(j, swap ? call->args[0] : call->self, swap ? call->self : call->args[0], &less))
        return false;
    if (!less && (call->row->detail & ORDER_EQUAL) && !value_equal(j, call->self, call->args[0], &equal))
        return false;
    return give(less || equal, out);
}

/* Whether a filter (detail 0) or test of that name exists. */
static bool test_exists(struct jinja *j, const struct call *call, struct value *out)
{
    struct value v = call->self;
    if (v.kind == VALUE_LIST || v.kind == VALUE_DICT)
        return jinja_fail(j, "%s cannot be a name", kind_name(v.kind));
    if (v.kind != VALUE_STRING)
        return give(false, out);
    return give((call->row->detail ? jinja_test(text_str(v.as.text)) : jinja_filter(text_str(v.as.text))) != NULL, out);
}

static const struct builtin tests[] = {
    {"defined", test_defined, "", true},
    {"undefined", test_defined, "", false},
    {"none", test_kind, "", KIND(VALUE_NONE)},
    {"string", test_kind, "", KIND(VALUE_STRING)},
    {"mapping", test_kind, "", KIND(VALUE_DICT)},
    {"number", test_kind, "", KINDS_NUMBER},
    {"boolean", test_kind, "", KIND(VALUE_BOOL)},
    {"integer", test_kind, "", KIND(VALUE_INT)},
    {"float", test_kind, "", KIND(VALUE_FLOAT)},
    {"sequence", test_kind, "", KINDS_SEQUENCE},
    {"callable", test_kind, "", KINDS_CALLABLE},
    {"iterable", test_iterable, "", 0},
    {"true", test_boolean, "", true},
    {"false", test_boolean, "", false},
    {"in", test_in, "seq", 0},
    {"odd", test_divisible, "", 1},
    {"even", test_divisible, "", 0},
    {"divisibleby", test_divisible, "num", 0},
    {"lower", test_case, "", false},
    {"upper", test_case, "", true},
    {"escaped", test_escaped, "", 0},
    {"sameas", test_sameas, "other", 0},
    {"filter", test_exists, "", 0},
    {"test", test_exists, "", 1},
    {"==", test_equal, "other", true},
    {"eq", test_equal, "other", true},
    {"equalto", test_equal, "other", true},
    {"!=", test_equal, "other", false},
    {"ne", test_equal, "other", false},
    {"<", test_order, "other", 0},
    {"lt", test_order, "other", 0},
    {"lessthan", test_order, "other", 0},
    {"<=", test_order, "other", ORDER_EQUAL},
    {"le", test_order, "other", ORDER_EQUAL},
    {">", test_order, "other", ORDER_SWAP},
    {"gt", test_order, "other", ORDER_SWAP},
    {"greaterthan", test_order, "other", ORDER_SWAP},
    {">=", test_order, "other", ORDER_SWAP | ORDER_EQUAL},
    {"ge", test_order, "other", ORDER_SWAP | ORDER_EQUAL},
};

const struct builtin *jinja_test(struct str name)
{
    return builtin_find(tests, sizeof tests / sizeof *tests, name);
}
