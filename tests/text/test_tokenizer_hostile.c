/* SPDX-License-Identifier: Apache-2.0
 *
 * Vocabularies that are wrong or meant to harm: each is refused with a line that names what is wrong, or does no harm.
 */
#include "vocabularies.h"

#include "text/tokenizer/regex.h"

/* What a case starts from: all byte tokens, some words, two merges. */
struct bent {
    struct vocab vocab;
    struct str tokens[300];
    uint8_t types[300], attributes[300];
    float scores[300];
    struct str merges[4];
    char bytes[256][8];
};

static void make(struct bent *b, const char *model)
{
    *b = (struct bent){0};
    assert_true(vocab_defaults(&b->vocab, str_of(model), STR(""), NULL));
    static const char *const words[] = {"<unk>", "<s>", "</s>", "a", "b", "c", "ab", "abc"};
    static const uint8_t types[] = {TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_CONTROL, 1, 1, 1, 1, 1};
    size_t n = 0;
    for (; n < 8; n++) {
        b->tokens[n] = str_of(words[n]);
        b->types[n] = types[n];
    }
    for (unsigned i = 0; i < 256; i++, n++) {
        b->tokens[n] = (struct str){b->bytes[i], (size_t)snprintf(b->bytes[i], sizeof(b->bytes[i]), "<0x%02X>", i)};
        b->types[n] = TOKEN_BYTE;
    }
    for (size_t i = 0; i < n; i++)
        b->scores[i] = -(float)i;
    b->merges[0] = STR("a b");
    b->merges[1] = STR("ab c");
    b->vocab.n_tokens = n;
    b->vocab.tokens = b->tokens;
    b->vocab.types = b->types;
    b->vocab.scores = b->scores;
    b->vocab.attributes = b->attributes;
    b->vocab.n_merges = 2;
    b->vocab.merges = b->merges;
    b->vocab.bos = 1;
    b->vocab.eos = 2;
    b->vocab.unk = 0;
    b->vocab.add_space_prefix = false;
}

static void refused(const struct bent *b, const char *words)
{
    struct hob_error err = {0};
    struct tokenizer *tokenizer = tokenizer_new(&b->vocab, &err);
    tokenizer_free(tokenizer);
    if (tokenizer)
        fail_msg("not refused: %s", words);
    assert_int_equal(err.status, HOB_FORMAT);
    assert_true(utf8_valid(str_of(err.text)));
    if (!strstr(err.text, words))
        fail_msg("want \"%s\" in \"%s\"", words, err.text);
}

static void test_refused(void **state)
{
    (void)state;
    struct bent b;
    make(&b, "llama");
    b.vocab.n_tokens = 0;
    refused(&b, "0 tokens");
    make(&b, "llama");
    b.types[7] = 7;
    refused(&b, "token 7: type 7");
    make(&b, "llama");
    b.scores[9] = NAN;
    refused(&b, "token 9: its score");
    static const char *const not_bytes[] = {"<0x-1>", "<0xZZ>", "<0x1>", "<0x123>", "0x11", "<0x 1>", "<0x+1>", "x"};
    for (size_t i = 0; i < sizeof(not_bytes) / sizeof(*not_bytes); i++) {
        for (unsigned k = 0; k < 2; k++) {
            make(&b, k ? "gpt2" : "llama");
            b.tokens[20] = str_of(not_bytes[i]);
            refused(&b, "token 20 is a byte token");
        }
    }
    make(&b, "llama");
    b.vocab.bos = 264;
    refused(&b, "bos_token_id is token 264");
    make(&b, "llama");
    b.vocab.eos = -2;
    refused(&b, "eos_token_id");
    make(&b, "llama");
    b.vocab.unk = INT32_MAX;
    refused(&b, "unknown_token_id");
    make(&b, "gpt2");
    b.vocab.pad = INT32_MIN;
    refused(&b, "padding_token_id");
    make(&b, "gpt2");
    b.vocab.eot = 5000;
    refused(&b, "5000");
    make(&b, "gpt2");
    b.vocab.eog = (int32_t[]){1, 999};
    b.vocab.n_eog = 2;
    refused(&b, "999");
    make(&b, "gpt2");
    b.vocab.pre = STR("no-such-split");
    refused(&b, "no-such-split");
    static const char *const bad_merges[] = {"", "a", "ab", " ", " a", "a x", "x a", "a c", "a b c", "a  b"};
    for (size_t i = 0; i < sizeof(bad_merges) / sizeof(*bad_merges); i++) {
        make(&b, "gpt2");
        b.merges[1] = str_of(bad_merges[i]);
        refused(&b, "merge 1");
    }
    make(&b, "gpt2");
    char *many = calloc(1, 2000);
    memset(many, 'x', 2000);
    b.tokens[1] = (struct str){many, 2000};
    refused(&b, "token 1 has 2000 bytes");
    free(many);
    struct vocab vocab;
    struct hob_error err = {0};
    assert_false(vocab_defaults(&vocab, STR("rwkv"), STR(""), &err));
    assert_non_null(strstr(err.text, "rwkv"));
    assert_false(vocab_defaults(&vocab, STR("gpt2"), STR("zzz"), &err));
    assert_non_null(strstr(err.text, "zzz"));
}

/* What is odd but means something. */
static void test_odd(void **state)
{
    (void)state;
    struct bent b;
    make(&b, "llama");
    b.tokens[4] = STR("a");        /* twice: the first counts */
    b.tokens[5] = (struct str){0}; /* no text: never found */
    b.tokens[6] = STR("\xff\xfe"); /* not UTF-8 */
    b.types[7] = TOKEN_UNUSED;     /* takes part all the same */
    struct hob_error err = {0};
    struct tokenizer *tokenizer = tokenizer_new(&b.vocab, &err);
    if (!tokenizer)
        fail_msg("%s", err.text);
    assert_int_equal(tokenizer_find(tokenizer, STR("a")), 3);
    assert_int_equal(tokenizer_find(tokenizer, STR("")), TOKEN_NONE);
    assert_int_equal(tokenizer_type(tokenizer, 5), TOKEN_UNUSED);
    assert_int_equal(tokenizer_text(tokenizer, 5).len, 0);
    struct ids ids = encode(tokenizer, STR("a\xff\xfe"), true);
    assert_int_equal(ids.ptr[0], 3);
    struct buf back = decode(tokenizer, &ids);
    assert_true(str_eq(buf_view(&back), STR("a\xff\xfe")));
    buf_clear(&back);
    ids_clear(&ids);
    tokenizer_free(tokenizer);

    /* No types: bytes are known by their names. */
    make(&b, "llama");
    b.vocab.types = NULL;
    tokenizer = tokenizer_new(&b.vocab, &err);
    assert_non_null(tokenizer);
    ids = encode(tokenizer, STR("z"), false);
    assert_int_equal(ids.len, 1);
    assert_int_equal(ids.ptr[0], 8 + 'z');
    ids_clear(&ids);
    tokenizer_free(tokenizer);
}

/* Neither merges nor scores lead from text to a control token. */
static void test_no_way_to_control(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        struct bent b;
        make(&b, k ? "gpt2" : "llama");
        b.tokens[7] = STR("ab");
        b.tokens[6] = STR("abc");
        b.types[6] = TOKEN_CONTROL;
        b.tokens[5] = STR("c");
        b.types[4] = TOKEN_NORMAL;
        b.vocab.ignore_merges = k;
        struct hob_error err = {0};
        struct tokenizer *tokenizer = tokenizer_new(&b.vocab, &err);
        if (!tokenizer)
            fail_msg("%s", err.text);
        struct ids ids = encode(tokenizer, STR("abc"), false);
        assert_int_equal(ids.len, 2);
        assert_int_equal(ids.ptr[0], 7);
        ids_clear(&ids);
        ids = encode(tokenizer, STR("abc"), true);
        assert_int_equal(ids.len, 1);
        ids_clear(&ids);
        tokenizer_free(tokenizer);
    }
}

static void json_case(const char *text, const char *words)
{
    struct hob_error err = {0};
    json_t *root = json_read(str_of(text), "case", &err);
    if (!root)
        fail_msg("%s: %s", err.text, text);
    struct tokenizer *tokenizer = tokenizer_from_json(root, NULL, NULL, 0, &err);
    json_decref(root);
    tokenizer_free(tokenizer);
    if (!words) {
        if (!tokenizer)
            fail_msg("%s: %s", err.text, text);
        return;
    }
    if (tokenizer)
        fail_msg("not refused: %s", text);
    assert_int_equal(err.status, HOB_FORMAT);
    if (!strstr(err.text, words))
        fail_msg("want \"%s\" in \"%s\"", words, err.text);
}

#define MODEL      "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}"
#define WITH(rest) "{" rest "," MODEL "}"

static void test_json_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"[]", "model"},
        {"{}", "model"},
        {"{\"model\":3}", "model"},
        {"{\"model\":{}}", "model.vocab"},
        {"{\"model\":{\"type\":\"Magic\",\"vocab\":{\"a\":0}}}", "Magic"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]}}", "\"a\""},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":2000000000},\"merges\":[]}}", "\"a\""},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":\"x\"},\"merges\":[]}}", "\"a\""},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}", "token 0"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0}}}", "merges"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a b\"]}}", "merge 0"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[[\"a\"]]}}", "merge 0"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[7]}}", "merge 0"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{},\"merges\":[]}}", "0 tokens"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[],\"dropout\":0.1}}", "dropout"},
        {WITH("\"normalizer\":{\"type\":\"Shout\"}"), "normalizer: \"Shout\""},
        {WITH("\"normalizer\":{}"), "normalizer"},
        {WITH("\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"\"}"), "pattern"},
        {WITH("\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"(\"},\"content\":\"\"}"), "regex"},
        {WITH("\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Rot13\"}]}"),
         "Rot13"},
        {WITH("\"pre_tokenizer\":{\"type\":\"Chop\"}"), "pre_tokenizer: \"Chop\""},
        {WITH("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},\"behavior\":\"Eaten\"}"), "Eaten"},
        {WITH("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[z-a]\"},\"behavior\":\"Isolated\"}"),
         "[z-a]"},
        {WITH("\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"__\"}"), "replacement"},
        {WITH("\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"odd\"}"), "odd"},
        {WITH("\"post_processor\":{\"type\":\"Stamp\"}"), "post_processor: \"Stamp\""},
        {WITH("\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\"}}]}"),
         "item 0"},
        {WITH("\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"b\",1],\"cls\":[\"z\",99]}"), "99"},
        {WITH("\"decoder\":{\"type\":\"Guess\"}"), "decoder: \"Guess\""},
        {WITH("\"added_tokens\":[{\"id\":1,\"content\":\"c\"}]"), "token 1"},
        {WITH("\"added_tokens\":[{\"id\":-5,\"content\":\"c\"}]"), "item 0"},
        {WITH("\"added_tokens\":[{\"content\":\"c\"}]"), "item 0"},
        {WITH("\"normalizer\":null,\"pre_tokenizer\":null,\"post_processor\":null,\"decoder\":null"), NULL},
        {WITH("\"added_tokens\":[{\"id\":9,\"content\":\"a\",\"special\":true}]"), NULL},
        {WITH("\"added_tokens\":[{\"id\":9,\"content\":\"\"}]"), NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        json_case(cases[i][0], cases[i][1]);
}

static void test_deep_json(void **state)
{
    (void)state;
    struct buf text = {0};
    buf_str(&text, STR("{" MODEL ",\"normalizer\":"));
    for (unsigned i = 0; i < 20; i++)
        buf_str(&text, STR("{\"type\":\"Sequence\",\"normalizers\":["));
    buf_str(&text, STR("{\"type\":\"NFC\"}"));
    for (unsigned i = 0; i < 20; i++)
        buf_str(&text, STR("]}"));
    buf_byte(&text, '}');
    json_case(buf_text(&text), "Sequence");
    text.len = 0;
    buf_str(&text, STR("{" MODEL ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":["));
    for (unsigned i = 0; i < 1000; i++)
        buf_str(&text, STR("{\"type\":\"NFC\"},"));
    text.len--;
    buf_str(&text, STR("]}}"));
    struct hob_error err = {0};
    json_t *root = json_read(buf_view(&text), "case", NULL);
    assert_null(tokenizer_from_json(root, NULL, NULL, 0, &err));
    assert_int_equal(err.status, HOB_LIMIT);
    json_decref(root);
    buf_clear(&text);
}

static void test_regex_dialect(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"a+?b*|(?:c){2,3}", "a+?b*|(?:c){2,3}"},
        {"\\p{L}\\P{N}\\p{^Lu}", "\\p{L}\\P{N}\\p{^Lu}"},
        {"\\p{Letter}\\p{Han}[\\p{Greek}]", "\\p{L}\\p{sc:Han}[\\p{sc:Greek}]"},
        {"(?i:a)(?m:.)(?=x)(?<!y)", "(?i:a)(?s:.)(?=x)(?<!y)"},
        {"a{,3}b{2}c{", "a{0,3}b{2}c{"},
        {"\\u4E00\\v\\h", "\\x{4E00}\\x{0B}[0-9A-Fa-f]"},
        {"[]a][^]b]", "[\\]a][^\\]b]"},
        {"[a-c&&[b-d]]", "(?:(?=[a-c])(?:[b-d]))"},
        {"[^a[bc]]", "(?:(?!(?:[a]|[bc]))(?s:.))"},
        {"[\\w]", "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]"},
        {"^a$", "^a$"},
    };
    static const char *const rust[][2] = {
        {"\\s++$|^a", NULL},
        {"\\p{N}{1,3}+", "\\p{N}{1,3}+"},
        {"(?s:.)(?i:a)", "(?s:.)(?i:a)"},
        {"[\\w]", "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200C}\\x{200D}]"},
    };
    for (size_t i = 0; i < sizeof(rust) / sizeof(*rust); i++) {
        struct buf out = {0};
        assert_true(regex_translate(str_of(rust[i][0]), REGEX_RUST, &out, NULL));
        if (rust[i][1])
            assert_string_equal(buf_text(&out), rust[i][1]);
        else
            assert_true(str_ends(buf_view(&out), STR("]++\\z|\\Aa")));
        buf_clear(&out);
    }
    assert_null(regex_compile(STR("(?m:a)"), REGEX_RUST, NULL));
    struct buf trailing = {0};
    assert_true(regex_translate(STR("\\s+$"), REGEX_ONIGURUMA, &trailing, NULL));
    assert_true(str_starts(buf_view(&trailing), STR("(?<!")));
    buf_clear(&trailing);
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
        struct buf out = {0};
        struct hob_error err = {0};
        if (!regex_translate(str_of(same[i][0]), REGEX_ONIGURUMA, &out, &err))
            fail_msg("%s: %s", same[i][0], err.text);
        assert_string_equal(buf_text(&out), same[i][1]);
        buf_clear(&out);
    }
    static const char *const refused_patterns[] = {
        "[",         "[a",      "[[:foo:]]", "[[:alpha]",
        "\\",        "\\u12",   "\\Qa\\E",   "(*UTF)a",
        "[\\W]",     "a{1,3}+", "[a&&]",     "(",
        "\\p{Nope}", "\\C",     "(?R",       "[[[[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]]]",
    };
    for (size_t i = 0; i < sizeof(refused_patterns) / sizeof(*refused_patterns); i++) {
        struct hob_error err = {0};
        struct regex *regex = regex_compile(str_of(refused_patterns[i]), REGEX_ONIGURUMA, &err);
        regex_free(regex);
        if (regex)
            fail_msg("not refused: %s", refused_patterns[i]);
        assert_int_equal(err.status, HOB_FORMAT);
    }
}

/* A pattern that takes exponential time ends in an error. */
static void test_regex_limit(void **state)
{
    (void)state;
    struct hob_error err = {0};
    struct regex *regex = regex_compile(STR("(?:a|a?)+?(?:a|a?)+?(?:a|a?)+?(?:a|a?)+?ac"), REGEX_ONIGURUMA, &err);
    assert_non_null(regex);
    char text[4000];
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 2] = 'b';
    text[sizeof(text) - 1] = 'c';
    struct regex_scratch scratch;
    bool matched;
    struct text_span span;
    assert_true(regex_scratch_init(&scratch, NULL));
    assert_false(regex_search(regex, &scratch, (struct str){text, sizeof(text)}, 0, &matched, &span, &err));
    assert_int_equal(err.status, HOB_LIMIT);
    regex_scratch_clear(&scratch);
    regex_free(regex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_odd),       cmocka_unit_test(test_no_way_to_control),
        cmocka_unit_test(test_json_refused), cmocka_unit_test(test_deep_json), cmocka_unit_test(test_regex_dialect),
        cmocka_unit_test(test_regex_limit),
    };
    return cmocka_run_group_tests_name("tokenizer_hostile", tests, NULL, NULL);
}
