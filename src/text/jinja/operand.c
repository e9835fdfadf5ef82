/* SPDX-License-Identifier: Apache-2.0
 *
 * Operands: literals, names, lists, dicts and tuples; the subscripts, calls, filters and tests behind them; and the
 * signs before them, which bind tighter than filters.
 */
#include "text/jinja/parser.h"

#include "text/jinja/jinja.h"

static struct node *constant(struct parser *p, unsigned line, struct value value)
{
    struct node *node = parser_node(p, NODE_CONST, line);
    if (node)
        node->constant = value;
    return node;
}

/* The items of a list up to `close`, whose opening bracket is the current token. */
static struct node *parse_list(struct parser *p)
{
    struct node *node = parser_node(p, NODE_LIST, p->token.line);
    struct node_list list = {0};
    if (!node || !parser_advance(p))
        return NULL;
    while (!parser_at_operator(p, ']')) {
        if (list.n && !parser_expect_operator(p, ','))
            return NULL;
        if (parser_at_operator(p, ']'))
            break;
        struct node *item = parse_expression(p, true);
        if (!item || !parser_add(p, &list, item))
            return NULL;
    }
    return parser_advance(p) ? parser_finish(p, node, &list) : NULL;
}

static struct node *parse_dict(struct parser *p)
{
    struct node *node = parser_node(p, NODE_DICT, p->token.line);
    struct node_list list = {0};
    if (!node || !parser_advance(p))
        return NULL;
    while (!parser_at_operator(p, '}')) {
        if (list.n && !parser_expect_operator(p, ','))
            return NULL;
        if (parser_at_operator(p, '}'))
            break;
        struct node *key = parse_expression(p, true);
        if (!key || !parser_expect_operator(p, ':'))
            return NULL;
        struct node *item = parse_expression(p, true);
        if (!item || !parser_add(p, &list, key) || !parser_add(p, &list, item))
            return NULL;
    }
    return parser_advance(p) ? parser_finish(p, node, &list) : NULL;
}

/* Adjacent string literals are one. */
static struct node *parse_string(struct parser *p)
{
    unsigned line = p->token.line;
    struct str bytes = p->token.text;
    if (!parser_advance(p))
        return NULL;
    while (p->token.kind == TOK_STRING) {
        char *joined = arena_alloc(&p->template->arena, bytes.len + p->token.text.len + 1);
        if (!joined) {
            parser_fail(p, line, "%s", template_limits[BOUND_MEMORY].sentence);
            return NULL;
        }
        memcpy(joined, bytes.ptr, bytes.len);
        memcpy(joined + bytes.len, p->token.text.ptr, p->token.text.len);
        bytes = (struct str){joined, bytes.len + p->token.text.len};
        if (!parser_advance(p))
            return NULL;
    }
    const struct text *text = parser_text(p, bytes);
    return text ? constant(p, line, value_text(text)) : NULL;
}

static unsigned special_use(uint32_t name)
{
    static const uint8_t flags[N_SPECIAL_NAMES] = {[NAME_LOOP] = FLAG_USES_LOOP,
                                                   [NAME_CALLER] = FLAG_USES_CALLER,
                                                   [NAME_VARARGS] = FLAG_USES_VARARGS,
                                                   [NAME_KWARGS] = FLAG_USES_KWARGS};
    return name < N_SPECIAL_NAMES ? flags[name] : 0;
}

static struct node *parse_name(struct parser *p, bool namespaces)
{
    static const struct {
        const char *name;
        struct value value;
    } words[] = {
        {"true", {.kind = VALUE_BOOL, .as.boolean = true}},
        {"True", {.kind = VALUE_BOOL, .as.boolean = true}},
        {"false", {.kind = VALUE_BOOL, .as.boolean = false}},
        {"False", {.kind = VALUE_BOOL, .as.boolean = false}},
        {"none", {.kind = VALUE_NONE}},
        {"None", {.kind = VALUE_NONE}},
    };
    unsigned line = p->token.line;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (parser_at_name(p, words[i].name))
            return parser_advance(p) ? constant(p, line, words[i].value) : NULL;
    struct node *node = parser_node(p, NODE_NAME, line);
    if (!node || !parser_take_name(p, &node->name))
        return NULL;
    p->uses |= special_use(node->name);
    if (namespaces && parser_at_operator(p, '.')) {
        node->kind = NODE_TARGET_ATTRIBUTE;
        if (!parser_advance(p) || !parser_take_name(p, &node->attribute))
            return NULL;
    }
    return node;
}

static struct node *parse_primary(struct parser *p, bool namespaces)
{
    unsigned line = p->token.line;
    struct value number;
    switch (p->token.kind) {
    case TOK_NAME:
        return parse_name(p, namespaces);
    case TOK_STRING:
        return parse_string(p);
    case TOK_INTEGER:
    case TOK_FLOAT:
        number = p->token.kind == TOK_INTEGER ? value_int(p->token.integer) : value_float(p->token.real);
        return parser_advance(p) ? constant(p, line, number) : NULL;
    default:
        break;
    }
    if (parser_at_operator(p, '(')) {
        struct tuple_rule rule = {.parentheses = true};
        struct node *node = parser_advance(p) ? parse_tuple(p, &rule) : NULL;
        return node && parser_expect_operator(p, ')') ? node : NULL;
    }
    if (parser_at_operator(p, '['))
        return parse_list(p);
    if (parser_at_operator(p, '{'))
        return parse_dict(p);
    parser_unexpected(p, "an expression");
    return NULL;
}

static bool at_tuple_end(const struct parser *p)
{
    return p->token.kind == TOK_VARIABLE_END || p->token.kind == TOK_BLOCK_END || parser_at_operator(p, ')');
}

struct node *parse_tuple(struct parser *p, const struct tuple_rule *rule)
{
    unsigned line = p->token.line;
    struct node_list list = {0};
    bool is_tuple = false;
    if (!parser_enter(p))
        return NULL;
    for (;;) {
        if (list.n && !parser_expect_operator(p, ','))
            return NULL;
        if (at_tuple_end(p))
            break;
        struct node *item =
            rule->simple ? parse_primary(p, rule->namespaces) : parse_expression(p, !rule->no_condition);
        if (!item || !parser_add(p, &list, item))
            return NULL;
        if (!parser_at_operator(p, ','))
            break;
        is_tuple = true;
    }
    parser_leave(p);
    if (!is_tuple && list.n)
        return list.items[0];
    if (!is_tuple && !rule->parentheses) {
        parser_unexpected(p, "an expression");
        return NULL;
    }
    struct node *node = parser_node(p, NODE_TUPLE, line);
    return node ? parser_finish(p, node, &list) : NULL;
}

/* `start:stop:step` or a key, between brackets; each part may be missing. */
static struct node *parse_slice(struct parser *p, struct node *object, struct node *start)
{
    struct node_list list = {0};
    struct node *node = parser_node(p, NODE_SLICE, p->token.line);
    if (!node || !parser_add(p, &list, start))
        return NULL;
    node->a = object;
    for (int i = 0; i < 2; i++) {
        struct node *part = NULL;
        bool colon = parser_at_operator(p, ':');
        if (colon && !parser_advance(p))
            return NULL;
        if (colon && !parser_at_operator(p, ':') && !parser_at_operator(p, ']')) {
            part = parse_expression(p, true);
            if (!part)
                return NULL;
        }
        if (!parser_add(p, &list, part))
            return NULL;
    }
    return parser_expect_operator(p, ']') ? parser_finish(p, node, &list) : NULL;
}

static struct node *parse_brackets(struct parser *p, struct node *object)
{
    unsigned line = p->token.line;
    struct node_list keys = {0};
    if (!parser_advance(p))
        return NULL;
    while (!parser_at_operator(p, ']')) {
        if (keys.n && !parser_expect_operator(p, ','))
            return NULL;
        struct node *key = NULL;
        if (!parser_at_operator(p, ':') && !(key = parse_expression(p, true)))
            return NULL;
        if (parser_at_operator(p, ':')) {
            if (!keys.n)
                return parse_slice(p, object, key);
            parser_unexpected(p, "']'");
            return NULL;
        }
        if (!parser_add(p, &keys, key))
            return NULL;
    }
    if (!parser_advance(p))
        return NULL;
    struct node *key = keys.n == 1 ? keys.items[0] : NULL;
    if (!key && (key = parser_node(p, NODE_TUPLE, line)))
        key = parser_finish(p, key, &keys);
    return parser_binary(p, NODE_ITEM, 0, object, key);
}

static struct node *parse_dot(struct parser *p, struct node *object)
{
    unsigned line = p->token.line;
    if (!parser_advance(p))
        return NULL;
    if (p->token.kind == TOK_INTEGER) {
        struct node *key = constant(p, line, value_int(p->token.integer));
        return key && parser_advance(p) ? parser_binary(p, NODE_ITEM, 0, object, key) : NULL;
    }
    struct node *node = parser_unary(p, NODE_ATTRIBUTE, line, object);
    return node && parser_take_name(p, &node->name) ? node : NULL;
}

/* Appends the next argument of a call. `*state` orders them: 0 positional, 1 keyword, 2 behind *, 3 behind **. */
static bool parse_argument(struct parser *p, struct node_list *list, int *state)
{
    static const char *const order = "arguments of a call are out of order";
    unsigned line = p->token.line;
    bool star = parser_at_operator(p, '*'), stars = parser_at_operator(p, OP2('*', '*'));
    bool keyword = p->token.kind == TOK_NAME && p->ahead.kind == TOK_OPERATOR && p->ahead.op == '=';
    if ((star && *state >= 2) || (stars && *state == 3) || (keyword && *state == 3) ||
        (!star && !stars && !keyword && *state))
        return parser_fail(p, line, "%s", order);
    uint32_t name = 0;
    if (keyword) {
        if (!parser_take_name(p, &name))
            return false;
        for (size_t i = 0; i < list->n; i++)
            if (list->items[i]->kind == NODE_KEYWORD && list->items[i]->name == name)
                return parser_fail(p, line, "keyword argument repeated: %s", p->template->names[name]->ptr);
        *state = *state > 1 ? *state : 1;
    }
    if (star || stars)
        *state = star ? 2 : 3;
    if ((star || stars || keyword) && !parser_advance(p))
        return false;
    struct node *value = parse_expression(p, true);
    if (value && (star || stars || keyword))
        value = parser_unary(p, star ? NODE_STAR : stars ? NODE_DOUBLE_STAR : NODE_KEYWORD, line, value);
    if (!value)
        return false;
    if (keyword)
        value->name = name;
    return parser_add(p, list, value);
}

/* The arguments of a call, whose '(' is the current token. */
static bool parse_arguments(struct parser *p, struct node_list *list)
{
    int state = 0;
    if (!parser_advance(p))
        return false;
    while (!parser_at_operator(p, ')')) {
        if (list->n) {
            if (!parser_expect_operator(p, ','))
                return false;
            if (parser_at_operator(p, ')'))
                break;
        }
        if (!parse_argument(p, list, &state))
            return false;
    }
    return parser_advance(p);
}

static struct node *parse_call(struct parser *p, struct node *function)
{
    struct node_list list = {0};
    struct node *node = parser_node(p, NODE_CALL, p->token.line);
    if (!node || !parse_arguments(p, &list))
        return NULL;
    node->a = function;
    return parser_finish(p, node, &list);
}

static struct node *parse_postfix(struct parser *p, struct node *node)
{
    while (node) {
        if (parser_at_operator(p, '.'))
            node = parse_dot(p, node);
        else if (parser_at_operator(p, '['))
            node = parse_brackets(p, node);
        else if (parser_at_operator(p, '('))
            node = parse_call(p, node);
        else
            break;
    }
    return node;
}

/* A filter's or test's name, dots included, and its row. */
static bool parse_builtin(struct parser *p, struct node *node, bool test)
{
    struct str name = p->token.text;
    if (p->token.kind != TOK_NAME)
        return parser_unexpected(p, test ? "the name of a test" : "the name of a filter");
    if (!parser_take_name(p, &node->name))
        return false;
    const char *kind = test ? "test" : "filter";
    const struct builtin *row = test ? jinja_test(name) : jinja_filter(name);
    node->row = row && row->run ? row : NULL;
    if (parser_at_operator(p, '.'))
        return parser_fail(p, p->token.line, "no %s named '%.*s...'", kind, (int)name.len, name.ptr);
    if (!node->row && !p->soft && !p->unknown)
        p->unknown = node;
    return true;
}

struct node *parse_filters(struct parser *p, struct node *input, bool inline_start)
{
    for (; inline_start || parser_at_operator(p, '|'); inline_start = false) {
        if (!inline_start && !parser_advance(p))
            return NULL;
        struct node_list list = {0};
        struct node *node = parser_node(p, NODE_FILTER, p->token.line);
        if (!node || !parse_builtin(p, node, false))
            return NULL;
        if (parser_at_operator(p, '(') && !parse_arguments(p, &list))
            return NULL;
        node->a = input;
        input = parser_finish(p, node, &list);
        if (!input)
            return NULL;
    }
    return input;
}

/* Whether a test's only argument may stand there without parentheses. */
static bool at_bare_argument(const struct parser *p)
{
    if (parser_at_name(p, "else") || parser_at_name(p, "or") || parser_at_name(p, "and"))
        return false;
    return p->token.kind == TOK_NAME || p->token.kind == TOK_STRING || p->token.kind == TOK_INTEGER ||
           p->token.kind == TOK_FLOAT || parser_at_operator(p, '[') || parser_at_operator(p, '{');
}

static struct node *parse_test(struct parser *p, struct node *input)
{
    unsigned line = p->token.line;
    bool negated;
    struct node_list list = {0};
    struct node *node = parser_node(p, NODE_TEST, line);
    if (!node || !parser_advance(p) || !parser_skip_name(p, "not", &negated) || !parse_builtin(p, node, true))
        return NULL;
    if (parser_at_operator(p, '(')) {
        if (!parse_arguments(p, &list))
            return NULL;
    } else if (at_bare_argument(p)) {
        if (parser_at_name(p, "is")) {
            parser_fail(p, p->token.line, "tests cannot be chained with 'is'");
            return NULL;
        }
        struct node *argument = parse_postfix(p, parse_primary(p, false));
        if (!argument || !parser_add(p, &list, argument))
            return NULL;
    }
    node->a = input;
    node = parser_finish(p, node, &list);
    return negated ? parser_unary(p, NODE_NOT, line, node) : node;
}

static struct node *parse_unary(struct parser *p, bool filters)
{
    unsigned line = p->token.line;
    struct node *node;
    bool minus = parser_at_operator(p, '-');
    if (minus || parser_at_operator(p, '+')) {
        if (!parser_enter(p))
            return NULL;
        node = parser_advance(p) ? parse_unary(p, false) : NULL;
        parser_leave(p);
        node = parser_unary(p, minus ? NODE_NEGATE : NODE_POSITIVE, line, node);
    } else {
        node = parse_primary(p, false);
    }
    node = parse_postfix(p, node);
    while (filters && node) {
        if (parser_at_operator(p, '|'))
            node = parse_filters(p, node, false);
        else if (parser_at_name(p, "is"))
            node = parse_test(p, node);
        else if (parser_at_operator(p, '('))
            node = parse_call(p, node);
        else
            break;
    }
    return node;
}

struct node *parse_operand(struct parser *p)
{
    return parse_unary(p, true);
}
