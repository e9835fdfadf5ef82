/* SPDX-License-Identifier: Apache-2.0 */
#include "text/reply/parser.h"

#include <stdlib.h>

#include "text/reply/format.h"

enum {
    MAX_HEAD_BYTES = 4096, /* of a call before its name is known */
    MAX_SPACE_BYTES = 4096 /* that wait for what follows */
};

#define REPLY_ROW(row) extern const struct reply_format row;
#include "text/reply/list.h"
#undef REPLY_ROW

static const struct reply_format *const formats[] = {
#define REPLY_ROW(row) &row,
#include "text/reply/list.h"
#undef REPLY_ROW
};

enum { N_FORMATS = sizeof formats / sizeof *formats };

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* ---- formats ---- */

static bool has_signs(const struct reply_format *format, struct str template_text)
{
    for (size_t i = 0; i < REPLY_SIGNS && format->signs[i]; i++)
        if (str_find(template_text, str_of(format->signs[i]), 0) == SIZE_MAX)
            return false;
    return true;
}

const struct reply_format *reply_format_find(struct str template_text)
{
    size_t i = 0;
    while (i < N_FORMATS - 1 && !has_signs(formats[i], template_text))
        i++;
    return formats[i];
}

const struct reply_format *reply_format_named(struct str name)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (str_eq(str_of(formats[i]->name), name))
            return formats[i];
    return NULL;
}

const char *reply_format_name(const struct reply_format *format)
{
    return format->name;
}

/* Whether the template knows the format's thinking. */
static bool thinks(const struct reply_format *format, struct str template_text)
{
    return format->whole ||
           (format->think_open && (str_find(template_text, str_of(format->think_open), 0) != SIZE_MAX ||
                                   str_find(template_text, str_of(format->think_close), 0) != SIZE_MAX));
}

struct reply_form reply_form_find(struct str template_text, struct str prompt)
{
    return reply_form_of(reply_format_find(template_text), template_text, prompt);
}

struct reply_form reply_form_of(const struct reply_format *format, struct str template_text, struct str prompt)
{
    struct reply_form form = {format, thinks(format, template_text), STR("")};
    if (format->whole) {
        struct str open = str_of(format->think_open);
        for (size_t at = 0; (at = str_find(prompt, open, at)) != SIZE_MAX; at++)
            form.start = str_from(prompt, at);
        return form;
    }
    while (prompt.len && is_space(prompt.ptr[prompt.len - 1]))
        prompt.len--;
    for (size_t i = 0; i < 2 && form.thinks; i++) {
        struct str mark = str_of(i ? format->think_close : format->think_open);
        if (str_ends(prompt, mark))
            form.start = mark;
    }
    return form;
}

struct reply_form reply_form_guess(struct str template_text, struct str reply)
{
    struct reply_form form = reply_form_find(template_text, STR(""));
    if (!form.thinks || form.format->whole)
        return form;
    struct str open = str_of(form.format->think_open);
    size_t close = str_find(reply, str_of(form.format->think_close), 0), first = str_find(reply, open, 0);
    if (close != SIZE_MAX && first > close)
        form.start = open;
    return form;
}

bool reply_form_in_thinking(const struct reply_form *form)
{
    return form->thinks && !form->format->whole && form->start.len &&
           str_eq(form->start, str_of(form->format->think_open));
}

bool reply_form_may_think(const struct reply_form *form)
{
    return form->thinks && (form->format->whole || !str_eq(form->start, str_of(form->format->think_close)));
}

struct str reply_form_begun(const struct reply_form *form)
{
    size_t opened = form->format->whole ? strlen(form->format->think_open) : 0;
    if (!opened || form->start.len <= opened)
        return STR("");
    return str_from(form->start, opened);
}

bool reply_format_calls(const struct reply_format *format)
{
    return format->step != NULL;
}

/* Whether `text` is in a list of n texts, or one that NULL ends. */
static bool is_listed(const char *const *list, size_t n, struct str text)
{
    for (size_t i = 0; i < n && list[i]; i++)
        if (str_eq(str_of(list[i]), text))
            return true;
    return false;
}

bool reply_format_wants(const struct reply_format *format, struct str token)
{
    return (format->think_open &&
            (str_starts(str_of(format->think_open), token) || str_eq(str_of(format->think_close), token))) ||
           is_listed(format->triggers, REPLY_MARKS, token) || is_listed(format->dropped, REPLY_MARKS, token) ||
           is_listed(format->tokens, 2 * REPLY_MARKS, token);
}

/* ---- telling ---- */

/* Tells what waits in `out`. */
static void flush(struct reply_parser *parser)
{
    struct reply_event event = {.kind = parser->out_kind, .text = buf_view(&parser->out)};
    if (parser->out.len && parser->on_event)
        parser->on_event(parser->user, &event);
    parser->out.len = 0;
}

/* Adds to what will be told. */
static void put(struct reply_parser *parser, enum reply_event_kind kind, struct str bytes)
{
    if (kind != parser->out_kind)
        flush(parser);
    parser->out_kind = kind;
    buf_str(&parser->out, bytes);
}

void reply_tell(struct reply_parser *parser, enum reply_event_kind kind, struct str bytes)
{
    bool thinking = kind == REPLY_THINKING;
    for (size_t i = 0; i < bytes.len; i++) {
        struct str c = {bytes.ptr + i, 1};
        if (is_space(*c.ptr)) {
            if (thinking ? parser->fresh
                         : parser->after_mark && (!parser->has_text || parser->space.len == MAX_SPACE_BYTES))
                continue;
            if (parser->space.len == MAX_SPACE_BYTES) {
                put(parser, kind, buf_view(&parser->space));
                parser->space.len = 0;
            }
            buf_str(&parser->space, c);
            continue;
        }
        put(parser, kind, buf_view(&parser->space));
        put(parser, kind, c);
        parser->space.len = 0;
        if (thinking)
            parser->fresh = false;
        else {
            parser->has_text = true;
            parser->after_mark = false;
        }
    }
}

void reply_tell_mark(struct reply_parser *parser)
{
    parser->space.len = 0;
    parser->after_mark = true;
}

/* Tells what has no bytes to be merged. */
static void tell_event(struct reply_parser *parser, const struct reply_event *event)
{
    flush(parser);
    if (parser->on_event)
        parser->on_event(parser->user, event);
}

enum reply_read reply_call_begin(struct reply_parser *parser)
{
    struct str name = buf_view(&parser->name);
    if (name.len == 0 || (parser->only_tools && !reply_tool_known(parser->tools, name)))
        return REPLY_NO;
    parser->kept.len = 0;
    buf_str(&parser->kept, buf_view(&parser->space));
    parser->kept_mark = parser->after_mark;
    reply_tell_mark(parser);
    parser->has_calls = true;
    tell_event(parser, &(struct reply_event){.kind = REPLY_CALL_BEGIN, .text = name, .id = buf_view(&parser->id)});
    parser->began = true;
    parser->has_arguments = parser->complete = false;
    parser->n_arguments = 0;
    if (parser->pending.len)
        reply_call_arguments(parser, buf_view(&parser->pending));
    parser->pending.len = 0;
    return REPLY_YES;
}

void reply_call_arguments(struct reply_parser *parser, struct str json)
{
    if (!parser->began) {
        buf_str(&parser->pending, json);
        return;
    }
    put(parser, REPLY_CALL_ARGUMENTS, json);
    parser->has_arguments = parser->has_arguments || json.len;
}

/* The call ends, one way or another. */
static void end_call(struct reply_parser *parser, enum reply_call_state state)
{
    tell_event(parser, &(struct reply_event){.kind = REPLY_CALL_END, .state = state, .id = buf_view(&parser->id)});
    parser->began = false;
}

/* Forgets the call's particulars. */
static void reset_call(struct reply_parser *parser)
{
    parser->name.len = parser->id.len = parser->key.len = parser->value.len = parser->pending.len = 0;
    parser->scan = (struct reply_json){0};
    parser->arguments = 0;
}

void reply_call_end(struct reply_parser *parser)
{
    if (!parser->has_arguments)
        reply_call_arguments(parser, STR("{}"));
    end_call(parser, REPLY_CALL_WHOLE);
    parser->n_calls++;
    reply_forget_read(parser);
    reset_call(parser);
}

void reply_call_broken(struct reply_parser *parser)
{
    if (parser->began) {
        end_call(parser, REPLY_CALL_BROKEN);
        buf_str(&parser->space, buf_view(&parser->kept));
        parser->after_mark = parser->kept_mark;
    }
    reply_tell(parser, REPLY_TEXT, buf_view(&parser->raw));
    parser->raw.len = parser->at = parser->seen = 0;
    reset_call(parser);
}

/* ---- calls ---- */

/* Has these bytes taken once more, before any others. */
static void take_again(struct reply_parser *parser, struct str bytes)
{
    for (size_t i = bytes.len; i > 0; i--)
        buf_byte(&parser->todo, bytes.ptr[i - 1]);
}

static void begin_calls(struct reply_parser *parser, unsigned trigger, bool bare)
{
    struct str mark = str_of(parser->format->triggers[trigger]);
    parser->mode = REPLY_IN_CALL;
    parser->trigger = trigger;
    parser->stage = parser->n_calls = 0;
    parser->list = (struct reply_list){0};
    parser->closing = false;
    parser->only_tools = bare && (parser->has_text || json_array_size(parser->tools));
    reset_call(parser);
    parser->raw.len = 0;
    buf_str(&parser->raw, mark);
    parser->at = parser->seen = bare ? 0 : mark.len;
}

/* What the mark started is no call, or no further one. */
static void give_up(struct reply_parser *parser)
{
    struct str mark = str_of(parser->format->triggers[parser->trigger]), raw = buf_view(&parser->raw);
    size_t sure = str_starts(raw, mark) ? mark.len : raw.len ? 1 : 0;
    if (!parser->format->whole)
        parser->mode = REPLY_IN_TEXT;
    if (!parser->began && !parser->format->whole) {
        take_again(parser, str_from(raw, sure));
        parser->raw.len = sure;
    }
    reply_call_broken(parser);
}

/* Reads on in a call as far as its bytes go. */
static void read_calls(struct reply_parser *parser)
{
    for (;;) {
        switch (parser->format->step(parser)) {
        case REPLY_MORE:
            if (!parser->began && parser->raw.len > MAX_HEAD_BYTES + 2 * parser->pending.len)
                give_up(parser);
            return;
        case REPLY_YES:
            break;
        case REPLY_NO:
            give_up(parser);
            return;
        case REPLY_LEAVE:
            parser->mode = REPLY_IN_TEXT;
            take_again(parser, reply_unread(parser));
            parser->raw.len = parser->at = parser->seen = 0;
            return;
        }
        if (parser->raw.failed || parser->out.failed)
            return;
    }
}

/* ---- free text ---- */

enum match { MATCH_NONE, MATCH_START, MATCH_WHOLE };

/* How what is held stands to a mark. */
static enum match match(const struct reply_parser *parser, const char *mark)
{
    struct str held = buf_view(&parser->held), text = str_of(mark);
    if (!mark || !str_starts(text, held))
        return MATCH_NONE;
    return held.len == text.len ? MATCH_WHOLE : MATCH_START;
}

/* What a mark in free text does. */
enum action { ACTION_NONE, ACTION_WAIT, ACTION_OPEN, ACTION_CLOSE, ACTION_DROP, ACTION_CALL };

/* Whether a call without a mark may start here: at the start of the text, or of a line. */
static bool may_be_bare(const struct reply_parser *parser)
{
    return !parser->no_bare && (!parser->has_text || str_find(buf_view(&parser->space), STR("\n"), 0) != SIZE_MAX);
}

/* What is to be done about the bytes that are held; *trigger is the mark's number for ACTION_CALL. */
static enum action find_action(const struct reply_parser *parser, unsigned *trigger)
{
    const struct reply_format *format = parser->format;
    bool waits = false, thinking = parser->mode == REPLY_IN_THINKING;
    bool start = !parser->has_text && !parser->has_calls;
    struct {
        const char *mark;
        bool counts;
        enum action action;
    } simple[2] = {
        {format->think_open, thinking ? parser->fresh : start || format->think_anywhere, ACTION_OPEN},
        {format->think_close, thinking || (start && !parser->has_thought) || format->think_anywhere, ACTION_CLOSE},
    };
    for (size_t i = 0; i < 2 && parser->thinks; i++) {
        enum match m = simple[i].counts ? match(parser, simple[i].mark) : MATCH_NONE;
        if (m == MATCH_WHOLE)
            return simple[i].action;
        waits = waits || m == MATCH_START;
    }
    if (thinking)
        return waits ? ACTION_WAIT : ACTION_NONE;
    for (unsigned i = 0; i < REPLY_MARKS && format->dropped[i]; i++) {
        enum match m = match(parser, format->dropped[i]);
        if (m == MATCH_WHOLE)
            return ACTION_DROP;
        waits = waits || m == MATCH_START;
    }
    for (unsigned i = 0; i < REPLY_MARKS && format->triggers[i]; i++) {
        bool bare = format->bare && (i + 1 == REPLY_MARKS || !format->triggers[i + 1]);
        enum match m = bare && !may_be_bare(parser) ? MATCH_NONE : match(parser, format->triggers[i]);
        *trigger = i;
        if (m == MATCH_WHOLE)
            return ACTION_CALL;
        waits = waits || m == MATCH_START;
    }
    return waits ? ACTION_WAIT : ACTION_NONE;
}

/* The part that free bytes belong to. */
static enum reply_event_kind free_kind(const struct reply_parser *parser)
{
    return parser->mode == REPLY_IN_THINKING ? REPLY_THINKING : REPLY_TEXT;
}

/* Takes a byte outside of calls. */
static void take_free(struct reply_parser *parser, char c)
{
    unsigned trigger = 0;
    buf_byte(&parser->held, c);
    while (parser->held.len) {
        enum action action = find_action(parser, &trigger);
        if (action == ACTION_WAIT)
            return;
        if (action == ACTION_NONE) { /* the first byte is no markup; perhaps the next is */
            reply_tell(parser, free_kind(parser), (struct str){parser->held.ptr, 1});
            memmove(parser->held.ptr, parser->held.ptr + 1, --parser->held.len);
            continue;
        }
        parser->held.len = 0;
        if (action == ACTION_CALL) {
            bool bare = parser->format->bare && (trigger + 1 == REPLY_MARKS || !parser->format->triggers[trigger + 1]);
            begin_calls(parser, trigger, bare);
            if (bare)
                read_calls(parser);
            return;
        }
        reply_tell_mark(parser);
        if (action == ACTION_OPEN) {
            parser->mode = REPLY_IN_THINKING;
            parser->fresh = true;
        } else if (action == ACTION_CLOSE) {
            parser->mode = REPLY_IN_TEXT;
            parser->has_thought = true;
        }
    }
}

/* ---- the parser ---- */

/* Takes one byte. */
static void take(struct reply_parser *parser, char c)
{
    if (parser->mode != REPLY_IN_CALL) {
        take_free(parser, c);
        return;
    }
    buf_byte(&parser->raw, c);
    read_calls(parser);
}

enum { N_BUFS = 11 };

/* The parser's buffers, one by one. */
static struct buf *buf_at(struct reply_parser *parser, size_t i)
{
    struct buf *const bufs[N_BUFS] = {&parser->held,  &parser->todo,    &parser->kept, &parser->space,
                                      &parser->raw,   &parser->name,    &parser->id,   &parser->key,
                                      &parser->value, &parser->pending, &parser->out};
    return bufs[i];
}

struct reply_parser *reply_parser_new(const struct reply_setting *setting)
{
    struct reply_parser *parser = calloc(1, sizeof *parser);
    const struct reply_form *form = &setting->form;
    if (!parser)
        return NULL;
    parser->format = form->format;
    parser->tools = json_incref((json_t *)setting->tools);
    parser->thinks = form->thinks || form->format->think_anywhere;
    parser->no_bare = setting->no_calls;
    if (form->format->whole) {
        parser->mode = REPLY_IN_CALL;
        reply_parser_add(parser, reply_form_begun(form), NULL, NULL);
    } else if (reply_form_in_thinking(form)) {
        parser->mode = REPLY_IN_THINKING;
        parser->fresh = true;
    } else if (form->thinks && !reply_form_may_think(form)) {
        reply_tell_mark(parser);
        parser->has_thought = true;
    }
    return parser;
}

void reply_parser_free(struct reply_parser *parser)
{
    if (!parser)
        return;
    for (size_t i = 0; i < N_BUFS; i++)
        buf_clear(buf_at(parser, i));
    json_decref(parser->tools);
    free(parser);
}

/* Notes what failed; bytes that wait are not kept then. */
static void check_memory(struct reply_parser *parser)
{
    for (size_t i = 0; i < N_BUFS; i++)
        parser->failed = parser->failed || buf_at(parser, i)->failed;
}

void reply_parser_add(struct reply_parser *parser, struct str bytes, reply_event_fn *on_event, void *user)
{
    parser->on_event = on_event;
    parser->user = user;
    for (size_t i = 0; i < bytes.len && !parser->failed; i++) {
        take(parser, bytes.ptr[i]);
        while (parser->todo.len && !parser->failed) {
            take(parser, parser->todo.ptr[--parser->todo.len]);
            check_memory(parser);
        }
        check_memory(parser);
    }
    flush(parser);
}

void reply_parser_end(struct reply_parser *parser, reply_event_fn *on_event, void *user)
{
    parser->on_event = on_event;
    parser->user = user;
    while (parser->mode == REPLY_IN_CALL) {
        if (parser->format->finish)
            parser->format->finish(parser);
        if (parser->began && parser->complete)
            reply_call_end(parser);
        else if (parser->began)
            end_call(parser, REPLY_CALL_CUT);
        else if (!parser->closing)
            give_up(parser);
        parser->raw.len = parser->at = 0;
        parser->mode = REPLY_IN_TEXT;
        while (parser->todo.len && !parser->failed) { /* what only looked like a call may hold markup */
            take(parser, parser->todo.ptr[--parser->todo.len]);
            check_memory(parser);
        }
    }
    enum reply_event_kind kind = free_kind(parser);
    reply_tell(parser, kind, buf_view(&parser->held));
    parser->held.len = 0;
    if (!parser->after_mark || kind == REPLY_THINKING)
        put(parser, kind, buf_view(&parser->space));
    parser->space.len = 0;
    flush(parser);
}

bool reply_parser_failed(const struct reply_parser *parser)
{
    return parser->failed;
}
