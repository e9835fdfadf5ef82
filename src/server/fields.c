/* SPDX-License-Identifier: Apache-2.0 */
#include "server/fields.h"

#include <stdio.h>

#include "base/error.h"
#include "server/internal.h"

const struct field *fields_find(const struct field *const *tables, const char *name)
{
    for (; tables && *tables; tables++)
        for (const struct field *field = *tables; field->name; field++)
            if (strcmp(field->name, name) == 0)
                return field;
    return NULL;
}

bool field_is_advisory(const struct field *field)
{
    return !field->read && !field->flag && !field->request && !field->extra && !field->only;
}

/* Takes numbers below zero as OpenAI's dialect and those who add to it have them: a seed is any, and -1 is none; -1
 * tokens are as many as there is room for. False: the value is as it is. */
static bool take_negative(struct generation *g, const struct option *option, const char *key, json_int_t value)
{
    bool is_seed = option->kind == OPTION_SEED, is_length = strcmp(option->name, "max-tokens") == 0;
    if (value >= 0 || !(is_seed || (is_length && value == -1)))
        return false;
    if (is_length)
        json_object_set_new(g->extra, "endless", json_true());
    else if (value != -1)
        json_object_set_new(g->request, key, json_integer(value & INT64_MAX));
    return true;
}

/* Sets an option of the request after checking its value; the error is told with the client's name for it. */
static bool set_option(struct generation *g, size_t at, const char *name, const json_t *value, struct hob_error *err)
{
    size_t n;
    const struct option *option = &options_table(&n)[at];
    struct options scratch;
    struct hob_error failure;
    char key[64];
    option_json_name(option, key);
    if (g->dialect->options == DIALECT_OPENAI && take_negative(g, option, key, json_integer_value(value)))
        return true;
    bool good = options_init(&scratch, err);
    if (good && !options_set_value(&scratch, at, value, &failure)) {
        const char *rest = strchr(failure.text, ':');
        good = error_set(err, failure.status, "%s%s", name, rest ? rest : ": wrong value");
    }
    options_clear(&scratch);
    if (good)
        json_object_set(g->request, key, (json_t *)value);
    return good;
}

/* Whether the value is of a type that the row has. */
static bool check_type(const struct field *field, const json_t *value, struct hob_error *err)
{
    static const char *const words[] = {"true or false", "a whole number", "a number",
                                        "a string",      "an array",       "an object"};
    unsigned type = json_is_boolean(value)   ? FIELD_BOOL
                    : json_is_integer(value) ? FIELD_WHOLE | FIELD_NUMBER
                    : json_is_real(value)    ? FIELD_NUMBER
                    : json_is_string(value)  ? FIELD_STRING
                    : json_is_array(value)   ? FIELD_ARRAY
                                             : FIELD_OBJECT;
    json_int_t number = json_integer_value(value);
    if (field->types == FIELD_WHOLE && (type != (FIELD_WHOLE | FIELD_NUMBER) || number < 0 || number > field->max))
        return error_set(err, HOB_USAGE, "%s: want a whole number in [0, %d]", field->name, field->max);
    if (field->types == 0 || (field->types & type))
        return true;
    struct buf want = {0};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (field->types >> i & 1)
            buf_format(&want, "%s%s", want.len ? " or " : "", words[i]);
    error_set(err, HOB_USAGE, "%s: want %s", field->name, buf_text(&want) ? want.ptr : "another type");
    buf_clear(&want);
    return false;
}

/* Whether a value is one of those that a row has. */
static bool check_only(const struct field *field, const json_t *value, struct hob_error *err)
{
    struct buf text = {0};
    bool found = false;
    json_write(value, &text);
    for (const char *at = field->only; *at && !found; at += strcspn(at, " ") + (at[strcspn(at, " ")] == ' '))
        found = str_eq(buf_view(&text), (struct str){at, strcspn(at, " ")});
    buf_clear(&text);
    return found || error_set(err, HOB_USAGE, "%s: cannot be honoured; want %.*s", field->name,
                              (int)strcspn(field->only, " "), field->only);
}

/* Puts a value where its row says. */
static bool take(struct generation *g, const struct field *field, const json_t *value, struct hob_error *err)
{
    bool empty = (json_is_string(value) && json_string_length(value) == 0) ||
                 (json_is_array(value) && json_array_size(value) == 0);
    if (field_is_advisory(
            field)) { /* a range is kept all the same: what lies outside it is a mistake of the client's */
        if (field->max && !check_type(field, value, err))
            return false;
        exchange_ignore(g->exchange, field->name);
        return true;
    }
    if (field->only)
        return check_only(field, value, err);
    if (!check_type(field, value, err) || (field->read && !field->read(g, value, err)))
        return false;
    if (field->flag)
        *(bool *)((char *)g + field->flag) = json_is_true(value);
    if (field->request)
        json_object_set(g->request, field->request, (json_t *)value);
    if (field->extra && !empty)
        json_object_set(g->extra, field->extra, (json_t *)value);
    return true;
}

/* Whether all are there that must be. */
static bool check_required(struct generation *g, const json_t *object, const struct field *const *tables,
                           struct hob_error *err)
{
    for (; tables && *tables; tables++)
        for (const struct field *field = *tables; field->name; field++) {
            const json_t *value = json_object_get(object, field->name);
            if (field->required && (!value || json_is_null(value))) {
                g->param = field->name;
                return error_set(err, HOB_USAGE, "%s: is missing", field->name);
            }
        }
    return true;
}

bool fields_read(struct generation *g, const json_t *object, const struct field *const *tables,
                 enum option_dialect dialect, struct hob_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        if (json_is_null(value))
            continue;
        g->param = name;
        const struct field *field = fields_find(tables, name);
        size_t option = field ? SIZE_MAX : options_find_dialect(dialect, str_of(name));
        if (field) {
            if (!take(g, field, value, err))
                return false;
        } else if (option != SIZE_MAX) {
            if (!set_option(g, option, name, value, err))
                return false;
        } else if (g->exchange->server->options.lenient) {
            exchange_ignore(g->exchange, name);
        } else {
            return error_set(err, HOB_USAGE, "%.60s: is not known here; leave it out, or start hob serve --lenient",
                             name);
        }
    }
    g->param = NULL;
    return check_required(g, object, tables, err);
}

const struct field fields_model[] = {
    {"model", FIELD_STRING, .required = true, .read = field_model},
    {"keep_alive", FIELD_NUMBER | FIELD_STRING, .read = field_keep_alive},
    {0},
};

const struct field fields_reply[] = {
    {"stream", FIELD_BOOL, .flag = FIELD_FLAG(stream)},
    {"receipt", FIELD_BOOL, .flag = FIELD_FLAG(receipt)},
    {"constraint", FIELD_OBJECT, .read = field_constraint},
    {0},
};

bool field_model(struct generation *g, const json_t *value, struct hob_error *err)
{
    size_t len = json_string_length(value);
    if (len == 0 || len >= sizeof g->model || strlen(json_string_value(value)) != len)
        return error_set(err, HOB_USAGE, "model: want the name of a model");
    snprintf(g->model, sizeof g->model, "%s", json_string_value(value));
    return true;
}

bool field_keep_alive(struct generation *g, const json_t *value, struct hob_error *err)
{
    g->has_keep_alive = true;
    if (json_is_number(value)) {
        g->keep_alive_s = json_number_value(value);
        return g->keep_alive_s <= 9e9 || error_set(err, HOB_USAGE, "keep_alive: want at most 9000000000 seconds");
    }
    return duration_read(json_string_value(value), &g->keep_alive_s) ||
           error_set(err, HOB_USAGE, "keep_alive: want seconds, or a duration like \"10m\" or \"1h30m\"");
}

bool field_constraint(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (json_object_get(g->request, "constraint"))
        return error_set(err, HOB_USAGE, "%s: a reply takes one constraint, and this is a second", g->param);
    json_object_set(g->request, "constraint", (json_t *)value);
    return true;
}

bool field_think(struct generation *g, const json_t *value, struct hob_error *err)
{
    static const char *const levels[][2] = {{"none", NULL},     {"false", NULL},   {"true", ""},
                                            {"minimal", "low"}, {"low", "low"},    {"medium", "medium"},
                                            {"high", "high"},   {"xhigh", "high"}, {"max", "high"}};
    const json_t *effort = json_object_get(value, "effort");
    g->think_name = g->param;
    if (json_is_object(value)) /* the other members ask for summaries, which thinking itself stands for */
        return !effort || json_is_null(effort) || field_think(g, effort, err);
    if (json_is_boolean(value)) {
        json_object_set(g->request, "think", (json_t *)value);
        return true;
    }
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        const char *level = levels[i][1];
        if (!str_eq(json_span(value), str_of(levels[i][0])))
            continue;
        json_object_set_new(g->request, "think", level && level[0] ? json_string(level) : json_boolean(level));
        return true;
    }
    return (json_is_string(value) && json_string_length(value) == 0) ||
           error_set(err, HOB_USAGE, "%s: want none, minimal, low, medium, high, xhigh, true or false", g->param);
}

bool field_template_variables(struct generation *g, const json_t *value, struct hob_error *err)
{
    static const char *const taken[] = {"messages",      "tools",    "documents",
                                        "chat_template", "tokenize", "add_generation_prompt",
                                        "bos_token",     "eos_token"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (json_object_get(value, taken[i]))
            return error_set(err, HOB_USAGE, "chat_template_kwargs.%s: may not be set", taken[i]);
    json_object_set(g->request, "template_variables", (json_t *)value);
    return true;
}

bool fields_logprobs(struct generation *g, struct hob_error *err)
{
    const json_t *top = json_object_get(g->request, "logprobs");
    if (!g->wants_logprobs && top) {
        g->param = "top_logprobs";
        return error_set(err, HOB_USAGE, "top_logprobs: wants \"logprobs\": true");
    }
    if (g->wants_logprobs && !top)
        json_object_set_new(g->request, "logprobs", json_integer(0));
    return true;
}
