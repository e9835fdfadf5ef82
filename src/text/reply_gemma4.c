/* SPDX-License-Identifier: Apache-2.0
 *
 * Gemma 4: thoughts in a channel, calls in a notation of their own. Strings stand between quotes that are a token, keys
 * may stand bare; numbers, true, false and null are JSON's.
 *
 *   <|channel>thought\n thoughts <channel|> text
 *   <|tool_call>call:NAME{KEY:<|"|>TEXT<|"|>,KEY:5,KEY:[1,2],KEY:{KEY:true}}<tool_call|>
 */
#include "text/reply_format.h"

#define QUOTE "<|\"|>"

enum stage { START, NAME, FIRST, NEXT, KEY, BARE_KEY, COLON, VALUE, STRING, BARE, QUOTED, AFTER, CLOSE };

enum { MAX_NAME_BYTES = 256, MAX_BARE_BYTES = 4096 };

/* Tells JSON punctuation. */
static void put(struct reply_parser *parser, const char *json)
{
    reply_call_arguments(parser, str_of(json));
}

static bool in_object(const struct reply_parser *parser)
{
    return parser->scan.objects >> (parser->scan.depth - 1) & 1;
}

static enum reply_read open_bracket(struct reply_parser *parser)
{
    bool object = parser->raw.ptr[parser->at++] == '{';
    if (parser->scan.depth == REPLY_JSON_DEPTH - 1)
        return REPLY_NO;
    uint64_t bit = (uint64_t)1 << parser->scan.depth++;
    parser->scan.objects = object ? parser->scan.objects | bit : parser->scan.objects & ~bit;
    put(parser, object ? "{" : "[");
    parser->stage = FIRST;
    return REPLY_YES;
}

static enum reply_read close_bracket(struct reply_parser *parser)
{
    char c = parser->raw.ptr[parser->at++];
    if (in_object(parser) != (c == '}'))
        return REPLY_NO;
    put(parser, c == '}' ? "}" : "]");
    parser->stage = AFTER;
    if (--parser->scan.depth)
        return REPLY_YES;
    parser->stage = CLOSE;
    reply_call_end(parser);
    return REPLY_YES;
}

/* A key's or an element's first byte, or the closing bracket. */
static enum reply_read read_element(struct reply_parser *parser)
{
    char c = parser->raw.ptr[parser->at];
    if (c == '}' || c == ']')
        return close_bracket(parser);
    if (parser->stage == NEXT)
        put(parser, ", ");
    parser->stage = in_object(parser) ? KEY : VALUE;
    return REPLY_YES;
}

/* How a value or a key starts: with the quote token, or otherwise. */
static enum reply_read read_start(struct reply_parser *parser)
{
    enum reply_read quote = reply_read_text(parser, QUOTE);
    char c = quote == REPLY_NO ? parser->raw.ptr[parser->at] : 0;
    if (quote == REPLY_MORE)
        return quote;
    if (quote == REPLY_YES) {
        put(parser, "\"");
        parser->in_string = parser->stage == KEY; /* it is a key */
        parser->key.len = 0;
        parser->stage = STRING;
    } else if (parser->stage == KEY) {
        parser->stage = BARE_KEY;
    } else if (c == '{' || c == '[') {
        return open_bracket(parser);
    } else {
        parser->stage = c == '"' ? QUOTED : BARE;
        parser->value.len = 0;
    }
    return REPLY_YES;
}

/* Tells bytes within a string. */
static void put_escaped(struct reply_parser *parser, struct str bytes)
{
    struct buf json = {0};
    reply_json_escape(bytes, &json);
    reply_call_arguments(parser, buf_view(&json));
    buf_clear(&json);
}

/* Tells bytes within a key, and keeps them. */
static void put_key(struct reply_parser *parser, struct str bytes)
{
    buf_str(&parser->key, bytes);
    put_escaped(parser, bytes);
}

/* A key of the arguments themselves says what its value should be. */
static void set_types(struct reply_parser *parser, struct str key)
{
    const json_t *schema = reply_tool_schema(parser->tools, buf_view(&parser->name));
    parser->types = parser->scan.depth == 1 ? reply_argument_types(schema, key) : REPLY_ANY;
}

static enum reply_read read_bare_key(struct reply_parser *parser)
{
    static const char *const colon[] = {":", NULL};
    struct str key;
    unsigned which;
    enum reply_read found = reply_read_until(parser, colon, MAX_NAME_BYTES, &key, &which);
    if (found != REPLY_YES)
        return found;
    while (key.len && key.ptr[key.len - 1] == ' ')
        key.len--;
    if (key.len >= 2 && *key.ptr == '"' && key.ptr[key.len - 1] == '"')
        key = (struct str){key.ptr + 1, key.len - 2};
    put(parser, "\"");
    put_escaped(parser, key);
    put(parser, "\": ");
    set_types(parser, key);
    parser->stage = VALUE;
    return REPLY_YES;
}

static void put_bare(struct reply_parser *parser, struct str text)
{
    struct buf json = {0};
    while (text.len && strchr(" \t\r\n", text.ptr[text.len - 1]))
        text.len--;
    reply_value_json(text, parser->types, &json);
    reply_call_arguments(parser, buf_view(&json));
    buf_clear(&json);
}

/* A number or a word, up to what ends it. */
static enum reply_read read_bare(struct reply_parser *parser)
{
    static const char *const ends[] = {",", "}", "]", NULL};
    struct str text;
    unsigned which;
    enum reply_read found = reply_read_until(parser, ends, MAX_BARE_BYTES, &text, &which);
    if (found != REPLY_YES)
        return found;
    put_bare(parser, text);
    parser->at--;
    parser->stage = AFTER;
    return REPLY_YES;
}

/* A string in JSON's quotes, which some models write. */
static enum reply_read read_quoted(struct reply_parser *parser)
{
    bool closed = false;
    while (parser->at < parser->raw.len && !closed) {
        char c = parser->raw.ptr[parser->at++];
        closed = c == '"' && parser->value.len && !parser->escaped;
        parser->escaped = c == '\\' && !parser->escaped;
        buf_byte(&parser->value, c);
    }
    if (!closed)
        return REPLY_MORE;
    struct buf json = {0};
    bool good = reply_literal_json(buf_view(&parser->value), &json) == REPLY_STRING;
    if (good)
        reply_call_arguments(parser, buf_view(&json));
    buf_clear(&json);
    parser->stage = AFTER;
    return good ? REPLY_YES : REPLY_NO;
}

/* Punctuation after a value. */
static enum reply_read read_after(struct reply_parser *parser)
{
    char c = parser->raw.ptr[parser->at];
    if (c == '}' || c == ']')
        return close_bracket(parser);
    parser->at++;
    parser->stage = NEXT;
    return c == ',' ? REPLY_YES : REPLY_NO;
}

static enum reply_read read_string(struct reply_parser *parser)
{
    static const char *const quote[] = {QUOTE, NULL};
    unsigned which;
    enum reply_read found = reply_read_stream(parser, quote, parser->in_string ? put_key : put_escaped, &which);
    if (found != REPLY_YES)
        return found;
    put(parser, "\"");
    parser->stage = parser->in_string ? COLON : AFTER;
    if (parser->in_string)
        set_types(parser, buf_view(&parser->key));
    return REPLY_YES;
}

/* What stands before the arguments: call:NAME{ */
static enum reply_read read_head(struct reply_parser *parser)
{
    static const char *const brace[] = {"{", NULL};
    struct str name;
    unsigned which;
    enum reply_read found;
    if (parser->stage == START) {
        found = reply_read_text(parser, "call:");
        parser->stage = found == REPLY_YES ? NAME : START;
        return found;
    }
    found = reply_read_until(parser, brace, MAX_NAME_BYTES, &name, &which);
    if (found != REPLY_YES)
        return found;
    while (name.len && strchr(" \n", name.ptr[name.len - 1]))
        name.len--;
    buf_str(&parser->name, name);
    parser->at--;
    found = reply_call_begin(parser);
    return found == REPLY_YES ? open_bracket(parser) : found;
}

static enum reply_read step(struct reply_parser *parser)
{
    static const char *const close[] = {"<tool_call|>", NULL};
    enum reply_read found = REPLY_YES;
    switch ((enum stage)parser->stage) {
    case START:
    case NAME:
        return read_head(parser);
    case FIRST:
    case NEXT:
        found = reply_read_space(parser);
        return found == REPLY_YES ? read_element(parser) : found;
    case KEY:
    case VALUE:
        found = reply_read_space(parser);
        return found == REPLY_YES ? read_start(parser) : found;
    case BARE_KEY:
        return read_bare_key(parser);
    case COLON:
        found = reply_read_space(parser);
        if (found == REPLY_YES && (found = reply_read_text(parser, ":")) == REPLY_YES) {
            put(parser, ": ");
            parser->stage = VALUE;
        }
        return found;
    case STRING:
        return read_string(parser);
    case BARE:
        return read_bare(parser);
    case QUOTED:
        return read_quoted(parser);
    case AFTER:
        found = reply_read_space(parser);
        return found == REPLY_YES ? read_after(parser) : found;
    case CLOSE:
        return reply_read_close(parser, close);
    }
    return REPLY_NO;
}

const struct reply_format reply_gemma4 = {
    .name = "gemma4",
    .signs = {"<|tool_call>", "<tool_call|>"},
    .think_open = "<|channel>thought",
    .think_close = "<channel|>",
    .think_anywhere = true,
    .triggers = {"<|tool_call>"},
    .dropped = {"<|tool_response>", "<turn|>"},
    .tokens = {"<tool_call|>", QUOTE},
    .step = step,
};
