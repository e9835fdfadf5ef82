/* SPDX-License-Identifier: Apache-2.0
 *
 * Statements. The parser of each starts at its tag's name and ends at the tag's end.
 */
#include "text/jinja/parser.h"

#include "text/jinja/jinja.h"

/* What a construct with a scope of its own changes while its body is parsed. */
struct inner {
    bool soft, in_loop;
};

static struct inner enter_scope(struct parser *p, bool in_loop)
{
    struct inner saved = {p->soft, p->in_loop};
    p->soft = false;
    p->in_loop = in_loop;
    return saved;
}

static void leave_scope(struct parser *p, struct inner saved)
{
    p->soft = saved.soft;
    p->in_loop = saved.in_loop;
}

/* The body up to one of the tags of `ends`, whose name is then the current token. */
static struct node *parse_block(struct parser *p, const char *const *ends)
{
    bool colon;
    if (!parser_skip_operator(p, ':', &colon))
        return NULL;
    if (p->token.kind != TOK_BLOCK_END) {
        parser_unexpected(p, "the end of the tag");
        return NULL;
    }
    unsigned line = p->token.line;
    return parser_advance(p) ? parse_body(p, line, ends) : NULL;
}

/* The body up to the tag `end`, which is passed. */
static struct node *parse_block_to(struct parser *p, const char *end)
{
    const char *const ends[] = {end, NULL};
    struct node *body = parse_block(p, ends);
    return body && parser_advance(p) ? body : NULL;
}

/* Whether a tree can be assigned to; names the reason. */
static bool check_target(struct parser *p, const struct node *target, bool loop)
{
    if (target->kind == NODE_TUPLE) {
        for (uint32_t i = 0; i < target->n; i++)
            if (!check_target(p, target->list[i], loop))
                return false;
        return true;
    }
    if (target->kind != NODE_NAME && target->kind != NODE_TARGET_ATTRIBUTE)
        return parser_fail(p, target->line, "can't assign to this expression");
    if (loop && target->kind == NODE_NAME && target->name == NAME_LOOP)
        return parser_fail(p, target->line, "can't assign to the special variable loop");
    return true;
}

static struct node *parse_if(struct parser *p)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    static const char *const endif[] = {"endif", NULL};
    struct node *node = parser_node(p, NODE_IF, p->token.line);
    struct node_list list = {0};
    struct tuple_rule rule = {.no_condition = true};
    bool soft = p->soft;
    if (!node)
        return NULL;
    p->soft = true;
    do { /* at `if` or `elif` */
        struct node *test = parser_advance(p) ? parse_tuple(p, &rule) : NULL;
        struct node *body = test ? parse_block(p, ends) : NULL;
        if (!body || !parser_add(p, &list, test) || !parser_add(p, &list, body))
            return NULL;
    } while (parser_at_name(p, "elif"));
    if (parser_at_name(p, "else")) {
        struct node *body = parser_advance(p) ? parse_block(p, endif) : NULL;
        if (!body || !parser_add(p, &list, NULL) || !parser_add(p, &list, body))
            return NULL;
    }
    p->soft = soft;
    return parser_advance(p) ? parser_finish(p, node, &list) : NULL;
}

static struct node *parse_for(struct parser *p)
{
    static const char *const ends[] = {"endfor", "else", NULL};
    struct node *node = parser_node(p, NODE_FOR, p->token.line), *body, *otherwise = NULL;
    struct node_list list = {0};
    struct tuple_rule targets = {.simple = true}, values = {.no_condition = true};
    bool test, recursive;
    if (!node || !parser_advance(p) || !(node->a = parse_tuple(p, &targets)) || !check_target(p, node->a, true) ||
        !parser_expect_name(p, "in") || !(node->b = parse_tuple(p, &values)) || !parser_skip_name(p, "if", &test))
        return NULL;
    if (test && !(node->c = parse_expression(p, true)))
        return NULL;
    if (!parser_skip_name(p, "recursive", &recursive))
        return NULL;
    node->flags = recursive ? FLAG_RECURSIVE : 0;
    struct inner saved = enter_scope(p, true);
    unsigned uses = p->uses;
    p->uses = 0;
    body = parse_block(p, ends);
    node->flags |= p->uses & FLAG_USES_LOOP;
    p->uses |= uses;
    leave_scope(p, saved);
    if (!body)
        return NULL;
    if (parser_at_name(p, "else")) {
        saved = enter_scope(p, p->in_loop);
        otherwise = parser_advance(p) ? parse_block_to(p, "endfor") : NULL;
        leave_scope(p, saved);
        if (!otherwise)
            return NULL;
    } else if (!parser_advance(p)) {
        return NULL;
    }
    return parser_add(p, &list, body) && parser_add(p, &list, otherwise) ? parser_finish(p, node, &list) : NULL;
}

/* The filters of a block on its captured text; `start` when the first bar is missing. */
static bool parse_block_filters(struct parser *p, bool start, struct node **out)
{
    struct node *capture = parser_node(p, NODE_CAPTURE, p->token.line);
    struct node *filters = capture ? parse_filters(p, capture, start) : NULL;
    *out = filters == capture ? NULL : filters;
    return filters != NULL;
}

static struct node *parse_set(struct parser *p)
{
    struct node *node = parser_node(p, NODE_SET, p->token.line);
    struct tuple_rule targets = {.simple = true, .namespaces = true}, values = {0};
    bool assign;
    if (!node || !parser_advance(p) || !(node->a = parse_tuple(p, &targets)) || !check_target(p, node->a, p->in_loop) ||
        !parser_skip_operator(p, '=', &assign))
        return NULL;
    if (assign)
        return (node->b = parse_tuple(p, &values)) ? parser_finish(p, node, NULL) : NULL;
    node->kind = NODE_SET_BLOCK;
    if (!parse_block_filters(p, false, &node->b))
        return NULL;
    struct inner saved = enter_scope(p, p->in_loop);
    node->c = parse_block_to(p, "endset");
    leave_scope(p, saved);
    return node->c ? parser_finish(p, node, NULL) : NULL;
}

static struct node *parse_filter_block(struct parser *p)
{
    struct node *node = parser_node(p, NODE_FILTER_BLOCK, p->token.line);
    if (!node || !parser_advance(p) || !parse_block_filters(p, true, &node->b))
        return NULL;
    struct inner saved = enter_scope(p, p->in_loop);
    node->c = parse_block_to(p, "endfilter");
    leave_scope(p, saved);
    return node->c ? parser_finish(p, node, NULL) : NULL;
}

/* The parameters of a macro or call block, whose '(' is the current token. */
static bool parse_parameters(struct parser *p, struct node_list *list)
{
    bool defaults = false;
    if (!parser_expect_operator(p, '('))
        return false;
    while (!parser_at_operator(p, ')')) {
        if (list->n && !parser_expect_operator(p, ','))
            return false;
        struct node *parameter = parser_node(p, NODE_KEYWORD, p->token.line);
        bool assign;
        if (!parameter || !parser_take_name(p, &parameter->name) || !parser_skip_operator(p, '=', &assign))
            return false;
        for (size_t i = 0; i < list->n; i++)
            if (list->items[i]->name == parameter->name)
                return parser_fail(p, parameter->line, "parameter repeated: %s",
                                   p->template->names[parameter->name]->ptr);
        if (assign && !(parameter->a = parse_expression(p, true)))
            return false;
        if (defaults && !assign)
            return parser_fail(p, parameter->line, "a parameter without a default follows one with a default");
        defaults = assign;
        if (!parser_finish(p, parameter, NULL) || !parser_add(p, list, parameter))
            return false;
    }
    return parser_advance(p);
}

/* The body of a macro or call block into node->c, with what it names of the special variables. */
static bool parse_macro_body(struct parser *p, struct node *node, const char *end)
{
    struct inner saved = enter_scope(p, false);
    unsigned uses = p->uses;
    p->uses = 0;
    node->c = parse_block_to(p, end);
    node->flags = (uint8_t)p->uses;
    p->uses |= uses;
    leave_scope(p, saved);
    return node->c != NULL;
}

static struct node *parse_macro(struct parser *p)
{
    struct node *node = parser_node(p, NODE_MACRO, p->token.line);
    struct node_list list = {0};
    if (!node || !parser_advance(p) || !parser_take_name(p, &node->name) || !parse_parameters(p, &list) ||
        !parse_macro_body(p, node, "endmacro"))
        return NULL;
    for (size_t i = 0; i < list.n; i++) {
        uint32_t name = list.items[i]->name;
        if (name == NAME_VARARGS || name == NAME_KWARGS) /* a parameter like any other */
            node->flags &= name == NAME_KWARGS ? ~FLAG_USES_KWARGS : ~FLAG_USES_VARARGS;
        if (name == NAME_CALLER && (node->flags & FLAG_USES_CALLER) && !list.items[i]->a) {
            parser_fail(p, node->line, "the parameter caller must be left out or have a default");
            return NULL;
        }
    }
    return parser_finish(p, node, &list);
}

static struct node *parse_call_block(struct parser *p)
{
    struct node *node = parser_node(p, NODE_CALL_BLOCK, p->token.line);
    struct node_list list = {0};
    if (!node || !parser_advance(p) || (parser_at_operator(p, '(') && !parse_parameters(p, &list)) ||
        !(node->b = parse_expression(p, true)))
        return NULL;
    if (node->b->kind != NODE_CALL) {
        parser_fail(p, node->line, "a call block needs a call");
        return NULL;
    }
    return parse_macro_body(p, node, "endcall") ? parser_finish(p, node, &list) : NULL;
}

static struct node *parse_generation(struct parser *p)
{
    struct node *node = parser_node(p, NODE_GENERATION, p->token.line);
    if (!node || !parser_advance(p) || !parse_macro_body(p, node, "endgeneration"))
        return NULL;
    return parser_finish(p, node, NULL);
}

static struct node *parse_with(struct parser *p)
{
    struct node *node = parser_node(p, NODE_WITH, p->token.line);
    struct node_list list = {0};
    struct tuple_rule targets = {.simple = true};
    if (!node || !parser_advance(p))
        return NULL;
    while (p->token.kind != TOK_BLOCK_END) {
        if (list.n && !parser_expect_operator(p, ','))
            return NULL;
        struct node *target = parse_tuple(p, &targets), *value;
        if (!target || !check_target(p, target, false) || !parser_expect_operator(p, '=') ||
            !(value = parse_expression(p, true)) || !parser_add(p, &list, target) || !parser_add(p, &list, value))
            return NULL;
    }
    struct inner saved = enter_scope(p, p->in_loop);
    node->c = parse_block_to(p, "endwith");
    leave_scope(p, saved);
    return node->c ? parser_finish(p, node, &list) : NULL;
}

static struct node *parse_named_block(struct parser *p)
{
    struct node *node = parser_node(p, NODE_BLOCK, p->token.line);
    bool scoped, required, again;
    if (!node || !parser_advance(p))
        return NULL;
    struct str name = p->token.text;
    if (!parser_take_name(p, &node->name) || !parser_skip_name(p, "scoped", &scoped) ||
        !parser_skip_name(p, "required", &required))
        return NULL;
    bool existed;
    if (!map_add(&p->blocks, text_str(p->template->names[node->name]), node->name, &existed)) {
        parser_fail(p, node->line, "%s", template_limits[BOUND_MEMORY].sentence);
        return NULL;
    }
    if (existed) {
        parser_fail(p, node->line, "block '%s' defined twice", p->template->names[node->name]->ptr);
        return NULL;
    }
    node->flags = scoped ? FLAG_SCOPED : 0;
    struct inner saved = enter_scope(p, false);
    node->c = parse_block_to(p, "endblock");
    leave_scope(p, saved);
    if (!node->c)
        return NULL;
    again = p->token.kind == TOK_NAME && str_eq(p->token.text, name);
    return !again || parser_advance(p) ? parser_finish(p, node, NULL) : NULL;
}

/* `print a, b`: a body of what is printed. */
static struct node *parse_print(struct parser *p)
{
    struct node *node = parser_node(p, NODE_BODY, p->token.line);
    struct node_list list = {0};
    if (!node || !parser_advance(p))
        return NULL;
    while (p->token.kind != TOK_BLOCK_END) {
        struct node *print = parser_node(p, NODE_PRINT, p->token.line);
        if (!print || (list.n && !parser_expect_operator(p, ',')) || !(print->a = parse_expression(p, true)) ||
            !parser_finish(p, print, NULL) || !parser_add(p, &list, print))
            return NULL;
    }
    return parser_finish(p, node, &list);
}

static struct node *parse_loop_control(struct parser *p)
{
    struct node *node = parser_node(p, parser_at_name(p, "break") ? NODE_BREAK : NODE_CONTINUE, p->token.line);
    if (!node)
        return NULL;
    if (!p->in_loop) {
        parser_fail(p, node->line, "'%.*s' outside of a loop", (int)p->token.text.len, p->token.text.ptr);
        return NULL;
    }
    return parser_advance(p) ? node : NULL;
}

static const struct {
    const char *name;
    struct node *(*parse)(struct parser *p); /* NULL: refused, it would need other files or has no use in a prompt */
} statements[] = {
    {"if", parse_if},
    {"for", parse_for},
    {"set", parse_set},
    {"macro", parse_macro},
    {"call", parse_call_block},
    {"filter", parse_filter_block},
    {"generation", parse_generation},
    {"with", parse_with},
    {"block", parse_named_block},
    {"print", parse_print},
    {"break", parse_loop_control},
    {"continue", parse_loop_control},
    {"include", NULL},
    {"import", NULL},
    {"from", NULL},
    {"extends", NULL},
    {"autoescape", NULL},
};

static struct node *parse_statement(struct parser *p)
{
    if (p->token.kind != TOK_NAME) {
        parser_unexpected(p, "the name of a statement");
        return NULL;
    }
    int len = (int)(p->token.text.len < 60 ? p->token.text.len : 60);
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (parser_at_name(p, statements[i].name)) {
            if (statements[i].parse)
                return statements[i].parse(p);
            parser_fail(p, p->token.line, "'%s' is not supported in a chat template", statements[i].name);
            return NULL;
        }
    parser_fail(p, p->token.line, "unknown tag '%.*s'", len, p->token.text.ptr);
    return NULL;
}

static bool at_end_tag(const struct parser *p, const char *const *ends)
{
    for (; ends && *ends; ends++)
        if (parser_at_name(p, *ends))
            return true;
    return false;
}

/* One piece of a body into `list`; `*done` at one of the end tags. */
static bool parse_piece(struct parser *p, struct node_list *list, const char *const *ends, bool *done)
{
    struct node *node = NULL;
    struct tuple_rule rule = {0};
    switch (p->token.kind) {
    case TOK_DATA:
        node = parser_node(p, NODE_TEXT, p->token.line);
        const struct text *text = node ? parser_text(p, p->token.text) : NULL;
        if (!text || !parser_advance(p))
            return false;
        node->constant = value_text(text);
        break;
    case TOK_VARIABLE_BEGIN:
        node = parser_node(p, NODE_PRINT, p->token.line);
        if (!node || !parser_advance(p) || !(node->a = parse_tuple(p, &rule)) || !parser_finish(p, node, NULL))
            return false;
        if (p->token.kind != TOK_VARIABLE_END)
            return parser_unexpected(p, "'}}'");
        if (!parser_advance(p))
            return false;
        break;
    default: /* TOK_BLOCK_BEGIN; a body holds no other */
        if (!parser_advance(p))
            return false;
        if (at_end_tag(p, ends)) {
            *done = true;
            return true;
        }
        node = parse_statement(p);
        if (!node)
            return false;
        if (p->token.kind != TOK_BLOCK_END)
            return parser_unexpected(p, "the end of the tag");
        if (!parser_advance(p))
            return false;
    }
    return parser_add(p, list, node);
}

struct node *parse_body(struct parser *p, unsigned line, const char *const *ends)
{
    struct node *node = parser_node(p, NODE_BODY, line);
    struct node_list list = {0};
    bool done = false;
    if (!node || !parser_enter(p))
        return NULL;
    while (!done && p->token.kind != TOK_END)
        if (!parse_piece(p, &list, ends, &done))
            return NULL;
    parser_leave(p);
    if (ends && !done) {
        const char *last = *ends;
        while (*++ends)
            last = *ends;
        parser_fail(p, p->token.line, "the template ends before '%s' of line %u", last, node->line);
        return NULL;
    }
    return parser_finish(p, node, &list);
}
