/* SPDX-License-Identifier: Apache-2.0
 *
 * What the steps of formats read with.
 */
#include "text/reply/format.h"

enum { MAX_CLOSE_SPACE = 64 }; /* white space before a closing mark */

/* Where reply_read_arguments() is. */
enum { AT_START, IN_OBJECT, IN_STRING, IN_NULL };

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

struct str reply_unread(const struct reply_parser *parser)
{
    return str_from(buf_view(&parser->raw), parser->at);
}

void reply_forget_read(struct reply_parser *parser)
{
    if (parser->at)
        memmove(parser->raw.ptr, parser->raw.ptr + parser->at, parser->raw.len - parser->at);
    parser->raw.len -= parser->at;
    parser->at = parser->seen = 0;
}

enum reply_read reply_read_space(struct reply_parser *parser)
{
    while (parser->at < parser->raw.len && is_space(parser->raw.ptr[parser->at]))
        parser->at++;
    return parser->at < parser->raw.len ? REPLY_YES : REPLY_MORE;
}

/* How the bytes `rest` stand to a mark: REPLY_YES, they start with it; REPLY_MORE, they may yet; REPLY_NO. */
static enum reply_read compare(struct str rest, const char *mark)
{
    struct str text = str_of(mark);
    if (str_starts(rest, text))
        return REPLY_YES;
    return str_starts(text, rest) ? REPLY_MORE : REPLY_NO;
}

/* The same for several marks; *which and *len are the number and length of the one that stands there. */
static enum reply_read compare_all(struct str rest, const char *const *marks, unsigned *which, size_t *len)
{
    enum reply_read found = REPLY_NO;
    for (unsigned i = 0; marks[i]; i++) {
        enum reply_read one = compare(rest, marks[i]);
        if (one == REPLY_YES) {
            *which = i;
            *len = strlen(marks[i]);
            return one;
        }
        found = one == REPLY_MORE ? REPLY_MORE : found;
    }
    return found;
}

enum reply_read reply_read_text(struct reply_parser *parser, const char *text)
{
    enum reply_read found = compare(reply_unread(parser), text);
    if (found == REPLY_YES)
        parser->at += strlen(text);
    return found;
}

enum reply_read reply_read_until(struct reply_parser *parser, const char *const *marks, size_t max, struct str *before,
                                 unsigned *which)
{
    struct str raw = buf_view(&parser->raw);
    for (size_t at = parser->seen > parser->at ? parser->seen : parser->at; at < raw.len; at++) {
        size_t len = 0;
        if (at - parser->at > max)
            return REPLY_NO;
        enum reply_read found = compare_all(str_from(raw, at), marks, which, &len);
        parser->seen = at;
        if (found == REPLY_MORE)
            return REPLY_MORE;
        if (found == REPLY_YES) {
            *before = (struct str){raw.ptr + parser->at, at - parser->at};
            parser->at = parser->seen = at + len;
            return REPLY_YES;
        }
    }
    parser->seen = raw.len;
    return REPLY_MORE;
}

enum reply_read reply_read_stream(struct reply_parser *parser, const char *const *marks,
                                  void (*take)(struct reply_parser *parser, struct str bytes), unsigned *which)
{
    while (parser->at < parser->raw.len) {
        size_t len = 0;
        enum reply_read found = compare_all(reply_unread(parser), marks, which, &len);
        if (found == REPLY_MORE)
            return REPLY_MORE;
        if (found == REPLY_YES) {
            parser->at += len;
            return REPLY_YES;
        }
        take(parser, (struct str){parser->raw.ptr + parser->at, 1});
        parser->at++;
    }
    return REPLY_MORE;
}

enum reply_read reply_read_close(struct reply_parser *parser, const char *const *marks)
{
    struct str rest = reply_unread(parser);
    size_t space = 0, len = 0;
    unsigned which = 0;
    parser->closing = true;
    while (space < rest.len && (is_space(rest.ptr[space]) || (*marks && byte_in(rest.ptr[space], "}]"))))
        space++; /* models close more brackets than they opened */
    if (space > MAX_CLOSE_SPACE)
        return REPLY_LEAVE;
    enum reply_read found = space == rest.len ? REPLY_MORE : compare_all(str_from(rest, space), marks, &which, &len);
    if (found == REPLY_MORE)
        return REPLY_MORE;
    if (found == REPLY_YES)
        parser->at += space + len; /* perhaps there is another */
    return found == REPLY_NO ? REPLY_LEAVE : found;
}

/* The arguments were a string, in parser->value with its quotes: what it holds must be an object. */
static enum reply_read read_inner(struct reply_parser *parser)
{
    struct buf inner = {0}, json = {0};
    struct reply_json scan = {0};
    enum reply_json_step step = REPLY_JSON_MORE;
    reply_json_unescape((struct str){parser->value.ptr + 1, parser->value.len - 2}, &inner);
    while (inner.len && is_space(inner.ptr[inner.len - 1]))
        inner.len--;
    for (size_t i = 0; i < inner.len && step == REPLY_JSON_MORE; i++)
        step = reply_json_byte(&scan, inner.ptr[i], &json);
    bool empty = inner.len == 0;
    bool object =
        step == REPLY_JSON_END && json.len && memchr(json.ptr, '{', json.len) && json.ptr[json.len - 1] == '}';
    if (object)
        reply_call_arguments(parser, buf_view(&json));
    buf_clear(&inner);
    buf_clear(&json);
    return object || empty ? REPLY_YES : REPLY_NO;
}

/* The first byte of the arguments says what they are. */
static enum reply_read begin_arguments(struct reply_parser *parser)
{
    if (reply_read_space(parser) == REPLY_MORE)
        return REPLY_MORE;
    char c = parser->raw.ptr[parser->at];
    parser->scan = (struct reply_json){0};
    parser->value.len = 0;
    parser->arguments = c == '{' ? IN_OBJECT : c == '"' ? IN_STRING : IN_NULL;
    return c == '{' || c == '"' || c == 'n' ? REPLY_YES : REPLY_NO;
}

enum reply_read reply_read_arguments(struct reply_parser *parser)
{
    if (parser->arguments == AT_START) {
        enum reply_read begun = begin_arguments(parser);
        if (begun != REPLY_YES)
            return begun;
    }
    while (parser->at < parser->raw.len) {
        struct buf bytes = {0};
        enum reply_json_step step = reply_json_byte(&parser->scan, parser->raw.ptr[parser->at], &bytes);
        if (parser->arguments == IN_OBJECT)
            reply_call_arguments(parser, buf_view(&bytes));
        else
            buf_str(&parser->value, buf_view(&bytes));
        buf_clear(&bytes);
        if (step == REPLY_JSON_BAD || step == REPLY_JSON_BEFORE)
            return REPLY_NO;
        parser->at++;
        if (step == REPLY_JSON_MORE)
            continue;
        bool string = parser->arguments == IN_STRING;
        parser->arguments = AT_START;
        if (string && read_inner(parser) == REPLY_NO)
            return REPLY_NO;
        parser->complete = true;
        return REPLY_YES;
    }
    return REPLY_MORE;
}

/* Begins an argument of these types, whose value is told as it comes if `streams`. */
static void begin_argument(struct reply_parser *parser, struct str key, unsigned types, bool streams)
{
    struct buf json = {0};
    parser->types = types;
    parser->in_string = streams;
    parser->value.len = 0;
    parser->nesting = 0;
    parser->quote = 0;
    parser->escaped = false;
    buf_str(&json, parser->n_arguments++ ? STR(", \"") : STR("{\""));
    reply_json_escape(key, &json);
    buf_str(&json, streams ? STR("\": \"") : STR("\": "));
    reply_call_arguments(parser, buf_view(&json));
    buf_clear(&json);
}

/* The types that the tool at hand allows for an argument. */
static unsigned argument_types(const struct reply_parser *parser, struct str key)
{
    return reply_argument_types(reply_tool_schema(parser->tools, buf_view(&parser->name)), key);
}

void reply_argument_begin(struct reply_parser *parser, struct str key)
{
    unsigned types = argument_types(parser, key);
    begin_argument(parser, key, types, types == REPLY_STRING);
}

void reply_argument_begin_text(struct reply_parser *parser, struct str key)
{
    begin_argument(parser, key, REPLY_STRING, true);
}

void reply_argument_begin_literal(struct reply_parser *parser, struct str key)
{
    begin_argument(parser, key, argument_types(parser, key), false);
}

void reply_argument_add(struct reply_parser *parser, struct str bytes)
{
    struct buf json = {0};
    if (!parser->in_string) {
        buf_str(&parser->value, bytes);
        return;
    }
    reply_json_escape(bytes, &json);
    reply_call_arguments(parser, buf_view(&json));
    buf_clear(&json);
}

/* The JSON of the literal `text` for the argument at hand: a string's quotes were its markup. False when it is none. */
static bool literal_json(const struct reply_parser *parser, struct str text, struct buf *json)
{
    unsigned type = reply_literal_json(text, json);
    if (!type)
        return false;
    if (type != REPLY_STRING && parser->types == REPLY_STRING) { /* a number where a string was wanted */
        struct buf string = {0};
        buf_byte(&string, '"');
        reply_json_escape(buf_view(json), &string);
        buf_byte(&string, '"');
        buf_clear(json);
        *json = string;
    }
    return true;
}

enum reply_read reply_read_literal(struct reply_parser *parser, const char *ends)
{
    struct str raw = buf_view(&parser->raw);
    size_t at = parser->seen > parser->at ? parser->seen : parser->at;
    for (; at < raw.len; at++) {
        char c = raw.ptr[at];
        if (parser->escaped || c == '\\') {
            parser->escaped = !parser->escaped && parser->quote;
        } else if (parser->quote) {
            parser->quote = c == parser->quote ? 0 : parser->quote;
        } else if (parser->nesting == 0 && byte_in(c, ends)) {
            break;
        } else if (c == '"' || c == '\'') {
            parser->quote = c;
        } else if (c == '(' || c == '[' || c == '{') {
            parser->nesting++;
        } else if ((c == ')' || c == ']' || c == '}') && parser->nesting-- == 0) {
            return REPLY_NO;
        }
    }
    parser->seen = at;
    if (at == raw.len)
        return REPLY_MORE;
    struct buf json = {0};
    bool good = literal_json(parser, (struct str){raw.ptr + parser->at, at - parser->at}, &json);
    if (good)
        reply_call_arguments(parser, buf_view(&json));
    parser->at = at;
    buf_clear(&json);
    return good ? REPLY_YES : REPLY_NO;
}

void reply_argument_end(struct reply_parser *parser)
{
    struct buf json = {0};
    if (parser->in_string)
        buf_str(&json, STR("\""));
    else
        reply_value_json(buf_view(&parser->value), parser->types, &json);
    reply_call_arguments(parser, buf_view(&json));
    parser->in_string = false;
    buf_clear(&json);
}

void reply_arguments_end(struct reply_parser *parser)
{
    reply_call_arguments(parser, parser->n_arguments ? STR("}") : STR("{}"));
    parser->complete = true;
}
