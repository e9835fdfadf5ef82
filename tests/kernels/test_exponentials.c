/* SPDX-License-Identifier: Apache-2.0
 *
 * Exponentials that leave the normal numbers: every kernel that has one against the plain reference, bit for bit, with
 * arguments from -86 to -105 (denormals lie between -87.3 and -103.97, and below is zero), both zeros and minus
 * infinity. Random inputs hardly ever come there, and 2^n is where instruction sets differ.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "check.h"
#include "kernels/cache.h"

#define N 64 /* arguments at a time */
_Static_assert(N == CACHE_BLOCK, "a block of scores");

struct result {
    float y[N], sum, largest;
};

typedef void exponentials_fn(const struct kernels *table, const float x[N], struct result *result);

/* Attention whose scores are x and whose values are the unit matrix: the output is the probabilities themselves. Scores
 * are halved, so that a sum can become -0. */
static void attend_some(const struct kernels *table, const float x[N], unsigned lo, unsigned hi, struct result *result)
{
    static _Alignas(64) uint8_t scratch[SCRATCH_BYTES];
    _Alignas(64) float keys[N], values[N][N] = {{0}};
    const float one = 1;
    for (unsigned i = 0; i < N; i++) {
        keys[i] = x[i] == 0.0f && signbit(x[i]) ? -0x1p-149f : 2 * x[i];
        values[i][i] = 1;
    }
    uint8_t from = (uint8_t)lo, to = (uint8_t)hi;
    result->sum = 0; /* of an empty state */
    table->attend(&(struct attend_args){.n_q = 1,
                                        .q = &one,
                                        .d = 1,
                                        .dv = N,
                                        .type = CACHE_F32,
                                        .k = keys,
                                        .v = values,
                                        .lo = &from,
                                        .hi = &to,
                                        .scale = 0.5f,
                                        .m = &result->largest,
                                        .s = &result->sum,
                                        .o = result->y,
                                        .scratch = scratch});
}

static void attend_all(const struct kernels *table, const float x[N], struct result *result)
{
    attend_some(table, x, 0, N, result);
}

static void attend_inner(const struct kernels *table, const float x[N], struct result *result)
{
    attend_some(table, x, 5, N - 2, result);
}

static void softmax_exp(const struct kernels *table, const float x[N], struct result *result)
{
    result->sum = table->softmax_exp(x, 0, N, result->y);
    result->largest = table->softmax_exp(x + 1, 0, N - 1, (float[N]){0}); /* not whole registers */
}

/* A block that is x below what there is adds e^x. */
static void merge(const struct kernels *table, const float x[N], struct result *result)
{
    const float one = 1;
    for (unsigned i = 0; i < N; i++) {
        float m = 0, s = 1;
        result->y[i] = 0;
        table->attend_merge(&m, &s, &result->y[i], x[i], 1, &one, 1);
        result->sum = s;
        result->largest = m;
    }
}

static const struct {
    const char *name;
    exponentials_fn *run;
} users[] = {
    {"attend", attend_all}, {"attend, a window", attend_inner}, {"softmax_exp", softmax_exp}, {"merge", merge}};
#define N_USERS (sizeof users / sizeof *users)

static bool agree(const char *name, exponentials_fn *run, const struct kernels *table, const float x[N],
                  size_t *n_denormal)
{
    struct result want = {{0}}, got = {{0}};
    run(kernels_table(0), x, &want);
    run(table, x, &got);
    for (unsigned i = 0; i < N; i++)
        *n_denormal += fpclassify(want.y[i]) == FP_SUBNORMAL;
    char what[80];
    snprintf(what, sizeof what, "%s %s", table->name, name);
    return same_floats(what, &want, &got, sizeof want / sizeof(float));
}

/* Every seventh float from -86 to -105, in each lane at some time, with special arguments between them. */
static bool sweep(const char *name, exponentials_fn *run, const struct kernels *table, size_t *n_denormal)
{
    static const float specials[] = {0.0f,       -0.0f,    -0x1p-149f, -1e-20f,   -104.0f,
                                     -104.0001f, -2000.0f, -0x1p+126f, -INFINITY, -0.3f};
    uint32_t end = bits_of_float(105.0f);
    for (uint32_t bits = bits_of_float(86.0f) + (uint32_t)random_below(7); bits < end;) {
        float x[N];
        for (unsigned i = 0; i < N; i++)
            if (random_below(16) == 0) {
                x[i] = specials[random_below(sizeof specials / sizeof *specials)];
            } else {
                x[i] = -float_of_bits(bits);
                bits += 7;
            }
        x[random_below(N)] = 0; /* the largest */
        if (!agree(name, run, table, x, n_denormal))
            return false;
    }
    return true;
}

static void denormal_exponentials_equal_the_reference(void **state)
{
    (void)state;
    const struct kernels *table;
    for (size_t i = 1; (table = kernels_table(i)); i++)
        for (size_t user = 0; user < N_USERS; user++) {
            size_t n_denormal = 0;
            assert_true(sweep(users[user].name, users[user].run, table, &n_denormal));
            assert_true(n_denormal > 200000);
        }
}

static void blocks_of_one_value_equal_the_reference(void **state)
{
    (void)state;
    static const float values[] = {0.0f, -0.0f, -INFINITY, INFINITY, NAN, -100.0f, 0x1p-149f};
    const struct kernels *table;
    for (size_t i = 1; (table = kernels_table(i)); i++)
        for (size_t user = 0; user < N_USERS; user++)
            for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
                float x[N];
                size_t n_denormal = 0;
                for (unsigned j = 0; j < N; j++)
                    x[j] = values[v];
                assert_true(agree(users[user].name, users[user].run, table, x, &n_denormal));
                x[random_below(N)] = -0.0f;
                x[random_below(N)] = 0.0f;
                assert_true(agree(users[user].name, users[user].run, table, x, &n_denormal));
            }
}

static void flushing_attend(const struct attend_args *args)
{
    kernels_table(0)->attend(args);
    for (size_t i = 0; i < args->dv; i++)
        args->o[i] = fpclassify(args->o[i]) == FP_SUBNORMAL ? 0.0f : args->o[i];
}

/* Some denormals are off by one unit, as where a product is rounded twice. */
static float rounding_twice(const float *x, float shift, size_t n, float *y)
{
    float sum = kernels_table(0)->softmax_exp(x, shift, n, y);
    for (size_t i = 0; i < n; i++)
        if (fpclassify(y[i]) == FP_SUBNORMAL && bits_of_float(y[i]) % 4096 == 1)
            y[i] = float_of_bits(bits_of_float(y[i]) + 1);
    return sum;
}

static void wrong_kernels_are_caught(void **state)
{
    (void)state;
    struct kernels wrong = *kernels_table(0);
    size_t n_denormal = 0;
    wrong.attend = flushing_attend;
    wrong.softmax_exp = rounding_twice;
    for (size_t user = 0; user < 3; user++)
        assert_false(sweep(users[user].name, users[user].run, &wrong, &n_denormal));
    assert_true(sweep(users[3].name, users[3].run, &wrong, &n_denormal));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(denormal_exponentials_equal_the_reference),
        cmocka_unit_test(blocks_of_one_value_equal_the_reference),
        cmocka_unit_test(wrong_kernels_are_caught),
    };
    random_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
