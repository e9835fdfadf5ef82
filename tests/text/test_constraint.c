/* SPDX-License-Identifier: Apache-2.0
 *
 * Constraints: what GBNF, regular expressions and choices accept and refuse, and how a matcher follows a reply.
 */
#include "vocabularies.h"

#include "text/constraint/constraint.h"
#include "text/grammar/grammar.h"

enum { MAX_TEXTS = 12 };

/* Texts that are accepted whole, that start one that is, and that do not fit. */
struct language {
    const char *source;
    const char *whole[MAX_TEXTS], *prefix[MAX_TEXTS], *wrong[MAX_TEXTS];
};

/* A source and a part of the line that refuses it. */
struct refusal {
    const char *source, *error;
};

static const char *verdict(const struct grammar *grammar, const char *text)
{
    struct matcher *matcher = matcher_new(grammar, NULL, false, NULL);
    assert_non_null(matcher);
    const char *said = "no";
    if (matcher_text(matcher, str_of(text), NULL))
        said = matcher_whole(matcher) ? "whole" : "prefix";
    matcher_free(matcher);
    return said;
}

static size_t check_texts(const struct grammar *grammar, const char *source, const char *const *texts, const char *want)
{
    size_t wrong = 0;
    for (size_t i = 0; i < MAX_TEXTS && texts[i]; i++) {
        const char *said = verdict(grammar, texts[i]);
        if (strcmp(said, want) == 0)
            continue;
        wrong++;
        print_message("# %s: \"%s\" is %s, want %s\n", source, texts[i], said, want);
    }
    return wrong;
}

static size_t check_language(struct grammar *grammar, const struct language *language, const struct hob_error *err)
{
    if (!grammar) {
        print_message("# %s: %s\n", language->source, err->text);
        return 1;
    }
    size_t wrong = check_texts(grammar, language->source, language->whole, "whole") +
                   check_texts(grammar, language->source, language->prefix, "prefix") +
                   check_texts(grammar, language->source, language->wrong, "no");
    grammar_free(grammar);
    return wrong;
}

static size_t check_refusal(struct grammar *grammar, const struct refusal *refusal, const struct hob_error *err)
{
    if (!grammar && strstr(err->text, refusal->error))
        return 0;
    print_message("# %s: %s, want \"%s\"\n", refusal->source, grammar ? "accepted" : err->text, refusal->error);
    grammar_free(grammar);
    return 1;
}

static const struct language gbnf[] = {
    {"root ::= \"a\"", {"a"}, {""}, {"b", "aa"}},
    {"root ::= \"a\" \"b\" | \"c\"", {"ab", "c"}, {"", "a"}, {"ac", "cb", "b"}},
    {"root ::= \"\"", {""}, {0}, {"a"}},
    {"root ::= [a-c]+", {"a", "abcabc"}, {""}, {"d", "ad", "-"}},
    {"root ::= [a-]+", {"-", "a-a"}, {""}, {"b"}},
    {"root ::= [-a]+", {"-", "a-a"}, {""}, {"b"}},
    {"root ::= [^a-c]", {"d", "\xc3\xa9", "\xf0\x9f\x98\x80", "\n"}, {"", "\xf0\x9f"}, {"a", "\xff", "dd"}},
    {"root ::= [^\\]\\\\]", {"a", "["}, {0}, {"]", "\\"}},
    {"root ::= [\\x41\\u00e9\\U0001F600]", {"A", "\xc3\xa9", "\xf0\x9f\x98\x80"}, {"\xc3"}, {"B", "\xc3\xa8"}},
    {"root ::= .", {"a", "\n", "\xe6\x97\xa5"}, {"\xe6\x97"}, {"aa", "\x80", "\xed\xa0\x80", "\xc0\x80"}},
    {"root ::= \"\\x41\\u00e9\\n\\t\\r\\\\\\\"\\[\\]\"", {"A\xc3\xa9\n\t\r\\\"[]"}, {"A\xc3"}, {"A\n"}},
    {"root ::= \"a\"?", {"", "a"}, {0}, {"aa"}},
    {"root ::= \"ab\"*", {"", "ab", "abab"}, {"a", "aba"}, {"b", "abb"}},
    {"root ::= \"a\"{3}", {"aaa"}, {"", "aa"}, {"aaaa"}},
    {"root ::= \"a\"{2,}", {"aa", "aaaaaaaaa"}, {"a"}, {"aab"}},
    {"root ::= \"a\"{1,3}", {"a", "aaa"}, {""}, {"aaaa"}},
    {"root ::= \"a\" {0,2} \"b\"", {"b", "aab"}, {"aa"}, {"aaa"}},
    {"root ::= (\"a\" | \"b\"+)* \"c\"", {"c", "abbac"}, {"abba"}, {"cc"}},
    {"root ::= (\"a\"*)* \"b\"", {"b", "aaab"}, {"aa"}, {"ba"}},
    {"root ::= (\"a\"? \"b\"?){2,3} \"c\"", {"c", "ababc", "ac", "bbbc"}, {"abab"}, {"bbbb"}},
    {"root ::= x y\nx ::= \"1\" | \"\"\ny ::= \"2\"", {"12", "2"}, {"1"}, {"11"}},
    {"# all\nroot ::= # one\n  \"a\" # two\n\n\nother ::= \"b\" # not used\n", {"a"}, {0}, {"b"}},
    {"root ::= (\n  \"a\"\n  | # or\n  \"b\"\n)\r\n", {"a", "b"}, {0}, {"c"}},
    {"root ::= \"a\" |\n  \"b\"", {"a", "b"}, {0}, {"c"}},
    {"root::=\"a\"|\"b\"", {"a", "b"}, {0}, {"c"}},
    {"root ::= \"[\" (root (\",\" root)*)? \"]\"", {"[]", "[[],[[]]]"}, {"[[", "[[],"}, {"]", "[,"}},
    {"root ::= e\ne ::= t (\"+\" t)*\nt ::= f (\"*\" f)*\nf ::= [0-9] | \"(\" e \")\"",
     {"1", "1+2*3", "(1+2)*(3)"},
     {"1+", "((1"},
     {"+", "1)", "12"}},
    {"root ::= s \"!\"\ns ::= \"x\" s \"y\" | \"x\" s \"z\" | \"o\"",
     {"o!", "xxoyz!", "xxozz!"},
     {"xxx", "xxoy"},
     {"xo!"}},
    {"root ::= dup\ndup ::= \"a\"\ndup ::= \"b\"", {"b"}, {0}, {"a"}},
    {"root ::= a-1_B\na-1_B ::= \"x\"", {"x"}, {0}, {"y"}},
    {"root ::= \"a\" root | \"b\" endless | \"c\"\nendless ::= \"d\" endless", {"c", "aac"}, {"a"}, {"b"}},
};

static const struct refusal bad_gbnf[] = {
    {"", "no rule is named root"},
    {"a ::= \"b\"", "no rule is named root"},
    {"root ::= b", "rule b is not defined"},
    {"root ::= root \"a\" | \"b\"", "left recursion: rule root"},
    {"root ::= x\nx ::= y \"a\"\ny ::= \"\"? x | \"b\"", "left recursion"},
    {"root ::= \"a\" root", "no text can match"},
    {"root = \"a\"", "want \"::=\""},
    {"root ::= \"a", "want a character"},
    {"root ::= [a-c", "want a character"},
    {"root ::= []", "want a character in []"},
    {"root ::= [c-a]", "a range that ascends"},
    {"root ::= (\"a\"", "want \")\""},
    {"root ::= \"a\")", "want the end of the line"},
    {"root ::= \"\\q\"", "escape"},
    {"root ::= \"\\x4\"", "hexadecimal"},
    {"root ::= \"\\U00110000\"", "10FFFF"},
    {"root ::= *", "want the end of the line"},
    {"root ::= \"a\"{", "want a number"},
    {"root ::= \"a\"{1", "want \"}\""},
    {"root ::= \"a\"{2,1}", "ascend"},
    {"root ::= \"a\"{1,1000000000}", "100,000"},
    {"root ::= ((\"a\"{1,2000}){1,2000}){1,2000}", "1,000,000"},
    {"root ::= <think>", "only with a model"},
    {"root ::= \"a\"\n  | \"b\"", "line 2: want the name of a rule"},
    {"root ::= \"\xff\"", "UTF-8"},
};

static void test_gbnf(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof gbnf / sizeof *gbnf; i++) {
        struct hob_error err = {0};
        wrong += check_language(constraint_gbnf(str_of(gbnf[i].source), NULL, &err), &gbnf[i], &err);
    }
    for (size_t i = 0; i < sizeof bad_gbnf / sizeof *bad_gbnf; i++) {
        struct hob_error err = {0};
        wrong += check_refusal(constraint_gbnf(str_of(bad_gbnf[i].source), NULL, &err), &bad_gbnf[i], &err);
    }
    assert_int_equal(wrong, 0);
}

static const struct language regexes[] = {
    {"abc", {"abc"}, {"", "ab"}, {"abd", "xabc"}},
    {"^abc$", {"abc"}, {"ab"}, {"abcd"}},
    {"a|bc|", {"", "a", "bc"}, {"b"}, {"ab"}},
    {"(a|b)*c", {"c", "abac"}, {"ab"}, {"cc"}},
    {"(?:ab){2,3}", {"abab", "ababab"}, {"ab", "aba"}, {"abababa"}},
    {"a*?b+?c??", {"b", "aabbc"}, {"aa"}, {"c"}},
    {"[^a-y]", {"z", "\xc3\xa9", "\n"}, {0}, {"a"}},
    {"[\\]\\-a]", {"]", "-", "a"}, {0}, {"b", "\\"}},
    {"[a-]", {"a", "-"}, {0}, {"b"}},
    {"\\d\\w\\s", {"1a ", "0_\t"}, {"1"}, {"a", "\xd9\xa1"}},
    {"\\D\\W\\S", {"a-b", "-\xe2\x80\xa2\xc3\xa9"}, {"a"}, {"1", "\xd9\xa1", "aa", "a- "}},
    {"[\\d.]+", {"1.5", "..."}, {""}, {"a"}},
    {"[^\\d]", {"a"}, {0}, {"1", "\xd9\xa1"}},
    {".", {"a", "\xf0\x9f\x98\x80"}, {0}, {"\n", "\r", "\xe2\x80\xa8"}},
    {"\\x41\\u00e9\\t\\/\\.", {"A\xc3\xa9\t/."}, {"A"}, {"A\xc3\xa9\t/x"}},
    {"(?:^a|b)c$", {"ac", "bc"}, {"a"}, {"abc"}},
    {"()", {""}, {0}, {"a"}},
    {"((a{0,3}){0,3}b){2}", {"bb", "aaaaaaaaabab"}, {"aaaaaaaaa"}, {"aaaaaaaaaa"}},
    {"(a|aa){1,500}b", {"ab", "aaaaab"}, {"aaa"}, {"b"}},
};

static const struct refusal bad_regexes[] = {
    {"a)", "without a group"},
    {"(a", "wants \")\""},
    {"[a", "wants \"]\""},
    {"[]", "empty class"},
    {"[^]", "empty class"},
    {"[b-a]", "ascend"},
    {"[a-\\d]", "ascend"},
    {"*a", "nothing to repeat"},
    {"a**", "needs a group"},
    {"a{2}{3}", "needs a group"},
    {"a++", "needs a group"},
    {"a{,3}", "want {n}"},
    {"a{", "want {n}"},
    {"}", "\\ is missing"},
    {"^*", "cannot be repeated"},
    {"(^a)?b", "cannot be repeated"},
    {"a^b", "not at the edge"},
    {"a$b", "not at the edge"},
    {"(?=a)", "look ahead"},
    {"(?!a)", "look ahead"},
    {"(?<=a)", "look behind and named"},
    {"(?P<n>a)", "only (...) and (?:...)"},
    {"(?i)a", "only (...) and (?:...)"},
    {"\\bword\\b", "word boundaries"},
    {"(a)\\1", "back references"},
    {"\\p{L}", "not known to Python"},
    {"\\Aa\\Z", "means the same"},
    {"\\cA", "means the same"},
    {"\\ud800", "surrogate"},
    {"a{1000000000}", "100,000"},
    {"((a{1000}){1000}){1000}", "1,000,000"},
    {"\xff", "UTF-8"},
};

static void test_regexes(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof regexes / sizeof *regexes; i++) {
        struct hob_error err = {0};
        wrong += check_language(constraint_regex(str_of(regexes[i].source), &err), &regexes[i], &err);
    }
    for (size_t i = 0; i < sizeof bad_regexes / sizeof *bad_regexes; i++) {
        struct hob_error err = {0};
        wrong += check_refusal(constraint_regex(str_of(bad_regexes[i].source), &err), &bad_regexes[i], &err);
    }
    assert_int_equal(wrong, 0);
}

static const struct refusal bad_schemas[] = {
    {"3", "schema: /: want a schema"},
    {"{\"type\":\"text\"}", "schema: /: type: want a type"},
    {"{\"properties\":{\"a\":{\"not\":{}}}}", "schema: /properties/a: keyword \"not\" is not supported"},
    {"{\"properties\":{\"a/b\":{\"if\":{}}}}", "schema: /properties/a~1b: keyword \"if\""},
    {"{\"items\":{\"format\":\"regex\"}}", "schema: /items: format: want a format that is known"},
    {"{\"type\":\"integer\",\"format\":\"int32\"}", "schema: /: format: want a format that is known"},
    {"{\"properties\":{\"a\":{\"pattern\":\"(?=b)\"}}}", "schema: /properties/a: pattern: byte 0: look ahead"},
    {"{\"type\":\"array\",\"uniqueItems\":true}", "\"uniqueItems\" is not supported"},
    {"{\"minLength\":-1}", "minLength: want an integer"},
    {"{\"required\":\"a\"}", "required: want an array of strings"},
    {"{\"multipleOf\":0.1,\"type\":\"number\"}", "multipleOf"},
    {"{\"$ref\":\"http://example.com/a\"}", "only references within the schema"},
    {"{\"$ref\":\"other.json\"}", "only references within the schema"},
    {"{\"$ref\":\"#/$defs/none\"}", "leads to no schema"},
    {"{\"$ref\":\"#\"}", "refers to itself"},
    {"{\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#/$defs/a\"}},\"$ref\":\"#/$defs/a\"}",
     "refers to itself"},
    {"{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]}", "left recursion"},
    {"{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}", "branches 0 and 1 may both match"},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}", "no text can match"},
    {"{\"type\":\"string\",\"minLength\":5,\"maxLength\":4}", "no text can match"},
    {"{\"type\":\"object\",\"minProperties\":3}", "minProperties: 3"},
    {"{\"properties\":[]}", "properties: want an object of schemas"},
    {"{\"x-made-up\":1}", "keyword \"x-made-up\" is not supported"},
};

static void test_bad_schemas(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof bad_schemas / sizeof *bad_schemas; i++) {
        struct hob_error err = {0};
        wrong +=
            check_refusal(constraint_schema_text(str_of(bad_schemas[i].source), "schema", &err), &bad_schemas[i], &err);
    }
    assert_int_equal(wrong, 0);
}

static void test_choices(void **state)
{
    static const struct str texts[] = {{"yes", 3}, {"yes please", 10}, {"no", 2}, {"no", 2}, {"\xe6\x97\xa5", 3}};
    static const struct language language = {
        "choices", {"yes", "yes please", "no", "\xe6\x97\xa5"}, {"", "yes ", "n"}, {"y ", "noo"}};
    struct hob_error err = {0};
    (void)state;
    assert_int_equal(check_language(constraint_choices(texts, 5, &err), &language, &err), 0);
    assert_null(constraint_choices(texts, 0, &err));
    assert_int_equal(err.status, HOB_FORMAT);
}

static void test_json_object(void **state)
{
    static const struct language language = {
        "json-object",
        {"{}", "{\"a\":[1,-2.5e+30,\"\\u00e9\\n\"],\"b\":{\"c\":null}}", "{\n  \"a\": true\n}"},
        {"{", "{\"a\":{\"b\":[[["},
        {"[]", " {}", "{\"a\":1,}", "{\"a\":01}", "{'a':1}", "{\n\n}", "{\"a\":1} "}};
    struct hob_error err = {0};
    (void)state;
    assert_int_equal(check_language(constraint_json_object(&err), &language, &err), 0);
}

static void test_position(void **state)
{
    struct hob_error err = {0};
    (void)state;
    struct grammar *grammar = constraint_regex(STR("ab\xc3\xa9+c"), &err);
    struct matcher *matcher = matcher_new(grammar, NULL, false, NULL);
    size_t at = 99;
    assert_true(matcher_text(matcher, STR("ab\xc3"), &at));
    assert_false(matcher_whole(matcher));
    assert_true(matcher_text(matcher, STR("\xa9"), &at));
    assert_false(matcher_text(matcher, STR("\xc3\xa9x"), &at));
    assert_int_equal(at, 2);
    assert_false(matcher_whole(matcher));
    assert_false(matcher_text(matcher, STR("c"), &at)); /* lost is lost */
    matcher_reset(matcher);
    assert_true(matcher_text(matcher,
                             STR("ab\xc3\xa9"
                                 "c"),
                             &at));
    assert_true(matcher_whole(matcher));
    assert_true(matcher_ended(matcher));
    matcher_free(matcher);
    grammar_free(grammar);
}

static bool allows(struct matcher *matcher, int32_t id)
{
    return matcher_mask(matcher)[id / 32] >> (id % 32) & 1;
}

static int32_t find(const struct tokenizer *tokenizer, const char *text)
{
    int32_t id = tokenizer_find(tokenizer, str_of(text));
    assert_true(id >= 0);
    return id;
}

/* End of generation only where the grammar accepts; control tokens only where they are named. */
static void test_control(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = load_tokenizer("llama3");
    struct token_trie *trie = token_trie_new(tokenizer, tokenizer_size(tokenizer), NULL);
    int32_t eot = find(tokenizer, "<|eot_id|>"), header = find(tokenizer, "<|begin_of_text|>");
    int32_t a = find(tokenizer, "a"), b = find(tokenizer, "b");
    struct hob_error err = {0};
    struct grammar *grammar = constraint_gbnf(STR("root ::= \"a\" <|begin_of_text|> [ab]* "), tokenizer, &err);
    struct matcher *matcher = matcher_new(grammar, trie, false, NULL);
    assert_true(tokenizer_is_eog(tokenizer, eot));
    assert_true(allows(matcher, a) && !allows(matcher, b) && !allows(matcher, header) && !allows(matcher, eot));
    assert_true(matcher_accept(matcher, a));
    assert_true(allows(matcher, header) && !allows(matcher, a) && !allows(matcher, eot));
    assert_true(matcher_accept(matcher, header));
    assert_true(allows(matcher, a) && allows(matcher, b) && allows(matcher, eot) && !allows(matcher, header));
    assert_true(matcher_whole(matcher) && !matcher_ended(matcher));
    assert_true(matcher_accept(matcher, eot));
    assert_true(matcher_ended(matcher) && allows(matcher, eot) && !allows(matcher, a));
    assert_false(matcher_accept(matcher, a));
    matcher_reset(matcher);
    assert_false(matcher_accept(matcher, header));
    assert_false(allows(matcher, a)); /* lost: nothing is allowed */
    matcher_free(matcher);
    grammar_free(grammar);
    /* The text of a control token does not stand for it. */
    grammar = constraint_gbnf(STR("root ::= \"<|eot_id|>\""), tokenizer, &err);
    matcher = matcher_new(grammar, trie, false, NULL);
    assert_true(!allows(matcher, eot) && allows(matcher, find(tokenizer, "<")));
    matcher_free(matcher);
    grammar_free(grammar);
    assert_null(constraint_gbnf(STR("root ::= <|none|>"), tokenizer, &err));
    assert_null(constraint_gbnf(STR("root ::= <[999999]>"), tokenizer, &err));
    token_trie_free(trie);
    tokenizer_free(tokenizer);
}

/* A reply that is free until its trigger, and then is not. */
static void test_trigger(void **state)
{
    (void)state;
    struct grammar_builder *b = grammar_begin(NULL);
    struct str trigger = STR("</think>");
    uint32_t free_text = grammar_without(b, &trigger, 1);
    uint32_t then = grammar_choices(b, (struct str[]){STR("yes"), STR("no")}, 2);
    uint32_t gap = grammar_repeat(b, grammar_literal(b, STR("\n")), 0, 2);
    struct grammar *grammar =
        grammar_finish(b, grammar_seq(b, (uint32_t[]){free_text, grammar_literal(b, trigger), gap, then}, 4), NULL);
    struct language language = {"trigger",
                                {"</think>yes", "hm </thin </think>\n\nno", "<</think>no"},
                                {"", "anything \xff at all", "a</think>\n"},
                                {"</think>maybe", "</think>\n\n\nno", "a</think>no</think>"}};
    assert_int_equal(check_language(grammar, &language, NULL), 0);
}

/* SentencePiece drops the space at the start of a text, and the matcher with it. */
static void test_text_start(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = load_tokenizer("llama2");
    struct token_trie *trie = token_trie_new(tokenizer, tokenizer_size(tokenizer), NULL);
    struct hob_error err = {0};
    struct grammar *grammar = constraint_regex(STR("t| +t"), &err);
    int32_t with_space = find(tokenizer, "\xe2\x96\x81t"), without = find(tokenizer, "t");
    struct matcher *start = matcher_new(grammar, trie, true, NULL), *later = matcher_new(grammar, trie, false, NULL);
    assert_true(allows(start, with_space) && allows(start, without));
    assert_true(allows(later, with_space) && allows(later, without));
    assert_true(matcher_accept(start, with_space) && matcher_ended(start));
    grammar_free(NULL);
    matcher_free(start);
    matcher_free(later);
    grammar_free(grammar);
    grammar = constraint_regex(STR("t"), &err);
    start = matcher_new(grammar, trie, true, NULL);
    later = matcher_new(grammar, trie, false, NULL);
    assert_true(allows(start, with_space) && allows(start, without));
    assert_true(!allows(later, with_space) && allows(later, without));
    matcher_free(start);
    matcher_free(later);
    grammar_free(grammar);
    token_trie_free(trie);
    tokenizer_free(tokenizer);
}

/* Deep nesting and long texts: the tables are emptied on the way, and nothing is lost. */
static void test_long(void **state)
{
    enum { DEPTH = 20000, N_TEXT = 300000 };
    (void)state;
    struct hob_error err = {0};
    struct grammar *grammar =
        constraint_gbnf(STR("root ::= \"(\" root \")\" | \"[\" root \"]\" | [a-z]{0,100000}"), NULL, &err);
    struct matcher *matcher = matcher_new(grammar, NULL, false, NULL);
    char *text = malloc(N_TEXT);
    assert_non_null(matcher);
    for (size_t i = 0; i < DEPTH; i++)
        text[i] = i % 3 ? '(' : '[';
    for (size_t i = 0; i < 100000; i++)
        text[DEPTH + i] = (char)('a' + i % 26);
    for (size_t i = 0; i < DEPTH; i++)
        text[DEPTH + 100000 + i] = (DEPTH - 1 - i) % 3 ? ')' : ']';
    size_t n = 2 * DEPTH + 100000, at;
    for (size_t i = 0; i < n; i += 1000)
        assert_true(matcher_text(matcher, (struct str){text + i, i + 1000 < n ? 1000 : n - i}, &at));
    assert_true(matcher_whole(matcher) && matcher_ended(matcher));
    free(text);
    matcher_free(matcher);
    grammar_free(grammar);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gbnf),    cmocka_unit_test(test_regexes),     cmocka_unit_test(test_bad_schemas),
        cmocka_unit_test(test_choices), cmocka_unit_test(test_json_object), cmocka_unit_test(test_position),
        cmocka_unit_test(test_control), cmocka_unit_test(test_trigger),     cmocka_unit_test(test_text_start),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
