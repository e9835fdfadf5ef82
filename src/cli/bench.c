/* SPDX-License-Identifier: Apache-2.0
 *
 * hob bench: tokens per second of prefill and decode, loading and tokenizing left out.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/bench_limits.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/open.h"
#include "cli/output.h"
#include "cli/progress.h"

#include <stdlib.h>

enum { MAX_REPEATS = 1000, MAX_NUMBERS = 64 };

/* Numbers of a list option, "512,1024". */
struct numbers {
    size_t value[MAX_NUMBERS], n;
};

/* One row of the result. */
struct test {
    bool decode;
    size_t n_tokens, depth; /* generated, or read, by each sequence; what it holds before */
    unsigned parallel;
    double samples[MAX_REPEATS];
    double outside[MAX_REPEATS]; /* decode: the share of the time in which the graph did not run */
    size_t n_samples;
};

struct bench {
    struct opened opened;
    const struct args *args;
    size_t repeats;
    uint64_t random; /* state of the ids' generator */
    json_t *results;
    struct progress progress;
    struct limits limits;   /* read_bytes 0: not measured */
    size_t n_done, n_total; /* measurements */
};

static bool read_numbers(const struct args *args, const char *name, struct numbers *out, struct hob_error *err)
{
    struct ids ids = {0};
    char option[32];
    snprintf(option, sizeof option, "--%s", name);
    bool good = input_ids(option, str_of(args_own(args, name)->text), &ids, err);
    if (good && (ids.len < 1 || ids.len > MAX_NUMBERS))
        good = error_set(err, HOB_USAGE, "%s: %zu numbers, want 1 to %d", option, ids.len, MAX_NUMBERS);
    for (size_t i = 0; good && i < ids.len; i++)
        out->value[out->n++] = (size_t)ids.ptr[i];
    ids_clear(&ids);
    return good;
}

/* A sequence of random ids (splitmix64), so that no two share a prefix. */
static struct sequence *submit(struct bench *bench, size_t n_tokens, size_t max_tokens, struct hob_error *err)
{
    size_t n_vocab = bench->opened.model->n_vocab;
    int32_t *ids = malloc((n_tokens + 1) * sizeof *ids);
    struct sequence *sequence = NULL;
    struct sampler_options sampling;
    if (!ids) {
        error_memory(err, n_tokens * sizeof *ids);
        return NULL;
    }
    for (size_t i = 0; i < n_tokens; i++) {
        uint64_t z = bench->random += 0x9e3779b97f4a7c15U;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
        z = (z ^ z >> 27) * 0x94d049bb133111ebU;
        ids[i] = (int32_t)((z ^ z >> 31) % n_vocab);
    }
    sampler_defaults(&sampling);
    struct sequence_request request = {
        .tokens = ids,
        .n_tokens = n_tokens,
        .max_tokens = max_tokens,
        .ignore_eos = true,
        .sampling = &sampling,
    };
    sequence = engine_submit(bench->opened.engine, &request, err);
    free(ids);
    return sequence;
}

/* What a run took. */
struct timing {
    double start_ms, first_ms, end_ms; /* first_ms: when the last sequence had read its prompt */
    size_t n_decoded;                  /* tokens generated after that */
    double graph_ms;                   /* of this time, in the graph */
};

/* Runs the sequences to their ends. */
static bool run_sequences(struct bench *bench, struct sequence **sequences, size_t n, struct timing *timing,
                          struct hob_error *err)
{
    size_t n_first = 0, n_ended = 0;
    *timing = (struct timing){.start_ms = clock_ms()};
    while (n_ended < n) {
        const struct engine_event *events;
        size_t n_events;
        bool decoding = n_first == n;
        engine_step(bench->opened.engine, &events, &n_events);
        for (size_t i = 0; i < n_events; i++) {
            const struct engine_event *event = &events[i];
            if (event->kind == EVENT_PREFILL && event->n_done == event->n_prompt && ++n_first == n) {
                timing->first_ms = clock_ms();
                timing->graph_ms = -engine_graph_ms(bench->opened.engine);
            }
            timing->n_decoded += decoding && event->kind == EVENT_TOKEN;
            if (event->kind == EVENT_END)
                n_ended++;
            if (event->kind == EVENT_END && event->reason == END_ERROR) {
                const struct hob_error *error = sequence_error(event->sequence);
                return error_set(err, error->status, "%s", error->text);
            }
        }
        if (interrupt_pending())
            for (size_t i = 0; i < n; i++)
                sequence_cancel(sequences[i]);
    }
    timing->end_ms = clock_ms();
    timing->graph_ms += engine_graph_ms(bench->opened.engine);
    return interrupt_pending() ? interrupt_error(err) : true;
}

/* One measurement: tokens per second. A prefill is timed from the first step to the last row read; a decode from the
 * moment all sequences have their first token. */
static bool measure(struct bench *bench, const struct test *test, double *rate, double *outside, struct hob_error *err)
{
    size_t n_prompt = test->decode ? (test->depth ? test->depth : 1) : test->n_tokens;
    size_t max_tokens = test->decode ? test->n_tokens + 1 : 0;
    struct sequence **sequences = calloc(test->parallel, sizeof(struct sequence *));
    bool good = sequences || error_memory(err, test->parallel * sizeof *sequences);
    for (unsigned i = 0; sequences && good && i < test->parallel; i++)
        good = (sequences[i] = submit(bench, n_prompt, max_tokens, err)) != NULL;
    struct timing t;
    if (good && run_sequences(bench, sequences, test->parallel, &t, err)) {
        double ms = t.end_ms - (test->decode ? t.first_ms : t.start_ms);
        size_t n = test->decode ? t.n_decoded : test->n_tokens * test->parallel;
        *rate = (double)n / (ms > 0 ? ms : 1e-6) * 1000;
        *outside = ms > 0 ? 1 - t.graph_ms / ms : 0;
    } else {
        good = false;
    }
    for (unsigned i = 0; sequences && i < test->parallel; i++)
        sequence_free(sequences[i]);
    free(sequences);
    return good;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *samples, size_t n)
{
    double sorted[MAX_REPEATS];
    memcpy(sorted, samples, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* Bytes of the weights by type in the file, as {"Q4_K": bytes}. */
static json_t *types_json(const struct model *model)
{
    json_t *types = json_object();
    for (size_t i = 0; i < model->n_bindings; i++) {
        const struct tensor_info *tensor = model->bindings[i].tensor;
        json_int_t before = json_integer_value(json_object_get(types, tensor->type->name));
        json_object_set_new(types, tensor->type->name, json_integer(before + (json_int_t)tensor->bytes));
    }
    return types;
}

/* The median as a fraction of the limits. */
static double fraction(const struct bench *bench, const struct test *test)
{
    struct bench_work work = {test->decode, test->n_tokens, test->depth, test->parallel};
    return bench_fraction(bench->opened.engine, &bench->limits, &work, median(test->samples, test->n_samples));
}

static json_t *test_json(const struct bench *bench, const struct test *test)
{
    static const char *const caches[] = {[CACHE_F16] = "f16", [CACHE_Q8_0] = "q8_0", [CACHE_F32] = "f32"};
    const struct engine_plan *plan = engine_get_plan(bench->opened.engine);
    const struct model *model = bench->opened.model;
    json_t *samples = json_array(), *rates = json_object(), *json = json_object();
    double least = test->samples[0], most = test->samples[0];
    for (size_t i = 0; i < test->n_samples; i++) {
        least = test->samples[i] < least ? test->samples[i] : least;
        most = test->samples[i] > most ? test->samples[i] : most;
        json_array_append_new(samples, json_real(test->samples[i]));
    }
    json_object_set_new(rates, "median", json_real(median(test->samples, test->n_samples)));
    json_object_set_new(rates, "min", json_real(least));
    json_object_set_new(rates, "max", json_real(most));
    json_object_set_new(rates, "samples", samples);
    size_t n_files, model_bytes = 0;
    const struct file *const *files = model_files(model, &n_files);
    for (size_t i = 0; i < n_files; i++)
        model_bytes += (size_t)files[i]->size;
    json_object_set_new(json, "test", json_string(test->decode ? "decode" : "prefill"));
    json_object_set_new(json, "tokens", json_integer((json_int_t)test->n_tokens));
    json_object_set_new(json, "depth", json_integer((json_int_t)test->depth));
    json_object_set_new(json, "parallel", json_integer(test->parallel));
    json_object_set_new(json, "threads", json_integer(plan->threads));
    json_object_set_new(json, "isa", json_string(engine_kernels(bench->opened.engine)->name));
    json_object_set_new(json, "precise", json_boolean(options_get(&bench->args->options, "precise")->flag));
    json_object_set_new(json, "kv", json_string(caches[plan->kv]));
    json_object_set_new(json, "tokens_per_second", rates);
    if (bench->limits.read_bytes > 0)
        json_object_set_new(json, "fraction", json_real(fraction(bench, test)));
    if (test->decode)
        json_object_set_new(json, "outside_graph", json_real(median(test->outside, test->n_samples)));
    json_object_set_new(json, "model", json_bytes(str_of(model->name)));
    json_object_set_new(json, "model_bytes", json_integer((json_int_t)model_bytes));
    json_object_set_new(json, "types", types_json(model));
    return json;
}

static void put_row(const struct bench *bench, const struct test *test)
{
    double least = test->samples[0], most = test->samples[0];
    for (size_t i = 0; i < test->n_samples; i++) {
        least = test->samples[i] < least ? test->samples[i] : least;
        most = test->samples[i] > most ? test->samples[i] : most;
    }
    output_format("%-8s %7zu %7zu %9u %14.2f %12.2f %12.2f\n", test->decode ? "decode" : "prefill", test->n_tokens,
                  test->depth, test->parallel, median(test->samples, test->n_samples), least, most);
    if (bench->limits.read_bytes > 0)
        output_format("         %s runs at %.0f %% of what this %s can do\n", test->decode ? "decode" : "prefill",
                      fraction(bench, test) * 100, test->decode ? "memory" : "processor");
    if (bench->limits.read_bytes > 0 && test->decode)
        output_format("         sampling and all else that is not the graph take %.1f %% of it\n",
                      median(test->outside, test->n_samples) * 100);
    output_flush();
}

/* Measures one row after a run that warms up. */
static bool run_test(struct bench *bench, struct test *test, struct hob_error *err)
{
    double rate, outside;
    struct test warm = *test;
    warm.n_tokens = test->decode ? 1 : test->n_tokens;
    warm.depth = 0;
    bool good = measure(bench, &warm, &rate, &outside, err);
    for (size_t i = 0; good && i < bench->repeats; i++) {
        good = measure(bench, test, &test->samples[test->n_samples], &test->outside[test->n_samples], err);
        test->n_samples += good;
        progress_set(&bench->progress, ++bench->n_done, bench->n_total);
    }
    progress_end(&bench->progress);
    if (good && bench->args->json)
        json_array_append_new(bench->results, test_json(bench, test));
    else if (good)
        put_row(bench, test);
    return good;
}

/* The lists that make up the rows. */
struct lists {
    struct numbers prefill, decode, depth, parallel;
};

static bool read_lists(struct args *args, struct lists *lists, struct hob_error *err)
{
    bool has_prefill = args_own(args, "prefill")->given, has_decode = args_own(args, "decode")->given;
    bool all = !has_prefill && !has_decode; /* else only what was asked for */
    if ((has_prefill || all) && !read_numbers(args, "prefill", &lists->prefill, err))
        return false;
    if ((has_decode || all || args_own(args, "depth")->given) && !read_numbers(args, "decode", &lists->decode, err))
        return false;
    if (!read_numbers(args, "depth", &lists->depth, err) || !read_numbers(args, "parallel", &lists->parallel, err))
        return false;
    for (size_t i = 0; i < lists->parallel.n; i++)
        if (lists->parallel.value[i] < 1 || lists->parallel.value[i] > 4096)
            return error_set(err, HOB_USAGE, "--parallel: found %zu, want 1 to 4096", lists->parallel.value[i]);
    return true;
}

/* Sets --ctx and --parallel so that every row fits, unless --ctx was given. */
static bool size_engine(struct args *args, const struct lists *lists, struct hob_error *err)
{
    size_t longest = 0, most = 1, ctx = options_find(STR("ctx")), parallel = options_find(STR("parallel"));
    for (size_t i = 0; i < lists->prefill.n; i++)
        longest = lists->prefill.value[i] > longest ? lists->prefill.value[i] : longest;
    for (size_t i = 0; i < lists->decode.n; i++)
        for (size_t k = 0; k < lists->depth.n; k++) {
            size_t sum = lists->decode.value[i] + lists->depth.value[k] + 1;
            longest = sum > longest ? sum : longest;
        }
    for (size_t i = 0; i < lists->parallel.n; i++)
        most = lists->parallel.value[i] > most ? lists->parallel.value[i] : most;
    if (args->options.values[ctx].given && (size_t)args->options.values[ctx].i < longest)
        return error_set(err, HOB_LIMIT, "--ctx: found %lld, a test needs %zu", (long long)args->options.values[ctx].i,
                         longest);
    args->options.values[ctx].given = true;
    args->options.values[ctx].i = (int64_t)longest;
    args->options.values[parallel].given = true;
    args->options.values[parallel].i = (int64_t)most;
    return true;
}

static bool run_lists(struct bench *bench, const struct lists *lists, struct hob_error *err)
{
    struct test *test = malloc(sizeof *test);
    bool good = test || error_memory(err, sizeof *test);
    size_t n_rows = (lists->prefill.n + lists->decode.n * lists->depth.n) * lists->parallel.n;
    bench->n_total = n_rows * bench->repeats;
    for (size_t p = 0; good && p < lists->parallel.n; p++) {
        unsigned parallel = (unsigned)lists->parallel.value[p];
        for (size_t i = 0; good && i < lists->prefill.n; i++) {
            *test = (struct test){.n_tokens = lists->prefill.value[i], .parallel = parallel};
            good = test->n_tokens == 0 || run_test(bench, test, err);
        }
        for (size_t d = 0; good && d < lists->depth.n; d++)
            for (size_t i = 0; good && i < lists->decode.n; i++) {
                *test = (struct test){
                    .decode = true,
                    .n_tokens = lists->decode.value[i],
                    .depth = lists->depth.value[d],
                    .parallel = parallel,
                };
                good = test->n_tokens == 0 || run_test(bench, test, err);
            }
    }
    free(test);
    return good;
}

static bool bench_run(struct args *args, struct hob_error *err)
{
    struct lists lists = {0};
    struct bench bench = {
        .args = args,
        .repeats = (size_t)args_own(args, "repeats")->i,
        .progress = {.label = "measuring", .unit = PROGRESS_ITEMS},
    };
    bool good = read_lists(args, &lists, err) && size_engine(args, &lists, err) &&
                open_engine(&bench.opened, args, args->words[0], err);
    if (good) {
        const struct engine_plan *plan = engine_get_plan(bench.opened.engine);
        bench.results = json_array();
        if (args_own(args, "limits")->flag)
            good = bench_limits(bench.opened.engine, &bench.limits, err);
        if (bench.limits.read_bytes > 0 && args->json)
            json_array_append_new(bench.results, bench_limits_json(&bench.limits));
        else if (bench.limits.read_bytes > 0)
            output_format("memory is read at %.1f GB/s; fp32 runs at %.0f GFLOP/s, int8 (%s) at %.0f GOP/s\n",
                          bench.limits.read_bytes * 1e-9, bench.limits.fp32 * 1e-9, bench.limits.int8_name,
                          bench.limits.int8 * 1e-9);

        if (!args->json)
            output_format("%s, %u threads, %s%s\n%-8s %7s %7s %9s %14s %12s %12s\n", bench.opened.model->name,
                          plan->threads, engine_kernels(bench.opened.engine)->name,
                          options_get(&args->options, "precise")->flag ? ", precise" : "", "test", "tokens", "depth",
                          "parallel", "tokens/s", "min", "max");
        output_flush();
        good = good && run_lists(&bench, &lists, err);
        if (good && args->json)
            output_json(bench.results);
    }
    json_decref(bench.results);
    opened_close(&bench.opened);
    return good;
}

static const struct option own_options[] = {
    {"prefill", 'p', OPTION_TEXT, OPTION_REPORT, 0, 0, "N[,N]", "512", "tokens of a prompt"},
    {"decode", 'n', OPTION_TEXT, OPTION_REPORT, 0, 0, "N[,N]", "128", "tokens to generate"},
    {"depth", 'd', OPTION_TEXT, OPTION_REPORT, 0, 0, "N[,N]", "0", "tokens in the context before a decode"},
    {"parallel", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "N[,N]", "1", "sequences at a time"},
    {"limits", 0, OPTION_FLAG, OPTION_REPORT, 0, 0, NULL, NULL,
     "measure the machine too, and print each figure as a fraction of what it can do"},
    {"repeats", 'r', OPTION_INT, OPTION_REPORT, 1, MAX_REPEATS, "N", "5", "measurements of each"},
    {0},
};

static const struct example examples[] = {
    {"hob bench smollm2", "a prompt of 512 tokens, then 128 tokens of decoding"},
    {"hob bench smollm2 --limits", "the same, with what the memory and the processor can do beside it"},
    {"hob bench smollm2 -n 64 -d 0,2048 --parallel 1,8 -r 3 --json", "decoding only, at two depths, alone and eight"},
    {0},
};

const struct command bench_command = {
    .name = "bench",
    .summary = "Measures tokens per second",
    .usage = "MODEL [-p N[,N]] [-n N[,N]] [-d N[,N]] [--parallel N[,N]] [-r N] [--limits]",
    .help = "Prompts are random ids. Loading, tokenizing and a first run of each test are not counted; the median of "
            "the repeats is shown with the slowest and the fastest. With several sequences the rate is that of all "
            "together. With -p or -n alone, only that is measured; 0 leaves a test out.\n\n"
            "--limits measures how fast all threads read memory, and their fp32 and int8 peaks. A decode's fraction is "
            "the time in which the memory could be read that a step must read (weights, keys and values) over the time "
            "it took; a prefill's, the same with the operations it must do.",
    .examples = examples,
    .options = own_options,
    .takes = TAKES_MACHINE,
    .json = "an array of {\"test\", \"tokens\", \"depth\", \"parallel\", \"threads\", \"isa\", \"precise\", \"kv\", "
            "\"tokens_per_second\":{\"median\", \"min\", \"max\", \"samples\"}, \"fraction\" (--limits), "
            "\"outside_graph\" (decode: "
            "the share of the time that is not the graph's), \"model\", "
            "\"model_bytes\", \"types\"}; with --limits a first element "
            "{\"test\":\"limits\", \"read_bytes_per_second\", \"fp32_per_second\", \"int8_per_second\", "
            "\"int8_instructions\"}",
    .min_words = 1,
    .max_words = 1,
    .run = bench_run,
};
