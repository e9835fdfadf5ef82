/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates as the rest of hob sees them: parse, render, and the table of limits.
 */
#include "text/jinja/template.h"

#include <locale.h>
#include <stdlib.h>

#include "base/error.h"
#include "text/jinja/jinja.h"

const struct template_limit template_limits[N_BOUNDS] = {
    [BOUND_SOURCE] = {"template_source_bytes", 512 << 10, "the template is larger than 524288 bytes"},
    [BOUND_NESTING] = {"template_nesting", 200, "nested deeper than 200 levels"},
    [BOUND_STEPS] = {"template_steps", 3000000, "the template takes more than 3000000 steps and 4000 a message"},
    [BOUND_STEPS_A_MESSAGE] = {"template_steps_a_message", 4000,
                               "the template takes more than 3000000 steps and 4000 a message"},
    [BOUND_OUTPUT] = {"template_output_bytes", 8 << 20, "the output is longer than 8388608 bytes"},
    [BOUND_MEMORY] = {"template_memory_bytes", 40 << 20, "the template needs more than 41943040 bytes of memory"},
    [BOUND_DEPTH] = {"template_depth", 2000, "evaluation is deeper than 2000 levels"},
    [BOUND_CALLS] = {"template_calls", 200, "macros call each other deeper than 200 levels"},
    [BOUND_RANGE] = {"template_range", 100000, "range() has more than 100000 items"},
};

struct template *template_parse(struct str source, struct hob_error *err)
{
    struct template *template = calloc(1, sizeof *template);
    if (!template) {
        error_memory(err, sizeof *template);
        return NULL;
    }
    if (jinja_parse(template, source, err))
        return template;
    template_free(template);
    return NULL;
}

void template_free(struct template *template)
{
    if (!template)
        return;
    map_clear(&template->index);
    arena_clear(&template->arena);
    free(template);
}

/* A role that says nothing but who speaks cannot smuggle anything in; see struct render_input. */
static bool is_known_role(struct str role)
{
    static const char *const roles[] = {"system", "user",     "assistant", "tool",        "developer",
                                        "model",  "function", "ipython",   "observation", "environment"};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (str_eq(role, str_of(roles[i])))
            return true;
    return false;
}

/* The known roles of messages become trusted. */
static bool trust_roles(struct jinja *j, struct value messages)
{
    if (messages.kind != VALUE_LIST)
        return true;
    for (size_t i = 0; i < messages.as.list->n; i++) {
        struct value message = messages.as.list->items[i];
        const struct value *role = message.kind == VALUE_DICT ? dict_find(message.as.dict, STR("role")) : NULL;
        if (!role || role->kind != VALUE_STRING || !is_known_role(text_str(role->as.text)))
            continue;
        const struct text *trusted = text_borrow(j, text_str(role->as.text), false);
        if (!trusted ||
            !dict_set(j, message.as.dict, value_text(text_borrow(j, STR("role"), true)), value_text(trusted)))
            return false;
    }
    return true;
}

/* The names of the template that are variables or functions get their values. */
static bool fill_root(struct jinja *j)
{
    const struct template *t = j->template;
    j->root = machine_alloc(j, t->n_names, sizeof *j->root);
    j->stack = machine_alloc(j, MACHINE_STACK, sizeof *j->stack);
    if (!j->root || !j->stack)
        return false;
    size_t n_messages = json_array_size(json_object_get(j->input->variables, "messages"));
    uint64_t steps = template_limits[BOUND_STEPS].value + n_messages * template_limits[BOUND_STEPS_A_MESSAGE].value;
    j->work_limit = (j->input->max_steps ? j->input->max_steps : steps) * BYTES_A_STEP;
    for (size_t i = 0; i < t->n_names; i++) {
        struct str name = text_str(t->names[i]);
        const json_t *json = json_object_getn(j->input->variables, name.ptr, name.len);
        bool messages = str_eq(name, STR("messages"));
        bool untrusted = messages || str_eq(name, STR("tools")) || str_eq(name, STR("documents"));
        const struct builtin *function = jinja_function(name);
        if (t->unset[i])
            continue;
        if (json) {
            if (!jinja_from_json(j, json, untrusted, &j->root[i]) || (messages && !trust_roles(j, j->root[i])))
                return false;
        } else if (function) {
            j->root[i] = (struct value){.kind = VALUE_FUNCTION, .as.function = function};
        }
    }
    return true;
}

/* The runs of untrusted bytes. */
static bool find_spans(const struct text_builder *built, struct rendered *out, struct hob_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < built->len; i++)
        n += built->marks ? built->marks[i] && (i == 0 || !built->marks[i - 1]) : i == 0 && built->untrusted;
    if (!n)
        return true;
    out->untrusted = calloc(n, sizeof *out->untrusted);
    if (!out->untrusted)
        return error_memory(err, n * sizeof *out->untrusted);
    for (size_t i = 0; i < built->len;) {
        size_t end = i;
        while (end < built->len && (built->marks ? built->marks[end] : built->untrusted))
            end++;
        if (end > i)
            out->untrusted[out->n_untrusted++] = (struct text_span){i, end};
        i = end + 1;
    }
    return true;
}

bool template_render(const struct template *template, const struct render_input *input, struct rendered *out,
                     struct hob_error *err)
{
    struct text_builder built = {.limit = template_limits[BOUND_OUTPUT].value};
    struct jinja j = {.template = template, .input = input, .err = err, .out = &built, .line = 1};
    /* Numbers and dates are written as in C, whatever the program's locale. */
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0)
        return error_memory(err, sizeof plain);
    locale_t before = uselocale(plain);
    bool ok = fill_root(&j) && jinja_run(&j);
    uselocale(before);
    freelocale(plain);
    if (ok && (!find_spans(&built, out, err) || !buf_add(&out->text, built.bytes, built.len)))
        ok = out->text.failed ? error_memory(err, built.len) : false;
    machine_clear(&j);
    return ok;
}

void rendered_clear(struct rendered *out)
{
    buf_clear(&out->text);
    free(out->untrusted);
    *out = (struct rendered){0};
}
