/* SPDX-License-Identifier: Apache-2.0
 *
 * Tries constraints for the tests that are written in Python: a JSON object a line of standard input, a JSON object a
 * line of output.
 *
 *   constraint_walk TOKENIZER.json
 *   {"schema": ... | "grammar": text | "regex": text | "choices": [texts] | "tools": [tools], "template": text,
 *    "texts": [texts], "walks": n, "seed": n}
 *   {"error": text} | {"texts": [[whole | prefix | no, byte]], "walks": [text | null], "calls": [[calls]]}
 *
 * A walk takes random tokens that the mask allows, and after a number of them that is as likely to be small as large
 * the shortest way to an end; it is null where there was none. With tools it is one call of one of them, in the format
 * of the template, and "calls" has what the format's parser makes of each.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "text/constraint/matcher.h"
#include "text/reply/grammar.h"
#include "text/tokenizer/json.h"

enum { MAX_LINE = 1 << 24, LONG_WALK = 160 };

static uint64_t random_state;

static uint64_t draw(void)
{
    random_state += 0x9E3779B97F4A7C15u;
    uint64_t z = random_state;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* The token that is this one byte, or -1. */
static int32_t byte_token(const struct token_trie *trie, uint8_t byte)
{
    uint32_t child = trie_root_child(trie, byte);
    return child == TRIE_NONE ? -1 : (int32_t)trie->tokens[child];
}

/* A token of one byte that may come next, each such byte being as likely as any other; -1 where there is none. */
static int32_t draw_byte(const struct token_trie *trie, const uint32_t *mask)
{
    int32_t found = -1;
    uint64_t n = 0;
    for (unsigned byte = 0; byte < 256; byte++) {
        int32_t id = byte_token(trie, (uint8_t)byte);
        if (id >= 0 && (mask[id / 32] >> (id % 32) & 1) && draw() % ++n == 0)
            found = id;
    }
    return found;
}

/* A token drawn evenly from the mask; -1 where it is empty. */
static int32_t draw_token(const uint32_t *mask, size_t n_words)
{
    size_t n = 0;
    for (size_t i = 0; i < n_words; i++)
        n += (size_t)__builtin_popcount(mask[i]);
    if (n == 0)
        return -1;
    size_t pick = draw() % n;
    for (size_t i = 0;; i++) {
        size_t here = (size_t)__builtin_popcount(mask[i]);
        if (pick < here)
            for (int32_t bit = 0;; bit++)
                if (mask[i] >> bit & 1 && pick-- == 0)
                    return (int32_t)i * 32 + bit;
        pick -= here;
    }
}

/* ---- the fewest bytes to an end ---- */

#define NEVER (1ull << 40)

/* The fewest bytes that leaves, nodes and (so far) continuations match. */
struct costs {
    const struct grammar *grammar;
    uint64_t *leaf, *node, *cont;
    uint64_t *counted; /* characters from a state of a counted part to an end, whatever the count */
    size_t n_conts;
};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t turns_cost(uint64_t body, uint32_t min)
{
    return min == 0 ? 0 : least(body * min, NEVER);
}

static uint64_t node_cost(const struct costs *costs, const struct node *node)
{
    const struct grammar *g = costs->grammar;
    uint64_t cost = NEVER;
    switch ((enum node_kind)node->kind) {
    case NODE_NOTHING:
    case NODE_TOKENS:
        break;
    case NODE_EMPTY:
        return 0;
    case NODE_LEAF:
        return costs->leaf[node->a];
    case NODE_SEQ:
        return least(costs->node[node->a] + costs->node[node->b], NEVER);
    case NODE_ALT:
        for (uint32_t i = 0; i < node->b; i++)
            cost = least(cost, costs->node[g->kids[node->a + i]]);
        break;
    case NODE_COUNTED:
        return g->counted[node->a].min;
    case NODE_REPEAT:
        return turns_cost(costs->node[node->a], g->repeats[node->b].min);
    case NODE_RULE:
        return costs->node[node->a];
    }
    return cost;
}

static uint64_t leaf_cost(const struct costs *costs, const struct leaf *leaf)
{
    uint64_t cost = leaf->accepts ? 0 : NEVER;
    for (size_t i = 0; i < leaf->n_edges; i++)
        cost = least(cost, costs->leaf[costs->grammar->edges[leaf->first_edge + i].next] + 1);
    return cost;
}

static uint64_t counted_cost(const struct costs *costs, const struct counted *counted, size_t state)
{
    const struct counted_state *from = &costs->grammar->counted_states[state];
    uint64_t cost = from->accepts ? 0 : NEVER;
    for (uint32_t i = 0; i < from->n_ways; i++)
        cost = least(cost,
                     costs->counted[counted->first_state + costs->grammar->counted_ways[from->first_way + i].next] + 1);
    return cost;
}

static bool improve(uint64_t *cost, uint64_t better)
{
    bool changed = *cost != better;
    *cost = better;
    return changed;
}

/* Least fixed points, by going over all until nothing changes. */
static void costs_begin(struct costs *costs, const struct grammar *g)
{
    *costs = (struct costs){.grammar = g,
                            .leaf = malloc((g->n_leaves + 1) * sizeof *costs->leaf),
                            .node = malloc((g->n_nodes + 1) * sizeof *costs->node),
                            .counted = malloc((g->n_counted_states + 1) * sizeof *costs->counted)};
    for (size_t i = 0; i < g->n_leaves; i++)
        costs->leaf[i] = NEVER;
    for (size_t i = 0; i < g->n_nodes; i++)
        costs->node[i] = NEVER;
    for (size_t i = 0; i < g->n_counted_states; i++)
        costs->counted[i] = NEVER;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < g->n_leaves; i++)
            changed |= improve(&costs->leaf[i], leaf_cost(costs, &g->leaves[i]));
        for (size_t i = 0; i < g->n_counted; i++)
            for (size_t k = 0; k < g->counted[i].n_states; k++)
                changed |= improve(&costs->counted[g->counted[i].first_state + k],
                                   counted_cost(costs, &g->counted[i], g->counted[i].first_state + k));
        for (size_t i = 0; i < g->n_nodes; i++)
            changed |= improve(&costs->node[i], node_cost(costs, &g->nodes[i]));
    }
}

static void costs_end(struct costs *costs)
{
    free(costs->leaf);
    free(costs->node);
    free(costs->cont);
    free(costs->counted);
}

/* From a state and a count: what the state wants, or the count. */
static uint64_t count_cost(const struct costs *costs, const struct counted *counted, const struct cont *cont)
{
    uint64_t ends = costs->counted[counted->first_state + cont->min];
    uint64_t missing = cont->max < counted->min ? counted->min - cont->max : 0;
    return ends > missing ? ends : missing;
}

/* Brings the costs of continuations up to date: parts have smaller numbers than wholes. */
static void cost_conts(struct costs *costs, const struct states *s)
{
    costs->cont = realloc(costs->cont, s->n_conts * sizeof *costs->cont);
    for (size_t id = 0; id < s->n_conts; id++) {
        const struct cont *cont = &s->conts[id];
        uint64_t cost = id == CONT_END ? 0 : NEVER;
        for (uint32_t i = 0; id != CONT_END && cont->node == CONT_CHOICE && i < cont->max; i++)
            cost = least(cost, costs->cont[s->lists[cont->min + i]]);
        if (id != CONT_END && cont->node != CONT_CHOICE) {
            const struct node *node = &s->grammar->nodes[cont->node];
            bool turns = node->kind == NODE_REPEAT && cont->max, counts = node->kind == NODE_COUNTED;
            cost = costs->cont[cont->next] + (counts  ? count_cost(costs, &s->grammar->counted[node->a], cont)
                                              : turns ? turns_cost(costs->node[node->a], cont->min)
                                                      : costs->node[cont->node]);
        }
        costs->cont[id] = least(cost, NEVER);
    }
}

/* The next byte on the shortest way to an end; -1 where there is none. What follows a leaf that may end here stands
 * among the items itself, so each item is asked for a byte more of its leaf. */
static int next_byte(struct costs *costs, const struct matcher *matcher)
{
    const struct states *s = &matcher->states;
    const struct state *state = &s->states[matcher->state];
    uint64_t best = NEVER;
    int byte = -1;
    cost_conts(costs, s);
    for (uint32_t i = 0; i < state->n_items; i++) {
        struct item item = s->items[state->first_item + i];
        const struct leaf *leaf = item.leaf & ITEM_TOKENS ? NULL : &s->grammar->leaves[item.leaf];
        for (size_t k = 0; leaf && k < leaf->n_edges; k++) {
            struct leaf_edge edge = s->grammar->edges[leaf->first_edge + k];
            uint64_t cost = costs->leaf[edge.next] + costs->cont[item.cont];
            if (cost < best) {
                best = cost;
                byte = edge.low;
            }
        }
    }
    return byte;
}

/* Takes a token that the mask allows. */
static bool take(struct matcher *matcher, int32_t id, struct buf *text)
{
    const struct token_trie *trie = matcher->trie;
    if (id < 0 || !(matcher_mask(matcher)[id / 32] >> (id % 32) & 1) || !matcher_accept(matcher, id))
        return false;
    return tokenizer_is_eog(trie->tokenizer, id) || tokenizer_piece(trie->tokenizer, id, true, text);
}

static json_t *walk(const struct grammar *grammar, const struct token_trie *trie, struct costs *costs)
{
    struct matcher *matcher = matcher_new(grammar, trie, false, NULL);
    size_t n_words = token_trie_words(trie), length = draw() % (1 + draw() % LONG_WALK);
    struct buf text = {0};
    bool good = matcher != NULL;
    for (size_t n = 0; good && n < length && !matcher_ended(matcher); n++) {
        if (matcher_whole(matcher) && draw() % 8 == 0)
            break;
        const uint32_t *mask = matcher_mask(matcher);
        /* Most tokens are long words: half of the steps are bytes, so that structure is met as often as text. */
        int32_t byte = draw() % 2 ? draw_byte(trie, mask) : -1;
        good = take(matcher, byte >= 0 ? byte : draw_token(mask, n_words), &text);
    }
    while (good && !matcher_whole(matcher)) {
        int byte = next_byte(costs, matcher);
        good = byte >= 0 && take(matcher, byte_token(trie, (uint8_t)byte), &text);
    }
    json_t *result = good ? json_bytes(buf_view(&text)) : json_null();
    buf_clear(&text);
    matcher_free(matcher);
    return result;
}

static json_t *try_text(const struct grammar *grammar, struct str text)
{
    struct matcher *matcher = matcher_new(grammar, NULL, false, NULL);
    size_t at = 0;
    const char *verdict = "no";
    if (matcher && matcher_text(matcher, text, &at)) {
        verdict = matcher_whole(matcher) ? "whole" : "prefix";
        at = text.len;
    }
    matcher_free(matcher);
    return json_pack("[sI]", verdict, (json_int_t)at);
}

static struct reply_form form_of(const json_t *task)
{
    return reply_form_find(json_span(json_object_get(task, "template")), STR(""));
}

static void on_event(void *user, const struct reply_event *event)
{
    reply_parts_add(user, event);
}

/* The calls of a reply. */
static json_t *calls_of(const json_t *task, struct str reply)
{
    struct reply_setting setting = {.form = form_of(task), .tools = json_object_get(task, "tools")};
    struct reply_parser *parser = reply_parser_new(&setting);
    struct reply_parts parts = {0};
    reply_parser_add(parser, reply, on_event, &parts);
    reply_parser_end(parser, on_event, &parts);
    json_t *calls = parts.calls ? json_incref(parts.calls) : json_array();
    reply_parts_clear(&parts);
    reply_parser_free(parser);
    return calls;
}

static struct grammar *compile(const json_t *task, const struct tokenizer *tokenizer, struct hob_error *err)
{
    const json_t *schema = json_object_get(task, "schema"), *grammar = json_object_get(task, "grammar");
    const json_t *regex = json_object_get(task, "regex"), *choices = json_object_get(task, "choices");
    struct str texts[64];
    size_t n = 0;
    struct reply_demand demand = {
        .form = form_of(task), .tools = json_object_get(task, "tools"), .choice = REPLY_CALLS_MUST, .one_call = true};
    if (demand.tools)
        return reply_grammar_new(&demand, NULL, err);
    if (schema)
        return constraint_schema(schema, err);
    if (grammar)
        return constraint_gbnf(json_span(grammar), tokenizer, err);
    if (regex)
        return constraint_regex(json_span(regex), err);
    for (; n < json_array_size(choices) && n < 64; n++)
        texts[n] = json_span(json_array_get(choices, n));
    return constraint_choices(texts, n, err);
}

static json_t *run(const json_t *task, const struct tokenizer *tokenizer, const struct token_trie *trie)
{
    struct hob_error err = {0};
    struct grammar *grammar = compile(task, tokenizer, &err);
    if (!grammar)
        return json_pack("{s:s}", "error", err.text);
    json_t *texts = json_array(), *walks = json_array(), *calls = json_array();
    const json_t *given = json_object_get(task, "texts");
    json_int_t n = json_integer_value(json_object_get(task, "walks"));
    random_state = (uint64_t)json_integer_value(json_object_get(task, "seed"));
    for (size_t i = 0; i < json_array_size(given); i++)
        json_array_append_new(texts, try_text(grammar, json_span(json_array_get(given, i))));
    struct costs costs = {0};
    if (n)
        costs_begin(&costs, grammar);
    for (json_int_t i = 0; i < n; i++)
        json_array_append_new(walks, walk(grammar, trie, &costs));
    for (size_t i = 0; json_object_get(task, "tools") && i < json_array_size(walks); i++)
        json_array_append_new(calls, calls_of(task, json_span(json_array_get(walks, i))));
    costs_end(&costs);
    grammar_free(grammar);
    return json_pack("{s:o,s:o,s:o}", "texts", texts, "walks", walks, "calls", calls);
}

int main(int argc, char **argv)
{
    struct hob_error err = {0};
    json_t *root = argc == 2 ? json_read_file(argv[1], 1 << 27, &err) : NULL;
    struct tokenizer *tokenizer = root ? tokenizer_from_json(root, NULL, NULL, 0, &err) : NULL;
    struct token_trie *trie = tokenizer ? token_trie_new(tokenizer, tokenizer_size(tokenizer), &err) : NULL;
    char *line = malloc(MAX_LINE);
    if (!trie || !line) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    while (fgets(line, MAX_LINE, stdin)) {
        json_t *task = json_read(str_of(line), "standard input", &err);
        json_t *result = task ? run(task, tokenizer, trie) : json_pack("{s:s}", "error", err.text);
        json_dumpf(result, stdout, JSON_COMPACT);
        putchar('\n');
        fflush(stdout);
        json_decref(result);
        json_decref(task);
    }
    free(line);
    token_trie_free(trie);
    tokenizer_free(tokenizer);
    json_decref(root);
    return 0;
}
