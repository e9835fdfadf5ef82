/* SPDX-License-Identifier: Apache-2.0
 *
 * hob logits: the raw logits after every token of a text.
 */
#include "base/error.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/npy.h"
#include "cli/open.h"
#include "cli/progress.h"

/* A run: rows go to the file as they are computed. */
struct logits_run {
    struct npy npy;
    struct progress progress;
    size_t n_rows; /* of the text */
    bool last;     /* only the last row is wanted */
    struct hob_error *err;
    bool good;
};

static void on_logits(void *user, struct sequence *sequence, size_t position, const float *logits)
{
    struct logits_run *run = user;
    if (run->good && (!run->last || position + 1 == run->n_rows))
        run->good = npy_row(&run->npy, logits, run->err);
    if (!run->good || interrupt_pending())
        sequence_cancel(sequence);
}

/* Sends the ids through the engine. */
static bool compute(struct opened *opened, struct logits_run *run, const struct ids *ids)
{
    struct sequence_request request = {
        .tokens = ids->ptr,
        .n_tokens = ids->len,
        .all_logits = !run->last,
        .on_logits = on_logits,
        .user = run,
    };
    struct sequence *sequence = engine_submit(opened->engine, &request, run->err);
    if (!sequence)
        return false;
    const struct engine_event *events;
    size_t n;
    enum end_reason reason = END_ERROR;
    bool ended = false;
    while (!ended) {
        engine_step(opened->engine, &events, &n);
        for (size_t i = 0; i < n; i++) {
            if (events[i].kind == EVENT_PREFILL)
                progress_set(&run->progress, events[i].n_done, events[i].n_prompt);
            if (events[i].kind == EVENT_END) {
                ended = true;
                reason = events[i].reason;
            }
        }
        if (interrupt_pending())
            sequence_cancel(sequence);
    }
    progress_end(&run->progress);
    if (run->good && reason == END_ERROR) {
        *run->err = *sequence_error(sequence);
        run->good = false;
    } else if (run->good && reason == END_CANCELLED) {
        run->good = interrupt_error(run->err);
    }
    sequence_free(sequence);
    return run->good;
}

static bool logits_run(struct args *args, struct hob_error *err)
{
    struct hob_error unheard;
    struct opened opened = {0};
    struct ids ids = {0};
    struct logits_run run = {
        .progress = {.label = "reading", .unit = PROGRESS_TOKENS},
        .last = args_own(args, "last")->flag,
        .err = err ? err : &unheard,
        .good = true,
    };
    const struct option_value *out = args_own(args, "output");
    bool good = open_bound(&opened, args->words[0], err) && input_model_ids(args, opened.model, &ids, err);
    if (good && ids.len == 0)
        good = error_set(err, HOB_USAGE, "the text is empty: want at least one token");
    run.n_rows = ids.len;
    good = good && open_engine(&opened, args, args->words[0], err) &&
           npy_open(&run.npy, out->text, run.last ? 1 : ids.len, opened.model->n_vocab, err);
    if (good) {
        good = compute(&opened, &run, &ids) && npy_end(&run.npy, err);
        if (!good)
            npy_drop(&run.npy);
    }
    ids_clear(&ids);
    opened_close(&opened);
    return good;
}

static const struct option own_options[] = {
    INPUT_OPTIONS,
    {"output", 'o', OPTION_TEXT, OPTION_REPORT, 0, 0, "FILE", "-", "the .npy file; - is standard output"},
    {"last", 0, OPTION_FLAG, OPTION_REPORT, 0, 0, NULL, NULL, "only the row after the last token"},
    {0},
};

static const struct example examples[] = {
    {"hob logits smollm2 --text \"Once upon a time\" -o logits.npy", "one row for each token, BOS as the model wants"},
    {"hob logits smollm2 --tokens 1,2,3 --last --precise -o last.npy", "what follows these ids, in float32"},
    {0},
};

const struct command logits_command = {
    .name = "logits",
    .summary = "Writes the raw logits after every token of a text",
    .usage = "MODEL (--tokens IDS | --text TEXT | --file FILE) [-o FILE.npy]",
    .help = "The result is a NumPy .npy file, float32 [T, V]: row t holds the logits of the token that follows the "
            "first t + 1 tokens, before any sampling. With --last it has one row.\n\n"
            "Text gets BOS as the model wants it and is otherwise taken as it stands; with --special it may name "
            "special tokens. --precise gives the numbers that the publisher's float32 code gives.",
    .examples = examples,
    .options = own_options,
    .takes = TAKES_MACHINE,
    .min_words = 1,
    .max_words = 1,
    .wall = WALL_AT_ONCE,
    .run = logits_run,
};
