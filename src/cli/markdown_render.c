/* SPDX-License-Identifier: Apache-2.0
 *
 * A Markdown text as lines for a terminal. md4c reads it; the words of a block are gathered as ink and laid out when
 * the block ends.
 */
#include <md4c.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/ink.h"
#include "cli/markdown.h"
#include "cli/output.h"

enum { MAX_MARGINS = 16, MAX_LISTS = 64, MIN_CELL = 4, MAX_COLUMNS = 128, RULE_COLUMNS = 40 };

/* What a block puts before its lines. */
struct margin {
    char first[12], rest[12];
    bool used; /* the first line was begun */
};

struct list {
    bool ordered, tight;
    unsigned next;
};

struct renderer {
    struct buf *out;
    unsigned width;
    unsigned counts[N_LOOKS]; /* how many open spans want each look */
    struct margin margins[MAX_MARGINS];
    unsigned n_margins, n_lists;
    struct list lists[MAX_LISTS];
    bool gap; /* an empty line comes before the next */
    struct ink ink;
    size_t link_start; /* where the text of the link begins in its ink */
    struct ink *cells; /* of the table, rows * columns */
    size_t n_cells, max_cells;
    unsigned n_columns;
    MD_ALIGN aligns[MAX_COLUMNS];
    size_t n_letters; /* of the text that were shown or are shown in another way */
    bool failed;
};

/* Letters of `text`, in bytes: what must not be lost. */
static size_t count_letters(struct str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        n += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
    }
    return n;
}

/* Adds text to `ink`. */
static void add_text(struct renderer *r, struct ink *ink, struct str text, unsigned looks)
{
    r->n_letters += count_letters(text);
    r->failed = !ink_add(ink, text, looks) || r->failed;
}

/* ---- lines -------------------------------------------------------------------------------------- */

/* Begins a line: a newline after what is there, the empty line that is due, the margins. Returns the columns left. */
static unsigned begin_line(struct renderer *r)
{
    unsigned columns = 0;
    if (r->out->len)
        buf_byte(r->out, '\n');
    if (r->gap && r->out->len) {
        size_t from = r->out->len;
        for (unsigned i = 0; i < r->n_margins; i++)
            if (r->margins[i].used)
                buf_str(r->out, str_of(r->margins[i].rest));
        while (r->out->len > from && r->out->ptr[r->out->len - 1] == ' ')
            r->out->len--;
        buf_byte(r->out, '\n');
    }
    r->gap = false;
    for (unsigned i = 0; i < r->n_margins; i++) {
        struct margin *margin = &r->margins[i];
        const char *text = margin->used ? margin->rest : margin->first;
        buf_str(r->out, str_of(text));
        columns += text_columns(str_of(text));
        margin->used = true;
    }
    return r->width - columns;
}

static void push_margin(struct renderer *r, struct margin margin)
{
    unsigned columns = text_columns(str_of(margin.rest));
    for (unsigned i = 0; i < r->n_margins; i++)
        columns += text_columns(str_of(r->margins[i].rest));
    if (columns > r->width / 2) /* the text needs room as well */
        margin = (struct margin){0};
    r->margins[r->n_margins++] = margin;
}

/* Lays out what was gathered. */
static void put_block(struct renderer *r, bool words)
{
    struct ink *ink = &r->ink;
    while (ink->bytes.len && ink->bytes.ptr[ink->bytes.len - 1] == '\n')
        ink->bytes.len--;
    for (size_t from = 0, end; from < ink->bytes.len;) {
        unsigned room = begin_line(r);
        size_t next = ink_line(ink, from, room, words, &end);
        ink_put(ink, from, end, r->out);
        from = next;
    }
    ink_empty(ink);
}

/* An empty line comes next, unless items stand close together. */
static void part(struct renderer *r)
{
    r->gap = r->n_lists == 0 || r->n_lists > MAX_LISTS || !r->lists[r->n_lists - 1].tight;
}

/* ---- tables ------------------------------------------------------------------------------------- */

static unsigned cell_columns(const struct ink *cell)
{
    return text_columns(buf_view(&cell->bytes));
}

/* The width of each column: as wide as its widest cell, the widest narrowed until all fit in `room`. False when there
 * are too many. */
static bool fit_columns(const struct renderer *r, unsigned room, unsigned *widths)
{
    unsigned total = 3 * (r->n_columns - 1);
    if (room < r->n_columns * (MIN_CELL + 3))
        return false;
    for (unsigned c = 0; c < r->n_columns; c++) {
        widths[c] = 1;
        for (size_t i = c; i < r->n_cells; i += r->n_columns)
            if (cell_columns(&r->cells[i]) > widths[c])
                widths[c] = cell_columns(&r->cells[i]);
        total += widths[c];
    }
    while (total > room) {
        unsigned widest = 0;
        for (unsigned c = 1; c < r->n_columns; c++)
            widest = widths[c] > widths[widest] ? c : widest;
        widths[widest]--;
        total--;
    }
    return true;
}

static void put_spaces(struct renderer *r, unsigned n)
{
    for (; n; n--)
        buf_byte(r->out, ' ');
}

/* One row, on as many lines as its highest cell takes. */
static void put_row(struct renderer *r, const struct ink *cells, const unsigned *widths)
{
    size_t from[MAX_COLUMNS] = {0};
    bool more = true;
    for (bool first = true; more || first; first = false) {
        more = false;
        begin_line(r);
        for (unsigned c = 0; c < r->n_columns; c++) {
            size_t end = from[c], start = from[c];
            if (start < cells[c].bytes.len)
                from[c] = ink_line(&cells[c], start, widths[c], true, &end);
            struct str text = {cells[c].bytes.ptr + start, end - start};
            unsigned columns = text_columns(text), left = widths[c] > columns ? widths[c] - columns : 0;
            unsigned before = r->aligns[c] == MD_ALIGN_RIGHT ? left : r->aligns[c] == MD_ALIGN_CENTER ? left / 2 : 0;
            bool is_last = c + 1 == r->n_columns;
            put_spaces(r, before);
            ink_put(&cells[c], start, end, r->out);
            put_spaces(r, is_last ? 0 : left - before);
            buf_str(r->out, is_last ? STR("") : STR(" \u2502 "));
            more = more || from[c] < cells[c].bytes.len;
        }
    }
}

/* The line below the head. */
static void put_table_rule(struct renderer *r, const unsigned *widths)
{
    begin_line(r);
    for (unsigned c = 0; c < r->n_columns; c++) {
        for (unsigned i = 0; i < widths[c]; i++)
            buf_str(r->out, STR("\u2500"));
        buf_str(r->out, c + 1 < r->n_columns ? STR("\u2500\u253c\u2500") : STR(""));
    }
}

static void put_table(struct renderer *r)
{
    unsigned widths[MAX_COLUMNS] = {0}, room = r->width;
    for (unsigned i = 0; i < r->n_margins; i++)
        room -= text_columns(str_of(r->margins[i].rest));
    if (fit_columns(r, room, widths)) {
        for (size_t i = 0; i + r->n_columns <= r->n_cells; i += r->n_columns) {
            put_row(r, r->cells + i, widths);
            if (i == 0)
                put_table_rule(r, widths);
        }
    } else { /* a cell a line */
        for (size_t i = 0; i < r->n_cells; i++) {
            ink_clear(&r->ink);
            r->ink = r->cells[i];
            r->cells[i] = (struct ink){0};
            put_block(r, true);
        }
    }
}

static void clear_table(struct renderer *r)
{
    for (size_t i = 0; i < r->n_cells; i++)
        ink_clear(&r->cells[i]);
    free(r->cells);
    r->cells = NULL;
    r->n_cells = r->max_cells = 0;
}

/* ---- md4c's calls ------------------------------------------------------------------------------- */

/* Where text goes: the cell that is open, or the block. */
static struct ink *current_ink(struct renderer *r)
{
    return r->n_cells ? &r->cells[r->n_cells - 1] : &r->ink;
}

static unsigned current_looks(const struct renderer *r)
{
    unsigned looks = 0;
    for (unsigned i = 0; i < N_LOOKS; i++)
        looks |= r->counts[i] ? 1u << i : 0;
    return looks;
}

/* Turns looks on or off. */
static void count_looks(struct renderer *r, unsigned looks, bool on)
{
    for (unsigned i = 0; i < N_LOOKS; i++)
        if (looks & 1u << i)
            r->counts[i] += on ? 1 : -1u;
}

static void enter_item(struct renderer *r, const MD_BLOCK_LI_DETAIL *detail)
{
    static const char *const bullets[] = {"\u2022 ", "\u25e6 ", "\u25aa "};
    struct margin margin = {{0}, {0}, false};
    struct list none = {0}, *list = r->n_lists && r->n_lists <= MAX_LISTS ? &r->lists[r->n_lists - 1] : &none;
    r->n_letters += detail->is_task && detail->task_mark != ' ';
    if (detail->is_task)
        snprintf(margin.first, sizeof margin.first, "[%c] ", detail->task_mark);
    else if (list->ordered)
        snprintf(margin.first, sizeof margin.first, "%u. ", list->next++);
    else
        snprintf(margin.first, sizeof margin.first, "%s", bullets[r->n_lists % 3 == 0 ? 2 : r->n_lists % 3 - 1]);
    snprintf(margin.rest, sizeof margin.rest, "%*s", (int)text_columns(str_of(margin.first)), "");
    push_margin(r, margin);
}

static int enter_block(MD_BLOCKTYPE type, void *detail, void *user)
{
    struct renderer *r = user;
    put_block(r, true); /* the text of a tight item, before what is nested in it */
    switch (type) {
    case MD_BLOCK_QUOTE:
        push_margin(r, (struct margin){"\u2502 ", "\u2502 ", false});
        break;
    case MD_BLOCK_UL:
    case MD_BLOCK_OL:
        if (r->n_lists++ < MAX_LISTS) {
            bool ordered = type == MD_BLOCK_OL;
            r->lists[r->n_lists - 1] = (struct list){
                .ordered = ordered,
                .tight = ordered ? ((MD_BLOCK_OL_DETAIL *)detail)->is_tight : ((MD_BLOCK_UL_DETAIL *)detail)->is_tight,
                .next = ordered ? ((MD_BLOCK_OL_DETAIL *)detail)->start : 0,
            };
        }
        break;
    case MD_BLOCK_LI:
        enter_item(r, detail);
        break;
    case MD_BLOCK_HR:
        for (unsigned i = 0, room = begin_line(r); i < RULE_COLUMNS && i < room; i++)
            buf_str(r->out, STR("\u2500"));
        break;
    case MD_BLOCK_H:
        count_looks(r, LOOK_BOLD | (((MD_BLOCK_H_DETAIL *)detail)->level == 1 ? LOOK_LINE : 0), true);
        break;
    case MD_BLOCK_CODE:
        if (((MD_BLOCK_CODE_DETAIL *)detail)->info.size) {
            const MD_ATTRIBUTE *info = &((MD_BLOCK_CODE_DETAIL *)detail)->info;
            add_text(r, &r->ink, (struct str){info->text, info->size}, LOOK_DIM);
            add_text(r, &r->ink, STR("\n"), LOOK_DIM);
        }
        count_looks(r, LOOK_CODE, true);
        break;
    case MD_BLOCK_TABLE:
        r->n_columns = ((MD_BLOCK_TABLE_DETAIL *)detail)->col_count;
        r->max_cells = (size_t)r->n_columns * (((MD_BLOCK_TABLE_DETAIL *)detail)->head_row_count +
                                               ((MD_BLOCK_TABLE_DETAIL *)detail)->body_row_count);
        r->cells = calloc(r->max_cells + 1, sizeof *r->cells);
        return r->cells && r->n_columns <= MAX_COLUMNS ? 0 : -1;
    case MD_BLOCK_TH:
        count_looks(r, LOOK_BOLD, true);
        r->aligns[r->n_cells % r->n_columns] = ((MD_BLOCK_TD_DETAIL *)detail)->align;
        r->n_cells += r->n_cells < r->max_cells;
        break;
    case MD_BLOCK_TD:
        r->n_cells += r->n_cells < r->max_cells;
        break;
    default:
        break;
    }
    return r->n_margins < MAX_MARGINS ? 0 : -1;
}

static int leave_block(MD_BLOCKTYPE type, void *detail, void *user)
{
    struct renderer *r = user;
    if (type != MD_BLOCK_TABLE && !r->n_cells)
        put_block(r, type != MD_BLOCK_CODE);
    switch (type) {
    case MD_BLOCK_UL:
    case MD_BLOCK_OL:
        r->n_lists--;
        part(r);
        break;
    case MD_BLOCK_QUOTE:
        r->n_margins--;
        part(r);
        break;
    case MD_BLOCK_LI:
        if (!r->margins[r->n_margins - 1].used) /* an empty item */
            begin_line(r);
        r->n_margins--;
        part(r);
        break;
    case MD_BLOCK_H:
        count_looks(r, LOOK_BOLD | (((MD_BLOCK_H_DETAIL *)detail)->level == 1 ? LOOK_LINE : 0), false);
        part(r);
        break;
    case MD_BLOCK_CODE:
        count_looks(r, LOOK_CODE, false);
        part(r);
        break;
    case MD_BLOCK_TH:
        count_looks(r, LOOK_BOLD, false);
        break;
    case MD_BLOCK_TABLE:
        put_table(r);
        clear_table(r);
        part(r);
        break;
    case MD_BLOCK_P:
    case MD_BLOCK_HR:
        part(r);
        break;
    default:
        break;
    }
    return r->failed || r->out->failed ? -1 : 0;
}

static unsigned span_looks(MD_SPANTYPE type)
{
    return type == MD_SPAN_EM       ? LOOK_ITALIC
           : type == MD_SPAN_STRONG ? LOOK_BOLD
           : type == MD_SPAN_CODE   ? LOOK_CODE
           : type == MD_SPAN_DEL    ? LOOK_STRUCK
           : type == MD_SPAN_A      ? LOOK_LINE
                                    : 0;
}

static int enter_span(MD_SPANTYPE type, void *detail, void *user)
{
    struct renderer *r = user;
    (void)detail;
    count_looks(r, span_looks(type), true);
    if (type == MD_SPAN_A || type == MD_SPAN_IMG)
        r->link_start = current_ink(r)->bytes.len;
    return 0;
}

static int leave_span(MD_SPANTYPE type, void *detail, void *user)
{
    struct renderer *r = user;
    struct ink *ink = current_ink(r);
    count_looks(r, span_looks(type), false);
    if (type != MD_SPAN_A && type != MD_SPAN_IMG)
        return 0;
    bool is_link = type == MD_SPAN_A;
    const MD_ATTRIBUTE *to = is_link ? &((MD_SPAN_A_DETAIL *)detail)->href : &((MD_SPAN_IMG_DETAIL *)detail)->src;
    const MD_ATTRIBUTE *title = is_link ? &((MD_SPAN_A_DETAIL *)detail)->title : &((MD_SPAN_IMG_DETAIL *)detail)->title;
    struct str target = {to->text, to->size};
    struct str text = {ink->bytes.ptr + r->link_start, ink->bytes.len - r->link_start};
    if (str_eq(text, target) && !title->size) {
        r->n_letters += count_letters(target);
        return 0;
    }
    /* a terminal cannot be clicked everywhere */
    add_text(r, ink, STR(" ("), LOOK_DIM);
    add_text(r, ink, target, LOOK_DIM);
    if (title->size) {
        add_text(r, ink, STR(" "), LOOK_DIM);
        add_text(r, ink, (struct str){title->text, title->size}, LOOK_DIM);
    }
    add_text(r, ink, STR(")"), LOOK_DIM);
    return 0;
}

/* The characters that entities stand for; others are shown as they are written. */
static struct str entity(struct str name)
{
    static const char *const entities[][2] = {
        {"&amp;", "&"}, {"&lt;", "<"},   {"&gt;", ">"},        {"&quot;", "\""},
        {"&#39;", "'"}, {"&apos;", "'"}, {"&nbsp;", "\u00a0"},
    };
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
        if (str_eq(name, str_of(entities[i][0])))
            return str_of(entities[i][1]);
    return name;
}

static int on_text(MD_TEXTTYPE type, const MD_CHAR *text, MD_SIZE size, void *user)
{
    struct renderer *r = user;
    struct str bytes = {text, size};
    if (type == MD_TEXT_BR || type == MD_TEXT_SOFTBR)
        bytes = r->n_cells ? STR(" ") : STR("\n");
    if (type == MD_TEXT_ENTITY) {
        r->n_letters += count_letters(bytes) - count_letters(entity(bytes));
        bytes = entity(bytes);
    }
    add_text(r, current_ink(r), bytes, current_looks(r));
    return r->failed ? -1 : 0;
}

/* ---- the text ----------------------------------------------------------------------------------- */

/* Whether the line defines a link, which Markdown would not show. */
static bool defines_link(struct str line)
{
    size_t at = 0;
    while (at < line.len && byte_in(line.ptr[at], " \t>-+*.)0123456789")) /* within quotes and lists too */
        at++;
    return at < line.len && line.ptr[at] == '[' && str_find(line, STR("]:"), at) != SIZE_MAX;
}

/* The text with control characters visible, line ends as "\n", and definitions of links as text. */
static bool prepare(struct str text, struct buf *out)
{
    size_t fence = 0;
    for (size_t at = 0; at < text.len;) {
        const char *end = memchr(text.ptr + at, '\n', text.len - at);
        struct str line = {text.ptr + at, end ? (size_t)(end - text.ptr) - at : text.len - at};
        at += line.len + 1;
        size_t n = markdown_fence(line);
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (!fence && defines_link(line)) {
            size_t bracket = (size_t)((const char *)memchr(line.ptr, '[', line.len) - line.ptr);
            buf_add(out, line.ptr, bracket);
            buf_byte(out, '\\');
            line = str_from(line, bracket);
        }
        fence = fence ? (n >= fence ? 0 : fence) : n;
        text_inert(line, out);
        if (end)
            buf_byte(out, '\n');
    }
    return !out->failed;
}

/* Lays out the text itself. */
static bool put_raw(struct renderer *r, struct str text)
{
    r->out->len = 0;
    ink_empty(&r->ink);
    r->n_margins = 0;
    while (str_starts(text, STR("\n")))
        text = (struct str){text.ptr + 1, text.len - 1};
    add_text(r, &r->ink, text, 0);
    put_block(r, true);
    return !r->failed;
}

bool markdown_render(struct str text, unsigned columns, struct buf *out)
{
    static const MD_PARSER parser = {
        .flags = MD_FLAG_NOHTML | MD_FLAG_TABLES | MD_FLAG_TASKLISTS | MD_FLAG_STRIKETHROUGH,
        .enter_block = enter_block,
        .leave_block = leave_block,
        .enter_span = enter_span,
        .leave_span = leave_span,
        .text = on_text,
    };
    struct renderer r = {.out = out, .width = columns};
    struct buf clean = {0};
    if (!prepare(text, &clean) || !buf_text(&clean))
        return false;
    bool good = md_parse(clean.ptr, (MD_SIZE)clean.len, &parser, &r) == 0;
    /* What Markdown would leave out, such as cells that a table has no column for, is shown as it was written; so is
     * what is nested too deep. */
    if (!good || r.n_letters < count_letters(buf_view(&clean)))
        good = put_raw(&r, buf_view(&clean));
    clear_table(&r);
    ink_clear(&r.ink);
    buf_clear(&clean);
    return good && !out->failed;
}
