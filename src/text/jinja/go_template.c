/* SPDX-License-Identifier: Apache-2.0
 *
 * A pass over the actions with a stack of what is open. A template without .Messages is one turn; Ollama runs it for
 * each turn, and so does the loop that is put around it.
 */
#include "text/jinja/go_template.h"

#include <ctype.h>
#include <stdio.h>

#include "base/error.h"

enum { MAX_OPEN = 32, MAX_SOURCE = 1 << 18 };

struct writer {
    struct buf *out;
    bool loops[MAX_OPEN]; /* what is open: range, or if */
    size_t n_open;
    bool responded; /* what follows .Response is for a reply that is there already */
    struct hob_error *err;
};

/* Fields, by what holds them. */
static const struct {
    const char *go, *jinja;
    bool of_message;
} fields[] = {
    {".Role", "message.role", true},
    {".Content", "(message.content or '')", true},
    {".Thinking", "(message.reasoning_content or '')", true},
    {".ToolName", "(message.name or '')", true},
    {".System", "hob_system", false},
    {".Prompt", "hob_prompt", false},
    {".Response", "hob_response", false},
    {".Messages", "messages", false},
    {".Tools", "tools", false},
    {".Think", "(enable_thinking or false)", false},
    {".ThinkLevel", "(reasoning_effort or '')", false},
    {".IsThinkSet", "(enable_thinking is defined)", false},
    {".Suffix", "''", false},
};

static bool starts_word(struct str s, const char *word)
{
    size_t n = strlen(word);
    return s.len >= n && memcmp(s.ptr, word, n) == 0 && (s.len == n || !(isalnum((unsigned char)s.ptr[n])));
}

static struct str trim(struct str s)
{
    while (s.len && isspace((unsigned char)*s.ptr)) {
        s.ptr++;
        s.len--;
    }
    while (s.len && isspace((unsigned char)s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool go_template_is(struct str text)
{
    return str_find(text, STR("{%"), 0) == SIZE_MAX && str_find(text, STR("{{"), 0) != SIZE_MAX;
}

static bool refuse(struct writer *w, struct str what)
{
    return error_set(w->err, HOB_FORMAT, "\"%.*s\": has no counterpart in Jinja; write the template in Jinja",
                     (int)(what.len < 60 ? what.len : 60), what.ptr);
}

static bool expression(struct writer *w, struct str *rest, unsigned depth);

/* One operand: a field, a string, a number, a variable, or an expression in parentheses. */
static bool operand(struct writer *w, struct str *rest, unsigned depth)
{
    *rest = trim(*rest);
    struct str s = *rest;
    if (s.len == 0)
        return refuse(w, STR("an action that ends too early"));
    size_t n = 1;
    if (s.ptr[0] == '(') {
        int open = 1;
        while (n < s.len && open > 0) {
            open += (s.ptr[n] == '(') - (s.ptr[n] == ')');
            n++;
        }
        struct str inner = {s.ptr + 1, n >= 2 ? n - 2 : 0};
        buf_byte(w->out, '(');
        if (open != 0 || !expression(w, &inner, depth + 1) || trim(inner).len)
            return refuse(w, s);
        buf_byte(w->out, ')');
    } else if (s.ptr[0] == '"') {
        while (n < s.len && s.ptr[n] != '"')
            n += s.ptr[n] == '\\' ? 2 : 1;
        if (n >= s.len)
            return refuse(w, s);
        n++;
        buf_add(w->out, s.ptr, n);
    } else if (isdigit((unsigned char)s.ptr[0])) {
        while (n < s.len && isdigit((unsigned char)s.ptr[n]))
            n++;
        buf_add(w->out, s.ptr, n);
    } else {
        const char *jinja = NULL;
        if (s.len > 2 && s.ptr[0] == '$' && s.ptr[1] == '.') /* $.Field is .Field of the whole */
            s = (struct str){s.ptr + 1, s.len - 1};
        while (n < s.len && (isalnum((unsigned char)s.ptr[n]) || s.ptr[n] == '_'))
            n++;
        for (size_t i = 0; i < sizeof fields / sizeof *fields && !jinja; i++)
            if (str_eq((struct str){s.ptr, n}, str_of(fields[i].go)))
                jinja = fields[i].jinja;
        if (!jinja)
            return refuse(w, s);
        buf_str(w->out, str_of(jinja));
    }
    *rest = trim((struct str){s.ptr + n, s.len - n});
    return true;
}

/* All operands that are left, between `op`. */
static bool joined(struct writer *w, struct str *rest, const char *op, unsigned depth)
{
    buf_byte(w->out, '(');
    for (bool first = true; first || rest->len; first = false) {
        if (!first)
            buf_format(w->out, " %s ", op);
        if (!operand(w, rest, depth))
            return false;
    }
    return buf_byte(w->out, ')');
}

/* A pipeline: a function and its operands, or one operand. */
static bool expression(struct writer *w, struct str *rest, unsigned depth)
{
    static const struct {
        const char *go, *jinja;
    } functions[] = {{"eq", "=="}, {"ne", "!="}, {"gt", ">"},    {"lt", "<"},
                     {"ge", ">="}, {"le", "<="}, {"and", "and"}, {"or", "or"}};
    *rest = trim(*rest);
    if (depth > 16)
        return refuse(w, *rest);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        size_t n = strlen(functions[i].go);
        if (!starts_word(*rest, functions[i].go))
            continue;
        *rest = trim((struct str){rest->ptr + n, rest->len - n});
        return joined(w, rest, functions[i].jinja, depth);
    }
    const char *wrap = starts_word(*rest, "not") ? "not (" : starts_word(*rest, "len") ? "length" : NULL;
    if (!wrap)
        return operand(w, rest, depth);
    *rest = trim((struct str){rest->ptr + 3, rest->len - 3});
    bool is_length = wrap[0] == 'l';
    buf_str(w->out, str_of(is_length ? "((" : wrap));
    if (!operand(w, rest, depth))
        return false;
    return buf_str(w->out, str_of(is_length ? ") | length)" : ")"));
}

/* A whole expression, with nothing behind it. */
static bool whole(struct writer *w, struct str text)
{
    return expression(w, &text, 0) && (trim(text).len == 0 || refuse(w, text));
}

static bool open_block(struct writer *w, bool is_loop, struct str action)
{
    if (w->n_open == MAX_OPEN)
        return refuse(w, action);
    w->loops[w->n_open++] = is_loop;
    return true;
}

/* One action, without its braces and trim marks. */
static bool action(struct writer *w, struct str text)
{
    if (starts_word(text, "if")) {
        buf_str(w->out, STR("{% if "));
        return open_block(w, false, text) && whole(w, (struct str){text.ptr + 2, text.len - 2}) &&
               buf_str(w->out, STR(" %}"));
    }
    if (starts_word(text, "else")) {
        struct str rest = trim((struct str){text.ptr + 4, text.len - 4});
        if (w->n_open == 0 || w->loops[w->n_open - 1])
            return refuse(w, text);
        if (rest.len == 0)
            return buf_str(w->out, STR("{% else %}"));
        if (!starts_word(rest, "if"))
            return refuse(w, text);
        buf_str(w->out, STR("{% elif "));
        return whole(w, (struct str){rest.ptr + 2, rest.len - 2}) && buf_str(w->out, STR(" %}"));
    }
    if (starts_word(text, "range")) {
        struct str rest = trim((struct str){text.ptr + 5, text.len - 5});
        if (!str_eq(rest, STR(".Messages")) && !str_eq(rest, STR("$.Messages")))
            return refuse(w, text);
        return open_block(w, true, text) && buf_str(w->out, STR("{% for message in messages %}"));
    }
    if (starts_word(text, "end")) {
        if (w->n_open == 0)
            return refuse(w, text);
        return buf_str(w->out, w->loops[--w->n_open] ? STR("{% endfor %}") : STR("{% endif %}"));
    }
    if (starts_word(text, "/*"))
        return true;
    buf_str(w->out, STR("{{ "));
    if (!whole(w, text) || !buf_str(w->out, STR(" }}")))
        return false;
    if (w->n_open == 0 && !w->responded && str_eq(text, STR(".Response"))) {
        w->responded = true;
        buf_str(w->out, STR("{% if message.role == 'assistant' %}"));
    }
    return true;
}

/* The text between actions. What Jinja would read as its own is written as a string. */
static void literal(struct writer *w, struct str text)
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
    struct writer w = {.out = out, .err = err};
    bool of_turns = str_find(text, STR(".Messages"), 0) == SIZE_MAX, trim_next = false;
    w.responded = !of_turns;
    size_t at = 0;
    if (text.len > MAX_SOURCE)
        return error_set(err, HOB_LIMIT, "the template has %zu bytes, want at most %d", text.len, (int)MAX_SOURCE);
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
        if (!action(&w, trim(inner)))
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
