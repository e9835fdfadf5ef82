/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters that take a string, or make one of what they are given.
 */
#include "text/jinja/strings.h"

#include <math.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool give_text(const struct text *text, struct value *out)
{
    *out = value_text(text);
    return text != NULL;
}

/* upper and lower. */
static bool filter_case(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = value_str(j, call->self);
    return text && give_text(string_map(j, text, (enum char_case)call->row->detail), out);
}

static bool filter_capitalize(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = value_str(j, call->self);
    return text && give_text(string_capitalize(j, text), out);
}

/* Words begin behind these and whitespace, as Jinja's own rule has it. */
static bool begins_word(uint32_t c)
{
    return c == '-' || c == '(' || c == '{' || c == '[' || c == '<' || char_is_space(c);
}

static bool filter_title(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = value_str(j, call->self);
    struct text_builder builder = {0};
    bool first = true;
    unsigned size;
    for (size_t at = 0; text && at < text->len; at += size) {
        uint32_t c = (uint32_t)utf8_decode(text_str(text), at, &size);
        bool separator = begins_word(c);
        if (!string_append_case(j, &builder, text, at, at + size, first && !separator ? CASE_UPPER : CASE_LOWER))
            return false;
        first = separator;
    }
    return text && give_text(builder_take(j, &builder), out);
}

static bool filter_trim(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = value_str(j, call->self), *chars = NULL;
    if (!text || (call->args[0].kind != VALUE_NONE && !call_text(j, call, 0, &chars)))
        return false;
    return give_text(string_strip(j, text, chars, STRIP_LEFT | STRIP_RIGHT), out);
}

static const struct text *plain(struct jinja *j, const struct text *text)
{
    static const struct text model = {.ptr = "", .n_chars = 0};
    return string_like(j, text, &model);
}

static bool filter_string(struct jinja *j, const struct call *call, struct value *out)
{
    return give_text(value_str(j, call->self), out);
}

static bool filter_replace(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = value_str(j, call->self), *old = value_str(j, call->args[0]),
                      *new = value_str(j, call->args[1]);
    int64_t count = -1;
    if (!text || !old || !new || (call->args[2].kind != VALUE_NONE && !call_int(j, call, 2, -1, &count)))
        return false;
    return give_text(plain(j, string_replace(j, text, old, new, count)), out);
}

static bool filter_format(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = value_str(j, call->self);
    const struct arguments *all = call->all;
    struct value values = {.kind = VALUE_TUPLE};
    if (!text)
        return false;
    if (all->n_args && all->n_keywords)
        return jinja_fail(j, "format() can't handle positional and keyword arguments at the same time");
    if (all->n_keywords) {
        struct dict *dict = dict_new(j, all->n_keywords);
        for (size_t i = 0; dict && i < all->n_keywords; i++)
            if (!dict_set(j, dict, all->keywords[i].name, all->keywords[i].value))
                return false;
        values = (struct value){.kind = VALUE_DICT, .as.dict = dict};
        return dict && jinja_format_percent(j, text, values, out);
    }
    values.as.list = list_new(j, all->n_args);
    for (size_t i = 0; values.as.list && i < all->n_args; i++)
        if (!list_add(j, values.as.list, all->args[i]))
            return false;
    return values.as.list && jinja_format_percent(j, text, values, out);
}

/* A width given as a number of blanks or as the text itself. */
static const struct text *indention(struct jinja *j, const struct call *call)
{
    struct text_builder blanks = {0};
    int64_t width;
    if (call->args[0].kind == VALUE_STRING)
        return call->args[0].as.text;
    if (!call_int(j, call, 0, 4, &width) || !builder_fill(j, &blanks, ' ', width < 0 ? 0 : (size_t)width, false))
        return NULL;
    return builder_take(j, &blanks);
}

static bool filter_indent(struct jinja *j, const struct call *call, struct value *out)
{
    bool first = call_bool(call, 1, false), blank = call_bool(call, 2, false);
    struct value v = call->self, line_end = value_text(text_borrow(j, STR("\n"), false));
    struct text_builder builder = {0};
    const struct text *indent = indention(j, call);
    if (!indent || !line_end.as.text || !jinja_binary(j, OP_ADD, v, line_end, &v))
        return false;
    if (v.kind != VALUE_STRING)
        return jinja_fail(j, "indent() needs a string, found %s", kind_name(v.kind));
    struct list *lines = string_lines(j, v.as.text, false);
    for (size_t i = 0; lines && i < lines->n; i++) {
        const struct text *line = lines->items[i].as.text;
        bool indented = i == 0 ? first : blank || line->len;
        if ((i && !builder_code(j, &builder, '\n', false)) || (indented && !builder_text(j, &builder, indent)) ||
            !builder_text(j, &builder, line))
            return false;
    }
    return lines && give_text(string_like(j, builder_take(j, &builder), v.as.text), out);
}

static bool filter_truncate(struct jinja *j, const struct call *call, struct value *out)
{
    int64_t length, leeway;
    const struct text *end = text_borrow(j, STR("..."), false);
    struct value v = call->self;
    if (!end || !call_int(j, call, 0, 255, &length) || !call_text(j, call, 2, &end))
        return false;
    if (call->args[3].kind == VALUE_NONE)
        leeway = 5;
    else if (!call_int(j, call, 3, 5, &leeway))
        return false;
    int64_t n_end = (int64_t)text_chars(end);
    if (length < n_end || leeway < 0)
        return jinja_fail(j, "truncate() needs a length of at least %lld and no negative leeway", (long long)n_end);
    size_t n;
    if (!value_length(v, &n))
        return jinja_fail(j, "truncate() needs a string, found %s", kind_name(v.kind));
    *out = v;
    if ((int64_t)n <= length + leeway)
        return true;
    if (v.kind != VALUE_STRING)
        return jinja_fail(j, "truncate() needs a string, found %s", kind_name(v.kind));
    size_t cut = text_offset(v.as.text, (size_t)(length - n_end));
    struct text_builder builder = {0};
    if (!call_bool(call, 1, false)) /* at the last blank before */
        for (size_t at = cut; at-- > 0;)
            if (v.as.text->ptr[at] == ' ') {
                cut = at;
                break;
            }
    const struct text *kept = text_slice(j, v.as.text, 0, cut), *tail = end;
    if (kept && kept->markup && !end->markup)
        tail = jinja_escape(j, end);
    if (!kept || !tail || !builder_text(j, &builder, kept) || !builder_text(j, &builder, tail))
        return false;
    return give_text(string_like(j, builder_take(j, &builder), kept), out);
}

static bool filter_center(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = value_str(j, call->self);
    int64_t width;
    return text && call_int(j, call, 0, 80, &width) && give_text(string_pad(j, text, width, ' ', '^'), out);
}

static bool filter_wordcount(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = value_str(j, call->self);
    bool in_word = false;
    int64_t n = 0;
    unsigned size;
    for (size_t at = 0; text && at < text->len; at += size) {
        uint32_t c = (uint32_t)utf8_decode(text_str(text), at, &size);
        bool word = c == '_' || char_is_alpha(c) || char_is_numeric(c);
        n += word && !in_word;
        in_word = word;
    }
    *out = value_int(n);
    return text && jinja_work(j, 0, text->len * 4);
}

/* ---- HTML ---- */

const struct text *jinja_escape(struct jinja *j, const struct text *text)
{
    static const struct {
        char c;
        const char *entity;
    } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'\'', "&#39;"}, {'"', "&#34;"}};
    struct text_builder builder = {0};
    size_t done = 0;
    if (!jinja_work(j, 0, text->len * 2))
        return NULL;
    for (size_t at = 0; at < text->len; at++)
        for (size_t i = 0; i < COUNT(entities); i++)
            if (text->ptr[at] == entities[i].c) {
                if (!builder_slice(j, &builder, text, done, at) ||
                    !builder_bytes(j, &builder, str_of(entities[i].entity), text_mark(text, at)))
                    return NULL;
                done = at + 1;
            }
    if (!builder_slice(j, &builder, text, done, text->len))
        return NULL;
    struct text *escaped = (struct text *)builder_take(j, &builder);
    if (escaped)
        escaped->markup = true;
    return escaped;
}

/* escape leaves what is escaped alone; forceescape (detail) does not. */
static bool filter_escape(struct jinja *j, const struct call *call, struct value *out)
{
    const struct text *text = value_str(j, call->self);
    if (text && text->markup && !call->row->detail)
        return give_text(text, out);
    return text && give_text(jinja_escape(j, text), out);
}

static bool filter_safe(struct jinja *j, const struct call *call, struct value *out)
{
    static const struct text model = {.ptr = "", .markup = true};
    return give_text(string_like(j, value_str(j, call->self), &model), out);
}

/* Percent-encodes; "/" stays but in a query. */
static bool quote(struct jinja *j, struct text_builder *out, struct value v, bool query)
{
    const struct text *text = value_str(j, v);
    size_t done = 0;
    for (size_t at = 0; text && at < text->len; at++) {
        unsigned char c = (unsigned char)text->ptr[at];
        bool letter = c < 0x80 && (char_is_alpha(c) || char_is_decimal(c));
        bool keep = letter || byte_in((char)c, "_.-~") || (c == '/' && !query);
        if (keep)
            continue;
        char escape[3] = {'%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15]};
        struct str encoded = c == ' ' && query ? STR("+") : (struct str){escape, sizeof escape};
        if (!builder_slice(j, out, text, done, at) || !builder_bytes(j, out, encoded, text_mark(text, at)))
            return false;
        done = at + 1;
    }
    return text && builder_slice(j, out, text, done, text->len) && jinja_work(j, 0, text->len);
}

static bool filter_urlencode(struct jinja *j, const struct call *call, struct value *out)
{
    struct text_builder builder = {0};
    struct value v = call->self;
    if (v.kind == VALUE_STRING || !value_iterable(v))
        return quote(j, &builder, v, false) && give_text(builder_take(j, &builder), out);
    if (v.kind == VALUE_DICT) {
        v.kind = VALUE_VIEW;
        v.flavor = VIEW_ITEMS;
    }
    struct list *items = value_list(j, v);
    for (size_t i = 0; items && i < items->n; i++) {
        struct list *pair = value_list(j, items->items[i]);
        if (!pair)
            return false;
        if (pair->n != 2)
            return jinja_fail(j, "urlencode() needs pairs, found %zu values", pair->n);
        if ((i && !builder_code(j, &builder, '&', false)) || !quote(j, &builder, pair->items[0], true) ||
            !builder_code(j, &builder, '=', false) || !quote(j, &builder, pair->items[1], true))
            return false;
    }
    return items && give_text(builder_take(j, &builder), out);
}

static bool filter_filesizeformat(struct jinja *j, const struct call *call, struct value *out)
{
    static const char *const units[][8] = {{"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"},
                                           {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}};
    bool binary = call_bool(call, 0, false);
    double base = binary ? 1024 : 1000, bytes = 0, unit = base;
    struct value v = call->self;
    char text[64];
    if (v.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, v);
    if (v.kind == VALUE_STRING ? !number_parse_float(text_str(v.as.text), &bytes) : !value_is_number(v))
        return jinja_fail(j, "filesizeformat() needs a number, found %s", kind_name(v.kind));
    if (v.kind != VALUE_STRING)
        bytes = v.kind == VALUE_FLOAT ? v.as.real : (double)value_integer(v);
    if (!isfinite(bytes))
        return jinja_fail(j, "filesizeformat() needs a finite number");
    if (bytes == 1)
        return give_text(text_copy(j, STR("1 Byte")), out);
    if (bytes < base) {
        snprintf(text, sizeof text, "%.0f Bytes", trunc(bytes) + 0.0);
        return give_text(text_copy(j, str_of(text)), out);
    }
    int i = 0;
    for (unit *= base; i < 7 && bytes >= unit; i++)
        unit *= base;
    char number[340];
    snprintf(number, sizeof number, "%.1f %s", base * bytes / unit, units[binary][i]);
    return give_text(text_copy(j, str_of(number)), out);
}

static const struct builtin filters[] = {
    {"trim", filter_trim, "?chars", 0},
    {"string", filter_string, "", 0},
    {"replace", filter_replace, "old new ?count", 0},
    {"upper", filter_case, "", CASE_UPPER},
    {"lower", filter_case, "", CASE_LOWER},
    {"capitalize", filter_capitalize, "", 0},
    {"title", filter_title, "", 0},
    {"indent", filter_indent, "?width ?first ?blank", 0},
    {"safe", filter_safe, "", 0},
    {"escape", filter_escape, "", false},
    {"e", filter_escape, "", false},
    {"forceescape", filter_escape, "", true},
    {"format", filter_format, "*", 0},
    {"truncate", filter_truncate, "?length ?killwords ?end ?leeway", 0},
    {"center", filter_center, "?width", 0},
    {"wordcount", filter_wordcount, "", 0},
    {"urlencode", filter_urlencode, "", 0},
    {"filesizeformat", filter_filesizeformat, "?binary", 0},
    {"wordwrap", filter_wordwrap, "?width ?break_long_words ?wrapstring ?break_on_hyphens", 0},
    /* Of no use in a prompt: known by name, and refused. */
    {"pprint", NULL, "", 0},
    {"random", NULL, "", 0},
    {"striptags", NULL, "", 0},
    {"urlize", NULL, "", 0},
    {"xmlattr", NULL, "", 0},
};

const struct builtin *jinja_string_filter(struct str name)
{
    return builtin_find(filters, COUNT(filters), name);
}
