/* SPDX-License-Identifier: Apache-2.0
 *
 * Loops: what comes next, and the attributes of `loop`.
 */
#include "text/jinja/loop.h"

struct loop *loop_new(struct jinja *j, const struct node *node, struct scope *scope, struct value source,
                      unsigned depth0)
{
    struct loop *loop = j->free_loops;
    if (loop) {
        j->free_loops = (struct loop *)loop->changed;
        *loop = (struct loop){0};
    } else {
        loop = machine_alloc(j, 1, sizeof *loop);
    }
    if (!loop)
        return NULL;
    if (source.kind != VALUE_LIST && source.kind != VALUE_TUPLE && source.kind != VALUE_RANGE) {
        if (source.kind == VALUE_LOOP) {
            jinja_fail(j, "a loop cannot be walked by another");
            return NULL;
        }
        source = (struct value){.kind = VALUE_LIST, .as.list = value_list(j, source)};
        if (!source.as.list)
            return NULL;
    }
    loop->node = node;
    loop->scope = scope;
    loop->source = source;
    value_length(source, &loop->n);
    loop->filtered = node->c != NULL;
    loop->index0 = -1;
    loop->length = -1;
    loop->depth0 = depth0;
    return loop;
}

void loop_end(struct jinja *j, struct loop *loop)
{
    if (loop->node->flags & FLAG_USES_LOOP)
        return;
    loop->changed = (struct list *)j->free_loops;
    j->free_loops = loop;
}

/* Whether an item passes the loop's test, which sees the targets but not `loop`. */
static bool passes(struct jinja *j, struct loop *loop, struct value item, bool *pass)
{
    struct scope *back = j->scope, *scope = scope_enter(j, loop->scope);
    struct value result;
    if (!scope)
        return false;
    bool ok = target_assign(j, scope, loop->node->a, item) && jinja_eval(j, loop->node->c, &result);
    scope_leave(j, scope, back);
    *pass = ok && value_truth(result);
    return ok;
}

/* The next item of the source that passes. */
static bool pull(struct jinja *j, struct loop *loop, struct value *item)
{
    bool pass = false;
    while (!pass && loop->at < loop->n) {
        if (!value_item(j, loop->source, loop->at++, item))
            return false;
        pass = !loop->filtered;
        if (!pass && !jinja_work(j, 1, 0))
            return false;
        if (!pass && !passes(j, loop, *item, &pass))
            return false;
    }
    if (!pass)
        *item = (struct value){.kind = VALUE_ABSENT};
    return true;
}

static bool peek(struct jinja *j, struct loop *loop)
{
    if (loop->peeked)
        return true;
    loop->peeked = true;
    return pull(j, loop, &loop->after);
}

bool loop_next(struct jinja *j, struct loop *loop, struct value *item)
{
    if (!peek(j, loop))
        return false;
    *item = loop->after;
    loop->peeked = false;
    if (item->kind == VALUE_ABSENT)
        return true;
    loop->index0++;
    loop->before = loop->current;
    loop->current = *item;
    return true;
}

/* Counts; a loop with a test has to test all the rest now. */
static bool count(struct jinja *j, struct loop *loop)
{
    if (loop->length >= 0)
        return true;
    if (!loop->filtered) {
        loop->length = (int64_t)loop->n;
        return true;
    }
    struct list *rest = list_new(j, 0);
    struct value item;
    if (!rest)
        return false;
    for (;;) {
        if (!pull(j, loop, &item))
            return false;
        if (item.kind == VALUE_ABSENT)
            break;
        if (!list_add(j, rest, item))
            return false;
    }
    loop->source = (struct value){.kind = VALUE_LIST, .as.list = rest};
    loop->at = 0;
    loop->n = rest->n;
    loop->filtered = false;
    bool ahead = loop->peeked && loop->after.kind != VALUE_ABSENT;
    loop->length = loop->index0 + 1 + ahead + (int64_t)rest->n;
    return true;
}

static bool loop_cycle(struct jinja *j, const struct call *call, struct value *out)
{
    const struct arguments *all = call->all;
    if (!all->n_args || all->n_keywords)
        return jinja_fail(j, "no items for cycling given");
    *out = all->args[(size_t)call->self.as.loop->index0 % all->n_args];
    return true;
}

static bool loop_changed(struct jinja *j, const struct call *call, struct value *out)
{
    struct loop *loop = call->self.as.loop;
    struct list *now = list_new(j, call->all->n_args);
    for (size_t i = 0; now && i < call->all->n_args; i++)
        if (!list_add(j, now, call->all->args[i]))
            return false;
    if (!now)
        return false;
    bool equal = false;
    struct value a = {.kind = VALUE_TUPLE, .as.list = loop->changed}, b = {.kind = VALUE_TUPLE, .as.list = now};
    if (loop->changed && !value_equal(j, a, b, &equal))
        return false;
    loop->changed = now;
    *out = value_bool(!equal);
    return true;
}

static bool loop_method(struct jinja *j, struct loop *loop, const struct builtin *row, struct value *out)
{
    struct method *method = machine_alloc(j, 1, sizeof *method);
    if (!method)
        return false;
    *method = (struct method){row, {.kind = VALUE_LOOP, .as.loop = loop}};
    *out = (struct value){.kind = VALUE_METHOD, .as.method = method};
    return true;
}

/* A neighbour, or why there is none. */
static struct value neighbour(struct value item, const struct text *hint)
{
    return item.kind == VALUE_ABSENT ? value_undefined(UNDEFINED_HINT, hint, VALUE_UNDEFINED) : item;
}

bool loop_attribute(struct jinja *j, struct loop *loop, struct str name, struct value *out)
{
    static const struct text no_previous = {.ptr = "there is no previous item", .len = 25, .n_chars = 25};
    static const struct text no_next = {.ptr = "there is no next item", .len = 21, .n_chars = 21};
    static const struct builtin cycle = {"cycle", loop_cycle, "*", 0}, changed = {"changed", loop_changed, "*", 0};
    int64_t index0 = loop->index0;
    *out = (struct value){.kind = VALUE_ABSENT};
    if (str_eq(name, STR("index")))
        *out = value_int(index0 + 1);
    else if (str_eq(name, STR("index0")))
        *out = value_int(index0);
    else if (str_eq(name, STR("first")))
        *out = value_bool(index0 == 0);
    else if (str_eq(name, STR("depth")))
        *out = value_int((int64_t)loop->depth0 + 1);
    else if (str_eq(name, STR("depth0")))
        *out = value_int((int64_t)loop->depth0);
    else if (str_eq(name, STR("previtem")))
        *out = neighbour(loop->before, &no_previous);
    else if (str_eq(name, STR("cycle")))
        return loop_method(j, loop, &cycle, out);
    else if (str_eq(name, STR("changed")))
        return loop_method(j, loop, &changed, out);
    else if (str_eq(name, STR("last")) || str_eq(name, STR("nextitem"))) {
        if (!peek(j, loop))
            return false;
        *out = name.len == 4 ? value_bool(loop->after.kind == VALUE_ABSENT) : neighbour(loop->after, &no_next);
    } else if (str_eq(name, STR("length")) || str_eq(name, STR("revindex")) || str_eq(name, STR("revindex0"))) {
        if (!count(j, loop))
            return false;
        int64_t behind = name.ptr[0] == 'l' ? 0 : name.len == 8 ? index0 : index0 + 1;
        *out = value_int(loop->length - behind);
    }
    return true;
}
