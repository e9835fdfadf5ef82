/* SPDX-License-Identifier: Apache-2.0
 *
 * A reply as it is shown while it streams: on a terminal Markdown is rendered, thinking is dimmed and what a terminal
 * would act on is made inert; elsewhere standard output gets the bytes of the text and nothing else.
 */
#ifndef HOB_CLI_VIEW_H
#define HOB_CLI_VIEW_H

#include "base/str.h"
#include "cli/markdown.h"

/* Zero-initialised but for the settings is ready. */
struct view {
    bool markdown, hide_thinking; /* settings, both for terminals only */
    bool thinking;                /* the thinking part is being shown */
    bool started;                 /* something but white space was shown */
    char last;                    /* the last byte of the text */
    struct markdown stream;
    struct buf plain;
};

/* Shows more of the thinking part, or of the text, and flushes. */
void view_thinking(struct view *view, struct str text);
void view_text(struct view *view, struct str text);

/* Shows a tool call, on a line of its own: its name, then its arguments as they come, then what became of it. */
void view_call_begin(struct view *view, struct str name);
void view_call_arguments(struct view *view, struct str json);
void view_call_end(struct view *view, const char *note);

/* Ends the reply with a newline; ready for the next. */
void view_end(struct view *view);

/* Frees. */
void view_clear(struct view *view);

#endif
