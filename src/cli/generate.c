/* SPDX-License-Identifier: Apache-2.0
 *
 * hob generate: a raw completion.
 */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/open.h"
#include "cli/output.h"
#include "cli/progress.h"

/* What is shown of a reply while it comes. */
struct shown {
    bool silent; /* the whole reply is printed at the end */
    struct progress progress;
    bool ended;
};

static void on_event(void *user, const struct chat_event *event)
{
    struct shown *shown = user;
    switch (event->kind) {
    case CHAT_PREFILL:
        progress_set(&shown->progress, event->n_done, event->n_prompt);
        break;
    case CHAT_THINKING: /* a raw completion has no parts */
    case CHAT_TEXT:
        progress_end(&shown->progress);
        if (!shown->silent) {
            output_write(event->text);
            output_flush();
        }
        break;
    case CHAT_CALL_BEGIN:
    case CHAT_CALL_ARGUMENTS:
    case CHAT_CALL_END:
        break;
    case CHAT_END:
        progress_end(&shown->progress);
        shown->ended = true;
        break;
    }
}

/* The request: ids, or the prompt of the word, of --file or of standard input. The caller owns the reference. */
static json_t *read_request(const struct args *args, struct hob_error *err)
{
    const struct option_value *tokens = args_own(args, "tokens"), *file = args_own(args, "file");
    bool has_word = args->n_words > 1;
    if (tokens->given + file->given + has_word > 1) {
        error_set(err, HOB_USAGE, "want one of PROMPT, --tokens and --file");
        return NULL;
    }
    if (!input_check_stdin(args, !has_word && !tokens->given && !file->given, err))
        return NULL;
    json_t *request = NULL;
    if (tokens->given) {
        struct ids ids = {0};
        if (input_ids("--tokens", str_of(tokens->text), &ids, err)) {
            json_t *list = json_array();
            for (size_t i = 0; i < ids.len; i++)
                json_array_append_new(list, json_integer(ids.ptr[i]));
            request = json_pack("{s:o}", "tokens", list);
        }
        ids_clear(&ids);
        return request;
    }
    struct buf text = {0};
    bool good;
    if (has_word) {
        good = buf_str(&text, str_of(args->words[1])) || error_memory(err, strlen(args->words[1]));
    } else if (file->given) {
        good = file_load(file->text, INPUT_MAX_BYTES, &text, err);
    } else {
        good = input_piped("a prompt", &text, err);
        if (good && text.len && text.ptr[text.len - 1] == '\n')
            text.len--;
    }
    if (good && !utf8_valid(buf_view(&text)))
        good = error_set(err, HOB_FORMAT, "the prompt is not UTF-8 text");
    if (good)
        request = json_pack("{s:o}", "prompt", json_bytes(buf_view(&text)));
    buf_clear(&text);
    return request;
}

/* Ends what was streamed: ids where the model has no text, and a newline. */
static void end_text(struct reply *reply, struct hob_error *err)
{
    struct str text = reply_text(reply);
    json_t *json = text.len ? NULL : reply_json(reply, err);
    const json_t *ids = json && !json_object_get(json, "text") ? json_object_get(json, "tokens") : NULL;
    for (size_t i = 0; i < json_array_size(ids); i++)
        output_format("%s%lld", i ? "," : "", (long long)json_integer_value(json_array_get(ids, i)));
    if (!text.len || text.ptr[text.len - 1] != '\n')
        output_write(STR("\n"));
    json_decref(json);
}

/* Runs a request to its end and prints the reply. */
static bool answer(struct chat *chat, const struct args *args, const json_t *request, struct hob_error *err)
{
    bool as_json = args->json;
    struct shown shown = {.silent = as_json, .progress = {.label = "reading", .unit = PROGRESS_TOKENS}};
    struct reply *reply = chat_submit(chat, request, as_json, NULL, err);
    bool interrupted = false;
    if (!reply)
        return false;
    while (!shown.ended && chat_step(chat, on_event, &shown))
        if (interrupt_pending() || output_failed()) {
            interrupted = interrupted || interrupt_pending();
            reply_cancel(reply);
        }
    bool good = reply_error(reply)->status == HOB_OK;
    if (!good && err)
        *err = *reply_error(reply);
    if (good && as_json) {
        json_t *json = reply_json(reply, err);
        good = json != NULL;
        if (good)
            output_json(json);
        json_decref(json);
    } else if (good) {
        end_text(reply, err);
    }
    bool full =
        good && strcmp(reply_finish_reason(reply), "length") == 0 && !options_get(&args->options, "max-tokens")->given;
    if (full)
        message("the completion ends here because the context of %zu tokens is full; a larger --ctx holds more",
                engine_get_plan(chat_engine(chat))->ctx);
    reply_free(reply);
    return good && interrupted ? interrupt_error(err) : good;
}

static bool generate_run(struct args *args, struct hob_error *err)
{
    struct opened opened = {0};
    json_t *request = read_request(args, err);
    bool good = request && open_chat(&opened, args, args->words[0], err) &&
                (!args->json || open_digest(&opened, err)) && answer(opened.chat, args, request, err);
    json_decref(request);
    opened_close(&opened);
    return good;
}

static const struct option own_options[] = {
    {"tokens", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "IDS", NULL, "ids instead of text: 1,2,3"},
    {"file", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "FILE", NULL, "the prompt of a file, byte for byte"},
    {0},
};

static const struct example examples[] = {
    {"hob generate smollm2 \"Once upon a time\" -n 100", "a hundred tokens more"},
    {"hob generate smollm2 --tokens 1,2,3 --temp 0 --json", "the likeliest continuation of ids, with its receipt"},
    {"hob generate smollm2 < story.txt", "the prompt from standard input"},
    {0},
};

const struct command generate_command = {
    .name = "generate",
    .summary = "Continues a text, without a chat template",
    .usage = "MODEL [PROMPT]",
    .help = "The prompt goes to the model as it stands, with BOS before it where the model wants one; names of "
            "special tokens in it are those tokens. Without PROMPT it is read from standard input, less one newline "
            "at the end.\n\n"
            "The completion ends at the model's end token, at --stop, after --max-tokens, or when the context is full.",
    .examples = examples,
    .options = own_options,
    .takes = TAKES_ALL,
    .json = "a reply with its receipt",
    .min_words = 1,
    .max_words = 2,
    .wall = WALL_AT_ONCE,
    .run = generate_run,
};
