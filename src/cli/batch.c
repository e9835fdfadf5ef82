/* SPDX-License-Identifier: Apache-2.0
 *
 * hob batch: many requests, a line each, to many replies, a line each, in the same order.
 *
 * Lines of the input become items in a ring. An item whose reply has ended is turned into its line at once, so that
 * only replies in flight hold memory; lines leave the ring at its head, in order.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/batch_output.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/open.h"
#include "cli/output.h"
#include "cli/progress.h"

enum { DEFAULT_PARALLEL = 8, RING = 1024, MAX_LINE_BYTES = 64 << 20 };

/* One line of the input. */
struct item {
    struct reply *reply; /* NULL once it was turned into a line */
    bool ended;
    struct hob_error error; /* why it failed */
    size_t number;          /* of its line in the input */
    struct buf line;        /* of the output */
};

struct batch_run {
    struct chat *chat;
    json_t *members; /* of requests with messages that do not say them: "tools", "think" and the like */
    const char *path;
    FILE *input;
    struct buf line;
    bool at_end;
    size_t n_read;     /* lines, empty ones counted */
    size_t n_requests; /* whose replies were written */
    struct batch_output output;
    struct item ring[RING];
    size_t head, n_items, n_active;
    unsigned parallel;
    struct hob_error first; /* error of a request, in the order of the input */
    struct progress progress;
    size_t n_total; /* requests in all, 0 when not known */
};

static struct item *item_at(struct batch_run *run, size_t i)
{
    return &run->ring[(run->head + i) % RING];
}

/* The next line that is not empty: true and an empty span at the end of the input. */
static bool read_line(struct batch_run *run, struct str *line, struct hob_error *err)
{
    *line = (struct str){0};
    while (!run->at_end) {
        if (!input_line(run->input, run->path, MAX_LINE_BYTES, &run->line, &run->at_end, err))
            return false;
        run->n_read += !run->at_end;
        *line = buf_view(&run->line);
        while (line->len > 0 && memchr(" \t\r", line->ptr[line->len - 1], 3))
            line->len--;
        if (line->len > 0)
            return true;
    }
    return true;
}

/* Ends an item with a line of JSON. Takes the reference. */
static bool end_item(struct item *item, json_t *json, struct hob_error *err)
{
    bool good = json && json_write(json, &item->line) && buf_byte(&item->line, '\n');
    json_decref(json);
    return good || error_memory(err, item->line.len);
}

/* The line for a request that cannot be run. */
static json_t *error_json(const struct item *item, const json_t *id)
{
    json_t *json = json_object();
    if (id)
        json_object_set(json, "id", (json_t *)id);
    json_object_set_new(json, "error",
                        json_pack("{s:i, s:o, s:I}", "status", (int)item->error.status, "message",
                                  json_bytes(str_of(item->error.text)), "line", (json_int_t)item->number));
    return json;
}

/* Makes an item of a line. */
static bool add_item(struct batch_run *run, struct str line, struct hob_error *err)
{
    struct item *item = item_at(run, run->n_items++);
    *item = (struct item){.number = run->n_read};
    json_t *request = json_read(line, "the request", &item->error);
    if (json_object_get(request, "messages"))
        json_object_update_missing(request, run->members);
    if (request)
        item->reply = chat_submit(run->chat, request, true, item, &item->error);
    run->n_active += item->reply != NULL;
    bool good = item->reply || end_item(item, error_json(item, json_object_get(request, "id")), err);
    json_decref(request);
    return good;
}

/* Passes over the requests whose replies the output already holds; those must be the same requests. */
static bool skip_done(struct batch_run *run, struct hob_error *err)
{
    for (size_t i = 0; i < run->output.n_done; i++) {
        struct str line;
        if (!read_line(run, &line, err))
            return false;
        json_t *request = line.len ? json_read(line, "line", NULL) : NULL;
        const json_t *id = json_object_get(request, "id"), *done = run->output.ids[i];
        bool same = line.len && (id && done ? json_equal(id, done) : !id && !done);
        json_decref(request);
        if (!same)
            return error_set(err, HOB_USAGE,
                             "%s: line %zu is not the reply to line %zu of the input; remove the file "
                             "to start anew",
                             run->output.path, i + 1, run->n_read);
        run->n_requests++;
    }
    return true;
}

/* Submits until as many requests are in flight as may be. */
static bool fill(struct batch_run *run, struct hob_error *err)
{
    while (!run->at_end && run->n_active < run->parallel && run->n_items < RING) {
        struct str line;
        if (!read_line(run, &line, err))
            return false;
        if (line.len && !add_item(run, line, err))
            return false;
    }
    return true;
}

/* Writes what has ended at the head of the ring. */
static bool drain(struct batch_run *run, struct hob_error *err)
{
    while (run->n_items > 0 && !item_at(run, 0)->reply) {
        struct item *item = item_at(run, 0);
        bool good = batch_output_line(&run->output, buf_view(&item->line), err);
        if (run->first.status == HOB_OK && item->error.status != HOB_OK) {
            run->first = item->error;
            error_prefix(&run->first, "line %zu", item->number);
        }
        buf_clear(&item->line);
        run->head = (run->head + 1) % RING;
        run->n_items--;
        run->n_requests++;
        if (!good)
            return false;
    }
    progress_set(&run->progress, run->n_requests, run->n_total);
    return true;
}

static void on_event(void *user, const struct chat_event *event)
{
    struct batch_run *run = user;
    if (event->kind == CHAT_END) {
        ((struct item *)reply_user(event->reply))->ended = true;
        run->n_active--;
    }
}

/* Turns replies that have ended into lines. */
static bool collect(struct batch_run *run, struct hob_error *err)
{
    for (size_t i = 0; i < run->n_items; i++) {
        struct item *item = item_at(run, i);
        if (!item->reply || !item->ended)
            continue;
        item->error = *reply_error(item->reply);
        json_t *json = reply_json(item->reply, err), *error = json_object_get(json, "error");
        if (error)
            json_object_set_new(error, "line", json_integer((json_int_t)item->number));
        reply_free(item->reply);
        item->reply = NULL;
        if (!json || !end_item(item, json, err))
            return false;
    }
    return true;
}

static bool run_all(struct batch_run *run, struct hob_error *err)
{
    while (true) {
        if (!fill(run, err) || !drain(run, err))
            return false;
        if (run->n_items == 0 && run->at_end)
            return true;
        if (run->n_active > 0)
            chat_step(run->chat, on_event, run);
        if (!collect(run, err))
            return false;
        if (interrupt_pending() || output_failed())
            return interrupt_pending() ? interrupt_error(err) : output_end(err);
    }
}

/* Requests in a file that can be read twice; 0 when it cannot. */
static size_t count_requests(struct batch_run *run)
{
    struct str line;
    size_t n = 0;
    if (fseek(run->input, 0, SEEK_CUR) != 0)
        return 0;
    while (read_line(run, &line, NULL) && line.len)
        n++;
    rewind(run->input);
    run->at_end = false;
    run->n_read = 0;
    return n;
}

static bool batch_run(struct args *args, struct hob_error *err)
{
    struct opened opened = {0};
    struct batch_run *run = calloc(1, sizeof *run);
    if (!run)
        return error_memory(err, sizeof *run);
    size_t parallel = options_find(STR("parallel"));
    if (!args->options.values[parallel].given)
        args->options.values[parallel].i = DEFAULT_PARALLEL;
    run->parallel = (unsigned)args->options.values[parallel].i;
    run->progress = (struct progress){.label = "requests", .unit = PROGRESS_ITEMS};
    /* A constraint is read anew for each request. */
    const char *schema = options_get(&args->options, "schema")->text;
    const char *grammar = options_get(&args->options, "grammar")->text;
    bool piped = strcmp(args->words[1], "-") == 0 || (schema && strcmp(schema, "-") == 0) ||
                 (grammar && strcmp(grammar, "-") == 0);
    bool good = input_check_stdin(args, piped, err) && (run->members = input_chat(args, err)) != NULL &&
                (run->input = input_open(args->words[1], &run->path, err)) &&
                batch_output_open(&run->output, args_own(args, "output")->text, run->input, &run->first, err);
    if (good) {
        run->n_total = count_requests(run);
        good = skip_done(run, err) && open_chat(&opened, args, args->words[0], err) && open_digest(&opened, err);
        run->chat = opened.chat;
    }
    good = good && run_all(run, err);
    progress_end(&run->progress);
    if (good)
        good = batch_output_end(&run->output, err);
    else
        batch_output_drop(&run->output);
    if (good && run->first.status != HOB_OK) {
        good = false;
        if (err)
            *err = run->first;
    }
    for (size_t i = 0; i < run->n_items; i++)
        buf_clear(&item_at(run, i)->line);
    opened_close(&opened); /* and the replies in flight */
    if (run->input && run->input != stdin)
        fclose(run->input);
    buf_clear(&run->line);
    json_decref(run->members);
    free(run);
    return good;
}

static const struct option own_options[] = {
    INPUT_CHAT_OPTIONS,
    {"output", 'o', OPTION_TEXT, OPTION_REPORT, 0, 0, "FILE", "-", "the replies; - is standard output"},
    {0},
};

static const struct example examples[] = {
    {"hob batch smollm2 in.jsonl -o out.jsonl --parallel 16", "sixteen requests at a time"},
    {"echo '{\"id\": 1, \"prompt\": \"Hello\", \"max_tokens\": 8}' | hob batch smollm2 -", "one request"},
    {0},
};

const struct command batch_command = {
    .name = "batch",
    .summary = "Answers a file of requests, many at a time",
    .usage = "MODEL IN.jsonl [-o OUT.jsonl]",
    .help = "Each line of the input is a JSON object with one of \"prompt\" (raw text), \"messages\" (an array, put "
            "through the chat template) and \"tokens\" (ids), with \"id\" if you like, and with any option of sampling "
            "or of the end of a reply, written with _ for -. Options of the command line are the defaults. Beside "
            "messages stand \"tools\", \"tool_choice\", \"parallel_tool_calls\" and \"think\".\n\n"
            "Each line of the output is a reply with its id and its receipt, in the order of the input. A request "
            "that fails gives {\"id\", \"error\"} in its place, and the exit code of the first such error at the "
            "end.\n\n"
            "An output file that was interrupted is continued: whole lines are kept, a torn last line is cut. Replies "
            "do not depend on what runs beside them.",
    .examples = examples,
    .options = own_options,
    .takes = TAKES_ALL,
    .min_words = 2,
    .max_words = 2,
    .wall = WALL_AT_ONCE,
    .run = batch_run,
};
