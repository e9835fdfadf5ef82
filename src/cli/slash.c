/* SPDX-License-Identifier: Apache-2.0
 *
 * /help and its kin.
 */
#include "cli/slash.h"
#include "cli/input.h"

#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/output.h"

enum { MAX_FILE_BYTES = 64 << 20, MAX_COMMANDS = 24 };

struct slash {
    const char *name, *value, *help; /* help NULL: another spelling, left out of lists */
    /* Does it; `rest` is what follows the name, a string. A mistake fills `err`, which is told. */
    bool (*run)(struct repl *repl, const char *rest, struct hob_error *err);
};

/* The first word of `*rest` into `word` [64]; moves `*rest` behind it. */
static void take_word(const char **rest, char word[64])
{
    size_t len = strcspn(*rest, " \t");
    snprintf(word, 64, "%.*s", (int)(len < 63 ? len : 63), *rest);
    *rest += len;
    *rest += strspn(*rest, " \t");
}

static bool do_quit(struct repl *repl, const char *rest, struct hob_error *err)
{
    (void)rest, (void)err;
    repl->quits = true;
    return true;
}

static bool do_clear(struct repl *repl, const char *rest, struct hob_error *err)
{
    (void)rest;
    struct buf system = {0};
    bool good = buf_str(&system, talk_system(repl->talk)) || system.len == 0;
    json_array_clear(repl->talk->messages);
    good = good && talk_set_system(repl->talk, buf_view(&system), err);
    buf_clear(&system);
    if (good)
        message("the conversation is empty again");
    return good;
}

static bool do_retry(struct repl *repl, const char *rest, struct hob_error *err)
{
    (void)rest;
    json_t *messages = repl->talk->messages;
    size_t n = json_array_size(messages);
    const json_t *last = n ? json_array_get(messages, n - 1) : NULL;
    if (!str_eq(json_span(json_object_get(last, "role")), STR("assistant")) || n < 2)
        return error_set(err, HOB_USAGE, "/retry: there is no answer yet");
    json_array_remove(messages, n - 1);
    return repl_answer(repl, err);
}

static bool do_system(struct repl *repl, const char *rest, struct hob_error *err)
{
    if (*rest)
        return talk_set_system(repl->talk, str_of(rest), err);
    struct str system = talk_system(repl->talk);
    struct buf inert = {0};
    text_inert(system, &inert);
    output_format("%.*s\n", (int)inert.len, inert.len ? inert.ptr : "");
    buf_clear(&inert);
    return true;
}

static bool do_save(struct repl *repl, const char *rest, struct hob_error *err)
{
    struct buf text = {0};
    if (!*rest)
        return error_set(err, HOB_USAGE, "/save: want a file name");
    bool good = (json_write(repl->talk->messages, &text) && buf_byte(&text, '\n')) || error_memory(err, text.len);
    good = good && file_save(rest, buf_view(&text), err);
    buf_clear(&text);
    if (good)
        message("%zu messages saved in %s", json_array_size(repl->talk->messages), rest);
    return good;
}

static bool do_load(struct repl *repl, const char *rest, struct hob_error *err)
{
    if (!*rest)
        return error_set(err, HOB_USAGE, "/load: want a file name");
    json_t *messages = json_read_file(rest, MAX_FILE_BYTES, err);
    if (!messages || !talk_take_messages(repl->talk, messages, rest, err))
        return false;
    message("%zu messages loaded from %s", json_array_size(repl->talk->messages), rest);
    return true;
}

/* Ollama's names of options whose names differ from hob's. */
static const char *const renamed[][2] = {
    {"temperature", "temp"},   {"num_predict", "max-tokens"}, {"num_ctx", "ctx"},
    {"num_thread", "threads"}, {"typical_p", "typical"},      {"penalize_newline", ""},
};

static void show_line(const char *name, struct str value)
{
    struct buf inert = {0};
    text_inert(value, &inert);
    if (inert.len)
        output_format("  %-14s %.*s\n", name, (int)inert.len, inert.ptr);
    buf_clear(&inert);
}

/* The option that `name` means, in Ollama's words too; SIZE_MAX after an error. */
static size_t find_option(const char *name, struct hob_error *err)
{
    size_t n;
    const struct option *table = options_table(&n);
    const char *ours = name;
    for (size_t i = 0; i < sizeof renamed / sizeof *renamed; i++)
        if (strcmp(name, renamed[i][0]) == 0)
            ours = renamed[i][1];
    size_t at = options_find(str_of(ours));
    if (at == SIZE_MAX) {
        const char *names[160];
        size_t n_names = 0;
        for (size_t i = 0; i < n && n_names < 160; i++)
            if (table[i].group != OPTION_MACHINE)
                names[n_names++] = table[i].name;
        const char *meant = suggest(name, names, n_names);
        error_set(err, HOB_USAGE, "/set: %s: no such option%s%s%s", name, meant ? "; did you mean " : "",
                  meant ? meant : "", meant ? "?" : "");
    } else if (table[at].group == OPTION_MACHINE) {
        error_set(err, HOB_USAGE, "/set: %s cannot be changed in a chat; start hob with --%s", name, table[at].name);
        at = SIZE_MAX;
    }
    return at;
}

/* Sets the option at place `at` from a word, or as it was at the start. */
static bool set_option(struct repl *repl, size_t at, const char *text, struct hob_error *err)
{
    size_t n;
    const struct option *option = &options_table(&n)[at];
    struct option_value *value = &repl->args->options.values[at];
    if (strcmp(text, "default") == 0) {
        *value = repl->initial.values[at];
        return true;
    }
    if (option->kind == OPTION_TEXT && strcmp(text, "-") == 0)
        return error_set(err, HOB_USAGE, "/set: %s: standard input is the chat's; want a file", option->name);
    if (option->kind != OPTION_FLAG)
        return *text ? options_set(&repl->args->options, at, text, err)
                     : error_set(err, HOB_USAGE, "/set: %s: want a value, %s", option->name, option->value);
    bool off = strcmp(text, "off") == 0 || strcmp(text, "false") == 0;
    if (!off && *text && strcmp(text, "on") != 0 && strcmp(text, "true") != 0)
        return error_set(err, HOB_USAGE, "/set: %s: found \"%.40s\", want on or off", option->name, text);
    value->given = true;
    value->flag = !off;
    return true;
}

static bool set_parameter(struct repl *repl, const char *rest, struct hob_error *err)
{
    char name[64];
    size_t n;
    take_word(&rest, name);
    size_t at = find_option(name, err);
    if (at == SIZE_MAX)
        return false;
    struct option_value before = repl->args->options.values[at];
    if (!set_option(repl, at, rest, err))
        return false;
    if (!chat_check(repl->talk->opened->chat, err)) { /* every reply would be refused */
        repl->args->options.values[at] = before;
        return false;
    }
    show_line(options_table(&n)[at].name, *rest ? str_of(rest) : STR("on"));
    return true;
}

/* Prints the options that sampling and ends depend on, as they are. */
static void show_parameters(const struct repl *repl)
{
    json_t *options = options_json(&repl->args->options), *value;
    const char *key;
    json_object_foreach(options, key, value)
    {
        struct buf text = {0}, inert = {0};
        json_write(value, &text);
        text_inert(buf_view(&text), &inert);
        output_format("  %-20s %.*s\n", key, (int)inert.len, inert.ptr);
        buf_clear(&text);
        buf_clear(&inert);
    }
    json_decref(options);
}

static bool set_think(struct repl *repl, json_t *think)
{
    json_object_set_new(repl->talk->members, "think", think);
    return true;
}

/* Lets replies be free of any constraint. */
static bool drop_constraints(struct repl *repl)
{
    size_t n;
    const struct option *table = options_table(&n);
    for (size_t i = 0; i < n; i++)
        if (table[i].group == OPTION_CONSTRAIN)
            repl->args->options.values[i] = (struct option_value){0};
    return true;
}

/* The words that /set knows besides options; they take no value unless it is said. */
static bool set_word(struct repl *repl, const char *word, const char *rest, bool *known, struct hob_error *err)
{
    *known = true;
    if (strcmp(word, "verbose") == 0 || strcmp(word, "quiet") == 0)
        repl->talk->verbose = word[0] == 'v';
    else if (strcmp(word, "markdown") == 0 || strcmp(word, "nomarkdown") == 0)
        repl->talk->view.markdown = word[0] == 'm';
    else if (strcmp(word, "history") == 0 || strcmp(word, "nohistory") == 0)
        line_set_history(repl->lines, word[0] == 'h');
    else if (strcmp(word, "hide-thinking") == 0 || strcmp(word, "show-thinking") == 0)
        repl->talk->view.hide_thinking = word[0] == 'h';
    else if (strcmp(word, "nothink") == 0)
        return set_think(repl, json_false());
    else if (strcmp(word, "think") == 0)
        return set_think(repl, input_think(rest));
    else if (strcmp(word, "system") == 0)
        return do_system(repl, rest, err);
    else if (strcmp(word, "parameter") == 0)
        return set_parameter(repl, rest, err);
    else if (strcmp(word, "noformat") == 0)
        return drop_constraints(repl);
    else if (strcmp(word, "format") == 0 && strcmp(rest, "json") == 0)
        return set_parameter(repl, "json-object", err);
    else
        *known = false;
    return true;
}

static bool do_set(struct repl *repl, const char *rest, struct hob_error *err)
{
    char word[64];
    bool known;
    const char *after = rest;
    take_word(&after, word);
    if (!*word) {
        output_format("  /set NAME VALUE       an option of replies: temp, seed, max-tokens, stop, ...\n"
                      "  /set NAME default     as it was at the start\n"
                      "  /set think [LEVEL]    /set nothink\n"
                      "  /set hide-thinking    /set show-thinking\n"
                      "  /set format json      /set noformat\n"
                      "  /set verbose          /set quiet\n"
                      "  /set markdown         /set nomarkdown\n"
                      "  /set history          /set nohistory\n"
                      "  /set system TEXT\n\n");
        show_parameters(repl);
        return true;
    }
    bool good = set_word(repl, word, after, &known, err);
    return known ? good : set_parameter(repl, rest, err);
}

static bool do_show(struct repl *repl, const char *rest, struct hob_error *err)
{
    const struct model *model = repl->talk->opened->model;
    const struct engine_plan *plan = engine_get_plan(repl->talk->opened->engine);
    struct buf inert = {0};
    if (strcmp(rest, "template") == 0 || strcmp(rest, "license") == 0) {
        text_inert(*rest == 't' ? model_template_text(model, false) : model_license(model), &inert);
        output_format("%.*s\n", (int)inert.len, inert.len ? inert.ptr : "");
        buf_clear(&inert);
        return true;
    }
    if (strcmp(rest, "system") == 0)
        return do_system(repl, "", err);
    if (strcmp(rest, "parameters") == 0) {
        show_parameters(repl);
        return true;
    }
    if (*rest && strcmp(rest, "info") != 0)
        return error_set(err, HOB_USAGE, "/show: want info, parameters, system, template or license");
    show_line("model", str_of(model->path));
    show_line("title", model_title(model));
    show_line("architecture", model_architecture(model));
    show_line("license", model_license(model));
    output_format("  %-14s %zu tokens\n", "context", plan->ctx);
    output_format("  %-14s %zu\n", "messages", json_array_size(repl->talk->messages));
    show_line("system", talk_system(repl->talk));
    return true;
}

static bool do_help(struct repl *repl, const char *rest, struct hob_error *err);

static const struct slash commands[] = {
    {"help", "", "this list", do_help},
    {"set", "NAME VALUE", "change an option of the chat; /set alone lists them", do_set},
    {"system", "TEXT", "give the system message, or show it", do_system},
    {"show", "", "the model and the chat; also parameters, template, license", do_show},
    {"clear", "", "forget the conversation", do_clear},
    {"retry", "", "ask for the last answer again", do_retry},
    {"save", "FILE", "write the messages as JSON", do_save},
    {"load", "FILE", "go on from saved messages", do_load},
    {"quit", "", "leave (also Ctrl-D)", do_quit},
    {"bye", "", NULL, do_quit},
    {"exit", "", NULL, do_quit},
    {"?", "", NULL, do_help},
};

enum { N_COMMANDS = sizeof commands / sizeof *commands };

static bool do_help(struct repl *repl, const char *rest, struct hob_error *err)
{
    (void)repl, (void)rest, (void)err;
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (commands[i].help) {
            char spelling[48];
            snprintf(spelling, sizeof spelling, "/%s %s", commands[i].name, commands[i].value);
            output_format("  %-18s %s\n", spelling, commands[i].help);
        }
    output_format("\n  \"\"\" starts and ends a text of several lines; Ctrl-C stops the answer.\n"
                  "  Up and Down go through what was typed.\n"
                  "  A line that starts with a space is never a command.\n");
    return true;
}

bool slash_run(struct repl *repl, struct str line, struct hob_error *err)
{
    struct buf copy = {0};
    struct hob_error mistake = {0};
    char name[64];
    const struct slash *found = NULL;
    if (!buf_str(&copy, line) || !buf_text(&copy))
        return error_memory(err, line.len);
    while (copy.len && (copy.ptr[copy.len - 1] == ' ' || copy.ptr[copy.len - 1] == '\t'))
        copy.ptr[--copy.len] = '\0';
    const char *rest = copy.ptr + 1;
    take_word(&rest, name);
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            found = &commands[i];
    if (found && !found->run(repl, rest, &mistake)) {
        message_error(&mistake);
    } else if (!found) {
        const char *names[N_COMMANDS], *meant;
        for (size_t i = 0; i < N_COMMANDS; i++)
            names[i] = commands[i].name;
        meant = suggest(name, names, N_COMMANDS);
        if (meant)
            message("/%s: no such command; did you mean /%s?", name, meant);
        else
            message("/%s: no such command (see /help; a line that starts with a space is never a command)", name);
    }
    buf_clear(&copy);
    return true;
}
