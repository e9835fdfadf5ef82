/* SPDX-License-Identifier: Apache-2.0
 *
 * Every kernel of every table against the plain reference, bit for bit. The tests walk the tables, so a new kernel is
 * checked without being named here; a new kind of entry is missed by no one, because entries_are_all_checked fails.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "check.h"
#include "kernels/activation.h"
#include "kernels/cache.h"
#include "kernels/panel.h"
#include "weights.h"

typedef bool check_fn(const struct kernels *want, const struct kernels *got, enum inputs kind);

/* ---- one check for each kind of entry ----------------------------------------------------------------------- */

static bool same_linear(const struct quant_type *type, bool q8, linear_fn *want, linear_fn *got, enum inputs kind,
                        size_t k, size_t n, size_t t)
{
    struct linear_args args = {.type = type, .k = k, .n = n, .t = t, .y_stride = n + random_below(9)};
    struct guarded w = random_panels(type, k, n, kind), x;
    if (q8) {
        struct guarded row = guarded_floats(k, kind);
        args.x_stride = q8_row_bytes(k) + 64 * random_below(3);
        x = guarded_new((t - 1) * args.x_stride + q8_row_bytes(k));
        for (size_t i = 0; i < t; i++) {
            for (size_t j = 0; j < k; j++)
                ((float *)row.data)[j] = random_input(kind);
            kernels_table(0)->quantize((float *)row.data, k, x.data + i * args.x_stride);
        }
        guarded_free(&row);
    } else {
        args.x_stride = (k + random_below(5)) * sizeof(float);
        x = guarded_floats((t - 1) * args.x_stride / sizeof(float) + k, kind);
    }
    struct guarded y0 = guarded_floats((t - 1) * args.y_stride + n, INPUT_PLAIN), y1 = guarded_copy(&y0);
    struct guarded scratch = guarded_new(SCRATCH_BYTES);
    args.w = w.data;
    args.x = x.data;
    size_t panels = panel_count(n), panel0 = random_below(panels), panel1 = panel0 + 1 + random_below(panels - panel0);
    args.y = (float *)y0.data;
    memset(scratch.data, 0xff, scratch.bytes);
    want(&args, panel0, panel1, scratch.data);
    args.y = (float *)y1.data;
    memset(scratch.data, 0xff, scratch.bytes);
    got(&args, panel0, panel1, scratch.data);
    char what[160];
    snprintf(what, sizeof what, "linear_%s[%s] K=%zu N=%zu T=%zu panels %zu..%zu y_stride %zu inputs %d",
             q8 ? "q8" : "f32", type->name, k, n, t, panel0, panel1, args.y_stride, kind);
    bool same = same_floats(what, y0.data, y1.data, y0.bytes / sizeof(float));
    guarded_free(&w);
    guarded_free(&x);
    guarded_free(&y0);
    guarded_free(&y1);
    guarded_free(&scratch);
    return same;
}

/* What elements of a row come in. */
static size_t linear_unit(const struct quant_type *type, bool q8)
{
    return type->group ? type->block_elements : q8 ? 32 : 1;
}

static bool check_linear(const struct quant_type *type, bool q8, linear_fn *want, linear_fn *got, enum inputs kind)
{
    size_t unit = linear_unit(type, q8);
    size_t k = unit * (1 + random_below(unit == 1 ? 600 : unit == 32 ? 24 : 5)), n = 1 + random_below(100);
    size_t t = random_below(40) ? random_rows() : 200 + random_below(100);
    if (!random_below(60)) { /* more along k than a kernel walks at once */
        k = unit * ((q8 ? 16000 : 500) / unit + 1 + random_below(2500 / unit));
        n = 1 + random_below(40);
        t = 1 + random_below(q8 ? 20 : 200);
    }
    return same_linear(type, q8, want, got, kind, k, n, t);
}

/* Rows and lengths at which kernels with q8 activations begin to divide their work otherwise, or fill their scratch. */
static bool check_linear_edges(const struct quant_type *type, linear_fn *want, linear_fn *got)
{
    static const size_t edges[][2] = {{1, 16640}, {12, 5152}, {20, 4096},  {64, 1056},  {65, 1056}, {72, 4096},
                                      {80, 1024}, {128, 544}, {139, 1056}, {140, 1056}, {278, 544}};
    size_t unit = linear_unit(type, true);
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
        if (!same_linear(type, true, want, got, INPUT_PLAIN, (edges[i][1] + unit - 1) / unit * unit, 37, edges[i][0]))
            return false;
    return true;
}

static bool check_quantize(const struct kernels *want, const struct kernels *got, enum inputs kind)
{
    size_t k = 32 * (1 + random_below(40));
    struct guarded x = guarded_floats(k, kind), a = guarded_new(q8_row_bytes(k)), b = guarded_new(q8_row_bytes(k));
    memset(a.data, 0xaa, a.bytes);
    memset(b.data, 0x55, b.bytes);
    want->quantize((float *)x.data, k, a.data);
    got->quantize((float *)x.data, k, b.data);
    size_t scales = q8_scale_offset(k), sums = scales + k / 32 * 4;
    bool same = same_bytes("quantize: integers", a.data, b.data, scales) &&
                same_floats("quantize: scales", a.data + scales, b.data + scales, k / 32) &&
                same_bytes("quantize: sums", a.data + sums, b.data + sums, a.bytes - sums);
    guarded_free(&x);
    guarded_free(&a);
    guarded_free(&b);
    return same;
}

/* A row operation with up to two inputs of n floats; `in_place` makes y the first input. */
enum row_op { ROW_NORM, ROW_NORM_BARE, ROW_ADD, ROW_MUL, ROW_SCALE, ROW_GLU, ROW_ACTIVATE, ROW_SOFTCAP, ROW_EXP };

static float row_op(const struct kernels *table, enum row_op op, enum activation act, float c, const float *a,
                    const float *b, size_t n, float *y)
{
    switch (op) {
    case ROW_NORM:
        table->rms_norm(a, b, n, c, y);
        return 0;
    case ROW_NORM_BARE:
        table->rms_norm(a, NULL, n, c, y);
        return 0;
    case ROW_ADD:
        table->add(a, b, n, y);
        return 0;
    case ROW_MUL:
        table->mul(a, b, n, y);
        return 0;
    case ROW_SCALE:
        table->scale(a, c, n, y);
        return 0;
    case ROW_GLU:
        table->glu(act, a, b, n, y);
        return 0;
    case ROW_ACTIVATE:
        table->activate(act, a, n, y);
        return 0;
    case ROW_SOFTCAP:
        table->softcap(a, c, n, y);
        return 0;
    case ROW_EXP:
        return table->softmax_exp(a, c, n, y);
    }
    return 0;
}

static bool check_row(const struct kernels *want, const struct kernels *got, enum inputs kind, enum row_op op)
{
    size_t n = 1 + random_below(random_below(4) ? 70 : 3000);
    enum activation act = (enum activation)random_below(ACT_RELU + 1);
    float c = fabsf(random_unit()) * (op == ROW_SOFTCAP ? 50.0f : 1.0f);
    struct guarded a = guarded_floats(n, kind), b = guarded_floats(n, kind);
    struct guarded y0 = guarded_floats(n, kind), y1 = guarded_copy(&y0);
    unsigned in_place = (unsigned)random_below(3); /* y is a fresh row, the first input or the second */
    struct guarded *from = in_place == 1 ? &a : &b;
    if (in_place) {
        memcpy(y0.data, from->data, y0.bytes);
        memcpy(y1.data, from->data, y1.bytes);
    }
    float *in0 = (float *)a.data, *in1 = (float *)b.data;
    bool alias_b = in_place == 2 && (op == ROW_ADD || op == ROW_MUL || op == ROW_GLU), alias_a = in_place == 1;
    float r0 = row_op(want, op, act, c, alias_a ? (float *)y0.data : in0, alias_b ? (float *)y0.data : in1, n,
                      (float *)y0.data);
    float r1 = row_op(got, op, act, c, alias_a ? (float *)y1.data : in0, alias_b ? (float *)y1.data : in1, n,
                      (float *)y1.data);
    char what[100];
    snprintf(what, sizeof what, "row operation %d activation %d n %zu inputs %d", op, act, n, kind);
    bool same = same_floats(what, y0.data, y1.data, n) && same_floats(what, &r0, &r1, 1);
    guarded_free(&a);
    guarded_free(&b);
    guarded_free(&y0);
    guarded_free(&y1);
    return same;
}

#define ROW_CHECK(name, op)                                                                                            \
    static bool name(const struct kernels *want, const struct kernels *got, enum inputs kind)                          \
    {                                                                                                                  \
        return check_row(want, got, kind, op);                                                                         \
    }
ROW_CHECK(check_add, ROW_ADD)
ROW_CHECK(check_mul, ROW_MUL)
ROW_CHECK(check_scale, ROW_SCALE)
ROW_CHECK(check_glu, ROW_GLU)
ROW_CHECK(check_activate, ROW_ACTIVATE)
ROW_CHECK(check_softcap, ROW_SOFTCAP)
ROW_CHECK(check_softmax_exp, ROW_EXP)

static bool check_rms_norm(const struct kernels *want, const struct kernels *got, enum inputs kind)
{
    return check_row(want, got, kind, random_below(2) ? ROW_NORM : ROW_NORM_BARE);
}

static bool check_maximum(const struct kernels *want, const struct kernels *got, enum inputs kind)
{
    size_t n = 1 + random_below(300);
    struct guarded x = guarded_floats(n, kind);
    float a, b;
    bool finite = want->maximum((float *)x.data, n, &a), same = got->maximum((float *)x.data, n, &b) == finite;
    guarded_free(&x);
    return same_floats("maximum", &a, &b, 1) && same;
}

static bool check_rope(const struct kernels *want, const struct kernels *got, enum inputs kind)
{
    size_t n_rot = 2 * (1 + random_below(100)), d = n_rot + random_below(20);
    enum rope_pairing pairing = random_below(2) ? ROPE_HALVES : ROPE_ADJACENT;
    struct guarded x0 = guarded_floats(d, kind), x1 = guarded_copy(&x0);
    struct guarded c = guarded_floats(n_rot / 2, INPUT_PLAIN), s = guarded_floats(n_rot / 2, INPUT_PLAIN);
    want->rope((float *)x0.data, (float *)c.data, (float *)s.data, n_rot, pairing);
    got->rope((float *)x1.data, (float *)c.data, (float *)s.data, n_rot, pairing);
    bool same = same_floats("rope", x0.data, x1.data, d);
    guarded_free(&x0);
    guarded_free(&x1);
    guarded_free(&c);
    guarded_free(&s);
    return same;
}

static size_t random_head(enum cache_type type)
{
    static const size_t usual[] = {32, 64, 96, 128, 160, 256, 576};
    return type == CACHE_Q8_0 || random_below(2) ? usual[random_below(7)] : 1 + random_below(140);
}

static bool check_cache(const struct kernels *want, const struct kernels *got, enum inputs kind, bool key)
{
    enum cache_type type = (enum cache_type)random_below(3);
    size_t d = random_head(type);
    struct guarded x = guarded_floats(d, kind), a = guarded_new(cache_block_bytes(type, d)), b = guarded_copy(&a);
    for (unsigned round = 0; round < 5; round++) {
        unsigned slot = (unsigned)random_below(CACHE_BLOCK);
        (key ? want->cache_key : want->cache_value)(type, (float *)x.data, d, slot, a.data);
        (key ? got->cache_key : got->cache_value)(type, (float *)x.data, d, slot, b.data);
    }
    bool same = same_bytes(key ? "cache_key" : "cache_value", a.data, b.data, a.bytes);
    guarded_free(&x);
    guarded_free(&a);
    guarded_free(&b);
    return same;
}

static bool check_cache_key(const struct kernels *want, const struct kernels *got, enum inputs kind)
{
    return check_cache(want, got, kind, true);
}

static bool check_cache_value(const struct kernels *want, const struct kernels *got, enum inputs kind)
{
    return check_cache(want, got, kind, false);
}

static bool check_attend(const struct kernels *want, const struct kernels *got, enum inputs kind)
{
    enum cache_type type = (enum cache_type)random_below(3);
    static const size_t most[] = {3, 12, 12, 70};
    size_t n_q = 1 + random_below(most[random_below(4)]), d = random_head(type), dv = random_head(type);
    struct attend_args args = {.n_q = n_q, .q_stride = d + random_below(9), .d = d, .dv = dv, .type = type};
    struct guarded q = guarded_floats((n_q - 1) * args.q_stride + d, kind);
    struct guarded k = guarded_new(cache_block_bytes(type, d)), v = guarded_new(cache_block_bytes(type, dv));
    struct guarded lo = guarded_new(n_q), hi = guarded_new(n_q), scratch = guarded_new(SCRATCH_BYTES);
    random_windows(n_q, lo.data, hi.data);
    /* Slots that nobody sees are stale: anything may lie there. */
    memset(k.data, 0xff, k.bytes);
    memset(v.data, 0xff, v.bytes);
    for (unsigned j = 0; j < CACHE_BLOCK; j++) {
        bool seen = false;
        for (size_t i = 0; i < n_q; i++)
            seen = seen || (lo.data[i] <= j && j < hi.data[i]);
        if (!seen)
            continue;
        struct guarded row = guarded_floats(d > dv ? d : dv, kind);
        kernels_table(0)->cache_key(type, (float *)row.data, d, j, k.data);
        kernels_table(0)->cache_value(type, (float *)row.data, dv, j, v.data);
        guarded_free(&row);
    }
    args.q = (float *)q.data;
    args.scratch = scratch.data;
    args.k = k.data;
    args.v = v.data;
    args.lo = lo.data;
    args.hi = hi.data;
    args.ahead = (ptrdiff_t)random_below(3) * 4096; /* what is prefetched need not be there */
    args.scale = 1.0f / sqrtf((float)d);
    args.softcap = random_below(3) ? 0.0f : 20.0f;
    args.o_stride = dv + random_below(9);
    struct guarded out[2], ms[2];
    out[0] = guarded_floats((n_q - 1) * args.o_stride + dv, INPUT_PLAIN);
    ms[0] = guarded_floats(2 * n_q, kind);
    size_t empty = random_below(3); /* all states, some or none; an empty one may hold anything */
    for (size_t i = 0; i < n_q; i++)
        if (empty == 0 || (empty == 1 && random_below(2))) {
            ((float *)ms[0].data)[n_q + i] = 0;
            ((float *)ms[0].data)[i] = NAN;
            memset((float *)out[0].data + i * args.o_stride, 0xff, dv * sizeof(float));
        }
    out[1] = guarded_copy(&out[0]);
    ms[1] = guarded_copy(&ms[0]);
    for (unsigned i = 0; i < 2; i++) {
        args.m = (float *)ms[i].data;
        args.s = args.m + n_q;
        args.o = (float *)out[i].data;
        memset(scratch.data, 0xff, scratch.bytes);
        (i == 0 ? want : got)->attend(&args);
    }
    char what[120];
    snprintf(what, sizeof what, "attend n_q %zu d %zu dv %zu cache %d softcap %g inputs %d", n_q, d, dv, type,
             (double)args.softcap, kind);
    bool same = same_floats(what, ms[0].data, ms[1].data, 2 * n_q) &&
                same_floats(what, out[0].data, out[1].data, out[0].bytes / sizeof(float));
    struct guarded *all[] = {&q, &k, &v, &lo, &hi, &out[0], &out[1], &ms[0], &ms[1], &scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        guarded_free(all[i]);
    return same;
}

static bool check_attend_merge(const struct kernels *want, const struct kernels *got, enum inputs kind)
{
    size_t dv = 1 + random_below(300);
    struct guarded o = guarded_floats(dv, kind), a = guarded_floats(dv, kind), b = guarded_copy(&a);
    float m0 = random_input(kind), s0 = random_below(4) ? 1 + fabsf(random_input(kind)) : 0, m1 = m0, s1 = s0;
    float m = random_input(kind), s = 1 + fabsf(random_input(kind));
    want->attend_merge(&m0, &s0, (float *)a.data, m, s, (float *)o.data, dv);
    got->attend_merge(&m1, &s1, (float *)b.data, m, s, (float *)o.data, dv);
    bool same = same_floats("attend_merge: maximum", &m0, &m1, 1) && same_floats("attend_merge: sum", &s0, &s1, 1) &&
                same_floats("attend_merge: output", a.data, b.data, dv);
    guarded_free(&o);
    guarded_free(&a);
    guarded_free(&b);
    return same;
}

static bool check_attend_end(const struct kernels *want, const struct kernels *got, enum inputs kind)
{
    size_t dv = 1 + random_below(300);
    struct guarded o = guarded_floats(dv, kind), a = guarded_new(dv * 4), b = guarded_new(dv * 4);
    float s = 1 + fabsf(random_input(kind));
    want->attend_end((float *)o.data, s, dv, (float *)a.data);
    got->attend_end((float *)o.data, s, dv, (float *)b.data);
    bool same = same_floats("attend_end", a.data, b.data, dv);
    guarded_free(&o);
    guarded_free(&a);
    guarded_free(&b);
    return same;
}

/* Every entry of the table but the linear kernels. */
static const struct {
    size_t offset;
    check_fn *check;
} checks[] = {
    {offsetof(struct kernels, quantize), check_quantize},
    {offsetof(struct kernels, rms_norm), check_rms_norm},
    {offsetof(struct kernels, add), check_add},
    {offsetof(struct kernels, mul), check_mul},
    {offsetof(struct kernels, scale), check_scale},
    {offsetof(struct kernels, glu), check_glu},
    {offsetof(struct kernels, activate), check_activate},
    {offsetof(struct kernels, softcap), check_softcap},
    {offsetof(struct kernels, rope), check_rope},
    {offsetof(struct kernels, cache_key), check_cache_key},
    {offsetof(struct kernels, cache_value), check_cache_value},
    {offsetof(struct kernels, attend), check_attend},
    {offsetof(struct kernels, attend_merge), check_attend_merge},
    {offsetof(struct kernels, attend_end), check_attend_end},
    {offsetof(struct kernels, softmax_exp), check_softmax_exp},
    {offsetof(struct kernels, maximum), check_maximum},
};
#define N_CHECKS (sizeof checks / sizeof *checks)

/* ---- the tests ---------------------------------------------------------------------------------------------- */

/* Whether two tables have the same function at a byte offset. */
static bool same_entry(const struct kernels *a, const struct kernels *b, size_t offset)
{
    return memcmp((const char *)a + offset, (const char *)b + offset, sizeof(void (*)(void))) == 0;
}

/* Rounds of all kinds of inputs for one type's linear kernels; false at the first difference. */
static bool linear_agrees(const struct quant_type *type, bool q8, linear_fn *want, linear_fn *got, unsigned rounds)
{
    for (unsigned round = 0; round < rounds; round++)
        for (unsigned kind = 0; kind < INPUT_KINDS; kind++)
            if (!check_linear(type, q8, want, got, (enum inputs)kind))
                return false;
    return !q8 || check_linear_edges(type, want, got);
}

static bool entry_agrees(check_fn *check, const struct kernels *want, const struct kernels *got, unsigned rounds)
{
    for (unsigned round = 0; round < rounds; round++)
        for (unsigned kind = 0; kind < INPUT_KINDS; kind++)
            if (!check(want, got, (enum inputs)kind))
                return false;
    return true;
}

static void entries_are_all_checked(void **state)
{
    (void)state;
    size_t first = offsetof(struct kernels, linear_f32) + sizeof kernels_table(0)->linear_f32;
    assert_int_equal(first + N_CHECKS * sizeof(void (*)(void)), sizeof(struct kernels));
    for (size_t i = 0; i < N_CHECKS; i++)
        assert_int_equal(checks[i].offset, first + i * sizeof(void (*)(void)));
}

static void linear_kernels_equal_the_reference(void **state)
{
    (void)state;
    const struct kernels *plain = kernels_table(0), *table;
    for (size_t i = 1; (table = kernels_table(i)); i++)
        for (uint32_t id = 0; id < QUANT_IDS; id++) {
            const struct quant_type *type = quant_find(id);
            assert_true(!plain->linear_f32[id] == !(type && type->is_weight));
            assert_true(!plain->linear_q8[id] == !(type && type->is_weight && type->group));
            assert_true(!plain->linear_q8[id] == !table->linear_q8[id]);
            assert_true(!plain->linear_f32[id] == !table->linear_f32[id]);
            /* What a table has from the one before it was checked there. */
            const struct kernels *before = kernels_table(i - 1);
            if (table->linear_q8[id] != before->linear_q8[id]) {
                print_message("%s q8 %s\n", table->name, type->name);
                assert_true(linear_agrees(type, true, plain->linear_q8[id], table->linear_q8[id], 5));
            }
            if (table->linear_f32[id] != before->linear_f32[id]) {
                print_message("%s f32 %s\n", table->name, type->name);
                assert_true(linear_agrees(type, false, plain->linear_f32[id], table->linear_f32[id], 5));
            }
        }
}

static void other_kernels_equal_the_reference(void **state)
{
    (void)state;
    const struct kernels *table;
    for (size_t i = 1; (table = kernels_table(i)); i++)
        for (size_t entry = 0; entry < N_CHECKS; entry++)
            if (!same_entry(table, kernels_table(i - 1), checks[entry].offset)) {
                print_message("%s entry %zu\n", table->name, entry);
                assert_true(entry_agrees(checks[entry].check, kernels_table(0), table, 40));
            }
}

/* ---- kernels that are wrong on purpose, each of which must be caught ---------------------------------------- */

static void wrong_linear(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch)
{
    kernels_table(0)->linear_q8[args->type->id](args, panel0, panel1, scratch);
    if (panel1 == panel_count(args->n)) /* one bit of the last output of the last row */
        args->y[(args->t - 1) * args->y_stride + args->n - 1] *= 1.0f + 0x1p-23f;
}

static void spilling_linear(const struct linear_args *args, size_t panel0, size_t panel1, void *scratch)
{
    kernels_table(0)->linear_q8[args->type->id](args, panel0, panel1, scratch);
    if (args->t > 1 && args->y_stride > args->n) /* past N, between two rows */
        args->y[args->n] = 1.0f;
}

static float reordered_sum(const float *x, float shift, size_t n, float *y)
{
    kernels_table(0)->softmax_exp(x, shift, n, y);
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += y[i];
    return sum;
}

static void multiplying_attend(const struct attend_args *args)
{
    /* Sees whole blocks only. */
    struct attend_args all = *args;
    uint8_t lo[128] = {0}, hi[128];
    memset(hi, CACHE_BLOCK, sizeof hi);
    all.lo = lo;
    all.hi = hi;
    kernels_table(0)->attend(&all);
}

static void clamping_quantize(const float *x, size_t k, void *row)
{
    kernels_table(0)->quantize(x, k, row);
    for (size_t i = 0; i < k; i++) /* a saturating edge */
        q8_integers(row)[i] = q8_integers(row)[i] == 127 ? 126 : q8_integers(row)[i];
}

static void overreading_norm(const float *x, const float *w, size_t n, float eps, float *y)
{
    kernels_table(0)->rms_norm(x, w, n, eps, y);
    *(volatile float *)y = ((const volatile float *)x)[n];
}

static void wrong_kernels_are_caught(void **state)
{
    (void)state;
    const struct kernels *plain = kernels_table(0);
    const struct quant_type *type = quant_find(QUANT_Q4_K);
    assert_false(linear_agrees(type, true, plain->linear_q8[QUANT_Q4_K], wrong_linear, 5));
    assert_false(linear_agrees(type, true, plain->linear_q8[QUANT_Q4_K], spilling_linear, 5));
    struct kernels wrong = *plain;
    wrong.softmax_exp = reordered_sum;
    wrong.attend = multiplying_attend;
    wrong.quantize = clamping_quantize;
    assert_false(entry_agrees(check_softmax_exp, plain, &wrong, 40));
    assert_false(entry_agrees(check_attend, plain, &wrong, 40));
    assert_false(entry_agrees(check_quantize, plain, &wrong, 40));
}

/* Reading one element too many must hit the guard page. */
static void overreading_is_caught(void **state)
{
    (void)state;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        struct kernels wrong = *kernels_table(0);
        wrong.rms_norm = overreading_norm;
        struct guarded x = guarded_floats(37, INPUT_PLAIN), y = guarded_floats(37, INPUT_PLAIN);
        wrong.rms_norm((float *)x.data, NULL, 37, 0, (float *)y.data);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0); /* sanitizers turn the signal into an exit */
}

static void tables_are_found_by_name(void **state)
{
    (void)state;
    struct hob_error err = {0};
    assert_int_equal(isa_find("AVX2"), ISA_AVX2);
    assert_int_equal(isa_find("sse"), ISA_COUNT);
    assert_non_null(kernels_select(ISA_REF, &err));
    assert_non_null(kernels_select(ISA_AUTO, &err));
    unsigned found = 0;
    for (unsigned isa = 0; isa < ISA_COUNT; isa++) {
        const struct kernels *table = kernels_select((enum isa)isa, &err);
        if (table)
            found++;
        else
            assert_true(err.status == HOB_USAGE && strstr(err.text, "instruction set"));
    }
    assert_true(found >= 1);
    setenv("HOB_ISA", "ref", 1);
    assert_ptr_equal(kernels_select(ISA_AUTO, &err), kernels_select(ISA_REF, &err));
    setenv("HOB_ISA", "mmx", 1);
    assert_null(kernels_select(ISA_AUTO, &err));
    assert_non_null(strstr(err.text, "found mmx"));
    unsetenv("HOB_ISA");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_all_checked),
        cmocka_unit_test(linear_kernels_equal_the_reference),
        cmocka_unit_test(other_kernels_equal_the_reference),
        cmocka_unit_test(wrong_kernels_are_caught),
        cmocka_unit_test(overreading_is_caught),
        cmocka_unit_test(tables_are_found_by_name),
    };
    random_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
