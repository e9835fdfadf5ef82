/* SPDX-License-Identifier: Apache-2.0
 *
 * Options: one table row each, from which the command line, JSON requests, help, man pages and completions come.
 */
#ifndef HOB_CHAT_OPTIONS_H
#define HOB_CHAT_OPTIONS_H

#include "base/json.h"
#include "engine/engine.h"

enum option_kind {
    OPTION_FLAG,
    OPTION_INT,   /* int64_t in [min, max] */
    OPTION_FLOAT, /* double in [min, max] */
    OPTION_SEED,  /* uint64_t */
    OPTION_TEXT,
    OPTION_LIST /* repeatable text; with a max, whole numbers in [min, max] */
};

/* What an option is about: where it may stand and where help lists it. */
enum option_group {
    OPTION_MACHINE, /* how the model is run: of a session, not of a request */
    OPTION_SAMPLING,
    OPTION_END, /* ends of a reply */
    OPTION_CONSTRAIN,
    OPTION_REPORT
};

struct option {
    const char *name; /* "top-k"; in JSON with _ for - */
    char letter;      /* short form, or 0 */
    enum option_kind kind;
    enum option_group group;
    double min, max;
    const char *value;   /* what help calls the value: "N" */
    const char *initial; /* the default, as help shows it and as options_init() sets it; NULL: none */
    const char *help;
    /* Its names in other dialects, parted by spaces; NULL: the dialect has none. Ollama's are those of Modelfiles too.
     */
    const char *ollama, *openai, *anthropic;
};

/* Whose names of options: hob's own (with _ for -), and those of the APIs. */
enum option_dialect { DIALECT_HOB, DIALECT_OLLAMA, DIALECT_OPENAI, DIALECT_ANTHROPIC, DIALECT_NONE };

/* A repeatable option's texts. */
struct option_list {
    char **texts;
    size_t n;
};

/* The value of every option and whether it was given, by its place in the table. */
struct options {
    struct arena arena;
    struct option_value {
        bool given;
        bool flag;
        int64_t i;
        double f;
        uint64_t seed;
        const char *text;
        struct option_list list;
    } * values;
};

/* The table, [*n]. Lives for ever. */
const struct option *options_table(size_t *n);

/* The place of the option of that name ("top-k", also "top_k"), or SIZE_MAX. */
size_t options_find(struct str name);

/* The place of the option that a dialect calls `name`, or SIZE_MAX. */
size_t options_find_dialect(enum option_dialect dialect, struct str name);

/* What the dialect calls the option: names parted by spaces, or NULL. A static string. */
const char *option_dialect_names(const struct option *option, enum option_dialect dialect);

/* The option's JSON name, with _ for -, into `out` [64]. */
const char *option_json_name(const struct option *option, char out[64]);

/* The place of the option of that letter, or SIZE_MAX. */
size_t options_find_letter(char letter);

/* All defaults. False without memory. */
bool options_init(struct options *options, struct hob_error *err);

/* A copy, list entries included. */
bool options_copy(struct options *to, const struct options *from, struct hob_error *err);

/* Frees. */
void options_clear(struct options *options);

/* Sets one value from text, or leaves it as it is after an error; what it needs to keep lies in `arena`. As
 * options_set(), for any option. */
bool option_set(const struct option *option, struct option_value *value, struct arena *arena, const char *text,
                struct hob_error *err);

/* Sets one option from text, as the command line gives it (`value` is NULL for a flag). HOB_USAGE names the option, the
 * range and what was found. */
bool options_set(struct options *options, size_t option, const char *value, struct hob_error *err);

/* Sets one option from a JSON value of its kind. */
bool options_set_value(struct options *options, size_t option, const json_t *value, struct hob_error *err);

/* Sets what was not given, from a JSON object's members by their JSON names. */
bool options_set_defaults(struct options *options, const json_t *object, struct hob_error *err);

/* Sets options from a JSON object's members, by their JSON names; null means absent. Members named in `others` (ends
 * with NULL) are left to the caller; an unknown member is HOB_USAGE, as is one of group OPTION_MACHINE but for ctx, by
 * which a request may take less than the session's. */
bool options_set_json(struct options *options, const json_t *object, const char *const *others, struct hob_error *err);

/* The same for the options of a session: those of group OPTION_MACHINE too. */
bool options_set_session(struct options *options, const json_t *object, struct hob_error *err);

/* The value of an option by name; the name is in the table. */
const struct option_value *options_get(const struct options *options, const char *name);

/* Sets what was not given and the model's file has a default for (general.sampling.*, generation_config.json). */
bool options_from_model(struct options *options, const struct model *model, struct hob_error *err);

/* The options that a reply depends on, as a JSON object that options_set_json() reads back but for kv and precise. */
json_t *options_json(const struct options *options);

/* What the engine wants of them. */
bool options_engine(const struct options *options, struct engine_options *engine, struct hob_error *err);

#endif
