/* SPDX-License-Identifier: Apache-2.0
 *
 * hob perplexity: how well a model foretells a text. The text is cut into windows of --ctx tokens; in each, the second
 * half is scored, so that every scored token has at least half a window before it. With BOS as the model wants it, the
 * first token of every window gives way to BOS, as other engines measure.
 */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/open.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "kernels/math.h"

enum { WINDOW = 512, SMALLEST_WINDOW = 4 };

/* A window in flight. */
struct window {
    struct perplexity *run;
    struct sequence *sequence;
    int32_t *ids; /* [ctx] */
    size_t first; /* position of the first token that is scored */
    double sum, sum_squares;
};

struct perplexity {
    struct engine *engine;
    size_t ctx, n_windows, n_vocab;
    struct window *windows;
    struct ids ids;
    int32_t bos; /* put at the start of each window; TOKEN_NONE: nothing */
    size_t n_submitted, n_done;
    struct progress progress;
};

/* Minus the log probability of `id`, in double. */
static double surprise(const float *logits, size_t n, int32_t id)
{
    float largest = logits[0];
    double sum = 0;
    for (size_t i = 1; i < n; i++)
        largest = logits[i] > largest ? logits[i] : largest;
    for (size_t i = 0; i < n; i++)
        sum += math_exp64((double)logits[i] - largest);
    return math_log64(sum) - ((double)logits[id] - largest);
}

static void on_logits(void *user, struct sequence *sequence, size_t position, const float *logits)
{
    struct window *window = user;
    size_t next = position + 1;
    if (interrupt_pending())
        sequence_cancel(sequence);
    if (next < window->first || next >= window->run->ctx)
        return;
    double s = surprise(logits, window->run->n_vocab, window->ids[next]);
    window->sum += s;
    window->sum_squares += s * s;
}

/* Submits the next window. */
static bool submit(struct perplexity *run, struct hob_error *err)
{
    struct window *window = &run->windows[run->n_submitted];
    window->ids = malloc(run->ctx * sizeof *window->ids);
    if (!window->ids)
        return error_memory(err, run->ctx * sizeof *window->ids);
    memcpy(window->ids, run->ids.ptr + run->n_submitted * run->ctx, run->ctx * sizeof *window->ids);
    if (run->bos != TOKEN_NONE)
        window->ids[0] = run->bos;
    window->run = run;
    window->first = run->ctx / 2 + 1; /* the row at ctx / 2 is the first whose logits count */
    struct sequence_request request = {
        .tokens = window->ids,
        .n_tokens = run->ctx,
        .all_logits = true,
        .logits_from = run->ctx / 2,
        .on_logits = on_logits,
        .user = window,
    };
    window->sequence = engine_submit(run->engine, &request, err);
    run->n_submitted += window->sequence != NULL;
    return window->sequence != NULL;
}

static bool end_window(struct perplexity *run, const struct engine_event *event, struct hob_error *err)
{
    struct window *window = sequence_user(event->sequence);
    bool good = true;
    if (event->reason == END_CANCELLED)
        good = interrupt_error(err);
    else if (event->reason == END_ERROR)
        good = error_set(err, sequence_error(event->sequence)->status, "%s", sequence_error(event->sequence)->text);
    sequence_free(window->sequence);
    free(window->ids);
    window->sequence = NULL;
    window->ids = NULL;
    run->n_done++;
    progress_set(&run->progress, run->n_done * run->ctx, run->n_windows * run->ctx);
    return good;
}

static bool compute(struct perplexity *run, unsigned parallel, struct hob_error *err)
{
    while (run->n_done < run->n_windows) {
        const struct engine_event *events;
        size_t n;
        while (run->n_submitted < run->n_windows && run->n_submitted - run->n_done < parallel)
            if (!submit(run, err))
                return false;
        engine_step(run->engine, &events, &n);
        for (size_t i = 0; i < n; i++)
            if (events[i].kind == EVENT_END && !end_window(run, &events[i], err))
                return false;
    }
    progress_end(&run->progress);
    return true;
}

/* Cuts the text into windows. */
static bool prepare(struct perplexity *run, struct args *args, struct model *model, struct hob_error *err)
{
    size_t ctx = options_find(STR("ctx"));
    const struct option_value *chunks = args_own(args, "chunks");
    const struct tokenizer *tokenizer = model->tokenizer;
    if (!args->options.values[ctx].given)
        args->options.values[ctx] = (struct option_value){.given = true, .i = WINDOW};
    run->ctx = (size_t)args->options.values[ctx].i;
    run->n_windows = run->ids.len / run->ctx;
    if (run->ctx < SMALLEST_WINDOW)
        return error_set(err, HOB_USAGE, "--ctx: found %zu, want at least %d", run->ctx, SMALLEST_WINDOW);
    if (run->n_windows == 0)
        return error_set(err, HOB_USAGE, "the text has %zu tokens, want at least one window of %zu (--ctx)",
                         run->ids.len, run->ctx);
    if (chunks->given && (size_t)chunks->i < run->n_windows)
        run->n_windows = (size_t)chunks->i;
    run->bos = tokenizer && tokenizer_adds_bos(tokenizer) ? tokenizer_bos(tokenizer) : TOKEN_NONE;
    run->n_vocab = model->n_vocab;
    run->windows = calloc(run->n_windows, sizeof *run->windows);
    return run->windows || error_memory(err, run->n_windows * sizeof *run->windows);
}

static void report(const struct perplexity *run, bool as_json)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < run->n_windows; i++) { /* in order, whatever ended first */
        sum += run->windows[i].sum;
        squares += run->windows[i].sum_squares;
    }
    size_t n = run->n_windows * (run->ctx - run->ctx / 2 - 1);
    double mean = sum / (double)n, variance = squares / (double)n - mean * mean;
    double perplexity = math_exp64(mean);
    double stderr_of = n > 1 && variance > 0 ? perplexity * sqrt(variance / (double)(n - 1)) : 0;
    if (!as_json) {
        output_format("perplexity %.4f +/- %.4f over %zu tokens of %zu windows of %zu\n", perplexity, stderr_of, n,
                      run->n_windows, run->ctx);
        return;
    }
    json_t *json = json_pack("{s:f, s:f, s:I, s:I}", "perplexity", perplexity, "stderr", stderr_of, "tokens",
                             (json_int_t)n, "chunks", (json_int_t)run->n_windows);
    output_json(json);
    json_decref(json);
}

static bool perplexity_run(struct args *args, struct hob_error *err)
{
    struct opened opened = {0};
    struct perplexity run = {.progress = {.label = "scoring", .unit = PROGRESS_TOKENS}};
    int64_t parallel = options_get(&args->options, "parallel")->i;
    bool good = open_bound(&opened, args->words[0], err) && input_model_ids(args, opened.model, &run.ids, err) &&
                prepare(&run, args, opened.model, err) && open_engine(&opened, args, args->words[0], err);
    run.engine = opened.engine;
    good = good && compute(&run, parallel ? (unsigned)parallel : 1, err);
    if (good)
        report(&run, args->json);
    for (size_t i = 0; i < run.n_submitted; i++) {
        sequence_free(run.windows[i].sequence);
        free(run.windows[i].ids);
    }
    progress_end(&run.progress);
    free(run.windows);
    ids_clear(&run.ids);
    opened_close(&opened);
    return good;
}

static const struct option own_options[] = {
    INPUT_OPTIONS,
    {"chunks", 0, OPTION_INT, OPTION_REPORT, 1, 1 << 30, "N", NULL, "at most N windows"},
    {0},
};

static const struct example examples[] = {
    {"hob perplexity smollm2 --file book.txt", "the whole book, in windows of 512 tokens"},
    {"hob perplexity smollm2 --file book.txt --ctx 2048 --chunks 10 --json", "ten longer windows"},
    {0},
};

const struct command perplexity_command = {
    .name = "perplexity",
    .summary = "Measures how well a model foretells a text",
    .usage = "MODEL --file FILE",
    .help = "The text is cut into windows of --ctx tokens (512); a rest is left out. The first half of each window is "
            "not scored. Where the model wants BOS, it stands in for the first token of each window. Sums are kept in "
            "double.",
    .examples = examples,
    .options = own_options,
    .takes = TAKES_MACHINE,
    .json = "{\"perplexity\", \"stderr\", \"tokens\", \"chunks\"}",
    .min_words = 1,
    .max_words = 1,
    .wall = WALL_AT_ONCE,
    .run = perplexity_run,
};
