/* SPDX-License-Identifier: Apache-2.0
 *
 * What a command reads: ids, text, JSON, from words, options, files or standard input.
 */
#ifndef HOB_CLI_INPUT_H
#define HOB_CLI_INPUT_H

#include <stdio.h>

#include "cli/cli.h"

/* Largest text or JSON file that a command reads whole. */
#define INPUT_MAX_BYTES ((size_t)1 << 30)

/* Appends the ids of "1,2,3" (also parted by white space, also in brackets), none where there are none; `name` stands
 * in the error. The caller clears `ids`. */
bool input_ids(const char *name, struct str text, struct ids *ids, struct hob_error *err);

/* Whether standard input is something that can be read without asking a person: not a terminal. */
bool input_is_piped(void);

/* Loads standard input; HOB_USAGE with `want` ("a prompt") when it is a terminal. The caller clears `out`. */
bool input_piped(const char *want, struct buf *out, struct hob_error *err);

/* Refuses options that want standard input when it is `taken`, or more than one. */
bool input_check_stdin(const struct args *args, bool taken, struct hob_error *err);

/* Opens a file of lines ("-": standard input); *name is for errors. The caller closes it. */
FILE *input_open(const char *path, const char **name, struct hob_error *err);

/* Reads the next line of `file` into `line`, without its newline, and sets `*end` where there is none left. HOB_LIMIT
 * past `max` bytes. `name` stands in the error. The caller clears `line`. */
bool input_line(FILE *file, const char *name, size_t max, struct buf *line, bool *end, struct hob_error *err);

/* Reads a time, seconds since 1970 or a local date with or without a time, into JSON seconds. `name` stands in the
 * error. The caller owns the reference. */
bool input_time(const char *name, const char *text, json_t **now, struct hob_error *err);

/* How raw text becomes ids: BOS and EOS as the model wants them, but not BOS where the text starts with it. With
 * `special`, text may name special tokens. */
bool input_encode(const struct tokenizer *tokenizer, struct str text, bool special, struct ids *ids,
                  struct hob_error *err);

/* Says that `n` bytes of a text were left out (tokenizer.h); nothing for none. */
void input_tell_lost(size_t n);

/* The options that input_model_ids() reads: --tokens, --text, --file, --special. */
#define INPUT_OPTIONS                                                                                                  \
    {"tokens", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "IDS", NULL, "ids instead of text: 1,2,3"},                        \
        {"text", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "TEXT", NULL, "the text itself"},                                \
        {"file", 0, OPTION_TEXT, OPTION_REPORT, 0, 0, "FILE", NULL, "the text of a file; - is standard input"},        \
    {                                                                                                                  \
        "special", 0, OPTION_FLAG, OPTION_REPORT, 0, 0, NULL, NULL, "text may name special tokens"                     \
    }

/* The ids that a command with INPUT_OPTIONS was given, in whichever of the ways; HOB_USAGE when there is none, or more
 * than one. `model` is asked for its tokenizer where one is needed. The caller clears `ids`. */
bool input_model_ids(const struct args *args, struct model *model, struct ids *ids, struct hob_error *err);

/* The options that input_chat() reads: --tools, --tool-choice, --no-parallel-tool-calls, --think. */
#define INPUT_CHAT_OPTIONS                                                                                             \
    {.name = "tools", .kind = OPTION_TEXT, .value = "FILE", .help = "a JSON array of tools the model may call"},       \
        {.name = "tool-choice",                                                                                        \
         .kind = OPTION_TEXT,                                                                                          \
         .value = "auto|none|required|NAME",                                                                           \
         .help = "whether it calls one of them (default: auto)"},                                                      \
        {.name = "parallel-tool-calls",                                                                                \
         .kind = OPTION_FLAG,                                                                                          \
         .value = "[no-]",                                                                                             \
         .help = "several calls in one reply (the default), or one at most"},                                          \
    {                                                                                                                  \
        .name = "think", .kind = OPTION_TEXT, .value = "[on|off|LEVEL]", .help = "let the model think first, or not"   \
    }

/* A list of tools in a file: an array, or an object that has one as "tools". The caller owns the reference. */
json_t *input_tools(const char *path, struct hob_error *err);

/* What a word says of thinking: nothing, on and true: true; off and false: false; else a level. The caller owns the
 * reference. */
json_t *input_think(const char *text);

/* The members of a request that INPUT_CHAT_OPTIONS give: "tools", "tool_choice", "parallel_tool_calls", "think". The
 * caller owns the reference; NULL with an error. */
json_t *input_chat(const struct args *args, struct hob_error *err);

#endif
