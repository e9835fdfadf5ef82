/* SPDX-License-Identifier: Apache-2.0
 *
 * The elementary functions against libm in more precision than they have: at most 2 ulp, and the special values.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "check.h"
#include "kernels/elementary.h"
#include "kernels/math.h"

/* Distance of `got` from `want` in units in the last place of float32. */
static double ulps(float got, double want)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0 : INFINITY;
    if (isinf((float)want) || isinf(got))
        return (float)want == got                                                       ? 0
               : fabs(want) > 3.4e38 && fabsf(got) > 3.4e38f && (want > 0) == (got > 0) ? 1
                                                                                        : INFINITY;
    int exponent;
    frexp(want, &exponent);
    return fabs((double)got - want) / ldexp(1, exponent < -125 ? -149 : exponent - 24);
}

static double ulps64(double got, long double want)
{
    if (isnan((double)want) || isinf((double)want))
        return isnan(got) ? !isnan((double)want) : got == (double)want ? 0 : INFINITY;
    int exponent;
    frexpl(want, &exponent);
    return (double)(fabsl((long double)got - want) / ldexpl(1, exponent < -1021 ? -1074 : exponent - 53));
}

static void floats_within_two_ulp(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        float (*ours)(float);
        double (*libm)(double);
    } functions[] = {{"exp", math_exp, exp}, {"log", math_log, log}, {"tanh", math_tanh, tanh}, {"erf", math_erf, erf}};
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        double worst = 0;
        float at = 0;
        /* Every 1021st float of all there are, and the specials. */
        for (uint64_t bits = random_below(1021); bits < (uint64_t)1 << 32; bits += 1021) {
            float x = float_of_bits((uint32_t)bits);
            double u = ulps(functions[f].ours(x), functions[f].libm((double)x));
            if (u > worst) {
                worst = u;
                at = x;
            }
        }
        print_message("%s: at most %.3f ulp, at %a\n", functions[f].name, worst, (double)at);
        assert_true(worst <= 2.0);
    }
    assert_true(math_exp(0.0f) == 1.0f && math_exp(-INFINITY) == 0.0f && math_exp(INFINITY) == INFINITY);
    assert_true(math_exp(88.72284f) == INFINITY && math_exp(-104.0f) == 0.0f && math_exp(-103.5f) > 0.0f);
    assert_true(isnan(math_exp(NAN)) && isnan(math_log(-1.0f)) && math_log(0.0f) == -INFINITY);
    assert_true(math_tanh(INFINITY) == 1.0f && math_tanh(-INFINITY) == -1.0f && signbit(math_tanh(-0.0f)));
    assert_true(math_erf(INFINITY) == 1.0f && math_erf(-INFINITY) == -1.0f && signbit(math_erf(-0.0f)));
    assert_true(isnan(math_tanh(NAN)) && isnan(math_erf(NAN)));
    assert_true(math_tanh(0x1p-149f) == 0x1p-149f && math_erf(-0x1p-140f) == -0x1.20cp-140f);
}

static void doubles_within_two_ulp(void **state)
{
    (void)state;
    double worst[3] = {0};
    for (unsigned i = 0; i < 300000; i++) {
        double unit = (double)(random_bits() >> 11) * 0x1p-53;
        double x = (unit - 0.5) * 1500, y = ldexp(unit + 0x1p-30, (int)random_below(2000) - 1000);
        if (i % 2)
            y = 1 + (unit - 0.5) * ldexp(1, -(int)random_below(50));
        double base = ldexp(unit + 0x1p-10, (int)random_below(40) - 20);
        double power = (unit - 0.3) * ldexp(1, (int)random_below(10));
        double u[3] = {ulps64(math_exp64(x), expl((long double)x)), ulps64(math_log64(y), logl((long double)y)),
                       ulps64(math_pow64(base, power), powl((long double)base, (long double)power))};
        for (unsigned f = 0; f < 3; f++)
            worst[f] = u[f] > worst[f] ? u[f] : worst[f];
    }
    print_message("exp64 %.3f, log64 %.3f, pow64 %.3f ulp\n", worst[0], worst[1], worst[2]);
    assert_true(worst[0] <= 2 && worst[1] <= 2 && worst[2] <= 2);
    static const double special[] = {0.0,    -0.0,       1,       -1,  INFINITY, -INFINITY,   NAN,        2,
                                     -2,     3,          -3,      0.5, -0.5,     1e300,       -1e300,     5e-324,
                                     0x1p53, 0x1p53 + 2, -0x1p53, 1e9, -1e9,     1 + 0x1p-52, 1 - 0x1p-53};
    size_t n = sizeof special / sizeof *special;
    for (size_t i = 0; i < n; i++) {
        assert_true(ulps64(math_exp64(special[i]), expl((long double)special[i])) <= 2);
        assert_true(ulps64(math_log64(special[i]), logl((long double)special[i])) <= 2);
        for (size_t j = 0; j < n; j++) {
            double want = pow(special[i], special[j]), got = math_pow64(special[i], special[j]);
            assert_true(ulps64(got, (long double)want) <= 2 && (isnan(want) || signbit(want) == signbit(got)));
        }
    }
    assert_true(math_pow(2.0f, 0.5f) == 0x1.6a09e6p+0f && isnan(math_pow(-2.0f, 0.5f)) &&
                math_pow(-2.0f, 3.0f) == -8.0f);
}

static void angles(void **state)
{
    (void)state;
    double worst = 0;
    for (unsigned i = 0; i < 300000; i++) {
        double x = (double)random_unit() * ldexp(1, (int)random_below(31)), sine, cosine;
        math_sincos64(x, &sine, &cosine);
        double error = (double)fmaxl(fabsl((long double)sine - sinl((long double)x)),
                                     fabsl((long double)cosine - cosl((long double)x)));
        worst = error > worst ? error : worst;
    }
    print_message("sine and cosine: at most 2^%.1f\n", log2(worst));
    assert_true(worst < 0x1p-40);
    double sine, cosine;
    math_sincos64(0, &sine, &cosine);
    assert_true(sine == 0 && cosine == 1);
}

static void activations(void **state)
{
    (void)state;
    for (float x = -30; x < 30; x += 0.01f) {
        double d = (double)x, u = sqrt(2 / acos(-1)) * (d + 0.044715 * d * d * d), tolerance = 1e-6 * fabs(d) + 1e-30;
        assert_true(fabs((double)elementary_activation(ACT_SILU, x) - d / (1 + exp(-d))) < tolerance);
        assert_true(fabs((double)elementary_activation(ACT_GELU_TANH, x) - d / 2 * (1 + tanh(u))) < tolerance);
        assert_true(fabs((double)elementary_activation(ACT_GELU_ERF, x) - d / 2 * (1 + erf(d / sqrt(2)))) < tolerance);
        assert_true(elementary_activation(ACT_RELU, x) == (x > 0 ? x : 0));
    }
    for (unsigned act = 0; act <= ACT_RELU; act++)
        assert_true(isnan(elementary_activation((enum activation)act, NAN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_within_two_ulp),
        cmocka_unit_test(doubles_within_two_ulp),
        cmocka_unit_test(angles),
        cmocka_unit_test(activations),
    };
    random_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
