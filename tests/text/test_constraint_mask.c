/* SPDX-License-Identifier: Apache-2.0
 *
 * Masks equal what trying every token says, at random places of random replies, for constraints of every kind and
 * vocabularies of three kinds; those of ../shared/tokenizers where they are there.
 */
#include "vocabularies.h"

#include "text/constraint/matcher.h"

#define SHARED "../shared/tokenizers/"

enum { N_PLACES = 2000, N_PLACES_LONG = 20000, N_PLACES_SHARED = 30, MAX_REPLY = 60 };

static const char *const schemas[] = {
    "{}",
    "{\"type\":\"string\"}",
    "{\"type\":\"string\",\"minLength\":3,\"maxLength\":7}",
    "{\"type\":\"string\",\"maxLength\":300}",
    "{\"type\":\"string\",\"pattern\":\"foo\"}",
    "{\"type\":\"string\",\"pattern\":\"^([a-f]{2,9}|[a-z0-9]{3,7}x)$\"}",
    "{\"type\":\"string\",\"format\":\"hostname\"}",
    "{\"type\":\"array\",\"items\":{\"anyOf\":[{\"type\":\"string\",\"format\":\"uri\"},{\"type\":\"string\","
    "\"maxLength\":5},{\"type\":\"string\",\"pattern\":\"[0-9]\"},{\"type\":\"number\",\"minimum\":0.5}]}}",
    "{\"type\":\"object\",\"properties\":{\"name\":{},\"nab\":{\"type\":\"string\"},\"\xc3\xa9\":{\"type\":\"string\"}}"
    "}",
    "{\"type\":\"object\",\"patternProperties\":{\"^a\":{\"type\":\"integer\"},\"b$\":{\"maximum\":9}}}",
    "{\"type\":\"object\",\"properties\":{\"v\":{\"enum\":[\"a\",\"abc\",\"\xf0\x9f\x98\x80\",1.5]},\"n\":{\"anyOf\":[{"
    "\"$ref\":\"#\"},{\"type\":\"null\"}]}},\"required\":[\"v\"],\"additionalProperties\":false}",
    "{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"multipleOf\":7},\"minItems\":2,\"maxItems\":9}",
};

static const char *const grammars[] = {
    "root ::= [^\\n]+ \"\\n\" root | \"end\"",
    "root ::= (\"a\" | \"ab\" | \"abc\")* \"c\"",
    "root ::= item (\", \" item)* \nitem ::= [a-z]+ | [A-Z] [a-z]{0,3} | \"\xe6\x97\xa5\" .",
    "root ::= expr\nexpr ::= term ([-+*/] term)*\nterm ::= [0-9]+ | \"(\" expr \")\" | [a-z] [a-z0-9_]*",
    "root ::= line{1,4}\nline ::= [ -~]{0,20} \"\\n\"",
    "root ::= ([^\"\\\\] | \"\\\\\" [\"nrt])* \"\\\"\" [0-9]{2,5}",
};

static uint64_t seed;

static uint64_t draw(void)
{
    seed += 0x9E3779B97F4A7C15u;
    uint64_t z = (seed ^ seed >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* Whether the matcher would take the token; it is left as it was. */
static bool would_take(struct matcher *matcher, int32_t id)
{
    uint32_t state = matcher->state;
    bool started = matcher->started;
    bool takes = matcher_accept(matcher, id);
    matcher->state = state;
    matcher->started = started;
    matcher->ended = matcher->lost = false;
    return takes;
}

static size_t compare(struct matcher *matcher, const uint32_t *mask, const char *what)
{
    size_t wrong = 0;
    for (size_t id = 0; id < matcher->trie->n_vocab; id++) {
        bool in_mask = mask[id / 32] >> (id % 32) & 1;
        bool takes = id < matcher->trie->n_tokens && would_take(matcher, (int32_t)id);
        if (in_mask != takes && wrong++ == 0)
            print_message("# %s: token %zu: mask %d, tried %d\n", what, id, in_mask, takes);
    }
    return wrong;
}

static int32_t draw_token(const uint32_t *mask, size_t n_words)
{
    size_t n = 0, i = 0;
    for (size_t k = 0; k < n_words; k++)
        n += (size_t)__builtin_popcount(mask[k]);
    if (n == 0)
        return -1;
    for (size_t pick = draw() % n;; i++)
        if ((mask[i / 32] >> (i % 32) & 1) && pick-- == 0)
            return (int32_t)i;
}

/* Follows replies until masks at `n` places were compared. */
static size_t check_places(const struct grammar *grammar, const struct token_trie *trie, const char *what, size_t n)
{
    size_t wrong = 0;
    while (n > 0) {
        struct matcher *matcher = matcher_new(grammar, trie, draw() % 2, NULL);
        uint32_t *copy = malloc(trie->n_words * sizeof *copy);
        assert_non_null(matcher);
        for (size_t step = 0; step < MAX_REPLY && n > 0; step++) {
            const uint32_t *mask = matcher_mask(matcher);
            memcpy(copy, mask, trie->n_words * sizeof *copy);
            if (step == 0 || draw() % 4 == 0) {
                wrong += compare(matcher, copy, what);
                n--;
            }
            int32_t id = draw_token(copy, trie->n_words);
            if (id < 0 || !matcher_accept(matcher, id) || matcher->ended)
                break;
        }
        assert_false(matcher_failed(matcher));
        free(copy);
        matcher_free(matcher);
    }
    return wrong;
}

/* Free text with control tokens around it: of the vocabulary, and none that ends generation. */
static struct grammar *with_tokens(const struct tokenizer *tokenizer)
{
    int32_t control[2];
    size_t n = 0;
    for (int32_t id = 0; (size_t)id < tokenizer_size(tokenizer) && n < 2; id++)
        if (tokenizer_type(tokenizer, id) == TOKEN_CONTROL && !tokenizer_is_eog(tokenizer, id))
            control[n++] = id;
    struct grammar_builder *b = grammar_begin(NULL);
    struct str stop = STR("</think>");
    uint32_t any = grammar_tokens(b, control, n, true);
    uint32_t parts[] = {grammar_tokens(b, control, n, false), grammar_without(b, &stop, 1), grammar_literal(b, stop),
                        grammar_repeat(b, any, 0, 3), grammar_literal(b, STR("!"))};
    return grammar_finish(b, grammar_seq(b, n ? parts : parts + 1, n ? 5 : 4), NULL);
}

static void check_vocabulary(const struct tokenizer *tokenizer, const char *name, size_t n_places)
{
    enum { N_SCHEMAS = sizeof schemas / sizeof *schemas, N_GRAMMARS = sizeof grammars / sizeof *grammars };
    enum { N = N_SCHEMAS + N_GRAMMARS + 2 };
    /* A model may have more logits than the tokenizer has tokens. */
    struct token_trie *trie = token_trie_new(tokenizer, tokenizer_size(tokenizer) + 5, NULL);
    size_t wrong = 0;
    assert_non_null(trie);
    for (size_t i = 0; i < N; i++) {
        struct hob_error err = {0};
        struct grammar *grammar = NULL;
        const char *what = "tokens";
        if (i < N_SCHEMAS)
            grammar = constraint_schema_text(str_of(what = schemas[i]), "schema", &err);
        else if (i < N_SCHEMAS + N_GRAMMARS)
            grammar = constraint_gbnf(str_of(what = grammars[i - N_SCHEMAS]), tokenizer, &err);
        else if (i < N - 1)
            grammar = constraint_regex(str_of(what = "(?:[a-z]+ )*(?:\\w{1,9}|.{2,30}z)"), &err);
        else
            grammar = with_tokens(tokenizer);
        if (!grammar)
            fail_msg("%s: %s", what, err.text);
        wrong += check_places(grammar, trie, what, (n_places + N - 1) / N);
        grammar_free(grammar);
    }
    token_trie_free(trie);
    if (wrong)
        fail_msg("%s: %zu tokens are wrong", name, wrong);
}

static size_t n_places(void)
{
    return getenv("HOB_TEST_LONG") ? N_PLACES_LONG : N_PLACES;
}

static void test_golden(void **state)
{
    struct tokenizer *tokenizer = load_tokenizer(*state);
    check_vocabulary(tokenizer, *state, n_places());
    tokenizer_free(tokenizer);
}

static void test_spm(void **state)
{
    struct vocabulary v;
    (void)state;
    vocabulary_spm(&v);
    struct tokenizer *tokenizer = tokenizer_new(&v.vocab, NULL);
    assert_non_null(tokenizer);
    check_vocabulary(tokenizer, "spm", n_places());
    tokenizer_free(tokenizer);
    vocabulary_free(&v);
}

/* A published vocabulary; NULL when it or the program that unpacks it is not there. */
static struct tokenizer *load_shared(const char *name)
{
    char command[256], block[65536];
    struct buf text = {0};
    snprintf(command, sizeof command, "xz -dc %s%s/tokenizer.json.xz 2>/dev/null", SHARED, name);
    FILE *pipe = popen(command, "r");
    for (size_t n; pipe && (n = fread(block, 1, sizeof block, pipe)) > 0;)
        buf_add(&text, block, n);
    if (pipe)
        pclose(pipe);
    json_t *root = text.len ? json_read(buf_view(&text), name, NULL) : NULL;
    struct tokenizer *tokenizer = root ? tokenizer_from_json(root, NULL, NULL, 0, NULL) : NULL;
    json_decref(root);
    buf_clear(&text);
    return tokenizer;
}

static void test_shared(void **state)
{
    bool is_long = getenv("HOB_TEST_LONG") != NULL;
    struct tokenizer *tokenizer = is_long ? load_shared(*state) : NULL;
    if (!tokenizer)
        skip();
    check_vocabulary(tokenizer, *state, N_PLACES_SHARED);
    tokenizer_free(tokenizer);
}

int main(void)
{
    const char *given = getenv("HOB_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : 20240601;
    print_message("# HOB_TEST_SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_golden, (void *)(uintptr_t) "llama3"),
        cmocka_unit_test_prestate(test_golden, (void *)(uintptr_t) "gemma3"),
        cmocka_unit_test_prestate(test_golden, (void *)(uintptr_t) "llama2"),
        cmocka_unit_test(test_spm),
        cmocka_unit_test_prestate(test_shared, (void *)(uintptr_t) "llama2"),
        cmocka_unit_test_prestate(test_shared, (void *)(uintptr_t) "qwen3"),
        cmocka_unit_test_prestate(test_shared, (void *)(uintptr_t) "gemma3"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
