/* SPDX-License-Identifier: Apache-2.0 */
#include "text/reply/value.h"

#include <strings.h>

#include "text/reply/json.h"

enum { MAX_REFERENCES = 16 };

/* The tool of this name, the object that has its schema; or NULL. */
static const json_t *find_tool(const json_t *tools, struct str name)
{
    for (size_t i = 0; i < json_array_size(tools); i++) {
        const json_t *tool = json_array_get(tools, i), *inner = json_object_get(tool, "function");
        if (json_is_object(inner))
            tool = inner;
        if (str_eq(json_span(json_object_get(tool, "name")), name))
            return tool;
    }
    return NULL;
}

bool reply_tool_known(const json_t *tools, struct str name)
{
    return find_tool(tools, name) != NULL;
}

const json_t *reply_tool_schema(const json_t *tools, struct str name)
{
    const json_t *tool = find_tool(tools, name), *schema = json_object_get(tool, "parameters");
    return schema ? schema : json_object_get(tool, "input_schema");
}

/* The type of a JSON value. */
static unsigned type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
        return REPLY_NULL;
    case JSON_INTEGER:
        return REPLY_INTEGER;
    case JSON_REAL:
        return REPLY_FRACTION;
    case JSON_STRING:
        return REPLY_STRING;
    case JSON_ARRAY:
        return REPLY_ARRAY;
    case JSON_OBJECT:
        return REPLY_OBJECT;
    default:
        return REPLY_BOOLEAN;
    }
}

/* The types that a name stands for; some write them in upper case. */
static unsigned named_type(struct str name)
{
    static const struct {
        const char *name;
        unsigned types;
    } table[] = {
        {"null", REPLY_NULL},     {"boolean", REPLY_BOOLEAN}, {"integer", REPLY_INTEGER}, {"number", REPLY_NUMBER},
        {"string", REPLY_STRING}, {"array", REPLY_ARRAY},     {"object", REPLY_OBJECT},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (name.len == strlen(table[i].name) && strncasecmp(name.ptr, table[i].name, name.len) == 0)
            return table[i].types;
    return REPLY_ANY;
}

const json_t *reply_schema_resolve(const json_t *root, struct str reference)
{
    const json_t *at = root;
    if (!str_starts(reference, STR("#")))
        return NULL;
    for (size_t from = 1; at && from < reference.len;) {
        size_t end = str_find(reference, STR("/"), from + 1);
        end = end == SIZE_MAX ? reference.len : end;
        at = json_object_getn(at, reference.ptr + from + 1, end - from - 1);
        from = end;
    }
    return at;
}

static unsigned types_of_schema(const json_t *root, const json_t *schema, unsigned depth);

/* The union of what the schemas of a list allow; REPLY_ANY without a list. */
static unsigned any_types(const json_t *root, const json_t *list, unsigned depth)
{
    unsigned types = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        types |= types_of_schema(root, json_array_get(list, i), depth);
    return types ? types : REPLY_ANY;
}

/* The types a schema allows, as far as its plain keywords say. */
static unsigned types_of_schema(const json_t *root, const json_t *schema, unsigned depth)
{
    unsigned types = REPLY_ANY, listed = 0;
    if (!json_is_object(schema) || depth == 0)
        return REPLY_ANY;
    const json_t *type = json_object_get(schema, "type"), *list = json_object_get(schema, "enum");
    if (json_is_string(type))
        types = named_type(json_span(type));
    for (size_t i = 0; i < json_array_size(type); i++)
        listed |= named_type(json_span(json_array_get(type, i)));
    types &= listed ? listed : REPLY_ANY;
    listed = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        listed |= type_of(json_array_get(list, i));
    types &= listed ? listed : REPLY_ANY;
    if (json_object_get(schema, "const"))
        types &= type_of(json_object_get(schema, "const"));
    types &= any_types(root, json_object_get(schema, "anyOf"), depth - 1);
    types &= any_types(root, json_object_get(schema, "oneOf"), depth - 1);
    const json_t *all = json_object_get(schema, "allOf"), *reference = json_object_get(schema, "$ref");
    for (size_t i = 0; i < json_array_size(all); i++)
        types &= types_of_schema(root, json_array_get(all, i), depth - 1);
    if (reference)
        types &= types_of_schema(root, reply_schema_resolve(root, json_span(reference)), depth - 1);
    if (json_is_true(json_object_get(schema, "nullable")) && types)
        types |= REPLY_NULL;
    return types ? types : REPLY_ANY;
}

unsigned reply_schema_types(const json_t *root, const json_t *schema)
{
    return types_of_schema(root, schema, MAX_REFERENCES);
}

unsigned reply_argument_types(const json_t *schema, struct str key)
{
    const json_t *object = schema, *all;
    for (int i = 0; i < MAX_REFERENCES && !json_object_get(object, "properties"); i++) {
        if (json_object_get(object, "$ref"))
            object = reply_schema_resolve(schema, json_span(json_object_get(object, "$ref")));
        else if (json_array_size(all = json_object_get(object, "allOf")) == 1)
            object = json_array_get(all, 0);
    }
    const json_t *property = json_object_getn(json_object_get(object, "properties"), key.ptr, key.len);
    if (!property)
        property = json_object_get(object, "additionalProperties");
    return types_of_schema(schema, property, MAX_REFERENCES);
}

void reply_value_json(struct str text, unsigned types, struct buf *out)
{
    size_t start = out->len;
    if (types != REPLY_STRING) {
        unsigned type = reply_literal_json(text, out);
        /* A string needs no quotes here: those that stand are its own. */
        if (type != REPLY_STRING && (type & types))
            return;
        if (!out->failed)
            out->len = start;
    }
    buf_byte(out, '"');
    reply_json_escape(text, out);
    buf_byte(out, '"');
}

/* A literal being read. */
struct reader {
    struct str text;
    size_t at;
    struct buf *out;
};

static unsigned read_value(struct reader *reader, unsigned depth);

/* The byte at hand, or NUL at the end. */
static char peek(const struct reader *reader)
{
    return reader->at < reader->text.len ? reader->text.ptr[reader->at] : 0;
}

static void skip_space(struct reader *reader)
{
    while (reader->at < reader->text.len && byte_in(peek(reader), " \t\r\n"))
        reader->at++;
}

/* A string in single or double quotes. */
static bool read_string(struct reader *reader)
{
    char quote = peek(reader);
    struct buf inside = {0}, meaning = {0};
    size_t at = reader->at + 1;
    bool closed = false;
    for (; at < reader->text.len && !closed; at++) {
        char c = reader->text.ptr[at];
        if (c == quote) {
            closed = true;
        } else if (c == '\\' && at + 1 < reader->text.len) {
            char escape = reader->text.ptr[++at];
            if (escape == 'x' && at + 2 < reader->text.len) { /* \xNN is \u00NN */
                buf_format(&inside, "\\u00%.2s", reader->text.ptr + at + 1);
                at += 2;
            } else if (byte_in(escape, "\"\\/bfnrtu'")) {
                buf_add(&inside, reader->text.ptr + at - 1, 2);
            } else { /* Python leaves what is no escape as it is */
                buf_str(&inside, STR("\\\\"));
                buf_byte(&inside, escape);
            }
        } else {
            buf_byte(&inside, c);
        }
    }
    reader->at = at;
    reply_json_unescape(buf_view(&inside), &meaning);
    buf_byte(reader->out, '"');
    reply_json_escape(buf_view(&meaning), reader->out);
    buf_byte(reader->out, '"');
    bool good = closed && !inside.failed && !meaning.failed;
    buf_clear(&inside);
    buf_clear(&meaning);
    return good;
}

/* A word: true, None and so on. */
static unsigned read_word(struct reader *reader)
{
    static const struct {
        const char *word, *json;
        unsigned type;
    } words[] = {
        {"true", "true", REPLY_BOOLEAN},   {"True", "true", REPLY_BOOLEAN}, {"false", "false", REPLY_BOOLEAN},
        {"False", "false", REPLY_BOOLEAN}, {"null", "null", REPLY_NULL},    {"None", "null", REPLY_NULL},
    };
    size_t end = reader->at;
    while (end < reader->text.len && ((reader->text.ptr[end] | 0x20) >= 'a' && (reader->text.ptr[end] | 0x20) <= 'z'))
        end++;
    struct str word = {reader->text.ptr + reader->at, end - reader->at};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_eq(word, str_of(words[i].word))) {
            buf_str(reader->out, str_of(words[i].json));
            reader->at = end;
            return words[i].type;
        }
    return 0;
}

/* Whether a JSON number is an integer to a schema, as 5.0 and 1e3 are: the digits behind the point are zeros once the
 * exponent has moved it. */
static bool is_integer(struct str number)
{
    size_t at = 0, zeros = 0;
    long behind = 0, exponent = 0, sign = 1;
    bool point = false, other = false;
    for (; at < number.len && (number.ptr[at] | 0x20) != 'e'; at++) {
        char c = number.ptr[at];
        point = point || c == '.';
        if (c < '0' || c > '9')
            continue;
        behind += point;
        other = other || c != '0';
        zeros = c == '0' ? zeros + 1 : 0;
    }
    for (at++; at < number.len; at++) {
        sign = number.ptr[at] == '-' ? -1 : sign;
        if (number.ptr[at] >= '0' && number.ptr[at] <= '9' && exponent < 1000000)
            exponent = exponent * 10 + (number.ptr[at] - '0');
    }
    return !other || behind - sign * exponent <= (long)zeros;
}

/* A number, as JSON and Python have it: "007" and "+1" are none, so that codes stay text. */
static unsigned read_number(struct reader *reader)
{
    struct reply_json json = {0};
    size_t start = reader->at;
    for (; reader->at < reader->text.len; reader->at++) {
        enum reply_json_step step = reply_json_byte(&json, peek(reader), reader->out);
        if (step == REPLY_JSON_BEFORE)
            break;
        if (step == REPLY_JSON_BAD)
            return 0;
    }
    if (!reply_json_may_end(&json))
        return 0;
    return is_integer((struct str){reader->text.ptr + start, reader->at - start}) ? REPLY_INTEGER : REPLY_FRACTION;
}

/* A list, a tuple or a dict. */
static unsigned read_container(struct reader *reader, unsigned depth)
{
    char open = peek(reader), close = open == '{' ? '}' : open == '(' ? ')' : ']';
    bool object = open == '{';
    reader->at++;
    buf_byte(reader->out, object ? '{' : '[');
    for (bool first = true;; first = false) {
        skip_space(reader);
        if (peek(reader) == close) /* a comma may stand before it */
            break;
        if (!first)
            buf_str(reader->out, STR(", "));
        if (object) {
            size_t start = reader->out->len;
            unsigned type = read_value(reader, depth);
            if (!type || type == REPLY_ARRAY || type == REPLY_OBJECT)
                return 0;
            if (type != REPLY_STRING && buf_str(reader->out, STR("\"\""))) { /* keys are strings */
                char *key = reader->out->ptr + start;
                size_t n = reader->out->len - start - 2;
                memmove(key + 1, key, n);
                key[0] = key[n + 1] = '"';
            }
            skip_space(reader);
            if (peek(reader) != ':')
                return 0;
            reader->at++;
            buf_str(reader->out, STR(": "));
        }
        if (!read_value(reader, depth))
            return 0;
        skip_space(reader);
        if (peek(reader) != ',' && peek(reader) != close)
            return 0;
        reader->at += peek(reader) == ',';
    }
    reader->at++;
    buf_byte(reader->out, object ? '}' : ']');
    return object ? REPLY_OBJECT : REPLY_ARRAY;
}

/* One value; 0 when it is none. */
static unsigned read_value(struct reader *reader, unsigned depth)
{
    skip_space(reader);
    char c = peek(reader);
    if (c == '"' || c == '\'')
        return read_string(reader) ? REPLY_STRING : 0;
    if (c == '{' || c == '[' || c == '(')
        return depth ? read_container(reader, depth - 1) : 0;
    if ((c >= '0' && c <= '9') || c == '-')
        return read_number(reader);
    return read_word(reader);
}

unsigned reply_literal_json(struct str text, struct buf *out)
{
    struct reader reader = {text.len ? text : STR(""), 0, out};
    unsigned type = read_value(&reader, REPLY_JSON_DEPTH - 1);
    skip_space(&reader);
    return reader.at == text.len ? type : 0;
}
