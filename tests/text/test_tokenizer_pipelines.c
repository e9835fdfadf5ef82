/* SPDX-License-Identifier: Apache-2.0
 *
 * Random compositions of the components of tokenizer.json give what the `tokenizers` library makes of them: ids with
 * and without special tokens, the frame, and the text that comes back. Goldens: tools/pipeline_goldens.py.
 */
#include "vocabularies.h"

static uint32_t hash_more(uint32_t hash, const void *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ ((const uint8_t *)data)[i]) * 0x01000193u;
    return hash;
}

/* The ids of a line are appended to `ids`. Bytes without a token are left out, as in the library. */
static bool encode_more(const struct tokenizer *tokenizer, struct str line, bool special, bool frame, struct ids *ids,
                        struct hob_error *err)
{
    size_t lost;
    struct encode_options options = {.special = special, .add_bos = frame, .add_eos = frame, .n_lost = &lost};
    return tokenizer_encode(tokenizer, line, &options, ids, err);
}

/* What tools/pipeline_goldens.py calls hash_line(). */
static bool hash_line(const struct tokenizer *tokenizer, struct str line, uint32_t *hash, struct hob_error *err)
{
    static const bool special[] = {true, false, true}, frame[] = {false, false, true};
    const int32_t end = -1;
    bool good = true;
    *hash = 0x811c9dc5u;
    for (int i = 0; good && i < 4; i++) {
        struct ids ids = {0};
        good = encode_more(tokenizer, line, special[i % 3], frame[i % 3], &ids, err);
        if (good && i < 3) {
            *hash = hash_more(hash_more(*hash, ids.ptr, ids.len * sizeof *ids.ptr), &end, sizeof end);
        } else if (good) {
            struct buf text = decode(tokenizer, &ids);
            bool is_text = utf8_valid(buf_view(&text)) && str_find(buf_view(&text), STR("\xef\xbf\xbd"), 0) == SIZE_MAX;
            *hash = hash_more(*hash, text.ptr, is_text ? text.len : 0);
            buf_clear(&text);
        }
        ids_clear(&ids);
    }
    return good;
}

/* Puts the text of the charsmap where a component says "MAP". */
static void fill_charsmap(json_t *node, json_t *charsmap)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(node, "normalizers"), i, item) fill_charsmap(item, charsmap);
    if (json_object_get(node, "precompiled_charsmap"))
        json_object_set(node, "precompiled_charsmap", charsmap);
}

/* The tokenizer.json of a pipeline. The caller owns the reference. */
static json_t *compose(const json_t *golden, json_t *pipeline)
{
    const char *base = json_string_value(json_object_get(pipeline, "base"));
    char file[64];
    snprintf(file, sizeof file, "%s.json", base);
    json_t *other = load_golden(file);
    json_t *model = json_copy(other ? json_object_get(other, "model") : json_object_get(golden, "words"));
    json_t *root = json_copy(pipeline);
    json_object_update(model, json_object_get(pipeline, "changes"));
    json_object_set_new(root, "model", model);
    fill_charsmap(json_object_get(root, "normalizer"), json_object_get(golden, "charsmap"));
    json_decref(other);
    return root;
}

static void test_pipelines(void **state)
{
    (void)state;
    const char *other = getenv("HOB_TEST_PIPELINES");
    json_t *golden = json_read_file(other ? other : FOLDER "pipelines.json", 1 << 26, NULL);
    assert_non_null(golden);
    json_t *lines = json_object_get(golden, "lines"), *pipelines = json_object_get(golden, "pipelines");
    size_t n_wrong = 0, n_refused = 0, n_lines = json_array_size(lines), n_pipelines = json_array_size(pipelines);
    assert_true(n_lines >= 50 && n_pipelines >= 50);
    for (size_t i = 0; i < n_pipelines; i++) {
        json_t *pipeline = json_array_get(pipelines, i), *root = compose(golden, pipeline);
        struct str want = json_span(json_array_get(json_object_get(golden, "hashes"), i));
        struct hob_error err = {0};
        struct tokenizer *tokenizer = tokenizer_from_json(root, NULL, NULL, 0, &err);
        /* Some orders of decoders cannot stream. */
        bool refused = !tokenizer && strstr(err.text, "decoder: "),
             good = refused || (tokenizer && want.len == 8 * n_lines);
        n_refused += refused;
        size_t k = 0;
        for (; good && tokenizer && k < n_lines; k++) {
            uint32_t hash;
            char text[9];
            good = hash_line(tokenizer, json_span(json_array_get(lines, k)), &hash, &err);
            snprintf(text, sizeof text, "%08x", good ? hash : 0);
            good = good && memcmp(text, want.ptr + 8 * k, 8) == 0;
        }
        if (!good) {
            struct buf shown = {0};
            json_write(pipeline, &shown);
            print_error("pipeline %zu, line %zu: %s\n  %s\n", i, k - 1, err.text, buf_text(&shown));
            buf_clear(&shown);
            n_wrong++;
        }
        tokenizer_free(tokenizer);
        json_decref(root);
    }
    json_decref(golden);
    assert_int_equal(n_wrong, 0);
    assert_true(n_refused * 4 < n_pipelines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pipelines)};
    return cmocka_run_group_tests_name("tokenizer_pipelines", tests, NULL, NULL);
}
