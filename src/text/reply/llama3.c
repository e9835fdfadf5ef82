/* SPDX-License-Identifier: Apache-2.0
 *
 * Llama 3.1 to 3.3. A call is a JSON object alone; several may follow each other with ';' between them. Built-in tools
 * are called in Python's words, and code for the Python tool stands as it is.
 *
 *   {"name": NAME, "parameters": {...}}
 *   <|python_tag|>{"name": NAME, "parameters": {...}}
 *   <|python_tag|>NAME.call(KEY="VALUE", ...)
 *   <|python_tag|> code                                 becomes the call python {"code": ...}
 *
 * Nothing but its keys tells an object from an answer in JSON: it starts a line, and it names a tool where tools are
 * known or text came before.
 */
#include "text/reply/format.h"

enum stage { START, JSON, AFTER, WORD, CODE, KEYWORD, VALUE };

enum { MAX_WORD_BYTES = 256 };

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || c == '.' || c == '-';
}

/* Everything after the tag is code. */
static enum reply_read begin_code(struct reply_parser *parser)
{
    parser->name.len = 0;
    buf_str(&parser->name, STR("python"));
    if (reply_call_begin(parser) == REPLY_NO)
        return REPLY_NO;
    reply_argument_begin_text(parser, STR("code"));
    parser->stage = CODE;
    return REPLY_YES;
}

/* NAME.call( or code. */
static enum reply_read read_word(struct reply_parser *parser)
{
    struct str rest = reply_unread(parser), call = STR(".call");
    size_t len = 0;
    while (len < rest.len && is_word(rest.ptr[len]))
        len++;
    if (len == rest.len && len < MAX_WORD_BYTES)
        return REPLY_MORE;
    struct str word = {rest.ptr, len};
    if (len == rest.len || rest.ptr[len] != '(' || len <= call.len || !str_ends(word, call))
        return begin_code(parser);
    buf_add(&parser->name, word.ptr, word.len - call.len);
    parser->at += len + 1;
    parser->stage = KEYWORD;
    return reply_call_begin(parser);
}

/* KEY= or the closing parenthesis. */
static enum reply_read read_keyword(struct reply_parser *parser)
{
    static const char *const equals[] = {"=", NULL};
    struct str key;
    unsigned which;
    if (reply_read_space(parser) == REPLY_MORE)
        return REPLY_MORE;
    if (reply_read_text(parser, ")") == REPLY_YES) {
        reply_arguments_end(parser);
        reply_call_end(parser);
        parser->stage = AFTER;
        return REPLY_YES;
    }
    enum reply_read found = reply_read_until(parser, equals, MAX_WORD_BYTES, &key, &which);
    if (found != REPLY_YES)
        return found;
    while (key.len && key.ptr[key.len - 1] == ' ')
        key.len--;
    reply_argument_begin_literal(parser, key);
    parser->stage = VALUE;
    return REPLY_YES;
}

static enum reply_read read_value(struct reply_parser *parser)
{
    enum reply_read found = reply_read_literal(parser, ",)");
    if (found != REPLY_YES)
        return found;
    if (parser->raw.ptr[parser->at] == ',')
        parser->at++;
    parser->stage = KEYWORD;
    return REPLY_YES;
}

static enum reply_read step(struct reply_parser *parser)
{
    static const char *const between[] = {";", NULL};
    enum reply_read found;
    switch ((enum stage)parser->stage) {
    case START:
        found = reply_read_space(parser);
        if (found == REPLY_YES)
            parser->stage = parser->raw.ptr[parser->at] == '{' ? JSON : WORD;
        return found;
    case JSON:
        found = reply_read_calls(parser);
        if (found == REPLY_YES)
            parser->stage = AFTER;
        return found;
    case AFTER:
        return reply_read_close(parser, between);
    case WORD:
        return read_word(parser);
    case CODE:
        reply_argument_add(parser, reply_unread(parser));
        parser->at = parser->raw.len;
        return REPLY_MORE;
    case KEYWORD:
        return read_keyword(parser);
    case VALUE:
        return read_value(parser);
    }
    return REPLY_NO;
}

/* Code has no end of its own. */
static void finish(struct reply_parser *parser)
{
    if (parser->stage == WORD && parser->at < parser->raw.len && begin_code(parser) == REPLY_YES)
        reply_argument_add(parser, reply_unread(parser));
    if (parser->stage != CODE)
        return;
    reply_argument_end(parser);
    reply_arguments_end(parser);
}

/* An object that names a tool, or whose first key could stand in a call; with escapes it might. */
static void bare_look(const struct reply_grammar *g, struct buf *pattern)
{
#define BLANK "[ \\t\\r\\n]*"
    buf_str(pattern, STR("\\{" BLANK "\"(?:[^\"]*\\\\|parameters\"|arguments\"|function\"|type\"" BLANK ":" BLANK
                         "\"(?:[^\"]*\\\\|function\")|name\"" BLANK ":" BLANK "\"(?:[^\"]*\\\\"));
    for (size_t i = 0; i < json_array_size(g->tools); i++) {
        const json_t *entry = json_array_get(g->tools, i), *inner = json_object_get(entry, "function");
        struct str name = json_span(json_object_get(inner ? inner : entry, "name"));
        buf_byte(pattern, '|');
        reply_quote_pattern(name, pattern);
        buf_byte(pattern, '"');
    }
    buf_str(pattern, STR("))"));
#undef BLANK
}

/* The tag may stand before the object, or the object alone. */
static uint32_t grammar(struct reply_grammar *g, unsigned trigger)
{
    (void)trigger;
    return reply_call_in_json(g, "{\"name\": \"", "\", \"parameters\": ", "}");
}

const struct reply_format reply_llama3 = {
    .name = "llama3",
    .signs = {"<|start_header_id|>", "ipython"},
    .triggers = {"<|python_tag|>", "{"},
    .bare = true,
    .bare_look = bare_look,
    .grammar = grammar,
    .step = step,
    .finish = finish,
};
