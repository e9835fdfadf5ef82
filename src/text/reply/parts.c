/* SPDX-License-Identifier: Apache-2.0 */
#include "text/reply/parser.h"

/* Half of a surrogate pair alone, which is no character, becomes U+FFFD, as in reply_json_unescape(). */
static void mend_surrogates(struct str json, struct buf *out)
{
    for (size_t at = 0; at < json.len; at++) {
        struct str rest = {json.ptr + at, json.len - at};
        bool escape = rest.len >= 6 && str_starts(rest, STR("\\u")) && (rest.ptr[2] | 0x20) == 'd';
        bool high = escape && byte_in(rest.ptr[3], "89abAB"), low = escape && byte_in(rest.ptr[3], "cdefCDEF");
        bool pair = high && rest.len >= 12 && str_starts((struct str){rest.ptr + 6, 6}, STR("\\u")) &&
                    (rest.ptr[8] | 0x20) == 'd' && byte_in(rest.ptr[9], "cdefCDEF");
        size_t taken = pair ? 12 : escape ? 6 : rest.ptr[0] == '\\' && rest.len > 1 ? 2 : 1;
        if ((high && !pair) || low)
            buf_str(out, STR("\\ufffd"));
        else
            buf_add(out, rest.ptr, taken);
        at += taken - 1;
    }
}

/* JSON text as a value: an object; or, where it was cut or holds what JSON readers refuse, the text itself. */
static json_t *arguments_json(struct str text, bool whole)
{
    json_t *string = json_bytes(text), *value = NULL;
    struct hob_error none;
    struct buf mended = {0};
    if (whole && string) { /* its bytes are UTF-8 now */
        mend_surrogates(json_span(string), &mended);
        value = json_read(buf_view(&mended), "arguments", &none);
        if (!value) /* a key stands twice: the last one counts, as everywhere */
            value = json_loadb(buf_text(&mended), mended.len, JSON_ALLOW_NUL, NULL);
    }
    buf_clear(&mended);
    if (!value)
        return string;
    json_decref(string);
    return value;
}

/* A call has ended. */
static void add_call(struct reply_parts *parts, const struct reply_event *event)
{
    bool whole = event->state == REPLY_CALL_WHOLE;
    json_t *call = json_object();
    if (!parts->calls)
        parts->calls = json_array();
    int lost = json_object_set_new(call, "name", json_bytes(buf_view(&parts->name)));
    lost |= json_object_set_new(call, "arguments", arguments_json(buf_view(&parts->arguments), whole));
    if (event->id.len)
        lost |= json_object_set_new(call, "id", json_bytes(event->id));
    if (!whole)
        lost |= json_object_set_new(call, "cut", json_true());
    lost |= json_array_append_new(parts->calls, call);
    parts->failed = parts->failed || lost;
}

void reply_parts_add(struct reply_parts *parts, const struct reply_event *event)
{
    switch (event->kind) {
    case REPLY_THINKING:
        buf_str(&parts->thinking, event->text);
        break;
    case REPLY_TEXT:
        buf_str(&parts->text, event->text);
        break;
    case REPLY_CALL_BEGIN:
        parts->name.len = parts->arguments.len = 0;
        buf_str(&parts->name, event->text);
        break;
    case REPLY_CALL_ARGUMENTS:
        buf_str(&parts->arguments, event->text);
        break;
    case REPLY_CALL_END:
        if (event->state != REPLY_CALL_BROKEN)
            add_call(parts, event);
        break;
    }
    parts->failed =
        parts->failed || parts->thinking.failed || parts->text.failed || parts->name.failed || parts->arguments.failed;
}

size_t reply_parts_calls(const struct reply_parts *parts)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(parts->calls); i++)
        n += json_object_get(json_array_get(parts->calls, i), "cut") == NULL;
    return n;
}

void reply_parts_clear(struct reply_parts *parts)
{
    buf_clear(&parts->text);
    buf_clear(&parts->thinking);
    buf_clear(&parts->name);
    buf_clear(&parts->arguments);
    json_decref(parts->calls);
    *parts = (struct reply_parts){0};
}
