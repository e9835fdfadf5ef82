/* SPDX-License-Identifier: Apache-2.0
 *
 * Statements: scopes, output, loops, macros.
 */
#include "text/jinja/jinja.h"

#include "text/jinja/loop.h"

/* How a statement ended. */
enum flow { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE, FLOW_FAIL };

static enum flow run(struct jinja *j, const struct node *node);

/* ---- Scopes ---- */

struct value jinja_lookup(struct jinja *j, uint32_t name)
{
    for (const struct scope *scope = j->scope; scope; scope = scope->parent)
        for (uint32_t i = 0; i < scope->n; i++)
            if (scope->bindings[i].name == name)
                return scope->bindings[i].value;
    if (j->root[name].kind != VALUE_ABSENT)
        return j->root[name];
    return value_undefined(UNDEFINED_NAME, j->template->names[name], VALUE_UNDEFINED);
}

bool scope_set(struct jinja *j, struct scope *scope, uint32_t name, struct value value)
{
    if (!scope) {
        j->root[name] = value;
        return true;
    }
    for (uint32_t i = 0; i < scope->n; i++)
        if (scope->bindings[i].name == name) {
            scope->bindings[i].value = value;
            return true;
        }
    if (scope->n == scope->cap) {
        uint32_t cap = scope->cap ? scope->cap * 2 : 4;
        struct binding *bindings = machine_alloc(j, cap, sizeof *bindings);
        if (!bindings)
            return false;
        if (scope->n)
            memcpy(bindings, scope->bindings, scope->n * sizeof *bindings);
        scope->bindings = bindings;
        scope->cap = cap;
    }
    scope->bindings[scope->n++] = (struct binding){name, value};
    return true;
}

struct scope *scope_enter(struct jinja *j, struct scope *parent)
{
    struct scope *scope = j->free_scopes;
    if (scope)
        j->free_scopes = scope->parent;
    else
        scope = machine_alloc(j, 1, sizeof *scope);
    if (!scope)
        return NULL;
    scope->parent = parent;
    scope->n = 0;
    scope->captured = false;
    j->scope = scope;
    return scope;
}

void scope_leave(struct jinja *j, struct scope *scope, struct scope *back)
{
    j->scope = back;
    if (!scope->captured) {
        scope->parent = j->free_scopes;
        j->free_scopes = scope;
    }
}

/* Runs a body in a scope of its own. */
static enum flow run_inner(struct jinja *j, const struct node *body)
{
    struct scope *outer = j->scope, *scope = scope_enter(j, outer);
    if (!scope)
        return FLOW_FAIL;
    enum flow flow = run(j, body);
    scope_leave(j, scope, outer);
    return flow;
}

/* The same, its output as a text. */
static enum flow run_captured(struct jinja *j, const struct node *body, struct value *out)
{
    struct text_builder sink = {.limit = template_limits[BOUND_OUTPUT].value}, *outer = j->out;
    j->out = &sink;
    enum flow flow = run_inner(j, body);
    j->out = outer;
    if (flow != FLOW_NEXT)
        return flow;
    *out = value_text(builder_take(j, &sink));
    return out->as.text ? FLOW_NEXT : FLOW_FAIL;
}

/* ---- Assignment ---- */

static bool set_attribute(struct jinja *j, const struct node *target, struct value value)
{
    struct value object = jinja_lookup(j, target->name);
    const struct text *name = j->template->names[target->attribute];
    if (object.kind != VALUE_NAMESPACE)
        return jinja_fail(j, "cannot assign attribute '%s' on non-namespace object", name->ptr);
    if (name->ptr[0] == '_')
        return jinja_fail(j, "a namespace cannot hold '%s': its name starts with an underscore", name->ptr);
    return dict_set(j, object.as.dict, value_text(name), value);
}

bool target_assign(struct jinja *j, struct scope *scope, const struct node *target, struct value value)
{
    if (target->kind == NODE_NAME)
        return scope_set(j, scope, target->name, value);
    if (target->kind == NODE_TARGET_ATTRIBUTE)
        return set_attribute(j, target, value);
    struct list *items = value_list(j, value);
    if (!items)
        return false;
    if (items->n != target->n)
        return jinja_fail(j, "want %u values to unpack, found %zu", (unsigned)target->n, items->n);
    if (!jinja_enter(j))
        return false;
    bool ok = true;
    for (uint32_t i = 0; ok && i < target->n; i++)
        ok = target_assign(j, scope, target->list[i], items->items[i]);
    j->depth--;
    return ok;
}

/* Namespaces are checked before the value is computed, as Jinja does. */
static bool check_namespaces(struct jinja *j, const struct node *target)
{
    if (target->kind == NODE_TARGET_ATTRIBUTE && jinja_lookup(j, target->name).kind != VALUE_NAMESPACE)
        return jinja_fail(j, "cannot assign attribute '%s' on non-namespace object",
                          j->template->names[target->attribute]->ptr);
    return true;
}

static enum flow run_set(struct jinja *j, const struct node *node)
{
    struct value value;
    j->line = node->line;
    if (!check_namespaces(j, node->a) || !jinja_eval(j, node->b, &value))
        return FLOW_FAIL;
    j->line = node->line;
    return target_assign(j, j->scope, node->a, value) ? FLOW_NEXT : FLOW_FAIL;
}

/* Filters what a block wrote; node->b may be NULL. */
static bool filter_capture(struct jinja *j, const struct node *node, struct value *value)
{
    struct value outer = j->capture;
    if (!node->b)
        return true;
    j->capture = *value;
    bool ok = jinja_eval(j, node->b, value);
    j->capture = outer;
    return ok;
}

static enum flow run_set_block(struct jinja *j, const struct node *node)
{
    struct value value;
    enum flow flow = run_captured(j, node->c, &value);
    if (flow != FLOW_NEXT)
        return flow;
    j->line = node->line;
    return filter_capture(j, node, &value) && target_assign(j, j->scope, node->a, value) ? FLOW_NEXT : FLOW_FAIL;
}

static enum flow run_filter_block(struct jinja *j, const struct node *node)
{
    struct value value;
    enum flow flow = run_captured(j, node->c, &value);
    if (flow != FLOW_NEXT)
        return flow;
    if (!filter_capture(j, node, &value))
        return FLOW_FAIL;
    if (value.kind != VALUE_STRING) { /* Python joins what a block puts out, and joins only strings */
        jinja_fail(j, "a filter block gives a string, found %s", kind_name(value.kind));
        return FLOW_FAIL;
    }
    return builder_text(j, j->out, value.as.text) ? FLOW_NEXT : FLOW_FAIL;
}

static enum flow run_with(struct jinja *j, const struct node *node)
{
    struct scope *outer = j->scope, *scope = scope_enter(j, outer);
    enum flow flow = scope ? FLOW_NEXT : FLOW_FAIL;
    for (uint32_t i = 0; flow == FLOW_NEXT && i < node->n; i += 2) {
        struct value value;
        j->scope = outer; /* values do not see the other targets */
        if (!jinja_eval(j, node->list[i + 1], &value) || !target_assign(j, scope, node->list[i], value))
            flow = FLOW_FAIL;
    }
    if (flow == FLOW_FAIL)
        return flow;
    j->scope = scope;
    flow = run(j, node->c);
    scope_leave(j, scope, outer);
    return flow;
}

/* ---- Macros ---- */

static void capture_scopes(struct jinja *j)
{
    for (struct scope *scope = j->scope; scope && !scope->captured; scope = scope->parent)
        scope->captured = true;
}

static struct macro *make_macro(struct jinja *j, const struct node *node)
{
    struct macro *macro = machine_alloc(j, 1, sizeof *macro);
    if (!macro)
        return NULL;
    macro->node = node;
    macro->scope = j->scope;
    macro->name = node->kind == NODE_MACRO ? j->template->names[node->name] : NULL;
    capture_scopes(j);
    return macro;
}

/* What the binding of a macro's parameters works on. */
struct macro_call {
    const struct macro *macro;
    const struct arguments *arguments;
    struct scope *scope;
    uint64_t used; /* a bit a keyword argument that found its place */
};

static struct value take_keyword(struct jinja *j, struct macro_call *call, uint32_t name)
{
    const struct arguments *arguments = call->arguments;
    for (size_t i = 0; i < arguments->n_keywords && i < 64; i++)
        if (!(call->used >> i & 1) &&
            str_eq(text_str(arguments->keywords[i].name.as.text), text_str(j->template->names[name]))) {
            call->used |= 1ull << i;
            return arguments->keywords[i].value;
        }
    return (struct value){.kind = VALUE_ABSENT};
}

static bool bind_parameter(struct jinja *j, struct macro_call *call, uint32_t i, bool *caller)
{
    const struct node *parameter = call->macro->node->list[i];
    struct value value =
        i < call->arguments->n_args ? call->arguments->args[i] : take_keyword(j, call, parameter->name);
    *caller |= parameter->name == NAME_CALLER;
    return scope_set(j, call->scope, parameter->name, value);
}

/* Parameters that were not given: their defaults see the ones before. */
static bool bind_default(struct jinja *j, struct macro_call *call, const struct node *parameter)
{
    struct value value = value_undefined(UNDEFINED_NAME, j->template->names[parameter->name], VALUE_UNDEFINED);
    for (uint32_t i = 0; i < call->scope->n; i++)
        if (call->scope->bindings[i].name == parameter->name && call->scope->bindings[i].value.kind != VALUE_ABSENT)
            return true;
    if (!scope_set(j, call->scope, parameter->name, value))
        return false;
    if (parameter->a && !jinja_eval(j, parameter->a, &value))
        return false;
    return scope_set(j, call->scope, parameter->name, value);
}

static bool bind_varargs(struct jinja *j, struct macro_call *call)
{
    const struct arguments *arguments = call->arguments;
    struct list *rest = list_new(j, 0);
    for (size_t i = call->macro->node->n; rest && i < arguments->n_args; i++)
        if (!list_add(j, rest, arguments->args[i]))
            return false;
    return rest && scope_set(j, call->scope, NAME_VARARGS, (struct value){.kind = VALUE_TUPLE, .as.list = rest});
}

static bool bind_kwargs(struct jinja *j, struct macro_call *call)
{
    const struct arguments *arguments = call->arguments;
    struct dict *rest = dict_new(j, 0);
    for (size_t i = 0; rest && i < arguments->n_keywords; i++)
        if ((i >= 64 || !(call->used >> i & 1)) &&
            !dict_set(j, rest, arguments->keywords[i].name, arguments->keywords[i].value))
            return false;
    return rest && scope_set(j, call->scope, NAME_KWARGS, (struct value){.kind = VALUE_DICT, .as.dict = rest});
}

/* Whether all arguments found a place. */
static bool check_rest(struct jinja *j, const struct macro_call *call)
{
    const struct arguments *arguments = call->arguments;
    const struct node *node = call->macro->node;
    const char *name = call->macro->name ? call->macro->name->ptr : "caller";
    if (!(node->flags & FLAG_USES_VARARGS) && arguments->n_args > node->n)
        return jinja_fail(j, "macro '%s' takes not more than %u argument(s)", name, (unsigned)node->n);
    for (size_t i = 0; !(node->flags & FLAG_USES_KWARGS) && i < arguments->n_keywords; i++)
        if (i >= 64 || !(call->used >> i & 1)) {
            const struct text *keyword = arguments->keywords[i].name.as.text;
            return jinja_fail(j, "macro '%s' takes no keyword argument '%.*s'", name, text_clip(keyword), keyword->ptr);
        }
    return true;
}

static bool bind_macro(struct jinja *j, struct macro_call *call)
{
    const struct node *node = call->macro->node;
    bool caller = false;
    for (uint32_t i = 0; i < node->n; i++)
        if (!bind_parameter(j, call, i, &caller))
            return false;
    if ((node->flags & FLAG_USES_CALLER) && !caller) {
        struct value value = take_keyword(j, call, NAME_CALLER);
        if (value.kind == VALUE_ABSENT)
            value = value_undefined(UNDEFINED_NAME, j->template->names[NAME_CALLER], VALUE_UNDEFINED);
        if (!scope_set(j, call->scope, NAME_CALLER, value))
            return false;
    }
    if (!check_rest(j, call) || ((node->flags & FLAG_USES_KWARGS) && !bind_kwargs(j, call)) ||
        ((node->flags & FLAG_USES_VARARGS) && !bind_varargs(j, call)))
        return false;
    for (uint32_t i = 0; i < node->n; i++)
        if (!bind_default(j, call, node->list[i]))
            return false;
    return true;
}

bool jinja_call_macro(struct jinja *j, const struct macro *macro, const struct arguments *arguments, struct value *out)
{
    struct text_builder sink = {.limit = template_limits[BOUND_OUTPUT].value}, *sink_before = j->out;
    struct scope *scope_before = j->scope;
    struct macro_call call = {.macro = macro, .arguments = arguments};
    if (j->calls >= template_limits[BOUND_CALLS].value)
        return jinja_exceeded(j, BOUND_CALLS);
    j->calls++;
    call.scope = scope_enter(j, macro->scope);
    j->out = &sink;
    bool ok = call.scope && bind_macro(j, &call) && run(j, macro->node->c) == FLOW_NEXT;
    j->out = sink_before;
    if (call.scope)
        scope_leave(j, call.scope, scope_before);
    j->calls--;
    if (!ok)
        return false;
    *out = value_text(builder_take(j, &sink));
    return out->as.text != NULL;
}

static enum flow run_macro(struct jinja *j, const struct node *node)
{
    struct macro *macro = make_macro(j, node);
    struct value value = {.kind = VALUE_MACRO, .as.macro = macro};
    return macro && scope_set(j, j->scope, node->name, value) ? FLOW_NEXT : FLOW_FAIL;
}

static enum flow run_call_block(struct jinja *j, const struct node *node)
{
    size_t base = j->n_stack;
    struct arguments arguments;
    struct value function, result, caller = {.kind = VALUE_MACRO, .as.macro = make_macro(j, node)};
    const struct node *call = node->b;
    if (!caller.as.macro || !jinja_eval(j, call->a, &function) ||
        !jinja_arguments(j, call->list, call->n, &arguments) ||
        !jinja_push(j, value_text(j->template->names[NAME_CALLER])) || !jinja_push(j, caller))
        return FLOW_FAIL;
    arguments.n_keywords++;
    j->line = node->line;
    bool ok = jinja_call(j, function, &arguments, &result) && value_write(j, j->out, result, false);
    j->n_stack = base;
    return ok ? FLOW_NEXT : FLOW_FAIL;
}

/* ---- Loops ---- */

static enum flow run_loop(struct jinja *j, struct loop *loop)
{
    const struct node *node = loop->node, *otherwise = node->list[1];
    struct scope *outer = loop->scope, *back = j->scope, *scope = scope_enter(j, outer);
    if (!scope)
        return FLOW_FAIL;
    struct value item, self = {.kind = VALUE_LOOP, .as.loop = loop};
    enum flow flow = FLOW_NEXT;
    bool completed = false; /* an iteration that is not broken off: as in Jinja only that keeps `else` from running */
    while (flow == FLOW_NEXT || flow == FLOW_CONTINUE) {
        if (!jinja_work(j, 1, 0) || !loop_next(j, loop, &item)) {
            flow = FLOW_FAIL;
            break;
        }
        if (item.kind == VALUE_ABSENT)
            break;
        j->scope = scope;
        scope->n = 0;
        j->line = node->line;
        bool ok = target_assign(j, scope, node->a, item) &&
                  (!(node->flags & FLAG_USES_LOOP) || scope_set(j, scope, NAME_LOOP, self));
        flow = ok ? run(j, node->list[0]) : FLOW_FAIL;
        completed |= flow == FLOW_NEXT;
    }
    scope_leave(j, scope, outer);
    if (flow != FLOW_FAIL)
        flow = !completed && otherwise ? run_inner(j, otherwise) : FLOW_NEXT;
    j->scope = back;
    return flow;
}

static enum flow run_for(struct jinja *j, const struct node *node)
{
    struct value source;
    if (!jinja_eval(j, node->b, &source))
        return FLOW_FAIL;
    j->line = node->line;
    struct loop *loop = loop_new(j, node, j->scope, source, 0);
    if (!loop)
        return FLOW_FAIL;
    enum flow flow = run_loop(j, loop);
    loop_end(j, loop);
    return flow;
}

bool jinja_call_loop(struct jinja *j, struct loop *loop, struct value items, struct value *out)
{
    struct text_builder sink = {.limit = template_limits[BOUND_OUTPUT].value}, *before = j->out;
    if (!(loop->node->flags & FLAG_RECURSIVE))
        return jinja_fail(j, "the loop must have the 'recursive' marker to be called recursively");
    if (j->calls >= template_limits[BOUND_CALLS].value)
        return jinja_exceeded(j, BOUND_CALLS);
    struct loop *inner = loop_new(j, loop->node, loop->scope, items, loop->depth0 + 1);
    if (!inner)
        return false;
    j->calls++;
    j->out = &sink;
    enum flow flow = run_loop(j, inner);
    j->out = before;
    j->calls--;
    loop_end(j, inner);
    *out = value_text(flow == FLOW_NEXT ? builder_take(j, &sink) : NULL);
    return out->as.text != NULL;
}

/* ---- The rest ---- */

static enum flow run_print(struct jinja *j, const struct node *node)
{
    struct value value;
    j->line = node->line;
    return jinja_eval(j, node->a, &value) && value_write(j, j->out, value, false) ? FLOW_NEXT : FLOW_FAIL;
}

static enum flow run_text(struct jinja *j, const struct node *node)
{
    j->line = node->line;
    return builder_text(j, j->out, node->constant.as.text) ? FLOW_NEXT : FLOW_FAIL;
}

static enum flow run_body(struct jinja *j, const struct node *node)
{
    enum flow flow = FLOW_NEXT;
    for (uint32_t i = 0; flow == FLOW_NEXT && i < node->n; i++)
        flow = run(j, node->list[i]);
    return flow;
}

static enum flow run_if(struct jinja *j, const struct node *node)
{
    for (uint32_t i = 0; i < node->n; i += 2) {
        struct value test = value_bool(true);
        if (node->list[i] && !jinja_eval(j, node->list[i], &test))
            return FLOW_FAIL;
        if (value_truth(test))
            return run(j, node->list[i + 1]);
    }
    return FLOW_NEXT;
}

/* A block sees the outermost variables only, unless it is scoped. */
static enum flow run_block(struct jinja *j, const struct node *node)
{
    struct scope *outer = j->scope;
    if (!(node->flags & FLAG_SCOPED))
        j->scope = NULL;
    enum flow flow = run_inner(j, node->c);
    j->scope = outer;
    return flow;
}

static enum flow run_generation(struct jinja *j, const struct node *node)
{
    return run_inner(j, node->c);
}

static enum flow run_break(struct jinja *j, const struct node *node)
{
    (void)j;
    return node->kind == NODE_BREAK ? FLOW_BREAK : FLOW_CONTINUE;
}

static enum flow run(struct jinja *j, const struct node *node)
{
    static enum flow (*const runners[])(struct jinja *, const struct node *) = {
        [NODE_TEXT] = run_text,
        [NODE_PRINT] = run_print,
        [NODE_BODY] = run_body,
        [NODE_IF] = run_if,
        [NODE_FOR] = run_for,
        [NODE_SET] = run_set,
        [NODE_SET_BLOCK] = run_set_block,
        [NODE_FILTER_BLOCK] = run_filter_block,
        [NODE_MACRO] = run_macro,
        [NODE_CALL_BLOCK] = run_call_block,
        [NODE_GENERATION] = run_generation,
        [NODE_WITH] = run_with,
        [NODE_BLOCK] = run_block,
        [NODE_BREAK] = run_break,
        [NODE_CONTINUE] = run_break,
    };
    if (!jinja_work(j, 1, 0) || !jinja_enter(j))
        return FLOW_FAIL;
    enum flow flow = runners[node->kind](j, node);
    j->depth--;
    return flow;
}

bool jinja_run(struct jinja *j)
{
    return run(j, j->template->body) == FLOW_NEXT;
}
