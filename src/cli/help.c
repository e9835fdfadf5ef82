/* SPDX-License-Identifier: Apache-2.0
 *
 * hob --help, hob help, hob NAME --help.
 */
#include "cli/help.h"

#include <stdio.h>

#include "base/error.h"
#include "cli/output.h"

enum { MAX_OPTIONS = 160, OPTION_COLUMN = 30, MAX_WIDTH = 100 };

static const char *const group_sections[] = {
    [OPTION_MACHINE] = "Running the model",
    [OPTION_SAMPLING] = "Sampling",
    [OPTION_END] = "Where the reply ends",
    [OPTION_CONSTRAIN] = "Constraints on the reply",
    [OPTION_REPORT] = "Options",
};

static const struct option help_row = {.name = "help", .letter = 'h', .kind = OPTION_FLAG, .help = "show this help"};

static const struct option wall_row = {
    .name = "allow-unsandboxed",
    .kind = OPTION_FLAG,
    .help =
        "go on where the system lacks what a wall is made of (also $HOB_ALLOW_UNSANDBOXED); hob selftest shows them",
};

size_t help_options(const struct command *command, struct help_option *out, size_t max)
{
    size_t n = 0, n_table;
    const struct option json_row = {.name = "json", .kind = OPTION_FLAG, .help = command->json};
    const struct option *own = command->options, *table = options_table(&n_table);
    for (size_t i = 0; own && own[i].name && n + 3 < max; i++)
        out[n++] = (struct help_option){own[i], "Options"};
    size_t n_own = n;
    static const enum option_group order[] = {OPTION_REPORT, OPTION_MACHINE, OPTION_END, OPTION_SAMPLING,
                                              OPTION_CONSTRAIN};
    for (size_t g = 0; g < sizeof order / sizeof *order; g++) {
        for (size_t i = 0; i < n_table && n + 3 < max; i++) {
            bool hidden = table[i].group != order[g] || !(command->takes & 1u << order[g]);
            for (size_t k = 0; k < n_own; k++)
                hidden = hidden || strcmp(own[k].name, table[i].name) == 0;
            if (!hidden)
                out[n++] = (struct help_option){table[i], group_sections[order[g]]};
        }
        if (g > 0)
            continue;
        if (command->json)
            out[n++] = (struct help_option){json_row, "Options"};
        if (command->wall)
            out[n++] = (struct help_option){wall_row, "Options"};
        out[n++] = (struct help_option){help_row, "Options"};
    }
    return n;
}

void help_spelling(const struct option *option, char *out, size_t size)
{
    char letter[8] = "", value[64] = "";
    bool is_negatable = option->kind == OPTION_FLAG && option->value;
    if (option->letter)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    if (option->value && option->value[0] == '[' && !is_negatable)
        snprintf(value, sizeof value, "[=%s", option->value + 1);
    else if (option->value && !is_negatable)
        snprintf(value, sizeof value, " %s", option->value);
    snprintf(out, size, "%s--%s%s%s", letter, is_negatable ? option->value : "", option->name, value);
}

static unsigned help_width(void)
{
    unsigned columns = terminal_columns();
    return columns > MAX_WIDTH ? MAX_WIDTH : columns;
}

/* Prints words wrapped at the width; lines after the first start at column `indent`, the first is at `column`. */
static void print_wrapped(struct str text, unsigned column, unsigned indent)
{
    unsigned width = help_width(), at = column;
    bool first = true;
    for (size_t i = 0; i < text.len;) {
        size_t end = i;
        while (end < text.len && text.ptr[end] != ' ' && text.ptr[end] != '\n')
            end++;
        unsigned len = (unsigned)(end - i);
        if (len && !first && at + 1 + len > width) {
            output_format("\n%*s", (int)indent, "");
            at = indent;
            first = true;
        }
        if (len) {
            output_format("%s%.*s", first ? "" : " ", (int)len, text.ptr + i);
            at += len + !first;
            first = false;
        }
        i = end + 1;
    }
    output_format("\n");
}

static void print_heading(const char *text)
{
    output_format("\n%s%s%s\n", style_on(STYLE_BOLD), text, style_on(STYLE_PLAIN));
}

/* Prints paragraphs; lines that start with a space as they are. */
static void print_paragraphs(const char *text)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t len = end ? (size_t)(end - text) : strlen(text);
        output_format("\n");
        if (*text == ' ')
            output_format("%.*s\n", (int)len, text);
        else
            print_wrapped((struct str){text, len}, 0, 0);
        text += len + (end ? 2 : 0);
    }
}

static void print_option(const struct option *option)
{
    char spelling[128];
    struct buf text = {0};
    help_spelling(option, spelling, sizeof spelling);
    buf_format(&text, "%s", option->help);
    if (option->initial && option->kind != OPTION_FLAG)
        buf_format(&text, " (default: %s)", option->initial);
    const char *indent = option->letter ? "  " : "      ";
    int len = (int)strlen(indent) + (int)strlen(spelling);
    output_format("%s%s%s%s", indent, style_on(STYLE_CYAN), spelling, style_on(STYLE_PLAIN));
    if (len + 2 > OPTION_COLUMN)
        output_format("\n%*s", OPTION_COLUMN, "");
    else
        output_format("%*s", OPTION_COLUMN - len, "");
    print_wrapped(buf_view(&text), OPTION_COLUMN, OPTION_COLUMN);
    buf_clear(&text);
}

void help_print_command(const struct command *command)
{
    struct help_option options[MAX_OPTIONS];
    size_t n = help_options(command, options, MAX_OPTIONS);
    output_format("%shob %s%s %s%s\n", style_on(STYLE_BOLD), command->name, style_on(STYLE_PLAIN), command->usage,
                  n ? " [OPTION...]" : "");
    output_format("\n%s.\n", command->summary);
    if (command->help)
        print_paragraphs(command->help);
    if (command->examples && command->examples[0].line)
        print_heading("Examples");
    for (const struct example *e = command->examples; e && e->line; e++)
        output_format("  %s\n      %s%s%s\n", e->line, style_on(STYLE_DIM), e->does, style_on(STYLE_PLAIN));
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(options[i].section, options[i - 1].section) != 0)
            print_heading(options[i].section);
        print_option(&options[i].option);
    }
}

void help_print_program(void)
{
    output_format("%shob%s COMMAND [WORD...] [OPTION...]\n\n", style_on(STYLE_BOLD), style_on(STYLE_PLAIN));
    print_wrapped(
        STR("Runs open-weight AI models on this machine. MODEL is a .gguf file, a Hugging Face folder, or the "
            "name of a model of the library."),
        0, 0);
    print_heading("Commands");
    for (const struct command *const *c = commands_all(); *c; c++) {
        if ((*c)->hidden)
            continue;
        output_format("  %s%-12s%s ", style_on(STYLE_CYAN), (*c)->name, style_on(STYLE_PLAIN));
        print_wrapped(str_of((*c)->summary), 15, 15);
    }
    print_heading("Examples");
    output_format("  hob run smollm2\n  hob run smollm2 \"Why is the sky blue?\"\n"
                  "  git diff | hob run qwen2.5-coder-0.5b \"Write a commit message\"\n");
    output_format("\n\"hob help COMMAND\" tells more of one; \"hob --version\" tells the version.\n");
}

static bool help_run(struct args *args, struct hob_error *err)
{
    if (args->n_words == 0) {
        help_print_program();
        return true;
    }
    const struct command *command = commands_find(args->words[0]);
    if (!command)
        return error_set(err, HOB_USAGE, "%.60s: no such command (see \"hob --help\")", args->words[0]);
    help_print_command(command);
    return true;
}

const struct command help_command = {
    .name = "help",
    .summary = "Tells what a command does and which options it has",
    .usage = "[COMMAND]",
    .max_words = 1,
    .run = help_run,
};
