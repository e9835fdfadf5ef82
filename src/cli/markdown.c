/* SPDX-License-Identifier: Apache-2.0
 *
 * Markdown as it streams: which part is open, and drawing what changed.
 */
#include "cli/markdown.h"

#include "cli/output.h"

enum { MAX_OPEN_BYTES = 32 << 10 }; /* rendering the open part must stay cheap */

size_t markdown_fence(struct str line)
{
    size_t at = 0, n = 0;
    while (at < line.len && line.ptr[at] == ' ')
        at++;
    while (at + n < line.len && (line.ptr[at] == '`' || line.ptr[at] == '~') && line.ptr[at + n] == line.ptr[at])
        n++;
    return n >= 3 ? n : 0;
}

/* Whether a line that starts so surely begins a block of its own: not indented, no list item, and known to be neither.
 */
static bool begins_block(struct str line)
{
    if (line.len < 4)
        return false;
    char c = line.ptr[0];
    bool may_be_item = (c >= '0' && c <= '9') || c == '-' || c == '*' || c == '+';
    return c != ' ' && c != '\t' && c != '\n' && !may_be_item;
}

/* The blocks of a text. */
struct blocks {
    size_t last;  /* where the last one begins */
    size_t fence; /* the length of the fence that is open at the end of the text, or 0 */
    char mark;    /* and its character */
};

static struct blocks find_blocks(struct str text)
{
    struct blocks found = {0};
    bool blank = false;
    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(text.ptr + at, '\n', text.len - at);
        struct str line = {text.ptr + at, end ? (size_t)(end - text.ptr) - at : text.len - at};
        size_t n = markdown_fence(line);
        if (!found.fence && blank && begins_block(line))
            found.last = at;
        if (found.fence && n >= found.fence) {
            found.fence = 0;
        } else if (!found.fence && n) {
            found.fence = n;
            found.mark = memchr(line.ptr, '`', line.len) ? '`' : '~';
        }
        blank = line.len == 0;
        at += line.len + 1;
    }
    return found;
}

/* Where the last line begins. */
static size_t last_line(struct str text)
{
    size_t at = text.len;
    while (at > 0 && text.ptr[at - 1] != '\n')
        at--;
    return at;
}

/* Writes what can be written without memory: other bytes than printable ASCII become question marks. */
static void write_ascii(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool is_plain = (text.ptr[i] >= ' ' && text.ptr[i] < 0x7f) || text.ptr[i] == '\n';
        output_write(is_plain ? (struct str){text.ptr + i, 1} : STR("?"));
    }
}

static size_t count_lines(struct str lines)
{
    size_t n = 1;
    for (size_t i = 0; i < lines.len; i++)
        n += lines.ptr[i] == '\n';
    return n;
}

/* Draws `lines` over what stands on the screen, from the first line that differs. False when that has left the screen.
 */
static bool draw(struct markdown *markdown, struct buf *lines)
{
    struct str old = buf_view(&markdown->lines), new = buf_view(lines);
    size_t same = 0; /* start of the first line that differs */
    for (size_t i = 0; i < old.len && i < new.len &&old.ptr[i] == new.ptr[i]; i++)
        if (old.ptr[i] == '\n')
            same = i + 1;
    if (str_starts(new, old)) {
        output_write(str_from(new, old.len));
    } else {
        size_t up = count_lines(str_from(old, same)) - 1;
        if (up >= terminal_rows())
            return false;
        if (up)
            output_format("\033[%zuA", up);
        output_write(STR("\r\033[J"));
        output_write(str_from(new, same));
    }
    struct buf swap = markdown->lines;
    markdown->lines = *lines;
    *lines = swap;
    return true;
}

/* Takes the first `len` bytes from the open text: they stay on the screen as they are. */
static void close_text(struct markdown *markdown, size_t len)
{
    memmove(markdown->open.ptr, markdown->open.ptr + len, markdown->open.len - len);
    markdown->open.len -= len;
    markdown->lines.len = markdown->n_shown = 0;
}

/* Renders the first `len` bytes of the open text and draws them. */
static void show(struct markdown *markdown, size_t len)
{
    struct buf lines = {0};
    if (len == 0)
        return;
    markdown->failed = !markdown_render((struct str){markdown->open.ptr, len}, terminal_columns() - 1, &lines);
    if (markdown->failed) {
        write_ascii((struct str){markdown->open.ptr, len});
    } else if (!draw(markdown, &lines)) {
        /* A long block whose first lines would now look otherwise: it goes on as a block of its own. */
        size_t n = markdown->n_shown < len ? markdown->n_shown : len;
        output_write(STR("\n"));
        close_text(markdown, n);
        show(markdown, len - n);
    } else {
        markdown->n_shown = len;
    }
    buf_clear(&lines);
}

/* Ends what is open before `at`, with `newlines` behind it. */
static void end_before(struct markdown *markdown, size_t at, struct str newlines)
{
    size_t after = markdown->open.len - at;
    show(markdown, at);
    output_write(newlines);
    close_text(markdown, markdown->open.len - after);
}

/* The open text has become too long to be rendered again and again: its whole lines are done. */
static void shorten(struct markdown *markdown, const struct blocks *blocks)
{
    size_t line = last_line(buf_view(&markdown->open));
    if (line == 0)
        line = markdown->open.len;
    end_before(markdown, line, STR("\n"));
    struct buf rest = {0}; /* within code, what follows is code as well */
    for (size_t i = 0; i < blocks->fence; i++)
        buf_byte(&rest, blocks->mark);
    buf_str(&rest, blocks->fence ? STR("\n") : STR(""));
    buf_str(&rest, buf_view(&markdown->open));
    buf_clear(&markdown->open);
    markdown->open = rest;
}

void markdown_add(struct markdown *markdown, struct str text)
{
    markdown->failed = markdown->failed || !buf_str(&markdown->open, text);
    if (markdown->failed) {
        write_ascii(text);
        return;
    }
    struct blocks blocks = find_blocks(buf_view(&markdown->open));
    if (blocks.last)
        end_before(markdown, blocks.last, STR("\n\n"));
    else if (markdown->open.len > MAX_OPEN_BYTES)
        shorten(markdown, &blocks);
    show(markdown, markdown->open.len);
}

void markdown_end(struct markdown *markdown)
{
    show(markdown, markdown->open.len);
    output_write(STR("\n"));
    close_text(markdown, markdown->open.len);
    markdown->failed = false;
}

void markdown_clear(struct markdown *markdown)
{
    buf_clear(&markdown->open);
    buf_clear(&markdown->lines);
}
