/* SPDX-License-Identifier: Apache-2.0
 *
 * The double functions, by Taylor series on reduced arguments. Where x^y needs more than double, a number is an
 * unevaluated sum of two doubles (T. J. Dekker, "A floating-point technique for extending the available precision",
 * 1971), with fma giving the error of a product.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "kernels/math.h"

#define ROUND_MAGIC64 0x1.8p52 /* adding and subtracting it rounds |x| < 2^51 to the nearest integer, ties to even */

struct pair {
    double high, low;
};

static uint64_t bits_of_double(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double double_of_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* x * 2^k for |k| <= 1100, rounded once. */
static double times_power(double x, int k)
{
    int third = k / 3, rest = k - 2 * third;
    double a = double_of_bits((uint64_t)(third + 1023) << 52), b = double_of_bits((uint64_t)(rest + 1023) << 52);
    return x * a * a * b; /* for 0.7 < |x| < 1.5 all but the last product are normal, so exact */
}

/* e^(x.high + x.low), |x.low| <= ulp(x.high). */
static double exp_pair(struct pair x)
{
    static const double reciprocal_factorial[] = {
        1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0, 1.0 / 40320.0,
        1.0 / 5040.0,       1.0 / 720.0,       1.0 / 120.0,      1.0 / 24.0,      1.0 / 6.0,      0.5,
    };
    if (x.high != x.high)
        return x.high;
    if (x.high > 710.0)
        return INFINITY;
    if (x.high < -746.0)
        return 0.0;
    double n = x.high * 0x1.71547652b82fep+0 + ROUND_MAGIC64 - ROUND_MAGIC64;
    double r = fma(n, -0x1.62e42fefa39efp-1, x.high); /* exact: the leading bits cancel */
    double low = fma(n, -0x1.abc9e3b39803fp-56, x.low);
    double p = 0;
    r += low;
    for (unsigned i = 0; i < sizeof reciprocal_factorial / sizeof *reciprocal_factorial; i++)
        p = fma(p, r, reciprocal_factorial[i]);
    return times_power(1.0 + fma(p, r * r, r), (int)n);
}

/* ln x for finite x > 0, to about 2^-64. */
static struct pair log_pair(double x)
{
    int exponent = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        exponent = -54;
    }
    uint64_t bits = bits_of_double(x);
    exponent += (int)(bits >> 52) - 1023;
    double m = double_of_bits((bits & 0xfffffffffffff) | 0x3ff0000000000000);
    if (m > 0x1.6a09e667f3bcdp+0) { /* sqrt 2 */
        m *= 0.5;
        exponent++;
    }
    /* s = (m - 1) / (m + 1) as a pair; m + 1 = sum + sum_low. */
    double top = m - 1.0, sum = m + 1.0, sum_low = m - (sum - 1.0);
    struct pair s = {.high = top / sum};
    s.low = (fma(-s.high, sum, top) - s.high * sum_low) / sum;
    /* ln m = 2 (s + s^3/3 + s^5/5 + ...): s^3/3 is a pair, the rest fits a double. */
    double s2 = s.high * s.high, tail = 0;
    for (int k = 27; k >= 5; k -= 2)
        tail = fma(tail, s2, 1.0 / k);
    double s2_low = fma(s.high, s.high, -s2) + 2.0 * s.high * s.low;
    double cube = s2 * s.high, cube_low = fma(s2, s.high, -cube) + fma(s2, s.low, s2_low * s.high);
    double third = cube / 3.0, third_low = (fma(-3.0, third, cube) + cube_low) / 3.0;
    double rest = fma(tail, s2 * s2 * s.high, third_low + s.low);
    double a = s.high + third, a_low = third - (a - s.high) + rest;
    /* exponent * ln 2; the upper part of ln 2 has 11 zero bits at its end, so that its product is exact. */
    double e = exponent, e_high = e * 0x1.62e42fefa3800p-1, e_low = e * 0x1.ef35793c76730p-45;
    a *= 2.0;
    a_low *= 2.0;
    double total = e_high + a, larger = fabs(e_high) > fabs(a) ? e_high : a, smaller = larger == a ? e_high : a;
    double low = smaller - (total - larger) + (e_low + a_low);
    struct pair result = {.high = total + low};
    result.low = low - (result.high - total);
    return result;
}

double math_exp64(double x)
{
    struct pair pair = {x, 0.0};
    return exp_pair(pair);
}

double math_log64(double x)
{
    if (x != x || x < 0.0)
        return NAN;
    if (x == 0.0)
        return -INFINITY;
    return x == INFINITY ? x : log_pair(x).high;
}

/* Whether y is an integer, and whether it is an odd one. */
static bool is_integer(double y, bool *odd)
{
    double size = fabs(y);
    *odd = false;
    if (size >= 0x1p53)
        return true;
    int64_t whole = (int64_t)size;
    *odd = whole % 2 != 0;
    return (double)whole == size;
}

double math_pow64(double x, double y)
{
    bool odd, integer = is_integer(y, &odd);
    double size = fabs(x);
    if (y == 0.0 || x == 1.0)
        return 1.0;
    if (x != x || y != y)
        return NAN;
    odd = odd && integer;
    double sign = signbit(x) && odd ? -1.0 : 1.0;
    if (fabs(y) == INFINITY)
        return size == 1.0 ? 1.0 : (size > 1.0) == (y > 0.0) ? INFINITY : 0.0;
    if (size == 0.0 || size == INFINITY)
        return sign * ((size == 0.0) == (y < 0.0) ? INFINITY : 0.0);
    if (x < 0.0 && !integer)
        return NAN;
    struct pair log = log_pair(size), product = {.high = y * log.high};
    if (fabs(product.high) > 800.0) /* far outside, and the low part might not be finite */
        return sign * (product.high > 0.0 ? INFINITY : 0.0);
    product.low = fma(y, log.high, -product.high) + y * log.low;
    return sign * exp_pair(product);
}

void math_sincos64(double x, double *sine, double *cosine)
{
    double n = x * 0x1.45f306dc9c883p-1 + ROUND_MAGIC64 - ROUND_MAGIC64; /* 2 / pi */
    double r = fma(n, -0x1.921fb54442d18p+0, x);                         /* pi / 2, and what a double leaves of it */
    r = fma(n, -0x1.1a62633145c07p-54, r);
    double u = r * r, s = 0, c = 0;
    double term = 1.0 / 1307674368000.0; /* 1 / 15! */
    for (int k = 15; k >= 3; k -= 2) {
        s = fma(s, u, k % 4 == 1 ? term : -term);
        term *= (double)(k * (k - 1));
    }
    term = 1.0 / 20922789888000.0; /* 1 / 16! */
    for (int k = 16; k >= 4; k -= 2) {
        c = fma(c, u, k % 4 == 0 ? term : -term);
        term *= (double)(k * (k - 1));
    }
    s = fma(s * u, r, r);
    c = fma(c, u * u, fma(u, -0.5, 1.0));
    int64_t quadrant = (int64_t)n & 3;
    *sine = quadrant == 0 ? s : quadrant == 1 ? c : quadrant == 2 ? -s : -c;
    *cosine = quadrant == 0 ? c : quadrant == 1 ? -s : quadrant == 2 ? -c : s;
}
