/* SPDX-License-Identifier: Apache-2.0
 *
 * '{:>5.2f} {name}'.format(...).
 */
#include "text/jinja/format.h"
#include "text/jinja/strings.h"

/* One use of the method. */
struct braces {
    const struct arguments *arguments;
    int64_t automatic; /* the next argument of "{}"; -1 once a number was given */
    bool markup;
};

static bool format_fields(struct jinja *j, struct braces *b, const struct text *format, unsigned depth,
                          struct text_builder *out);

/* The argument that a field names; `automatic`: it names none. */
static bool argument(struct jinja *j, struct braces *b, const struct text *name, bool automatic, struct value *out)
{
    int64_t index = 0;
    bool number = name->len > 0;
    for (size_t i = 0; i < name->len; i++)
        number = number && name->ptr[i] >= '0' && name->ptr[i] <= '9';
    if (automatic || number) {
        if (number ? b->automatic > 0 : b->automatic < 0)
            return jinja_fail(j, "format(): cannot mix automatic and numbered fields");
        if (number && !number_parse_int(text_str(name), 10, &index, NULL))
            return jinja_fail(j, "format(): field number too large");
        if (number)
            b->automatic = -1;
        else
            index = b->automatic++;
        if ((uint64_t)index >= b->arguments->n_args)
            return jinja_fail(j, "format(): no argument %lld", (long long)index);
        *out = b->arguments->args[index];
        return true;
    }
    for (size_t i = 0; i < b->arguments->n_keywords; i++)
        if (str_eq(text_str(b->arguments->keywords[i].name.as.text), text_str(name))) {
            *out = b->arguments->keywords[i].value;
            return true;
        }
    return jinja_fail(j, "format(): no argument '%.*s'", text_clip(name), name->ptr);
}

/* The value of `name.attribute[item]`. */
static bool field_value(struct jinja *j, struct braces *b, const struct text *field, struct value *out)
{
    size_t at = 0;
    while (at < field->len && field->ptr[at] != '.' && field->ptr[at] != '[')
        at++;
    const struct text *name = text_slice(j, field, 0, at);
    if (!name || !argument(j, b, name, !field->len, out))
        return false;
    while (at < field->len) {
        bool item = field->ptr[at] == '[';
        size_t start = ++at;
        while (at < field->len && (item ? field->ptr[at] != ']' : field->ptr[at] != '.' && field->ptr[at] != '['))
            at++;
        if (at == start || (item && at == field->len))
            return jinja_fail(j, "format(): malformed field '%.*s'", text_clip(field), field->ptr);
        name = text_slice(j, field, start, at);
        at += item;
        if (item && at < field->len && field->ptr[at] != '.' && field->ptr[at] != '[')
            return jinja_fail(j, "format(): only '.' or '[' may follow ']'");
        int64_t index;
        bool digits = name && item && name->ptr[0] >= '0' && name->ptr[0] <= '9' &&
                      number_parse_int(text_str(name), 10, &index, NULL);
        if (!name || !(item ? jinja_item(j, *out, digits ? value_int(index) : value_text(name), out)
                            : jinja_attribute(j, *out, name, out)))
            return false;
    }
    return true;
}

static bool is_align(uint32_t c)
{
    return c == '<' || c == '>' || c == '^' || c == '=';
}

static bool parse_digits(struct str s, size_t *at, int64_t *out)
{
    size_t start = *at;
    for (*out = 0; *at < s.len && s.ptr[*at] >= '0' && s.ptr[*at] <= '9' && *out < INT32_MAX; ++*at)
        *out = *out * 10 + (s.ptr[*at] - '0');
    return *at > start;
}

static bool parse_spec(struct jinja *j, const struct text *text, struct spec *spec)
{
    struct str s = text_str(text);
    size_t at = 0;
    unsigned size = 0;
    int32_t first = s.len ? utf8_decode(s, 0, &size) : 0;
    *spec = (struct spec){.precision = -1};
    if (size < s.len && is_align((unsigned char)s.ptr[size])) {
        spec->fill = (uint32_t)first;
        spec->align = s.ptr[size];
        at = size + 1;
    } else if (s.len && is_align((uint32_t)first)) {
        spec->align = s.ptr[0];
        at = 1;
    }
    if (at < s.len && byte_in(s.ptr[at], "+- "))
        spec->sign = s.ptr[at++];
    if (at < s.len && s.ptr[at] == 'z')
        spec->no_negative_zero = ++at;
    if (at < s.len && s.ptr[at] == '#')
        spec->alternate = ++at;
    if (at < s.len && s.ptr[at] == '0')
        spec->zero = ++at;
    bool width = parse_digits(s, &at, &spec->width);
    spec->width = width ? spec->width : 0;
    if (at < s.len && (s.ptr[at] == ',' || s.ptr[at] == '_'))
        spec->grouping = s.ptr[at++];
    if (at < s.len && s.ptr[at] == '.') {
        at++;
        if (!parse_digits(s, &at, &spec->precision))
            return jinja_fail(j, "format(): missing precision");
    }
    if (at < s.len)
        spec->type = s.ptr[at++];
    return at == s.len || jinja_fail(j, "format(): invalid format specifier '%.*s'", text_clip(text), text->ptr);
}

static bool write_field(struct jinja *j, struct braces *b, struct text_builder *out, struct value v,
                        const struct text *spec_text)
{
    struct spec spec;
    if (!spec_text->len && v.kind != VALUE_STRING)
        return value_write(j, out, v, false);
    if (!parse_spec(j, spec_text, &spec))
        return false;
    if (v.kind == VALUE_STRING) {
        if ((spec.type && spec.type != 's') || spec.sign || spec.no_negative_zero || spec.grouping || spec.alternate ||
            spec.align == '=')
            return jinja_fail(j, "format(): '%.*s' is not for strings", text_clip(spec_text), spec_text->ptr);
        const struct text *text = b->markup && !v.as.text->markup ? jinja_escape(j, v.as.text) : v.as.text;
        return text && format_text(j, out, text, &spec);
    }
    if (!value_is_number(v))
        return jinja_fail(j, "format(): unsupported format string for %s", kind_name(v.kind));
    if (v.kind != VALUE_FLOAT && spec.precision >= 0 && !byte_in(spec.type, "eEfFgG%"))
        return jinja_fail(j, "format(): precision is not for integers");
    if (spec.type == 'c' && v.kind != VALUE_FLOAT) {
        spec.align = spec.align ? spec.align : '<';
        return format_character(j, out, v, &spec);
    }
    return format_number(j, out, v, &spec);
}

/* `!r`, `!s`, `!a`. */
static bool apply_conversion(struct jinja *j, char conversion, struct value *v)
{
    if (!conversion)
        return true;
    if (!byte_in(conversion, "rsa"))
        return jinja_fail(j, "format(): unknown conversion '%c'", conversion);
    *v = value_text(format_converted(j, *v, conversion));
    return v->as.text != NULL;
}

/* The end of the field that starts behind '{' at `at`: the position of its '}', or SIZE_MAX. */
static size_t field_end(const struct text *format, size_t at)
{
    unsigned depth = 1;
    bool bracket = false; /* in `[...]` of the field name braces mean nothing */
    bool name = true;
    for (; at < format->len; at++) {
        char c = format->ptr[at];
        if (name && bracket) {
            bracket = c != ']';
            continue;
        }
        bracket = name && c == '[';
        name = name && c != ':' && c != '!';
        depth += (c == '{') - (c == '}');
        if (!depth)
            return at;
    }
    return SIZE_MAX;
}

/* One field, [at, end) inside its braces. */
static bool format_field(struct jinja *j, struct braces *b, const struct text *format, size_t at, size_t end,
                         unsigned depth, struct text_builder *out)
{
    size_t name_end = at;
    for (bool bracket = false; name_end < end; name_end++) {
        char c = format->ptr[name_end];
        bracket = bracket ? c != ']' : c == '[';
        if (!bracket && (c == ':' || c == '!'))
            break;
    }
    size_t spec_start = name_end;
    char conversion = 0;
    if (name_end < end && format->ptr[name_end] == '!') {
        if (name_end + 1 >= end || (name_end + 2 < end && format->ptr[name_end + 2] != ':'))
            return jinja_fail(j, "format(): malformed conversion");
        conversion = format->ptr[name_end + 1];
        spec_start = name_end + 2;
    }
    spec_start += spec_start < end; /* the colon */
    const struct text *field = text_slice(j, format, at, name_end), *spec = text_slice(j, format, spec_start, end);
    struct text_builder expanded = {0};
    struct value v;
    if (!field || !spec || !field_value(j, b, field, &v) || !apply_conversion(j, conversion, &v))
        return false;
    if (memchr(spec->ptr, '{', spec->len)) {
        if (depth >= 2)
            return jinja_fail(j, "format(): max string recursion exceeded");
        if (!format_fields(j, b, spec, depth + 1, &expanded) || !(spec = builder_take(j, &expanded)))
            return false;
    }
    return write_field(j, b, out, v, spec);
}

static bool format_fields(struct jinja *j, struct braces *b, const struct text *format, unsigned depth,
                          struct text_builder *out)
{
    size_t done = 0;
    for (size_t at = 0; at < format->len; at++) {
        char c = format->ptr[at];
        if (c != '{' && c != '}')
            continue;
        bool twice = at + 1 < format->len && format->ptr[at + 1] == c;
        if (!builder_slice(j, out, format, done, at + twice) || !jinja_work(j, 1, 0))
            return false;
        if (twice) {
            done = ++at + 1;
            continue;
        }
        if (c == '}')
            return jinja_fail(j, "format(): single '}' encountered");
        size_t end = field_end(format, at + 1);
        if (end == SIZE_MAX)
            return jinja_fail(j, "format(): expected '}' before end of string");
        if (!format_field(j, b, format, at + 1, end, depth, out))
            return false;
        at = end;
        done = end + 1;
    }
    return builder_slice(j, out, format, done, format->len);
}

bool jinja_format_braces(struct jinja *j, const struct text *format, const struct arguments *arguments,
                         struct value *out)
{
    struct braces b = {.arguments = arguments, .markup = format->markup};
    struct text_builder builder = {0};
    if (!format_fields(j, &b, format, 1, &builder))
        return false;
    *out = value_text(string_like(j, builder_take(j, &builder), format));
    return out->as.text != NULL;
}
