/* SPDX-License-Identifier: Apache-2.0
 *
 * Tries constraints for the tests that are written in Python: a JSON object a line of standard input, a JSON object a
 * line of output.
 *
 *   constraint_walk TOKENIZER.json
 *   {"schema": ... | "grammar": text | "regex": text | "choices": [texts], "texts": [texts], "walks": n, "seed": n}
 *   {"error": text} | {"texts": [[whole | prefix | no, byte]], "walks": [text | null]}
 *
 * A walk takes random tokens that the mask allows, and after some of them the shortest way to an end; it is null where
 * there was none.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "text/constraint_matcher.h"
#include "text/tokenizer_json.h"

enum { MAX_LINE = 1 << 24, LONG_WALK = 40, MAX_VISITS = 200000 };

static uint64_t random_state;

static uint64_t draw(void)
{
    random_state += 0x9E3779B97F4A7C15u;
    uint64_t z = random_state;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
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

/* A state that was reached by `byte` from the state of `from`. */
struct visit {
    uint32_t state, from;
    uint8_t byte;
};

/* Finds the fewest bytes that end the reply, breadth first; false when they are not found soon. */
static bool find_end(struct matcher *matcher, struct buf *bytes)
{
    struct states *s = &matcher->states;
    static struct visit visits[MAX_VISITS];
    static bool seen[1 << 20];
    size_t n = 1, at = 0;
    memset(seen, 0, sizeof seen);
    visits[0] = (struct visit){.state = matcher->state};
    for (; at < n && !s->states[visits[at].state].accepts; at++) {
        if (!states_prepare(s, visits[at].state))
            return false;
        struct state state = s->states[visits[at].state];
        for (uint32_t i = 0; i < state.n_edges && n < MAX_VISITS; i++) {
            struct state_edge edge = s->edges[state.first_edge + i];
            if (edge.next >= sizeof seen || seen[edge.next])
                continue;
            seen[edge.next] = true;
            visits[n++] = (struct visit){edge.next, (uint32_t)at, edge.low};
        }
    }
    for (size_t i = at; at < n && i > 0; i = visits[i].from)
        buf_byte(bytes, (char)visits[i].byte);
    for (size_t i = 0; i < bytes->len / 2; i++) {
        char swap = bytes->ptr[i];
        bytes->ptr[i] = bytes->ptr[bytes->len - 1 - i];
        bytes->ptr[bytes->len - 1 - i] = swap;
    }
    return at < n;
}

/* The token that is this one byte, or -1. */
static int32_t byte_token(const struct token_trie *trie, uint8_t byte)
{
    for (uint32_t i = 0; i < trie->n_children[0]; i++)
        if (trie->bytes[trie->first_child[0] + i] == byte)
            return (int32_t)trie->tokens[trie->first_child[0] + i];
    return -1;
}

/* Takes a token that the mask allows. */
static bool take(struct matcher *matcher, int32_t id, struct buf *text)
{
    const struct token_trie *trie = matcher->trie;
    if (id < 0 || !(matcher_mask(matcher)[id / 32] >> (id % 32) & 1) || !matcher_accept(matcher, id))
        return false;
    return tokenizer_is_eog(trie->tokenizer, id) || tokenizer_piece(trie->tokenizer, id, true, text);
}

static json_t *walk(const struct grammar *grammar, const struct token_trie *trie)
{
    struct matcher *matcher = matcher_new(grammar, trie, false, NULL);
    size_t n_words = token_trie_words(trie), length = draw() % LONG_WALK;
    struct buf text = {0}, end = {0};
    bool good = matcher != NULL;
    for (size_t n = 0; good && n < length && !matcher_ended(matcher); n++) {
        if (matcher_whole(matcher) && draw() % 8 == 0)
            break;
        good = take(matcher, draw_token(matcher_mask(matcher), n_words), &text);
    }
    good = good && (matcher->ended || find_end(matcher, &end));
    for (size_t i = 0; good && i < end.len; i++)
        good = take(matcher, byte_token(trie, (uint8_t)end.ptr[i]), &text);
    good = good && matcher_whole(matcher);
    json_t *result = good ? json_bytes(buf_view(&text)) : json_null();
    buf_clear(&text);
    buf_clear(&end);
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

static struct grammar *compile(const json_t *task, const struct tokenizer *tokenizer, struct hob_error *err)
{
    const json_t *schema = json_object_get(task, "schema"), *grammar = json_object_get(task, "grammar");
    const json_t *regex = json_object_get(task, "regex"), *choices = json_object_get(task, "choices");
    struct str texts[64];
    size_t n = 0;
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
    json_t *texts = json_array(), *walks = json_array();
    const json_t *given = json_object_get(task, "texts");
    json_int_t n = json_integer_value(json_object_get(task, "walks"));
    random_state = (uint64_t)json_integer_value(json_object_get(task, "seed"));
    for (size_t i = 0; i < json_array_size(given); i++)
        json_array_append_new(texts, try_text(grammar, json_span(json_array_get(given, i))));
    for (json_int_t i = 0; i < n; i++)
        json_array_append_new(walks, walk(grammar, trie));
    grammar_free(grammar);
    return json_pack("{s:o,s:o}", "texts", texts, "walks", walks);
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
