/* SPDX-License-Identifier: Apache-2.0
 *
 * The frame of the command line. A command is one file and one `struct command`, listed in main.c; its help, man page
 * and completions come from that description, its words and options arrive parsed in `struct args`.
 *
 * What a command writes: results through output.h, messages and progress to standard error (progress.h). A failure is
 * returned as an error, which main.c prints; its status is the exit code.
 */
#ifndef HOB_CLI_CLI_H
#define HOB_CLI_CLI_H

#include "chat/options.h"

/* The groups of chat/options.h that a command takes, as bits. */
enum command_takes {
    TAKES_MACHINE = 1 << OPTION_MACHINE,
    TAKES_SAMPLING = 1 << OPTION_SAMPLING,
    TAKES_END = 1 << OPTION_END,
    TAKES_CONSTRAIN = 1 << OPTION_CONSTRAIN,
    TAKES_REPORT = 1 << OPTION_REPORT,
    TAKES_ALL = TAKES_MACHINE | TAKES_SAMPLING | TAKES_END | TAKES_CONSTRAIN | TAKES_REPORT
};

/* When a command's walls are raised (wall/wall.h). */
enum command_wall {
    WALL_NONE,    /* it sees no text */
    WALL_AT_ONCE, /* before it runs; what its words and options name stays open to it */
    WALL_LATER    /* it calls seal() itself */
};

struct args;

struct example {
    const char *line; /* as typed */
    const char *does; /* half a sentence */
};

/* One command. All texts live for ever. Paragraphs and examples are wrapped when they are shown. */
struct command {
    const char *name;
    const char *summary; /* for lists: a verb and what it does, no full stop */
    const char *usage;   /* what follows the name: "MODEL [PROMPT...]" */
    const char *help;    /* paragraphs, parted by an empty line; lines that start with a space stay as they are */
    const struct example *examples; /* ends with {0} */
    const struct option *options;   /* its own, ends with {0}; they hide those of the same name in chat/options.h.
                                       A value in brackets may be left out ("[LEVEL]": `--think`, `--think=LEVEL`);
                                       "[no-]" on a flag: help also shows `--no-NAME`. NULL: none */
    unsigned takes;                 /* enum command_takes */
    const char *json;               /* what --json prints; NULL: there is no --json */
    size_t min_words, max_words;    /* positional words; SIZE_MAX: any number */
    bool hidden;                    /* left out of lists */
    enum command_wall wall;
    /* Does it. False after filling `err`, whose status is the exit code. */
    bool (*run)(struct args *args, struct hob_error *err);
};

/* A parsed command line. */
struct args {
    const struct command *command;
    const char **words; /* [n_words], borrowed from argv */
    size_t n_words;
    bool json;
    bool allow_unsandboxed;   /* or the environment's HOB_ALLOW_UNSANDBOXED */
    bool help;                /* --help was given; nothing else was checked */
    struct options options;   /* chat/options.h: defaults, and what was given */
    struct option_value *own; /* one for each of command->options */
    struct arena arena;
};

/* Parses what follows the command's name: `argv` [argc]. HOB_USAGE names the option or word that is wrong, with a
 * suggestion. The caller clears `args` also after a failure. */
bool args_parse(struct args *args, const struct command *command, int argc, char **argv, struct hob_error *err);

/* Frees what args_parse() took. */
void args_clear(struct args *args);

/* The value of one of the command's own options, which is in its table. */
const struct option_value *args_own(const struct args *args, const char *name);

/* How many of the files that options name are standard input ("-"). */
size_t args_n_stdin(const struct args *args);

/* All commands, in the order of help; ends with NULL. Lives for ever (main.c). */
const struct command *const *commands_all(void);

/* The command of that name, or NULL. */
const struct command *commands_find(const char *name);

/* The entry of `names` [n] that `word` may have meant, or NULL. */
const char *suggest(const char *word, const char *const *names, size_t n);

#endif
