/* SPDX-License-Identifier: Apache-2.0
 *
 * The template doctor: a template for each fault, and templates without one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chat/doctor.h"
#include "model/model.h"

/* A whole template of the kind that the tiny models' tokenizers know; BOS of those is <|endoftext|>. */
#define TOOLS  "{% if tools %}<|im_start|>system\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
#define TURN   "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
#define LOOP   "{% for m in messages %}" TURN "{% endfor %}"
#define PROMPT "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
#define CLEAN  TOOLS LOOP PROMPT

static struct model *model;

static int setup(void **state)
{
    (void)state;
    struct hob_error err = {0};
    model = model_open("tests/models/tiny-llama-rope3.gguf", &err);
    if (!model)
        print_error("%s\n", err.text);
    return model ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    model_close(model);
    return 0;
}

/* What the doctor says of a template. The caller owns the reference. */
static json_t *examine(const char *source)
{
    struct hob_error err = {0};
    struct chat_template template = {0};
    if (!chat_template_set(&template, str_of(source), &err))
        fail_msg("%s: %s", source, err.text);
    json_t *found = doctor_examine(model, &template, &err);
    assert_non_null(found);
    chat_template_clear(&template);
    return found;
}

/* The doctor finds exactly one fault, whose warning holds `words`, and gives advice. */
static void expect(const char *source, const char *words)
{
    json_t *found = examine(source), *first = json_array_get(found, 0);
    const char *warning = json_string_value(json_object_get(first, "warning"));
    if (json_array_size(found) != 1 || !warning || !strstr(warning, words))
        fail_msg("%s\nwant one warning with \"%s\", found %zu: %s", source, words, json_array_size(found),
                 warning ? warning : "none");
    assert_true(json_string_length(json_object_get(first, "advice")) > 10);
    json_decref(found);
}

static void expect_none(const char *source)
{
    json_t *found = examine(source);
    if (json_array_size(found))
        fail_msg("%s\nwant no warning, found: %s", source,
                 json_string_value(json_object_get(json_array_get(found, 0), "warning")));
    json_decref(found);
}

static void test_clean(void **state)
{
    (void)state;
    expect_none(CLEAN);
    expect_none("<|endoftext|>" CLEAN);
    expect_none("{{ bos_token }}" CLEAN);
    /* The mark of the model's turn stands behind the user's text, whatever add_generation_prompt is. */
    expect_none(TOOLS "{% for m in messages %}{% if m.role == 'assistant' %} {{ m.content }}<|im_end|>{% else %}"
                      "[INST] {{ m.content }} [/INST]{% endif %}{% endfor %}");
}

static void test_renders(void **state)
{
    (void)state;
    expect("{{ raise_exception('not today') }}", "does not render a question: not today");
    expect("{{ messages[7].content.x }}", "does not render a question");
    expect("{{ nothing() }}", "does not render a question");
}

static void test_system(void **state)
{
    (void)state;
    expect(TOOLS "{% for m in messages if m.role != 'system' %}" TURN "{% endfor %}" PROMPT,
           "drops the system message");
    expect(TOOLS "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}" LOOP PROMPT,
           "refuses a system message: no system");
}

static void test_user(void **state)
{
    (void)state;
    expect(TOOLS "{% for m in messages %}{% if m.role == 'system' %}" TURN "{% endif %}{% endfor %}" PROMPT,
           "drops the user's message");
}

static void test_tools(void **state)
{
    (void)state;
    expect(LOOP PROMPT, "drops tools");
    expect("{% if tools %}{{ tools.x.y }}{% endif %}" LOOP PROMPT, "does not render tools");
    /* Without tools they are defined, and none. */
    expect_none("{% if tools is not defined or documents is not defined %}{{ raise_exception('x') }}{% endif %}"
                "{% if tools is not none %}{{ tools | tojson }}{% endif %}" LOOP PROMPT);
}

static void test_bos(void **state)
{
    (void)state;
    expect("{{ bos_token }}<|endoftext|>" CLEAN, "repeats the beginning-of-text token <|endoftext|>");
}

static void test_turn(void **state)
{
    (void)state;
    expect(TOOLS LOOP, "add_generation_prompt has no effect");
    expect(TOOLS "{% for m in messages %}{{ m.content }}{% endfor %}", "add_generation_prompt has no effect");
}

static void test_special(void **state)
{
    (void)state;
    expect("<|begin_of_text|>" CLEAN, "writes <|begin_of_text|>");
    expect(CLEAN "<|begin|><|begin|>", "writes <|begin|>");
    expect("<|turn>" CLEAN, "writes <|turn>");
    expect("<turn|>" CLEAN, "writes <turn|>");
    expect("<\xef\xbd\x9cUser\xef\xbd\x9c>" CLEAN, "writes <\xef\xbd\x9cUser\xef\xbd\x9c>");
    expect_none("<tools> a < b | c > d <|> <|not a name|> <||" CLEAN);
    json_t *found = examine("<|a1|><|a2|><|a3|><|a4|><|a5|><|a6|><|a7|><|a8|><|a9|><|b1|>" CLEAN);
    assert_int_equal(json_array_size(found), 8); /* and no more */
    json_decref(found);
}

/* A known template, on a model of its family and on one of another. */
static void test_known(void **state)
{
    (void)state;
    static const char smollm2[] =
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n"
        "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif "
        "%}{{'<|im_start|>'"
        " + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt"
        " %}{{ '<|im_start|>assistant\n' }}{% endif %}";
    assert_string_equal(doctor_known_template(STR(smollm2)), "SmolLM2 135M Instruct");
    assert_null(doctor_known_template(STR(CLEAN)));
    assert_null(doctor_known_template(STR("")));
    expect(smollm2, "drops tools"); /* and not that it is another family's */
    struct model *llama = model;
    struct hob_error err = {0};
    model = model_open("tests/models/tiny-qwen2-odd.gguf", &err);
    assert_non_null(model);
    json_t *found = examine(smollm2);
    const char *warning = json_string_value(json_object_get(json_array_get(found, 0), "warning"));
    assert_int_equal(json_array_size(found), 2);
    assert_string_equal(warning,
                        "the template is that of SmolLM2 135M Instruct, and the model is of another family: qwen2");
    json_decref(found);
    model_close(model);
    model = llama;
}

/* The template in the file itself. */
static void test_own(void **state)
{
    (void)state;
    struct hob_error err = {0};
    json_t *found = doctor_examine(model, NULL, &err);
    assert_int_equal(json_array_size(found), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(found, 0), "warning")),
                        "the template drops tools");
    json_decref(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean), cmocka_unit_test(test_renders), cmocka_unit_test(test_system),
        cmocka_unit_test(test_user),  cmocka_unit_test(test_tools),   cmocka_unit_test(test_bos),
        cmocka_unit_test(test_turn),  cmocka_unit_test(test_special), cmocka_unit_test(test_known),
        cmocka_unit_test(test_own),
    };
    return cmocka_run_group_tests_name("doctor", tests, setup, teardown);
}
