/* SPDX-License-Identifier: Apache-2.0
 *
 * What tokenizers promise whatever the vocabulary: streams, trust, attributes of added tokens, ends of generation,
 * bytes that are not UTF-8, and the cost of hostile texts.
 */
#include "vocabularies.h"

#include "base/clock.h"
#include "text/tokenizer/pretokenizer.h"
#include "text/tokenizer/unicode.h"

#if defined(__SANITIZE_ADDRESS__)
#define SLOW_BUILD 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLOW_BUILD 1
#endif
#endif
#ifndef SLOW_BUILD
#define SLOW_BUILD 0
#endif

static uint64_t draw(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static void assert_ids(const struct ids *ids, size_t n, const int32_t *want)
{
    assert_int_equal(ids->len, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(ids->ptr[i], want[i]);
}

/* A byte-level vocabulary of all bytes and then `n` texts of `types`. */
static struct tokenizer *small_tokenizer(size_t n, const char *const *texts, const uint8_t *types,
                                         const uint8_t *attributes)
{
    struct vocab vocab;
    char bytes[256][3];
    struct str tokens[300] = {0};
    uint8_t all_types[300], all_attributes[300] = {0};
    struct hob_error err = {0};
    assert_true(vocab_defaults(&vocab, STR("gpt2"), STR("gpt-2"), NULL));
    for (unsigned i = 0; i < 256; i++) {
        bool shifted = i <= 0x20 || (i >= 0x7f && i <= 0xa0) || i == 0xad;
        unsigned code = !shifted ? i : i <= 0x20 ? 0x100 + i : i <= 0xa0 ? 0x121 + i - 0x7f : 0x143;
        tokens[i] = (struct str){bytes[i], utf8_encode(code, bytes[i])};
        all_types[i] = TOKEN_NORMAL;
    }
    for (size_t i = 0; i < n; i++) {
        tokens[256 + i] = str_of(texts[i]);
        all_types[256 + i] = types[i];
        all_attributes[256 + i] = attributes ? attributes[i] : 0;
    }
    vocab.n_tokens = 256 + n;
    vocab.tokens = tokens;
    vocab.types = all_types;
    vocab.attributes = all_attributes;
    vocab.bos = vocab.eos = TOKEN_NONE;
    struct tokenizer *tokenizer = tokenizer_new(&vocab, &err);
    if (!tokenizer)
        fail_msg("%s", err.text);
    return tokenizer;
}

/* Every split of the ids into calls gives the same bytes, and what is out at any time is whole characters. */
static void test_stream(void **state)
{
    (void)state;
    static const char *const names[] = {"qwen2", "gemma3", "llama2"};
    json_t *lines = load_golden("lines.json");
    for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++) {
        struct tokenizer *tokenizer = load_tokenizer(names[k]);
        for (size_t i = 0; i < json_array_size(lines); i += 3) {
            struct ids ids = encode(tokenizer, json_span(json_array_get(lines, i)), true);
            struct buf whole = {0}, parts = {0};
            struct detokenizer detokenizer = {0};
            for (size_t n = 0; n < ids.len; n++)
                assert_true(tokenizer_piece(tokenizer, ids.ptr[n], true, &whole));
            for (size_t n = 0; n < ids.len; n++) {
                assert_true(detokenizer_add(&detokenizer, tokenizer, ids.ptr[n], true, &parts));
                assert_true(utf8_valid(buf_view(&parts)));
            }
            assert_true(detokenizer_end(&detokenizer, &parts));
            /* "llama2" drops the space that its normalizer put first. */
            bool drops = k == 2 && whole.len && whole.ptr[0] == ' ';
            assert_true(str_eq((struct str){whole.ptr + drops, whole.len - drops}, buf_view(&parts)));
            buf_clear(&whole);
            buf_clear(&parts);
            ids_clear(&ids);
        }
        tokenizer_free(tokenizer);
    }
    json_decref(lines);
}

/* Bytes that are not UTF-8 go in and come out, and the valid text around them is cut as ever. */
static void test_not_utf8(void **state)
{
    (void)state;
    static const char *const names[] = {"llama3", "smollm2", "gemma3", "llama2"};
    uint64_t seed = 20240607;
    for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++) {
        struct tokenizer *tokenizer = load_tokenizer(names[k]);
        for (unsigned round = 0; round < 400; round++) {
            char text[64];
            size_t len = draw(&seed) % sizeof(text);
            for (size_t i = 0; i < len; i++)
                text[i] = draw(&seed) % 3 ? (char)draw(&seed) : "ab \n.<"[draw(&seed) % 6];
            struct ids ids = encode(tokenizer, (struct str){text, len}, round % 2);
            struct buf back = decode(tokenizer, &ids);
            assert_true(str_eq((struct str){text, len}, buf_view(&back)));
            buf_clear(&back);
            ids_clear(&ids);
        }
        tokenizer_free(tokenizer);
    }
}

/* SentencePiece joins unused entries as any other, and then takes them apart; Unigram does without them. */
static void test_unused(void **state)
{
    (void)state;
    static const struct str tokens[] = {{"<unk>", 5}, {"a", 1}, {"b", 1}, {"c", 1}, {"ab", 2}, {"abc", 3}, {"bc", 2}};
    static const uint8_t types[] = {TOKEN_UNKNOWN, TOKEN_NORMAL, TOKEN_NORMAL, TOKEN_NORMAL,
                                    TOKEN_UNUSED,  TOKEN_UNUSED, TOKEN_NORMAL};
    static const float scores[] = {0, -9, -9, -9, -1, -2, -3};
    static const char *const kinds[] = {"llama", "t5"};
    for (size_t i = 0; i < 2; i++) {
        struct vocab vocab;
        assert_true(vocab_defaults(&vocab, str_of(kinds[i]), STR(""), NULL));
        vocab.n_tokens = sizeof tokens / sizeof *tokens;
        vocab.tokens = tokens;
        vocab.types = types;
        vocab.scores = scores;
        vocab.unk = 0;
        vocab.bos = vocab.eos = vocab.pad = TOKEN_NONE;
        vocab.add_space_prefix = false;
        struct tokenizer *tokenizer = tokenizer_new(&vocab, NULL);
        assert_non_null(tokenizer);
        struct ids ids = encode(tokenizer, STR("abcbc"), false);
        if (i == 0) /* "ab" was joined first, so that "bc" could not be */
            assert_ids(&ids, 4, (int32_t[]){1, 2, 3, 6});
        else
            assert_ids(&ids, 3, (int32_t[]){1, 6, 6});
        ids_clear(&ids);
        tokenizer_free(tokenizer);
    }
}

/* Without byte tokens such bytes are refused, and what was there before stays. */
static void test_not_utf8_refused(void **state)
{
    (void)state;
    static const struct str tokens[] = {{"<unk>", 5}, {"a", 1}, {"b", 1}};
    static const uint8_t types[] = {TOKEN_UNKNOWN, TOKEN_NORMAL, TOKEN_NORMAL};
    struct vocab vocab;
    assert_true(vocab_defaults(&vocab, STR("llama"), STR(""), NULL));
    vocab.n_tokens = 3;
    vocab.tokens = tokens;
    vocab.types = types;
    vocab.bos = vocab.eos = TOKEN_NONE;
    vocab.add_space_prefix = false;
    struct tokenizer *tokenizer = tokenizer_new(&vocab, NULL);
    assert_non_null(tokenizer);
    struct ids ids = encode(tokenizer, STR("ab??a"), false);
    assert_ids(&ids, 4, (int32_t[]){1, 2, 0, 1});
    struct hob_error err = {0};
    struct encode_options options = {0};
    assert_false(tokenizer_encode(tokenizer, STR("ab\xff"), &options, &ids, &err));
    assert_int_equal(err.status, HOB_FORMAT);
    assert_non_null(strstr(err.text, "0xFF"));
    assert_int_equal(ids.len, 4);
    ids_clear(&ids);
    tokenizer_free(tokenizer);
}

static void test_special(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = load_tokenizer("qwen2");
    int32_t start = tokenizer_find(tokenizer, STR("<|im_start|>")), think = tokenizer_find(tokenizer, STR("<think>"));
    assert_int_equal(tokenizer_type(tokenizer, start), TOKEN_CONTROL);
    assert_int_equal(tokenizer_type(tokenizer, think), TOKEN_USER_DEFINED);
    for (unsigned special = 0; special < 2; special++) {
        struct ids ids = encode(tokenizer, STR("a<|im_start|>b<think>"), special);
        size_t n_start = 0, n_think = 0;
        for (size_t i = 0; i < ids.len; i++) {
            n_start += ids.ptr[i] == start;
            n_think += ids.ptr[i] == think;
        }
        assert_int_equal(n_start, special);
        assert_int_equal(n_think, 1);
        struct buf out = {0};
        for (size_t i = 0; i < ids.len; i++)
            assert_true(tokenizer_piece(tokenizer, ids.ptr[i], false, &out));
        assert_true(str_eq(buf_view(&out), special ? STR("ab<think>") : STR("a<|im_start|>b<think>")));
        buf_clear(&out);
        ids_clear(&ids);
    }
    tokenizer_free(tokenizer);
}

/* Untrusted spans take control tokens away and change nothing else. */
static void test_trust(void **state)
{
    (void)state;
    static const char *const texts[] = {"<a>", "<a>b", "x>", ">y", "<u>"};
    static const uint8_t types[] = {TOKEN_CONTROL, TOKEN_CONTROL, TOKEN_CONTROL, TOKEN_CONTROL, TOKEN_USER_DEFINED};
    struct tokenizer *tokenizer = small_tokenizer(5, texts, types, NULL);
    static const struct {
        const char *text;
        struct text_span untrusted[2];
        size_t n_untrusted, n;
        int32_t want[8];
    } cases[] = {
        {"<a>z", {{0}}, 0, 2, {256, 'z'}},
        {"<a>z", {{0, 4}}, 1, 4, {'<', 'a', '>', 'z'}},
        {"<a><a>", {{0, 3}}, 1, 4, {'<', 'a', '>', 256}},
        {"<a><a>", {{3, 6}}, 1, 4, {256, '<', 'a', '>'}},
        {"<a><a>", {{0, 1}, {5, 6}}, 2, 6, {'<', 'a', '>', '<', 'a', '>'}},
        /* Across a border in either direction. */
        {"<a>", {{0, 1}}, 1, 3, {'<', 'a', '>'}},
        {"<a>", {{2, 3}}, 1, 3, {'<', 'a', '>'}},
        {"<a>", {{1, 2}}, 1, 3, {'<', 'a', '>'}},
        /* The longest token reaches into a message: the shorter one of the template still counts. */
        {"<a>b", {{3, 4}}, 1, 2, {256, 'b'}},
        {"<a>b", {{0}}, 0, 1, {257}},
        /* A message cannot hide the token of the template after it. */
        {"x>y", {{0, 1}}, 1, 2, {'x', 259}},
        /* User-defined tokens count anywhere. */
        {"<u>", {{0, 3}}, 1, 1, {260}},
        {"<u>", {{1, 2}}, 1, 1, {260}},
        /* Empty spans stand for nothing. */
        {"<a>", {{0, 0}, {3, 3}}, 2, 1, {256}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct encode_options options = {
            .special = true, .untrusted = cases[i].untrusted, .n_untrusted = cases[i].n_untrusted};
        struct ids ids = {0};
        assert_true(tokenizer_encode(tokenizer, str_of(cases[i].text), &options, &ids, NULL));
        assert_ids(&ids, cases[i].n, cases[i].want);
        ids_clear(&ids);
    }
    tokenizer_free(tokenizer);
}

/* A text whose every byte is untrusted becomes what it is without `special`, and a trusted one what it is with it. */
static void test_trust_whole(void **state)
{
    (void)state;
    json_t *lines = load_golden("lines.json");
    struct tokenizer *tokenizer = load_tokenizer("gemma3");
    for (size_t i = 0; i < json_array_size(lines); i++) {
        struct str line = json_span(json_array_get(lines, i));
        struct text_span all = {0, line.len};
        struct encode_options options = {.special = true, .untrusted = &all, .n_untrusted = 1};
        struct ids plain = encode(tokenizer, line, false), untrusted = {0};
        assert_true(tokenizer_encode(tokenizer, line, &options, &untrusted, NULL));
        assert_ids(&untrusted, plain.len, plain.ptr);
        ids_clear(&plain);
        ids_clear(&untrusted);
    }
    tokenizer_free(tokenizer);
    json_decref(lines);
}

static void test_attributes(void **state)
{
    (void)state;
    static const char *const texts[] = {"<l>", "<r>", "<w>", "<lr>"};
    static const uint8_t types[] = {TOKEN_CONTROL, TOKEN_CONTROL, TOKEN_CONTROL, TOKEN_CONTROL};
    static const uint8_t attributes[] = {TOKEN_LSTRIP, TOKEN_RSTRIP, TOKEN_SINGLE_WORD, TOKEN_LSTRIP | TOKEN_RSTRIP};
    static const struct {
        const char *text;
        size_t n;
        int32_t want[8];
    } cases[] = {
        {"a \n\xe3\x80\x80<l> b", 4, {'a', 256, ' ', 'b'}},
        {"a <r> \t\n b", 4, {'a', ' ', 257, 'b'}},
        {"a  <lr>  b", 3, {'a', 259, 'b'}},
        {"  <lr>  ", 1, {259}},
        {"<r>  <l>", 2, {257, 256}},
        {"<w>", 1, {258}},
        {" <w>.", 3, {' ', 258, '.'}},
        {"a<w>", 4, {'a', '<', 'w', '>'}},
        {"<w>_", 4, {'<', 'w', '>', '_'}},
        {"<w>1", 4, {'<', 'w', '>', '1'}},
        {"<w><w>", 2, {258, 258}},
    };
    struct tokenizer *tokenizer = small_tokenizer(4, texts, types, attributes);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct ids ids = encode(tokenizer, str_of(cases[i].text), true);
        assert_ids(&ids, cases[i].n, cases[i].want);
        ids_clear(&ids);
    }
    tokenizer_free(tokenizer);
}

static void test_end_of_generation(void **state)
{
    (void)state;
    static const struct {
        const char *texts[4];
        uint8_t types[4];
        bool want[4];
    } cases[] = {
        {{"<|eot_id|>", "<|im_end|>", "</s>", "<|x|>"}, {3, 3, 3, 3}, {1, 1, 1, 0}},
        /* An ordinary or user-defined "</s>" is HTML. */
        {{"</s>", "<end_of_turn>", "<s>", "y"}, {4, 3, 3, 1}, {0, 1, 0, 0}},
        {{"</s>", "<end_of_turn>", "<|endoftext|>", "y"}, {1, 4, 1, 1}, {0, 0, 1, 0}},
        /* Harmony. */
        {{"<|return|>", "<|call|>", "<|end|>", "<|endoftext|>"}, {3, 3, 3, 3}, {1, 1, 0, 1}},
        {{"<|return|>", "<|calls|>", "<|end|>", "<|endoftext|>"}, {3, 3, 3, 3}, {1, 0, 1, 1}},
        {{"<|tool_response>", "</s>", "<turn|>", "<eos>"}, {4, 3, 3, 3}, {1, 0, 1, 1}},
        {{"<\xef\xbd\x9c"
          "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>",
          "[EOS]", "<EOT>", "<pad>"},
         {3, 3, 3, 3},
         {1, 1, 1, 0}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tokenizer *tokenizer = small_tokenizer(4, cases[i].texts, cases[i].types, NULL);
        for (int32_t k = 0; k < 4; k++) {
            assert_int_equal(tokenizer_is_eog(tokenizer, 256 + k), cases[i].want[k]);
        }
        assert_false(tokenizer_is_eog(tokenizer, -1));
        assert_false(tokenizer_is_eog(tokenizer, 300));
        tokenizer_free(tokenizer);
    }
}

static void test_frame(void **state)
{
    (void)state;
    struct tokenizer *tokenizer = load_tokenizer("llama2");
    assert_true(tokenizer_adds_bos(tokenizer));
    assert_false(tokenizer_adds_eos(tokenizer));
    int32_t bos = tokenizer_bos(tokenizer);
    assert_true(str_eq(tokenizer_text(tokenizer, bos), STR("<s>")));
    struct ids ids = {0};
    struct encode_options options = {.add_bos = true, .add_eos = true};
    assert_true(tokenizer_encode(tokenizer, STR(""), &options, &ids, NULL));
    assert_ids(&ids, 1, &bos);
    ids_clear(&ids);
    tokenizer_free(tokenizer);

    json_t *root = load_golden("qwen2.json");
    json_t *config = json_pack("{s:s, s:{s:s}, s:b, s:b}", "bos_token", "<|im_start|>", "eos_token", "content",
                               "<|im_end|>", "add_bos_token", 1, "add_eos_token", 1);
    int32_t eog = 7;
    tokenizer = tokenizer_from_json(root, config, &eog, 1, NULL);
    assert_non_null(tokenizer);
    assert_true(tokenizer_adds_bos(tokenizer) && tokenizer_adds_eos(tokenizer));
    assert_true(tokenizer_is_eog(tokenizer, 7) && tokenizer_is_eog(tokenizer, tokenizer_eos(tokenizer)));
    int32_t want[] = {tokenizer_bos(tokenizer), tokenizer_eos(tokenizer)};
    assert_true(tokenizer_encode(tokenizer, STR(""), &options, &ids, NULL));
    assert_ids(&ids, 2, want);
    ids_clear(&ids);
    tokenizer_free(tokenizer);
    json_decref(config);
    json_decref(root);
}

/* Texts that make a careless tokenizer quadratic, or deep. */
static void test_cost(void **state)
{
    (void)state;
    enum { N_BYTES = SLOW_BUILD ? 200000 : 1000000, N_LONG = 4, MAX_MS = 20000 };
    /* The first N_LONG are repeated up to a million bytes, the others up to a tenth. */
    static const char *const units[] = {"a",
                                        " ",
                                        "\xf0\x9f\xa6\x99",
                                        "xyzzy",
                                        "\n",
                                        "ab",
                                        " a",
                                        "\xcc\x81",
                                        "1",
                                        "\xcc\x81\xcc\xa3",
                                        "\xff",
                                        "<",
                                        "\t  ",
                                        "'",
                                        "\xe2\x96\x81",
                                        "<|im_start",
                                        "\xe3\x80\x80",
                                        "Aa"};
    static const char *const names[] = {"llama3", "smollm2", "qwen2", "gemma3", "llama2"};
    char *text = malloc(N_BYTES + 64);
    for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++) {
        struct tokenizer *tokenizer = load_tokenizer(names[k]);
        for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
            size_t len = 0, unit = strlen(units[i]);
            for (; len < (i < N_LONG ? N_BYTES : N_BYTES / 10); len += unit)
                memcpy(text + len, units[i], unit);
            double start = clock_ms();
            struct ids ids = encode(tokenizer, (struct str){text, len}, true);
            double took = clock_ms() - start;
            if (took > MAX_MS)
                fail_msg("%s: %zu bytes of \"%s\" take %.0f ms", names[k], len, units[i], took);
            ids_clear(&ids);
        }
        tokenizer_free(tokenizer);
    }
    free(text);
}

/* Every name of the table cuts what no regex of it may choke on. */
static void test_pretokenizers(void **state)
{
    (void)state;
    static const char *const names[] = {
        "llama-bpe",   "llama3",       "dbrx",           "qwen2",  "qwen35", "gpt-2",   "smollm", "tekken", "gpt-4o",
        "deepseek-v3", "deepseek-llm", "deepseek-coder", "falcon", "bloom",  "default", "",       "olmo",   "chameleon",
    };
    enum { N_BYTES = SLOW_BUILD ? 20000 : 200000 };
    static const char *const units[] = {"a", " ", "A", "1", ".", "\n", "\xe4\xb8\xad", " a1.\n", "aA", "\xc2\xa0"};
    assert_null(pretokenizer_find(STR("no-such-split")));
    assert_null(pretokenizer_find(STR("llama")));
    char *text = malloc(N_BYTES + 8);
    for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++) {
        struct vocabulary v;
        struct hob_error err = {0};
        assert_non_null(pretokenizer_find(str_of(names[k])));
        vocabulary_from_json(&v, "smollm2.json", names[k]);
        struct tokenizer *tokenizer = tokenizer_new(&v.vocab, &err);
        vocabulary_free(&v);
        if (!tokenizer)
            fail_msg("%s: %s", names[k], err.text);
        for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
            size_t len = 0;
            for (; len < N_BYTES; len += strlen(units[i]))
                memcpy(text + len, units[i], strlen(units[i]));
            text[len++] = 'x';
            struct ids ids = encode(tokenizer, (struct str){text, len}, false);
            struct buf back = decode(tokenizer, &ids);
            assert_true(str_eq(buf_view(&back), (struct str){text, len}));
            buf_clear(&back);
            ids_clear(&ids);
        }
        tokenizer_free(tokenizer);
    }
    free(text);
}

/* A tokenizer of words with this decoder, and the ids of `words`, each an entry. */
static void expect_decoded(const char *decoder, const char *const *words, const char *want)
{
    json_t *vocab = json_object(), *root;
    struct ids ids = {0};
    for (size_t i = 0; words[i]; i++) {
        if (!json_object_get(vocab, words[i]))
            json_object_set_new(vocab, words[i], json_integer((json_int_t)json_object_size(vocab)));
        assert_true(ids_add(&ids, (int32_t)json_integer_value(json_object_get(vocab, words[i]))));
    }
    root = json_pack("{s:{s:s, s:o, s:s}, s:o}", "model", "type", "WordLevel", "vocab", vocab, "unk_token", words[0],
                     "decoder", json_loads(decoder, JSON_DECODE_ANY, NULL));
    struct hob_error err = {0};
    struct tokenizer *tokenizer = tokenizer_from_json(root, NULL, NULL, 0, &err);
    if (!tokenizer && !strstr(err.text, want))
        fail_msg("%s: %s", decoder, err.text);
    struct buf text = {0};
    if (tokenizer) {
        text = decode(tokenizer, &ids);
        if (!str_eq(buf_view(&text), str_of(want)))
            fail_msg("%s: \"%.*s\", want \"%s\"", decoder, (int)text.len, text.ptr, want);
    }
    buf_clear(&text);
    ids_clear(&ids);
    tokenizer_free(tokenizer);
    json_decref(root);
}

/* What the `tokenizers` library makes of the same tokens; of compositions that it knows and hob does not, the refusal.
 */
static void test_decoders(void **state)
{
    (void)state;
    static const struct {
        const char *decoder, *words[8], *want;
    } cases[] = {
        {"null", {"a", "b", "b"}, "a b b"},
        {"{\"type\":\"Fuse\"}", {"a", "b"}, "ab"},
        {"{\"type\":\"BPEDecoder\",\"suffix\":\"</w>\"}", {"a", "b</w>", "c</w>"}, "ab c"},
        {"{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}", {"##a", "##b", "c", ".", "n't"}, "##ab c.n't"},
        {"{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":false}", {"a", ".", "##b"}, "a .b"},
        {"{\"type\":\"CTC\",\"pad_token\":\"<p>\",\"word_delimiter_token\":\"|\",\"cleanup\":true}",
         {"<p>", "h", "h", "i", "|", "i"},
         "hi i"},
        {"{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"always\"}", {"_a", "_b", "c_"}, "a bc "},
        {"{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"never\"}", {"_a", "_b"}, " a b"},
        {"{\"type\":\"Strip\",\"content\":\"_\",\"start\":1,\"stop\":2}", {"__a__", "_b___"}, "_ab_"},
        {"{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"[aeiou]+\"},\"content\":\"*\"}", {"tea", "tie", "x"}, "t*t*x"},
        {"{\"type\":\"ByteLevel\"}", {"\xc4\xa0x", "\xc3\x83", "\xc2\xa9", "\xe4\xb8\xad"}, " x\xc3\xa9\xe4\xb8\xad"},
        {"{\"type\":\"ByteFallback\"}", {"<0xE4>", "<0xb8>", "<0xAD>", "<0xZZ>"}, "\xe4\xb8\xad<0xZZ>"},
        {"{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"_\"},\"content\":\" \"},"
         "{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" "
         "\",\"start\":2,\"stop\":0}]}",
         {"_", "_", "_a", "<0x0A>"},
         " a\n"},
        {"{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" \",\"start\":0,"
         "\"stop\":1}]}",
         {"a"},
         "decoder: Strip: cannot follow Fuse"},
        {"{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"ByteFallback\"},{\"type\":\"WordPiece\",\"prefix\":\"\"}]}",
         {"a"},
         "decoder: WordPiece: cannot follow ByteFallback"},
        {"{\"type\":\"Nope\"}", {"a"}, "decoder: \"Nope\" is not supported"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        expect_decoded(cases[i].decoder, cases[i].words, cases[i].want);
}

static void test_unicode(void **state)
{
    (void)state;
    static const struct {
        enum unicode_form form;
        const char *text, *want;
    } cases[] = {
        {UNICODE_NFC, "e\xcc\x81", "\xc3\xa9"},
        {UNICODE_NFD, "\xc3\xa9", "e\xcc\x81"},
        {UNICODE_NFC, "\xe1\x84\x80\xe1\x85\xa1", "\xea\xb0\x80"},
        {UNICODE_NFKC, "\xef\xac\x81\xc2\xb2", "fi2"},
        {UNICODE_NFC, "\xe2\x84\xab", "\xc3\x85"},
        {UNICODE_NFC, "a\xcc\x81\xcc\xa3", "\xe1\xba\xa1\xcc\x81"},
        /* Nothing combines across a byte that is not UTF-8. */
        {UNICODE_NFC, "e\xff\xcc\x81", "e\xff\xcc\x81"},
        /* Later than Unicode 9: a letter like any other. */
        {UNICODE_NFC, "a\xe0\xbf\xba\xe0\xba\xba\xcc\x81", "a\xe0\xbf\xba\xe0\xba\xba\xcc\x81"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf out = {0};
        assert_true(unicode_normalize(str_of(cases[i].text), cases[i].form, &out));
        assert_true(str_eq(buf_view(&out), str_of(cases[i].want)));
        buf_clear(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_not_utf8),
        cmocka_unit_test(test_unused),
        cmocka_unit_test(test_not_utf8_refused),
        cmocka_unit_test(test_special),
        cmocka_unit_test(test_trust),
        cmocka_unit_test(test_trust_whole),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_end_of_generation),
        cmocka_unit_test(test_frame),
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_pretokenizers),
        cmocka_unit_test(test_decoders),
        cmocka_unit_test(test_unicode),
    };
    return cmocka_run_group_tests_name("tokenizer_rules", tests, NULL, NULL);
}
