/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls in JSON: {"name": ..., "arguments": {...}}, alone or in a list. Families name the keys differently and models
 * confuse them, so every name is taken; a call whose arguments are whole counts even when the braces around it are not.
 */
#include "text/reply/format.h"

enum state {
    BEFORE, /* '[' or a call */
    KEY,    /* a key or '}' */
    IN_KEY,
    COLON,
    VALUE,
    AFTER,  /* ',' or '}' */
    BETWEEN /* calls of a list */
};

enum key { KEY_OTHER, KEY_NAME, KEY_ARGUMENTS, KEY_ID, KEY_INNER };

enum { MAX_INNER = 4 };

/* What a key means. */
static enum key key_of(struct str key)
{
    static const struct {
        const char *text;
        enum key key;
    } keys[] = {
        {"name", KEY_NAME}, {"tool_name", KEY_NAME}, {"arguments", KEY_ARGUMENTS}, {"parameters", KEY_ARGUMENTS},
        {"id", KEY_ID},     {"call_id", KEY_ID},     {"tool_call_id", KEY_ID},     {"function", KEY_INNER},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (str_eq(key, str_of(keys[i].text)))
            return keys[i].key;
    return KEY_OTHER;
}

/* Takes the key that was read. A call without a mark around it has no keys that are not known. */
static enum reply_read take_key(struct reply_parser *parser)
{
    struct reply_list *list = &parser->list;
    struct str key = buf_view(&parser->key);
    list->key = (uint8_t)key_of(key);
    if (list->key == KEY_ARGUMENTS && list->has_arguments) /* the first ones were told */
        list->key = KEY_OTHER;
    if (parser->format->bare &&
        (list->key == KEY_ID || str_eq(key, STR("tool_name")) || (list->key == KEY_OTHER && !str_eq(key, STR("type")))))
        return REPLY_NO;
    list->state = COLON;
    return REPLY_YES;
}

/* Reads a JSON value into parser->value. */
static enum reply_read read_value(struct reply_parser *parser)
{
    struct reply_list *list = &parser->list;
    if (!list->begun_value) {
        list->scan = (struct reply_json){0};
        parser->value.len = 0;
        list->begun_value = true;
    }
    while (parser->at < parser->raw.len) {
        enum reply_json_step step = reply_json_byte(&list->scan, parser->raw.ptr[parser->at], &parser->value);
        if (step == REPLY_JSON_BAD)
            return REPLY_NO;
        parser->at += step != REPLY_JSON_BEFORE;
        if (step == REPLY_JSON_MORE)
            continue;
        list->begun_value = false;
        return REPLY_YES;
    }
    return REPLY_MORE;
}

/* What the value that was read says: a string's meaning, or the value as it stands. */
static void set_text(const struct reply_parser *parser, struct buf *to)
{
    struct str value = buf_view(&parser->value);
    to->len = 0;
    if (value.len >= 2 && *value.ptr == '"')
        reply_json_unescape((struct str){value.ptr + 1, value.len - 2}, to);
    else
        buf_str(to, value);
}

/* Reads a value of its key's meaning. */
static enum reply_read read_member(struct reply_parser *parser)
{
    struct reply_list *list = &parser->list;
    bool starts = !list->begun_value && !parser->arguments;
    if (starts && reply_read_space(parser) == REPLY_MORE)
        return REPLY_MORE;
    if (list->key == KEY_INNER && !list->begun_value) {
        if (parser->raw.ptr[parser->at] == '{') {
            parser->at++;
            list->state = KEY;
            return ++list->depth > MAX_INNER ? REPLY_NO : REPLY_YES;
        }
        list->key = KEY_NAME;
    }
    if (list->key == KEY_ARGUMENTS) {
        if (!parser->began && parser->name.len && reply_call_begin(parser) == REPLY_NO)
            return REPLY_NO;
        enum reply_read found = reply_read_arguments(parser);
        if (found != REPLY_YES)
            return found;
        list->has_arguments = true;
    } else {
        if (list->key == KEY_NAME && starts && parser->raw.ptr[parser->at] != '"')
            return REPLY_NO;
        enum reply_read found = read_value(parser);
        if (found != REPLY_YES)
            return found;
        if (list->key == KEY_OTHER && parser->format->bare && !str_eq(buf_view(&parser->value), STR("\"function\"")))
            return REPLY_NO;
        if (list->key == KEY_NAME && !parser->began && !parser->name.len) /* the first one counts */
            set_text(parser, &parser->name);
        else if (list->key == KEY_ID)
            set_text(parser, &parser->id);
    }
    list->state = AFTER;
    return REPLY_YES;
}

/* The call's last brace was read, or its arguments are whole and something else came. */
static enum reply_read end_call(struct reply_parser *parser)
{
    struct reply_list *list = &parser->list;
    bool bare = parser->format->bare && !list->has_arguments;
    if (!parser->began && (bare || reply_call_begin(parser) == REPLY_NO))
        return REPLY_NO;
    reply_call_end(parser);
    list->n++;
    list->has_arguments = false;
    list->state = BETWEEN;
    return REPLY_YES;
}

/* Reads one step of the punctuation around members. */
static enum reply_read read_punctuation(struct reply_parser *parser)
{
    struct reply_list *list = &parser->list;
    char c = parser->raw.ptr[parser->at];
    switch (list->state) {
    case BEFORE:
        if (c == '[' && !list->brackets) {
            list->brackets = true;
        } else if (c == '{') {
            list->state = KEY;
            list->depth = 1;
        } else {
            return REPLY_NO;
        }
        break;
    case KEY:
        if (c == '"') {
            list->state = IN_KEY;
            return REPLY_YES;
        }
        if (c != '}')
            return REPLY_NO;
        list->state = AFTER; /* takes the brace */
        return REPLY_YES;
    case COLON:
        if (c != ':')
            return REPLY_NO;
        list->state = VALUE;
        break;
    case AFTER:
        if (c == '}') {
            parser->at++;
            return --list->depth ? REPLY_YES : end_call(parser);
        }
        if (c != ',')
            return parser->began && parser->complete ? end_call(parser) : REPLY_NO;
        list->state = KEY;
        break;
    default:
        return REPLY_NO;
    }
    parser->at++;
    return REPLY_YES;
}

/* What comes after a call. REPLY_LEAVE: no further one. */
static enum reply_read read_between(struct reply_parser *parser)
{
    struct reply_list *list = &parser->list;
    if (!list->brackets)
        return REPLY_LEAVE;
    parser->closing = true;
    if (reply_read_space(parser) == REPLY_MORE)
        return REPLY_MORE;
    char c = parser->raw.ptr[parser->at];
    if (c != ',' && c != '{') {
        parser->at += c == ']';
        return REPLY_LEAVE;
    }
    parser->at += c == ',';
    parser->closing = false;
    list->state = BEFORE;
    return REPLY_YES;
}

enum reply_read reply_read_calls(struct reply_parser *parser)
{
    struct reply_list *list = &parser->list;
    for (;;) {
        enum reply_read found;
        if (list->state == BETWEEN) {
            found = read_between(parser);
            if (found == REPLY_LEAVE)
                return REPLY_YES;
        } else if (list->state == IN_KEY) {
            found = read_value(parser);
            if (found == REPLY_YES) {
                set_text(parser, &parser->key);
                found = take_key(parser);
            }
        } else if (list->state == VALUE) {
            found = read_member(parser);
        } else {
            found = reply_read_space(parser);
            if (found == REPLY_YES)
                found = read_punctuation(parser);
        }
        if (found != REPLY_YES)
            return found;
    }
}
