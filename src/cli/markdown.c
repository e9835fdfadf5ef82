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

/* Where the last block of the open text begins. */
static size_t last_block(struct str text)
{
    size_t found = 0, fence = 0;
    bool blank = false;
    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(text.ptr + at, '\n', text.len - at);
        struct str line = {text.ptr + at, end ? (size_t)(end - text.ptr) - at : text.len - at};
        size_t n = markdown_fence(line);
        if (!fence && blank && begins_block(line))
            found = at;
        if (fence && n >= fence)
            fence = 0;
        else if (!fence)
            fence = n;
        blank = line.len == 0;
        at += line.len + 1;
    }
    return found;
}

static size_t count_lines(struct str lines)
{
    size_t n = 1;
    for (size_t i = 0; i < lines.len; i++)
        n += lines.ptr[i] == '\n';
    return n;
}

/* Draws `lines` over what stands on the screen, from the first line that differs. */
static void draw(struct markdown *markdown, struct buf *lines)
{
    struct str old = buf_view(&markdown->lines), new = buf_view(lines);
    size_t same = 0; /* start of the first line that differs */
    for (size_t i = 0; i < old.len && i < new.len &&old.ptr[i] == new.ptr[i]; i++)
        if (old.ptr[i] == '\n')
            same = i + 1;
    if (str_starts(new, old)) {
        output_write((struct str){new.ptr + old.len, new.len - old.len});
    } else {
        size_t up = count_lines((struct str){old.ptr + same, old.len - same}) - 1, rows = terminal_rows() - 1;
        struct str rest = {new.ptr + same, new.len - same};
        /* Lines that left the screen cannot be drawn again. */
        for (; up > rows; up--) {
            const char *end = rest.len ? memchr(rest.ptr, '\n', rest.len) : NULL;
            size_t skip = end ? (size_t)(end - rest.ptr) + 1 : 0;
            rest = (struct str){rest.ptr + skip, rest.len - skip};
        }
        if (up)
            output_format("\033[%zuA", up);
        output_write(STR("\r\033[J"));
        output_write(rest);
    }
    struct buf swap = markdown->lines;
    markdown->lines = *lines;
    *lines = swap;
}

/* Renders the first `len` bytes of the open text and draws them; `ends`: they are final. */
static void show(struct markdown *markdown, size_t len, bool ends)
{
    struct buf lines = {0};
    struct str text = {markdown->open.ptr, len};
    markdown->failed = !markdown_render(text, terminal_columns() - 1, &lines);
    if (markdown->failed)
        output_write(text);
    else if (lines.len || markdown->lines.len)
        draw(markdown, &lines);
    if (ends) {
        memmove(markdown->open.ptr, markdown->open.ptr + len, markdown->open.len - len);
        markdown->open.len -= len;
        markdown->lines.len = 0;
    }
    buf_clear(&lines);
}

void markdown_add(struct markdown *markdown, struct str text)
{
    if (markdown->failed || !buf_str(&markdown->open, text)) {
        output_write(text);
        return;
    }
    size_t block = last_block(buf_view(&markdown->open));
    if (block == 0 && markdown->open.len > MAX_OPEN_BYTES)
        block = markdown->open.len;
    if (block) {
        show(markdown, block, true);
        output_write(STR("\n\n"));
    }
    show(markdown, markdown->open.len, false);
}

void markdown_end(struct markdown *markdown)
{
    if (markdown->open.len)
        show(markdown, markdown->open.len, true);
    output_write(STR("\n"));
    markdown->open.len = markdown->lines.len = 0;
    markdown->failed = false;
}

void markdown_clear(struct markdown *markdown)
{
    buf_clear(&markdown->open);
    buf_clear(&markdown->lines);
}
