/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers: Python's arithmetic on 64-bit integers and doubles, its text forms, and its order.
 */
#include "text/jinja/jinja.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "text/jinja/char.h"

size_t float_repr(double f, char out[40])
{
    if (isnan(f))
        return (size_t)snprintf(out, 40, "nan");
    if (isinf(f))
        return (size_t)snprintf(out, 40, "%s", f < 0 ? "-inf" : "inf");
    char digits[40];
    int precision = 1;
    do /* the fewest digits that read back the same */
        snprintf(digits, sizeof digits, "%.*e", precision - 1, f);
    while (strtod(digits, NULL) != f && precision++ < 17);
    char *exponent = strchr(digits, 'e');
    int e = (int)strtol(exponent + 1, NULL, 10);
    if (e < -4 || e >= 16) {
        *exponent = 0;
        return (size_t)snprintf(out, 40, "%se%c%02d", digits, e < 0 ? '-' : '+', abs(e));
    }
    int decimals = precision - 1 - e;
    return (size_t)snprintf(out, 40, "%.*f", decimals > 0 ? decimals : 1, f);
}

void integer_repr(int64_t i, char out[40])
{
    char reversed[24];
    size_t n = 0, at = 0;
    uint64_t magnitude = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    do
        reversed[n++] = (char)('0' + magnitude % 10);
    while (magnitude /= 10);
    if (i < 0)
        out[at++] = '-';
    while (n)
        out[at++] = reversed[--n];
    out[at] = 0;
}

/* The span without whitespace around it. */
static struct str strip(struct str s)
{
    unsigned size;
    int32_t c;
    while (s.len && (c = utf8_decode(s, 0, &size)) >= 0 && char_is_space((uint32_t)c))
        s = str_from(s, size);
    while (s.len && char_is_space((unsigned char)s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* Copies digits without underscores that stand between them; false when they stand elsewhere or it is too long. */
static bool without_underscores(struct str s, char *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '_') {
            if (i == 0 || i + 1 == s.len || !isalnum((unsigned char)s.ptr[i - 1]) ||
                !isalnum((unsigned char)s.ptr[i + 1]))
                return false;
            continue;
        }
        if (n + 1 >= cap || s.ptr[i] == 0)
            return false;
        out[n++] = s.ptr[i];
    }
    out[n] = 0;
    return n > 0;
}

bool number_parse_int(struct str s, int base, int64_t *out, bool *big)
{
    char digits[400];
    bool negative = false;
    s = strip(s);
    if (big)
        *big = false;
    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
        negative = s.ptr[0] == '-';
        s = (struct str){s.ptr + 1, s.len - 1};
    }
    if (s.len > 1 && s.ptr[0] == '0') {
        char kind = s.ptr[1] | 32;
        int prefix = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
        if (prefix && (base == 0 || base == prefix)) {
            size_t skip = s.len > 2 && s.ptr[2] == '_' ? 3 : 2;
            s = str_from(s, skip);
            base = prefix;
        } else if (base == 0) { /* like a literal: no leading zeros but in zero itself */
            for (size_t i = 0; i < s.len; i++)
                if (s.ptr[i] != '0' && s.ptr[i] != '_')
                    return false;
        }
    }
    if (base == 0)
        base = 10;
    if (!s.len || !isalnum((unsigned char)s.ptr[0]) || !without_underscores(s, digits, sizeof digits))
        return false;
    char *end;
    errno = 0;
    unsigned long long magnitude = strtoull(digits, &end, base);
    if (*end)
        return false;
    if (errno == ERANGE || magnitude > (unsigned long long)INT64_MAX + negative) {
        if (big)
            *big = true;
        return false;
    }
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

bool number_parse_float(struct str s, double *out)
{
    char digits[400];
    s = strip(s);
    if (!without_underscores(s, digits, sizeof digits))
        return false;
    const char *body = digits + (digits[0] == '-' || digits[0] == '+');
    bool word = !strcasecmp(body, "inf") || !strcasecmp(body, "infinity") || !strcasecmp(body, "nan");
    if (!word && body[strspn(body, "0123456789.eE+-")])
        return false;
    char *end;
    *out = strtod(digits, &end);
    return *end == 0;
}

static double as_double(struct value v)
{
    return v.kind == VALUE_FLOAT ? v.as.real : (double)value_integer(v);
}

static bool too_large(struct jinja *j)
{
    return jinja_fail(j, "number too large: integers have 64 bits");
}

static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t quotient = a / b;
    return quotient - (a % b != 0 && (a < 0) != (b < 0));
}

static bool integer_power(struct jinja *j, int64_t base, int64_t exponent, struct value *out)
{
    int64_t result = 1;
    while (exponent > 0) {
        if ((exponent & 1) && __builtin_mul_overflow(result, base, &result))
            return too_large(j);
        exponent >>= 1;
        if (exponent && __builtin_mul_overflow(base, base, &base))
            return too_large(j);
    }
    *out = value_int(result);
    return true;
}

static bool apply_integers(struct jinja *j, enum arithmetic op, int64_t a, int64_t b, struct value *out)
{
    int64_t result = 0;
    bool overflow = false;
    switch (op) {
    case OP_ADD:
        overflow = __builtin_add_overflow(a, b, &result);
        break;
    case OP_SUB:
        overflow = __builtin_sub_overflow(a, b, &result);
        break;
    case OP_MUL:
        overflow = __builtin_mul_overflow(a, b, &result);
        break;
    case OP_DIV:
        if (!b)
            return jinja_fail(j, "division by zero");
        *out = value_float((double)a / (double)b);
        return true;
    case OP_FLOORDIV:
    case OP_MOD:
        if (!b)
            return jinja_fail(j, "division by zero");
        if (b == -1) /* INT64_MIN / -1 traps */
            overflow = op == OP_FLOORDIV && __builtin_sub_overflow(0, a, &result);
        else
            result = op == OP_FLOORDIV ? floor_div(a, b) : a - floor_div(a, b) * b;
        break;
    case OP_POW:
        if (b >= 0)
            return integer_power(j, a, b, out);
        if (!a)
            return jinja_fail(j, "0 cannot be raised to a negative power");
        *out = value_float(pow((double)a, (double)b));
        return true;
    }
    if (overflow)
        return too_large(j);
    *out = value_int(result);
    return true;
}

static double float_mod(double a, double b)
{
    double rest = fmod(a, b);
    if (rest != 0 && (rest < 0) != (b < 0))
        rest += b;
    return rest == 0 ? copysign(0, b) : rest;
}

/* As Python's float_floor_div: the quotient of what fmod leaves. */
static double float_floor_div(double a, double b)
{
    double rest = fmod(a, b), quotient = (a - rest) / b;
    if (rest != 0 && (rest < 0) != (b < 0))
        quotient -= 1;
    if (quotient == 0)
        return copysign(0, a / b);
    double whole = floor(quotient);
    return quotient - whole > 0.5 ? whole + 1 : whole;
}

static bool apply_floats(struct jinja *j, enum arithmetic op, double a, double b, struct value *out)
{
    double result = 0;
    switch (op) {
    case OP_ADD:
        result = a + b;
        break;
    case OP_SUB:
        result = a - b;
        break;
    case OP_MUL:
        result = a * b;
        break;
    case OP_DIV:
    case OP_FLOORDIV:
    case OP_MOD:
        if (b == 0)
            return jinja_fail(j, "division by zero");
        result = op == OP_DIV ? a / b : op == OP_MOD ? float_mod(a, b) : float_floor_div(a, b);
        break;
    case OP_POW:
        if (a == 0 && b < 0)
            return jinja_fail(j, "0 cannot be raised to a negative power");
        if (a < 0 && isfinite(a) && isfinite(b) && b != floor(b))
            return jinja_fail(j, "a negative number to a fraction is not a real number");
        result = pow(a, b);
        if (isinf(result) && isfinite(a) && isfinite(b))
            return jinja_fail(j, "number too large: result of **");
        break;
    }
    *out = value_float(result);
    return true;
}

bool number_apply(struct jinja *j, enum arithmetic op, struct value a, struct value b, struct value *out)
{
    if (a.kind == VALUE_FLOAT || b.kind == VALUE_FLOAT)
        return apply_floats(j, op, as_double(a), as_double(b), out);
    return apply_integers(j, op, value_integer(a), value_integer(b), out);
}

/* Exact, also where a double cannot hold the integer. */
static int compare_mixed(int64_t i, double f)
{
    if (f >= 9223372036854775808.0)
        return -1;
    if (f < -9223372036854775808.0)
        return 1;
    int64_t whole = (int64_t)f;
    if (i != whole)
        return i < whole ? -1 : 1;
    double rest = f - (double)whole;
    return rest > 0 ? -1 : rest < 0;
}

int number_compare(struct value a, struct value b)
{
    bool fa = a.kind == VALUE_FLOAT, fb = b.kind == VALUE_FLOAT;
    if ((fa && isnan(a.as.real)) || (fb && isnan(b.as.real)))
        return 2;
    if (fa && fb)
        return a.as.real < b.as.real ? -1 : a.as.real > b.as.real;
    if (fa)
        return -compare_mixed(value_integer(b), a.as.real);
    if (fb)
        return compare_mixed(value_integer(a), b.as.real);
    int64_t x = value_integer(a), y = value_integer(b);
    return x < y ? -1 : x > y;
}
