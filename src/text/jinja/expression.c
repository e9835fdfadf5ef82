/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators, by recursive descent. From loose to tight: inline if; or; and; not; comparisons, in; + -; ~; * / // %; **;
 * then what jinja/operand.c reads.
 */
#include "text/jinja/parser.h"

#include "text/jinja/jinja.h"

static const struct {
    unsigned op;
    enum arithmetic arithmetic;
} sums[] = {{'+', OP_ADD}, {'-', OP_SUB}},
  products[] = {{'*', OP_MUL}, {'/', OP_DIV}, {OP2('/', '/'), OP_FLOORDIV}, {'%', OP_MOD}};

static const struct {
    unsigned op;
    enum comparison comparison;
} comparisons[] = {{OP2('=', '='), CMP_EQ}, {OP2('!', '='), CMP_NE}, {'<', CMP_LT},
                   {OP2('<', '='), CMP_LE}, {'>', CMP_GT},           {OP2('>', '='), CMP_GE}};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct node *parse_power(struct parser *p)
{
    struct node *left = parse_operand(p);
    while (left && parser_at_operator(p, OP2('*', '*'))) {
        if (!parser_advance(p))
            return NULL;
        left = parser_binary(p, NODE_BINARY, OP_POW, left, parse_operand(p));
    }
    return left;
}

static struct node *parse_product(struct parser *p)
{
    struct node *left = parse_power(p);
    for (size_t i = 0; left && i < COUNT(products); i++)
        if (parser_at_operator(p, products[i].op)) {
            if (!parser_advance(p))
                return NULL;
            left = parser_binary(p, NODE_BINARY, products[i].arithmetic, left, parse_power(p));
            i = SIZE_MAX; /* look at all operators again */
        }
    return left;
}

static struct node *parse_concat(struct parser *p)
{
    struct node *first = parse_product(p);
    if (!first || !parser_at_operator(p, '~'))
        return first;
    struct node_list list = {0};
    if (!parser_add(p, &list, first))
        return NULL;
    while (parser_at_operator(p, '~')) {
        struct node *next = parser_advance(p) ? parse_product(p) : NULL;
        if (!next || !parser_add(p, &list, next))
            return NULL;
    }
    struct node *node = parser_node(p, NODE_CONCAT, first->line);
    return node ? parser_finish(p, node, &list) : NULL;
}

static struct node *parse_sum(struct parser *p)
{
    struct node *left = parse_concat(p);
    for (size_t i = 0; left && i < COUNT(sums); i++)
        if (parser_at_operator(p, sums[i].op)) {
            if (!parser_advance(p))
                return NULL;
            left = parser_binary(p, NODE_BINARY, sums[i].arithmetic, left, parse_concat(p));
            i = SIZE_MAX;
        }
    return left;
}

/* Passes a comparison operator; `*op` is -1 when there is none. */
static bool take_comparison(struct parser *p, int *op)
{
    *op = -1;
    for (size_t i = 0; i < COUNT(comparisons); i++)
        if (parser_at_operator(p, comparisons[i].op)) {
            *op = comparisons[i].comparison;
            return parser_advance(p);
        }
    if (parser_at_name(p, "in")) {
        *op = CMP_IN;
        return parser_advance(p);
    }
    bool is_in = p->ahead.kind == TOK_NAME && str_eq(p->ahead.text, STR("in"));
    if (parser_at_name(p, "not") && is_in) {
        *op = CMP_NOT_IN;
        return parser_advance(p) && parser_advance(p);
    }
    return true;
}

static struct node *parse_comparison(struct parser *p)
{
    struct node *first = parse_sum(p);
    struct node_list list = {0};
    uint8_t *ops = NULL;
    size_t n_ops = 0, cap = 0;
    for (int op; first;) {
        if (!take_comparison(p, &op))
            return NULL;
        if (op < 0)
            break;
        if (n_ops == cap) {
            cap = cap ? cap * 2 : 4;
            uint8_t *more = arena_alloc(&p->template->arena, cap);
            if (!more) {
                parser_fail(p, p->token.line, "%s", template_limits[BOUND_MEMORY].sentence);
                return NULL;
            }
            if (n_ops)
                memcpy(more, ops, n_ops);
            ops = more;
        }
        ops[n_ops++] = (uint8_t)op;
        struct node *right = parse_sum(p);
        if (!right || (n_ops == 1 && !parser_add(p, &list, first)) || !parser_add(p, &list, right))
            return NULL;
    }
    if (!n_ops)
        return first;
    struct node *node = parser_node(p, NODE_COMPARE, first->line);
    if (!node)
        return NULL;
    node->row = ops;
    return parser_finish(p, node, &list);
}

static struct node *parse_not(struct parser *p)
{
    if (!parser_at_name(p, "not"))
        return parse_comparison(p);
    unsigned line = p->token.line;
    if (!parser_enter(p))
        return NULL;
    struct node *operand = parser_advance(p) ? parse_not(p) : NULL;
    parser_leave(p);
    return parser_unary(p, NODE_NOT, line, operand);
}

static struct node *parse_and(struct parser *p)
{
    struct node *left = parse_not(p);
    while (left && parser_at_name(p, "and"))
        left = parser_advance(p) ? parser_binary(p, NODE_AND, 0, left, parse_not(p)) : NULL;
    return left;
}

static struct node *parse_or(struct parser *p)
{
    struct node *left = parse_and(p);
    while (left && parser_at_name(p, "or"))
        left = parser_advance(p) ? parser_binary(p, NODE_OR, 0, left, parse_and(p)) : NULL;
    return left;
}

/* The rest of `value if test else other`, behind `if`. */
static struct node *parse_condition_tail(struct parser *p, struct node *value)
{
    struct node *node = parser_node(p, NODE_CONDITION, p->token.line);
    if (!node)
        return NULL;
    node->b = value;
    node->a = parse_or(p);
    if (!node->a)
        return NULL;
    if (parser_at_name(p, "else")) {
        if (!parser_advance(p) || !parser_enter(p))
            return NULL;
        node->c = parse_expression(p, true);
        parser_leave(p);
        if (!node->c)
            return NULL;
    }
    return parser_finish(p, node, NULL);
}

struct node *parse_expression(struct parser *p, bool condition)
{
    const struct node *unknown = p->unknown;
    if (!parser_enter(p))
        return NULL;
    struct node *value = parse_or(p);
    while (condition && value && parser_at_name(p, "if")) {
        value = parser_advance(p) ? parse_condition_tail(p, value) : NULL;
        p->unknown = unknown; /* what stands in an inline if need not exist until it runs */
    }
    parser_leave(p);
    return value;
}
