/* SPDX-License-Identifier: Apache-2.0
 *
 * Replies on a terminal and elsewhere.
 */
#include "cli/view.h"

#include "cli/output.h"

/* Whether Markdown is rendered: drawing needs escape sequences. */
static bool renders(const struct view *view)
{
    return view->markdown && *style_on(STYLE_BOLD);
}

/* Writes text that a terminal cannot act on. */
static void write_inert(struct view *view, struct str text)
{
    view->plain.len = 0;
    text_inert(text, &view->plain);
    output_write(buf_view(&view->plain));
}

/* Leaves out line breaks before the first word of a part. */
static struct str skip_breaks(const struct view *view, struct str text)
{
    while (!view->started && text.len && (*text.ptr == '\n' || *text.ptr == '\r'))
        text = (struct str){text.ptr + 1, text.len - 1};
    return text;
}

void view_thinking(struct view *view, struct str text)
{
    if (!output_is_terminal() || view->hide_thinking)
        return;
    text = skip_breaks(view, text);
    if (!text.len)
        return;
    if (!view->thinking)
        output_format("%s", style_on(STYLE_DIM));
    view->thinking = view->started = true;
    view->last = text.ptr[text.len - 1];
    write_inert(view, text);
    output_flush();
}

/* Parts the thinking from the text. */
static void end_thinking(struct view *view)
{
    if (view->thinking)
        output_format("%s%s", style_on(STYLE_PLAIN), view->last == '\n' ? "\n" : "\n\n");
    view->thinking = view->started = false;
}

void view_text(struct view *view, struct str text)
{
    if (view->thinking)
        end_thinking(view);
    if (output_is_terminal())
        text = skip_breaks(view, text);
    if (!text.len)
        return;
    view->started = true;
    view->last = text.ptr[text.len - 1];
    if (!output_is_terminal())
        output_write(text);
    else if (renders(view))
        markdown_add(&view->stream, text);
    else
        write_inert(view, text);
    output_flush();
}

/* Writes text to wherever it goes: a terminal cannot act on it. */
static void write_plain(struct view *view, struct str text)
{
    if (output_is_terminal())
        write_inert(view, text);
    else
        output_write(text);
}

void view_call_begin(struct view *view, struct str name)
{
    if (view->thinking)
        end_thinking(view);
    if (renders(view) && view->started)
        markdown_end(&view->stream);
    else if (view->started && view->last != '\n')
        output_format("\n");
    output_format("%s", style_on(STYLE_BOLD));
    write_plain(view, name);
    output_format("%s ", style_on(STYLE_PLAIN));
    view->started = false;
    output_flush();
}

void view_call_arguments(struct view *view, struct str json)
{
    write_plain(view, json);
    output_flush();
}

void view_call_end(struct view *view, const char *note)
{
    (void)view;
    if (note)
        output_format(" (%s)", note);
    output_write(STR("\n"));
    output_flush();
}

void view_end(struct view *view)
{
    if (view->thinking)
        output_format("%s\n", style_on(STYLE_PLAIN));
    else if (renders(view) && view->started)
        markdown_end(&view->stream);
    else if (view->started && view->last != '\n')
        output_format("\n");
    view->thinking = view->started = false;
    output_flush();
}

void view_clear(struct view *view)
{
    markdown_clear(&view->stream);
    buf_clear(&view->plain);
}
