/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tools.h"

#include <stdio.h>

#include "base/error.h"

/* Where a dialect has the parts of a tool. */
struct tool_form {
    const char *type;   /* the type of a tool that the client runs */
    const char *inner;  /* the member around the parts; NULL: they stand in the tool itself */
    const char *schema; /* what the schema of the arguments is called */
    const char *shape;  /* for errors */
};

/* Appends one tool in chat/'s form: what the client gave, but for nulls and what is not for the model. */
static bool add_tool(struct generation *g, const struct tool_form *form, const json_t *tool, size_t i, json_t *tools,
                     struct hob_error *err)
{
    static const char *const not_for_models[] = {"type", "strict", "cache_control", "defer_loading",
                                                 "eager_input_streaming"};
    const json_t *type = json_object_get(tool, "type");
    const json_t *given = form->inner ? json_object_get(tool, form->inner) : tool;
    if (json_is_string(type) && !str_eq(json_span(type), str_of(form->type))) {
        char name[80];
        snprintf(name, sizeof name, "tools[%zu] (%.40s)", i, json_string_value(type));
        exchange_ignore(g->exchange, name);
        return true;
    }
    const json_t *name = json_object_get(given, "name"), *schema = json_object_get(given, form->schema);
    if (!json_is_string(name) || json_string_length(name) == 0)
        return error_set(err, HOB_USAGE, "tools[%zu]: want %s", i, form->shape);
    if (schema && !json_is_null(schema) && !json_is_object(schema))
        return error_set(err, HOB_USAGE, "tools[%zu].%s: want a schema", i, form->schema);
    json_t *function = json_object(), *value;
    const char *key;
    json_object_foreach((json_t *)given, key, value)
    {
        bool dropped = json_is_null(value);
        for (size_t k = 0; k < sizeof not_for_models / sizeof *not_for_models; k++)
            dropped |= strcmp(key, not_for_models[k]) == 0;
        if (!dropped)
            json_object_set(function, strcmp(key, form->schema) == 0 ? "parameters" : key, value);
    }
    json_array_append_new(tools, json_pack("{s:s, s:o}", "type", "function", "function", function));
    if (json_is_true(json_object_get(given, "strict"))) {
        json_t *strict = json_object_get(g->extra, "strict");
        if (!strict)
            json_object_set_new(g->extra, "strict", strict = json_object());
        json_object_set_new(strict, json_string_value(name), json_true());
    }
    return true;
}

static bool read_tools(struct generation *g, const struct tool_form *form, const json_t *value, struct hob_error *err)
{
    json_t *tools = json_array();
    bool good = true;
    for (size_t i = 0; good && i < json_array_size(value); i++)
        good = add_tool(g, form, json_array_get(value, i), i, tools, err);
    if (good && json_array_size(tools))
        json_object_set(g->request, "tools", tools);
    json_decref(tools);
    return good;
}

bool tools_nested(struct generation *g, const json_t *value, struct hob_error *err)
{
    static const struct tool_form form = {"function", "function", "parameters",
                                          "{\"type\": \"function\", \"function\": {\"name\", ...}}"};
    return read_tools(g, &form, value, err);
}

bool tools_flat(struct generation *g, const json_t *value, struct hob_error *err)
{
    static const struct tool_form form = {"function", NULL, "parameters", "{\"type\": \"function\", \"name\", ...}"};
    return read_tools(g, &form, value, err);
}

bool tools_anthropic(struct generation *g, const json_t *value, struct hob_error *err)
{
    static const struct tool_form form = {"custom", NULL, "input_schema",
                                          "{\"name\", \"description\", \"input_schema\"}"};
    return read_tools(g, &form, value, err);
}

/* ----------------------------------------------------------------------------------------------------- relaxing */

enum { MAX_RELAXED = 16 }; /* tools that are found one by one, at the cost of a prompt each; then all are relaxed */

/* What a schema says of types and names. The caller owns it. */
static json_t *outline(const json_t *schema)
{
    json_t *out = json_object(), *type = json_object_get(schema, "type"), *value;
    json_t *properties = json_object_get(schema, "properties"), *items = json_object_get(schema, "items");
    const char *key;
    if (json_is_string(type) || json_is_array(type))
        json_object_set(out, "type", type);
    if (json_is_object(properties)) {
        json_object_set_new(out, "properties", json_object());
        json_object_foreach(properties, key, value)
        {
            json_object_set_new(json_object_get(out, "properties"), key, outline(value));
        }
        json_object_set(out, "required", json_object_get(schema, "required"));
    }
    if (json_is_object(items))
        json_object_set_new(out, "items", outline(items));
    return out;
}

bool tools_relax(struct generation *g, const struct hob_error *err)
{
    json_t *tools = json_object_get(g->request, "held_tools"), *taken = json_object_get(g->extra, "relaxed"), *tool;
    bool all = g->n_relaxed >= MAX_RELAXED, done = false;
    size_t i;
    if (!str_starts(str_of(err->text), STR("tools: ")))
        return false;
    if (!tools) {
        json_object_set_new(g->request, "held_tools", tools = json_deep_copy(json_object_get(g->request, "tools")));
        json_object_set_new(g->extra, "relaxed", taken = json_object());
    }
    json_array_foreach(tools, i, tool)
    {
        json_t *function = json_object_get(tool, "function");
        const char *name = json_string_value(json_object_get(function, "name"));
        size_t len = name ? strlen(name) : 0;
        bool named = len && strncmp(err->text + 7, name, len) == 0 && err->text[7 + len] == ':';
        json_int_t times = len ? json_integer_value(json_object_get(taken, name)) : 0;
        bool fixed = times == 2 || json_object_get(json_object_get(g->extra, "strict"), name);
        if (named && fixed)
            return false;
        if (len == 0 || fixed || !(named || all))
            continue;
        if (times == 0) {
            char ignored[96];
            snprintf(ignored, sizeof ignored, "tools.%.80s", name);
            exchange_ignore(g->exchange, ignored);
        }
        json_object_set_new(taken, name, json_integer(times + 1));
        json_object_set_new(function, "parameters",
                            times ? json_pack("{s:s}", "type", "object")
                                  : outline(json_object_get(function, "parameters")));
        done = true;
        if (!all)
            break;
    }
    g->n_relaxed++;
    return done;
}

/* ------------------------------------------------------------------------------------------------------ choice */

/* {"mode", "tools": [a function each]}, in the object "allowed_tools" or in place of it. */
static bool read_allowed(struct generation *g, const json_t *value, struct hob_error *err)
{
    const json_t *inner = json_object_get(value, "allowed_tools"), *allowed = inner ? inner : value;
    const json_t *list = json_object_get(allowed, "tools"), *mode = json_object_get(allowed, "mode");
    json_t *names = json_array(), *tool;
    size_t i;
    bool good =
        json_array_size(list) > 0 && (str_eq(json_span(mode), STR("auto")) || str_eq(json_span(mode), STR("required")));
    json_array_foreach(list, i, tool)
    {
        const json_t *function = json_object_get(tool, "function");
        const json_t *name = json_object_get(function ? function : tool, "name");
        good = good && json_is_string(name);
        json_array_append(names, (json_t *)name);
    }
    if (good)
        json_object_set_new(g->request, "tool_choice", json_pack("{s:O, s:O}", "mode", mode, "allowed", names));
    json_decref(names);
    return good || error_set(err, HOB_USAGE,
                             "tool_choice.allowed_tools: want {\"mode\": \"auto\" or \"required\", \"tools\": "
                             "[functions by their names]}");
}

bool tool_choice_openai(struct generation *g, const json_t *value, struct hob_error *err)
{
    if (str_eq(json_span(json_object_get(value, "type")), STR("allowed_tools")))
        return read_allowed(g, value, err);
    json_object_set(g->request, "tool_choice", (json_t *)value);
    return true;
}

bool tool_choice_anthropic(struct generation *g, const json_t *value, struct hob_error *err)
{
    static const char *const words[][2] = {{"auto", "auto"}, {"any", "required"}, {"none", "none"}};
    const json_t *type = json_object_get(value, "type"), *name = json_object_get(value, "name");
    if (json_is_true(json_object_get(value, "disable_parallel_tool_use")))
        json_object_set_new(g->request, "parallel_tool_calls", json_false());
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eq(json_span(type), str_of(words[i][0]))) {
            json_object_set_new(g->request, "tool_choice", json_string(words[i][1]));
            return true;
        }
    if (!str_eq(json_span(type), STR("tool")) || !json_is_string(name))
        return error_set(err, HOB_USAGE, "tool_choice.type: want auto, any, none, or tool with a name");
    json_object_set_new(g->request, "tool_choice", json_pack("{s:O}", "name", name));
    return true;
}
