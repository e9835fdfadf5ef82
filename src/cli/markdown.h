/* SPDX-License-Identifier: Apache-2.0
 *
 * Markdown on a terminal, rendered while it streams. The text that is still open (from the last place where a new block
 * surely began) is rendered anew with each addition, and only the lines that changed are drawn again; what is before
 * it stays. Every byte of the text is shown, as text or as the style that its markup means.
 */
#ifndef HOB_CLI_MARKDOWN_H
#define HOB_CLI_MARKDOWN_H

#include "base/str.h"

/* Zero-initialised is the start of a text. */
struct markdown {
    struct buf open;  /* text that may still change its looks */
    size_t n_shown;   /* bytes of it that are on the screen */
    struct buf lines; /* their rendering, as it stands there */
    bool failed;      /* memory ran out: text goes out as it is */
};

/* Adds text, whole characters, and draws what changed on standard output. */
void markdown_add(struct markdown *markdown, struct str text);

/* Ends the text and the line it ended in; ready for the next. */
void markdown_end(struct markdown *markdown);

/* Frees. */
void markdown_clear(struct markdown *markdown);

/* Renders a whole text as lines of at most `columns` (at least 10) columns, with escape sequences for styles, which end
 * with their line; "\n" between lines, none at the end. Control characters in `text` become visible. False without
 * memory (markdown_render.c). */
bool markdown_render(struct str text, unsigned columns, struct buf *out);

/* The length of the fence ("```" or "~~~") that the line starts with, or 0. */
size_t markdown_fence(struct str line);

#endif
