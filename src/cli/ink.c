/* SPDX-License-Identifier: Apache-2.0
 *
 * Text and how it looks.
 */
#include "cli/ink.h"

#include <utf8proc.h>

/* The codes of the looks, in the order of their bits. */
static const char *const codes[N_LOOKS] = {"1", "2", "3", "4", "9", "36"};

unsigned text_columns(struct str text)
{
    unsigned columns = 0, size;
    for (size_t at = 0; at < text.len; at += size) {
        int32_t code = utf8_decode(text, at, &size);
        int width = code < 0 ? 1 : utf8proc_charwidth(code);
        columns += width > 0 ? (unsigned)width : 0;
    }
    return columns;
}

bool ink_add(struct ink *ink, struct str text, unsigned looks)
{
    for (size_t i = 0; i < text.len; i++) {
        bool tab = text.ptr[i] == '\t';
        for (int k = 0; k < (tab ? 4 : 1); k++) {
            buf_byte(&ink->bytes, tab ? ' ' : text.ptr[i]);
            buf_byte(&ink->looks, (char)looks);
        }
    }
    return !ink->bytes.failed && !ink->looks.failed;
}

void ink_empty(struct ink *ink)
{
    ink->bytes.len = ink->looks.len = 0;
}

void ink_clear(struct ink *ink)
{
    buf_clear(&ink->bytes);
    buf_clear(&ink->looks);
}

/* The end of a line without the spaces before it. */
static size_t trim_end(struct str text, size_t from, size_t end)
{
    while (end > from && text.ptr[end - 1] == ' ')
        end--;
    return end;
}

size_t ink_line(const struct ink *ink, size_t from, unsigned width, bool words, size_t *end)
{
    struct str text = buf_view(&ink->bytes);
    size_t at = from, space = SIZE_MAX;
    unsigned column = 0, size;
    for (; at < text.len && text.ptr[at] != '\n'; at += size) {
        int32_t code = utf8_decode(text, at, &size);
        int columns = code < 0 ? 1 : utf8proc_charwidth(code);
        bool hangs = words && text.ptr[at] == ' ';
        if (columns > 0 && column + (unsigned)columns > width && !hangs) {
            if (words && space != SIZE_MAX && space > from) {
                *end = trim_end(text, from, space);
                return space + 1;
            }
            *end = at > from ? at : at + size;
            return *end;
        }
        column += columns > 0 ? (unsigned)columns : 0;
        if (text.ptr[at] == ' ')
            space = at;
    }
    *end = words ? trim_end(text, from, at) : at;
    return at + 1;
}

void ink_put(const struct ink *ink, size_t from, size_t end, struct buf *out)
{
    unsigned shown = 0;
    for (size_t at = from; at < end; at++) {
        unsigned looks = (unsigned char)ink->looks.ptr[at];
        if (looks != shown) {
            buf_str(out, STR("\033[0"));
            for (unsigned i = 0; i < N_LOOKS; i++)
                if (looks & 1u << i)
                    buf_format(out, ";%s", codes[i]);
            buf_byte(out, 'm');
            shown = looks;
        }
        buf_byte(out, ink->bytes.ptr[at]);
    }
    if (shown)
        buf_str(out, STR("\033[0m"));
}
