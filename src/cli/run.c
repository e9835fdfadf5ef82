/* SPDX-License-Identifier: Apache-2.0
 *
 * hob run: one reply, or a chat.
 */
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/repl.h"
#include "cli/talk.h"
#include "server/server.h"

enum { MAX_PROMPT_BYTES = 64 << 20 };

/* Standard input without its last newline, after what `out` holds. */
static bool read_piped(struct buf *out, struct hob_error *err)
{
    struct buf piped = {0};
    bool good = file_load("-", MAX_PROMPT_BYTES, &piped, err);
    if (good) {
        if (piped.len && piped.ptr[piped.len - 1] == '\n')
            piped.len--;
        if (out->len && piped.len)
            buf_str(out, STR("\n\n"));
        buf_str(out, buf_view(&piped));
        good = !out->failed || error_memory(err, piped.len);
    }
    buf_clear(&piped);
    return good;
}

/* The words after MODEL, and what is piped in unless it is taken by something else. */
static bool read_prompt(const struct args *args, bool input_is_free, struct buf *out, struct hob_error *err)
{
    for (size_t i = 1; i < args->n_words; i++)
        buf_format(out, "%s%s", i > 1 ? " " : "", args->words[i]);
    if (out->failed)
        return error_memory(err, out->len);
    if (input_is_free && !isatty(STDIN_FILENO) && !read_piped(out, err))
        return false;
    return utf8_valid(buf_view(out)) || error_set(err, HOB_FORMAT, "the prompt is not UTF-8 text");
}

/* --format, in the words of the options of constraints. */
static bool set_format(struct args *args, struct hob_error *err)
{
    const char *format = args_own(args, "format")->text;
    if (!format)
        return true;
    if (strcmp(format, "json") == 0)
        return options_set(&args->options, options_find(STR("json-object")), NULL, err);
    return options_set(&args->options, options_find(STR("schema")), format, err);
}

/* Reads what the options say of the conversation. */
static bool set_up(struct args *args, struct talk *talk, struct hob_error *err)
{
    const struct option_value *messages = args_own(args, "messages"), *now_text = args_own(args, "now");
    const struct option_value *system = args_own(args, "system"), *keep = args_own(args, "keepalive");
    json_t *now = NULL;
    double seconds;
    talk->messages = json_array();
    talk->members = input_chat(args, err);
    talk->verbose = args_own(args, "verbose")->flag;
    talk->view.hide_thinking = args_own(args, "hide-thinking")->flag || args_own(args, "hidethinking")->flag;
    talk->view.markdown = !args_own(args, "markdown")->given || args_own(args, "markdown")->flag;
    talk->silent = talk->receipt = args->json;
    if (!talk->members || !talk->messages)
        return talk->members && error_memory(err, 64);
    if (!set_format(args, err) || (now_text->given && !input_time("--now", now_text->text, &now, err)))
        return false;
    if (now)
        json_object_set_new(talk->members, "now", now);
    if (messages->given) {
        json_t *array = json_read_file(messages->text, MAX_PROMPT_BYTES, err);
        if (!array || !talk_take_messages(talk, array, messages->text, err))
            return false;
    }
    if (system->given && !utf8_valid(str_of(system->text)))
        return error_set(err, HOB_USAGE, "--system: is not UTF-8 text");
    if (keep->given && !duration_read(keep->text, &seconds))
        return error_set(err, HOB_USAGE, "--keepalive: found \"%.40s\", want a duration like 10m or 1h30m", keep->text);
    return !system->given || talk_set_system(talk, str_of(system->text), err);
}

/* Whether the last message waits for a reply. */
static bool waits(const struct talk *talk)
{
    size_t n = json_array_size(talk->messages);
    const json_t *last = json_array_get(talk->messages, n ? n - 1 : 0);
    return n && !str_eq(json_span(json_object_get(last, "role")), STR("assistant")) &&
           !str_eq(json_span(json_object_get(last, "role")), STR("system"));
}

/* One reply. */
static bool answer(struct talk *talk, const struct args *args, struct hob_error *err)
{
    struct talk_outcome outcome = {.wants_json = args->json};
    bool good = talk_reply(talk, &outcome, err);
    if (outcome.json)
        output_json(outcome.json);
    json_decref(outcome.json);
    if (good && outcome.cancelled && !output_failed())
        return interrupt_error(err);
    if (good && outcome.full)
        message("the reply ends here because the context of %zu tokens is full; a larger --ctx holds more",
                engine_get_plan(talk->opened->engine)->ctx);
    return good;
}

/* A model that cannot chat is refused before its weights are read. */
static bool check_template(const struct args *args, struct opened *opened, struct hob_error *err)
{
    return open_model(opened, args->words[0], err) &&
           (options_get(&args->options, "template")->given || json_object_get(opened->settings, "template") ||
            model_template(opened->model, false, err));
}

static bool run_model(struct args *args, struct talk *talk, struct buf *prompt, struct hob_error *err)
{
    bool input_is_free = args_n_stdin(args) == 0;
    if (!input_check_stdin(args, false, err) || !set_up(args, talk, err) ||
        !read_prompt(args, input_is_free, prompt, err))
        return false;
    bool chats = prompt->len == 0 && args->n_words == 1 && input_is_free && isatty(STDIN_FILENO) && !args->json;
    if (!chats && prompt->len == 0 && !waits(talk))
        return error_set(err, HOB_USAGE, "no prompt: want words after MODEL, or text on standard input");
    if (prompt->len && !talk_add(talk, "user", buf_view(prompt), err))
        return false;
    if (!check_template(args, talk->opened, err) || !open_chat(talk->opened, args, args->words[0], err) ||
        (args->json && !open_digest(talk->opened, err)))
        return false;
    if (!chats)
        return answer(talk, args, err);
    if (waits(talk) && !answer(talk, args, err) && err->status != HOB_INTERRUPTED)
        return false;
    return repl_run(talk, args, err);
}

static bool run_run(struct args *args, struct hob_error *err)
{
    struct opened opened = {0};
    struct talk talk = {.opened = &opened};
    struct buf prompt = {0};
    bool good = run_model(args, &talk, &prompt, err);
    talk_clear(&talk);
    opened_close(&opened);
    buf_clear(&prompt);
    return good;
}

static const struct option options[] = {
    {.name = "system", .kind = OPTION_TEXT, .value = "TEXT", .help = "the system message"},
    INPUT_CHAT_OPTIONS,
    {.name = "hide-thinking", .kind = OPTION_FLAG, .help = "do not show the thinking part"},
    {.name = "hidethinking", .kind = OPTION_FLAG, .help = "the same, as Ollama spells it"},
    {.name = "format", .kind = OPTION_TEXT, .value = "json|FILE", .help = "a JSON object, or the schema it keeps"},
    {.name = "messages", .kind = OPTION_TEXT, .value = "FILE", .help = "a JSON array of messages to continue"},
    {.name = "now",
     .kind = OPTION_TEXT,
     .value = "TIME",
     .help = "the time the template is told: seconds since 1970, or YYYY-MM-DD [HH:MM[:SS]]"},
    {.name = "markdown", .kind = OPTION_FLAG, .value = "[no-]", .help = "render Markdown on a terminal (the default)"},
    {.name = "verbose", .kind = OPTION_FLAG, .help = "end with a line of tokens per second"},
    {.name = "keepalive", .kind = OPTION_TEXT, .value = "TIME", .help = "accepted for Ollama's sake; nothing is kept"},
    {0},
};

static const struct example examples[] = {
    {"hob run smollm2", "a chat on the terminal; /help tells its commands"},
    {"hob run smollm2 \"Why is the sky blue?\"", "one answer"},
    {"git diff | hob run qwen2.5-coder-0.5b \"Write a commit message\"", "what is piped in follows the prompt"},
    {"hob run ./model.gguf --system \"Be brief.\" --temp 0 hello", "a file, a system message, the likeliest tokens"},
    {"hob run smollm2 --json --seed 7 hi", "a reply object with tokens, timings and a receipt"},
    {"hob run qwen2.5-coder-0.5b --tools tools.json \"Weather in Paris?\"", "a call of a tool, its arguments valid"},
    {0},
};

const struct command run_command = {
    .name = "run",
    .summary = "Chats with a model on the terminal, or answers one prompt",
    .usage = "MODEL [PROMPT...]",
    .help =
        "With a PROMPT, whose words are joined, or with text on standard input, which follows the PROMPT where "
        "there are both, the model gives one reply and the program ends. Without, on a terminal, it opens a chat.\n\n"
        "On a terminal Markdown is rendered as it streams and thinking is dimmed; elsewhere standard output gets "
        "the text of the reply alone. Ctrl-C stops the answer.\n\n"
        "In the chat: /help lists the commands, \"\"\" starts and ends a text of several lines, Ctrl-D leaves. "
        "Lines are remembered in the file `history` of the data directory ($HOB_HOME).",
    .examples = examples,
    .options = options,
    .takes = TAKES_ALL,
    .json = "print a reply object instead of text",
    .min_words = 1,
    .max_words = SIZE_MAX,
    .wall = WALL_AT_ONCE,
    .run = run_run,
};
