/* SPDX-License-Identifier: Apache-2.0
 *
 * hob constrain: what a constraint says about texts.
 */
#include "base/error.h"
#include "base/json.h"
#include "chat/constrain.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/open.h"
#include "cli/output.h"

enum { MAX_LINE_BYTES = 64 << 20 };

/* All that the command works on. Zero-initialised is empty. */
struct job {
    struct opened opened;
    json_t *description;
    struct constrain constrain;
    struct buf line;
};

static void clear(struct job *job)
{
    buf_clear(&job->line);
    constrain_clear(&job->constrain);
    json_decref(job->description);
    opened_close(&job->opened);
}

/* Compiles what the options name; a model lends its tokens to grammars that name some. */
static bool prepare(struct job *job, const struct args *args, struct hob_error *err)
{
    const struct tokenizer *tokenizer = NULL;
    for (const char *const *name = (const char *const[]){"schema", "grammar", NULL}; *name; name++) {
        const struct option_value *value = options_get(&args->options, *name);
        if (value->given && strcmp(value->text, "-") == 0)
            return error_set(err, HOB_USAGE, "--%s -: standard input has the texts; want a file", *name);
    }
    if (!constrain_describe(&args->options, NULL, NULL, &job->description, err))
        return false;
    if (!job->description)
        return error_set(err, HOB_USAGE, "want --schema, --grammar, --regex, --choice or --json-object");
    if (args->n_words &&
        (!open_model(&job->opened, args->words[0], err) || !(tokenizer = model_tokenizer(job->opened.model, err))))
        return false;
    static const struct markup raw; /* texts as they stand */
    return constrain_start(job->description, &raw, NULL, tokenizer, &job->constrain, err);
}

/* Says how far a text keeps to the constraint. */
static bool judge(struct matcher *matcher, struct str text, struct hob_error *err)
{
    size_t at = text.len;
    matcher_reset(matcher);
    bool fits = matcher_text(matcher, text, &at);
    if (matcher_failed(matcher))
        return error_set(err, HOB_LIMIT, "the grammar is so ambiguous that byte %zu is too much to follow", at);
    const char *word = !fits ? "no" : matcher_whole(matcher) ? "whole" : "prefix";
    json_t *result = json_pack("{s:s,s:I}", "accept", word, "at", (json_int_t)at);
    bool good = result || error_memory(err, sizeof *result);
    if (good)
        output_json(result);
    json_decref(result);
    return good;
}

/* Judges the next line of standard input, if there is one. */
static bool judge_line(struct job *job, bool strings, size_t number, bool *end, struct hob_error *err)
{
    json_t *parsed = NULL;
    job->line.len = 0;
    if (!input_line(stdin, "standard input", MAX_LINE_BYTES, &job->line, end, err))
        return false;
    if (*end)
        return true;
    if (strings) {
        parsed = json_read(buf_view(&job->line), "standard input", err);
        if (!parsed || !json_is_string(parsed)) {
            bool said = !parsed;
            json_decref(parsed);
            return said ? error_prefix(err, "line %zu", number)
                        : error_set(err, HOB_FORMAT, "standard input: line %zu: want a JSON string", number);
        }
    }
    bool good = judge(job->constrain.matcher, strings ? json_span(parsed) : buf_view(&job->line), err);
    json_decref(parsed);
    return good;
}

static bool constrain_run(struct args *args, struct hob_error *err)
{
    struct job job = {0};
    bool end = false, strings = args_own(args, "strings")->flag;
    bool good = input_check_stdin(args, true, err) && prepare(&job, args, err);
    if (good && !input_is_piped())
        good = error_set(err, HOB_USAGE, "want texts on standard input, one a line");
    for (size_t number = 1; good && !end && !output_failed(); number++)
        good = judge_line(&job, strings, number, &end, err);
    clear(&job);
    return good;
}

static const struct option own_options[] = {
    {"strings", 0, OPTION_FLAG, OPTION_REPORT, 0, 0, NULL, NULL,
     "each line is a JSON string that holds the text, which may so have lines itself"},
    {0},
};

static const struct example examples[] = {
    {"hob constrain --schema order.json <values.jsonl", "which lines the schema lets through"},
    {"hob constrain qwen3 --grammar reply.gbnf --strings <replies.txt", "a grammar that names tokens of a model"},
    {"echo 2024-02-30 | hob constrain --regex '\\d{4}-\\d{2}-\\d{2}'", "a regular expression"},
    {0},
};

const struct command constrain_command = {
    .name = "constrain",
    .summary = "Says whether texts keep to a schema, grammar, expression or choice",
    .usage = "[MODEL] --schema FILE | --grammar FILE | --regex R | --choice TEXT...",
    .help = "Each line of standard input is a text, and for each a JSON object is printed: \"accept\" is \"whole\" "
            "where the text is a reply, \"prefix\" where it is the beginning of one, \"no\" where it is neither; "
            "\"at\" is the byte that does not fit, or the length.\n\n"
            "What is accepted here is what a run under the same option may say. MODEL is needed only by a grammar "
            "that names tokens; in a text there are none.",
    .examples = examples,
    .options = own_options,
    .takes = TAKES_CONSTRAIN,
    .json = "a line for each text: {\"accept\": \"whole\"|\"prefix\"|\"no\", \"at\"}, as without it",
    .max_words = 1,
    .wall = WALL_AT_ONCE,
    .run = constrain_run,
};
