/* SPDX-License-Identifier: Apache-2.0
 *
 * A pass over the actions with a stack of what is open. A template without .Messages is one turn; Ollama runs it for
 * each turn, and so does the loop that is put around it.
 */
#include "text/jinja/go_template.h"

#include <ctype.h>
#include <stdio.h>

#include "base/error.h"
#include "text/jinja/go_expression.h"

enum { MAX_SOURCE = 1 << 18 };

bool go_template_is(struct str text)
{
    return str_find(text, STR("{%"), 0) == SIZE_MAX && str_find(text, STR("{{"), 0) != SIZE_MAX;
}

static struct str from(struct str text, size_t n)
{
    return go_trim((struct str){text.ptr + n, text.len - n});
}

/* Opens a block in which the dot is `dot`. */
static bool open_block(struct go_writer *w, bool is_loop, const char *dot, enum go_kind kind, struct str action)
{
    if (w->n_open == GO_MAX_OPEN)
        return go_refuse(w, action);
    w->n_open++;
    w->open[w->n_open].is_loop = is_loop;
    w->open[w->n_open].kind = kind;
    snprintf(w->open[w->n_open].dot, GO_NAME, "%s", dot);
    return true;
}

/* An if, whose dot is that around it. */
static bool open_if(struct go_writer *w, struct str condition)
{
    char dot[GO_NAME];
    enum go_kind kind;
    snprintf(dot, sizeof dot, "%s", w->open[w->n_open].dot);
    buf_str(w->out, STR("{% if "));
    return go_expression(w, condition, &kind) && buf_str(w->out, STR(" %}")) &&
           open_block(w, false, dot, w->open[w->n_open].kind, condition);
}

/* A with: the dot is its value. */
static bool open_with(struct go_writer *w, struct str text)
{
    char dot[GO_NAME];
    enum go_kind kind;
    int number = go_declare(w, STR("."), GO_VALUE); /* a name that no variable has */
    if (number < 0)
        return go_refuse(w, text);
    snprintf(dot, sizeof dot, "go.v%d", number);
    buf_format(w->out, "{%% set %s = ", dot);
    return go_expression(w, text, &kind) && buf_format(w->out, " %%}{%% if %s %%}", dot) &&
           open_block(w, false, dot, kind, text);
}

/* Cuts "$name" from the start of `rest`, and what follows it up to and with `mark`. */
static bool take_name(struct str *rest, const char *mark, struct str *name)
{
    if (rest->len == 0 || rest->ptr[0] != '$')
        return false;
    size_t n = go_name_length((struct str){rest->ptr + 1, rest->len - 1});
    struct str behind = from(*rest, 1 + n);
    if (n == 0 || !str_starts(behind, str_of(mark)))
        return false;
    *name = (struct str){rest->ptr + 1, n};
    *rest = from(behind, strlen(mark));
    return true;
}

/* A range: over a list, with none, one or two variables, for the place and the element. */
static bool open_range(struct go_writer *w, struct str text)
{
    struct str rest = text, names[2] = {{0}};
    char dot[GO_NAME];
    enum go_kind kind;
    if (take_name(&rest, ",", &names[0]) && !take_name(&rest, ":=", &names[1]))
        return go_refuse(w, text);
    if (!names[1].len)
        take_name(&rest, ":=", &names[1]); /* one alone is the element */
    snprintf(dot, sizeof dot, "dot%u", w->n_open + 1);
    buf_format(w->out, "{%% for %s in ", dot);
    if (!go_expression(w, rest, &kind) || !open_block(w, true, dot, go_element(kind), text))
        return false;
    if (kind == GO_JSON || kind == GO_VALUE) /* an object, whose order Go and Jinja see differently */
        return go_refuse(w, text);
    buf_str(w->out, STR(" %}"));
    for (size_t i = 0; i < 2; i++) {
        if (!names[i].len || str_eq(names[i], STR("_")))
            continue;
        int number = go_declare(w, names[i], i ? go_element(kind) : GO_VALUE);
        if (number < 0)
            return go_refuse(w, text);
        buf_format(w->out, "{%% set go.v%d = %s %%}", number, i ? dot : "loop.index0");
    }
    return true;
}

static bool close_block(struct go_writer *w, struct str text)
{
    if (w->n_open == 0)
        return go_refuse(w, text);
    for (unsigned i = 0; i < w->n_variables; i++)
        w->gone[i] = w->gone[i] || w->variables[i].depth >= w->n_open;
    return buf_str(w->out, w->open[w->n_open--].is_loop ? STR("{% endfor %}") : STR("{% endif %}"));
}

static bool put_else(struct go_writer *w, struct str rest, struct str text)
{
    enum go_kind kind;
    if (w->n_open == 0)
        return go_refuse(w, text);
    if (rest.len == 0)
        return buf_str(w->out, STR("{% else %}"));
    if (w->open[w->n_open].is_loop || !go_starts(rest, "if"))
        return go_refuse(w, text);
    buf_str(w->out, STR("{% elif "));
    return go_expression(w, from(rest, 2), &kind) && buf_str(w->out, STR(" %}"));
}

/* $name := value, and $name = value. False, and nothing written, for anything else. */
static bool is_assignment(struct str text, struct str *name, struct str *value, bool *declares)
{
    *value = text;
    *declares = take_name(value, ":=", name);
    return *declares || (take_name(value, "=", name) && !str_starts(*value, STR("=")));
}

static bool assign(struct go_writer *w, struct str name, struct str value, bool declares)
{
    struct buf *out = w->out, jinja = {0};
    enum go_kind kind;
    w->out = &jinja;
    bool good = go_expression(w, value, &kind);
    w->out = out;
    int number = good && declares ? go_declare(w, name, kind) : go_find(w, name);
    if (good && number < 0)
        good = go_refuse(w, name);
    if (good)
        buf_format(out, "{%% set go.v%d = %.*s %%}", number, (int)jinja.len, jinja.ptr);
    out->failed = out->failed || jinja.failed;
    buf_clear(&jinja);
    return good;
}

/* What is printed: values as they are, what has members as JSON. */
static bool print(struct go_writer *w, struct str text)
{
    enum go_kind kind;
    buf_str(w->out, STR("{{ "));
    if (!go_expression(w, text, &kind))
        return false;
    if (kind == GO_ROOT || kind == GO_MESSAGE || kind == GO_MESSAGES)
        return go_refuse(w, text);
    buf_str(w->out, kind == GO_VALUE ? STR(" }}") : STR(" | tojson(separators=(',', ':')) }}"));
    if (w->n_open == 0 && !w->responded && str_eq(text, STR(".Response"))) {
        w->responded = true;
        buf_str(w->out, STR("{% if message.role == 'assistant' %}"));
    }
    return true;
}

/* One action, without its braces and trim marks. */
static bool action(struct go_writer *w, struct str text)
{
    struct str name, value;
    bool declares;
    if (go_starts(text, "if"))
        return open_if(w, from(text, 2));
    if (go_starts(text, "with"))
        return open_with(w, from(text, 4));
    if (go_starts(text, "range"))
        return open_range(w, from(text, 5));
    if (go_starts(text, "else"))
        return put_else(w, from(text, 4), text);
    if (go_starts(text, "end"))
        return close_block(w, text);
    if (str_starts(text, STR("/*")))
        return true;
    if (is_assignment(text, &name, &value, &declares))
        return assign(w, name, value, declares);
    return print(w, text);
}

/* The text between actions. What Jinja would read as its own is written as a string. */
static void literal(struct go_writer *w, struct str text)
{
    buf_str(w->out, STR("{{ \""));
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"' || c == '\\')
            buf_byte(w->out, '\\');
        if (c == '\n')
            buf_str(w->out, STR("\\n"));
        else
            buf_byte(w->out, c);
    }
    buf_str(w->out, STR("\" }}"));
}

/* The turns of a template that knows only .System, .Prompt and .Response. */
static const char turns_start[] = "{%- set turn = namespace(system='', prompt='', open=false) -%}"
                                  "{%- for message in messages -%}"
                                  "{%- if message.role == 'system' -%}{%- set turn.system = message.content -%}"
                                  "{%- elif message.role == 'user' -%}{%- set turn.prompt = message.content -%}"
                                  "{%- set turn.open = true -%}{%- endif -%}"
                                  "{%- if message.role == 'assistant' or (message.role == 'user' and loop.last) -%}"
                                  "{%- set hob_system = turn.system -%}{%- set hob_prompt = turn.prompt -%}"
                                  "{%- set hob_response = message.content if message.role == 'assistant' else '' -%}";
static const char turns_end[] = "{%- set turn.system = '' -%}{%- set turn.prompt = '' -%}{%- endif -%}{%- endfor -%}";
static const char whole_start[] = "{%- set system = namespace(text='') -%}{%- for message in messages -%}"
                                  "{%- if message.role == 'system' -%}{%- set system.text = message.content -%}"
                                  "{%- endif -%}{%- endfor -%}{%- set hob_system = system.text -%}"
                                  "{%- set hob_prompt = '' -%}{%- set hob_response = '' -%}";

bool go_template_jinja(struct str text, struct buf *out, struct hob_error *err)
{
    struct go_writer w = {.out = out, .open = {{.kind = GO_ROOT}}, .err = err};
    bool of_turns = str_find(text, STR(".Messages"), 0) == SIZE_MAX, trim_next = false;
    w.responded = !of_turns;
    size_t at = 0;
    if (text.len > MAX_SOURCE)
        return error_set(err, HOB_LIMIT, "the template has %zu bytes, want at most %d", text.len, (int)MAX_SOURCE);
    buf_str(out, STR("{%- set go = namespace() -%}"));
    buf_str(out, str_of(of_turns ? turns_start : whole_start));
    while (at < text.len) {
        size_t open = str_find(text, STR("{{"), at), end = open == SIZE_MAX ? text.len : open;
        bool trim_left = open != SIZE_MAX && open + 2 < text.len && text.ptr[open + 2] == '-';
        struct str piece = {text.ptr + at, end - at};
        while (trim_next && piece.len && isspace((unsigned char)*piece.ptr)) {
            piece.ptr++;
            piece.len--;
        }
        while (trim_left && piece.len && isspace((unsigned char)piece.ptr[piece.len - 1]))
            piece.len--;
        if (piece.len)
            literal(&w, piece);
        if (open == SIZE_MAX)
            break;
        size_t close = str_find(text, STR("}}"), open);
        size_t line = 1;
        for (size_t i = 0; i < open; i++)
            line += text.ptr[i] == '\n';
        if (close == SIZE_MAX)
            return error_set(err, HOB_FORMAT, "template, line %zu: {{ is not closed", line);
        struct str inner = {text.ptr + open + 2, close - open - 2};
        if (trim_left)
            inner = (struct str){inner.ptr + 1, inner.len - 1};
        trim_next = inner.len && inner.ptr[inner.len - 1] == '-';
        inner.len -= trim_next;
        if (!action(&w, go_trim(inner)))
            return error_prefix(err, "template, line %zu", line);
        at = close + 2;
    }
    if (w.n_open)
        return error_set(err, HOB_FORMAT, "template: a block is not closed by {{ end }}");
    if (w.responded && of_turns)
        buf_str(out, STR("{% endif %}"));
    if (of_turns)
        buf_str(out, STR(turns_end));
    return !out->failed || error_memory(err, out->len);
}
