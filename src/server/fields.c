/* SPDX-License-Identifier: Apache-2.0 */
#include "server/fields.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "server/internal.h"

/* Sets an option of the request after checking its value; the error is told with the client's name for it. */
static bool set_option(struct generation *g, size_t at, const char *name, const json_t *value, struct hob_error *err)
{
    size_t n;
    const struct option *option = &options_table(&n)[at];
    struct options scratch;
    struct hob_error failure;
    char key[64];
    option_json_name(option, key);
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

bool fields_read(struct generation *g, const json_t *object, const struct field *fields, enum option_dialect dialect,
                 struct hob_error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        const struct field *field = fields;
        if (json_is_null(value))
            continue;
        g->param = name;
        while (field->name && strcmp(field->name, name) != 0)
            field++;
        size_t option = field->name ? SIZE_MAX : options_find_dialect(dialect, str_of(name));
        if (field->name && field->read) {
            if (!field->read(g, value, err))
                return false;
        } else if (field->name || (option == SIZE_MAX && g->exchange->server->options.lenient)) {
            exchange_ignore(g->exchange, name);
        } else if (option == SIZE_MAX) {
            return error_set(err, HOB_USAGE, "%.60s: is not known here; leave it out, or start hob serve --lenient",
                             name);
        } else if (!set_option(g, option, name, value, err)) {
            return false;
        }
    }
    g->param = NULL;
    return true;
}

bool field_bool(const json_t *value, bool *out, struct hob_error *err)
{
    *out = json_is_true(value);
    return json_is_boolean(value) || error_set(err, HOB_USAGE, "want true or false");
}

bool field_model(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (!json_is_string(value) || json_string_length(value) == 0 || json_string_length(value) >= sizeof g->model ||
        strlen(json_string_value(value)) != json_string_length(value))
        return error_set(err, HOB_USAGE, "model: want the name of a model");
    snprintf(g->model, sizeof g->model, "%s", json_string_value(value));
    return true;
}

bool field_stream(struct generation *g, const json_t *value, struct hob_error *err)
{
    return field_bool(value, &g->stream, err) || error_prefix(err, "stream");
}

bool field_tools(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (!json_is_array(value))
        return error_set(err, HOB_USAGE, "tools: want an array");
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *tool = json_array_get(value, i), *function = json_object_get(tool, "function");
        const json_t *type = json_object_get(tool, "type"), *name = json_object_get(function, "name");
        if ((type && !str_eq(json_span(type), STR("function"))) || !json_is_string(name) ||
            json_string_length(name) == 0)
            return error_set(err, HOB_USAGE, "tools[%zu]: want {\"type\": \"function\", \"function\": {\"name\", ...}}",
                             i);
        const json_t *parameters = json_object_get(function, "parameters");
        if (parameters && !json_is_null(parameters) && !json_is_object(parameters))
            return error_set(err, HOB_USAGE, "tools[%zu].function.parameters: want a schema", i);
        if (json_is_true(json_object_get(function, "strict")))
            exchange_ignore(g->exchange, "strict");
    }
    if (json_array_size(value))
        json_object_set(g->request, "tools", (json_t *)value);
    return true;
}

bool field_receipt(struct generation *g, const json_t *value, struct hob_error *err)
{
    return field_bool(value, &g->receipt, err) || error_prefix(err, "receipt");
}

bool field_keep_alive(struct generation *g, const json_t *value, struct hob_error *err)
{
    g->has_keep_alive = true;
    if (json_is_number(value)) {
        g->keep_alive_s = json_number_value(value);
        return g->keep_alive_s <= 9e9 || error_set(err, HOB_USAGE, "keep_alive: want at most 9000000000 seconds");
    }
    return (json_is_string(value) && duration_read(json_string_value(value), &g->keep_alive_s)) ||
           error_set(err, HOB_USAGE, "keep_alive: want seconds, or a duration like \"10m\" or \"1h30m\"");
}

bool field_constraint(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (!json_is_object(value) || json_object_get(g->request, "constraint"))
        return error_set(err, HOB_USAGE, "constraint: want one, an object");
    json_object_set(g->request, "constraint", (json_t *)value);
    return true;
}

bool field_effort(struct generation *g, const json_t *value, struct hob_error *err)
{
    static const char *const levels[][2] = {{"none", ""},     {"minimal", "low"}, {"low", "low"}, {"medium", "medium"},
                                            {"high", "high"}, {"xhigh", "high"},  {"max", "high"}};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (!str_eq(json_span(value), str_of(levels[i][0])))
            continue;
        json_object_set_new(g->request, "think", i == 0 ? json_false() : json_string(levels[i][1]));
        g->soft_think = true;
        return true;
    }
    return error_set(err, HOB_USAGE, "reasoning_effort: want none, minimal, low, medium, high or xhigh");
}

bool field_template_variables(struct generation *g, const json_t *value, struct hob_error *err)
{
    static const char *const taken[] = {"messages",      "tools",    "documents",
                                        "chat_template", "tokenize", "add_generation_prompt",
                                        "bos_token",     "eos_token"};
    if (!json_is_object(value))
        return error_set(err, HOB_USAGE, "chat_template_kwargs: want an object");
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (json_object_get(value, taken[i]))
            return error_set(err, HOB_USAGE, "chat_template_kwargs.%s: may not be set", taken[i]);
    json_object_set(g->request, "template_variables", (json_t *)value);
    return true;
}
