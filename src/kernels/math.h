/* SPDX-License-Identifier: Apache-2.0
 *
 * Elementary functions as fixed sequences of IEEE operations, within 2 ulp, the same bits on every machine. No
 * libm but fma and sqrt. Thread-safe.
 */
#ifndef HOB_KERNELS_MATH_H
#define HOB_KERNELS_MATH_H

/* e^x, ln x, x^y, tanh x, erf x in float32; specials as C11 Annex F. */
float math_exp(float x);
float math_log(float x);
float math_pow(float x, float y);
float math_tanh(float x);
float math_erf(float x);

/* The same in double where a wider result is needed: e^x, ln x, x^y within 2 ulp of double. */
double math_exp64(double x);
double math_log64(double x);
double math_pow64(double x, double y);

/* Sine and cosine of a double, |x| up to 2^30, error below 2^-40 relative to 1. */
void math_sincos64(double x, double *sine, double *cosine);

#endif
