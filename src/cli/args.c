/* SPDX-License-Identifier: Apache-2.0
 *
 * Words and options of a command line. Options may stand anywhere: `--name value`, `--name=value`, `--no-name` for a
 * flag, `-n value`, `-nvalue`; `--` ends them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"

enum { MAX_NAMES = 160 }; /* candidates for a suggestion */

/* An option found by name: what it is and where its value goes. */
struct found {
    const struct option *option; /* NULL: none */
    struct option_value *value;
    struct arena *arena;
};

/* The option at place `at` of chat/options.h, if the command takes its group. */
static struct found find_shared(struct args *args, size_t at)
{
    size_t n;
    const struct option *table = options_table(&n);
    if (at == SIZE_MAX || !(args->command->takes & 1u << table[at].group))
        return (struct found){0};
    return (struct found){&table[at], &args->options.values[at], &args->options.arena};
}

static struct found find_long(struct args *args, struct str name)
{
    const struct option *own = args->command->options;
    for (size_t i = 0; own && own[i].name; i++)
        if (str_eq(name, str_of(own[i].name)))
            return (struct found){&own[i], &args->own[i], &args->arena};
    return find_shared(args, memchr(name.ptr, '_', name.len) ? SIZE_MAX : options_find(name));
}

static struct found find_letter(struct args *args, char letter)
{
    const struct option *own = args->command->options;
    for (size_t i = 0; own && own[i].name; i++)
        if (letter && own[i].letter == letter)
            return (struct found){&own[i], &args->own[i], &args->arena};
    return find_shared(args, options_find_letter(letter));
}

/* Names of all options the command has. Returns how many. */
static size_t list_names(const struct args *args, const char *names[MAX_NAMES])
{
    size_t n = 0, n_table;
    const struct option *own = args->command->options, *table = options_table(&n_table);
    names[n++] = "help";
    if (args->command->json)
        names[n++] = "json";
    if (args->command->wall)
        names[n++] = "allow-unsandboxed";
    for (size_t i = 0; own && own[i].name && n < MAX_NAMES; i++)
        names[n++] = own[i].name;
    for (size_t i = 0; i < n_table && n < MAX_NAMES; i++)
        if (args->command->takes & 1u << table[i].group)
            names[n++] = table[i].name;
    return n;
}

static bool unknown_option(const struct args *args, const char *word, struct str name, struct hob_error *err)
{
    const char *names[MAX_NAMES], *meant = NULL;
    char copy[64];
    if (name.len > 0 && name.len < sizeof copy) {
        memcpy(copy, name.ptr, name.len);
        copy[name.len] = '\0';
        meant = suggest(copy, names, list_names(args, names));
    }
    if (meant)
        return error_set(err, HOB_USAGE, "%.60s: no such option of \"hob %s\"; did you mean --%s?", word,
                         args->command->name, meant);
    return error_set(err, HOB_USAGE, "%.60s: no such option of \"hob %s\" (see \"hob %s --help\"; text goes after --)",
                     word, args->command->name, args->command->name);
}

/* Whether the value may be left out. */
static bool is_optional(const struct option *option)
{
    return option->kind != OPTION_FLAG && option->value && option->value[0] == '[';
}

/* Takes the long option `word`; `next` (may be NULL) is the word after it, `*used_next` whether it was its value. */
static bool take_long(struct args *args, const char *word, const char *next, bool *used_next, struct hob_error *err)
{
    const char *equals = strchr(word, '=');
    struct str name = equals ? (struct str){word + 2, (size_t)(equals - word - 2)} : str_of(word + 2);
    const char *text = equals ? equals + 1 : NULL;
    bool is_json = args->command->json && str_eq(name, STR("json"));
    bool is_wall = args->command->wall && str_eq(name, STR("allow-unsandboxed"));
    if (is_json || is_wall || str_eq(name, STR("help"))) {
        if (text)
            return error_set(err, HOB_USAGE, "%.60s: takes no value", word);
        *(is_json ? &args->json : is_wall ? &args->allow_unsandboxed : &args->help) = true;
        return true;
    }
    struct found found = find_long(args, name);
    if (!found.option && !text && str_starts(name, STR("no-"))) {
        found = find_long(args, (struct str){name.ptr + 3, name.len - 3});
        if (!found.option || found.option->kind != OPTION_FLAG)
            return unknown_option(args, word, name, err);
        found.value->given = true;
        found.value->flag = false;
        return true;
    }
    if (!found.option)
        return unknown_option(args, word, name, err);
    if (!text && is_optional(found.option)) {
        text = "";
    } else if (!text && found.option->kind != OPTION_FLAG) {
        text = next;
        *used_next = true;
    }
    return option_set(found.option, found.value, found.arena, text, err);
}

/* Takes a word of short options: flags, of which the last may be an option with its value. */
static bool take_short(struct args *args, const char *word, const char *next, bool *used_next, struct hob_error *err)
{
    for (const char *c = word + 1; *c; c++) {
        if (*c == 'h') {
            args->help = true;
            continue;
        }
        struct found found = find_letter(args, *c);
        if (!found.option)
            return unknown_option(args, word, (struct str){0}, err);
        const char *text = NULL;
        bool is_flag = found.option->kind == OPTION_FLAG;
        if (!is_flag && c[1]) {
            text = c[1] == '=' ? c + 2 : c + 1;
        } else if (!is_flag && !is_optional(found.option)) {
            text = next;
            *used_next = true;
        } else if (!is_flag) {
            text = "";
        }
        if (!option_set(found.option, found.value, found.arena, text, err))
            return false;
        if (!is_flag)
            break;
    }
    return true;
}

/* Defaults of the command's own options. */
static bool init_own(struct args *args, struct hob_error *err)
{
    const struct option *own = args->command->options;
    size_t n = 0;
    while (own && own[n].name)
        n++;
    args->own = arena_array(&args->arena, n + 1, sizeof *args->own);
    if (!args->own)
        return error_memory(err, n * sizeof *args->own);
    for (size_t i = 0; i < n; i++) {
        if (own[i].initial && !option_set(&own[i], &args->own[i], &args->arena, own[i].initial, err))
            return false;
        args->own[i].given = false;
    }
    return true;
}

/* What goes into a report is no use without it. */
static bool check_reports(const struct args *args, struct hob_error *err)
{
    size_t n;
    const struct option *table = options_table(&n);
    for (size_t i = 0; i < n; i++)
        if (table[i].group == OPTION_REPORT && args->options.values[i].given && args->command->json && !args->json)
            return error_set(err, HOB_USAGE, "--%s: is told in the reply of --json", table[i].name);
    return true;
}

static bool count_words(const struct args *args, struct hob_error *err)
{
    const struct command *command = args->command;
    if (args->n_words < command->min_words)
        return error_set(err, HOB_USAGE, "usage: hob %s %s (see \"hob %s --help\")", command->name, command->usage,
                         command->name);
    if (args->n_words > command->max_words)
        return error_set(err, HOB_USAGE, "\"%.60s\": one word too many; usage: hob %s %s",
                         args->words[command->max_words], command->name, command->usage);
    return true;
}

bool args_parse(struct args *args, const struct command *command, int argc, char **argv, struct hob_error *err)
{
    *args = (struct args){.command = command};
    args->words = arena_array(&args->arena, (size_t)argc + 1, sizeof *args->words);
    if (!args->words)
        return error_memory(err, (size_t)argc * sizeof *args->words);
    if (!options_init(&args->options, err) || !init_own(args, err))
        return false;
    bool ended = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
        bool used_next = false, good = true;
        if (ended || word[0] != '-' || !word[1])
            args->words[args->n_words++] = word;
        else if (strcmp(word, "--") == 0)
            ended = true;
        else
            good = word[1] == '-' ? take_long(args, word, next, &used_next, err)
                                  : take_short(args, word, next, &used_next, err);
        if (args->help)
            return true;
        if (!good)
            return false;
        i += used_next;
    }
    return count_words(args, err) && check_reports(args, err);
}

void args_clear(struct args *args)
{
    options_clear(&args->options);
    arena_clear(&args->arena);
}

const struct option_value *args_own(const struct args *args, const char *name)
{
    size_t i = 0;
    while (strcmp(args->command->options[i].name, name) != 0)
        i++;
    return &args->own[i];
}

/* Whether the option is a file to read, and that is standard input. */
static bool is_stdin(const struct option *option, const struct option_value *value)
{
    return option->kind == OPTION_TEXT && value->given && strcmp(value->text, "-") == 0 && option->value &&
           strstr(option->value, "FILE") && strcmp(option->name, "output") != 0;
}

size_t args_n_stdin(const struct args *args)
{
    const struct option *own = args->command->options;
    size_t n_table, n = 0;
    const struct option *table = options_table(&n_table);
    for (size_t i = 0; own && own[i].name; i++)
        n += is_stdin(&own[i], &args->own[i]);
    for (size_t i = 0; i < n_table; i++)
        n += is_stdin(&table[i], &args->options.values[i]);
    return n;
}
