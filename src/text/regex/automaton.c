/* SPDX-License-Identifier: Apache-2.0
 *
 * Automata over code points: products, and what is asked of them.
 */
#include "text/regex/automaton.h"

#include <stdlib.h>

#include "text/regex/automaton_parts.h"

enum { MAX_STATES = 20000, MAX_CELLS = 4000000 };

static struct automaton *out_of_memory(struct grammar_builder *builder, struct automaton *a)
{
    grammar_fail(builder, HOB_LIMIT, "no memory for an automaton");
    automaton_free(a);
    return NULL;
}

static struct automaton *too_large(struct grammar_builder *builder, struct automaton *a)
{
    grammar_fail(builder, HOB_LIMIT, "pattern: its automaton has more than %d states or too many classes", MAX_STATES);
    automaton_free(a);
    return NULL;
}

struct automaton *automaton_new(struct grammar_builder *builder, size_t n_states, size_t n_classes)
{
    if (n_states > MAX_STATES || n_states * n_classes > MAX_CELLS)
        return too_large(builder, NULL);
    struct automaton *a = calloc(1, sizeof *a);
    if (!a)
        return out_of_memory(builder, NULL);
    a->starts = calloc(n_classes + 1, sizeof *a->starts);
    a->next = calloc(n_states * n_classes + 1, sizeof *a->next);
    a->accepts = calloc(n_states + 1, sizeof *a->accepts);
    a->n_classes = n_classes;
    a->n_states = n_states;
    return a->starts && a->next && a->accepts ? a : out_of_memory(builder, a);
}

void automaton_free(struct automaton *a)
{
    if (!a)
        return;
    free(a->starts);
    free(a->next);
    free(a->accepts);
    free(a);
}

struct automaton *automaton_copy(struct grammar_builder *builder, const struct automaton *a)
{
    struct automaton *copy = a ? automaton_new(builder, a->n_states, a->n_classes) : NULL;
    if (copy) {
        memcpy(copy->starts, a->starts, a->n_classes * sizeof *a->starts);
        memcpy(copy->next, a->next, a->n_states * a->n_classes * sizeof *a->next);
        memcpy(copy->accepts, a->accepts, a->n_states * sizeof *a->accepts);
    }
    return copy;
}

struct automaton *automaton_any(struct grammar_builder *builder)
{
    struct automaton *a = automaton_new(builder, 1, 1);
    if (a)
        a->accepts[0] = true;
    return a;
}

/* ---- all texts but some ---- */

/* The code points of the texts, as classes of one each and what lies between. */
static struct automaton *new_for_texts(struct grammar_builder *builder, const struct str *texts, size_t n)
{
    struct code_set set = {0};
    size_t n_states = 2;
    for (size_t i = 0; i < n; i++) {
        unsigned size;
        for (size_t at = 0; at < texts[i].len; at += size, n_states++) {
            int32_t code = utf8_decode(texts[i], at, &size);
            if (code >= 0 && !code_set_has(&set, (uint32_t)code))
                code_set_add(&set, (uint32_t)code, (uint32_t)code);
        }
    }
    size_t n_classes = 1;
    for (size_t i = 0; i < set.n; i++)
        n_classes += set.ranges[i].last - set.ranges[i].first + 2;
    struct automaton *a = set.failed ? too_large(builder, NULL) : automaton_new(builder, n_states, n_classes);
    n_classes = 1;
    for (size_t i = 0; a && i < set.n; i++)
        for (uint32_t code = set.ranges[i].first; code <= set.ranges[i].last + 1 && code <= CODE_MAX; code++)
            if (code)
                a->starts[n_classes++] = code;
    if (a)
        a->n_classes = n_classes;
    code_set_clear(&set);
    return a;
}

static size_t class_of(const struct automaton *a, uint32_t code)
{
    size_t low = 0, high = a->n_classes;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (a->starts[middle] <= code)
            low = middle;
        else
            high = middle;
    }
    return low;
}

struct automaton *automaton_except(struct grammar_builder *builder, const struct str *texts, size_t n)
{
    struct automaton *a = new_for_texts(builder, texts, n);
    if (!a)
        return NULL;
    /* State 1 is every text that is not the start of one of these; others are met as the texts are added. */
    size_t n_states = 2;
    for (size_t i = 0; i < a->n_states; i++) {
        a->accepts[i] = true;
        for (size_t k = 0; k < a->n_classes; k++)
            a->next[i * a->n_classes + k] = 1;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t state = 0;
        unsigned size;
        for (size_t at = 0; at < texts[i].len; at += size) {
            int32_t code = utf8_decode(texts[i], at, &size);
            uint32_t *next = &a->next[state * a->n_classes + class_of(a, code < 0 ? 0 : (uint32_t)code)];
            if (*next == 1)
                *next = (uint32_t)n_states++;
            state = *next;
        }
        a->accepts[state] = false;
    }
    a->n_states = n_states;
    return a;
}

/* ---- products ---- */

struct product {
    const struct automaton *a, *b;
    struct automaton *out;
    uint32_t *classes[2]; /* class of `out` to that of `a` and `b` */
    uint32_t *pairs;      /* state of `out` to a * n_b + b */
    uint32_t *slots;      /* open addressing of states by pair; UINT32_MAX is free */
    size_t n_slots, cap;
};

static bool join_classes(struct product *p)
{
    const struct automaton *a = p->a, *b = p->b;
    struct automaton *out = p->out;
    size_t i = 0, k = 0, n = 0, most = a->n_classes + b->n_classes;
    p->classes[0] = malloc(most * sizeof **p->classes);
    p->classes[1] = malloc(most * sizeof **p->classes);
    out->starts = malloc(most * sizeof *out->starts);
    if (!p->classes[0] || !p->classes[1] || !out->starts)
        return false;
    while (i < a->n_classes || k < b->n_classes) {
        uint32_t x = i < a->n_classes ? a->starts[i] : UINT32_MAX, y = k < b->n_classes ? b->starts[k] : UINT32_MAX;
        out->starts[n] = x < y ? x : y;
        i += x <= y;
        k += y <= x;
        p->classes[0][n] = (uint32_t)i - 1;
        p->classes[1][n++] = (uint32_t)k - 1;
    }
    out->n_classes = n;
    return true;
}

static bool grow_product(struct product *p)
{
    struct automaton *out = p->out;
    size_t cap = p->cap ? p->cap * 2 : 64, n_slots = cap * 4;
    uint32_t *next = realloc(out->next, cap * out->n_classes * sizeof *next);
    out->next = next ? next : out->next;
    bool *accepts = realloc(out->accepts, cap * sizeof *accepts);
    out->accepts = accepts ? accepts : out->accepts;
    uint32_t *pairs = realloc(p->pairs, cap * sizeof *pairs);
    p->pairs = pairs ? pairs : p->pairs;
    uint32_t *slots = realloc(p->slots, n_slots * sizeof *slots);
    p->slots = slots ? slots : p->slots;
    if (!next || !accepts || !pairs || !slots)
        return false;
    p->cap = cap;
    p->n_slots = n_slots;
    memset(slots, 0xFF, n_slots * sizeof *slots);
    for (size_t i = 0; i < out->n_states; i++) {
        size_t at = pairs[i] * 2654435761u % n_slots;
        while (slots[at] != UINT32_MAX)
            at = (at + 1) % n_slots;
        slots[at] = (uint32_t)i;
    }
    return true;
}

/* The state of a pair; UINT32_MAX without memory. */
static uint32_t pair_state(struct product *p, uint32_t a, uint32_t b)
{
    if (p->out->n_states == p->cap && !grow_product(p))
        return UINT32_MAX;
    uint32_t pair = a * (uint32_t)p->b->n_states + b;
    size_t at = pair * 2654435761u % p->n_slots;
    for (; p->slots[at] != UINT32_MAX; at = (at + 1) % p->n_slots)
        if (p->pairs[p->slots[at]] == pair)
            return p->slots[at];
    p->pairs[p->out->n_states] = pair;
    p->slots[at] = (uint32_t)p->out->n_states;
    return (uint32_t)p->out->n_states++;
}

static struct automaton *make_product(struct grammar_builder *builder, struct product *p, bool without)
{
    struct automaton *out = p->out;
    if (!join_classes(p) || pair_state(p, 0, 0) == UINT32_MAX)
        return out_of_memory(builder, out);
    for (size_t state = 0; state < out->n_states; state++) {
        uint32_t a = p->pairs[state] / (uint32_t)p->b->n_states, b = p->pairs[state] % (uint32_t)p->b->n_states;
        out->accepts[state] = p->a->accepts[a] && p->b->accepts[b] != without;
        if (!grammar_spend(builder, out->n_classes)) {
            automaton_free(out);
            return NULL;
        }
        for (size_t k = 0; k < out->n_classes; k++) {
            uint32_t next = pair_state(p, p->a->next[a * p->a->n_classes + p->classes[0][k]],
                                       p->b->next[b * p->b->n_classes + p->classes[1][k]]);
            if (next == UINT32_MAX)
                return out_of_memory(builder, out);
            if (out->n_states > MAX_STATES || out->n_states * out->n_classes > MAX_CELLS)
                return too_large(builder, out);
            out->next[state * out->n_classes + k] = next;
        }
    }
    return out;
}

struct automaton *automaton_both(struct grammar_builder *builder, struct automaton *a, struct automaton *b,
                                 bool without)
{
    struct product p = {a, b, NULL, {0}, NULL, NULL, 0, 0};
    struct automaton *out = NULL;
    if (a && b) {
        p.out = calloc(1, sizeof *p.out);
        out = p.out ? make_product(builder, &p, without) : out_of_memory(builder, NULL);
    }
    free(p.classes[0]);
    free(p.classes[1]);
    free(p.pairs);
    free(p.slots);
    automaton_free(a);
    automaton_free(b);
    return out;
}

/* ---- what is asked ---- */

bool automaton_accepts(const struct automaton *a, struct str text)
{
    uint32_t state = 0;
    unsigned size;
    for (size_t at = 0; at < text.len; at += size) {
        int32_t code = utf8_decode(text, at, &size);
        state = a->next[state * a->n_classes + class_of(a, code < 0 ? 0 : (uint32_t)code)];
    }
    return a->accepts[state];
}

bool automaton_empty(const struct automaton *a)
{
    bool *seen = calloc(a->n_states, 1), empty = true;
    uint32_t *stack = malloc(a->n_states * sizeof *stack);
    size_t n = 0;
    if (seen && stack) {
        stack[n++] = 0;
        seen[0] = true;
    } else {
        empty = false;
    }
    while (n && empty) {
        uint32_t state = stack[--n];
        empty = !a->accepts[state];
        for (size_t k = 0; k < a->n_classes; k++) {
            uint32_t next = a->next[state * a->n_classes + k];
            if (!seen[next]) {
                seen[next] = true;
                stack[n++] = next;
            }
        }
    }
    free(seen);
    free(stack);
    return empty;
}

/* ---- as a grammar ---- */

uint32_t automaton_char(struct grammar_builder *builder, const struct automaton *a, size_t state, uint32_t next,
                        bool json)
{
    struct code_set set = {0};
    for (size_t k = 0; k < a->n_classes; k++)
        if (a->next[state * a->n_classes + k] == next)
            code_set_add(&set, a->starts[k], k + 1 < a->n_classes ? a->starts[k + 1] - 1 : CODE_MAX);
    uint32_t node = json ? grammar_json_char(builder, &set) : grammar_char(builder, &set);
    code_set_clear(&set);
    return node;
}

/* What may follow in a state. Steps to itself are no repetition but name its rule, so that a reply which comes here
 * from elsewhere stands where one does that stayed: constraint/slice.c lives on that. */
static uint32_t state_grammar(struct grammar_builder *builder, const struct automaton *a, size_t state,
                              const uint32_t *rules, uint32_t *seen, bool json)
{
    uint32_t ways = a->accepts[state] ? GRAMMAR_EMPTY : GRAMMAR_NOTHING;
    for (size_t k = 0; k < a->n_classes && !grammar_failed(builder); k++) {
        uint32_t next = a->next[state * a->n_classes + k];
        if (seen[next] == state + 1)
            continue;
        seen[next] = (uint32_t)state + 1;
        if (rules[next] != GRAMMAR_NOTHING)
            ways = grammar_or(builder, ways,
                              grammar_then(builder, automaton_char(builder, a, state, next, json), rules[next]));
    }
    return ways;
}

/* Marks the states from which a text is accepted. */
static void mark_alive(struct grammar_builder *builder, const struct automaton *a, bool *alive)
{
    memcpy(alive, a->accepts, a->n_states);
    for (bool changed = true; changed && grammar_spend(builder, a->n_states * a->n_classes / 4);) {
        changed = false;
        for (size_t state = a->n_states; state-- > 0;)
            for (size_t k = 0; k < a->n_classes && !alive[state]; k++)
                if (alive[a->next[state * a->n_classes + k]])
                    alive[state] = changed = true;
    }
}

uint32_t automaton_grammar(struct grammar_builder *builder, const struct automaton *a, bool json)
{
    uint32_t *rules = calloc(a->n_states, sizeof *rules), *seen = calloc(a->n_states, sizeof *seen);
    bool *alive = calloc(a->n_states, 1);
    uint32_t root = GRAMMAR_NOTHING;
    if (rules && seen && alive) {
        mark_alive(builder, a, alive);
        for (size_t state = 0; state < a->n_states; state++)
            rules[state] = alive[state] ? grammar_rule(builder, STR("of a pattern")) : GRAMMAR_NOTHING;
        for (size_t state = 0; state < a->n_states && !grammar_failed(builder); state++)
            if (alive[state])
                grammar_define(builder, rules[state], state_grammar(builder, a, state, rules, seen, json));
        root = rules[0];
    } else {
        grammar_fail(builder, HOB_LIMIT, "no memory for an automaton");
    }
    free(rules);
    free(seen);
    free(alive);
    return grammar_failed(builder) ? GRAMMAR_NOTHING : root;
}
