/* SPDX-License-Identifier: Apache-2.0
 *
 * The graph's passes: what is fused, what is not, that no two live values share bytes, and that mistakes are told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph.h"

static struct weight matrix(enum quant_id type, size_t k, size_t n)
{
    return (struct weight){.name = "w", .type = quant_find(type), .k = k, .n = n};
}

static const float frequencies[16];
static const struct rope rope = {32, frequencies, 1};
static const struct attend attend = {.heads = 4, .kv_heads = 2, .dim = 32, .dim_v = 32, .scale = 1};

/* One pre-norm layer on weights of `type`. */
static int layer(struct graph *graph, enum quant_id type)
{
    static struct weight table, norm, q, k, v, o, gate, up, down;
    table = matrix(type, 128, 300);
    norm = matrix(QUANT_F32, 1, 128);
    q = matrix(type, 128, 128);
    k = v = matrix(type, 128, 64);
    o = matrix(type, 128, 128);
    gate = up = matrix(type, 128, 256);
    down = matrix(type, 256, 128);
    int x = graph_embed(graph, &table, 1), angles = graph_angles(graph, &rope);
    int h = graph_norm(graph, x, &norm, 1e-5F);
    int a = graph_rope(graph, graph_linear(graph, h, &q, NULL), angles, 32, ROPE_HALVES);
    int b = graph_rope(graph, graph_linear(graph, h, &k, NULL), angles, 32, ROPE_HALVES);
    graph_cache(graph, b, graph_linear(graph, h, &v, NULL), &attend);
    x = graph_add(graph, x, graph_linear(graph, graph_attend(graph, a, &attend), &o, NULL));
    h = graph_norm(graph, x, &norm, 1e-5F);
    h = graph_glu(graph, ACT_SILU, graph_linear(graph, h, &gate, NULL), graph_linear(graph, h, &up, NULL));
    x = graph_add(graph, x, graph_linear(graph, h, &down, NULL));
    return graph_linear(graph, graph_norm(graph, graph_select(graph, x), &norm, 1e-5F), &table, NULL);
}

static void assert_no_overlap(const struct graph *graph)
{
    for (size_t s = 0; s < graph->n_steps; s++)
        for (size_t a = 0; a < graph->n_values; a++)
            for (size_t b = a + 1; b < graph->n_values; b++) {
                size_t from[2] = {SIZE_MAX, SIZE_MAX}, to[2] = {0, 0};
                const int v[2] = {(int)a, (int)b};
                for (size_t t = 0; t < graph->n_steps; t++)
                    for (size_t i = graph->steps[t].first; i < graph->steps[t].first + graph->steps[t].n; i++)
                        for (int w = 0; w < 2; w++) {
                            const struct node *node = &graph->nodes[i];
                            if (node->out == v[w] && t < from[w])
                                from[w] = t;
                            if (node->out == v[w] || node->in[0] == v[w] || node->in[1] == v[w])
                                to[w] = t;
                        }
                if (from[0] > s || to[0] < s || from[1] > s || to[1] < s)
                    continue;
                const struct value *x = &graph->values[a], *y = &graph->values[b];
                size_t nx = x->stride * (x->selected ? graph->max_selected : graph->max_rows);
                size_t ny = y->stride * (y->selected ? graph->max_selected : graph->max_rows);
                assert_true(x->offset + nx <= y->offset || y->offset + ny <= x->offset);
                assert_true(x->offset + nx <= graph->memory_bytes && y->offset + ny <= graph->memory_bytes);
            }
}

static unsigned count(const struct graph *graph, enum op op)
{
    unsigned n = 0;
    for (size_t i = 0; i < graph->n_nodes; i++)
        n += graph->nodes[i].op == op;
    return n;
}

static void test_quantized(void **state)
{
    (void)state;
    struct graph graph;
    struct hob_error err = {0};
    struct compile_options options = {.max_rows = 7, .max_selected = 3};
    graph_init(&graph);
    assert_true(graph_compile(&graph, layer(&graph, QUANT_Q8_0), &options, &err));
    assert_int_equal(count(&graph, OP_QUANTIZE), 5); /* for q k v, o, gate up, down, head: each once */
    /* rows, q k v, rope and cache, attend, o, norm, gate up, down, select and norm, head */
    assert_int_equal(graph.n_steps, 10);
    const struct step *qkv = &graph.steps[1], *gate_up = &graph.steps[6];
    assert_int_equal(qkv->kind, STEP_LINEAR);
    assert_int_equal(qkv->n_linear, 3);
    assert_false(qkv->paired);
    assert_true(gate_up->paired);
    assert_int_equal(gate_up->n, 4); /* gate, up, glu, quantize */
    assert_int_equal(graph.steps[3].kind, STEP_ATTEND);
    assert_int_equal(graph.steps[3].n, 2);
    assert_true(graph.steps[8].selected && graph.steps[9].selected);
    assert_no_overlap(&graph);
    graph_clear(&graph);
}

static void test_precise(void **state)
{
    (void)state;
    struct graph graph;
    struct compile_options options = {.precise = true, .max_rows = 512, .max_selected = 32};
    graph_init(&graph);
    assert_true(graph_compile(&graph, layer(&graph, QUANT_Q4_K), &options, NULL));
    assert_int_equal(count(&graph, OP_QUANTIZE), 0);
    assert_no_overlap(&graph);
    graph_clear(&graph);
}

static void test_float_weights(void **state)
{
    (void)state;
    struct graph graph;
    struct compile_options options = {.max_rows = 1, .max_selected = 1};
    graph_init(&graph);
    assert_true(graph_compile(&graph, layer(&graph, QUANT_BF16), &options, NULL));
    assert_int_equal(count(&graph, OP_QUANTIZE), 0);
    struct buf text = {0};
    assert_true(graph_print(&graph, &text));
    assert_non_null(strstr(buf_text(&text), "attend"));
    buf_clear(&text);
    graph_clear(&graph);
}

static void test_mistakes(void **state)
{
    (void)state;
    struct graph graph;
    struct hob_error err = {0};
    struct compile_options options = {.max_rows = 1, .max_selected = 1};
    struct weight table = matrix(QUANT_F32, 64, 10), wrong = matrix(QUANT_F32, 65, 10);
    wrong.name = "blk.3.wrong";
    graph_init(&graph);
    int x = graph_linear(&graph, graph_embed(&graph, &table, 1), &wrong, NULL);
    assert_int_equal(x, -1);
    assert_int_equal(graph_scale(&graph, x, 2), -1); /* a mistake sticks */
    assert_false(graph_compile(&graph, x, &options, &err));
    assert_int_equal(err.status, HOB_FORMAT);
    assert_non_null(strstr(err.text, "blk.3.wrong"));
    graph_clear(&graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantized),
        cmocka_unit_test(test_precise),
        cmocka_unit_test(test_float_weights),
        cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
