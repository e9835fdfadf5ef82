/* SPDX-License-Identifier: Apache-2.0
 *
 * The lexer: template source to tokens, with the whitespace rules of trim_blocks and lstrip_blocks.
 *
 *   text {%- if x +%}\n text      "-": strips all whitespace on that side; "+": keeps it
 *   \n   {% if x %}\n             without a sign: blanks back to the line's start and one newline after go
 *   {{ x }}                       strips nothing without a "-"
 */
#include "text/jinja/ast.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "text/jinja/char.h"

bool lexer_fail(struct lexer *lexer, unsigned line, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(lexer->err, HOB_FORMAT, "template line %u: %s", line, text);
}

/* The end of the whitespace that starts at `at`. */
static size_t skip_space(struct str s, size_t at)
{
    while (at < s.len) {
        unsigned size;
        int32_t c = utf8_decode(s, at, &size);
        if (c < 0 || !char_is_space((uint32_t)c))
            break;
        at += size;
    }
    return at;
}

/* The end of s[from, to) without the whitespace at its end. */
static size_t strip_end(struct str s, size_t from, size_t to)
{
    while (to > from) {
        size_t at = to - 1;
        while (at > from && ((unsigned char)s.ptr[at] & 0xc0) == 0x80)
            at--;
        unsigned size;
        int32_t c = utf8_decode(s, at, &size);
        if (c < 0 || !char_is_space((uint32_t)c))
            break;
        to = at;
    }
    return to;
}

static bool at_text(const struct lexer *lexer, size_t at, const char *text)
{
    return at <= lexer->source.len && str_starts(str_from(lexer->source, at), str_of(text));
}

static void advance(struct lexer *lexer, size_t to)
{
    if (to == lexer->at)
        return;
    for (size_t i = lexer->at; i < to; i++)
        lexer->line += lexer->source.ptr[i] == '\n';
    lexer->line_starting = lexer->source.ptr[to - 1] == '\n';
    lexer->at = to;
}

/* Where data [from, to) ends when a tag with `sign` ('-', '+' or 0) starts at `to`. */
static size_t data_end(const struct lexer *lexer, size_t from, size_t to, char sign, bool is_variable)
{
    if (sign == '-')
        return strip_end(lexer->source, from, to);
    if (sign == '+' || is_variable)
        return to;
    size_t line_start = to;
    while (line_start > from && lexer->source.ptr[line_start - 1] != '\n')
        line_start--;
    bool whole_line = line_start > from || lexer->line_starting;
    return whole_line && strip_end(lexer->source, line_start, to) == line_start ? line_start : to;
}

/* The end of a closing tag at `at`, which is `close` behind an optional sign; SIZE_MAX when there is none. */
static size_t closing(const struct lexer *lexer, size_t at, const char *close, bool trim, bool plus)
{
    char sign = at < lexer->source.len ? lexer->source.ptr[at] : 0;
    if ((sign == '-' || (sign == '+' && plus)) && at_text(lexer, at + 1, close))
        return sign == '-' ? skip_space(lexer->source, at + 3) : at + 3;
    if (!at_text(lexer, at, close))
        return SIZE_MAX;
    return at + 2 + (trim && at_text(lexer, at + 2, "\n"));
}

/* The end of the tag `{% word %}` that starts at `at`, or SIZE_MAX; `*sign` is that of its beginning. */
static size_t word_tag(const struct lexer *lexer, size_t at, const char *word, bool trim, char *sign)
{
    if (!at_text(lexer, at, "{%"))
        return SIZE_MAX;
    at += 2;
    *sign = at_text(lexer, at, "-") ? '-' : at_text(lexer, at, "+") ? '+' : 0;
    at = skip_space(lexer->source, at + (*sign != 0));
    if (!at_text(lexer, at, word))
        return SIZE_MAX;
    return closing(lexer, skip_space(lexer->source, at + strlen(word)), "%}", trim, trim);
}

/* The data of a raw block whose content starts at lexer->at. */
static bool lex_raw(struct lexer *lexer, struct token *token)
{
    unsigned line = lexer->line;
    if (lexer->at == lexer->source.len)
        return true;
    for (size_t at = lexer->at; at < lexer->source.len; at++) {
        char sign;
        size_t end = lexer->source.ptr[at] == '{' ? word_tag(lexer, at, "endraw", true, &sign) : SIZE_MAX;
        if (end == SIZE_MAX)
            continue;
        size_t stop = data_end(lexer, lexer->at, at, sign, false);
        *token = (struct token){.kind = TOK_DATA, .line = line};
        token->text = (struct str){lexer->source.ptr + lexer->at, stop - lexer->at};
        advance(lexer, end);
        return true;
    }
    return lexer_fail(lexer, line, "missing end of raw block");
}

/* Skips a comment whose text starts at `at`. */
static bool skip_comment(struct lexer *lexer, size_t at)
{
    if (at == lexer->source.len) { /* as Jinja: a comment of nothing at the very end is one */
        advance(lexer, at);
        return true;
    }
    for (; at < lexer->source.len; at++) {
        size_t end = closing(lexer, at, "#}", true, true);
        if (end != SIZE_MAX) {
            advance(lexer, end);
            return true;
        }
    }
    return lexer_fail(lexer, lexer->line, "missing end of comment");
}

/* One step outside of tags: data, or the beginning of a tag. `*token` stays TOK_END when nothing came of it. */
static bool lex_data(struct lexer *lexer, struct token *token)
{
    struct str s = lexer->source;
    size_t tag = lexer->at;
    while (tag + 1 < s.len && !(s.ptr[tag] == '{' && byte_in(s.ptr[tag + 1], "%{#")))
        tag++;
    if (tag + 1 >= s.len)
        tag = s.len;
    unsigned line = lexer->line;
    size_t stop = tag, start = lexer->at, after = tag + 2;
    char type = tag < s.len ? s.ptr[tag + 1] : 0, sign = 0;
    size_t raw = type == '%' ? word_tag(lexer, tag, "raw", false, &sign) : SIZE_MAX;
    if (type) {
        if (raw == SIZE_MAX) {
            sign = at_text(lexer, after, "-") ? '-' : at_text(lexer, after, "+") ? '+' : 0;
            after += sign != 0;
        } else {
            after = raw;
        }
        stop = data_end(lexer, start, tag, sign, type == '{');
    }
    if (stop > start) { /* the tag itself is read at the next call */
        token->kind = TOK_DATA;
        token->line = line;
        token->text = (struct str){s.ptr + start, stop - start};
    }
    advance(lexer, tag);
    if (token->kind == TOK_DATA || !type)
        return true;
    if (type == '#')
        return skip_comment(lexer, after);
    advance(lexer, after);
    if (raw != SIZE_MAX)
        return lex_raw(lexer, token);
    lexer->state = type == '%' ? LEX_BLOCK : LEX_VARIABLE;
    *token = (struct token){.kind = type == '%' ? TOK_BLOCK_BEGIN : TOK_VARIABLE_BEGIN, .line = lexer->line};
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The end of digits with single underscores between them that start at `at`; `at` when there are none. */
static size_t digits_end(struct str s, size_t at, bool (*accept)(char))
{
    size_t end = at;
    while (at < s.len && accept(s.ptr[at])) {
        end = ++at;
        if (at < s.len && s.ptr[at] == '_')
            at++;
    }
    return end;
}

static bool is_hex(char c)
{
    return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

static bool is_binary(char c)
{
    return c == '0' || c == '1';
}

static bool is_zero(char c)
{
    return c == '0';
}

/* The digits of s[from, to) without underscores, as a C string of the arena. */
static char *plain_digits(struct lexer *lexer, size_t from, size_t to)
{
    char *digits = arena_copy(lexer->arena, lexer->source.ptr + from, to - from);
    if (!digits) {
        error_memory(lexer->err, to - from);
        return NULL;
    }
    char *out = digits;
    for (char *in = digits; *in; in++)
        if (*in != '_')
            *out++ = *in;
    *out = 0;
    return digits;
}

/* The end of a float at the lexer's place, or 0. */
static size_t float_end(const struct lexer *lexer)
{
    struct str s = lexer->source;
    size_t start = lexer->at, at = digits_end(s, start, is_digit);
    if (start > 0 && s.ptr[start - 1] == '.')
        return 0;
    bool fraction = false;
    if (at < s.len && s.ptr[at] == '.') {
        size_t end = digits_end(s, at + 1, is_digit);
        if (end == at + 1)
            return 0;
        at = end;
        fraction = true;
    }
    if (at < s.len && (s.ptr[at] | 32) == 'e') {
        size_t exponent = at + 1;
        if (exponent < s.len && (s.ptr[exponent] == '+' || s.ptr[exponent] == '-'))
            exponent++;
        size_t end = digits_end(s, exponent, is_digit);
        if (end > exponent)
            return end;
    }
    return fraction ? at : 0;
}

static bool lex_number(struct lexer *lexer, struct token *token)
{
    struct str s = lexer->source;
    size_t start = lexer->at, end = float_end(lexer);
    if (end) {
        char *digits = plain_digits(lexer, start, end);
        if (!digits)
            return false;
        token->kind = TOK_FLOAT;
        if (!number_parse_float(str_of(digits), &token->real))
            return lexer_fail(lexer, token->line, "malformed number '%s'", digits);
        advance(lexer, end);
        return true;
    }
    int base = 10;
    size_t first = start;
    char kind = s.ptr[start] == '0' && start + 1 < s.len ? s.ptr[start + 1] | 32 : 0;
    bool (*accept)(char) = kind == 'x' ? is_hex : kind == 'o' ? is_octal : kind == 'b' ? is_binary : NULL;
    if (accept) {
        size_t from = start + 2 + (start + 2 < s.len && s.ptr[start + 2] == '_');
        end = digits_end(s, from, accept);
        if (end > from) {
            base = kind == 'x' ? 16 : kind == 'o' ? 8 : 2;
            first = from;
        }
    }
    if (base == 10)
        end = digits_end(s, start, s.ptr[start] == '0' ? is_zero : is_digit);
    char *digits = plain_digits(lexer, first, end);
    if (!digits)
        return false;
    token->kind = TOK_INTEGER;
    errno = 0;
    token->integer = strtoll(digits, NULL, base);
    if (errno == ERANGE)
        return lexer_fail(lexer, token->line, "number too large: '%.40s'", digits);
    advance(lexer, end);
    return true;
}

static bool lex_string(struct lexer *lexer, struct token *token)
{
    struct str s = lexer->source;
    char quote = s.ptr[lexer->at];
    size_t start = lexer->at + 1, end = start;
    while (end < s.len && s.ptr[end] != quote)
        end += s.ptr[end] == '\\' ? 2 : 1;
    if (end >= s.len)
        return lexer_fail(lexer, token->line, "string without an end");
    token->kind = TOK_STRING;
    advance(lexer, end + 1);
    return lexer_string(lexer, (struct str){s.ptr + start, end - start}, &token->text);
}

static bool is_name_char(uint32_t c)
{
    return char_is_identifier(c, false) || char_is_numeric(c);
}

static size_t name_end(struct str s, size_t at)
{
    while (at < s.len) {
        unsigned size;
        int32_t c = utf8_decode(s, at, &size);
        if (c < 0 || !is_name_char((uint32_t)c))
            break;
        at += size;
    }
    return at;
}

/* Keeps the brackets balanced: an end tag counts only outside of all of them. */
static bool track_bracket(struct lexer *lexer, char c, unsigned line)
{
    const char *opening = "([{", *closers = ")]}", *found = strchr(opening, c);
    if (found) {
        if (lexer->n_open == LEXER_NESTING)
            return lexer_fail(lexer, line, "nested deeper than %d levels", LEXER_NESTING);
        lexer->open[lexer->n_open++] = closers[found - opening];
    } else if (byte_in(c, closers)) {
        if (!lexer->n_open)
            return lexer_fail(lexer, line, "unexpected '%c'", c);
        char want = lexer->open[--lexer->n_open];
        if (want != c)
            return lexer_fail(lexer, line, "unexpected '%c', expected '%c'", c, want);
    }
    return true;
}

static bool lex_operator(struct lexer *lexer, struct token *token)
{
    static const char two[][3] = {"**", "//", "==", "!=", ">=", "<="};
    for (size_t i = 0; i < sizeof two / sizeof *two; i++)
        if (at_text(lexer, lexer->at, two[i])) {
            token->op = OP2(two[i][0], two[i][1]);
            advance(lexer, lexer->at + 2);
            return true;
        }
    unsigned size;
    int32_t c = utf8_decode(lexer->source, lexer->at, &size);
    if (c <= 0 || c >= 0x80 || !byte_in((char)c, "+-/*%~[](){}><=.:|,;"))
        return lexer_fail(lexer, token->line, "unexpected character '%.*s'", (int)size, lexer->source.ptr + lexer->at);
    token->op = (unsigned)c;
    advance(lexer, lexer->at + 1);
    return track_bracket(lexer, (char)c, token->line);
}

/* One token inside a tag. */
static bool lex_tag(struct lexer *lexer, struct token *token)
{
    struct str s = lexer->source;
    bool block = lexer->state == LEX_BLOCK;
    if (!lexer->n_open) {
        size_t end = closing(lexer, lexer->at, block ? "%}" : "}}", block, block);
        if (end != SIZE_MAX) {
            *token = (struct token){.kind = block ? TOK_BLOCK_END : TOK_VARIABLE_END, .line = lexer->line};
            advance(lexer, end);
            lexer->state = LEX_DATA;
            return true;
        }
    }
    advance(lexer, skip_space(s, lexer->at));
    *token = (struct token){.kind = TOK_END, .line = lexer->line};
    if (lexer->at >= s.len)
        return true;
    if (!lexer->n_open && closing(lexer, lexer->at, block ? "%}" : "}}", block, block) != SIZE_MAX)
        return lex_tag(lexer, token);
    char c = s.ptr[lexer->at];
    if (is_digit(c))
        return lex_number(lexer, token);
    if (c == '"' || c == '\'')
        return lex_string(lexer, token);
    size_t end = name_end(s, lexer->at);
    if (end == lexer->at) {
        token->kind = TOK_OPERATOR;
        return lex_operator(lexer, token);
    }
    token->kind = TOK_NAME;
    token->text = (struct str){s.ptr + lexer->at, end - lexer->at};
    unsigned size;
    int32_t first = utf8_decode(s, lexer->at, &size);
    if (!char_is_identifier((uint32_t)first, true))
        return lexer_fail(lexer, token->line, "invalid character in identifier '%.*s'", (int)token->text.len,
                          token->text.ptr);
    advance(lexer, end);
    return true;
}

bool lexer_next(struct lexer *lexer, struct token *token)
{
    *token = (struct token){.kind = TOK_END, .line = lexer->line};
    if (lexer->state != LEX_DATA)
        return lex_tag(lexer, token);
    while (token->kind == TOK_END && lexer->at < lexer->source.len)
        if (!lex_data(lexer, token))
            return false;
    return true;
}

/* Appends the code point of an escape; surrogates have no UTF-8. */
static bool add_code(struct lexer *lexer, char *out, size_t *n, uint32_t code)
{
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return lexer_fail(lexer, lexer->line, "string escape is not a character: U+%04X", code);
    *n += utf8_encode(code, out + *n);
    return true;
}

/* The value of exactly `n` hexadecimal digits at `at`, or -1. */
static int64_t hex_value(struct str s, size_t at, unsigned n)
{
    int64_t value = 0;
    for (unsigned i = 0; i < n; i++) {
        if (at + i >= s.len || !is_hex(s.ptr[at + i]))
            return -1;
        char c = s.ptr[at + i];
        value = value * 16 + (is_digit(c) ? c - '0' : (c | 32) - 'a' + 10);
    }
    return value;
}

bool lexer_string(struct lexer *lexer, struct str raw, struct str *out)
{
    size_t n = 0;
    char *text = arena_alloc(lexer->arena, raw.len * 2 + 8); /* at worst 5 bytes become "\U0001f600" */
    if (!text)
        return error_memory(lexer->err, raw.len);
    for (size_t at = 0; at < raw.len;) {
        if (raw.ptr[at] != '\\') {
            text[n++] = raw.ptr[at++];
            continue;
        }
        char c = raw.ptr[at + 1]; /* there is one: a string does not end in a single backslash */
        static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
        const char *simple = c ? strchr(from, c) : NULL;
        unsigned width = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
        if (simple) {
            text[n++] = to[simple - from];
            at += 2;
        } else if (c == '\n') {
            at += 2;
        } else if (width) {
            int64_t code = hex_value(raw, at + 2, width);
            if (code < 0)
                return lexer_fail(lexer, lexer->line, "truncated \\%c escape in a string", c);
            if (!add_code(lexer, text, &n, code > 0x10ffff ? 0x110000u : (uint32_t)code))
                return false;
            at += 2 + width;
        } else if (is_octal(c)) {
            uint32_t code = 0;
            size_t end = at + 1;
            while (end < raw.len && end < at + 4 && is_octal(raw.ptr[end]))
                code = code * 8 + (uint32_t)(raw.ptr[end++] - '0');
            if (!add_code(lexer, text, &n, code))
                return false;
            at = end;
        } else if (c == 'N') {
            return lexer_fail(lexer, lexer->line, "\\N{...} in a string is not supported");
        } else if ((unsigned char)c >= 0x80) { /* as Python, by way of an ASCII escape that stays one */
            unsigned size;
            int32_t code = utf8_decode(raw, at + 1, &size);
            char escape[12];
            const char *format = code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x";
            int len = snprintf(escape, sizeof escape, format, (unsigned)code);
            memcpy(text + n, escape, (size_t)len);
            n += (size_t)len;
            at += 1 + size;
        } else {
            text[n++] = '\\';
            at++;
        }
    }
    *out = (struct str){text, n};
    return true;
}
