/* SPDX-License-Identifier: Apache-2.0
 *
 * Formatting: '%5.2f' % x and '{:>5.2f}'.format(x), with one description of a field for both.
 *
 *   [[fill]align][sign][#][0][width][,_][.precision][type]
 */
#include "text/jinja_strings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_PRECISION = 1000, MAX_NUMBER = 1400 };

/* How one value is written. */
struct spec {
    uint32_t fill; /* 0: not said */
    char align;    /* '<', '>', '^', '=' or 0 */
    char sign;     /* '+', ' ' or 0 */
    bool alternate, zero;
    char grouping;            /* ',', '_' or 0 */
    int64_t width, precision; /* precision -1: not said */
    size_t min_digits;        /* of integers */
    char type;                /* 0: not said */
};

/* ---- Numbers to digits ---- */

/* Digits of a number apart: sign, prefix, digits before the point, all behind. */
struct digits {
    char sign, prefix[3], whole[MAX_NUMBER], rest[MAX_NUMBER];
};

static void integer_digits(uint64_t magnitude, unsigned base, bool upper, char *out)
{
    char reversed[72];
    size_t n = 0;
    do
        reversed[n++] = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[magnitude % base];
    while (magnitude /= base);
    for (size_t i = 0; i < n; i++)
        out[i] = reversed[n - 1 - i];
    out[n] = 0;
}

static char sign_of(bool negative, char sign)
{
    return negative ? '-' : sign == '+' || sign == ' ' ? sign : 0;
}

static bool split_integer(struct jinja *j, int64_t i, const struct spec *spec, struct digits *out)
{
    char type = spec->type ? spec->type : 'd';
    unsigned base = type == 'b' ? 2 : type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10;
    if (!strchr("bdoxXn", type))
        return jinja_fail(j, "unknown format code '%c' for an integer", type);
    out->sign = sign_of(i < 0, spec->sign);
    if (spec->alternate && base != 10)
        snprintf(out->prefix, sizeof out->prefix, "0%c", type);
    integer_digits(i < 0 ? 0 - (uint64_t)i : (uint64_t)i, base, type == 'X', out->whole);
    return true;
}

/* As a float without a type is written when a precision is given: like %g, but never like an integer. */
static void general_digits(double f, int precision, char *text, size_t size)
{
    char exponent[MAX_NUMBER];
    precision = precision ? precision : 1;
    snprintf(exponent, sizeof exponent, "%.*e", precision - 1, f);
    int decimal_exponent = (int)strtol(strchr(exponent, 'e') + 1, NULL, 10);
    if (decimal_exponent >= -4 && decimal_exponent < precision - 1) {
        snprintf(text, size, "%.*g", precision, f);
        if (!strchr(text, '.'))
            strcat(text, ".0");
    } else { /* the exponent form of %g drops zeros at the end */
        char *e = strchr(exponent, 'e'), *end = e;
        if (strchr(exponent, '.'))
            while (end[-1] == '0' || end[-1] == '.')
                if (*--end == '.')
                    break;
        snprintf(text, size, "%.*s%s", (int)(end - exponent), exponent, e);
    }
}

static bool split_float(struct jinja *j, double f, const struct spec *spec, struct digits *out)
{
    char text[MAX_NUMBER], format[8] = "%.*f";
    char type = spec->type == 'n' ? 'g' : spec->type;
    int precision = spec->precision < 0 ? 6 : (int)spec->precision;
    double magnitude = fabs(f);
    if (type && !strchr("eEfFgG%", type))
        return jinja_fail(j, "unknown format code '%c' for a float", type);
    if (spec->precision > MAX_PRECISION)
        return jinja_fail(j, "a precision above %d is not supported", MAX_PRECISION);
    out->sign = sign_of(signbit(f) && !isnan(f), spec->sign);
    if (isnan(f) || isinf(f)) {
        bool upper = type == 'E' || type == 'F' || type == 'G';
        snprintf(out->whole, sizeof out->whole, "%s%s",
                 isnan(f) ? (upper ? "NAN" : "nan")
                 : upper  ? "INF"
                          : "inf",
                 type == '%' ? "%" : "");
        return true;
    }
    if (!type && spec->precision < 0) {
        float_repr(magnitude, text);
    } else if (!type) {
        general_digits(magnitude, precision, text, sizeof text);
    } else {
        snprintf(format, sizeof format, "%%%s.*%c", spec->alternate ? "#" : "", type == '%' ? 'f' : type);
        snprintf(text, sizeof text - 1, format, precision, type == '%' ? magnitude * 100 : magnitude);
        if (type == '%')
            strcat(text, "%");
    }
    size_t whole = strspn(text, "0123456789");
    memcpy(out->whole, text, whole);
    out->whole[whole] = 0;
    strcpy(out->rest, text + whole);
    return true;
}

/* The length of digits with separators between groups of three (four for other bases). */
static size_t grouped_length(size_t digits, char grouping, size_t group)
{
    return digits + (grouping && digits ? (digits - 1) / group : 0);
}

/* Appends a number's parts, padded. `mark` is its origin. */
static bool write_digits(struct jinja *j, struct text_builder *out, const struct digits *digits,
                         const struct spec *spec)
{
    size_t n = strlen(digits->whole), prefix = strlen(digits->prefix), rest = strlen(digits->rest);
    size_t group = spec->type && strchr("boxX", spec->type) ? 4 : 3, zeros = 0;
    size_t around = (digits->sign != 0) + prefix + rest;
    char align = spec->align ? spec->align : spec->zero ? '=' : '>';
    uint32_t fill = spec->fill ? spec->fill : spec->zero ? '0' : ' ';
    size_t width = spec->width < 0 ? 0 : (size_t)spec->width;
    if (width > template_limits[BOUND_MEMORY].value)
        return jinja_exceeded(j, BOUND_MEMORY);
    if (n < spec->min_digits)
        zeros = spec->min_digits - n;
    if (align == '=' && fill == '0')
        while (grouped_length(n + zeros, spec->grouping, group) + around < width)
            zeros++;
    size_t length = grouped_length(n + zeros, spec->grouping, group) + around;
    size_t pad = width > length ? width - length : 0;
    size_t left = align == '>' ? pad : align == '^' ? pad / 2 : 0, middle = align == '=' ? pad : 0;
    if (!jinja_work(j, 0, width) || !builder_fill(j, out, fill, left, false) ||
        (digits->sign && !builder_code(j, out, (uint32_t)digits->sign, false)) ||
        !builder_bytes(j, out, str_of(digits->prefix), false) || !builder_fill(j, out, fill, middle, false))
        return false;
    for (size_t i = 0; i < n + zeros; i++) {
        bool separate = spec->grouping && i && (n + zeros - i) % group == 0;
        if ((separate && !builder_code(j, out, (uint32_t)spec->grouping, false)) ||
            !builder_code(j, out, (uint32_t)(i < zeros ? '0' : digits->whole[i - zeros]), false))
            return false;
    }
    return builder_bytes(j, out, str_of(digits->rest), false) && builder_fill(j, out, fill, pad - left - middle, false);
}

static bool write_number(struct jinja *j, struct text_builder *out, struct value v, const struct spec *spec)
{
    struct digits *digits = calloc(1, sizeof *digits); /* too large for the stack of a deep template */
    if (!digits)
        return jinja_exceeded(j, BOUND_MEMORY);
    bool real = v.kind == VALUE_FLOAT || (spec->type && strchr("eEfFgG%", spec->type));
    bool ok = real ? split_float(j, v.kind == VALUE_FLOAT ? v.as.real : (double)value_integer(v), spec, digits)
                   : split_integer(j, value_integer(v), spec, digits);
    ok = ok && write_digits(j, out, digits, spec);
    free(digits);
    return ok;
}

static bool write_text(struct jinja *j, struct text_builder *out, const struct text *text, const struct spec *spec)
{
    if (spec->precision >= 0 && (uint64_t)spec->precision < text_chars(text)) {
        text = text_slice(j, text, 0, text_offset(text, (size_t)spec->precision));
        if (!text)
            return false;
    }
    int64_t n = (int64_t)text_chars(text);
    size_t pad = spec->width > n ? (size_t)(spec->width - n) : 0;
    size_t left = spec->align == '>' ? pad : spec->align == '^' ? pad / 2 : 0;
    uint32_t fill = spec->fill ? spec->fill : spec->zero ? '0' : ' ';
    return builder_fill(j, out, fill, left, false) && builder_text(j, out, text) &&
           builder_fill(j, out, fill, pad - left, false);
}

/* ---- format % values ---- */

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
    struct text_builder builder = {0};
    const struct text *text = NULL;
    if (spec->type == 's' && v.kind == VALUE_STRING)
        text = v.as.text;
    else if (value_write(j, &builder, v, spec->type != 's'))
        text = builder_take(j, &builder);
    if (text && p->format->markup && !text->markup)
        text = jinja_escape(j, text);
    spec->zero = false;
    return text && write_text(j, &p->out, text, spec);
}

static bool percent_character(struct jinja *j, struct percent *p, struct value v, const struct spec *spec)
{
    struct text_builder builder = {0};
    struct spec plain = *spec;
    plain.zero = false;
    plain.precision = -1;
    if (v.kind == VALUE_STRING && text_chars(v.as.text) == 1)
        return write_text(j, &p->out, v.as.text, &plain);
    int64_t c = v.kind == VALUE_INT ? v.as.integer : -1;
    if (c < 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return jinja_fail(j, "%%c needs an integer or a character");
    const struct text *text = builder_code(j, &builder, (uint32_t)c, false) ? builder_take(j, &builder) : NULL;
    return text && write_text(j, &p->out, text, &plain);
}

static bool percent_number(struct jinja *j, struct percent *p, struct value v, struct spec *spec)
{
    bool whole = strchr("diuoxX", spec->type) != NULL;
    if (v.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, v);
    if (v.kind == VALUE_STRING && !whole) { /* float() takes strings, as Python's %f does not */
        return jinja_fail(j, "%%%c needs a number, found a string", spec->type);
    }
    if (!value_is_number(v) || (v.kind == VALUE_FLOAT && strchr("oxX", spec->type)))
        return jinja_fail(j, "%%%c needs a number, found %s", spec->type, kind_name(v.kind));
    if (strchr("diu", spec->type))
        spec->type = 'd';
    if (whole && v.kind == VALUE_FLOAT) {
        if (!(fabs(v.as.real) < 9223372036854775808.0))
            return jinja_fail(j, "number too large: integers have 64 bits");
        v = value_int((int64_t)v.as.real);
    }
    if (whole && spec->precision > MAX_PRECISION)
        return jinja_fail(j, "a precision above %d is not supported", MAX_PRECISION);
    if (whole && spec->precision > 0)
        spec->min_digits = (size_t)spec->precision;
    return write_number(j, &p->out, v, spec);
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
    for (char c; (c = peek(p)) && strchr("-+ #0", c); p->at++) {
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
    while (peek(p) && strchr("hlL", peek(p)))
        p->at++;
    spec.type = peek(p);
    if (!spec.type)
        return jinja_fail(j, "incomplete format");
    p->at++;
    if (!strchr("diouxXeEfFgGcrsa", spec.type))
        return jinja_fail(j, "unsupported format character '%c'", spec.type);
    if (v.kind == VALUE_ABSENT && !next_value(j, p, &v))
        return false;
    spec.align = left ? '<' : spec.zero ? 0 : '>';
    spec.zero &= !left;
    if (strchr("rsa", spec.type))
        return (spec.align = left ? '<' : '>') && percent_text(j, p, v, &spec);
    if (spec.type == 'c')
        return (spec.align = left ? '<' : '>') && percent_character(j, p, v, &spec);
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

/* ---- '{}'.format(...) ---- */

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
    if (at < s.len && strchr("+- ", s.ptr[at]))
        spec->sign = s.ptr[at++];
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
        if ((spec.type && spec.type != 's') || spec.sign || spec.grouping || spec.alternate || spec.align == '=')
            return jinja_fail(j, "format(): '%.*s' is not for strings", text_clip(spec_text), spec_text->ptr);
        const struct text *text = b->markup && !v.as.text->markup ? jinja_escape(j, v.as.text) : v.as.text;
        return text && write_text(j, out, text, &spec);
    }
    if (!value_is_number(v))
        return jinja_fail(j, "format(): unsupported format string for %s", kind_name(v.kind));
    if (v.kind != VALUE_FLOAT && spec.precision >= 0 && !(spec.type && strchr("eEfFgG%", spec.type)))
        return jinja_fail(j, "format(): precision is not for integers");
    if (spec.type == 'c' && v.kind != VALUE_FLOAT) {
        struct percent p = {.format = spec_text};
        spec.align = spec.align ? spec.align : '<';
        return percent_character(j, &p, v, &spec) && builder_text(j, out, builder_take(j, &p.out));
    }
    return write_number(j, out, v, &spec);
}

/* `!r`, `!s`, `!a`. */
static bool apply_conversion(struct jinja *j, char conversion, struct value *v)
{
    struct text_builder builder = {0};
    if (!conversion)
        return true;
    if (!strchr("rsa", conversion))
        return jinja_fail(j, "format(): unknown conversion '%c'", conversion);
    if (!value_write(j, &builder, *v, conversion != 's'))
        return false;
    *v = value_text(builder_take(j, &builder));
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
