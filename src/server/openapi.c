/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /openapi.json: made of the table of routes, the fields of their dialects and the table of options.
 */
#include <stdio.h>

#include "server/fields.h"
#include "server/routes.h"

/* An option's schema. */
static json_t *option_schema(const struct option *option)
{
    static const char *const types[] = {[OPTION_FLAG] = "boolean", [OPTION_INT] = "integer", [OPTION_FLOAT] = "number",
                                        [OPTION_SEED] = "integer", [OPTION_TEXT] = "string", [OPTION_LIST] = "array"};
    json_t *schema = json_pack("{s:[s, s], s:s}", "type", types[option->kind], "null", "description", option->help);
    if (option->kind == OPTION_LIST)
        json_object_set_new(schema, "type", json_pack("[s, s, s, s]", "array", "string", "object", "null"));
    if (option->kind == OPTION_INT || option->kind == OPTION_FLOAT) {
        json_object_set_new(schema, "minimum", json_real(option->min));
        json_object_set_new(schema, "maximum", json_real(option->max));
    }
    return schema;
}

/* A field's schema. */
static json_t *field_schema(const struct field *field)
{
    static const char *const types[] = {"boolean", "integer", "number", "string", "array", "object"};
    json_t *schema = json_object(), *list = json_array();
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (field->types >> i & 1)
            json_array_append_new(list, json_string(types[i]));
    if (!field->required)
        json_array_append_new(list, json_string("null"));
    if (field->types)
        json_object_set(schema, "type", list);
    json_decref(list);
    if (field->max)
        json_object_set_new(schema, "maximum", json_integer(field->max));
    if (field_is_advisory(field))
        json_object_set_new(schema, "description", json_string("accepted, and named in X-Hob-Ignored"));
    if (field->only)
        json_object_set_new(schema, "description", json_sprintf("any of %s", field->only));
    return schema;
}

/* The schema of a dialect's request. */
static json_t *body_schema(const struct dialect *dialect)
{
    json_t *properties = json_object(), *required = json_array();
    for (const struct field *const *tables = dialect->fields; *tables; tables++)
        for (const struct field *field = *tables; field->name; field++) {
            if (json_object_get(properties, field->name))
                continue;
            if (field->required)
                json_array_append_new(required, json_string(field->name));
            json_object_set_new(properties, field->name, field_schema(field));
        }
    size_t n;
    const struct option *table = options_table(&n);
    for (size_t i = 0; dialect->options != DIALECT_NONE && i < n; i++) {
        /* Ollama's stand in "options". */
        const char *names =
            dialect->options == DIALECT_OLLAMA ? NULL : option_dialect_names(&table[i], dialect->options);
        for (const char *at = names; at && *at;) {
            char name[64];
            size_t len = strcspn(at, " ");
            snprintf(name, sizeof name, "%.*s", (int)len, at);
            if (!json_object_get(properties, name)) /* a row of fields counts first */
                json_object_set_new(properties, name, option_schema(&table[i]));
            at += len + (at[len] == ' ');
        }
    }
    return json_pack("{s:s, s:o, s:o}", "type", "object", "properties", properties, "required", required);
}

static json_t *operation(const struct route *route)
{
    json_t *json = json_pack("{s:s, s:{s:{s:s}}}", "summary", route->summary, "responses", "200", "description", "OK");
    if (route->handle == generation_handle)
        json_object_set_new(json, "requestBody",
                            json_pack("{s:b, s:{s:{s:o}}}", "required", 1, "content", "application/json", "schema",
                                      body_schema(route->dialect)));
    if (route->flags & ROUTE_TAIL)
        json_object_set_new(json, "parameters",
                            json_pack("[{s:s, s:s, s:b, s:{s:s}}]", "name", "id", "in", "path", "required", 1, "schema",
                                      "type", "string"));
    return json;
}

void openapi_get(struct exchange *exchange)
{
    size_t n;
    const struct route *routes = routes_all(&n);
    json_t *paths = json_object();
    for (size_t i = 0; i < n; i++) {
        char path[96], method[8];
        bool at_end = routes[i].flags & ROUTE_TAIL && !strchr(routes[i].path, '{');
        snprintf(path, sizeof path, "%s%s", routes[i].path, at_end ? "{id}" : "");
        snprintf(method, sizeof method, "%s", routes[i].method);
        for (char *c = method; *c; c++)
            *c = (char)(*c | 0x20);
        json_t *methods = json_object_get(paths, path);
        if (!methods)
            json_object_set_new(paths, path, methods = json_object());
        json_object_set_new(methods, method, operation(&routes[i]));
    }
    exchange_answer_json(exchange, MHD_HTTP_OK,
                         json_pack("{s:s, s:{s:s, s:s}, s:o}", "openapi", "3.1.0", "info", "title", "hob", "version",
                                   HOB_VERSION, "paths", paths));
}
