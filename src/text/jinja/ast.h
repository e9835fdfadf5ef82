/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree of a parsed template.
 *
 * kind            a            b            c           list
 * NODE_CONST      (constant)
 * NODE_NAME                                                         name
 * NODE_LIST                                             items       also NODE_TUPLE; NODE_DICT: key, value, ...
 * NODE_ATTRIBUTE  object                                            name
 * NODE_ITEM       object       key
 * NODE_SLICE      object                                start, stop, step (each may be NULL)
 * NODE_CALL       function                              arguments
 * NODE_FILTER     input                                 arguments   row (NULL: unknown), name; NODE_TEST alike
 * NODE_NOT ...    operand                                           NODE_NEGATE, NODE_POSITIVE
 * NODE_AND ...    left         right                                NODE_OR, NODE_BINARY (op: enum arithmetic)
 * NODE_CONCAT                                           operands
 * NODE_COMPARE                                          operands    ops[n - 1], enum comparison
 * NODE_CONDITION  test         then         else (may be NULL)
 * NODE_CAPTURE                                                      the text of the block a filter stands on
 * NODE_KEYWORD    value                                             name; in arguments, also NODE_STAR,
 *                                                                   NODE_DOUBLE_STAR
 * NODE_TEXT       (constant)                                        literal output
 * NODE_PRINT      expression
 * NODE_BODY                                             statements
 * NODE_IF                                               test, body, test, body, ... (test NULL: else)
 * NODE_FOR        target       iterable     test        body, else  flag RECURSIVE
 * NODE_SET        target       value
 * NODE_SET_BLOCK  target       filter/NULL  body
 * NODE_FILTER_BLOCK            filter       body
 * NODE_MACRO                                body        parameters  name; parameters are NODE_KEYWORD, a: default or
 *                                                                   NULL
 * NODE_CALL_BLOCK              call         body        parameters  also NODE_GENERATION (body alone)
 * NODE_WITH                                 body        target, value, ...
 * NODE_BLOCK                                body                    name; flag SCOPED
 * NODE_TARGET_ATTRIBUTE                                             name, attribute: `set name.attribute`
 */
#ifndef HOB_TEXT_JINJA_AST_H
#define HOB_TEXT_JINJA_AST_H

#include <hob.h>

#include "base/arena.h"
#include "base/map.h"
#include "text/jinja/value.h"

enum node_kind {
    NODE_CONST,
    NODE_NAME,
    NODE_LIST,
    NODE_TUPLE,
    NODE_DICT,
    NODE_ATTRIBUTE,
    NODE_ITEM,
    NODE_SLICE,
    NODE_CALL,
    NODE_FILTER,
    NODE_TEST,
    NODE_NOT,
    NODE_NEGATE,
    NODE_POSITIVE,
    NODE_AND,
    NODE_OR,
    NODE_BINARY,
    NODE_CONCAT,
    NODE_COMPARE,
    NODE_CONDITION,
    NODE_CAPTURE,
    NODE_KEYWORD,
    NODE_STAR,
    NODE_DOUBLE_STAR,
    NODE_TEXT,
    NODE_PRINT,
    NODE_BODY,
    NODE_IF,
    NODE_FOR,
    NODE_SET,
    NODE_SET_BLOCK,
    NODE_FILTER_BLOCK,
    NODE_MACRO,
    NODE_CALL_BLOCK,
    NODE_GENERATION,
    NODE_WITH,
    NODE_BLOCK,
    NODE_BREAK,
    NODE_CONTINUE,
    NODE_TARGET_ATTRIBUTE
};

enum comparison { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE, CMP_IN, CMP_NOT_IN };

enum node_flags {
    FLAG_RECURSIVE = 1,
    FLAG_SCOPED = 2,
    FLAG_USES_CALLER = 4, /* the body of a macro names `caller`, `varargs`, `kwargs` */
    FLAG_USES_VARARGS = 8,
    FLAG_USES_KWARGS = 16,
    FLAG_USES_LOOP = 32 /* the body of a loop names `loop` */
};

/* Names that mean something to the machine; they are the first of every template. */
enum special_name { NAME_LOOP, NAME_CALLER, NAME_VARARGS, NAME_KWARGS, N_SPECIAL_NAMES };

/* One node. */
struct node {
    uint8_t kind, op, flags;
    uint16_t depth; /* of the tree below, in nodes */
    uint32_t line, name, attribute;
    uint32_t n;
    struct node **list;
    union {
        struct {
            struct node *a, *b, *c;
        };
        struct value constant;
    };
    const void *row; /* struct builtin of filters and tests; uint8_t[] of comparisons */
};

/* A parsed template. Immutable. */
struct template
{
    struct arena arena;
    const struct node *body;
    struct text **names; /* [n_names], interned */
    size_t n_names;
    struct map index;     /* of names */
    const uint8_t *unset; /* [n_names]: 1 where what is passed in is not seen; see jinja_find_unset() */
};

/* Finds the variables of `unset`. Blocks see what was passed in, so a template with some has none. False without
 * memory. */
bool jinja_find_unset(struct template *template, bool has_blocks);

/* Parses `source` into `template`, zero-initialised. Its bytes are copied. False names the line. */
bool jinja_parse(struct template *template, struct str source, struct hob_error *err);

/* ---- Between lexer and parser ---- */

enum token_kind {
    TOK_END,
    TOK_DATA,
    TOK_BLOCK_BEGIN,
    TOK_BLOCK_END,
    TOK_VARIABLE_BEGIN,
    TOK_VARIABLE_END,
    TOK_NAME,
    TOK_STRING,
    TOK_INTEGER,
    TOK_FLOAT,
    TOK_OPERATOR
};

/* An operator's token carries its characters, packed: OP2('*', '*'). */
#define OP2(a, b) ((unsigned)(a) | (unsigned)(b) << 8)

struct token {
    enum token_kind kind;
    unsigned line;
    unsigned op;     /* of operators */
    struct str text; /* of data, names, strings (decoded) */
    int64_t integer;
    double real;
};

enum { LEXER_NESTING = 200 };

struct lexer {
    struct arena *arena; /* of decoded strings */
    struct str source;   /* normalised: newlines are \n, one trailing newline dropped */
    size_t at;
    unsigned line;
    enum { LEX_DATA, LEX_BLOCK, LEX_VARIABLE } state;
    bool line_starting;
    unsigned n_open;
    char open[LEXER_NESTING]; /* the closing brackets that are awaited */
    struct hob_error *err;
};

/* The next token; false after an error. */
bool lexer_next(struct lexer *lexer, struct token *token);

/* Fills `err` with "template line N: ..."; always false. */
bool lexer_fail(struct lexer *lexer, unsigned line, const char *format, ...) HOB_PRINTF(3, 4);

/* Decodes the inside of a string literal. */
bool lexer_string(struct lexer *lexer, struct str raw, struct str *out);

#endif
