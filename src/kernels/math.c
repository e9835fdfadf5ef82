/* SPDX-License-Identifier: Apache-2.0
 *
 * The float32 functions: elementary.h's sequences, and for ln and x^y the double ones, rounded.
 */
#include "kernels/elementary.h"
#include "kernels/math.h"

float math_exp(float x)
{
    return elementary_exp(x);
}

float math_log(float x)
{
    return (float)math_log64((double)x);
}

float math_pow(float x, float y)
{
    return (float)math_pow64((double)x, (double)y);
}

float math_tanh(float x)
{
    return elementary_tanh(x);
}

float math_erf(float x)
{
    return elementary_erf(x);
}
