/* SPDX-License-Identifier: Apache-2.0
 *
 * hob completion: scripts that complete hob's words in a shell, which the build installs.
 */
#include "base/error.h"
#include "cli/help.h"
#include "cli/output.h"

enum { MAX_OPTIONS = 160 };

/* Prints text within single quotes of a shell (`escape` is what ends them, adds a quote and starts them anew), without
 * the characters in `drop`. */
static void print_quoted(const char *text, const char *escape, const char *drop)
{
    for (; *text; text++)
        if (*text == '\'')
            output_format("%s", escape);
        else if (!byte_in(*text, drop))
            output_format("%c", *text);
}

static bool takes_value(const struct option *option)
{
    return option->kind != OPTION_FLAG && option->value[0] != '[';
}

/* Whether the command's first word is a model. */
static bool takes_model(const struct command *command)
{
    return strncmp(command->usage, "MODEL", 5) == 0;
}

static void print_bash(void)
{
    output_format("# bash completion of hob\n"
                  "_hob() {\n"
                  "    local word=${COMP_WORDS[COMP_CWORD]} options= model=\n"
                  "    if ((COMP_CWORD == 1)); then\n"
                  "        COMPREPLY=($(compgen -W '");
    for (const struct command *const *c = commands_all(); *c; c++)
        if (!(*c)->hidden)
            output_format("%s ", (*c)->name);
    output_format("--help --version' -- \"$word\"))\n"
                  "        return\n"
                  "    fi\n"
                  "    case ${COMP_WORDS[1]} in\n");
    for (const struct command *const *c = commands_all(); *c; c++) {
        struct help_option options[MAX_OPTIONS];
        size_t n = (*c)->hidden ? 0 : help_options(*c, options, MAX_OPTIONS);
        if (n == 0)
            continue;
        output_format("    %s)%s options='", (*c)->name, takes_model(*c) ? " model=1" : "");
        for (size_t i = 0; i < n; i++)
            output_format("--%s ", options[i].option.name);
        output_format("' ;;\n");
    }
    output_format("    esac\n"
                  "    if [[ $word == -* ]]; then\n"
                  "        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
                  "    elif [[ $model ]] && ((COMP_CWORD == 2)); then\n"
                  "        COMPREPLY=($(compgen -W \"$(hob list 2>/dev/null | awk 'NR > 1 {print $1}')\" -- \"$word\")"
                  " $(compgen -f -- \"$word\"))\n"
                  "    else\n"
                  "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
                  "    fi\n"
                  "}\n"
                  "complete -o filenames -F _hob hob\n");
}

static void print_zsh(void)
{
    output_format("#compdef hob\n"
                  "_hob_model() {\n"
                  "    local -a names=(${(f)\"$(hob list 2>/dev/null | awk 'NR > 1 {print $1}')\"})\n"
                  "    compadd -a names\n"
                  "    _files\n"
                  "}\n"
                  "_hob() {\n"
                  "    if ((CURRENT == 2)); then\n"
                  "        local -a commands=(\n");
    for (const struct command *const *c = commands_all(); *c; c++) {
        if ((*c)->hidden)
            continue;
        output_format("            '%s:", (*c)->name);
        print_quoted((*c)->summary, "'\\''", ":");
        output_format("'\n");
    }
    output_format("        )\n"
                  "        _describe command commands\n"
                  "        return\n"
                  "    fi\n"
                  "    local command=$words[2]\n"
                  "    shift words\n"
                  "    ((CURRENT--))\n"
                  "    case $command in\n");
    for (const struct command *const *c = commands_all(); *c; c++) {
        struct help_option options[MAX_OPTIONS];
        size_t n = (*c)->hidden ? 0 : help_options(*c, options, MAX_OPTIONS);
        if (n == 0)
            continue;
        output_format("    %s)\n        _arguments", (*c)->name);
        for (size_t i = 0; i < n; i++) {
            const struct option *option = &options[i].option;
            output_format(" \\\n            '%s--%s%s[", option->kind == OPTION_LIST ? "*" : "", option->name,
                          takes_value(option) ? "=" : "");
            print_quoted(option->help, "'\\''", "[]");
            output_format("]%s'", takes_value(option) ? ":value:_files" : "");
        }
        output_format(" \\\n            '1:%s' '*:file:_files'\n        ;;\n",
                      takes_model(*c) ? "model:_hob_model" : "word:_files");
    }
    output_format("    esac\n"
                  "}\n"
                  "_hob \"$@\"\n");
}

static void print_fish(void)
{
    output_format("# fish completion of hob\n");
    for (const struct command *const *c = commands_all(); *c; c++) {
        struct help_option options[MAX_OPTIONS];
        size_t n = (*c)->hidden ? 0 : help_options(*c, options, MAX_OPTIONS);
        if (n == 0)
            continue;
        output_format("complete -c hob -n __fish_use_subcommand -f -a %s -d '", (*c)->name);
        print_quoted((*c)->summary, "\\'", "");
        output_format("'\n");
        if (takes_model(*c))
            output_format("complete -c hob -n '__fish_seen_subcommand_from %s' -a "
                          "\"(hob list 2>/dev/null | awk 'NR > 1 {print \\$1}')\"\n",
                          (*c)->name);
        for (size_t i = 0; i < n; i++) {
            const struct option *option = &options[i].option;
            output_format("complete -c hob -n '__fish_seen_subcommand_from %s' -l %s", (*c)->name, option->name);
            if (option->letter)
                output_format(" -s %c", option->letter);
            output_format("%s -d '", takes_value(option) ? " -r" : "");
            print_quoted(option->help, "\\'", "");
            output_format("'\n");
        }
    }
}

static bool completion_run(struct args *args, struct hob_error *err)
{
    if (strcmp(args->words[0], "bash") == 0)
        print_bash();
    else if (strcmp(args->words[0], "zsh") == 0)
        print_zsh();
    else if (strcmp(args->words[0], "fish") == 0)
        print_fish();
    else
        return error_set(err, HOB_USAGE, "%.60s: no such shell, want bash, zsh or fish", args->words[0]);
    return true;
}

const struct command completion_command = {
    .name = "completion",
    .summary = "Prints a script that completes hob's words in a shell",
    .usage = "bash|zsh|fish",
    .min_words = 1,
    .max_words = 1,
    .hidden = true,
    .run = completion_run,
};
