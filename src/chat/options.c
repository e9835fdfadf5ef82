/* SPDX-License-Identifier: Apache-2.0 */
#include "chat/options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define MAX_LIST 1024 /* entries of a repeatable option */

/* Whether `name` names the option, with - or _ between words. */
static bool named(struct str name, const char *option)
{
    if (name.len != strlen(option))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if ((name.ptr[i] == '_' ? '-' : name.ptr[i]) != option[i])
            return false;
    return true;
}

size_t options_find(struct str name)
{
    size_t n;
    const struct option *table = options_table(&n);
    for (size_t i = 0; i < n; i++)
        if (named(name, table[i].name))
            return i;
    return SIZE_MAX;
}

/* Whether `names`, parted by spaces, has `name`. */
static bool has_name(const char *names, struct str name)
{
    for (const char *at = names; at && *at;) {
        size_t len = strcspn(at, " ");
        if (str_eq((struct str){at, len}, name))
            return true;
        at += len + (at[len] == ' ');
    }
    return false;
}

const char *option_dialect_names(const struct option *option, enum option_dialect dialect)
{
    switch (dialect) {
    case DIALECT_OLLAMA:
        return option->ollama;
    case DIALECT_OPENAI:
        return option->openai;
    case DIALECT_ANTHROPIC:
        return option->anthropic;
    case DIALECT_NONE:
        return NULL;
    default:
        return option->name;
    }
}

size_t options_find_dialect(enum option_dialect dialect, struct str name)
{
    size_t n;
    const struct option *table = options_table(&n);
    if (dialect == DIALECT_HOB)
        return options_find(name);
    for (size_t i = 0; i < n; i++)
        if (has_name(option_dialect_names(&table[i], dialect), name))
            return i;
    return SIZE_MAX;
}

const char *option_json_name(const struct option *option, char out[64])
{
    snprintf(out, 64, "%s", option->name);
    for (char *c = out; *c; c++)
        *c = *c == '-' ? '_' : *c;
    return out;
}

size_t options_find_letter(char letter)
{
    size_t n;
    const struct option *table = options_table(&n);
    for (size_t i = 0; i < n; i++)
        if (letter && table[i].letter == letter)
            return i;
    return SIZE_MAX;
}

bool options_init(struct options *options, struct hob_error *err)
{
    size_t n;
    const struct option *table = options_table(&n);
    *options = (struct options){0};
    options->values = arena_array(&options->arena, n, sizeof *options->values);
    if (!options->values)
        return error_memory(err, n * sizeof *options->values);
    for (size_t i = 0; i < n; i++) {
        if (table[i].initial && !options_set(options, i, table[i].initial, err))
            return false;
        options->values[i].given = false;
    }
    return true;
}

void options_clear(struct options *options)
{
    arena_clear(&options->arena);
    options->values = NULL;
}

/* Appends to a list, which lives in the arena. */
static bool list_add(struct arena *arena, struct option_list *list, const char *text)
{
    char **bigger = arena_array(arena, list->n + 1, sizeof *bigger);
    char *copy = arena_copy(arena, text, strlen(text));
    if (!bigger || !copy)
        return false;
    if (list->n)
        memcpy(bigger, list->texts, list->n * sizeof *bigger);
    bigger[list->n++] = copy;
    list->texts = bigger;
    return true;
}

bool options_copy(struct options *to, const struct options *from, struct hob_error *err)
{
    size_t n;
    options_table(&n);
    *to = (struct options){0};
    to->values = arena_array(&to->arena, n, sizeof *to->values);
    bool good = to->values != NULL;
    for (size_t i = 0; good && i < n; i++) {
        const struct option_value *value = &from->values[i];
        to->values[i] = *value;
        to->values[i].list = (struct option_list){0};
        if (value->text)
            good = (to->values[i].text = arena_copy(&to->arena, value->text, strlen(value->text))) != NULL;
        for (size_t k = 0; good && k < value->list.n; k++)
            good = list_add(&to->arena, &to->values[i].list, value->list.texts[k]);
    }
    return good ? true : error_memory(err, n * sizeof *to->values);
}

/* The error for a value that does not fit. */
static bool misfit(const struct option *option, const char *value, struct hob_error *err)
{
    if (option->kind == OPTION_SEED)
        return error_set(err, HOB_USAGE, "--%s: found \"%.40s\", want a whole number in [0, 2^64)", option->name,
                         value);
    if (option->kind != OPTION_FLOAT)
        return error_set(err, HOB_USAGE, "--%s: found \"%.40s\", want a whole number in [%.0f, %.0f]", option->name,
                         value, option->min, option->max);
    return error_set(err, HOB_USAGE, "--%s: found \"%.40s\", want a number in [%.15g, %.15g]", option->name, value,
                     option->min, option->max);
}

bool option_set(const struct option *option, struct option_value *value, struct arena *arena, const char *text,
                struct hob_error *err)
{
    char *end = NULL;
    int64_t i;
    double f;
    uint64_t seed;
    if (option->kind == OPTION_FLAG && !text) {
        value->given = value->flag = true;
        return true;
    }
    if (!text)
        return error_set(err, HOB_USAGE, "--%s: want a value, %s", option->name, option->value);
    errno = 0;
    switch (option->kind) {
    case OPTION_FLAG:
        return error_set(err, HOB_USAGE, "--%s: takes no value, found \"%.40s\"", option->name, text);
    case OPTION_INT:
        i = strtoll(text, &end, 10);
        if (end == text || *end || errno || !((double)i >= option->min && (double)i <= option->max))
            return misfit(option, text, err);
        value->i = i;
        break;
    case OPTION_FLOAT:
        f = strtod(text, &end);
        if (end == text || *end || !(f >= option->min && f <= option->max))
            return misfit(option, text, err);
        value->f = f;
        break;
    case OPTION_SEED:
        seed = strtoull(text, &end, 10);
        if (end == text || *end || errno || strchr(text, '-'))
            return misfit(option, text, err);
        value->seed = seed;
        break;
    case OPTION_TEXT:
        value->text = arena_copy(arena, text, strlen(text));
        if (!value->text)
            return error_memory(err, strlen(text));
        break;
    case OPTION_LIST:
        if (value->list.n == MAX_LIST)
            return error_set(err, HOB_USAGE, "--%s: more than %d given", option->name, MAX_LIST);
        i = option->max > 0 ? strtoll(text, &end, 10) : 0;
        if (option->max > 0 && (end == text || *end || errno || (double)i < option->min || (double)i > option->max))
            return misfit(option, text, err);
        if (!list_add(arena, &value->list, text))
            return error_memory(err, strlen(text));
        break;
    }
    value->given = true;
    return true;
}

bool options_set(struct options *options, size_t at, const char *text, struct hob_error *err)
{
    size_t n;
    return option_set(&options_table(&n)[at], &options->values[at], &options->arena, text, err);
}

bool options_set_value(struct options *options, size_t at, const json_t *json, struct hob_error *err)
{
    size_t n;
    const struct option *option = &options_table(&n)[at];
    char number[64];
    switch (option->kind) {
    case OPTION_FLAG:
        if (!json_is_boolean(json))
            return error_set(err, HOB_USAGE, "%s: want true or false", option->name);
        options->values[at].given = true;
        options->values[at].flag = json_is_true(json);
        return true;
    case OPTION_INT:
    case OPTION_SEED:
        if (json_is_integer(json)) {
            snprintf(number, sizeof number, "%lld", (long long)json_integer_value(json));
            return options_set(options, at, number, err);
        }
        if (json_is_string(json) && option->kind == OPTION_SEED) /* above 2^63 - 1 */
            return options_set(options, at, json_string_value(json), err);
        return error_set(err, HOB_USAGE, "%s: want a whole number", option->name);
    case OPTION_FLOAT:
        if (!json_is_number(json))
            return error_set(err, HOB_USAGE, "%s: want a number", option->name);
        snprintf(number, sizeof number, "%.17g", json_number_value(json));
        return options_set(options, at, number, err);
    case OPTION_TEXT:
        if (!json_is_string(json) || strlen(json_string_value(json)) != json_string_length(json))
            return error_set(err, HOB_USAGE, "%s: want a string without NUL", option->name);
        return options_set(options, at, json_string_value(json), err);
    case OPTION_LIST:
        break;
    }
    options->values[at].list = (struct option_list){0}; /* a request's list replaces the session's */
    if (json_is_object(json)) {                         /* {"ID": F}, as other programs write it */
        const char *key;
        json_t *bias;
        char pair[96];
        json_object_foreach((json_t *)json, key, bias)
        {
            snprintf(pair, sizeof pair, "%.40s=%.9g", key, json_number_value(bias));
            if (!json_is_number(bias))
                return error_set(err, HOB_USAGE, "%s: \"%.40s\": want a number", option->name, key);
            if (!options_set(options, at, pair, err))
                return false;
        }
        options->values[at].given = true;
        return true;
    }
    size_t count = json_is_array(json) ? json_array_size(json) : 1;
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_is_array(json) ? json_array_get(json, i) : json;
        bool is_number = option->max > 0 && entry != json && json_is_integer(entry);
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(entry));
        if (!is_number && (!json_is_string(entry) || strlen(json_string_value(entry)) != json_string_length(entry)))
            return error_set(err, HOB_USAGE, "%s: want %s", option->name,
                             option->max > 0 ? "whole numbers" : "strings without NUL");
        if (!options_set(options, at, is_number ? number : json_string_value(entry), err))
            return false;
    }
    options->values[at].given = true;
    return true;
}

/* Sets the object's members but `others`; those of the machine only with `machine`. */
static bool set_members(struct options *options, const json_t *object, const char *const *others, bool machine,
                        struct hob_error *err)
{
    size_t n;
    const struct option *table = options_table(&n);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        bool other = false;
        for (const char *const *o = others; o && *o; o++)
            other = other || strcmp(*o, key) == 0;
        if (other || json_is_null(value))
            continue;
        size_t at = options_find(str_of(key));
        if (at == SIZE_MAX)
            return error_set(err, HOB_USAGE, "%.60s: no such option", key);
        if (!machine && table[at].group == OPTION_MACHINE && strcmp(table[at].name, "ctx") != 0)
            return error_set(err, HOB_USAGE, "%s: belongs to the session, not to a request", key);
        if (!options_set_value(options, at, value, err))
            return false;
    }
    return true;
}

bool options_set_json(struct options *options, const json_t *object, const char *const *others, struct hob_error *err)
{
    return set_members(options, object, others, false, err);
}

bool options_set_defaults(struct options *options, const json_t *object, struct hob_error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        size_t at = options_find(str_of(key));
        if (at == SIZE_MAX)
            return error_set(err, HOB_USAGE, "%.60s: no such option", key);
        if (!options->values[at].given && !options_set_value(options, at, value, err))
            return false;
    }
    return true;
}

bool options_set_session(struct options *options, const json_t *object, struct hob_error *err)
{
    return set_members(options, object, NULL, true, err);
}

const struct option_value *options_get(const struct options *options, const char *name)
{
    return &options->values[options_find(str_of(name))];
}

/* Model defaults: our name, GGUF's key, generation_config.json's. */
static const struct {
    const char *option, *gguf, *hf;
} model_defaults[] = {
    {"temp", "general.sampling.temp", "temperature"},
    {"top-k", "general.sampling.top_k", "top_k"},
    {"top-p", "general.sampling.top_p", "top_p"},
    {"min-p", "general.sampling.min_p", "min_p"},
    {"repeat-penalty", "general.sampling.penalty_repeat", "repetition_penalty"},
    {"repeat-last-n", "general.sampling.penalty_last_n", NULL},
    {"xtc-probability", "general.sampling.xtc_probability", NULL},
    {"xtc-threshold", "general.sampling.xtc_threshold", NULL},
    {"mirostat", "general.sampling.mirostat", NULL},
    {"mirostat-tau", "general.sampling.mirostat_tau", NULL},
    {"mirostat-eta", "general.sampling.mirostat_eta", NULL},
};

bool options_from_model(struct options *options, const struct model *model, struct hob_error *err)
{
    char number[64];
    for (size_t i = 0; i < sizeof model_defaults / sizeof *model_defaults; i++) {
        size_t at = options_find(str_of(model_defaults[i].option));
        if (options->values[at].given)
            continue;
        const struct gguf_value *gguf = model->gguf ? gguf_find(model->gguf, model_defaults[i].gguf) : NULL;
        const json_t *json = model->hf && model_defaults[i].hf
                                 ? json_object_get(model->hf->generation_config, model_defaults[i].hf)
                                 : NULL;
        if (!gguf && (!json || json_is_null(json)))
            continue;
        bool is_number = gguf ? gguf->type != GGUF_STRING && gguf->type != GGUF_ARRAY : json_is_number(json);
        snprintf(number, sizeof number, "%.9g", gguf ? gguf->f : json_number_value(json));
        if (!is_number || !options_set(options, at, number, NULL))
            return error_set(
                err, HOB_FORMAT, "%s: %s%s: found %s, want a value of --%s", model->name,
                gguf ? "" : "generation_config.json: ", gguf ? model_defaults[i].gguf : model_defaults[i].hf,
                is_number ? number : "no number", model_defaults[i].option);
        options->values[at].given = false;
    }
    return true;
}

/* A value as JSON. */
static json_t *value_json(const struct option *option, const struct option_value *value)
{
    char number[32];
    json_t *list;
    switch (option->kind) {
    case OPTION_FLAG:
        return json_boolean(value->flag);
    case OPTION_INT:
        return json_integer(value->i);
    case OPTION_FLOAT:
        return json_real(value->f);
    case OPTION_SEED:
        if (value->seed <= INT64_MAX)
            return json_integer((json_int_t)value->seed);
        snprintf(number, sizeof number, "%llu", (unsigned long long)value->seed);
        return json_string(number);
    case OPTION_TEXT:
        return json_bytes(str_of(value->text));
    default:
        list = json_array();
        for (size_t i = 0; i < value->list.n; i++)
            json_array_append_new(list, json_bytes(str_of(value->list.texts[i])));
        return list;
    }
}

json_t *options_json(const struct options *options)
{
    size_t n;
    const struct option *table = options_table(&n);
    json_t *object = json_object();
    for (size_t i = 0; i < n; i++) {
        const struct option_value *value = &options->values[i];
        bool changes_results = table[i].group != OPTION_MACHINE || strcmp(table[i].name, "kv") == 0 ||
                               strcmp(table[i].name, "precise") == 0 || strcmp(table[i].name, "ctx") == 0;
        char key[64];
        if (table[i].group == OPTION_CONSTRAIN) /* a receipt holds what the files said */
            continue;
        if (!changes_results || (!value->given && !table[i].initial))
            continue;
        json_object_set_new(object, option_json_name(&table[i], key), value_json(&table[i], value));
    }
    return object;
}

bool options_engine(const struct options *options, struct engine_options *engine, struct hob_error *err)
{
    const struct option_value *kv = options_get(options, "kv"), *isa = options_get(options, "isa");
    static const char *const cache_names[] = {[CACHE_F16] = "f16", [CACHE_Q8_0] = "q8_0", [CACHE_F32] = "f32"};
    *engine = (struct engine_options){
        .threads = (unsigned)options_get(options, "threads")->i,
        .ctx = (size_t)options_get(options, "ctx")->i,
        .batch = (size_t)options_get(options, "batch")->i,
        .parallel = (unsigned)options_get(options, "parallel")->i,
        .max_bytes = (size_t)options_get(options, "memory")->i << 20,
        .isa = ISA_AUTO,
        .precise = options_get(options, "precise")->flag,
    };
    for (unsigned i = 0; kv->given && i < 3; i++) {
        if (strcmp(kv->text, cache_names[i]) != 0)
            continue;
        engine->has_kv = true;
        engine->kv = (enum cache_type)i;
    }
    if (kv->given && !engine->has_kv)
        return error_set(err, HOB_USAGE, "--kv: found \"%.40s\", want f16, q8_0 or f32", kv->text);
    if (isa->given && (engine->isa = isa_find(isa->text)) == ISA_COUNT)
        return error_set(err, HOB_USAGE, "--isa: found \"%.40s\", want ref, avx2, avx512 or neon", isa->text);
    return true;
}
