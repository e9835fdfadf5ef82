/* SPDX-License-Identifier: Apache-2.0
 *
 * hob man: manual pages in the man(7) language, which the build installs.
 */
#include <stdio.h>

#include "base/error.h"
#include "cli/help.h"
#include "cli/output.h"

enum { MAX_OPTIONS = 160 };

/* Prints text with what roff would act on made plain. */
static void print_text(struct str text)
{
    bool starts = true;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (starts && (c == '.' || c == '\''))
            output_format("\\&");
        if (c == '\\')
            output_format("\\e");
        else if (c == '"') /* else it would quote a macro's words */
            output_format("\\(dq");
        else
            output_format(c == '-' ? "\\-" : "%c", c);
        starts = c == '\n';
    }
}

static void print_line(const char *before, const char *text, const char *after)
{
    output_format("%s", before);
    print_text(str_of(text));
    output_format("%s\n", after);
}

static void print_title(const char *page, const char *summary)
{
    output_format(".TH %s 1 \"\" \"hob %s\" \"hob manual\"\n.SH NAME\n%s \\- ", page, HOB_VERSION, page);
    print_text(str_of(summary));
    output_format("\n");
}

static void print_paragraphs(const char *text)
{
    while (text && *text) {
        const char *end = strstr(text, "\n\n");
        size_t len = end ? (size_t)(end - text) : strlen(text);
        bool as_is = *text == ' ';
        output_format(as_is ? ".PP\n.nf\n" : ".PP\n");
        print_text((struct str){text, len});
        output_format(as_is ? "\n.fi\n" : "\n");
        text += len + (end ? 2 : 0);
    }
}

/* Begins a section, named in capitals as those of every page. */
static void print_section(const char *name)
{
    output_format(".SH \"");
    for (; *name; name++)
        output_format("%c", *name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name);
    output_format("\"\n");
}

static void print_options(const struct command *command)
{
    struct help_option options[MAX_OPTIONS];
    size_t n = help_options(command, options, MAX_OPTIONS);
    for (size_t i = 0; i < n; i++) {
        char spelling[128];
        const struct option *option = &options[i].option;
        if (i == 0 || strcmp(options[i].section, options[i - 1].section) != 0)
            print_section(options[i].section);
        help_spelling(option, spelling, sizeof spelling);
        print_line(".TP\n.B ", spelling, "");
        print_text(str_of(option->help));
        if (option->initial && option->kind != OPTION_FLAG) {
            output_format(" (default: ");
            print_text(str_of(option->initial));
            output_format(")");
        }
        output_format("\n");
    }
}

static void print_command_page(const struct command *command)
{
    char page[64];
    snprintf(page, sizeof page, "hob-%s", command->name);
    print_title(page, command->summary);
    print_line(".SH SYNOPSIS\n.B hob ", command->name, "");
    if (*command->usage)
        print_line("", command->usage, "");
    output_format("[OPTION...]\n");
    output_format(".SH DESCRIPTION\n");
    print_text(str_of(command->summary));
    output_format(".\n");
    print_paragraphs(command->help);
    print_options(command);
    if (command->examples && command->examples[0].line)
        output_format(".SH EXAMPLES\n");
    for (const struct example *e = command->examples; e && e->line; e++) {
        print_line(".TP\n.B ", e->line, "");
        print_line("", e->does, "");
    }
    output_format(".SH \"SEE ALSO\"\n.BR hob (1)\n");
}

static void print_program_page(void)
{
    print_title("hob", "runs open-weight AI models on this machine");
    output_format(".SH SYNOPSIS\n.B hob\nCOMMAND [WORD...] [OPTION...]\n.SH COMMANDS\n");
    for (const struct command *const *c = commands_all(); *c; c++) {
        if ((*c)->hidden)
            continue;
        output_format(".TP\n.BR hob\\-%s (1)\n", (*c)->name);
        print_line("", (*c)->summary, "");
    }
    output_format(
        ".SH MODELS\nMODEL is a path to a .gguf file (the first of a split set too), a path to a Hugging Face "
        "folder, or the name of a model of the library.\n");
    output_format(".SH \"EXIT STATUS\"\n");
    static const char *const codes[][2] = {
        {"0", "ok"},        {"2", "usage"},           {"3", "malformed or unsupported"},
        {"4", "not found"}, {"5", "limit or memory"}, {"6", "refused by policy"},
        {"7", "disk"},      {"8", "integrity"},       {"130", "interrupted"},
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        output_format(".TP\n.B %s\n%s\n", codes[i][0], codes[i][1]);
    output_format(".SH ENVIRONMENT\n.TP\n.B HOB_HOME\nthe data directory (default: ~/.local/share/hob)\n"
                  ".TP\n.B HOB_ISA\nthe kernel set, as \\-\\-isa\n"
                  ".TP\n.B NO_COLOR\nno styles on the terminal\n");
}

static bool man_run(struct args *args, struct hob_error *err)
{
    if (args_own(args, "list")->flag) {
        for (const struct command *const *c = commands_all(); *c; c++)
            if (!(*c)->hidden)
                output_format("%s\n", (*c)->name);
        return true;
    }
    if (args->n_words == 0) {
        print_program_page();
        return true;
    }
    const struct command *command = commands_find(args->words[0]);
    if (!command)
        return error_set(err, HOB_USAGE, "%.60s: no such command", args->words[0]);
    print_command_page(command);
    return true;
}

static const struct option options[] = {
    {.name = "list", .kind = OPTION_FLAG, .help = "print the names of the commands"},
    {0},
};

const struct command man_command = {
    .name = "man",
    .summary = "Prints a manual page, of hob or of a command, for man",
    .usage = "[COMMAND]",
    .options = options,
    .max_words = 1,
    .hidden = true,
    .run = man_run,
};
