/* SPDX-License-Identifier: Apache-2.0
 *
 * hob render: what a chat template makes of messages.
 */
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/open.h"
#include "cli/output.h"

/* The request (chat/chat.h) that FILE means: an array of messages, or an object of them and of other variables. Takes
 * the reference to `file`; the caller owns the result. */
static json_t *read_request(const char *name, json_t *file, json_t *now, struct hob_error *err)
{
    json_t *request = json_object();
    if (now)
        json_object_set_new(request, "now", now);
    if (json_is_array(file)) {
        json_object_set_new(request, "messages", file);
        return request;
    }
    if (!json_is_object(file)) {
        error_set(err, HOB_FORMAT, "%s: want an array of messages, or an object with \"messages\"", name);
        json_decref(file);
        json_decref(request);
        return NULL;
    }
    static const char *const own[] = {"messages", "tools"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        json_t *value = json_object_get(file, own[i]);
        if (value)
            json_object_set(request, own[i], value);
        json_object_del(file, own[i]);
    }
    json_object_set_new(request, "template_variables", file);
    return request;
}

static bool put(const struct rendered *rendered, bool as_json)
{
    if (!as_json)
        return output_write(buf_view(&rendered->text));
    json_t *spans = json_array(), *json = json_object();
    for (size_t i = 0; i < rendered->n_untrusted; i++)
        json_array_append_new(spans, json_pack("[I, I]", (json_int_t)rendered->untrusted[i].start,
                                               (json_int_t)rendered->untrusted[i].end));
    json_object_set_new(json, "text", json_bytes(buf_view(&rendered->text)));
    json_object_set_new(json, "spans", spans);
    output_json(json);
    json_decref(json);
    return true;
}

/* Renders as a chat with the name would: by its template, with its system message and its messages. */
static bool render_as_named(struct opened *opened, const struct args *args, const struct chat_template *given,
                            const json_t *request, struct rendered *rendered, struct hob_error *err)
{
    if (!persona_init(&opened->persona, &args->options, opened->settings, err))
        return false;
    const struct chat_template *own = persona_template(&opened->persona);
    json_t *whole = persona_request(&opened->persona, request);
    bool good = chat_render(opened->model, given ? given : own, whole, rendered, err);
    json_decref(whole);
    return good;
}

static bool render_run(struct args *args, struct hob_error *err)
{
    const struct option_value *messages = args_own(args, "messages"), *now_text = args_own(args, "now"),
                              *template_option = args_own(args, "template");
    struct opened opened = {0};
    struct chat_template template = {0};
    struct rendered rendered = {0};
    json_t *now = NULL, *request = NULL;
    if (args->n_words == 0 && !template_option->given)
        return error_set(err, HOB_USAGE, "want MODEL, --template, or both");
    if (!messages->given && !input_is_piped())
        return error_set(err, HOB_USAGE, "want --messages FILE, or messages on standard input");
    bool good = input_check_stdin(args, !messages->given, err);
    good = good && (!now_text->given || input_time("--now", now_text->text, &now, err));
    const char *path = messages->given ? messages->text : "-";
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    json_t *file = good ? json_read_file(path, INPUT_MAX_BYTES, err) : NULL;
    if (!file)
        json_decref(now);
    good = file && (request = read_request(name, file, now, err)) != NULL &&
           (args->n_words == 0 || open_model(&opened, args->words[0], err)) &&
           (!template_option->given || chat_template_open(&template, opened.model, template_option->text, err)) &&
           render_as_named(&opened, args, template.parsed ? &template : NULL, request, &rendered, err);
    if (good)
        put(&rendered, args->json);
    rendered_clear(&rendered);
    chat_template_clear(&template);
    json_decref(request);
    opened_close(&opened);
    return good;
}

static const struct option own_options[] = {
    {"messages", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "FILE", NULL,
     "a JSON array of messages, or an object of variables; default: standard input"},
    {"template", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "FILE", NULL,
     "a Jinja template in place of the model's, or the name of one of its own; MODEL may be left out"},
    {"now", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "TIME", NULL,
     "the time the template is told: seconds since 1970, or YYYY-MM-DD [HH:MM[:SS]]"},
    {0},
};

static const struct example examples[] = {
    {"echo '[{\"role\": \"user\", \"content\": \"Hi\"}]' | hob render smollm2", "the prompt as the model sees it"},
    {"hob render --template chat.jinja --messages chat.json --json", "a template by itself, with spans"},
    {0},
};

const struct command render_command = {
    .name = "render",
    .summary = "Shows the prompt that a chat template makes",
    .usage = "[MODEL] [--template FILE.jinja] [--messages FILE]",
    .help = "The result is the prompt, byte for byte, nothing added. FILE holds an array of messages, or an object "
            "with \"messages\", \"tools\", \"add_generation_prompt\" (default true), \"bos_token\", \"eos_token\" and "
            "any other variable of the template.\n\n"
            "--json gives {\"text\", \"spans\"}: spans are the [start, end) bytes that came from messages, in which "
            "no special token can arise. A template's raise_exception ends in exit code 3 with its text.",
    .examples = examples,
    .options = own_options,
    .json = "{\"text\", \"spans\":[[start, end]]}",
    .max_words = 1,
    .wall = WALL_AT_ONCE,
    .run = render_run,
};
