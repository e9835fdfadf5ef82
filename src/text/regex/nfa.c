/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns as automata: a parsed pattern becomes a graph of states with empty steps, and sets of those become the
 * states of a deterministic automaton. Anchors are empty steps that can be taken only at the start or the end.
 */
#include <stdlib.h>

#include "text/regex/automaton.h"
#include "text/regex/automaton_parts.h"
#include "text/regex/parts.h"

enum { MAX_NFA = 20000, MAX_STATES = 4096, MAX_CLASSES = 4096 };

enum step_kind { STEP_SPLIT, STEP_SET, STEP_BEGIN, STEP_END, STEP_MATCH };

/* Goes on at `a`, and with STEP_SPLIT also at `b`. */
struct step {
    enum step_kind kind;
    uint32_t a, b, set;
};

struct nfa {
    struct grammar_builder *builder;
    struct regex *regex;
    struct step *steps;
    size_t n, cap;
};

static uint32_t add_step(struct nfa *nfa, enum step_kind kind, uint32_t a, uint32_t b, uint32_t set)
{
    if (grammar_failed(nfa->builder))
        return 0;
    if (nfa->n == MAX_NFA)
        return grammar_fail(nfa->builder, HOB_LIMIT, "pattern: too large to be combined with other limits");
    if (nfa->n == nfa->cap) {
        size_t cap = nfa->cap ? nfa->cap * 2 : 64;
        struct step *steps = realloc(nfa->steps, cap * sizeof *steps);
        if (!steps)
            return grammar_fail(nfa->builder, HOB_LIMIT, "no memory for a pattern");
        nfa->steps = steps;
        nfa->cap = cap;
    }
    nfa->steps[nfa->n] = (struct step){kind, a, b, set};
    return (uint32_t)nfa->n++;
}

/* The steps of a node that go on at `then`. */
static uint32_t compile(struct nfa *nfa, uint32_t id, uint32_t then);

static uint32_t compile_seq(struct nfa *nfa, uint32_t child, uint32_t then)
{
    const struct regex_node *nodes = nfa->regex->nodes;
    uint32_t n = 0;
    for (uint32_t at = child; at; at = nodes[at].next)
        n++;
    uint32_t *list = malloc((n + 1) * sizeof *list);
    if (!list)
        return grammar_fail(nfa->builder, HOB_LIMIT, "no memory for a pattern");
    n = 0;
    for (uint32_t at = child; at; at = nodes[at].next)
        list[n++] = at;
    while (n-- > 0)
        then = compile(nfa, list[n], then);
    free(list);
    return then;
}

/* Python's $ is also before a newline that ends the text. */
static uint32_t compile_end(struct nfa *nfa, uint32_t then)
{
    uint32_t end = add_step(nfa, STEP_END, then, 0, 0), newline = 0;
    if (!nfa->regex->wide || !regex_add_range(nfa->regex, nfa->builder, '\n', '\n', &newline))
        return end;
    return add_step(nfa, STEP_SPLIT, end, add_step(nfa, STEP_SET, end, 0, newline), 0);
}

static uint32_t compile_repeat(struct nfa *nfa, const struct regex_node *node, uint32_t then)
{
    uint32_t at = then;
    if (node->max == GRAMMAR_MANY) {
        at = add_step(nfa, STEP_SPLIT, then, then, 0);
        uint32_t body = compile(nfa, node->child, at);
        if (!grammar_failed(nfa->builder))
            nfa->steps[at].a = body;
    }
    for (uint32_t i = node->min; node->max != GRAMMAR_MANY && i < node->max && !grammar_failed(nfa->builder); i++)
        at = add_step(nfa, STEP_SPLIT, compile(nfa, node->child, at), then, 0);
    for (uint32_t i = 0; i < node->min && !grammar_failed(nfa->builder); i++)
        at = compile(nfa, node->child, at);
    return at;
}

static uint32_t compile(struct nfa *nfa, uint32_t id, uint32_t then)
{
    const struct regex_node *node = &nfa->regex->nodes[id];
    uint32_t at = then;
    switch (node->kind) {
    case REGEX_EMPTY:
        break;
    case REGEX_SET:
        return add_step(nfa, STEP_SET, then, 0, node->set);
    case REGEX_BEGIN:
        return add_step(nfa, STEP_BEGIN, then, 0, 0);
    case REGEX_END:
        return compile_end(nfa, then);
    case REGEX_SEQ:
        return compile_seq(nfa, node->child, then);
    case REGEX_REPEAT:
        return compile_repeat(nfa, node, then);
    case REGEX_ALT:
        at = compile(nfa, node->child, then);
        for (uint32_t child = nfa->regex->nodes[node->child].next; child; child = nfa->regex->nodes[child].next)
            at = add_step(nfa, STEP_SPLIT, at, compile(nfa, child, then), 0);
        break;
    }
    return at;
}

/* ---- classes ---- */

static int compare_codes(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Where characters are told apart by any set of the pattern. */
static uint32_t *cut_classes(struct grammar_builder *builder, const struct regex *regex, size_t *n)
{
    size_t total = 1, kept = 0;
    for (size_t i = 0; i < regex->n_sets; i++)
        total += 2 * regex->sets[i].n;
    uint32_t *starts = calloc(total, sizeof *starts);
    if (!starts) {
        grammar_fail(builder, HOB_LIMIT, "no memory for a pattern");
        return NULL;
    }
    total = 1;
    for (size_t i = 0; i < regex->n_sets; i++)
        for (size_t k = 0; k < regex->sets[i].n; k++) {
            starts[total++] = regex->sets[i].ranges[k].first;
            starts[total++] = regex->sets[i].ranges[k].last + 1;
        }
    qsort(starts, total, sizeof *starts, compare_codes);
    for (size_t i = 0; i < total; i++)
        if ((kept == 0 || starts[kept - 1] != starts[i]) && starts[i] <= CODE_MAX)
            starts[kept++] = starts[i];
    *n = kept;
    if (kept > MAX_CLASSES) {
        grammar_fail(builder, HOB_LIMIT, "pattern: too many classes to be combined with other limits");
        free(starts);
        return NULL;
    }
    return starts;
}

/* ---- subsets ---- */

/* A set of steps, closed under empty steps: members [first, first + n) of `members`. */
struct subset {
    uint32_t first, n;
};

struct subsets {
    const struct nfa *nfa;
    struct automaton *out;
    struct subset *sets;
    uint32_t *members;
    size_t n_members, cap_members, cap_sets;
    uint32_t *seen; /* [nfa->n] the turn in which a step was met */
    uint32_t *stack, *found;
    uint32_t turn;
    size_t n_found;
};

/* Adds a step and what empty steps lead to. */
static void close_over(struct subsets *s, uint32_t step, bool at_begin, bool at_end)
{
    size_t n = 0;
    s->stack[n++] = step;
    while (n) {
        uint32_t at = s->stack[--n];
        if (s->seen[at] == s->turn)
            continue;
        s->seen[at] = s->turn;
        s->found[s->n_found++] = at;
        const struct step *now = &s->nfa->steps[at];
        bool goes =
            now->kind == STEP_SPLIT || (now->kind == STEP_BEGIN && at_begin) || (now->kind == STEP_END && at_end);
        if (goes && s->seen[now->a] != s->turn)
            s->stack[n++] = now->a;
        if (now->kind == STEP_SPLIT && s->seen[now->b] != s->turn)
            s->stack[n++] = now->b;
    }
}

static bool holds_match(const struct subsets *s)
{
    for (size_t i = 0; i < s->n_found; i++)
        if (s->nfa->steps[s->found[i]].kind == STEP_MATCH)
            return true;
    return false;
}

/* Whether a subset accepts where the text ends. */
static bool accepts(struct subsets *s, struct subset set, bool at_begin)
{
    s->turn++;
    s->n_found = 0;
    for (uint32_t i = 0; i < set.n; i++)
        close_over(s, s->members[set.first + i], at_begin, true);
    return holds_match(s);
}

/* The state of the steps that were found; UINT32_MAX after a failure. */
static uint32_t intern(struct subsets *s)
{
    struct automaton *out = s->out;
    if (!grammar_spend(s->nfa->builder, out->n_states / 8 + s->n_found))
        return UINT32_MAX;
    qsort(s->found, s->n_found, sizeof *s->found, compare_codes);
    for (uint32_t i = 1; i < out->n_states; i++)
        if (s->sets[i].n == s->n_found &&
            memcmp(s->members + s->sets[i].first, s->found, s->n_found * sizeof *s->found) == 0)
            return i;
    if (out->n_states == MAX_STATES)
        return UINT32_MAX;
    if (s->n_members + s->n_found > s->cap_members) {
        size_t cap = s->cap_members * 2 + s->n_found + 64;
        uint32_t *members = realloc(s->members, cap * sizeof *members);
        if (!members)
            return UINT32_MAX;
        s->members = members;
        s->cap_members = cap;
    }
    memcpy(s->members + s->n_members, s->found, s->n_found * sizeof *s->found);
    s->sets[out->n_states] = (struct subset){(uint32_t)s->n_members, (uint32_t)s->n_found};
    s->n_members += s->n_found;
    return (uint32_t)out->n_states++;
}

/* The state after a character of class `k`. */
static uint32_t step_class(struct subsets *s, uint32_t state, size_t k)
{
    struct subset set = s->sets[state];
    s->turn++;
    s->n_found = 0;
    if (!grammar_spend(s->nfa->builder, set.n))
        return UINT32_MAX;
    for (uint32_t i = 0; i < set.n; i++) {
        const struct step *step = &s->nfa->steps[s->members[set.first + i]];
        if (step->kind == STEP_MATCH)
            close_over(s, s->members[set.first + i], false, false);
        else if (step->kind == STEP_SET && code_set_has(&s->nfa->regex->sets[step->set], s->out->starts[k]))
            close_over(s, step->a, false, false);
    }
    return intern(s);
}

static bool determinize(struct subsets *s, uint32_t start)
{
    struct automaton *out = s->out;
    s->turn++;
    close_over(s, start, true, false);
    if (intern(s) == UINT32_MAX)
        return false;
    for (uint32_t state = 0; state < out->n_states; state++) {
        out->accepts[state] = accepts(s, s->sets[state], state == 0);
        for (size_t k = 0; k < out->n_classes; k++) {
            uint32_t next = step_class(s, state, k);
            if (next == UINT32_MAX)
                return false;
            out->next[state * out->n_classes + k] = next;
        }
    }
    return true;
}

static struct automaton *from_nfa(struct grammar_builder *builder, const struct nfa *nfa, uint32_t start)
{
    size_t n_classes;
    uint32_t *starts = cut_classes(builder, nfa->regex, &n_classes);
    struct automaton *out =
        starts ? automaton_new(builder, MAX_STATES * n_classes > 4000000 ? 4000000 / n_classes : MAX_STATES, n_classes)
               : NULL;
    if (!out) {
        free(starts);
        return NULL;
    }
    memcpy(out->starts, starts, n_classes * sizeof *starts);
    free(starts);
    size_t room = out->n_states;
    out->n_states = 0;
    struct subsets s = {
        .nfa = nfa,
        .out = out,
        .sets = malloc((room + 1) * sizeof *s.sets),
        .seen = calloc(nfa->n, sizeof *s.seen),
        .stack = malloc((2 * nfa->n + 2) * sizeof *s.stack),
        .found = malloc((nfa->n + 1) * sizeof *s.found),
    };
    if (!s.sets || !s.seen || !s.stack || !s.found || !determinize(&s, start)) {
        grammar_fail(builder, HOB_LIMIT, "pattern: its automaton is too large");
        automaton_free(out);
        out = NULL;
    }
    free(s.sets);
    free(s.members);
    free(s.seen);
    free(s.stack);
    free(s.found);
    return out;
}

static struct automaton *search(struct grammar_builder *builder, struct str pattern, bool wide)
{
    struct regex regex = {.wide = wide};
    struct automaton *out = NULL;
    if (regex_parse(&regex, builder, pattern)) {
        struct nfa nfa = {.builder = builder, .regex = &regex};
        uint32_t match = add_step(&nfa, STEP_MATCH, 0, 0, 0), body = compile(&nfa, regex.root, match);
        /* Any number of characters before a match: a step over any set, which is added to the pattern's. */
        uint32_t start = add_step(&nfa, STEP_SPLIT, body, 0, 0);
        uint32_t any = add_step(&nfa, STEP_SPLIT, start, start, 0);
        if (!grammar_failed(builder) && regex_add_range(&regex, builder, 0, CODE_MAX, &nfa.steps[any].set)) {
            nfa.steps[any].kind = STEP_SET;
            nfa.steps[start].b = any;
            out = from_nfa(builder, &nfa, start);
        }
        free(nfa.steps);
    }
    regex_clear(&regex);
    return out;
}

struct automaton *automaton_search(struct grammar_builder *builder, struct str pattern)
{
    return search(builder, pattern, false);
}

struct automaton *automaton_search_wide(struct grammar_builder *builder, struct str pattern)
{
    return search(builder, pattern, true);
}
