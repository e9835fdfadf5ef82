/* SPDX-License-Identifier: Apache-2.0
 *
 * Which variables the template's outermost level sets before it reads them there. Jinja compiles those to locals that
 * are undefined until they are set, also for the loops and macros before that place, whatever the caller passed in:
 *
 *     {% for m in messages %}{{ tools }}{% endfor %}{% set tools = 1 %}      prints nothing
 */
#include "text/jinja/ast.h"

enum { UNSEEN, READ, SET_FIRST };

/* Notes a name's first use. */
static void note(uint8_t *uses, uint32_t name, uint8_t use)
{
    if (uses[name] == UNSEEN)
        uses[name] = use;
}

/* All variables below an expression are read. */
static void read_all(uint8_t *uses, const struct node *node)
{
    if (!node || node->kind == NODE_CONST)
        return;
    if (node->kind == NODE_NAME)
        note(uses, node->name, READ);
    read_all(uses, node->a);
    read_all(uses, node->b);
    read_all(uses, node->c);
    for (uint32_t i = 0; i < node->n; i++)
        read_all(uses, node->list[i]);
}

/* A target of `set`. In a branch of `if` the variable keeps what was passed in, in case another branch is taken. */
static void set_all(uint8_t *uses, const struct node *target, bool branch)
{
    if (target->kind == NODE_NAME || target->kind == NODE_TARGET_ATTRIBUTE)
        note(uses, target->name, target->kind == NODE_NAME && !branch ? SET_FIRST : READ);
    else
        for (uint32_t i = 0; i < target->n; i++)
            set_all(uses, target->list[i], branch);
}

/* The statements of the outermost level; bodies with a scope of their own are passed over. */
static void walk(uint8_t *uses, const struct node *node, bool branch)
{
    if (!node)
        return;
    switch (node->kind) {
    case NODE_BODY:
        for (uint32_t i = 0; i < node->n; i++)
            walk(uses, node->list[i], branch);
        return;
    case NODE_IF:
        for (uint32_t i = 0; i < node->n; i += 2) {
            read_all(uses, node->list[i]);
            walk(uses, node->list[i + 1], true);
        }
        return;
    case NODE_PRINT:
        read_all(uses, node->a);
        return;
    case NODE_SET:
        read_all(uses, node->b);
        set_all(uses, node->a, branch);
        return;
    case NODE_SET_BLOCK:
        set_all(uses, node->a, branch);
        return;
    case NODE_MACRO:
        note(uses, node->name, branch ? READ : SET_FIRST);
        return;
    case NODE_FOR:
    case NODE_CALL_BLOCK:
    case NODE_FILTER_BLOCK:
        read_all(uses, node->b);
        return;
    case NODE_WITH:
        for (uint32_t i = 1; i < node->n; i += 2)
            read_all(uses, node->list[i]);
        return;
    default:
        return;
    }
}

bool jinja_find_unset(struct template *template, bool has_blocks)
{
    uint8_t *uses = arena_alloc(&template->arena, template->n_names + 1);
    if (!uses)
        return false;
    if (!has_blocks)
        walk(uses, template->body, false);
    for (size_t i = 0; i < template->n_names; i++)
        uses[i] = uses[i] == SET_FIRST;
    template->unset = uses;
    return true;
}
