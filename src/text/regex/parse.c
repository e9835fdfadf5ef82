/* SPDX-License-Identifier: Apache-2.0
 *
 * Parses regular expressions.
 */
#include <stdlib.h>

#include "base/error.h"
#include "text/regex/parts.h"

enum {
    MAX_PATTERN_BYTES = 1 << 16,
    MAX_GROUPS = 128,
    MAX_TURNS = 100000,
    MAX_NESTED_TURNS = 1000000,
    MAX_RANGES = 1 << 20
};

struct parser {
    struct regex *regex;
    struct grammar_builder *builder;
    struct str pattern;
    size_t at;
    unsigned depth;
    size_t n_ranges; /* of all classes */
};

static uint32_t refuse(struct parser *p, size_t at, const char *why)
{
    grammar_fail(p->builder, HOB_FORMAT, "pattern: byte %zu: %s", at, why);
    return 0;
}

static uint32_t out_of_memory(struct parser *p)
{
    grammar_fail(p->builder, HOB_LIMIT, "no memory for a pattern");
    return 0;
}

static uint32_t add_node(struct parser *p, enum regex_kind kind, size_t at)
{
    struct regex *r = p->regex;
    if (r->n_nodes == r->cap_nodes) {
        size_t cap = r->cap_nodes ? r->cap_nodes * 2 : 32;
        struct regex_node *nodes = realloc(r->nodes, cap * sizeof *nodes);
        if (!nodes)
            return out_of_memory(p);
        r->nodes = nodes;
        r->cap_nodes = cap;
    }
    if (r->n_nodes == 0)
        r->nodes[r->n_nodes++] = (struct regex_node){0};
    bool anchor = kind == REGEX_BEGIN || kind == REGEX_END;
    r->nodes[r->n_nodes] = (struct regex_node){.kind = kind, .anchored = anchor, .at = at};
    return (uint32_t)r->n_nodes++;
}

/* Takes over a set. */
static bool keep_set(struct regex *r, struct code_set set, uint32_t *at)
{
    if (r->n_sets == r->cap_sets) {
        size_t cap = r->cap_sets ? r->cap_sets * 2 : 16;
        struct code_set *sets = realloc(r->sets, cap * sizeof *sets);
        if (!sets) {
            code_set_clear(&set);
            return false;
        }
        r->sets = sets;
        r->cap_sets = cap;
    }
    r->sets[r->n_sets] = set;
    *at = (uint32_t)r->n_sets++;
    return true;
}

static uint32_t add_set(struct parser *p, struct code_set set, size_t at)
{
    uint32_t kept, id;
    if (!keep_set(p->regex, set, &kept))
        return out_of_memory(p);
    id = add_node(p, REGEX_SET, at);
    if (id)
        p->regex->nodes[id].set = kept;
    return id;
}

bool regex_add_range(struct regex *regex, struct grammar_builder *builder, uint32_t first, uint32_t last, uint32_t *set)
{
    struct code_set range = {0};
    code_set_add(&range, first, last);
    if (!range.failed && keep_set(regex, range, set))
        return true;
    grammar_fail(builder, HOB_LIMIT, "no memory for a pattern");
    return false;
}

static char peek(const struct parser *p)
{
    return p->at < p->pattern.len ? p->pattern.ptr[p->at] : '\0';
}

static bool take(struct parser *p, char c)
{
    if (p->at >= p->pattern.len || p->pattern.ptr[p->at] != c)
        return false;
    p->at++;
    return true;
}

static uint32_t read_alternatives(struct parser *p);

static uint32_t read_group(struct parser *p, size_t start)
{
    if (take(p, '?') && !take(p, ':')) {
        char c = peek(p);
        return refuse(p, start,
                      c == '=' || c == '!' ? "look ahead is not supported"
                      : c == '<'           ? "look behind and named groups are not supported"
                                           : "only (...) and (?:...) mean the same everywhere");
    }
    if (++p->depth > MAX_GROUPS)
        return refuse(p, start, "groups are nested too deep");
    uint32_t id = read_alternatives(p);
    p->depth--;
    return id && !take(p, ')') ? refuse(p, start, "a group wants \")\"") : id;
}

static uint32_t read_sets(struct parser *p, size_t start)
{
    struct code_set set = {0};
    const char *refused = NULL;
    bool good = true;
    if (take(p, '.')) {
        regex_any(p->regex->wide, &set);
    } else if (take(p, '[')) {
        good = regex_read_class(p->pattern, &p->at, p->regex->wide, &set, &refused);
    } else if (take(p, '\\')) {
        good = regex_read_escape(p->pattern, &p->at, p->regex->wide, &set, &refused);
    } else {
        unsigned size;
        int32_t code = utf8_decode(p->pattern, p->at, &size);
        p->at += size;
        refused = "the pattern is not UTF-8";
        good = code >= 0;
        if (good)
            code_set_add(&set, (uint32_t)code, (uint32_t)code);
    }
    if (good && (p->n_ranges += set.n) > MAX_RANGES) {
        code_set_clear(&set);
        grammar_fail(p->builder, HOB_LIMIT, "pattern: its classes have more than %d ranges together", MAX_RANGES);
        return 0;
    }
    if (good && !set.failed)
        return add_set(p, set, start);
    code_set_clear(&set);
    return refuse(p, start, good ? "a class has too many ranges" : refused);
}

static uint32_t read_atom(struct parser *p)
{
    size_t start = p->at;
    if (take(p, '('))
        return read_group(p, start);
    if (take(p, '^'))
        return add_node(p, REGEX_BEGIN, start);
    if (take(p, '$'))
        return add_node(p, REGEX_END, start);
    char c = peek(p);
    if (byte_in(c, "*+?{"))
        return refuse(p, start, "there is nothing to repeat, or \\ is missing");
    if (byte_in(c, "]}"))
        return refuse(p, start, "\\ is missing before a bracket");
    return read_sets(p, start);
}

static bool read_number(struct parser *p, uint32_t *number)
{
    size_t start = p->at;
    uint32_t value = 0;
    while (peek(p) >= '0' && peek(p) <= '9')
        if (value <= MAX_TURNS)
            value = value * 10 + (uint32_t)(p->pattern.ptr[p->at++] - '0');
        else
            p->at++;
    *number = value;
    return p->at > start;
}

static bool read_counts(struct parser *p, uint32_t *min, uint32_t *max)
{
    if (!read_number(p, min))
        return false;
    *max = *min;
    if (take(p, ',')) {
        *max = GRAMMAR_MANY;
        if (peek(p) != '}' && !read_number(p, max))
            return false;
    }
    return take(p, '}');
}

/* The repetition that may follow an atom. */
static uint32_t read_repeat(struct parser *p, uint32_t atom)
{
    size_t start = p->at;
    uint32_t min = 0, max = GRAMMAR_MANY;
    if (take(p, '{')) {
        if (!read_counts(p, &min, &max))
            return refuse(p, start, "want {n}, {n,} or {n,m}, or \\ before the brace");
    } else if (take(p, '+')) {
        min = 1;
    } else if (take(p, '?')) {
        max = 1;
    } else if (!take(p, '*')) {
        return atom;
    }
    take(p, '?');
    if (p->at < p->pattern.len && byte_in(peek(p), "*+?{"))
        return refuse(p, p->at, "a repetition of a repetition needs a group");
    if (min > MAX_TURNS || (max != GRAMMAR_MANY && max > MAX_TURNS))
        return refuse(p, start, "more than 100,000 repetitions");
    if (min > max)
        return refuse(p, start, "want {n,m} that ascend");
    if (p->regex->nodes[atom].anchored)
        return refuse(p, start, "an anchor cannot be repeated");
    uint32_t id = add_node(p, REGEX_REPEAT, start);
    if (id) {
        p->regex->nodes[id].child = atom;
        p->regex->nodes[id].min = min;
        p->regex->nodes[id].max = max;
    }
    return id;
}

static void adopt(struct parser *p, uint32_t parent, uint32_t *last, uint32_t child)
{
    struct regex_node *nodes = p->regex->nodes;
    if (*last)
        nodes[*last].next = child;
    else
        nodes[parent].child = child;
    nodes[parent].anchored = nodes[parent].anchored || nodes[child].anchored;
    *last = child;
}

/* A child that stands alone, so that it has no sibling yet. */
static uint32_t wrap(struct parser *p, uint32_t child)
{
    uint32_t id = add_node(p, REGEX_SEQ, p->regex->nodes[child].at);
    if (id) {
        p->regex->nodes[id].child = child;
        p->regex->nodes[id].anchored = p->regex->nodes[child].anchored;
    }
    return id;
}

static uint32_t read_sequence(struct parser *p)
{
    uint32_t seq = add_node(p, REGEX_SEQ, p->at), last = 0;
    while (seq && p->at < p->pattern.len && peek(p) != '|' && peek(p) != ')') {
        uint32_t atom = read_atom(p);
        atom = atom ? read_repeat(p, atom) : 0;
        atom = atom ? wrap(p, atom) : 0;
        if (!atom)
            return 0;
        adopt(p, seq, &last, atom);
    }
    return seq;
}

static uint32_t read_alternatives(struct parser *p)
{
    uint32_t alt = add_node(p, REGEX_ALT, p->at), last = 0;
    while (alt) {
        uint32_t seq = read_sequence(p);
        if (!seq)
            return 0;
        adopt(p, alt, &last, seq);
        if (!take(p, '|'))
            return alt;
    }
    return 0;
}

/* Whether repetitions within repetitions stay within bounds. */
static bool check_turns(const struct regex *r, uint32_t id, uint64_t turns)
{
    const struct regex_node *node = &r->nodes[id];
    if (node->kind == REGEX_REPEAT) {
        uint64_t own = node->max == GRAMMAR_MANY ? node->min : node->max;
        turns *= own ? own : 1;
    }
    if (turns > MAX_NESTED_TURNS)
        return false;
    for (uint32_t child = node->child; child; child = r->nodes[child].next)
        if (!check_turns(r, child, turns))
            return false;
    return true;
}

bool regex_parse(struct regex *regex, struct grammar_builder *builder, struct str pattern)
{
    struct parser p = {.regex = regex, .builder = builder, .pattern = pattern};
    if (pattern.len > MAX_PATTERN_BYTES) {
        grammar_fail(builder, HOB_LIMIT, "pattern: %zu bytes, want at most %d", pattern.len, MAX_PATTERN_BYTES);
        return false;
    }
    regex->root = read_alternatives(&p);
    if (regex->root && p.at < pattern.len)
        regex->root = refuse(&p, p.at, "\")\" without a group");
    if (regex->root && !check_turns(regex, regex->root, 1))
        regex->root = refuse(&p, 0, "more than 1,000,000 repetitions within repetitions");
    return regex->root != 0;
}

void regex_clear(struct regex *regex)
{
    for (size_t i = 0; i < regex->n_sets; i++)
        code_set_clear(&regex->sets[i]);
    free(regex->sets);
    free(regex->nodes);
    *regex = (struct regex){0};
}
