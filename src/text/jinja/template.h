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
#include "text/tokenizer/tokenizer.h"

struct template;

/* Parses a template. The caller owns it. NULL with HOB_FORMAT names the line and what was wrong, with HOB_LIMIT the
 * limit it exceeds. */
struct template *template_parse(struct str source, struct hob_error *err);

/* Frees a template (NULL is fine). */
void template_free(struct template *template);

/* What a template is rendered with. */
struct render_input {
    const json_t *variables; /* an object: messages, tools, add_generation_prompt, bos_token, ... Strings inside
                                `messages`, `tools` and `documents` are untrusted, all others are trusted. So are the
                                well-known names of roles ("user", "assistant", ...) as the `role` of a message:
                                some templates put control tokens together with them: '<|' + message.role + '|>' */
    time_t now;              /* what strftime_now() tells, in local time */
    uint64_t max_steps;      /* 0: the limits of the table */
};

/* A rendered prompt: the text and which spans of it came from untrusted strings, ascending and disjoint. */
struct rendered {
    struct buf text;
    struct text_span *untrusted;
    size_t n_untrusted;
};

/* Renders into `out`, which the caller clears with rendered_clear() also after a failure. A raise_exception() is a
 * HOB_FORMAT error with its text alone; any other failure names the line. A limit that is exceeded is HOB_LIMIT.
 * Thread-safe for distinct `out`. */
bool template_render(const struct template *template, const struct render_input *input, struct rendered *out,
                     struct hob_error *err);

/* Frees what a rendering holds. */
void rendered_clear(struct rendered *out);

/* What bounds a template. */
enum template_bound {
    BOUND_SOURCE,
    BOUND_NESTING,
    BOUND_STEPS,
    BOUND_STEPS_A_MESSAGE, /* some templates look back from each message: long chats may take longer */
    BOUND_OUTPUT,
    BOUND_MEMORY,
    BOUND_DEPTH,
    BOUND_CALLS,
    BOUND_RANGE,
    N_BOUNDS
};

/* One limit: its name, its value, and what the error says when it is exceeded. */
struct template_limit {
    const char *name;
    uint64_t value;
    const char *sentence;
};

extern const struct template_limit template_limits[N_BOUNDS];

#endif
