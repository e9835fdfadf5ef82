/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a chat template, with one conversation: what renders is UTF-8 with spans in order, what does not has an
 * error of one line.
 */
#include <stdlib.h>

#include "text/jinja/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char conversation[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"Be <|kind|>.\"},"
    "  {\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"Gr\\u00fc\\u00dfe \\u4e16\\ud83d\\ude00\"}, "
    "{\"type\": \"image\"}]},"
    "  {\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"1\", \"type\": \"function\","
    "    \"function\": {\"name\": \"f\", \"arguments\": {\"a\": [1, 2.5, true, null, {\"b\": \"c\"}]}}}]},"
    "  {\"role\": \"tool\", \"content\": \"x\\n y \", \"tool_call_id\": \"1\"}],"
    " \"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {\"type\": \"object\", "
    "\"properties\": {}}}}],"
    " \"s\": \"Hello World\", \"u\": \"\\u00df \\u0130\", \"i\": 42, \"f\": 2.5, \"l\": [3, 1, 2], \"d\": {\"b\": 1, "
    "\"a\": 2}, \"yes\": true,"
    " \"users\": [{\"name\": \"Bob\", \"age\": 3}, {\"name\": \"al\", \"age\": 2}],"
    " \"bos_token\": \"<s>\", \"eos_token\": \"</s>\", \"add_generation_prompt\": true}";

static void check(const struct rendered *rendered)
{
    size_t at = 0;
    if (!utf8_valid(buf_view(&rendered->text)))
        abort();
    for (size_t i = 0; i < rendered->n_untrusted; i++) {
        struct text_span span = rendered->untrusted[i];
        if (span.start < at || span.end <= span.start || span.end > rendered->text.len)
            abort();
        at = span.end;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static json_t *variables;
    struct hob_error err = {0};
    struct rendered rendered = {0};
    if (!variables)
        variables = json_read(str_of(conversation), "conversation", &err);
    if (!variables)
        abort();
    struct render_input input = {.variables = variables, .now = 1700000000, .max_steps = 20000};
    struct template *template = template_parse((struct str){(const char *)data, size}, &err);
    if (template && template_render(template, &input, &rendered, &err))
        check(&rendered);
    else if (err.status == HOB_OK || strchr(err.text, '\n'))
        abort();
    rendered_clear(&rendered);
    template_free(template);
    return 0;
}
