/* SPDX-License-Identifier: Apache-2.0 */
#include "text/reply/json.h"

enum state {
    VALUE,         /* a value must come */
    FIRST_ELEMENT, /* a value or ']' */
    FIRST_KEY,     /* a key or '}' */
    KEY,
    COLON,
    NEXT, /* ',' or the closing bracket */
    STRING,
    ESCAPE,
    HEX,
    WORD,
    MINUS,
    ZERO,
    DIGITS,
    POINT,
    FRACTION,
    EXPONENT,
    EXPONENT_SIGN,
    EXPONENT_DIGITS,
    DONE
};

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool in_object(const struct reply_json *json)
{
    return json->objects >> (json->depth - 1) & 1;
}

/* A value has ended. */
static enum reply_json_step end_value(struct reply_json *json)
{
    json->state = json->depth ? NEXT : DONE;
    return json->depth ? REPLY_JSON_MORE : REPLY_JSON_END;
}

static enum reply_json_step open_bracket(struct reply_json *json, bool object)
{
    if (json->depth == REPLY_JSON_DEPTH)
        return REPLY_JSON_BAD;
    uint64_t bit = (uint64_t)1 << json->depth++;
    json->objects = object ? json->objects | bit : json->objects & ~bit;
    json->state = object ? FIRST_KEY : FIRST_ELEMENT;
    return REPLY_JSON_MORE;
}

static enum reply_json_step close_bracket(struct reply_json *json, char c)
{
    if (in_object(json) != (c == '}'))
        return REPLY_JSON_BAD;
    json->depth--;
    return end_value(json);
}

/* The first byte of a value. */
static enum reply_json_step begin_value(struct reply_json *json, char c)
{
    json->in_key = false;
    if (c == '{' || c == '[')
        return open_bracket(json, c == '{');
    if (c == '"')
        json->state = STRING;
    else if (c == 't' || c == 'f' || c == 'n') {
        json->state = WORD;
        json->word = c;
        json->rest = 1;
    } else if (c == '-')
        json->state = MINUS;
    else if (is_digit(c))
        json->state = c == '0' ? ZERO : DIGITS;
    else
        return REPLY_JSON_BAD;
    return REPLY_JSON_MORE;
}

/* A byte between values. */
static enum reply_json_step structure_byte(struct reply_json *json, char c)
{
    if (is_space(c))
        return REPLY_JSON_MORE;
    switch (json->state) {
    case VALUE:
        return begin_value(json, c);
    case FIRST_ELEMENT:
        return c == ']' ? close_bracket(json, c) : begin_value(json, c);
    case FIRST_KEY:
    case KEY:
        if (c == '}' && json->state == FIRST_KEY)
            return close_bracket(json, c);
        json->state = STRING;
        json->in_key = true;
        return c == '"' ? REPLY_JSON_MORE : REPLY_JSON_BAD;
    case COLON:
        json->state = VALUE;
        return c == ':' ? REPLY_JSON_MORE : REPLY_JSON_BAD;
    default: /* NEXT */
        if (c == '}' || c == ']')
            return close_bracket(json, c);
        json->state = in_object(json) ? KEY : VALUE;
        return c == ',' ? REPLY_JSON_MORE : REPLY_JSON_BAD;
    }
}

/* A byte within a string. */
static enum reply_json_step string_byte(struct reply_json *json, char c)
{
    if (json->state == ESCAPE) {
        json->state = c == 'u' ? HEX : STRING;
        json->hex = 4;
        return byte_in(c, "\"\\/bfnrtu") ? REPLY_JSON_MORE : REPLY_JSON_BAD;
    }
    if (json->state == HEX) {
        char lower = (char)(c | 0x20);
        if (--json->hex == 0)
            json->state = STRING;
        return is_digit(c) || (lower >= 'a' && lower <= 'f') ? REPLY_JSON_MORE : REPLY_JSON_BAD;
    }
    if (c == '\\')
        json->state = ESCAPE;
    if (c != '"')
        return REPLY_JSON_MORE;
    if (!json->in_key)
        return end_value(json);
    json->state = COLON;
    return REPLY_JSON_MORE;
}

static enum reply_json_step word_byte(struct reply_json *json, char c)
{
    const char *word = json->word == 't' ? "true" : json->word == 'f' ? "false" : "null";
    if (c != word[json->rest])
        return REPLY_JSON_BAD;
    return word[++json->rest] ? REPLY_JSON_MORE : end_value(json);
}

/* Whether a number may end after what came. */
static bool number_may_end(const struct reply_json *json)
{
    return json->state == ZERO || json->state == DIGITS || json->state == FRACTION || json->state == EXPONENT_DIGITS;
}

/* A byte after the first of a number. */
static enum reply_json_step number_byte(struct reply_json *json, char c)
{
    bool digit = is_digit(c), exponent = c == 'e' || c == 'E';
    switch (json->state) {
    case MINUS:
        json->state = c == '0' ? ZERO : DIGITS;
        return digit ? REPLY_JSON_MORE : REPLY_JSON_BAD;
    case POINT:
        json->state = FRACTION;
        return digit ? REPLY_JSON_MORE : REPLY_JSON_BAD;
    case EXPONENT:
        json->state = digit ? EXPONENT_DIGITS : EXPONENT_SIGN;
        return digit || c == '+' || c == '-' ? REPLY_JSON_MORE : REPLY_JSON_BAD;
    case EXPONENT_SIGN:
        json->state = EXPONENT_DIGITS;
        return digit ? REPLY_JSON_MORE : REPLY_JSON_BAD;
    default:
        break;
    }
    if (digit)
        return json->state == ZERO ? REPLY_JSON_BAD : REPLY_JSON_MORE;
    if (c == '.' && (json->state == ZERO || json->state == DIGITS))
        json->state = POINT;
    else if (exponent && json->state != EXPONENT_DIGITS)
        json->state = EXPONENT;
    else
        return REPLY_JSON_BEFORE;
    return REPLY_JSON_MORE;
}

/* The byte's meaning for the state. */
static enum reply_json_step take(struct reply_json *json, char c)
{
    switch (json->state) {
    case STRING:
    case ESCAPE:
    case HEX:
        return string_byte(json, c);
    case WORD:
        return word_byte(json, c);
    case DONE:
        return REPLY_JSON_BAD;
    default:
        return json->state >= MINUS ? number_byte(json, c) : structure_byte(json, c);
    }
}

enum reply_json_step reply_json_byte(struct reply_json *json, char c, struct buf *out)
{
    bool control = json->state == STRING && (unsigned char)c < 0x20;
    enum reply_json_step step = take(json, c);
    if (step == REPLY_JSON_BEFORE && json->depth) { /* the byte comes after a number within brackets */
        json->state = NEXT;
        step = structure_byte(json, c);
    }
    if (out && (step == REPLY_JSON_MORE || step == REPLY_JSON_END)) {
        if (control)
            reply_json_escape((struct str){&c, 1}, out);
        else
            buf_byte(out, c);
    }
    return step;
}

bool reply_json_may_end(const struct reply_json *json)
{
    return json->state == DONE || (json->depth == 0 && number_may_end(json));
}

void reply_json_escape(struct str text, struct buf *out)
{
    static const char short_escapes[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if ((unsigned char)c >= 0x20 && c != '"' && c != '\\') {
            buf_byte(out, c);
            continue;
        }
        const char *escape = NULL;
        for (const char *at = short_escapes; *at && !escape; at += 2)
            if (*at == c)
                escape = at + 1;
        if (escape)
            buf_format(out, "\\%c", *escape);
        else
            buf_format(out, "\\u%04x", (unsigned char)c);
    }
}

/* The four hexadecimal digits at `at`, or UINT32_MAX. */
static uint32_t hex4(struct str text, size_t at)
{
    uint32_t code = 0;
    if (text.len < at + 4)
        return UINT32_MAX;
    for (size_t i = at; i < at + 4; i++) {
        char c = text.ptr[i], lower = (char)(c | 0x20);
        if (is_digit(c))
            code = code << 4 | (uint32_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            code = code << 4 | (uint32_t)(lower - 'a' + 10);
        else
            return UINT32_MAX;
    }
    return code;
}

/* The code point of the \u escape at `at`, a pair where there is one; *at goes past it. */
static uint32_t unescape_code(struct str text, size_t *at)
{
    uint32_t code = hex4(text, *at + 2);
    *at += 6;
    if (code >= 0xd800 && code < 0xdc00 && str_starts((struct str){text.ptr + *at, text.len - *at}, STR("\\u"))) {
        uint32_t low = hex4(text, *at + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            *at += 6;
            return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return code > 0xffff || (code >= 0xd800 && code < 0xe000) ? 0xfffd : code;
}

void reply_json_unescape(struct str inside, struct buf *out)
{
    static const char meanings[] = "b\bt\tn\nf\fr\r";
    for (size_t at = 0; at < inside.len;) {
        char c = inside.ptr[at];
        if (c != '\\' || at + 1 == inside.len) {
            buf_byte(out, c);
            at++;
            continue;
        }
        char escape = inside.ptr[at + 1], utf8[4];
        if (escape == 'u' && inside.len >= at + 6) {
            uint32_t code = unescape_code(inside, &at);
            buf_add(out, utf8, utf8_encode(code, utf8));
            continue;
        }
        for (const char *meaning = meanings; *meaning; meaning += 2)
            if (*meaning == escape) {
                escape = meaning[1];
                break;
            }
        buf_byte(out, escape);
        at += 2;
    }
}
