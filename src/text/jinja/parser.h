/* SPDX-License-Identifier: Apache-2.0
 *
 * The parser: jinja/parser.c reads a template and has what the others share, jinja/statement.c reads tags,
 * jinja/expression.c the operators within them, jinja/operand.c what operators join.
 */
#ifndef HOB_TEXT_JINJA_PARSER_H
#define HOB_TEXT_JINJA_PARSER_H

#include "text/jinja/ast.h"

/* What is being parsed. */
struct parser {
    struct template *template;
    struct lexer lexer;
    struct token token, ahead;  /* the current one and the one after it */
    unsigned nesting;           /* of the recursion */
    unsigned uses;              /* FLAG_USES_...: what the current macro's body named so far */
    bool soft;                  /* inside an `if`: an unknown filter is an error only when it runs */
    const struct node *unknown; /* the first unknown filter or test where it is an error at once, or NULL */
    bool in_loop;
    struct map blocks; /* names of the blocks so far */
    struct hob_error *err;
};

/* Nodes under construction. Zero-initialised is empty. */
struct node_list {
    struct node **items;
    size_t n, cap;
};

/* Moves to the next token. */
bool parser_advance(struct parser *p);

/* Whether the current token is this name, or this operator. */
bool parser_at_name(const struct parser *p, const char *name);
bool parser_at_operator(const struct parser *p, unsigned op);

/* Passes a token that must be there, or (skip) may be there; skip tells it in `*found`. */
bool parser_expect_name(struct parser *p, const char *name);
bool parser_expect_operator(struct parser *p, unsigned op);
bool parser_skip_name(struct parser *p, const char *name, bool *found);
bool parser_skip_operator(struct parser *p, unsigned op, bool *found);

/* Takes any name: its index in the template's names. */
bool parser_take_name(struct parser *p, uint32_t *name);

/* An error about `line`; always false. */
bool parser_fail(struct parser *p, unsigned line, const char *format, ...) HOB_PRINTF(3, 4);

/* An error that says what stands where `wanted` should; always false. */
bool parser_unexpected(struct parser *p, const char *wanted);

/* Guards recursion: every parser_enter() that gave true is followed by parser_leave(). */
bool parser_enter(struct parser *p);
void parser_leave(struct parser *p);

/* A new node; NULL after an error. */
struct node *parser_node(struct parser *p, enum node_kind kind, unsigned line);

/* Ends a node's making: takes over the list and computes the depth. NULL after an error. */
struct node *parser_finish(struct parser *p, struct node *node, const struct node_list *list);

/* A node of two operands, or of one; NULL after an error, also where an operand is NULL. */
struct node *parser_binary(struct parser *p, enum node_kind kind, unsigned op, struct node *a, struct node *b);
struct node *parser_unary(struct parser *p, enum node_kind kind, unsigned line, struct node *a);

/* Appends a node (NULL is kept). */
bool parser_add(struct parser *p, struct node_list *list, struct node *node);

/* The text of a template literal. */
const struct text *parser_text(struct parser *p, struct str bytes);

/* The index of a name. */
bool parser_intern(struct parser *p, struct str name, uint32_t *index);

/* ---- jinja/statement.c, jinja/expression.c, jinja/operand.c: NULL after an error ---- */

/* A body up to one of the tags of `ends` (NULL: the end of the template), begun by the tag on `line`. */
struct node *parse_body(struct parser *p, unsigned line, const char *const *ends);

/* What tuples end with and may hold. */
struct tuple_rule {
    bool simple;       /* only names and literals: a target */
    bool namespaces;   /* `name.attribute` is a target */
    bool no_condition; /* no inline if */
    bool parentheses;  /* an empty tuple is fine */
};

/* An expression; without `condition` no inline if is read. */
struct node *parse_expression(struct parser *p, bool condition);

/* Expressions with commas between them, by `rule`; one alone stands for itself. */
struct node *parse_tuple(struct parser *p, const struct tuple_rule *rule);

/* What operators join: a literal, name or bracket with its signs, subscripts, calls, filters and tests. */
struct node *parse_operand(struct parser *p);

/* `|name(arguments)|...` on `input`; with `inline_start` the first bar is missing. NULL after an error only: where no
 * filter stands, `input`. */
struct node *parse_filters(struct parser *p, struct node *input, bool inline_start);

#endif
