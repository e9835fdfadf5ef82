/* SPDX-License-Identifier: Apache-2.0 */
#include "text/jinja/go_expression.h"

#include <ctype.h>

#include "base/error.h"

enum { MAX_DEPTH = 16 };

/* The fields of each kind; "%" stands for what has it. */
static const struct field {
    enum go_kind of;
    const char *go, *jinja;
    enum go_kind kind;
} fields[] = {
    {GO_ROOT, "System", "hob_system", GO_VALUE},
    {GO_ROOT, "Prompt", "hob_prompt", GO_VALUE},
    {GO_ROOT, "Response", "hob_response", GO_VALUE},
    {GO_ROOT, "Suffix", "''", GO_VALUE},
    {GO_ROOT, "Messages", "messages", GO_MESSAGES},
    {GO_ROOT, "Tools", "(tools or [])", GO_TOOLS},
    {GO_ROOT, "Think", "(enable_thinking or false)", GO_VALUE},
    {GO_ROOT, "ThinkLevel", "(reasoning_effort or '')", GO_VALUE},
    {GO_ROOT, "IsThinkSet", "(enable_thinking is defined)", GO_VALUE},
    {GO_MESSAGE, "Role", "%.role", GO_VALUE},
    {GO_MESSAGE, "Content", "(%.content or '')", GO_VALUE},
    {GO_MESSAGE, "Thinking", "(%.reasoning_content or '')", GO_VALUE},
    {GO_MESSAGE, "ToolName", "(%.name or '')", GO_VALUE},
    {GO_MESSAGE, "ToolCallID", "(%.tool_call_id or '')", GO_VALUE},
    {GO_MESSAGE, "ToolCalls", "(%.tool_calls or [])", GO_CALLS},
    {GO_MESSAGE, "Images", "[]", GO_VALUE},
    {GO_CALL, "ID", "(%.id or '')", GO_VALUE},
    {GO_CALL, "Function", "%.function", GO_CALLED},
    {GO_CALLED, "Name", "%.name", GO_VALUE},
    {GO_CALLED, "Arguments", "%.arguments", GO_JSON},
    {GO_TOOL, "Type", "%.type", GO_VALUE},
    {GO_TOOL, "Function", "%.function", GO_FUNCTION},
    {GO_FUNCTION, "Name", "%.name", GO_VALUE},
    {GO_FUNCTION, "Description", "(%.description or '')", GO_VALUE},
    {GO_FUNCTION, "Parameters", "%.parameters", GO_JSON},
};

bool go_refuse(struct go_writer *w, struct str what)
{
    return error_set(w->err, HOB_FORMAT, "\"%.*s\": has no counterpart in Jinja; write the template in Jinja",
                     (int)(what.len < 60 ? what.len : 60), what.ptr);
}

struct str go_trim(struct str s)
{
    while (s.len && isspace((unsigned char)*s.ptr)) {
        s.ptr++;
        s.len--;
    }
    while (s.len && isspace((unsigned char)s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool go_starts(struct str s, const char *word)
{
    size_t n = strlen(word);
    return s.len >= n && memcmp(s.ptr, word, n) == 0 && (s.len == n || !isalnum((unsigned char)s.ptr[n]));
}

size_t go_name_length(struct str s)
{
    size_t n = 0;
    while (n < s.len && (isalnum((unsigned char)s.ptr[n]) || s.ptr[n] == '_'))
        n++;
    return n;
}

enum go_kind go_element(enum go_kind list)
{
    return list == GO_MESSAGES ? GO_MESSAGE : list == GO_CALLS ? GO_CALL : list == GO_TOOLS ? GO_TOOL : GO_VALUE;
}

int go_find(const struct go_writer *w, struct str name)
{
    for (int i = (int)w->n_variables - 1; i >= 0; i--)
        if (!w->gone[i] && str_eq(name, str_of(w->variables[i].name)))
            return i;
    return -1;
}

int go_declare(struct go_writer *w, struct str name, enum go_kind kind)
{
    if (w->n_variables == GO_MAX_VARIABLES || name.len == 0 || name.len >= GO_NAME)
        return -1;
    struct go_variable *variable = &w->variables[w->n_variables];
    memcpy(variable->name, name.ptr, name.len);
    variable->name[name.len] = 0;
    variable->depth = w->n_open;
    variable->kind = kind;
    return (int)w->n_variables++;
}

static bool pipeline(struct go_writer *w, struct str *rest, unsigned depth, enum go_kind *kind);

static void skip(struct str *rest, size_t n)
{
    *rest = go_trim((struct str){rest->ptr + n, rest->len - n});
}

/* Writes `format` with what `base` holds for its "%". */
static void put(struct buf *out, const char *format, struct str base)
{
    for (; *format; format++) {
        if (*format == '%')
            buf_str(out, base);
        else
            buf_byte(out, *format);
    }
}

/* A dot or a variable, and the fields behind it. */
static bool path(struct go_writer *w, struct str *rest, enum go_kind *kind)
{
    struct str whole = *rest;
    struct buf value = {0}, next = {0};
    size_t n = 0;
    *kind = GO_ROOT;
    if (rest->ptr[0] == '$') {
        struct str name = {rest->ptr + 1, rest->len - 1};
        name.len = go_name_length(name);
        n = 1 + name.len;
        int number = name.len ? go_find(w, name) : -1;
        if (name.len && number < 0)
            return go_refuse(w, whole);
        if (number >= 0) {
            *kind = w->variables[number].kind;
            buf_format(&value, "go.v%d", number);
        }
    } else {
        *kind = w->open[w->n_open].kind;
        buf_str(&value, str_of(w->open[w->n_open].dot));
    }
    bool good = true;
    while (good && n + 1 < rest->len && rest->ptr[n] == '.') {
        struct str name = {rest->ptr + n + 1, rest->len - n - 1};
        name.len = go_name_length(name);
        if (name.len == 0)
            break;
        n += 1 + name.len;
        const struct field *found = NULL;
        for (size_t i = 0; i < sizeof fields / sizeof *fields && !found; i++)
            if (fields[i].of == *kind && str_eq(name, str_of(fields[i].go)))
                found = &fields[i];
        good = found != NULL;
        if (!found)
            break;
        next.len = 0;
        put(&next, found->jinja, buf_view(&value));
        value.len = 0;
        buf_str(&value, buf_view(&next));
        *kind = found->kind;
    }
    if (n == 0) /* the dot itself */
        n = 1;
    good = good && (*kind != GO_ROOT || value.len > 0);
    if (good)
        buf_str(w->out, buf_view(&value));
    w->out->failed = w->out->failed || value.failed || next.failed;
    buf_clear(&value);
    buf_clear(&next);
    skip(rest, n);
    return good || go_refuse(w, whole);
}

/* One operand: a path, a string, a number, true, false, or an expression in parentheses. */
static bool operand(struct go_writer *w, struct str *rest, unsigned depth, enum go_kind *kind)
{
    *rest = go_trim(*rest);
    struct str s = *rest;
    size_t n = 1;
    *kind = GO_VALUE;
    if (s.len == 0)
        return go_refuse(w, STR("an action that ends too early"));
    if (s.ptr[0] == '(') {
        skip(rest, 1);
        buf_byte(w->out, '(');
        if (!pipeline(w, rest, depth + 1, kind))
            return false;
        if (rest->len == 0 || rest->ptr[0] != ')')
            return go_refuse(w, s);
        skip(rest, 1);
        return buf_byte(w->out, ')');
    }
    if (s.ptr[0] == '$' || s.ptr[0] == '.')
        return path(w, rest, kind);
    if (s.ptr[0] == '"') {
        while (n < s.len && s.ptr[n] != '"')
            n += s.ptr[n] == '\\' ? 2 : 1;
        n++;
    } else if (isdigit((unsigned char)s.ptr[0]) || s.ptr[0] == '-') {
        while (n < s.len && isdigit((unsigned char)s.ptr[n]))
            n++;
    } else if (go_starts(s, "true") || go_starts(s, "false")) {
        n = s.ptr[0] == 't' ? 4 : 5;
    } else {
        return go_refuse(w, s);
    }
    if (n > s.len)
        return go_refuse(w, s);
    buf_add(w->out, s.ptr, n);
    skip(rest, n);
    return true;
}

static bool ends(struct str rest)
{
    return rest.len == 0 || rest.ptr[0] == ')' || rest.ptr[0] == '|';
}

/* All operands that are left, with `op` between them; of `eq` with many, whether the first is any of the others. */
static bool joined(struct go_writer *w, struct str *rest, const char *op, unsigned depth)
{
    enum go_kind kind;
    bool any = strcmp(op, "in") == 0;
    buf_byte(w->out, '(');
    for (unsigned i = 0; i < 2 || !ends(*rest); i++) {
        if (i == 1)
            buf_format(w->out, any ? " %s [" : " %s ", op);
        else if (i > 1)
            buf_format(w->out, any ? "%s " : " %s ", any ? "," : op);
        if (!operand(w, rest, depth, &kind))
            return false;
    }
    return buf_str(w->out, any ? STR("])") : STR(")"));
}

/* slice LIST FROM [TO] and index LIST I. */
static bool part_of(struct go_writer *w, struct str *rest, bool slice, unsigned depth, enum go_kind *kind)
{
    enum go_kind number;
    if (!operand(w, rest, depth, kind) || !buf_byte(w->out, '[') || !operand(w, rest, depth, &number))
        return false;
    if (slice)
        buf_byte(w->out, ':');
    else
        *kind = go_element(*kind);
    if (slice && !ends(*rest) && !operand(w, rest, depth, &number))
        return false;
    return buf_byte(w->out, ']');
}

static const char as_json[] = " | tojson(separators=(',', ':')))";

/* A function and its operands, or one operand. */
static bool call(struct go_writer *w, struct str *rest, unsigned depth, enum go_kind *kind)
{
    static const struct {
        const char *go, *jinja;
    } infix[] = {{"eq", "in"}, {"ne", "!="}, {"gt", ">"},    {"lt", "<"},
                 {"ge", ">="}, {"le", "<="}, {"and", "and"}, {"or", "or"}};
    static const struct {
        const char *go, *before, *behind;
    } prefix[] = {{"not", "(not (", "))"}, {"len", "((", ") | length)"}, {"json", "((", ")"}};
    *rest = go_trim(*rest);
    for (size_t i = 0; i < sizeof infix / sizeof *infix; i++)
        if (go_starts(*rest, infix[i].go)) {
            skip(rest, strlen(infix[i].go));
            *kind = GO_VALUE;
            return joined(w, rest, infix[i].jinja, depth);
        }
    for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++)
        if (go_starts(*rest, prefix[i].go)) {
            skip(rest, strlen(prefix[i].go));
            buf_str(w->out, str_of(prefix[i].before));
            if (!operand(w, rest, depth, kind))
                return false;
            *kind = GO_VALUE;
            return buf_str(w->out, str_of(prefix[i].behind)) && (i != 2 || buf_str(w->out, str_of(as_json)));
        }
    bool slice = go_starts(*rest, "slice");
    if (slice || go_starts(*rest, "index")) {
        skip(rest, 5);
        return part_of(w, rest, slice, depth, kind);
    }
    if (go_starts(*rest, "currentDate")) {
        skip(rest, 11);
        *kind = GO_VALUE;
        return buf_str(w->out, STR("strftime_now('%Y-%m-%d')"));
    }
    return operand(w, rest, depth, kind);
}

/* A call, and "| json" behind it. */
static bool pipeline(struct go_writer *w, struct str *rest, unsigned depth, enum go_kind *kind)
{
    if (depth > MAX_DEPTH)
        return go_refuse(w, *rest);
    size_t start = w->out->len;
    if (!call(w, rest, depth, kind))
        return false;
    if (rest->len == 0 || rest->ptr[0] != '|')
        return true;
    skip(rest, 1);
    if (!go_starts(*rest, "json"))
        return go_refuse(w, *rest);
    skip(rest, 4);
    struct buf value = {0};
    buf_add(&value, w->out->ptr + start, w->out->len - start);
    w->out->len = start;
    buf_byte(w->out, '(');
    buf_str(w->out, buf_view(&value));
    buf_str(w->out, str_of(as_json));
    w->out->failed = w->out->failed || value.failed;
    buf_clear(&value);
    *kind = GO_VALUE;
    return true;
}

bool go_expression(struct go_writer *w, struct str text, enum go_kind *kind)
{
    struct str rest = go_trim(text);
    return pipeline(w, &rest, 0, kind) && (rest.len == 0 || go_refuse(w, rest));
}
