/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsed regular expressions as parts of a grammar. Anchors may only stand at the edges of what is matched; so a
 * pattern is a choice of four kinds of parts, by whether they hold on to the start and to the end of the text.
 */
#include "text/regex/grammar.h"

#include <stdlib.h>

#include "base/error.h"
#include "text/constraint/constraint.h"
#include "text/regex/parts.h"

/* at[begins][ends] */
struct corners {
    uint32_t at[2][2];
};

struct maker {
    struct grammar_builder *builder;
    const struct regex *regex;
    enum regex_use use;
};

static uint32_t make_set(const struct maker *m, const struct code_set *set)
{
    return m->use == REGEX_JSON_SEARCH ? grammar_json_char(m->builder, set) : grammar_char(m->builder, set);
}

/* A node without anchors. */
static uint32_t make_plain(const struct maker *m, uint32_t id)
{
    const struct regex_node *nodes = m->regex->nodes, *node = &nodes[id];
    uint32_t made = GRAMMAR_EMPTY;
    if (node->kind == REGEX_SET)
        return make_set(m, &m->regex->sets[node->set]);
    if (node->kind == REGEX_REPEAT)
        return grammar_repeat(m->builder, make_plain(m, node->child), node->min, node->max);
    size_t n = 0;
    for (uint32_t child = node->child; child; child = nodes[child].next)
        n++;
    uint32_t *parts = malloc((n + 1) * sizeof *parts);
    if (!parts)
        return grammar_fail(m->builder, HOB_LIMIT, "no memory for a pattern");
    n = 0;
    for (uint32_t child = node->child; child; child = nodes[child].next)
        parts[n++] = make_plain(m, child);
    made = node->kind == REGEX_ALT ? grammar_alt(m->builder, parts, n) : grammar_seq(m->builder, parts, n);
    free(parts);
    return made;
}

/* Whether a node is nothing but anchors. */
static bool only_anchors(const struct regex *r, uint32_t id)
{
    const struct regex_node *node = &r->nodes[id];
    if (node->kind != REGEX_SEQ || !node->child)
        return node->kind == REGEX_BEGIN || node->kind == REGEX_END;
    for (uint32_t child = node->child; child; child = r->nodes[child].next)
        if (!only_anchors(r, child))
            return false;
    return true;
}

static struct corners make(const struct maker *m, uint32_t id, bool leftmost, bool rightmost);

static struct corners make_alt(const struct maker *m, uint32_t id, bool leftmost, bool rightmost)
{
    struct corners all = {0};
    for (uint32_t child = m->regex->nodes[id].child; child; child = m->regex->nodes[child].next) {
        struct corners one = make(m, child, leftmost, rightmost);
        for (int i = 0; i < 4; i++)
            all.at[i / 2][i % 2] = grammar_or(m->builder, all.at[i / 2][i % 2], one.at[i / 2][i % 2]);
    }
    return all;
}

/* The last child that is not only anchors; 0 if there is none. */
static uint32_t last_solid(const struct regex *r, uint32_t id)
{
    uint32_t last = 0;
    for (uint32_t child = r->nodes[id].child; child; child = r->nodes[child].next)
        if (!only_anchors(r, child))
            last = child;
    return last;
}

static struct corners make_seq(const struct maker *m, uint32_t id, bool leftmost, bool rightmost)
{
    const struct regex *r = m->regex;
    uint32_t last = last_solid(r, id);
    bool left = leftmost, right = rightmost && !last;
    struct corners all = {.at = {{GRAMMAR_EMPTY}}};
    for (uint32_t child = r->nodes[id].child; child; child = r->nodes[child].next) {
        right = right || (rightmost && child == last);
        struct corners one = make(m, child, left, right), joined = {0};
        left = left && only_anchors(r, child);
        for (int a = 0; a < 4; a++)
            for (int b = 0; b < 4; b++) {
                uint32_t *to = &joined.at[(a | b) / 2][(a | b) % 2];
                uint32_t both = grammar_then(m->builder, all.at[a / 2][a % 2], one.at[b / 2][b % 2]);
                *to = grammar_or(m->builder, *to, both);
            }
        all = joined;
    }
    return all;
}

static struct corners make(const struct maker *m, uint32_t id, bool leftmost, bool rightmost)
{
    const struct regex_node *node = &m->regex->nodes[id];
    struct corners corners = {0};
    if (!node->anchored) {
        corners.at[0][0] = make_plain(m, id);
    } else if (node->kind == REGEX_ALT) {
        corners = make_alt(m, id, leftmost, rightmost);
    } else if (node->kind == REGEX_SEQ) {
        corners = make_seq(m, id, leftmost, rightmost);
    } else if (node->kind == REGEX_BEGIN && leftmost) {
        corners.at[1][0] = GRAMMAR_EMPTY;
    } else if (node->kind == REGEX_END && rightmost) {
        corners.at[0][1] = GRAMMAR_EMPTY;
    } else {
        grammar_fail(m->builder, HOB_FORMAT, "pattern: byte %zu: an anchor that is not at the edge of what is matched",
                     node->at);
    }
    return corners;
}

/* Any text, for what comes before and after a match. */
static uint32_t anything(const struct maker *m)
{
    struct code_set all = {0};
    code_set_add(&all, 0, CODE_MAX);
    uint32_t made = grammar_repeat(m->builder, make_set(m, &all), 0, GRAMMAR_MANY);
    code_set_clear(&all);
    return made;
}

uint32_t regex_grammar(struct grammar_builder *builder, struct str pattern, enum regex_use use)
{
    struct regex regex = {0};
    struct maker m = {builder, &regex, use};
    uint32_t made = GRAMMAR_NOTHING;
    if (regex_parse(&regex, builder, pattern)) {
        struct corners corners = make(&m, regex.root, true, true);
        uint32_t around = use == REGEX_JSON_SEARCH ? anything(&m) : GRAMMAR_EMPTY;
        for (int i = 0; i < 4; i++) {
            uint32_t parts[] = {i / 2 ? GRAMMAR_EMPTY : around, corners.at[i / 2][i % 2],
                                i % 2 ? GRAMMAR_EMPTY : around};
            made = grammar_or(builder, made, grammar_seq(builder, parts, 3));
        }
    }
    regex_clear(&regex);
    return made;
}

struct grammar *constraint_regex(struct str pattern, struct hob_error *err)
{
    struct grammar_builder *builder = grammar_begin(err);
    return builder ? grammar_finish(builder, regex_grammar(builder, pattern, REGEX_WHOLE), err) : NULL;
}

struct grammar *constraint_choices(const struct str *texts, size_t n, struct hob_error *err)
{
    struct grammar_builder *builder = grammar_begin(err);
    return builder ? grammar_finish(builder, grammar_choices(builder, texts, n), err) : NULL;
}
