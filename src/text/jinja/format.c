/* SPDX-License-Identifier: Apache-2.0
 *
 * One value written into a field: what '%5.2f' % x and '{:>5.2f}'.format(x) have in common.
 */
#include "text/jinja/format.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "text/jinja/strings.h"

enum { MAX_NUMBER = FORMAT_MAX_PRECISION + 400 };

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
    if (!byte_in(type, "bdoxXn"))
        return jinja_fail(j, "unknown format code '%c' for an integer", type);
    if (spec->no_negative_zero)
        return jinja_fail(j, "format(): 'z' is not for integers");
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
    if (type && !byte_in(type, "eEfFgG%"))
        return jinja_fail(j, "unknown format code '%c' for a float", type);
    if (spec->precision > FORMAT_MAX_PRECISION)
        return jinja_fail(j, "a precision above %d is not supported", FORMAT_MAX_PRECISION);
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
    if (spec->no_negative_zero && !strpbrk(text, "123456789"))
        out->sign = sign_of(false, spec->sign);
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
    size_t group = byte_in(spec->type, "boxX") ? 4 : 3, zeros = 0;
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

bool format_number(struct jinja *j, struct text_builder *out, struct value v, const struct spec *spec)
{
    struct digits *digits = calloc(1, sizeof *digits); /* too large for the stack of a deep template */
    if (!digits)
        return jinja_exceeded(j, BOUND_MEMORY);
    bool real = v.kind == VALUE_FLOAT || byte_in(spec->type, "eEfFgG%");
    bool ok = real ? split_float(j, v.kind == VALUE_FLOAT ? v.as.real : (double)value_integer(v), spec, digits)
                   : split_integer(j, value_integer(v), spec, digits);
    ok = ok && write_digits(j, out, digits, spec);
    free(digits);
    return ok;
}

bool format_text(struct jinja *j, struct text_builder *out, const struct text *text, const struct spec *spec)
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

bool format_character(struct jinja *j, struct text_builder *out, struct value v, const struct spec *spec)
{
    struct text_builder builder = {0};
    struct spec plain = *spec;
    plain.zero = false;
    plain.precision = -1;
    if (v.kind == VALUE_STRING && text_chars(v.as.text) == 1)
        return format_text(j, out, v.as.text, &plain);
    int64_t c = v.kind == VALUE_INT || v.kind == VALUE_BOOL ? value_integer(v) : -1;
    if (c < 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return jinja_fail(j, "%%c needs an integer or a character");
    const struct text *text = builder_code(j, &builder, (uint32_t)c, false) ? builder_take(j, &builder) : NULL;
    return text && format_text(j, out, text, &plain);
}

const struct text *format_converted(struct jinja *j, struct value v, char conversion)
{
    struct text_builder builder = {0}, ascii = {0};
    const struct text *text = value_write(j, &builder, v, conversion != 's') ? builder_take(j, &builder) : NULL;
    if (!text || conversion != 'a')
        return text;
    unsigned size;
    for (size_t at = 0; at < text->len; at += size) {
        uint32_t c = (uint32_t)utf8_decode(text_str(text), at, &size);
        bool mark = text_mark(text, at);
        if (!(c < 0x80      ? builder_code(j, &ascii, c, mark)
              : c < 0x100   ? builder_hex(j, &ascii, "\\x", c, 2, mark)
              : c < 0x10000 ? builder_hex(j, &ascii, "\\u", c, 4, mark)
                            : builder_hex(j, &ascii, "\\U", c, 8, mark)))
            return NULL;
    }
    return builder_take(j, &ascii);
}
