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

/* The schema of a dialect's request. */
static json_t *body_schema(const struct dialect *dialect)
{
    json_t *properties = json_object();
    for (const struct field *field = dialect->fields; field->name; field++) {
        json_t *schema = field->type ? json_pack("{s:[s, s]}", "type", field->type, "null") : json_object();
        if (!field->read)
            json_object_set_new(schema, "description", json_string("accepted, and named in X-Hob-Ignored"));
        json_object_set_new(properties, field->name, schema);
    }
    size_t n;
    const struct option *table = options_table(&n);
    for (size_t i = 0; dialect->options != DIALECT_HOB && i < n; i++) {
        /* Ollama's stand in "options". */
        const char *names =
            dialect->options == DIALECT_OLLAMA ? NULL : option_dialect_names(&table[i], dialect->options);
        for (const char *at = names; at && *at;) {
            char name[64];
            size_t len = strcspn(at, " ");
            snprintf(name, sizeof name, "%.*s", (int)len, at);
            json_object_set_new(properties, name, option_schema(&table[i]));
            at += len + (at[len] == ' ');
        }
    }
    return json_pack("{s:s, s:o}", "type", "object", "properties", properties);
}

static json_t *operation(const struct route *route)
{
    json_t *json = json_pack("{s:s, s:{s:{s:s}}}", "summary", route->summary, "responses", "200", "description", "OK");
    if (route->dialect->fields && strcmp(route->method, "POST") == 0 && route->handle == generation_handle)
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
        snprintf(path, sizeof path, "%s%s", routes[i].path, routes[i].flags & ROUTE_TAIL ? "{id}" : "");
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
