/* SPDX-License-Identifier: Apache-2.0
 *
 * The filter wordwrap: paragraphs cut into lines by the rules of Python's textwrap. A paragraph falls into chunks
 * (runs of whitespace, words, parts of hyphenated words, dashes), and each line takes as many as fit.
 */
#include "text/jinja/strings.h"

/* How lines are cut. */
struct wrap_rule {
    size_t width; /* in characters */
    bool break_long, break_hyphens;
    const struct text *newline;
};

/* A paragraph as code points, with the byte offset of each and of the end. */
struct paragraph {
    const struct text *text;
    uint32_t *codes;
    size_t *offsets;
    size_t n;
};

static bool is_blank(uint32_t c)
{
    return c == ' ' || (c >= 9 && c <= 13);
}

static bool is_word(uint32_t c)
{
    return c == '_' || char_is_alpha(c) || char_is_numeric(c);
}

static bool is_letter(const struct paragraph *p, size_t at)
{
    return at < p->n && is_word(p->codes[at]) && !char_is_decimal(p->codes[at]);
}

static bool is_hyphen(const struct paragraph *p, size_t at)
{
    return at < p->n && p->codes[at] == '-';
}

/* Whether two or more hyphens stand at `at`, behind a word or its punctuation and before a word; `*end` is theirs. */
static bool is_dash(const struct paragraph *p, size_t at, size_t *end)
{
    *end = at;
    while (is_hyphen(p, *end))
        ++*end;
    if (*end - at < 2 || at == 0 || *end >= p->n || !is_word(p->codes[*end]))
        return false;
    uint32_t before = p->codes[at - 1];
    return is_word(before) || (before < 0x80 && byte_in((char)before, "!\"'&.,?"));
}

/* Whether a word may be cut behind the hyphen at `at`: ab-cd, a-b-c. */
static bool is_cut(const struct paragraph *p, size_t at)
{
    bool before = at >= 2 && is_letter(p, at - 1) &&
                  (is_letter(p, at - 2) || (at >= 3 && is_hyphen(p, at - 2) && is_letter(p, at - 3)));
    size_t next = at + 2 + is_hyphen(p, at + 2);
    return is_hyphen(p, at) && before && is_letter(p, at + 1) && is_letter(p, next);
}

/* The end of the chunk that starts at `at`. */
static size_t chunk_end(const struct paragraph *p, size_t at, bool hyphens)
{
    size_t end = at, dash;
    bool blank = is_blank(p->codes[at]);
    if (blank || !hyphens) {
        while (end < p->n && is_blank(p->codes[end]) == blank)
            end++;
        return end;
    }
    if (is_dash(p, at, &dash))
        return dash;
    for (end = at + 1; end < p->n && !is_blank(p->codes[end]); end++) {
        if (is_cut(p, end))
            return end + 1;
        if (is_dash(p, end, &dash))
            return end;
    }
    return end;
}

/* Where a chunk [from, to) that is too long for a line is cut when `room` characters are left. */
static size_t cut_long(const struct paragraph *p, const struct wrap_rule *rule, size_t from, size_t to, size_t room)
{
    size_t end = from + room;
    if (end >= to)
        return to;
    bool other = false; /* something but hyphens stands before the last hyphen */
    size_t hyphen = SIZE_MAX;
    for (size_t at = from; rule->break_hyphens && at < end; at++) {
        if (is_hyphen(p, at) && other)
            hyphen = at;
        other |= !is_hyphen(p, at);
    }
    return hyphen == SIZE_MAX ? end : hyphen + 1;
}

/* Whether all of [from, to) is whitespace as str.strip() has it. */
static bool is_space(const struct paragraph *p, size_t from, size_t to)
{
    while (from < to && char_is_space(p->codes[from]))
        from++;
    return from == to;
}

/* Appends the lines of a paragraph. */
static bool wrap(struct jinja *j, struct text_builder *out, const struct paragraph *p, const struct wrap_rule *rule)
{
    bool first = true;
    size_t at = 0, pending = 0; /* a chunk that was cut goes on until there */
    while (at < p->n) {
        size_t start = at, last = at; /* the line, and its last chunk */
        size_t end = pending > at ? pending : chunk_end(p, at, rule->break_hyphens);
        if (!first && is_space(p, at, end)) {
            start = last = at = end;
            pending = 0;
            if (at >= p->n)
                break;
            end = chunk_end(p, at, rule->break_hyphens);
        }
        while (end - start <= rule->width) {
            last = at;
            at = end;
            pending = 0;
            if (at >= p->n)
                break;
            end = chunk_end(p, at, rule->break_hyphens);
        }
        if (at < p->n && end - at > rule->width && (rule->break_long || at == start)) {
            size_t cut = rule->break_long ? cut_long(p, rule, at, end, rule->width - (at - start)) : end;
            last = at; /* also when nothing fits: then textwrap leaves the whitespace before it */
            at = cut;
            pending = cut < end ? end : 0;
        }
        size_t line_end = is_space(p, last, at) ? last : at;
        if (!jinja_work(j, 1, (at - start) * 16))
            return false;
        if (line_end == start)
            continue;
        if ((!first && !builder_text(j, out, rule->newline)) ||
            !builder_slice(j, out, p->text, p->offsets[start], p->offsets[line_end]))
            return false;
        first = false;
    }
    return true;
}

static bool wrap_paragraph(struct jinja *j, struct text_builder *out, const struct text *text,
                           const struct wrap_rule *rule)
{
    size_t n = text_chars(text);
    struct paragraph p = {.text = text, .n = n};
    p.codes = machine_alloc(j, n + 1, sizeof *p.codes);
    p.offsets = machine_alloc(j, n + 1, sizeof *p.offsets);
    if (!p.codes || !p.offsets)
        return false;
    unsigned size;
    for (size_t i = 0, at = 0; i < n; i++, at += size) {
        p.codes[i] = (uint32_t)utf8_decode(text_str(text), at, &size);
        p.offsets[i] = at;
    }
    p.offsets[n] = text->len;
    return wrap(j, out, &p, rule);
}

bool filter_wordwrap(struct jinja *j, const struct call *call, struct value *out)
{
    struct text_builder builder = {0};
    struct wrap_rule rule = {.break_long = call_bool(call, 1, true), .break_hyphens = call_bool(call, 3, true)};
    int64_t width;
    rule.newline = text_borrow(j, STR("\n"), false);
    if (!rule.newline || !call_int(j, call, 0, 79, &width) ||
        (call->args[2].kind != VALUE_NONE && !call_text(j, call, 2, &rule.newline)))
        return false;
    if (call->self.kind == VALUE_UNDEFINED)
        return jinja_fail_undefined(j, call->self);
    if (call->self.kind != VALUE_STRING)
        return jinja_fail(j, "wordwrap() needs a string, found %s", kind_name(call->self.kind));
    struct list *lines = string_lines(j, call->self.as.text, false);
    if (!lines || (lines->n && width <= 0))
        return lines && jinja_fail(j, "wordwrap() needs a width above 0");
    rule.width = (size_t)width;
    for (size_t i = 0; i < lines->n; i++)
        if ((i && !builder_text(j, &builder, rule.newline)) ||
            !wrap_paragraph(j, &builder, lines->items[i].as.text, &rule))
            return false;
    *out = value_text(builder_take(j, &builder));
    return out->as.text != NULL;
}
