/* SPDX-License-Identifier: Apache-2.0
 *
 * Replies of every format: whatever a model writes, each split gives the same events, calls begin and end in turn, and
 * the arguments of a whole call are a JSON object. An input is the format's number and the length of the pieces, a
 * letter each, and the reply.
 */
#include <stdlib.h>

#include "text/reply_parser.h"

static const char *const templates[] = {
    "<tool_call> <think>",            /* a: hermes */
    "<function= <parameter= <think>", /* b: qwen-coder */
    "<|start_header_id|> ipython",    /* c: llama3 */
    "[TOOL_CALLS] [THINK]",           /* d: mistral */
    "<\xef\xbd\x9ctool\xe2\x96\x81"
    "calls\xe2\x96\x81"
    "begin\xef\xbd\x9c> <think>",              /* e: deepseek */
    "<|tool_call><tool_call|>",                /* f: gemma4 */
    "<|channel|><|message|>",                  /* g: gpt-oss */
    "<|tool|><|/tool|>",                       /* h: phi4-mini */
    "<|START_ACTION|>",                        /* i: command-a */
    "<|START_OF_TURN_TOKEN|> Action: ```json", /* j: command-r */
    "<arg_key> <think>",                       /* k: glm */
    "<think> </think>",                        /* l: think */
};

enum { N_TEMPLATES = sizeof templates / sizeof *templates, GROWTH = 32 };

static const char tools_text[] = "[{\"name\": \"f\", \"parameters\": {\"properties\": {\"s\": {\"type\": \"string\"}, "
                                 "\"n\": {\"type\": \"integer\"}, \"o\": {\"type\": [\"object\", \"null\"]}}}}]";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was heard: events in a row of one kind count as one. */
struct heard {
    struct buf log, arguments;
    int last;
    bool inside;
};

static void on_event(void *user, const struct reply_event *event)
{
    struct heard *heard = user;
    bool streams = event->kind <= REPLY_TEXT || event->kind == REPLY_CALL_ARGUMENTS;
    if (heard->inside != (event->kind == REPLY_CALL_ARGUMENTS || event->kind == REPLY_CALL_END))
        abort();
    if (event->kind == REPLY_CALL_BEGIN)
        heard->arguments.len = 0;
    if (event->kind == REPLY_CALL_ARGUMENTS)
        buf_str(&heard->arguments, event->text);
    if (event->kind == REPLY_CALL_BEGIN || event->kind == REPLY_CALL_END)
        heard->inside = event->kind == REPLY_CALL_BEGIN;
    if (event->kind == REPLY_CALL_END && event->state == REPLY_CALL_WHOLE) {
        json_t *value = NULL, *string = json_bytes(buf_view(&heard->arguments));
        struct hob_error err = {0};
        value = json_read(json_span(string), "arguments", &err);
        if (!json_is_object(value) && !strstr(err.text, "duplicate") && !strstr(err.text, "surrogate") &&
            !strstr(err.text, "real number") && !strstr(err.text, "NUL"))
            abort();
        json_decref(value);
        json_decref(string);
    }
    if (!streams || heard->last != (int)event->kind)
        buf_format(&heard->log, "\n%d %d ", (int)event->kind, (int)event->state);
    heard->last = (int)event->kind;
    buf_str(&heard->log, event->text);
    buf_str(&heard->log, event->id);
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
    if (size < 2 || data[0] < 'a' || data[0] - 'a' >= N_TEMPLATES || data[1] < 'a')
        return 0;
    struct str reply = {(const char *)data + 2, size - 2};
    struct reply_setting setting = {.form = reply_form_find(str_of(templates[data[0] - 'a']), STR("")), .tools = tools};
    struct heard whole = hear(&setting, reply, reply.len + 1), split = hear(&setting, reply, data[1] - 'a' + 1);
    if (!str_eq(buf_view(&whole.log), buf_view(&split.log)) || whole.log.len > GROWTH * size + 1024)
        abort();
    buf_clear(&whole.log);
    buf_clear(&whole.arguments);
    buf_clear(&split.log);
    buf_clear(&split.arguments);
    return 0;
}
