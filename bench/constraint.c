/* SPDX-License-Identifier: Apache-2.0
 *
 * Times masks along replies that are given. tools/bench_constraints.py runs it in turns with another library.
 *
 *   bench_constraint TOKENIZER.json < CASES
 *
 * A case is a line {"schema": ..., "replies": [[ids]]}; for each a line {"compile_us", "mask_us": [...]} or {"error"}
 * is written. Times are those of the thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "text/constraint/constraint.h"
#include "text/tokenizer/json.h"

enum { MAX_LINE = 1 << 24 };

static double thread_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Times every mask of a reply; the token that follows must be in it. */
static bool follow(const struct grammar *grammar, const struct token_trie *trie, const json_t *reply, json_t *times)
{
    struct matcher *matcher = matcher_new(grammar, trie, false, NULL);
    bool good = matcher != NULL;
    for (size_t i = 0; good && i < json_array_size(reply); i++) {
        size_t id = (size_t)json_integer_value(json_array_get(reply, i));
        double start = thread_us();
        const uint32_t *mask = matcher_mask(matcher);
        json_array_append_new(times, json_real(thread_us() - start));
        good = (mask[id / 32] >> (id % 32) & 1) && matcher_accept(matcher, (int32_t)id);
    }
    matcher_free(matcher);
    return good;
}

static json_t *run(const json_t *task, const struct token_trie *trie)
{
    struct hob_error err = {0};
    const json_t *replies = json_object_get(task, "replies");
    double start = thread_us();
    struct grammar *grammar = constraint_schema(json_object_get(task, "schema"), &err);
    double compile = thread_us() - start;
    if (!grammar)
        return json_pack("{s:s}", "error", err.text);
    json_t *times = json_array();
    size_t n_bad = 0;
    for (size_t i = 0; i < json_array_size(replies); i++)
        n_bad += !follow(grammar, trie, json_array_get(replies, i), times);
    grammar_free(grammar);
    return json_pack("{s:f,s:o,s:I}", "compile_us", compile, "mask_us", times, "refused_replies", (json_int_t)n_bad);
}

int main(int argc, char **argv)
{
    struct hob_error err = {0};
    json_t *root = argc == 2 ? json_read_file(argv[1], 1 << 27, &err) : NULL;
    struct tokenizer *tokenizer = root ? tokenizer_from_json(root, NULL, NULL, 0, &err) : NULL;
    struct token_trie *trie = tokenizer ? token_trie_new(tokenizer, tokenizer_size(tokenizer), &err) : NULL;
    char *line = malloc(MAX_LINE);
    if (!trie || !line) {
        fprintf(stderr, "usage: bench_constraint TOKENIZER.json < CASES %s\n", err.text);
        return 1;
    }
    while (fgets(line, MAX_LINE, stdin)) {
        json_t *task = json_read(str_of(line), "standard input", &err);
        json_t *result = task ? run(task, trie) : json_pack("{s:s}", "error", err.text);
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
