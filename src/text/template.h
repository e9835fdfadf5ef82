/* SPDX-License-Identifier: Apache-2.0
 *
 * Chat templates: a Jinja interpreter over plain values, as `transformers` sets Jinja up (trim_blocks,
 * lstrip_blocks, loop controls, no trailing newline kept). A template is untrusted: it has no host access, and its
 * steps, output, memory and depth are bounded. Strings remember which bytes came from messages.
 */
#ifndef HOB_TEXT_TEMPLATE_H
#define HOB_TEXT_TEMPLATE_H

#include <time.h>

#include "base/json.h"
#include "text/tokenizer.h"

struct template;

/* Parses a template. The caller owns it. NULL with HOB_FORMAT names the line and what was wrong. */
struct template *template_parse(struct str source, struct hob_error *err);

/* Frees a template (NULL is fine). */
void template_free(struct template *template);

/* What a template is rendered with. */
struct render_input {
    const json_t *variables; /* an object: messages, tools, add_generation_prompt, bos_token, ... Strings inside
                                `messages`, `tools` and `documents` are untrusted, all others are trusted */
    time_t now;              /* what strftime_now() tells, in local time */
};

/* A rendered prompt: the text and which spans of it came from untrusted strings, ascending and disjoint. */
struct rendered {
    struct buf text;
    struct text_span *untrusted;
    size_t n_untrusted;
};

/* Renders into `out`, which the caller clears with rendered_clear() also after a failure. A raise_exception() is a
 * HOB_FORMAT error with its text alone. Thread-safe for distinct `out`. */
bool template_render(const struct template *template, const struct render_input *input, struct rendered *out,
                     struct hob_error *err);

/* Frees what a rendering holds. */
void rendered_clear(struct rendered *out);

#endif
