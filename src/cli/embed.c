/* SPDX-License-Identifier: Apache-2.0
 *
 * hob embed: vectors of texts.
 */
#include <stdlib.h>

#include "base/error.h"
#include "chat/embed.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/npy.h"
#include "cli/open.h"
#include "cli/output.h"
#include "cli/progress.h"

enum { DEFAULT_PARALLEL = 8, GROUP = 64 }; /* GROUP: texts in flight */

/* A run: groups of texts are read, computed and written one after the other. */
struct embed_run {
    struct chat *chat;
    const struct tokenizer *tokenizer;
    enum pooling pool;
    size_t width, n, n_done, n_group; /* of the vectors; texts in all, written, in flight */
    struct reply *group[GROUP];
    float *vector; /* [width] */
    bool raw, json, to_file;
    struct npy npy;
    struct progress progress;
};

static void on_event(void *user, const struct chat_event *event)
{
    size_t *n_ended = user;
    *n_ended += event->kind == CHAT_END;
}

/* Writes the next vector. */
static bool put(struct embed_run *run, const struct reply *reply, struct hob_error *err)
{
    embed_vector(reply, run->width, !run->raw, run->vector);
    if (run->to_file)
        return npy_row(&run->npy, run->vector, err);
    if (run->json)
        output_write(run->n_done ? STR(",\n [") : STR("[["));
    for (size_t i = 0; i < run->width; i++)
        output_format("%s%.9g", i == 0 ? "" : run->json ? ", " : " ", (double)run->vector[i]);
    output_write(run->json ? STR("]") : STR("\n"));
    return true;
}

/* Computes what is in flight, and writes it. */
static bool finish_group(struct embed_run *run, struct hob_error *err)
{
    size_t n_ended = 0;
    bool good = true;
    for (size_t i = 0; i < run->n_group; i++)
        chat_queue(run->chat, run->group[i]);
    while (n_ended < run->n_group) {
        chat_step(run->chat, on_event, &n_ended);
        for (size_t i = 0; i < run->n_group && interrupt_pending(); i++)
            reply_cancel(run->group[i]);
        progress_set(&run->progress, run->n_done + n_ended, run->n);
    }
    if (interrupt_pending())
        good = interrupt_error(err);
    for (size_t i = 0; i < run->n_group; i++) {
        const struct hob_error *failure = reply_error(run->group[i]);
        if (good && failure->status != HOB_OK) {
            good = error_set(err, failure->status, "%s", failure->text);
        }
        good = good && put(run, run->group[i], err);
        run->n_done += good;
        reply_free(run->group[i]);
    }
    run->n_group = 0;
    return good;
}

/* Adds ids to what is in flight. */
static bool add(struct embed_run *run, const struct ids *ids, struct hob_error *err)
{
    struct reply *reply = embed_prepare(run->chat, ids->ptr, ids->len, run->pool, 0, 0, NULL, err);
    if (!reply)
        return run->n == 1 ? false : error_prefix(err, "text %zu", run->n_done + run->n_group + 1);
    run->group[run->n_group++] = reply;
    return run->n_group < GROUP || finish_group(run, err);
}

/* The next of the texts: a line, or all there is. */
static struct str next_text(struct str *rest, bool lines)
{
    const char *end = lines ? memchr(rest->ptr, '\n', rest->len) : NULL;
    struct str text = {rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len};
    size_t used = text.len + (end != NULL);
    *rest = (struct str){rest->ptr + used, rest->len - used};
    return text;
}

static bool embed_texts(struct embed_run *run, struct str texts, bool lines, struct hob_error *err)
{
    struct ids ids = {0};
    bool good = true, cut;
    do {
        ids.len = 0;
        good = embed_encode(run->tokenizer, next_text(&texts, lines), SIZE_MAX, &ids, &cut, err) && add(run, &ids, err);
    } while (good && texts.len > 0);
    ids_clear(&ids);
    return good;
}

static bool read_pool(const struct args *args, const struct model *model, enum pooling *pool, struct hob_error *err)
{
    static const char *const names[] = {[POOL_MEAN] = "mean", [POOL_CLS] = "cls", [POOL_LAST] = "last"};
    const struct option_value *given = args_own(args, "pool");
    if (!given->given)
        return model_pooling(model, pool, err);
    for (enum pooling i = POOL_MEAN; i <= POOL_LAST; i++)
        if (strcmp(given->text, names[i]) == 0) {
            *pool = i;
            return true;
        }
    return error_set(err, HOB_USAGE, "--pool: found \"%.40s\", want mean, cls or last", given->text);
}

/* How many texts there are. */
static size_t count_texts(struct str texts, bool lines)
{
    size_t n = 0;
    do {
        next_text(&texts, lines);
        n++;
    } while (texts.len > 0);
    return n;
}

/* The vectors of a text, or of its lines; or of `ids`, where there are some. */
static bool run_all(struct embed_run *run, struct args *args, struct str texts, const struct ids *ids,
                    struct hob_error *err)
{
    bool lines = args_own(args, "lines")->flag;
    const struct option_value *out = args_own(args, "output");
    run->n = ids->len ? 1 : count_texts(texts, lines);
    run->width = embed_width(run->chat);
    run->to_file = out->given;
    run->vector = calloc(run->width, sizeof *run->vector);
    if (!run->vector)
        return error_memory(err, run->width * sizeof *run->vector);
    if (run->to_file && !npy_open(&run->npy, out->text, run->n, run->width, err))
        return false;
    bool good = (ids->len ? add(run, ids, err) : embed_texts(run, texts, lines, err)) && finish_group(run, err);
    while (run->n_group > 0)
        reply_free(run->group[--run->n_group]);
    progress_end(&run->progress);
    if (run->to_file) {
        good = good && npy_end(&run->npy, err);
        if (!good)
            npy_drop(&run->npy);
    } else if (good && run->json) {
        output_write(STR("]\n"));
    }
    return good;
}

static bool embed_run(struct args *args, struct hob_error *err)
{
    const struct option_value *file = args_own(args, "file"), *tokens = args_own(args, "tokens");
    size_t parallel = options_find(STR("parallel"));
    struct opened opened = {0};
    struct buf text = {0};
    struct ids ids = {0};
    struct embed_run run = {
        .progress = {.label = "embedding", .unit = PROGRESS_ITEMS},
        .raw = args_own(args, "raw")->flag,
        .json = args->json,
    };
    bool has_word = args->n_words > 1;
    if (has_word + file->given + tokens->given > 1 || (args_own(args, "lines")->flag && (has_word || tokens->given)))
        return error_set(err, HOB_USAGE,
                         "want one of TEXT, --tokens, and --file or standard input with or without "
                         "--lines");
    if (!args->options.values[parallel].given)
        args->options.values[parallel].i = DEFAULT_PARALLEL;
    bool good = open_bound(&opened, args->words[0], err) && read_pool(args, opened.model, &run.pool, err);
    if (good && tokens->given)
        good = input_ids("--tokens", str_of(tokens->text), &ids, err) &&
               (ids.len > 0 || error_set(err, HOB_USAGE, "--tokens: want at least one token"));
    else if (good && has_word)
        good = buf_str(&text, str_of(args->words[1])) || error_memory(err, strlen(args->words[1]));
    else if (good)
        good = file->given ? file_load(file->text, INPUT_MAX_BYTES, &text, err) : input_piped("a text", &text, err);
    good = good && (tokens->given || (run.tokenizer = model_tokenizer(opened.model, err)) != NULL) &&
           open_chat(&opened, args, args->words[0], err);
    run.chat = opened.chat;
    good = good && run_all(&run, args, buf_view(&text), &ids, err);
    free(run.vector);
    buf_clear(&text);
    ids_clear(&ids);
    opened_close(&opened);
    return good;
}

static const struct option own_options[] = {
    {"file", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "FILE", NULL, "the text of a file; - is standard input"},
    {"lines", 0, OPTION_FLAG, OPTION_REPORT, 0, 0, NULL, NULL, "each line by itself"},
    {"tokens", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "IDS", NULL, "ids instead of text: 1,2,3"},
    {"pool", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "mean|cls|last", NULL,
     "which rows make the vector (default: as the model's file has it, else mean)"},
    {"raw", 0, OPTION_FLAG, OPTION_REPORT, 0, 0, NULL, NULL, "as the model makes it, not of length 1"},
    {"output", 'o', OPTION_TEXT, OPTION_REPORT, 0, 0, "FILE", NULL, "a .npy file, float32 [N, E]"},
    {0},
};

static const struct example examples[] = {
    {"hob embed smollm2 \"Once upon a time\" --json", "one vector"},
    {"hob embed smollm2 --file texts.txt --lines -o texts.npy", "a row for each line"},
    {0},
};

const struct command embed_command = {
    .name = "embed",
    .summary = "Writes vectors of texts",
    .usage = "MODEL [TEXT]",
    .help = "A vector is made of the model's last hidden states, which the head would read: the mean of all rows, "
            "unless the model's file or --pool says otherwise. Its length is 1, without --raw.\n\n"
            "Text gets BOS and EOS as the model wants them; names of special tokens in it are plain text. A text that "
            "does not fit the context is an error.",
    .examples = examples,
    .options = own_options,
    .json = "[[numbers], ...], a vector a text",
    .takes = TAKES_MACHINE,
    .min_words = 1,
    .max_words = 2,
    .wall = WALL_AT_ONCE,
    .run = embed_run,
};
