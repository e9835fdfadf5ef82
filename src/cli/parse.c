/* SPDX-License-Identifier: Apache-2.0
 *
 * hob parse: a raw reply, taken apart.
 */
#include "base/error.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/open.h"
#include "cli/output.h"
#include "text/reply/parser.h"

/* All that the command works on. Zero-initialised is empty. */
struct job {
    struct opened opened;
    struct chat_template template;
    struct buf prompt, reply;
    json_t *tools;
};

static void clear(struct job *job)
{
    chat_template_clear(&job->template);
    buf_clear(&job->prompt);
    buf_clear(&job->reply);
    json_decref(job->tools);
    opened_close(&job->opened);
}

/* Reads what the options name. */
static bool read_job(struct job *job, const struct args *args, struct hob_error *err)
{
    const struct option_value *template = args_own(args, "template"), *tools = args_own(args, "tools"),
                              *prompt = args_own(args, "prompt");
    if (args->n_words == 0 && !template->given)
        return error_set(err, HOB_USAGE, "want MODEL, --template, or both");
    return input_check_stdin(args, true, err) &&
           (args->n_words == 0 || open_model(&job->opened, args->words[0], err)) &&
           (!template->given || chat_template_open(&job->template, job->opened.model, template->text, err)) &&
           (!tools->given || (job->tools = input_tools(tools->text, err))) &&
           (!prompt->given || file_load(prompt->text, INPUT_MAX_BYTES, &job->prompt, err)) &&
           input_piped("a raw reply", &job->reply, err);
}

/* The token that ended the reply, where it was kept in the text. */
static struct str drop_end(struct str reply, struct str end)
{
    struct str trimmed = reply;
    while (trimmed.len && (trimmed.ptr[trimmed.len - 1] == '\n' || trimmed.ptr[trimmed.len - 1] == ' '))
        trimmed.len--;
    if (!end.len || !str_ends(trimmed, end))
        return reply;
    trimmed.len -= end.len;
    return trimmed;
}

/* The reply without the token that ended it: one of the vocabulary's, or one that the template writes. */
static struct str without_end(struct job *job, struct str template_text)
{
    static const char *const ends[] = {"<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<｜end▁of▁sentence｜>"};
    struct str whole = buf_view(&job->reply), reply = whole;
    struct hob_error none;
    const struct tokenizer *tokenizer = job->opened.model ? model_tokenizer(job->opened.model, &none) : NULL;
    for (size_t i = 0; i < sizeof ends / sizeof *ends && reply.len == whole.len; i++)
        if (str_find(template_text, str_of(ends[i]), 0) != SIZE_MAX)
            reply = drop_end(reply, str_of(ends[i]));
    for (size_t i = 0; tokenizer && i < tokenizer_size(tokenizer) && reply.len == whole.len; i++)
        if (tokenizer_is_eog(tokenizer, (int32_t)i))
            reply = drop_end(reply, tokenizer_text(tokenizer, (int32_t)i));
    return reply;
}

static void on_event(void *user, const struct reply_event *event)
{
    reply_parts_add(user, event);
}

/* Prints the parts. */
static void put(const struct reply_parts *parts)
{
    json_t *json = json_object();
    json_object_set_new(json, "content", json_bytes(buf_view(&parts->text)));
    json_object_set_new(json, "thinking", json_bytes(buf_view(&parts->thinking)));
    json_object_set_new(json, "tool_calls", parts->calls ? json_incref(parts->calls) : json_array());
    output_json(json);
    json_decref(json);
}

static bool parse_run(struct args *args, struct hob_error *err)
{
    struct job job = {0};
    struct reply_parts parts = {0};
    struct reply_parser *parser = NULL;
    bool good = read_job(&job, args, err);
    if (good) {
        bool own = args_own(args, "template")->given;
        struct str template_text =
            own ? buf_view(&job.template.text) : model_template_text(job.opened.model, job.tools != NULL);
        struct str reply = without_end(&job, template_text);
        bool known = args_own(args, "prompt")->given;
        struct reply_setting setting = {
            .form =
                known ? reply_form_find(template_text, buf_view(&job.prompt)) : reply_form_guess(template_text, reply),
            .tools = job.tools,
        };
        parser = reply_parser_new(&setting);
        good = parser != NULL;
        if (good) {
            reply_parser_add(parser, reply, on_event, &parts);
            reply_parser_end(parser, on_event, &parts);
            good = !reply_parser_failed(parser) && !parts.failed;
        }
        if (good)
            put(&parts);
        else
            error_memory(err, job.reply.len);
    }
    reply_parser_free(parser);
    reply_parts_clear(&parts);
    clear(&job);
    return good;
}

static const struct option own_options[] = {
    {"template", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "FILE", NULL,
     "a Jinja template in place of the model's; MODEL may be left out"},
    {"tools", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "FILE", NULL,
     "a JSON array of tools, whose schemas give arguments their types"},
    {"prompt", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "FILE", NULL,
     "the rendered prompt, which may have opened the thinking part"},
    {0},
};

static const struct example examples[] = {
    {"hob parse qwen3 --tools tools.json <reply.txt", "thinking, text and calls of a raw reply"},
    {"hob parse --template chat.jinja --prompt prompt.txt <reply.txt", "without a model"},
    {0},
};

const struct command parse_command = {
    .name = "parse",
    .summary = "Takes a raw reply apart into thinking, text and tool calls",
    .usage = "[MODEL] [--template FILE.jinja] [--tools FILE] [--prompt FILE]",
    .help = "The raw reply comes on standard input. Its format is the one of the chat template, which \"hob inspect\" "
            "shows. White space between the parts belongs to the markup.\n\n"
            "The prompt may have opened the thinking part; without --prompt, a reply that closes one it did not open "
            "is taken to begin in it. A call that was cut has \"cut\": true, and its arguments are the JSON as far as "
            "it came.",
    .examples = examples,
    .options = own_options,
    .json = "{\"content\", \"thinking\", \"tool_calls\":[{\"name\", \"arguments\":{}}]}, as without it",
    .max_words = 1,
    .wall = WALL_AT_ONCE,
    .run = parse_run,
};
