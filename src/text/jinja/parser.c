/* SPDX-License-Identifier: Apache-2.0
 *
 * From the source of a template to its tree; and what the parsers of statements and expressions share: tokens, nodes.
 */
#include "text/jinja/parser.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "text/jinja/jinja.h"

/* ---- Tokens ---- */

bool parser_fail(struct parser *p, unsigned line, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return lexer_fail(&p->lexer, line, "%s", text);
}

bool parser_advance(struct parser *p)
{
    p->token = p->ahead;
    return lexer_next(&p->lexer, &p->ahead);
}

bool parser_at_name(const struct parser *p, const char *name)
{
    return p->token.kind == TOK_NAME && str_eq(p->token.text, str_of(name));
}

bool parser_at_operator(const struct parser *p, unsigned op)
{
    return p->token.kind == TOK_OPERATOR && p->token.op == op;
}

bool parser_unexpected(struct parser *p, const char *wanted)
{
    const struct token *token = &p->token;
    int len = (int)(token->text.len < 60 ? token->text.len : 60);
    char op[3] = {(char)(token->op & 0xff), (char)(token->op >> 8), 0};
    switch (token->kind) {
    case TOK_END:
        return parser_fail(p, token->line, "the template ends where %s should stand", wanted);
    case TOK_NAME:
        return parser_fail(p, token->line, "unexpected '%.*s', want %s", len, token->text.ptr, wanted);
    case TOK_OPERATOR:
        return parser_fail(p, token->line, "unexpected '%s', want %s", op, wanted);
    case TOK_STRING:
        return parser_fail(p, token->line, "unexpected string, want %s", wanted);
    case TOK_INTEGER:
    case TOK_FLOAT:
        return parser_fail(p, token->line, "unexpected number, want %s", wanted);
    default:
        return parser_fail(p, token->line, "the tag ends where %s should stand", wanted);
    }
}

bool parser_expect_name(struct parser *p, const char *name)
{
    char wanted[40];
    snprintf(wanted, sizeof wanted, "'%s'", name);
    return parser_at_name(p, name) ? parser_advance(p) : parser_unexpected(p, wanted);
}

bool parser_expect_operator(struct parser *p, unsigned op)
{
    char wanted[8];
    snprintf(wanted, sizeof wanted, "'%c'", (int)(op & 0xff));
    return parser_at_operator(p, op) ? parser_advance(p) : parser_unexpected(p, wanted);
}

bool parser_skip_name(struct parser *p, const char *name, bool *found)
{
    *found = parser_at_name(p, name);
    return *found ? parser_advance(p) : true;
}

bool parser_skip_operator(struct parser *p, unsigned op, bool *found)
{
    *found = parser_at_operator(p, op);
    return *found ? parser_advance(p) : true;
}

bool parser_take_name(struct parser *p, uint32_t *name)
{
    if (p->token.kind != TOK_NAME)
        return parser_unexpected(p, "a name");
    return parser_intern(p, p->token.text, name) && parser_advance(p);
}

/* ---- Nodes ---- */

static bool out_of_memory(struct parser *p)
{
    return parser_fail(p, p->token.line, "%s", template_limits[BOUND_MEMORY].sentence);
}

bool parser_enter(struct parser *p)
{
    if (p->nesting >= template_limits[BOUND_NESTING].value)
        return parser_fail(p, p->token.line, "%s", template_limits[BOUND_NESTING].sentence);
    p->nesting++;
    return true;
}

void parser_leave(struct parser *p)
{
    p->nesting--;
}

struct node *parser_node(struct parser *p, enum node_kind kind, unsigned line)
{
    struct node *node = arena_alloc(&p->template->arena, sizeof *node);
    if (!node) {
        out_of_memory(p);
        return NULL;
    }
    node->kind = (uint8_t)kind;
    node->line = line;
    node->depth = 1;
    return node;
}

static void deepen(unsigned *depth, const struct node *child)
{
    if (child && child->depth > *depth)
        *depth = child->depth;
}

struct node *parser_finish(struct parser *p, struct node *node, const struct node_list *list)
{
    unsigned depth = 0;
    if (list) {
        node->list = list->items;
        node->n = (uint32_t)list->n;
    }
    for (uint32_t i = 0; i < node->n; i++)
        deepen(&depth, node->list[i]);
    deepen(&depth, node->a);
    deepen(&depth, node->b);
    deepen(&depth, node->c);
    /* Chains such as a + b + c + ... are deep though nothing is nested; they get twice the room. */
    if (depth >= 2 * template_limits[BOUND_NESTING].value) {
        parser_fail(p, node->line, "%s", template_limits[BOUND_NESTING].sentence);
        return NULL;
    }
    node->depth = (uint16_t)(depth + 1);
    return node;
}

struct node *parser_binary(struct parser *p, enum node_kind kind, unsigned op, struct node *a, struct node *b)
{
    struct node *node = a && b ? parser_node(p, kind, a->line) : NULL;
    if (!node)
        return NULL;
    node->op = (uint8_t)op;
    node->a = a;
    node->b = b;
    return parser_finish(p, node, NULL);
}

struct node *parser_unary(struct parser *p, enum node_kind kind, unsigned line, struct node *a)
{
    struct node *node = a ? parser_node(p, kind, line) : NULL;
    if (!node)
        return NULL;
    node->a = a;
    return parser_finish(p, node, NULL);
}

bool parser_add(struct parser *p, struct node_list *list, struct node *node)
{
    if (list->n == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 4;
        struct node **items = arena_array(&p->template->arena, cap, sizeof *items);
        if (!items)
            return out_of_memory(p);
        if (list->n)
            memcpy(items, list->items, list->n * sizeof *items);
        list->items = items;
        list->cap = cap;
    }
    list->items[list->n++] = node;
    return true;
}

const struct text *parser_text(struct parser *p, struct str bytes)
{
    struct text *text = arena_alloc(&p->template->arena, sizeof *text);
    char *copy = text ? arena_copy(&p->template->arena, bytes.ptr, bytes.len) : NULL;
    if (!copy) {
        out_of_memory(p);
        return NULL;
    }
    *text = (struct text){.ptr = copy, .len = bytes.len, .n_chars = SIZE_MAX};
    text->n_chars = text_chars(text); /* here, so that rendering in several threads only reads */
    return text;
}

bool parser_intern(struct parser *p, struct str name, uint32_t *index)
{
    struct template *t = p->template;
    *index = map_get(&t->index, name);
    if (*index != MAP_NONE)
        return true;
    if ((t->n_names & (t->n_names - 1)) == 0) { /* full: the capacity is the next power of two */
        struct text **names = arena_array(&t->arena, t->n_names ? t->n_names * 2 : 1, sizeof *names);
        if (!names)
            return out_of_memory(p);
        if (t->n_names)
            memcpy(names, t->names, t->n_names * sizeof *names);
        t->names = names;
    }
    const struct text *text = parser_text(p, name);
    if (!text)
        return false;
    *index = (uint32_t)t->n_names;
    t->names[t->n_names++] = (struct text *)text;
    return map_add(&t->index, text_str(text), *index, NULL) || out_of_memory(p);
}

/* ---- Templates ---- */

/* The source as the lexer wants it: newlines are \n, one at the very end is dropped. NULL without memory. */
static char *normalise(struct arena *arena, struct str source, size_t *len)
{
    char *out = arena_alloc(arena, source.len + 1);
    size_t n = 0;
    for (size_t i = 0; out && i < source.len; i++) {
        char c = source.ptr[i];
        if (c == '\r' && i + 1 < source.len && source.ptr[i + 1] == '\n')
            continue;
        out[n++] = c == '\r' ? '\n' : c;
    }
    if (n && out[n - 1] == '\n')
        n--;
    *len = n;
    return out;
}

/* The whole template. */
static bool parse_template(struct parser *p)
{
    static const char *const special[] = {
        [NAME_LOOP] = "loop", [NAME_CALLER] = "caller", [NAME_VARARGS] = "varargs", [NAME_KWARGS] = "kwargs"};
    for (uint32_t i = 0, name; i < N_SPECIAL_NAMES; i++)
        if (!parser_intern(p, str_of(special[i]), &name))
            return false;
    if (!parser_advance(p) || !parser_advance(p))
        return false;
    p->template->body = parse_body(p, 1, NULL);
    if (!p->template->body)
        return false;
    if (p->unknown) {
        char text[160];
        builtin_unknown(p->unknown->kind == NODE_TEST, text_str(p->template->names[p->unknown->name]), text);
        return parser_fail(p, p->unknown->line, "%s", text);
    }
    return true;
}

bool jinja_parse(struct template *template, struct str source, struct hob_error *err)
{
    template->arena.limit_bytes = template_limits[BOUND_MEMORY].value;
    if (source.len > template_limits[BOUND_SOURCE].value)
        return error_set(err, HOB_LIMIT, "template: %s", template_limits[BOUND_SOURCE].sentence);
    if (!utf8_valid(source))
        return error_set(err, HOB_FORMAT, "template: want UTF-8, found other bytes");
    struct parser p = {.template = template, .err = err};
    p.lexer = (struct lexer){.arena = &template->arena, .line = 1, .line_starting = true, .err = err};
    p.lexer.source.ptr = normalise(&template->arena, source, &p.lexer.source.len);
    bool ok = p.lexer.source.ptr ? parse_template(&p) : error_memory(err, source.len);
    ok = ok && (jinja_find_unset(template, p.blocks.n_used > 0) || error_memory(err, template->n_names));
    map_clear(&p.blocks);
    return ok;
}
