/* SPDX-License-Identifier: Apache-2.0
 *
 * Hugging Face folders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "container.h"
#include "formats/hf.h"

/* A new empty folder of the scratch folder; put_in() fills the newest. */
static char folder[64];

static const char *new_folder(void)
{
    static unsigned n;
    snprintf(folder, sizeof(folder), "folder%u", n++);
    if (mkdir(scratch(folder), 0700) != 0)
        fail();
    return scratch(folder);
}

static void put_in(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    put_file(path, str_of(text));
}

/* A safetensors file of float32 tensors of one element, `names` one letter each. */
static void put_weights(const char *file, const char *names)
{
    struct buf header = {0}, whole = {0};
    for (size_t i = 0; names[i]; i++)
        buf_format(&header, "%c\"%c\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[%zu,%zu]}", i ? ',' : '{',
                   names[i], 4 * i, 4 * i + 4);
    buf_byte(&header, '}');
    put_string(&whole, buf_view(&header));
    put_zeros(&whole, 4 * strlen(names));
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    put_file(path, buf_view(&whole));
    buf_clear(&header);
    buf_clear(&whole);
}

static struct hf *open_folder(void)
{
    struct hob_error err = {0};
    struct hf *hf = hf_open(scratch(folder), &err);
    if (!hf)
        fail_msg("%s", err.text);
    return hf;
}

static void refuse_folder(enum hob_status status, const char *word)
{
    struct hob_error err = {0};
    assert_null(hf_open(scratch(folder), &err));
    if (err.status != status || !strstr(err.text, word))
        fail_msg("status %d, want %d with \"%s\": %s", err.status, status, word, err.text);
}

static void a_folder_is_read(void **state)
{
    (void)state;
    new_folder();
    put_in("config.json", "{\"model_type\":\"llama\"}");
    put_in("generation_config.json", "{\"temperature\":0.6}");
    put_in("tokenizer.json", "{\"version\":\"1.0\"}");
    put_weights("model.safetensors", "xyz");
    struct hf *hf = open_folder();
    assert_true(str_eq(json_span(json_object_get(hf->config, "model_type")), STR("llama")));
    assert_non_null(hf->generation_config);
    assert_null(hf->tokenizer_config);
    struct buf text = {0};
    assert_true(hf_load_tokenizer(hf, &text, NULL) && str_eq(buf_view(&text), STR("{\"version\":\"1.0\"}")));
    buf_clear(&text);
    assert_int_equal(hf->n_tensors, 3);
    assert_ptr_equal(hf_tensor(hf, STR("z")), &hf->tensors[2]);
    assert_null(hf_tensor(hf, STR("w")));
    assert_int_equal(json_object_size(hf->templates), 0);
    hf_close(hf);
    hf_close(NULL);
}

static void a_part_of_a_folder_is_enough(void **state)
{
    (void)state;
    new_folder();
    refuse_folder(HOB_NOT_FOUND, "config.json");
    put_in("tokenizer.json", "{}");
    struct hf *hf = open_folder();
    assert_true(hf->n_tensors == 0 && !hf->config);
    assert_null(hf_tensor(hf, STR("x")));
    hf_close(hf);
    snprintf(folder, sizeof(folder), "absent");
    refuse_folder(HOB_NOT_FOUND, "absent");
}

static void expect_tokenizer(const char *want)
{
    struct hf *hf = open_folder();
    assert_string_equal(strrchr(hf->tokenizer_path, '/') + 1, want);
    assert_int_equal(hf->n_sources, 1);
    hf_close(hf);
}

static void the_tokenizer_file_is_found(void **state)
{
    (void)state;
    static const char *const last_first[] = {"qwen.tiktoken", "a.tiktoken",      "tiktoken.model",
                                             "tekken.json",   "tokenizer.model", "tokenizer.json"};
    new_folder();
    for (size_t i = 0; i < sizeof(last_first) / sizeof(*last_first); i++) {
        put_in(last_first[i], "x");
        expect_tokenizer(last_first[i]);
    }
    /* A file alone, and what stands beside it. */
    char path[128];
    snprintf(path, sizeof(path), "%s/tekken.json", folder);
    assert_true(hf_names_tokenizer(scratch(path)) && !hf_names_tokenizer("model.gguf"));
    put_in("tokenizer_config.json", "{\"add_bos_token\":true}");
    put_in("config.json", "{}");
    struct hf *hf = hf_open_tokenizer(scratch(path), NULL);
    struct buf text = {0};
    assert_true(hf && hf_load_tokenizer(hf, &text, NULL) && text.len == 1 && hf->n_sources == 1);
    assert_true(hf->tokenizer_config && !hf->config);
    buf_clear(&text);
    hf_close(hf);
}

static void expect_template(const char *want)
{
    struct hf *hf = open_folder();
    const json_t *text = json_object_get(hf->templates, "default");
    if (!text)
        text = json_object_iter_value(json_object_iter(hf->templates));
    if (!str_eq(json_span(text), str_of(want)))
        fail_msg("want %s", want);
    hf_close(hf);
}

static void templates_have_an_order(void **state)
{
    (void)state;
    new_folder();
    put_in("chat_template.json", "{\"chat_template\":\"third\"}");
    expect_template("third");
    put_in("tokenizer_config.json", "{\"chat_template\":null}");
    expect_template("third");
    put_in("tokenizer_config.json", "{\"chat_template\":\"second\"}");
    expect_template("second");
    put_in("tokenizer_config.json", "{\"chat_template\":[{\"name\":\"rag\",\"template\":\"r\"},"
                                    "{\"name\":\"default\",\"template\":\"d\"},{\"name\":\"x\",\"template\":\"y\"}]}");
    expect_template("d");
    put_in("tokenizer_config.json", "{\"chat_template\":[{\"name\":\"default\"},{\"name\":\"rag\",\"template\":\"r\"},"
                                    "{\"name\":\"x\",\"template\":\"y\"}]}");
    expect_template("r");
    put_in("chat_template.jinja", "first");
    expect_template("first");
    put_in("chat_template.jinja", "");
    put_in("tokenizer_config.json", "{\"chat_template\":3}");
    refuse_folder(HOB_FORMAT, "chat_template");
}

static void shards_are_joined(void **state)
{
    (void)state;
    new_folder();
    put_weights("m-1.safetensors", "abq");
    put_weights("m-2.safetensors", "cq");
    put_in("model.safetensors.index.json",
           "{\"metadata\":{\"total_size\":20},\"weight_map\":{\"a\":\"m-1.safetensors\","
           "\"c\":\"m-2.safetensors\",\"b\":\"m-1.safetensors\",\"q\":\"m-2.safetensors\"}}");
    struct hf *hf = open_folder();
    assert_int_equal(hf->n_tensors, 4);
    assert_int_equal(hf->n_files, 2);
    assert_ptr_equal(hf_tensor(hf, STR("a"))->file, hf->files[0]);
    assert_ptr_equal(hf_tensor(hf, STR("q"))->file, hf->files[1]);
    hf_close(hf);
}

static void bad_indexes_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *index;
        enum hob_status status;
        const char *word;
    } cases[] = {
        {"{\"weight_map\":{\"a\":\"../../x.safetensors\"}}", HOB_FORMAT, "../../x.safetensors"},
        {"{\"weight_map\":{\"a\":\"/etc/x.safetensors\"}}", HOB_FORMAT, "/etc/x.safetensors"},
        {"{\"weight_map\":{\"a\":\"https://x.test/m.safetensors\"}}", HOB_FORMAT, "https:"},
        {"{\"weight_map\":{\"a\":\"sub\\\\m.safetensors\"}}", HOB_FORMAT, "sub"},
        {"{\"weight_map\":{\"a\":\"m\\u0000.safetensors\"}}", HOB_FORMAT, "a: "},
        {"{\"weight_map\":{\"a\":\"pytorch_model.bin\"}}", HOB_FORMAT, "pytorch_model.bin"},
        {"{\"weight_map\":{\"a\":3}}", HOB_FORMAT, "weight_map: a"},
        {"{\"weight_map\":{\"a\":\"\"}}", HOB_FORMAT, "weight_map: a"},
        {"{\"weight_map\":{}}", HOB_FORMAT, "weight_map"},
        {"{\"weight_map\":[]}", HOB_FORMAT, "weight_map"},
        {"[]", HOB_FORMAT, "weight_map"},
        {"{\"weight_map\":{\"a\":\"absent.safetensors\"}}", HOB_NOT_FOUND, "absent.safetensors"},
        {"{\"weight_map\":{\"a\":\"m-1.safetensors\",\"z\":\"m-1.safetensors\"}}", HOB_FORMAT, "z is not in"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        new_folder();
        put_weights("m-1.safetensors", "ab");
        put_in("model.safetensors.index.json", cases[i].index);
        refuse_folder(cases[i].status, cases[i].word);
    }
    struct buf many = {0};
    buf_str(&many, STR("{\"weight_map\":{"));
    for (int i = 0; i < 5000; i++)
        buf_format(&many, "%s\"t%d\":\"m%d.safetensors\"", i ? "," : "", i, i);
    buf_str(&many, STR("}}"));
    put_in("model.safetensors.index.json", buf_text(&many));
    buf_clear(&many);
    refuse_folder(HOB_FORMAT, "4096");
}

static void links_are_followed(void **state)
{
    (void)state;
    new_folder();
    put_in("blob1", "{\"model_type\":\"llama\"}");
    put_weights("blob2", "xy");
    char link[300];
    snprintf(link, sizeof(link), "%s/config.json", scratch(folder));
    assert_int_equal(symlink("blob1", link), 0);
    snprintf(link, sizeof(link), "%s/model.safetensors", scratch(folder));
    assert_int_equal(symlink("blob2", link), 0);
    struct hf *hf = open_folder();
    assert_true(hf->config && hf->n_tensors == 2);
    hf_close(hf);
}

static void bad_files_are_refused(void **state)
{
    (void)state;
    new_folder();
    put_in("config.json", "[]");
    refuse_folder(HOB_FORMAT, "config.json");
    put_in("config.json", "{\"a\":1,\"a\":2}");
    refuse_folder(HOB_FORMAT, "config.json");
    put_in("config.json", "{}");
    put_in("pytorch_model.bin", "PK\3\4");
    refuse_folder(HOB_FORMAT, "pytorch_model.bin: a pickle is refused");
    put_in("model.safetensors", "\x80\2}q\1(X\1");
    refuse_folder(HOB_FORMAT, "pickle");
    put_weights("model.safetensors", "xy");
    hf_close(open_folder());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_read),
        cmocka_unit_test(a_part_of_a_folder_is_enough),
        cmocka_unit_test(the_tokenizer_file_is_found),
        cmocka_unit_test(templates_have_an_order),
        cmocka_unit_test(shards_are_joined),
        cmocka_unit_test(bad_indexes_are_refused),
        cmocka_unit_test(links_are_followed),
        cmocka_unit_test(bad_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, remove_scratch);
}
