/* SPDX-License-Identifier: Apache-2.0
 *
 * GBNF, llama.cpp's grammar format:
 *
 *   root  ::= item ("," item)*      # names of letters, digits and -; a rule ends with its line, unless in ( )
 *   item  ::= "text\n" | [a-z^-] | [^0-9] | . | name | ( ... ) | <token> | <[12]> | !<token>
 *             each may be followed by * + ? {n} {n,} {n,m}
 *
 * Escapes are \x12 \u1234 \U12345678 \t \r \n \\ \" \[ \] and \-.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/map.h"
#include "text/constraint/constraint.h"

enum { MAX_BYTES = 1 << 20, MAX_DEPTH = 128, MAX_TURNS = 100000, MAX_NESTED_TURNS = 1000000 };

struct gbnf {
    struct str text;
    size_t at;
    struct grammar_builder *builder;
    const struct tokenizer *tokenizer;
    struct map rules;
    unsigned depth;
};

/* A part, and how many turns of repetitions are within it. */
struct part {
    uint32_t node;
    uint64_t turns;
};

/* A growing list of parts. */
struct parts {
    uint32_t *ptr;
    size_t n, cap;
    uint64_t turns; /* the most of any */
};

static bool fail(struct gbnf *g, const char *what)
{
    size_t line = 1;
    for (size_t i = 0; i < g->at && i < g->text.len; i++)
        line += g->text.ptr[i] == '\n';
    size_t left = g->text.len - g->at, shown = left < 20 ? left : 20;
    for (size_t i = 0; i < shown; i++)
        if (g->text.ptr[g->at + i] == '\n')
            shown = i;
    grammar_fail(g->builder, HOB_FORMAT, "grammar: line %zu: %s, found %s%.*s%s", line, what, left ? "\"" : "the end",
                 (int)shown, g->text.ptr + g->at, left ? "\"" : "");
    return false;
}

static char peek(const struct gbnf *g)
{
    return g->at < g->text.len ? g->text.ptr[g->at] : '\0';
}

static bool take(struct gbnf *g, char c)
{
    if (g->at >= g->text.len || g->text.ptr[g->at] != c)
        return false;
    g->at++;
    return true;
}

static void skip_space(struct gbnf *g, bool lines)
{
    for (; g->at < g->text.len; g->at++) {
        char c = peek(g);
        if (c == '#')
            while (g->at + 1 < g->text.len && g->text.ptr[g->at + 1] != '\n' && g->text.ptr[g->at + 1] != '\r')
                g->at++;
        else if (c != ' ' && c != '\t' && !(lines && (c == '\n' || c == '\r')))
            return;
    }
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static struct str read_name(struct gbnf *g)
{
    size_t start = g->at;
    while (is_name(peek(g)))
        g->at++;
    return (struct str){g->text.ptr + start, g->at - start};
}

static bool parts_add(struct gbnf *g, struct parts *parts, struct part part)
{
    if (parts->n == parts->cap) {
        size_t cap = parts->cap ? parts->cap * 2 : 8;
        uint32_t *ptr = realloc(parts->ptr, cap * sizeof *ptr);
        if (!ptr) {
            grammar_fail(g->builder, HOB_LIMIT, "no memory for a grammar");
            return false;
        }
        parts->ptr = ptr;
        parts->cap = cap;
    }
    parts->ptr[parts->n++] = part.node;
    parts->turns = part.turns > parts->turns ? part.turns : parts->turns;
    return true;
}

/* ---- characters ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static bool read_hex(struct gbnf *g, unsigned n, uint32_t *code)
{
    *code = 0;
    for (unsigned i = 0; i < n; i++, g->at++) {
        int digit = hex_digit(peek(g));
        if (digit < 0)
            return fail(g, "want a hexadecimal digit");
        *code = *code << 4 | (uint32_t)digit;
    }
    return *code <= CODE_MAX || fail(g, "want a code point up to 10FFFF before this");
}

static bool read_char(struct gbnf *g, uint32_t *code)
{
    if (g->at >= g->text.len)
        return fail(g, "want a character");
    if (!take(g, '\\')) {
        unsigned size;
        int32_t read = utf8_decode(g->text, g->at, &size);
        if (read < 0)
            return fail(g, "want UTF-8");
        *code = (uint32_t)read;
        g->at += size;
        return true;
    }
    static const char letters[] = "trn\\\"[]-", codes[] = "\t\r\n\\\"[]-";
    char c = peek(g);
    const char *known = c ? strchr(letters, c) : NULL;
    if (!known && c != 'x' && c != 'u' && c != 'U')
        return fail(g, "want an escape that GBNF knows after \\");
    g->at++;
    if (known)
        *code = (uint8_t)codes[known - letters];
    return known || read_hex(g, c == 'x' ? 2 : c == 'u' ? 4 : 8, code);
}

static bool read_literal(struct gbnf *g, struct part *part)
{
    struct buf bytes = {0};
    bool good = true;
    while (good && !take(g, '"')) {
        uint32_t code;
        char utf8[4];
        good = read_char(g, &code) && buf_add(&bytes, utf8, utf8_encode(code, utf8));
    }
    if (good)
        part->node = grammar_literal(g->builder, buf_view(&bytes));
    buf_clear(&bytes);
    return good;
}

static bool read_class(struct gbnf *g, struct part *part)
{
    struct code_set set = {0};
    bool good = true, inverse = take(g, '^');
    while (good && !take(g, ']')) {
        uint32_t first, last;
        good = read_char(g, &first);
        last = first;
        if (good && peek(g) == '-' && g->at + 1 < g->text.len && g->text.ptr[g->at + 1] != ']') {
            g->at++;
            good = read_char(g, &last) && (first <= last || fail(g, "want a range that ascends before this"));
        }
        if (good)
            code_set_add(&set, first, last);
    }
    if (good && set.n == 0 && !set.failed)
        good = fail(g, "want a character in [] before this");
    if (good && inverse)
        code_set_invert(&set);
    if (good)
        part->node = grammar_char(g->builder, &set);
    code_set_clear(&set);
    return good;
}

static bool read_any(struct gbnf *g, struct part *part)
{
    struct code_set set = {0};
    code_set_add(&set, 0, CODE_MAX);
    part->node = grammar_char(g->builder, &set);
    code_set_clear(&set);
    return true;
}

/* ---- tokens ---- */

static bool read_number(struct gbnf *g, uint32_t *number)
{
    size_t start = g->at;
    uint64_t value = 0;
    while (peek(g) >= '0' && peek(g) <= '9' && value < UINT32_MAX)
        value = value * 10 + (uint64_t)(g->text.ptr[g->at++] - '0');
    if (g->at == start)
        return fail(g, "want a number");
    *number = value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
    return true;
}

/* At "<". */
static bool read_token(struct gbnf *g, bool negated, struct part *part)
{
    size_t start = g->at++;
    int32_t id = TOKEN_NONE;
    if (take(g, '[')) {
        uint32_t number = 0;
        if (!read_number(g, &number))
            return false;
        if (!take(g, ']') || !take(g, '>'))
            return fail(g, "want \"]>\"");
        id = number <= INT32_MAX ? (int32_t)number : TOKEN_NONE;
    } else {
        size_t end = str_find(g->text, STR(">"), g->at);
        if (end == SIZE_MAX)
            return fail(g, "want a token that ends with \">\"");
        g->at = end + 1;
        if (g->tokenizer)
            id = tokenizer_find(g->tokenizer, (struct str){g->text.ptr + start, g->at - start});
    }
    if (!g->tokenizer || id < 0 || (size_t)id >= tokenizer_size(g->tokenizer)) {
        g->at = start;
        return fail(g, g->tokenizer ? "want a token of the vocabulary" : "tokens can be named only with a model");
    }
    part->node = grammar_tokens(g->builder, &id, 1, negated);
    return true;
}

/* ---- rules ---- */

static bool read_alternatives(struct gbnf *g, bool nested, struct part *part);

static uint32_t rule_node(struct gbnf *g, struct str name)
{
    uint32_t rule = map_get(&g->rules, name);
    if (rule != MAP_NONE)
        return rule;
    rule = grammar_rule(g->builder, name);
    if (!grammar_failed(g->builder) && !map_add(&g->rules, name, rule, NULL))
        grammar_fail(g->builder, HOB_LIMIT, "no memory for a grammar");
    return rule;
}

static bool read_group(struct gbnf *g, struct part *part)
{
    if (++g->depth > MAX_DEPTH)
        return fail(g, "parentheses are nested too deep");
    skip_space(g, true);
    if (!read_alternatives(g, true, part))
        return false;
    g->depth--;
    return take(g, ')') || fail(g, "want \")\"");
}

static bool read_counts(struct gbnf *g, bool nested, uint32_t *min, uint32_t *max)
{
    skip_space(g, nested);
    if (!read_number(g, min))
        return false;
    *max = *min;
    skip_space(g, nested);
    if (take(g, ',')) {
        *max = GRAMMAR_MANY;
        skip_space(g, nested);
        if (peek(g) >= '0' && peek(g) <= '9' && !read_number(g, max))
            return false;
        skip_space(g, nested);
    }
    return take(g, '}') || fail(g, "want \"}\"");
}

/* The repetitions that may follow a part. */
static bool read_repeats(struct gbnf *g, bool nested, struct part *part)
{
    for (;;) {
        uint32_t min = 0, max = GRAMMAR_MANY;
        skip_space(g, nested);
        if (take(g, '+'))
            min = 1;
        else if (take(g, '?'))
            max = 1;
        else if (take(g, '{') ? !read_counts(g, nested, &min, &max) : !take(g, '*'))
            return !grammar_failed(g->builder);
        uint64_t turns = max == GRAMMAR_MANY ? min : max;
        part->turns *= turns ? turns : 1;
        if (min > MAX_TURNS || (max != GRAMMAR_MANY && max > MAX_TURNS) || part->turns > MAX_NESTED_TURNS)
            return fail(g, "more than 100,000 repetitions (1,000,000 with those within) before this");
        if (max < min)
            return fail(g, "want {min,max} that ascend before this");
        part->node = grammar_repeat(g->builder, part->node, min, max);
    }
}

/* One part with its repetitions; *found is false at what is none. */
static bool read_part(struct gbnf *g, bool nested, struct part *part, bool *found)
{
    *part = (struct part){.turns = 1};
    *found = true;
    bool good = false;
    if (take(g, '"'))
        good = read_literal(g, part);
    else if (take(g, '['))
        good = read_class(g, part);
    else if (take(g, '('))
        good = read_group(g, part);
    else if (take(g, '.'))
        good = read_any(g, part);
    else if (take(g, '!'))
        good = peek(g) == '<' ? read_token(g, true, part) : fail(g, "want a token after \"!\"");
    else if (peek(g) == '<')
        good = read_token(g, false, part);
    else if (is_name(peek(g))) {
        part->node = rule_node(g, read_name(g));
        good = true;
    } else
        *found = false;
    return !*found || (good && read_repeats(g, nested, part));
}

static bool read_sequence(struct gbnf *g, bool nested, struct part *part)
{
    struct parts parts = {.turns = 1};
    struct part one;
    bool found = true, good = true;
    while (good && found) {
        good = read_part(g, nested, &one, &found);
        if (good && found)
            good = parts_add(g, &parts, one);
    }
    if (good)
        *part = (struct part){grammar_seq(g->builder, parts.ptr, parts.n), parts.turns};
    free(parts.ptr);
    return good;
}

static bool read_alternatives(struct gbnf *g, bool nested, struct part *part)
{
    struct parts parts = {.turns = 1};
    bool good = true;
    do {
        struct part one;
        if (parts.n)
            skip_space(g, true);
        good = read_sequence(g, nested, &one) && parts_add(g, &parts, one);
    } while (good && take(g, '|'));
    if (good)
        *part = (struct part){grammar_alt(g->builder, parts.ptr, parts.n), parts.turns};
    free(parts.ptr);
    return good;
}

static bool read_rule(struct gbnf *g)
{
    struct str name = read_name(g);
    struct part part = {0};
    if (name.len == 0)
        return fail(g, "want the name of a rule");
    skip_space(g, false);
    if (!str_starts(str_from(g->text, g->at), STR("::=")))
        return fail(g, "want \"::=\"");
    g->at += 3;
    skip_space(g, true);
    if (!read_alternatives(g, false, &part))
        return false;
    if (g->at < g->text.len && peek(g) != '\n' && peek(g) != '\r')
        return fail(g, "want the end of the line");
    grammar_define(g->builder, rule_node(g, name), part.node);
    skip_space(g, true);
    return !grammar_failed(g->builder);
}

uint32_t gbnf_grammar(struct grammar_builder *builder, struct str text, const struct tokenizer *tokenizer)
{
    struct gbnf g = {.text = text, .builder = builder, .tokenizer = tokenizer};
    if (text.len > MAX_BYTES)
        return grammar_fail(builder, HOB_LIMIT, "grammar: %zu bytes, want at most %d", text.len, MAX_BYTES);
    skip_space(&g, true);
    while (g.at < text.len && read_rule(&g))
        ;
    uint32_t root = map_get(&g.rules, STR("root"));
    if (root == MAP_NONE || (!grammar_failed(builder) && !grammar_defined(builder, root)))
        root = grammar_fail(builder, HOB_FORMAT, "grammar: no rule is named root");
    map_clear(&g.rules);
    return root;
}

struct grammar *constraint_gbnf(struct str text, const struct tokenizer *tokenizer, struct hob_error *err)
{
    struct grammar_builder *builder = grammar_begin(err);
    return builder ? grammar_finish(builder, gbnf_grammar(builder, text, tokenizer), err) : NULL;
}
