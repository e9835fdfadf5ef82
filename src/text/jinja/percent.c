/* SPDX-License-Identifier: Apache-2.0
 *
 * '%5.2f %s' % values.
 */
#include <math.h>

#include "text/jinja/format.h"
#include "text/jinja/strings.h"

/* One use of the operator. */
struct percent {
    const struct text *format;
    size_t at;
    struct value values;
    size_t next; /* of a tuple's items; of another value 0 or 1 */
    struct text_builder out;
};

static bool next_value(struct jinja *j, struct percent *p, struct value *out)
{
    size_t n = p->values.kind == VALUE_TUPLE ? p->values.as.list->n : 1;
    if (p->next >= n)
        return jinja_fail(j, "not enough arguments for format string");
    *out = p->values.kind == VALUE_TUPLE ? p->values.as.list->items[p->next] : p->values;
    p->next++;
    return true;
}

/* The byte at the place, 0 at the end. */
static char peek(const struct percent *p)
{
    return p->at < p->format->len ? p->format->ptr[p->at] : 0;
}

/* A number or '*'; -1 when there is none. */
static bool take_number(struct jinja *j, struct percent *p, int64_t *out)
{
    *out = -1;
    if (peek(p) == '*') {
        struct value v = value_none();
        p->at++;
        if (!next_value(j, p, &v))
            return false;
        if (v.kind != VALUE_INT && v.kind != VALUE_BOOL)
            return jinja_fail(j, "* wants an integer");
        *out = value_integer(v);
        return true;
    }
    for (char c; (c = peek(p)) >= '0' && c <= '9'; p->at++) {
        *out = (*out < 0 ? 0 : *out) * 10 + (c - '0');
        if (*out > INT32_MAX)
            return jinja_fail(j, "width or precision too large");
    }
    return true;
}

/* `(name)`: the value of a dict. */
static bool take_key(struct jinja *j, struct percent *p, struct value *out)
{
    size_t start = ++p->at;
    unsigned depth = 1;
    if (p->values.kind != VALUE_DICT)
        return jinja_fail(j, "format requires a mapping");
    for (; p->at < p->format->len; p->at++) {
        char c = p->format->ptr[p->at];
        depth += (c == '(') - (c == ')');
        if (!depth)
            break;
    }
    if (depth)
        return jinja_fail(j, "incomplete format key");
    const struct text *key = text_slice(j, p->format, start, p->at++);
    if (!key || !dict_get(j, p->values.as.dict, value_text(key), out))
        return false;
    return out->kind != VALUE_ABSENT || jinja_fail(j, "format: no key '%.*s'", text_clip(key), key->ptr);
}

static bool percent_text(struct jinja *j, struct percent *p, struct value v, struct spec *spec)
{
    bool as_it_is = spec->type == 's' && v.kind == VALUE_STRING;
    const struct text *text = as_it_is ? v.as.text : format_converted(j, v, spec->type);
    if (text && p->format->markup && !text->markup)
        text = jinja_escape(j, text);
    spec->zero = false;
    return text && format_text(j, &p->out, text, spec);
}

static bool percent_number(struct jinja *j, struct percent *p, struct value v, struct spec *spec)
{
    bool whole = byte_in(spec->type, "diuoxX");
    if (v.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, v);
    if (v.kind == VALUE_STRING && !whole) { /* float() takes strings, as Python's %f does not */
        return jinja_fail(j, "%%%c needs a number, found a string", spec->type);
    }
    if (!value_is_number(v) || (v.kind == VALUE_FLOAT && byte_in(spec->type, "oxX")))
        return jinja_fail(j, "%%%c needs a number, found %s", spec->type, kind_name(v.kind));
    if (byte_in(spec->type, "diu"))
        spec->type = 'd';
    if (whole && v.kind == VALUE_FLOAT) {
        if (!(fabs(v.as.real) < 9223372036854775808.0))
            return jinja_fail(j, "number too large: integers have 64 bits");
        v = value_int((int64_t)v.as.real);
    }
    if (whole && spec->precision > FORMAT_MAX_PRECISION)
        return jinja_fail(j, "a precision above %d is not supported", FORMAT_MAX_PRECISION);
    if (whole && spec->precision > 0)
        spec->min_digits = (size_t)spec->precision;
    return format_number(j, &p->out, v, spec);
}

/* One conversion, behind its '%'. */
static bool convert(struct jinja *j, struct percent *p)
{
    struct spec spec = {.precision = -1, .align = '>'};
    struct value v = {.kind = VALUE_ABSENT};
    bool left = false;
    if (peek(p) == '%') {
        p->at++;
        return builder_code(j, &p->out, '%', false);
    }
    if (peek(p) == '(' && !take_key(j, p, &v))
        return false;
    for (char c; byte_in(c = peek(p), "-+ #0"); p->at++) {
        left |= c == '-';
        spec.zero |= c == '0';
        spec.alternate |= c == '#';
        spec.sign = c == '+' || (c == ' ' && !spec.sign) ? c : spec.sign;
    }
    if (!take_number(j, p, &spec.width))
        return false;
    if (spec.width < -1) {
        left = true;
        spec.width = -spec.width;
    }
    if (peek(p) == '.') {
        p->at++;
        if (!take_number(j, p, &spec.precision))
            return false;
        spec.precision = spec.precision < 0 ? 0 : spec.precision;
    }
    while (byte_in(peek(p), "hlL"))
        p->at++;
    spec.type = peek(p);
    if (!spec.type)
        return jinja_fail(j, "incomplete format");
    p->at++;
    if (!byte_in(spec.type, "diouxXeEfFgGcrsa"))
        return jinja_fail(j, "unsupported format character '%c'", spec.type);
    if (v.kind == VALUE_ABSENT && !next_value(j, p, &v))
        return false;
    spec.align = left ? '<' : spec.zero ? 0 : '>';
    spec.zero &= !left;
    if (byte_in(spec.type, "rsa"))
        return (spec.align = left ? '<' : '>') && percent_text(j, p, v, &spec);
    if (spec.type == 'c')
        return (spec.align = left ? '<' : '>') && format_character(j, &p->out, v, &spec);
    return percent_number(j, p, v, &spec);
}

bool jinja_format_percent(struct jinja *j, const struct text *format, struct value values, struct value *out)
{
    struct percent p = {.format = format, .values = values};
    while (p.at < format->len) {
        const char *sign = memchr(format->ptr + p.at, '%', format->len - p.at);
        size_t end = sign ? (size_t)(sign - format->ptr) : format->len;
        if (!builder_slice(j, &p.out, format, p.at, end))
            return false;
        p.at = end + 1;
        if (sign && (!jinja_work(j, 1, 0) || !convert(j, &p)))
            return false;
    }
    bool container = values.kind == VALUE_DICT || values.kind == VALUE_LIST || values.kind == VALUE_RANGE ||
                     values.kind == VALUE_UNDEFINED;
    size_t n = values.kind == VALUE_TUPLE ? values.as.list->n : 1;
    if (!container && p.next < n)
        return jinja_fail(j, "not all arguments converted during string formatting");
    *out = value_text(string_like(j, builder_take(j, &p.out), format));
    return out->as.text != NULL;
}
