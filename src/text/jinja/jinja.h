/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine that renders a template: its state, its limits, and the tables of what templates can name.
 *
 *   jinja/lexer.c, jinja/parser.c, jinja/statement.c,
 *   jinja/expression.c, jinja/operand.c, jinja/symbols.c       source -> tree (jinja/ast.h)
 *   jinja/run.c         statements, scopes, loops, macros      jinja/eval.c     expressions
 *   jinja/text.c        strings with their origin              jinja/strings.c  what str methods and filters do to them
 *   jinja/translate.c   maketrans, translate                   jinja/wrap.c     wordwrap
 *   jinja/value.c       equality, order, printing, walking     jinja/containers.c  lists and dicts
 *   jinja/number.c      arithmetic                             jinja/char.c     character classes and case
 *   jinja/filters.c, jinja/string_filters.c, jinja/sort.c, jinja/iterators.c     x|filter
 *   jinja/tests.c       x is test                              jinja/loop.c     for, and loop
 *   jinja/methods.c, jinja/attributes.c                        x.method(), x.attribute, x[item]
 *   jinja/percent.c, jinja/braces.c, jinja/format.c            '%s' % x, '{}'.format(x), and what they share
 *   jinja/globals.c     range, namespace, ...                  jinja/machine.c  memory, errors, budgets, binding
 *   jinja/json.c        JSON in, tojson out
 *
 * To add a filter: write `static bool filter_name(struct jinja *, const struct call *, struct value *)` in
 * jinja/filters.c or jinja/string_filters.c and give it a row in that file's table. Tests and methods alike.
 */
#ifndef HOB_TEXT_JINJA_H
#define HOB_TEXT_JINJA_H

#include <time.h>

#include "base/json.h"
#include "text/jinja/ast.h"
#include "text/jinja/template.h"

/* A block of the machine's memory that is too large for the arena; see machine_alloc(). */
struct machine_block;

struct binding {
    uint32_t name;
    struct value value;
};

/* Variables of a block. Names that no scope has are looked up in jinja.root. */
struct scope {
    struct scope *parent;
    struct binding *bindings;
    uint32_t n, cap;
    bool captured; /* a macro remembers it: it must not be used again */
};

enum { MACHINE_STACK = 1 << 16, BYTES_A_STEP = 64 };

/* One rendering. */
struct jinja {
    const struct template *template;
    const struct render_input *input;
    struct hob_error *err;
    struct arena arena;
    struct machine_block *blocks;
    size_t block_bytes;
    struct value *root;  /* [n_names]: variables of the outermost scope, VALUE_ABSENT when not set */
    struct scope *scope; /* NULL: the outermost */
    struct scope *free_scopes;
    struct loop *free_loops;
    struct text_builder *out; /* where output goes */
    struct value capture;     /* what NODE_CAPTURE stands for */
    struct value *stack;      /* [MACHINE_STACK] arguments of calls */
    size_t n_stack;
    uint64_t work, work_limit; /* in bytes walked over; a step is BYTES_A_STEP of them */
    unsigned depth, calls, line;
};

/* The error "template line N: ..." of the place that runs now; always false. */
bool jinja_fail(struct jinja *j, const char *format, ...) HOB_PRINTF(2, 3);

/* The error of a limit; always false. */
bool jinja_exceeded(struct jinja *j, enum template_bound bound);

/* Counts work: steps, and bytes walked over. False at the limit. */
bool jinja_work(struct jinja *j, uint64_t steps, size_t bytes);

/* Zeroed memory that lives as long as the rendering; NULL after an error. */
void *machine_alloc(struct jinja *j, size_t count, size_t size);

/* Grows what machine_alloc() gave, or starts with NULL. */
void *machine_grow(struct jinja *j, void *ptr, size_t old_size, size_t new_size);

/* Frees all of it. */
void machine_clear(struct jinja *j);

/* ---- Calls ---- */

/* A keyword argument; two values, so that it can lie on the machine's stack. */
struct keyword {
    struct value name; /* a string */
    struct value value;
};

/* The arguments of one call as they were written; they lie on the machine's stack. */
struct arguments {
    const struct value *args;
    size_t n_args;
    const struct keyword *keywords;
    size_t n_keywords;
};

/* A call as a builtin sees it: arguments by the names of its row, VALUE_ABSENT when not given. */
struct call {
    const struct builtin *row;
    struct value self;           /* what a filter, test or method works on */
    struct value args[6];        /* by position in row->parameters */
    const struct arguments *all; /* of rows with "*" */
};

/* A function, filter, test or method. `parameters` are names set apart by blanks, "?" before those that may be left
 * out, behind "/" when they cannot be given by name; "*" stands for any arguments, which the function reads from
 * call->all. */
struct builtin {
    const char *name;
    bool (*run)(struct jinja *j, const struct call *call, struct value *out);
    const char *parameters;
    int detail; /* what rows that share a function differ in */
};

/* Binds the arguments to the row's parameters and runs it. */
bool builtin_call(struct jinja *j, const struct builtin *row, struct value self, const struct arguments *arguments,
                  struct value *out);

/* The row of a name, or NULL; filters that are refused have a row that does not run. */
const struct builtin *jinja_filter(struct str name);
const struct builtin *jinja_string_filter(struct str name);
const struct builtin *jinja_test(struct str name);
const struct builtin *jinja_function(struct str name);
const struct builtin *jinja_method(enum value_kind kind, struct str name);

/* Why a filter or test cannot be used: "no filter named 'x'", or that it is refused. Into `out`. */
void builtin_unknown(bool test, struct str name, char out[160]);

/* Searches `n` rows by name. */
const struct builtin *builtin_find(const struct builtin *rows, size_t n, struct str name);

/* Arguments as C values, with a default when they are absent; false after an error that names the argument. */
bool call_int(struct jinja *j, const struct call *call, size_t i, int64_t fallback, int64_t *out);
bool call_bool(const struct call *call, size_t i, bool fallback);
bool call_text(struct jinja *j, const struct call *call, size_t i, const struct text **out); /* absent: left alone */

/* ---- Running (jinja/run.c, jinja/eval.c) ---- */

/* Renders the whole template into j->out. */
bool jinja_run(struct jinja *j);

/* The value of an expression; false after an error, which is set. */
bool jinja_eval(struct jinja *j, const struct node *node, struct value *out);

/* Calls anything callable. */
bool jinja_call(struct jinja *j, struct value function, const struct arguments *arguments, struct value *out);

/* A macro or a recursive loop, called. */
bool jinja_call_macro(struct jinja *j, const struct macro *macro, const struct arguments *arguments, struct value *out);
bool jinja_call_loop(struct jinja *j, struct loop *loop, struct value items, struct value *out);

/* a op b for any kinds, as `+`, `%` ... have it. */
bool jinja_binary(struct jinja *j, enum arithmetic op, struct value a, struct value b, struct value *out);

/* Runs a filter or test by name. */
bool jinja_apply(struct jinja *j, bool test, struct value name, struct value self, const struct arguments *arguments,
                 struct value *out);

/* A name's value, VALUE_UNDEFINED when nobody set it. */
struct value jinja_lookup(struct jinja *j, uint32_t name);

/* Pushes an argument; the caller resets j->n_stack when done. */
bool jinja_push(struct jinja *j, struct value value);

/* Evaluates arguments onto the stack. */
bool jinja_arguments(struct jinja *j, struct node *const *list, size_t n, struct arguments *out);

/* At most how many bytes of a text an error quotes, for "%.*s". */
static inline int text_clip(const struct text *text)
{
    return text->len < 60 ? (int)text->len : 60;
}

/* Enters one level of recursion; false at the limit. The caller decrements j->depth. */
bool jinja_enter(struct jinja *j);

/* ---- Attributes (jinja/attributes.c) ---- */

/* object.name, object[key], object[start:stop:step] (VALUE_ABSENT: left out). */
bool jinja_attribute(struct jinja *j, struct value object, const struct text *name, struct value *out);
bool jinja_item(struct jinja *j, struct value object, struct value key, struct value *out);
bool jinja_slice(struct jinja *j, struct value object, const struct value bounds[3], struct value *out);

/* Only attributes, no items: VALUE_ABSENT when there is none. */
bool jinja_own_attribute(struct jinja *j, struct value object, const struct text *name, struct value *out);

/* The error that using an undefined value is; always false. */
bool jinja_fail_undefined(struct jinja *j, struct value undefined);

/* The error "unsupported ..." of an operation and kinds; always false. */
bool jinja_fail_kinds(struct jinja *j, const char *what, struct value a, struct value b);

/* loop.name; VALUE_ABSENT when there is no such attribute. */
bool loop_attribute(struct jinja *j, struct loop *loop, struct str name, struct value *out);

/* ---- Conversions ---- */

/* JSON to a value. Strings are borrowed; those under `untrusted` are. */
bool jinja_from_json(struct jinja *j, const json_t *json, bool untrusted, struct value *out);

/* How tojson writes. */
struct json_style {
    const struct text *indent;     /* NULL: one line */
    const struct text *item, *key; /* separators */
    bool ascii, sorted;
};

/* Appends JSON as Python's json.dumps() writes it. */
bool jinja_to_json(struct jinja *j, struct text_builder *out, struct value v, const struct json_style *style);

/* format % values, and format.format(...). */
bool jinja_format_percent(struct jinja *j, const struct text *format, struct value values, struct value *out);
bool jinja_format_braces(struct jinja *j, const struct text *format, const struct arguments *arguments,
                         struct value *out);

/* A text with HTML's special characters replaced. */
const struct text *jinja_escape(struct jinja *j, const struct text *text);

#endif
