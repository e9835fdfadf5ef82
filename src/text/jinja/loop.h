/* SPDX-License-Identifier: Apache-2.0
 *
 * The state of a `for`, which is also what `loop` is inside of it.
 */
#ifndef HOB_TEXT_JINJA_LOOP_H
#define HOB_TEXT_JINJA_LOOP_H

#include "text/jinja/jinja.h"

/* A loop on its way. Items that a test filters out are never seen; one item can be looked at ahead. */
struct loop {
    const struct node *node;
    struct scope *scope;                 /* the one the loop stands in */
    struct value source;                 /* a list, tuple or range */
    size_t n, at;                        /* of the source */
    bool filtered;                       /* the source is still to be tested */
    struct value before, current, after; /* VALUE_ABSENT where there is none */
    bool peeked;                         /* `after` is known */
    int64_t index0;                      /* -1 before the first */
    int64_t length;                      /* -1: not counted yet */
    unsigned depth0;
    struct list *changed; /* what loop.changed() saw last */
};

/* A loop over anything that can be walked; NULL after an error. */
struct loop *loop_new(struct jinja *j, const struct node *node, struct scope *scope, struct value source,
                      unsigned depth0);

/* Moves on: the next item, VALUE_ABSENT at the end. */
bool loop_next(struct jinja *j, struct loop *loop, struct value *item);

/* Ends a loop; its memory is used again where nothing can refer to it. */
void loop_end(struct jinja *j, struct loop *loop);

/* ---- Of jinja/run.c ---- */

/* A new scope inside `parent`, which becomes the current one; NULL after an error. */
struct scope *scope_enter(struct jinja *j, struct scope *parent);

/* Ends a scope; `back` is the current one again. */
void scope_leave(struct jinja *j, struct scope *scope, struct scope *back);

/* Sets a name in a scope; false after an error. */
bool scope_set(struct jinja *j, struct scope *scope, uint32_t name, struct value value);

/* Assigns to a name, a namespace's attribute or a tuple of them. */
bool target_assign(struct jinja *j, struct scope *scope, const struct node *target, struct value value);

#endif
