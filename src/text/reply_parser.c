/* SPDX-License-Identifier: Apache-2.0 */
#include "text/reply_parser.h"

static const struct str open_tag = {"<think>", 7}, close_tag = {"</think>", 8};

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

struct reply_parser reply_parser_for(struct str template_text, struct str prompt)
{
    struct reply_parser parser = {.thinks = str_find(template_text, open_tag, 0) != SIZE_MAX ||
                                            str_find(template_text, close_tag, 0) != SIZE_MAX};
    while (prompt.len && is_space(prompt.ptr[prompt.len - 1]))
        prompt.len--;
    if (parser.thinks && str_ends(prompt, open_tag)) {
        parser.part = REPLY_THINKING;
        parser.begun = parser.trim = true;
    }
    return parser;
}

/* Hands on bytes that are no markup. */
static void emit(struct reply_parser *parser, struct str text, reply_part_fn *on_part, void *user)
{
    while (parser->trim && text.len && is_space(*text.ptr)) {
        text.ptr++;
        text.len--;
    }
    if (text.len == 0)
        return;
    parser->trim = false;
    for (size_t i = 0; i < text.len && !parser->begun; i++)
        parser->begun = !is_space(text.ptr[i]);
    on_part(user, parser->part, text);
}

/* The tag that may come: the end of thinking, or its beginning where nothing but white space came before. */
static const struct str *awaited(const struct reply_parser *parser)
{
    if (!parser->thinks)
        return NULL;
    if (parser->part == REPLY_THINKING)
        return &close_tag;
    return parser->begun ? NULL : &open_tag;
}

void reply_parser_add(struct reply_parser *parser, struct str bytes, reply_part_fn *on_part, void *user)
{
    size_t run = 0; /* bytes [run, i) are certain and not handed on yet */
    for (size_t i = 0; i < bytes.len; i++) {
        const struct str *tag = awaited(parser);
        if (!tag)
            break;
        /* '<' stands only at the start of a tag: held bytes that fail are text up to this one. */
        if (parser->n_held && bytes.ptr[i] != tag->ptr[parser->n_held]) {
            emit(parser, (struct str){parser->held, parser->n_held}, on_part, user);
            parser->n_held = 0;
            run = i;
            if (!(tag = awaited(parser)))
                break;
        }
        if (bytes.ptr[i] != tag->ptr[parser->n_held]) {
            if (parser->part == REPLY_TEXT && !is_space(bytes.ptr[i]))
                break; /* the answer has begun */
            continue;
        }
        if (parser->n_held == 0)
            emit(parser, (struct str){bytes.ptr + run, i - run}, on_part, user);
        parser->held[parser->n_held++] = bytes.ptr[i];
        run = i + 1;
        if (parser->n_held < tag->len)
            continue;
        parser->n_held = 0;
        parser->part = parser->part == REPLY_TEXT ? REPLY_THINKING : REPLY_TEXT;
        parser->begun = parser->trim = true;
    }
    if (parser->n_held == 0)
        emit(parser, (struct str){bytes.ptr + run, bytes.len - run}, on_part, user);
}

void reply_parser_end(struct reply_parser *parser, reply_part_fn *on_part, void *user)
{
    if (parser->n_held)
        emit(parser, (struct str){parser->held, parser->n_held}, on_part, user);
    parser->n_held = 0;
}
