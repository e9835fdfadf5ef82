/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokenizers against the libraries of their publishers: goldens made by tools/tokenizer_goldens.py, and the
 * vocabularies of ../shared/tokenizers where that folder is there.
 */
#include "vocabularies.h"

#include "formats/gguf.h"
#include "text/tokenizer/files.h"

#define SHARED "../shared/tokenizers/"

static uint32_t hash_ids(const struct ids *ids)
{
    uint32_t value = 0x811c9dc5;
    for (size_t i = 0; i < ids->len; i++)
        for (unsigned shift = 0; shift < 32; shift += 8)
            value = (value ^ ((uint32_t)ids->ptr[i] >> shift & 0xff)) * 0x01000193;
    return value;
}

/* Replays the golden lines; `hashes` has "special" and "plain", eight hex digits a line. Where `exact`, what was
 * encoded without special tokens decodes to the line again. */
static void replay(const char *name, const struct tokenizer *tokenizer, const json_t *hashes, bool exact)
{
    json_t *lines = load_golden("lines.json");
    size_t n_wrong = 0, n_done = 0;
    for (unsigned special = 0; special < 2; special++) {
        struct str want = json_span(json_object_get(hashes, special ? "special" : "plain"));
        for (size_t i = 0; i < json_array_size(lines) && want.len == 8 * json_array_size(lines); i++) {
            struct str line = json_span(json_array_get(lines, i));
            char hash[9];
            if (want.ptr[8 * i] == '-')
                continue;
            struct ids ids = encode(tokenizer, line, special);
            snprintf(hash, sizeof(hash), "%08x", hash_ids(&ids));
            struct buf text = decode(tokenizer, &ids);
            bool wrong = memcmp(hash, want.ptr + 8 * i, 8) != 0;
            bool lost = exact && !special && !str_eq(buf_view(&text), line);
            if ((wrong || lost) && n_wrong++ < 5) {
                print_error("%s, line %zu %s: %.*s\n  ids:", name, i, wrong ? "other ids" : "does not come back",
                            (int)line.len, line.ptr);
                for (size_t k = 0; k < ids.len && k < 40; k++)
                    print_error(" %d", ids.ptr[k]);
                print_error("\n");
            }
            n_done++;
            buf_clear(&text);
            ids_clear(&ids);
        }
    }
    json_decref(lines);
    assert_int_equal(n_wrong, 0);
    assert_true(n_done >= 1000);
}

static const struct {
    const char *name, *pre;
    bool exact; /* nothing is normalized away */
} families[] = {
    {"llama3", "llama-bpe", true}, {"smollm2", "smollm", true}, {"qwen2", "qwen2", false},   {"gemma3", NULL, false},
    {"llama2", NULL, false},       {"bert", NULL, false},       {"bert-cased", NULL, false}, {"xlmr", NULL, false},
};

static void test_json(void **state)
{
    (void)state;
    json_t *hashes = load_golden("hashes.json");
    for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
        struct tokenizer *tokenizer = load_tokenizer(families[i].name);
        replay(families[i].name, tokenizer, json_object_get(hashes, families[i].name), families[i].exact);
        tokenizer_free(tokenizer);
    }
    json_decref(hashes);
}

/* The same vocabularies and goldens, told as a GGUF file tells them. */
static void test_named_pretokenizers(void **state)
{
    (void)state;
    json_t *hashes = load_golden("hashes.json");
    for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
        if (!families[i].pre)
            continue;
        char file[64];
        struct vocabulary v;
        struct hob_error err = {0};
        snprintf(file, sizeof(file), "%s.json", families[i].name);
        vocabulary_from_json(&v, file, families[i].pre);
        struct tokenizer *tokenizer = tokenizer_new(&v.vocab, &err);
        vocabulary_free(&v);
        if (!tokenizer)
            fail_msg("%s", err.text);
        replay(families[i].pre, tokenizer, json_object_get(hashes, families[i].name), families[i].exact);
        tokenizer_free(tokenizer);
    }
    json_decref(hashes);
}

static void test_sentencepiece(void **state)
{
    (void)state;
    struct vocabulary v;
    vocabulary_spm(&v);
    struct hob_error err = {0};
    struct tokenizer *tokenizer = tokenizer_new(&v.vocab, &err);
    vocabulary_free(&v);
    if (!tokenizer)
        fail_msg("%s", err.text);
    json_t *hashes = load_golden("hashes.json");
    replay("spm", tokenizer, json_object_get(hashes, "spm"), true);
    json_decref(hashes);
    tokenizer_free(tokenizer);
}

/* Vocabularies in the other formats that publishers use. */
static void test_files(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool exact;
    } files[] = {
        {"tekken.json", true}, {"cl100k-small.tiktoken", true}, {"unigram.model", false}, {"bpe.model", false}};
    json_t *hashes = load_golden("hashes.json");
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        char path[128];
        struct buf bytes = {0};
        struct hob_error err = {0};
        snprintf(path, sizeof(path), FOLDER "%s", files[i].name);
        assert_true(file_load(path, 1 << 20, &bytes, NULL));
        struct tokenizer *tokenizer =
            tokenizer_from_file(buf_view(&bytes), str_of(files[i].name), &(struct tokenizer_config){0}, &err);
        buf_clear(&bytes);
        if (!tokenizer)
            fail_msg("%s: %s", files[i].name, err.text);
        replay(files[i].name, tokenizer, json_object_get(hashes, files[i].name), files[i].exact);
        tokenizer_free(tokenizer);
    }
    json_decref(hashes);
}

/* A real vocabulary; false when it or the program that unpacks it is not there. */
static bool replay_shared(const char *name, const json_t *hashes)
{
    char path[256], command[512];
    snprintf(path, sizeof(path), SHARED "%s/tokenizer.json.xz", name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    fclose(file);
    snprintf(command, sizeof(command), "xz -dc %s", path);
    FILE *pipe = popen(command, "r");
    struct buf text = {0};
    char block[65536];
    for (size_t n; pipe && (n = fread(block, 1, sizeof(block), pipe)) > 0;)
        buf_add(&text, block, n);
    if (pipe)
        pclose(pipe);
    json_t *root = text.len ? json_read(buf_view(&text), path, NULL) : NULL;
    buf_clear(&text);
    if (!root)
        return false;
    struct hob_error err = {0};
    struct tokenizer *tokenizer = tokenizer_from_json(root, NULL, NULL, 0, &err);
    json_decref(root);
    if (!tokenizer)
        fail_msg("%s: %s", name, err.text);
    replay(name, tokenizer, hashes, false);
    tokenizer_free(tokenizer);
    return true;
}

static void test_shared(void **state)
{
    (void)state;
    json_t *all = load_golden("hashes-shared.json");
    size_t n_done = 0;
    const char *name;
    json_t *hashes;
    json_object_foreach(all, name, hashes) n_done += replay_shared(name, hashes);
    json_decref(all);
    if (n_done == 0)
        skip();
}

/* Fills `v` from the metadata of a GGUF file. */
static void vocabulary_from_gguf_file(struct vocabulary *v, const struct gguf *gguf)
{
    const struct gguf_value *tokens = gguf_find(gguf, "tokenizer.ggml.tokens");
    const struct gguf_value *types = gguf_find(gguf, "tokenizer.ggml.token_type");
    const struct gguf_value *scores = gguf_find(gguf, "tokenizer.ggml.scores");
    const struct gguf_value *merges = gguf_find(gguf, "tokenizer.ggml.merges");
    *v = (struct vocabulary){0};
    assert_true(vocab_defaults(&v->vocab, gguf_find(gguf, "tokenizer.ggml.model")->s,
                               gguf_find(gguf, "tokenizer.ggml.pre")->s, NULL));
    v->types = calloc(tokens->n, 1);
    v->scores = calloc(tokens->n, sizeof(*v->scores));
    for (size_t i = 0; i < tokens->n; i++) {
        v->types[i] = (uint8_t)gguf_array_int(types, i);
        v->scores[i] = scores ? (float)gguf_array_float(scores, i) : 0;
    }
    v->vocab.n_tokens = tokens->n;
    v->vocab.tokens = tokens->strings;
    v->vocab.types = v->types;
    v->vocab.scores = v->scores;
    v->vocab.n_merges = merges ? merges->n : 0;
    v->vocab.merges = merges ? merges->strings : NULL;
}

/* The texts of NAME.inp, each followed by a line of its own, and their ids in NAME.out. */
static void replay_gguf(const char *path, const struct tokenizer *tokenizer)
{
    char file[512];
    struct buf texts = {0}, ids = {0};
    snprintf(file, sizeof(file), "%s.inp", path);
    assert_true(file_load(file, 1 << 20, &texts, NULL));
    snprintf(file, sizeof(file), "%s.out", path);
    assert_true(file_load(file, 1 << 20, &ids, NULL));
    struct str mark = STR("\n__ggml_vocab_test__\n"), all = buf_view(&texts);
    const char *want = buf_text(&ids);
    size_t n = 0;
    for (size_t at = 0, end; (end = str_find(all, mark, at)) != SIZE_MAX; at = end + mark.len, n++) {
        struct ids got = encode(tokenizer, (struct str){all.ptr + at, end - at}, false);
        for (size_t i = 0; i < got.len; i++) {
            char *next;
            assert_int_equal(got.ptr[i], strtol(want, &next, 10));
            want = next;
        }
        assert_true(*want == '\n' || *want == '\0');
        want += *want == '\n';
        ids_clear(&got);
    }
    assert_true(n > 40);
    buf_clear(&texts);
    buf_clear(&ids);
}

static void test_vocab_gguf(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt-2", "llama-spm", "deepseek-llm", "bert-bge"};
    size_t n_done = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char path[256];
        snprintf(path, sizeof(path), SHARED "vocab-gguf/ggml-vocab-%s.gguf", names[i]);
        if (!file_exists(path))
            continue;
        struct hob_error err = {0};
        struct gguf *gguf = gguf_open(path, &err);
        if (!gguf)
            fail_msg("%s: %s", path, err.text);
        struct vocabulary v;
        vocabulary_from_gguf_file(&v, gguf);
        struct tokenizer *tokenizer = tokenizer_new(&v.vocab, &err);
        vocabulary_free(&v);
        gguf_close(gguf);
        if (!tokenizer)
            fail_msg("%s: %s", path, err.text);
        replay_gguf(path, tokenizer);
        tokenizer_free(tokenizer);
        n_done++;
    }
    if (n_done == 0)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),          cmocka_unit_test(test_named_pretokenizers),
        cmocka_unit_test(test_sentencepiece), cmocka_unit_test(test_files),
        cmocka_unit_test(test_shared),        cmocka_unit_test(test_vocab_gguf),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
