/* SPDX-License-Identifier: Apache-2.0
 *
 * safetensors: what a good file says, what a bad one is refused for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "container.h"
#include "formats/safetensors.h"

/* Writes a file of this header and `n_data` bytes of data. */
static const char *put_sample(struct str header, size_t n_data)
{
    struct buf buf = {0};
    put_string(&buf, header);
    put_zeros(&buf, n_data);
    const char *path = put_file("x.safetensors", buf_view(&buf));
    buf_clear(&buf);
    return path;
}

/* What a file read, or why not. */
struct outcome {
    bool good;
    size_t n;
    struct tensor_info *tensors;
    struct hob_error err;
    struct arena arena;
    struct file file;
};

static struct outcome *read_outcome(const char *path)
{
    struct outcome *outcome = calloc(1, sizeof(*outcome));
    if (!outcome || !file_open(&outcome->file, path, &outcome->err))
        fail();
    outcome->good = safetensors_read(&outcome->file, &outcome->arena, &outcome->tensors, &outcome->n, &outcome->err);
    return outcome;
}

static void free_outcome(struct outcome *outcome)
{
    arena_clear(&outcome->arena);
    file_close(&outcome->file);
    free(outcome);
}

static const char sample[] = "{\"__metadata__\":{\"format\":\"pt\"},"
                             "\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[20,32]},"
                             "\"a\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,20]},"
                             "\"none\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[20,20]},"
                             "\"one\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[32,40]},"
                             "\"h\":{\"dtype\":\"F16\",\"shape\":[1,2,3,4],\"data_offsets\":[40,88]}}   ";

static void a_good_file_is_read(void **state)
{
    (void)state;
    struct outcome *outcome = read_outcome(put_sample(STR(sample), 88));
    if (!outcome->good)
        fail_msg("%s", outcome->err.text);
    const struct tensor_info *t = outcome->tensors;
    uint64_t data_at = 8 + sizeof(sample) - 1;
    assert_int_equal(outcome->n, 5);
    assert_true(str_eq(t[0].name, STR("a")) && t[0].type->id == QUANT_F32 && t[0].offset == data_at);
    assert_true(str_eq(t[1].name, STR("none")) && t[1].bytes == 0 && t[1].ne[1] == 0 && t[1].n_dims == 2);
    assert_true(str_eq(t[2].name, STR("b")) && t[2].type->id == QUANT_BF16 && t[2].offset == data_at + 20);
    assert_true(t[2].n_dims == 2 && t[2].ne[0] == 3 && t[2].ne[1] == 2 && t[2].ne[2] == 1 && t[2].bytes == 12);
    assert_true(str_eq(t[3].name, STR("one")) && t[3].n_dims == 0 && t[3].bytes == 8 && t[3].ne[0] == 1);
    assert_true(t[4].type->id == QUANT_F16 && t[4].ne[0] == 4 && t[4].ne[3] == 1 && t[4].file == &outcome->file);
    free_outcome(outcome);

    outcome = read_outcome(put_sample(STR("{}"), 0));
    assert_true(outcome->good && outcome->n == 0);
    free_outcome(outcome);
}

/* Fails unless the file is refused with HOB_FORMAT, its name and `word`. */
static void refuse_file(const char *path, const char *word)
{
    struct outcome *outcome = read_outcome(path);
    if (outcome->good || outcome->err.status != HOB_FORMAT || !strstr(outcome->err.text, word) ||
        !str_starts(str_of(outcome->err.text), STR("x.safetensors: ")))
        fail_msg("want \"%s\": %s", word, outcome->good ? "it was read" : outcome->err.text);
    free_outcome(outcome);
}

#define A(shape, offsets) "{\"a\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define AB(first, second)                                                                                              \
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" first                                                  \
    "},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" second "}}"

static void bad_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t n_data;
        const char *word;
    } cases[] = {
        {AB("[0,8]", "[12,20]"), 20, "b: data_offsets: starts at 12, want 8: a hole"},
        {AB("[0,8]", "[4,12]"), 12, "b: data_offsets: starts at 4, want 8: an overlap"},
        {AB("[0,8]", "[0,8]"), 8, "overlap"},
        {AB("[4,12]", "[12,20]"), 20, "a: data_offsets: starts at 4, want 0"},
        {AB("[0,8]", "[8,16]"), 15, "b: data_offsets: ends at 16"},
        {AB("[0,8]", "[8,16]"), 17, "17 bytes"},
        {A("[2]", "[8,0]"), 8, "a: data_offsets"},
        {A("[2]", "[0]"), 8, "a: data_offsets"},
        {A("[2]", "[0,8,16]"), 8, "a: data_offsets"},
        {A("[2]", "[-8,0]"), 8, "a: data_offsets"},
        {A("[2]", "[0.0,8.0]"), 8, "a: data_offsets"},
        {A("[2]", "\"0,8\""), 8, "a: data_offsets"},
        {A("[3]", "[0,8]"), 8, "a: data_offsets: 8 bytes, but shape and dtype F32 want 12"},
        {A("[-1]", "[0,8]"), 8, "a: shape"},
        {A("[2.5]", "[0,8]"), 8, "a: shape"},
        {A("2", "[0,8]"), 8, "a: shape"},
        {A("[1,1,1,1,2]", "[0,8]"), 8, "a: shape"},
        {A("[9223372036854775807,4]", "[0,8]"), 8, "a: shape: size overflow"},
        {A("[4294967296,4294967296]", "[0,0]"), 0, "a: shape: size overflow"},
        {A("[1e400]", "[0,8]"), 8, "line 1"},
        {"{\"a\":3}", 0, "a: is no object"},
        {"{\"a\":{}}", 0, "a: dtype"},
        {"{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "a: dtype F8_E4M3"},
        {"{\"a\":{\"dtype\":\"Q4_K\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "a: dtype Q4_K"},
        {"{\"__metadata__\":{\"k\":1}}", 0, "__metadata__: k"},
        {"{\"__metadata__\":3}", 0, "__metadata__"},
        {"{\"a\":1,\"a\":2}", 0, "duplicate"},
        {"{\"a\"", 0, "line 1"},
        {"{} {}", 0, "line 1"},
        {"[]", 0, "want {"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        refuse_file(put_sample(str_of(cases[i].header), cases[i].n_data), cases[i].word);
    char deep[10001] = "{\"a\":";
    memset(deep + 5, '[', 9995);
    refuse_file(put_sample((struct str){deep, 10000}, 0), "nested");
}

static void bad_lengths_are_refused(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {0, 1, 7, 1000, 100000001, 1ull << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        struct buf buf = {0};
        put_le(&buf, lengths[i], 8);
        buf_str(&buf, STR(" {}     "));
        refuse_file(put_file("x.safetensors", buf_view(&buf)), "header");
        buf_clear(&buf);
    }
    refuse_file(put_file("x.safetensors", STR("")), "0 bytes");
    refuse_file(put_file("x.safetensors", STR("\2\0\0\0")), "4 bytes");
    refuse_file(put_file("x.safetensors", STR("PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0")), "pickle");
    refuse_file(put_file("x.safetensors", STR("\x80\2}q\1(X\1\0\0\0aK\1u.")), "pickle");
    refuse_file(put_file("x.safetensors", STR("version https://git-lfs.github.com/spec/v1")), "Git LFS");
}

static void changed_bytes_do_no_harm(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    print_message("# seed %u\n", seed);
    srandom(seed);
    for (int round = 0; round < 4000; round++) {
        char header[sizeof(sample)];
        memcpy(header, sample, sizeof(sample));
        for (int i = 0; i < 2; i++)
            header[(size_t)random() % (sizeof(sample) - 1)] = "0123456789[]{},:\"\\a\xff"[random() % 20];
        struct outcome *outcome = read_outcome(put_sample((struct str){header, sizeof(sample) - 1}, 88));
        assert_true(outcome->good || outcome->err.status == HOB_FORMAT);
        free_outcome(outcome);
    }
    for (size_t len = 0; len < sizeof(sample) - 1 - 3; len++) {
        struct outcome *outcome = read_outcome(put_sample((struct str){sample, len}, 88));
        assert_true(!outcome->good && outcome->err.status == HOB_FORMAT);
        free_outcome(outcome);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_read),
        cmocka_unit_test(bad_headers_are_refused),
        cmocka_unit_test(bad_lengths_are_refused),
        cmocka_unit_test(changed_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, remove_scratch);
}
