/* SPDX-License-Identifier: Apache-2.0
 *
 * GGUF: what a good file says, what a bad one is refused for, and sets of files.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "container.h"
#include "yardstick.h"

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

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* A file with a value of every type and three tensors, the first two out of order with a gap between them. */
static void build_sample(struct buf *buf, uint32_t version)
{
    put_header(buf, version, 3, 20);
    put_text(buf, "general.architecture", STR("llama"));
    put_number(buf, "u8", GGUF_U8, 200, 1);
    put_number(buf, "i8", GGUF_I8, (uint64_t)-5, 1);
    put_number(buf, "u16", GGUF_U16, 60000, 2);
    put_number(buf, "i16", GGUF_I16, (uint64_t)-6, 2);
    put_number(buf, "u32", GGUF_U32, 4000000000, 4);
    put_number(buf, "i32", GGUF_I32, (uint64_t)-7, 4);
    put_number(buf, "u64", GGUF_U64, 1ull << 40, 8);
    put_number(buf, "i64", GGUF_I64, (uint64_t)-8, 8);
    put_number(buf, "huge", GGUF_U64, UINT64_MAX, 8);
    put_number(buf, "f32", GGUF_F32, 0x3fc00000, 4);
    put_number(buf, "f64", GGUF_F64, bits_of(0.1), 8);
    put_number(buf, "nan", GGUF_F32, 0x7fc00000, 4);
    put_number(buf, "true", GGUF_BOOL, 1, 1);
    put_number(buf, "false", GGUF_BOOL, 0, 1);
    put_text(buf, "empty", STR(""));
    put_array(buf, "strings", GGUF_STRING, 3);
    put_string(buf, STR("a"));
    put_string(buf, STR(""));
    put_string(buf, STR("\xff\0c"));
    put_array(buf, "i16s", GGUF_I16, 2);
    put_le(buf, 1, 2);
    put_le(buf, (uint64_t)-2, 2);
    put_array(buf, "f32s", GGUF_F32, 1);
    put_le(buf, 0x3fc00000, 4);
    put_array(buf, "none", GGUF_U8, 0);
    put_tensor(buf, "second", 256, 2, QUANT_Q4_K, 320);
    put_tensor(buf, "first", 5, 0, QUANT_F32, 0);
    put_tensor(buf, "last", 32, 3, QUANT_Q8_0, 704);
    put_padding(buf, 32);
    put_zeros(buf, 704 + 3 * 34);
}

static void every_type_is_read(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        struct buf buf = {0};
        struct hob_error err = {0};
        build_sample(&buf, version);
        struct gguf *gguf = gguf_open(put_file("sample.gguf", buf_view(&buf)), &err);
        if (!gguf)
            fail_msg("%s", err.text);
        assert_string_equal(gguf_name(gguf), "sample.gguf");
        static const struct {
            const char *key;
            int64_t want;
        } ints[] = {{"u8", 200},         {"i8", -5},  {"u16", 60000},     {"i16", -6},
                    {"u32", 4000000000}, {"i32", -7}, {"u64", 1ll << 40}, {"i64", -8}};
        for (size_t i = 0; i < sizeof(ints) / sizeof(*ints); i++) {
            int64_t got = 0;
            double real = 0;
            assert_true(gguf_get_int(gguf, ints[i].key, INT64_MIN, INT64_MAX, &got, &err));
            assert_true(gguf_get_float(gguf, ints[i].key, -1e18, 1e18, &real, &err));
            assert_true(got == ints[i].want && real == (double)ints[i].want);
        }
        double real = 0;
        bool flag = false;
        struct str text = {0};
        assert_true(gguf_get_float(gguf, "f32", 0, 2, &real, &err) && real == 1.5);
        assert_true(gguf_get_float(gguf, "f64", 0, 2, &real, &err) && real == 0.1);
        assert_true(gguf_find(gguf, "huge")->huge && gguf_find(gguf, "huge")->f == 18446744073709551616.0);
        assert_true(gguf_get_bool(gguf, "true", &flag, &err) && flag);
        assert_true(gguf_get_bool(gguf, "false", &flag, &err) && !flag);
        assert_true(gguf_get_string(gguf, "general.architecture", &text, &err) && str_eq(text, STR("llama")));
        assert_true(gguf_get_string(gguf, "empty", &text, &err) && text.len == 0);
        const struct gguf_value *array = gguf_find(gguf, "strings");
        assert_true(array->n == 3 && array->strings[1].len == 0 && str_eq(array->strings[2], STR("\xff\0c")));
        array = gguf_find(gguf, "i16s");
        assert_true(array->n == 2 && gguf_array_int(array, 1) == -2 && gguf_array_float(array, 1) == -2);
        assert_true(gguf_array_float(gguf_find(gguf, "f32s"), 0) == 1.5);
        assert_true(gguf_find(gguf, "none")->n == 0);
        size_t n;
        const struct gguf_entry *entries = gguf_entries(gguf, &n);
        assert_true(n == 20 && str_eq(entries[19].key, STR("none")));
        gguf_close(gguf);
        buf_clear(&buf);
    }
}

static void tensors_are_placed(void **state)
{
    (void)state;
    struct buf buf = {0};
    build_sample(&buf, 3);
    struct gguf *gguf = gguf_open(put_file("sample.gguf", buf_view(&buf)), NULL);
    assert_non_null(gguf);
    size_t n, n_files = 0;
    const struct tensor_info *tensors = gguf_tensors(gguf, &n);
    assert_int_equal(n, 3);
    const struct tensor_info *t = gguf_tensor(gguf, STR("second"));
    assert_true(t == &tensors[0] && t->n_dims == 2 && t->ne[0] == 256 && t->ne[1] == 2 && t->ne[2] == 1);
    assert_true(t->type->id == QUANT_Q4_K && t->bytes == 2 * 144 && t->file == gguf_files(gguf, &n_files)[0]);
    assert_int_equal(n_files, 1);
    assert_int_equal(gguf_tensor(gguf, STR("last"))->offset + 3 * 34, buf.len);
    assert_int_equal(t->offset - gguf_tensor(gguf, STR("first"))->offset, 320);
    assert_null(gguf_tensor(gguf, STR("absent")));
    gguf_close(gguf);
    gguf_close(NULL);
    buf_clear(&buf);
}

static void getters_name_key_range_and_value(void **state)
{
    (void)state;
    struct buf buf = {0};
    struct hob_error err = {0};
    build_sample(&buf, 3);
    struct gguf *gguf = gguf_open(put_file("sample.gguf", buf_view(&buf)), NULL);
    assert_non_null(gguf);
    int64_t number = 42;
    double real = 42;
    bool flag = true;
    struct str text = STR("default");
    assert_true(gguf_get_int(gguf, "absent", 0, 1, &number, &err) && number == 42);
    assert_true(gguf_get_float(gguf, "absent", 0, 1, &real, &err) && real == 42);
    assert_true(gguf_get_bool(gguf, "absent", &flag, &err) && flag);
    assert_true(gguf_get_string(gguf, "absent", &text, &err) && str_eq(text, STR("default")));
    assert_false(gguf_get_int(gguf, "u8", 1, 100, &number, &err));
    assert_string_equal(err.text, "sample.gguf: u8: u8 200, want an integer from 1 to 100");
    assert_int_equal(err.status, HOB_FORMAT);
    assert_false(gguf_get_int(gguf, "f32", 1, 100, &number, &err));
    assert_string_equal(err.text, "sample.gguf: f32: f32 1.5, want an integer from 1 to 100");
    assert_false(gguf_get_int(gguf, "huge", INT64_MIN, INT64_MAX, &number, &err));
    assert_false(gguf_get_int(gguf, "true", 0, 1, &number, &err));
    assert_false(gguf_get_float(gguf, "nan", -INFINITY, INFINITY, &real, &err));
    assert_string_equal(err.text, "sample.gguf: nan: f32 nan, want a number from -inf to inf");
    assert_false(gguf_get_float(gguf, "strings", 0, 1, &real, &err));
    assert_string_equal(err.text, "sample.gguf: strings: array of 3 string, want a number from 0 to 1");
    assert_false(gguf_get_bool(gguf, "u8", &flag, &err));
    assert_false(gguf_get_string(gguf, "i32", &text, &err));
    assert_string_equal(err.text, "sample.gguf: i32: i32 -7, want a string");
    assert_false(gguf_get_string(gguf, "i32", &text, NULL));
    assert_true(number == 42 && real == 42 && flag && str_eq(text, STR("default")));
    gguf_close(gguf);
    buf_clear(&buf);
}

/* Whether the open result is one that may be: a model, or one line and a status that says why not. */
static bool refused_or_read(const char *path)
{
    struct hob_error err = {0};
    struct gguf *gguf = gguf_open(path, &err);
    bool good = gguf || ((err.status == HOB_FORMAT || err.status == HOB_LIMIT || err.status == HOB_NOT_FOUND) &&
                         err.text[0] && !strchr(err.text, '\n'));
    gguf_close(gguf);
    return good;
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct buf buf = {0};
    build_sample(&buf, 3);
    for (size_t len = 0; len < buf.len; len++) {
        struct hob_error err = {0};
        if (gguf_open(put_file("cut.gguf", (struct str){buf.ptr, len}), &err))
            fail_msg("a file cut at %zu was read", len);
        assert_int_equal(err.status, HOB_FORMAT);
        assert_true(str_starts(str_of(err.text), STR("cut.gguf: ")));
    }
    buf_clear(&buf);
}

static void flipped_bits_do_no_harm(void **state)
{
    (void)state;
    struct buf buf = {0};
    build_sample(&buf, 3);
    size_t metadata = buf.len - 704 - 3 * 34;
    for (size_t bit = 0; bit < metadata * 8; bit++) {
        buf.ptr[bit / 8] ^= (char)(1 << (bit % 8));
        if (!refused_or_read(put_file("flip.gguf", buf_view(&buf))))
            fail_msg("bit %zu", bit);
        buf.ptr[bit / 8] ^= (char)(1 << (bit % 8));
    }
    unsigned seed = (unsigned)time(NULL);
    print_message("# seed %u\n", seed);
    srandom(seed);
    for (int round = 0; round < 4000; round++) {
        struct buf copy = {0};
        buf_str(&copy, buf_view(&buf));
        for (int i = 0; i < 4; i++)
            copy.ptr[(size_t)random() % metadata] = (char)random();
        if (!refused_or_read(put_file("flip.gguf", buf_view(&copy))))
            fail_msg("round %d", round);
        buf_clear(&copy);
    }
    buf_clear(&buf);
}

/* Builds one part of a set: `n` tensors named from `first`, the metadata of a model in the first part. */
static void put_part(const char *name, unsigned no, unsigned count, unsigned n_tensors, unsigned total,
                     const char *model)
{
    struct buf buf = {0};
    put_header(&buf, 3, n_tensors, model ? 4 : 3);
    if (model)
        put_text(&buf, "general.name", str_of(model));
    put_number(&buf, "split.no", GGUF_U16, no, 2);
    put_number(&buf, "split.count", GGUF_U32, count, 4);
    put_number(&buf, "split.tensors.count", GGUF_I32, total, 4);
    for (unsigned i = 0; i < n_tensors; i++) {
        char tensor[32];
        snprintf(tensor, sizeof(tensor), "part%u.tensor%u", no, i);
        put_tensor(&buf, tensor, 8, 0, QUANT_F32, 32 * i);
    }
    put_padding(&buf, 32);
    put_zeros(&buf, 32 * n_tensors);
    put_file(name, buf_view(&buf));
    buf_clear(&buf);
}

static void refuse_set(const char *name, enum hob_status status, const char *word)
{
    struct hob_error err = {0};
    assert_null(gguf_open(scratch(name), &err));
    if (err.status != status || !strstr(err.text, word))
        fail_msg("status %d, want %d with \"%s\": %s", err.status, status, word, err.text);
}

static void a_set_is_one_model(void **state)
{
    (void)state;
    const char *one = "m-00001-of-00003.gguf", *two = "m-00002-of-00003.gguf", *three = "m-00003-of-00003.gguf";
    struct hob_error err = {0};
    put_part(one, 0, 3, 2, 5, "m");
    put_part(two, 1, 3, 1, 5, NULL);
    put_part(three, 2, 3, 2, 5, "m");
    struct gguf *gguf = gguf_open(scratch(one), &err);
    if (!gguf)
        fail_msg("%s", err.text);
    size_t n;
    gguf_tensors(gguf, &n);
    assert_int_equal(n, 5);
    const struct file *const *files = gguf_files(gguf, &n);
    assert_int_equal(n, 3);
    assert_ptr_equal(gguf_tensor(gguf, STR("part2.tensor1"))->file, files[2]);
    assert_int_equal(gguf_tensor(gguf, STR("part2.tensor1"))->offset + 32, files[2]->size);
    gguf_close(gguf);

    refuse_set(two, HOB_FORMAT, "00001-of-00003.gguf");
    put_part(three, 2, 3, 2, 5, "other");
    refuse_set(one, HOB_FORMAT, "general.name");
    put_part(three, 1, 3, 2, 5, NULL);
    refuse_set(one, HOB_FORMAT, "split.no");
    put_part(three, 2, 4, 2, 5, NULL);
    refuse_set(one, HOB_FORMAT, "split.count");
    put_part(three, 2, 3, 2, 6, NULL);
    refuse_set(one, HOB_FORMAT, "split.tensors.count");
    put_part(three, 2, 3, 1, 5, NULL);
    refuse_set(one, HOB_FORMAT, "split.tensors.count");
    unlink(scratch(three));
    refuse_set(one, HOB_NOT_FOUND, "m-00003-of-00003.gguf");
    put_part(one, 3, 3, 2, 5, NULL);
    refuse_set(one, HOB_FORMAT, "split.no");
    put_part(one, 5, 1, 2, 2, NULL);
    refuse_set(one, HOB_FORMAT, "split.no");
    put_part("renamed.gguf", 0, 3, 2, 5, "m");
    refuse_set("renamed.gguf", HOB_FORMAT, "split.count");
    put_part("m-00001-of-65535.gguf", 0, 65535, 2, 5, "m");
    refuse_set("m-00001-of-65535.gguf", HOB_NOT_FOUND, "m-00002-of-65535.gguf");
    put_part("single.gguf", 0, 1, 2, 2, "m");
    gguf = gguf_open(scratch("single.gguf"), &err);
    assert_non_null(gguf);
    gguf_close(gguf);
}

static void counts_are_not_believed(void **state)
{
    (void)state;
    static const uint64_t lies[] = {1, 1ull << 31, 1ull << 32, 1ull << 61, 1ull << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++)
        for (int field = 0; field < 4; field++) {
            struct buf buf = {0};
            put_header(&buf, 3, field == 0 ? lies[i] : 0, field == 0 ? 0 : field == 1 ? lies[i] : 1);
            if (field == 2)
                put_array(&buf, "strings", GGUF_STRING, lies[i]);
            else if (field == 3)
                put_le(&buf, lies[i], 8);
            struct hob_error err = {0};
            assert_null(gguf_open(put_file("lie.gguf", buf_view(&buf)), &err));
            assert_int_equal(err.status, HOB_FORMAT);
            buf_clear(&buf);
        }
}

static void what_is_no_gguf_is_named(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        const char *word;
    } cases[] = {
        {{"", 0}, "is empty"},
        {{"GGU", 3}, "not GGUF"},
        {{"hello world, this is text", 25}, "not GGUF"},
        {{"lmgg\1\0\0\0", 8}, "GGML"},
        {{"tjgg\3\0\0\0", 8}, "GGJT"},
        {{"PK\3\4abcdefgh", 12}, "pickle"},
        {{"\x80\2}q", 4}, "pickle"},
        {{"\x10\0\0\0\0\0\0\0{\"a\":1}       ", 23}, "safetensors"},
        {{"<!DOCTYPE html>", 15}, "web page"},
        {{"version https://git-lfs.github.com/spec/v1\n", 43}, "Git LFS"},
        {{"GGUF\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24}, "big-endian"},
        {{"FUGG\3\0\0\0", 8}, "big-endian"},
        {{"GGUF\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24}, "version 0"},
        {{"GGUF\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24}, "version 1,"},
        {{"GGUF\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24}, "version 4,"},
        {{"GGUF\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24}, "version 4294967295"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct hob_error err = {0};
        assert_null(gguf_open(put_file("what.gguf", cases[i].bytes), &err));
        if (err.status != HOB_FORMAT || !strstr(err.text, cases[i].word))
            fail_msg("case %zu, want \"%s\": %s", i, cases[i].word, err.text);
    }
    refuse_set("absent.gguf", HOB_NOT_FOUND, "absent.gguf");
    refuse_set(".", HOB_FORMAT, "folder");
}

static void a_large_vocabulary_is_read_quickly(void **state)
{
    (void)state;
    enum { N = 262144, MAX_MS = 30 };
    struct buf buf = {0};
    put_header(&buf, 3, 0, 3);
    put_array(&buf, "tokenizer.ggml.tokens", GGUF_STRING, N);
    for (unsigned i = 0; i < N; i++) {
        char token[16];
        snprintf(token, sizeof(token), "token%u", i);
        put_string(&buf, str_of(token));
    }
    put_array(&buf, "tokenizer.ggml.scores", GGUF_F32, N);
    put_zeros(&buf, 4 * N);
    put_array(&buf, "tokenizer.ggml.token_type", GGUF_I32, N);
    put_zeros(&buf, 4 * N);
    const char *path = put_file("vocabulary.gguf", buf_view(&buf));
    buf_clear(&buf);
    double ms = INFINITY;
    bool quick = false;
    for (int i = 0; i < 20 && !quick; i++) { /* the machine may be busy */
        clock_t start = clock();
        struct gguf *gguf = gguf_open(path, NULL);
        ms = (double)(clock() - start) * 1e3 / CLOCKS_PER_SEC;
        quick = SLOW_BUILD || ms < MAX_MS || ms < MAX_MS * slowness();
        assert_non_null(gguf);
        assert_true(str_eq(gguf_find(gguf, "tokenizer.ggml.tokens")->strings[N - 1], STR("token262143")));
        gguf_close(gguf);
    }
    print_message("# %.1f ms\n", ms);
    assert_true(quick);
}

/* The real models, where they have been fetched. */
static void real_models_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t n_tensors, n_tokens;
    } models[] = {{"smollm2", 272, 49152}, {"gemma3-270m", 236, 262144}, {"qwen2.5-coder-0.5b", 291, 151936}};
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    unsigned found = 0;
    for (size_t i = 0; i < sizeof(models) / sizeof(*models); i++) {
        char path[500];
        snprintf(path, sizeof(path), "%s%s/hob/models/%s.gguf",
                 cache && *cache ? cache
                 : home          ? home
                                 : "",
                 cache && *cache ? "" : "/.cache", models[i].name);
        if (!file_exists(path))
            continue;
        found++;
        struct hob_error err = {0};
        struct gguf *gguf = gguf_open(path, &err);
        if (!gguf)
            fail_msg("%s", err.text);
        size_t n;
        gguf_tensors(gguf, &n);
        assert_int_equal(n, models[i].n_tensors);
        assert_int_equal(gguf_find(gguf, "tokenizer.ggml.tokens")->n, models[i].n_tokens);
        assert_non_null(gguf_tensor(gguf, STR("token_embd.weight")));
        gguf_close(gguf);
    }
    if (!found)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(tensors_are_placed),
        cmocka_unit_test(getters_name_key_range_and_value),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(flipped_bits_do_no_harm),
        cmocka_unit_test(a_set_is_one_model),
        cmocka_unit_test(counts_are_not_believed),
        cmocka_unit_test(what_is_no_gguf_is_named),
        cmocka_unit_test(a_large_vocabulary_is_read_quickly),
        cmocka_unit_test(real_models_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, remove_scratch);
}
