/* SPDX-License-Identifier: Apache-2.0
 *
 * Replies of every format: whatever a model writes,
 *
 *   - each split gives the same events, and calls begin and end in turn;
 *   - the arguments of a whole call are a JSON object;
 *   - text and thinking are bytes of the reply, in their order, and all of them where there is no markup;
 *   - what the format's grammar lets through has nothing but whole calls, whose arguments keep to the schema.
 *
 * An input is the format's letter, in upper case where the prompt has opened the thinking part, a letter for the length
 * of the pieces, and the reply.
 */
#include <ctype.h>
#include <stdlib.h>

#include "text/reply/grammar.h"

static const char *const templates[] = {
    "<tool_call> <think>",            /* a: hermes */
    "<function= <parameter= <think>", /* b: qwen-coder */
    "<|start_header_id|> ipython",    /* c: llama3 */
    "[TOOL_CALLS] [THINK]",           /* d: mistral */
    "<\xef\xbd\x9ctool\xe2\x96\x81"
    "calls\xe2\x96\x81"
    "begin\xef\xbd\x9c> <think>",              /* e: deepseek-v3.1 */
    "<|tool_call><tool_call|>",                /* f: gemma4 */
    "<|channel|><|message|>",                  /* g: gpt-oss */
    "<|tool|><|/tool|>",                       /* h: phi4-mini */
    "<|START_ACTION|>",                        /* i: command-a */
    "<|START_OF_TURN_TOKEN|> Action: ```json", /* j: command-r */
    "<arg_key> <think>",                       /* k: glm */
    "<think> </think>",                        /* l: think */
    "[TOOL_CALLS] [ARGS] [THINK]",             /* m: mistral-args */
    "<\xef\xbd\x9ctool\xe2\x96\x81"
    "calls\xe2\x96\x81"
    "begin\xef\xbd\x9c> ```json <think>", /* n: deepseek-v3 */
    "SmolLM <think>",                     /* o: smollm3 */
    "[THINK]",                            /* p: magistral */
    "",                                   /* q: plain */
};

enum { N_TEMPLATES = sizeof templates / sizeof *templates, GROWTH = 32 };

static const char tools_text[] =
    "[{\"name\": \"f\", \"parameters\": {\"type\": \"object\", \"required\": [\"s\"], "
    "\"additionalProperties\": false, \"properties\": {\"s\": {\"type\": \"string\"}, "
    "\"n\": {\"type\": \"integer\", \"minimum\": 1}, \"o\": {\"type\": [\"object\", \"null\"]}}}}]";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was heard: events in a row of one kind count as one. */
struct heard {
    struct buf log, arguments, said; /* said: text and thinking, without white space */
    int last;
    bool inside;
    size_t n_calls; /* whole or cut */
    bool bad_call;  /* one was not whole, or its arguments do not keep to the schema */
};

static void clear(struct heard *heard)
{
    buf_clear(&heard->log);
    buf_clear(&heard->arguments);
    buf_clear(&heard->said);
}

/* Appends what is no white space. */
static void add_dense(struct str text, struct buf *to)
{
    for (size_t i = 0; i < text.len; i++)
        if (!strchr(" \t\r\n", text.ptr[i]) || !text.ptr[i])
            buf_byte(to, text.ptr[i]);
}

/* Whether arguments keep to the schema of `f`. */
static bool fits_schema(const json_t *value)
{
    const json_t *n = json_object_get(value, "n"), *o = json_object_get(value, "o");
    size_t known = 1 + (n != NULL) + (o != NULL);
    return json_is_string(json_object_get(value, "s")) && json_object_size(value) == known &&
           (!n || json_number_value(n) >= 1) && (!o || json_is_object(o) || json_is_null(o));
}

/* A whole call's arguments: a JSON object, but for what JSON readers refuse of it. */
static void check_arguments(struct heard *heard)
{
    struct hob_error err = {0};
    json_t *string = json_bytes(buf_view(&heard->arguments)), *value = json_read(json_span(string), "arguments", &err);
    if (!json_is_object(value) && !strstr(err.text, "duplicate") && !strstr(err.text, "surrogate") &&
        !strstr(err.text, "real number") && !strstr(err.text, "NUL") && !strstr(err.text, "too big"))
        abort();
    heard->bad_call = heard->bad_call || (value && !fits_schema(value));
    json_decref(value);
    json_decref(string);
}

static void on_event(void *user, const struct reply_event *event)
{
    struct heard *heard = user;
    bool streams = event->kind <= REPLY_TEXT || event->kind == REPLY_CALL_ARGUMENTS;
    if (heard->inside != (event->kind == REPLY_CALL_ARGUMENTS || event->kind == REPLY_CALL_END))
        abort();
    if (event->kind <= REPLY_TEXT)
        add_dense(event->text, &heard->said);
    if (event->kind == REPLY_CALL_BEGIN)
        heard->arguments.len = 0;
    if (event->kind == REPLY_CALL_BEGIN && !str_eq(event->text, STR("f")))
        heard->bad_call = true;
    if (event->kind == REPLY_CALL_ARGUMENTS)
        buf_str(&heard->arguments, event->text);
    if (event->kind == REPLY_CALL_BEGIN || event->kind == REPLY_CALL_END)
        heard->inside = event->kind == REPLY_CALL_BEGIN;
    if (event->kind == REPLY_CALL_END) {
        heard->n_calls += event->state != REPLY_CALL_BROKEN;
        heard->bad_call = heard->bad_call || event->state != REPLY_CALL_WHOLE;
        if (event->state == REPLY_CALL_WHOLE)
            check_arguments(heard);
    }
    if (!streams || heard->last != (int)event->kind)
        buf_format(&heard->log, "\n%d %d ", (int)event->kind, (int)event->state);
    heard->last = (int)event->kind;
    buf_str(&heard->log, event->text);
    buf_str(&heard->log, event->id);
}

/* Nothing is made up, and nothing is lost where nothing could be markup. */
static void check_said(const struct heard *heard, struct str reply)
{
    struct buf dense = {0};
    size_t at = 0;
    add_dense(reply, &dense);
    for (size_t i = 0; i < dense.len && at < heard->said.len; i++)
        at += dense.ptr[i] == heard->said.ptr[at];
    bool plain = heard->n_calls == 0 && !memchr(dense.ptr ? dense.ptr : "", '<', dense.len) &&
                 !memchr(dense.ptr ? dense.ptr : "", '[', dense.len) &&
                 str_find(reply, STR(" to="), 0) == SIZE_MAX; /* the header of one of gpt-oss' messages */
    if (at != heard->said.len || (plain && dense.len != heard->said.len))
        abort();
    buf_clear(&dense);
}

/* What the grammar lets through is what tools want. */
static void check_grammar(size_t format, bool opened, const struct reply_form *form, const json_t *tools,
                          struct str reply, const struct heard *heard)
{
    static struct grammar *grammars[N_TEMPLATES][2];
    struct reply_demand demand = {.form = *form, .tools = tools};
    struct hob_error err = {0};
    if (!reply_format_calls(form->format))
        return;
    if (!grammars[format][opened] && !(grammars[format][opened] = reply_grammar_new(&demand, NULL, &err)))
        abort();
    struct matcher *matcher = matcher_new(grammars[format][opened], NULL, true, &err);
    if (!matcher)
        return;
    if (matcher_text(matcher, reply, NULL) && matcher_whole(matcher) && heard->bad_call)
        abort();
    matcher_free(matcher);
}

/* Reads a reply in pieces. */
static struct heard hear(const struct reply_setting *setting, struct str reply, size_t piece)
{
    struct heard heard = {.last = -1};
    struct reply_parser *parser = reply_parser_new(setting);
    for (size_t at = 0; parser && at < reply.len; at += piece)
        reply_parser_add(parser, (struct str){reply.ptr + at, reply.len - at < piece ? reply.len - at : piece},
                         on_event, &heard);
    if (parser)
        reply_parser_end(parser, on_event, &heard);
    if (heard.inside)
        abort();
    reply_parser_free(parser);
    return heard;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static json_t *tools;
    if (!tools)
        tools = json_read(str_of(tools_text), "tools", NULL);
    bool opened = size && isupper(data[0]);
    size_t format = size ? (size_t)(tolower(data[0]) - 'a') : N_TEMPLATES;
    if (size < 2 || format >= N_TEMPLATES || data[1] < 'a')
        return 0;
    struct str reply = {(const char *)data + 2, size - 2};
    struct reply_form form = reply_form_find(str_of(templates[format]), STR(""));
    static const char *const marks[] = {"<think>", "[THINK]", "<|START_THINKING|>", "<|channel>thought"};
    for (size_t i = 0; opened && i < sizeof marks / sizeof *marks && !form.start.len; i++)
        form = reply_form_find(str_of(templates[format]), str_of(marks[i]));
    struct reply_setting setting = {.form = form, .tools = tools};
    struct heard whole = hear(&setting, reply, reply.len + 1), split = hear(&setting, reply, data[1] - 'a' + 1);
    if (!str_eq(buf_view(&whole.log), buf_view(&split.log)) || whole.log.len > GROWTH * size + 1024)
        abort();
    check_said(&whole, reply);
    check_grammar(format, opened, &form, tools, reply, &whole);
    clear(&whole);
    clear(&split);
    return 0;
}
