/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench_limits.h"

#include "graph/graph.h"

bool bench_limits(const struct engine *engine, struct limits *limits, struct hob_error *err)
{
    struct pool *pool = pool_new(engine_get_plan(engine)->threads, err);
    bool good = pool && limits_measure(pool, engine_kernels(engine), limits, err);
    pool_free(pool);
    return good;
}

json_t *bench_limits_json(const struct limits *limits)
{
    json_t *json = json_object();
    json_object_set_new(json, "test", json_string("limits"));
    json_object_set_new(json, "read_bytes_per_second", json_real(limits->read_bytes));
    json_object_set_new(json, "fp32_per_second", json_real(limits->fp32));
    json_object_set_new(json, "int8_per_second", json_real(limits->int8));
    json_object_set_new(json, "int8_instructions", json_string(limits->int8_name));
    return json;
}

/* Bytes of an element of the cache. */
static double element_bytes(enum cache_type type)
{
    return type == CACHE_F32 ? 4 : type == CACHE_F16 ? 2 : 34.0 / 32;
}

double bench_fraction(const struct engine *engine, const struct limits *limits, const struct bench_work *work,
                      double rate)
{
    const struct graph *graph = engine_graph(engine);
    if (!work->decode) { /* logits of the last row only */
        struct graph_cost cost = graph_cost(graph, 0, work->n_tokens, 1);
        double seconds = cost.int8 / limits->int8 + cost.fp32 / limits->fp32;
        return seconds * rate / (double)work->n_tokens;
    }
    struct graph_cost cost = graph_cost(graph, work->depth, work->n_tokens, 1);
    double cache = cost.cache_elements * element_bytes(engine_get_plan(engine)->kv);
    return (cost.weight_bytes + cache * work->parallel) / limits->read_bytes * rate / work->parallel;
}
