/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine's memory, errors and budgets, and the binding of arguments to builtins.
 */
#include "text/jinja/jinja.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"

/* From here on memory comes from malloc and can grow in place; below from the arena. */
enum { BLOCK_BYTES = 4096 };

struct machine_block {
    struct machine_block *previous, *next;
    size_t size;
    size_t padding; /* the bytes behind it are aligned to 16 */
};

bool jinja_fail(struct jinja *j, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(j->err, HOB_FORMAT, "template line %u: %s", j->line, text);
}

bool jinja_exceeded(struct jinja *j, enum template_bound bound)
{
    return error_set(j->err, HOB_LIMIT, "template line %u: %s", j->line, template_limits[bound].sentence);
}

bool jinja_work(struct jinja *j, uint64_t steps, size_t bytes)
{
    j->work += steps * BYTES_A_STEP + bytes;
    return j->work <= j->work_limit || jinja_exceeded(j, BOUND_STEPS);
}

bool jinja_enter(struct jinja *j)
{
    if (j->depth >= template_limits[BOUND_DEPTH].value)
        return jinja_exceeded(j, BOUND_DEPTH);
    j->depth++;
    return true;
}

/* ---- Memory ---- */

static bool has_room(struct jinja *j, size_t extra)
{
    size_t limit = template_limits[BOUND_MEMORY].value, used = j->arena.used_bytes + j->block_bytes;
    return (extra <= limit && used <= limit - extra) || jinja_exceeded(j, BOUND_MEMORY);
}

static void link_block(struct jinja *j, struct machine_block *block)
{
    block->previous = NULL;
    block->next = j->blocks;
    if (j->blocks)
        j->blocks->previous = block;
    j->blocks = block;
}

static void unlink_block(struct jinja *j, struct machine_block *block)
{
    if (block->next)
        block->next->previous = block->previous;
    if (block->previous)
        block->previous->next = block->next;
    else
        j->blocks = block->next;
}

void *machine_alloc(struct jinja *j, size_t count, size_t size)
{
    size_t total;
    if (!size_mul(count, size, &total)) {
        jinja_exceeded(j, BOUND_MEMORY);
        return NULL;
    }
    if (!has_room(j, total))
        return NULL;
    if (total < BLOCK_BYTES) {
        void *ptr = arena_alloc(&j->arena, total);
        if (!ptr)
            error_memory(j->err, total);
        return ptr;
    }
    struct machine_block *block = calloc(1, sizeof *block + total);
    if (!block) {
        error_memory(j->err, total);
        return NULL;
    }
    block->size = total;
    link_block(j, block);
    j->block_bytes += total;
    return block + 1;
}

void *machine_grow(struct jinja *j, void *ptr, size_t old_size, size_t new_size)
{
    if (old_size < BLOCK_BYTES || !ptr) {
        void *grown = machine_alloc(j, new_size, 1);
        if (grown && ptr && old_size)
            memcpy(grown, ptr, old_size);
        return grown;
    }
    if (!has_room(j, new_size - old_size))
        return NULL;
    struct machine_block *block = (struct machine_block *)ptr - 1;
    unlink_block(j, block);
    struct machine_block *grown = realloc(block, sizeof *block + new_size);
    link_block(j, grown ? grown : block);
    if (!grown) {
        error_memory(j->err, new_size);
        return NULL;
    }
    grown->size = new_size;
    j->block_bytes += new_size - old_size;
    return grown + 1;
}

void machine_clear(struct jinja *j)
{
    for (struct machine_block *block = j->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    j->blocks = NULL;
    j->block_bytes = 0;
    arena_clear(&j->arena);
}

bool jinja_push(struct jinja *j, struct value value)
{
    if (j->n_stack == MACHINE_STACK)
        return jinja_fail(j, "more than %d arguments in flight", MACHINE_STACK);
    j->stack[j->n_stack++] = value;
    return true;
}

/* ---- Builtins ---- */

const struct builtin *builtin_find(const struct builtin *rows, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(name, str_of(rows[i].name)))
            return &rows[i];
    return NULL;
}

void builtin_unknown(bool test, struct str name, char out[160])
{
    bool refused = !test && jinja_filter(name);
    int len = name.len < 60 ? (int)name.len : 60;
    snprintf(out, 160, refused ? "the %s '%.*s' is not supported in a chat template" : "no %s named '%.*s'",
             test ? "test" : "filter", len, name.ptr);
}

/* The next name of a parameter list: "a ?b" gives "a", then "b" with `*optional`. Empty at the end. */
static struct str next_parameter(const char **list, bool *optional)
{
    const char *at = *list;
    while (*at == ' ')
        at++;
    *optional = *at == '?';
    at += *optional;
    size_t len = strcspn(at, " ");
    *list = at + len;
    return (struct str){at, len};
}

/* Finds a keyword argument; marks it as used. */
static const struct keyword *take_keyword(const struct arguments *arguments, struct str name, uint64_t *used)
{
    for (size_t i = 0; i < arguments->n_keywords; i++)
        if (str_eq(text_str(arguments->keywords[i].name.as.text), name)) {
            *used |= 1ull << (i & 63);
            return &arguments->keywords[i];
        }
    return NULL;
}

static bool bind(struct jinja *j, struct call *call, const struct arguments *arguments)
{
    const char *list = call->row->parameters, *name = call->row->name;
    size_t n = 0;
    uint64_t used = 0;
    bool optional, positional = list[0] == '/';
    list += positional;
    for (struct str p = next_parameter(&list, &optional); p.len; p = next_parameter(&list, &optional), n++) {
        const struct keyword *keyword = positional ? NULL : take_keyword(arguments, p, &used);
        if (keyword && n < arguments->n_args)
            return jinja_fail(j, "%s() got two values for %.*s", name, (int)p.len, p.ptr);
        if (n < arguments->n_args)
            call->args[n] = arguments->args[n];
        else if (keyword)
            call->args[n] = keyword->value;
        else if (!optional)
            return jinja_fail(j, "%s() needs its argument %.*s", name, (int)p.len, p.ptr);
    }
    if (arguments->n_args > n)
        return jinja_fail(j, "%s() takes %zu argument%s, found %zu", name, n, n == 1 ? "" : "s", arguments->n_args);
    for (size_t i = 0; i < arguments->n_keywords; i++)
        if (i >= 64 || !(used >> i & 1))
            return jinja_fail(j, "%s() takes no argument %.*s", name, text_clip(arguments->keywords[i].name.as.text),
                              arguments->keywords[i].name.as.text->ptr);
    return true;
}

bool builtin_call(struct jinja *j, const struct builtin *row, struct value self, const struct arguments *arguments,
                  struct value *out)
{
    struct call call = {.row = row, .self = self, .all = arguments};
    if (!jinja_work(j, 1, 0))
        return false;
    if (row->parameters[0] != '*' && !bind(j, &call, arguments))
        return false;
    return row->run(j, &call, out);
}

bool call_int(struct jinja *j, const struct call *call, size_t i, int64_t fallback, int64_t *out)
{
    struct value v = call->args[i];
    *out = fallback;
    if (v.kind == VALUE_ABSENT)
        return true;
    if (v.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, v);
    if (v.kind != VALUE_INT && v.kind != VALUE_BOOL)
        return jinja_fail(j, "%s() needs an integer, found %s", call->row->name, kind_name(v.kind));
    *out = value_integer(v);
    return true;
}

bool call_bool(const struct call *call, size_t i, bool fallback)
{
    return call->args[i].kind == VALUE_ABSENT ? fallback : value_truth(call->args[i]);
}

bool call_text(struct jinja *j, const struct call *call, size_t i, const struct text **out)
{
    struct value v = call->args[i];
    if (v.kind == VALUE_ABSENT)
        return true;
    if (v.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, v);
    if (v.kind != VALUE_STRING)
        return jinja_fail(j, "%s() needs a string, found %s", call->row->name, kind_name(v.kind));
    *out = v.as.text;
    return true;
}
