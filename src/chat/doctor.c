/* SPDX-License-Identifier: Apache-2.0
 *
 * Each check renders a conversation whose texts are marks that no template writes by itself, and looks for them in the
 * result.
 *
 * To add a known template: a row of `published`, with the SHA-256 of its text without the newlines at its end.
 */
#include "chat/doctor.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/sha256.h"
#include "model/model.h"

#define SYSTEM_MARK    "doctor-system-7351"
#define USER_MARK      "doctor-user-7351"
#define REPLY_MARK     "doctor-reply-7351"
#define TOOL_MARK      "doctor_tool_7351"
#define SYSTEM_MESSAGE "{\"role\": \"system\", \"content\": \"" SYSTEM_MARK "\"}"
#define USER_MESSAGE   "{\"role\": \"user\", \"content\": \"" USER_MARK "\"}"
#define REPLY_MESSAGE  "{\"role\": \"assistant\", \"content\": \"" REPLY_MARK "\"}"
#define NO_PROMPT      "\"template_variables\": {\"add_generation_prompt\": false}"
#define USE_ANOTHER    "take the publisher's template: --template FILE"

enum { MAX_NAME_BYTES = 48, MAX_STRANGE = 8 };

/* Templates as they were published. A model has the right one when its architecture, in small letters and digits only,
 * starts with one of `architectures`. */
static const struct known {
    const char *sha256, *name, *architectures;
} published[] = {
    {"cbc1d50f777ec029b33f53b23d7a224cceb65bcc8c7fac54946dbb56514e4d1e", "SmolLM3 3B", "smollm3"},
    {"d990bccdaaa20611e261434bf60bce767b03d8ee1f1d9b5cd0742b1cc96066b9", "Mistral Small 3.2 24B Instruct",
     "llama mistral"},
    {"ce62e308475b364e1fc76699dccbddeb9ac08344f90d59719dba86a9922834d9", "Hermes 3 Llama 3.1 8B with tools", "llama"},
    {"55b2f4a26ac9ee719330a61a0c39d9e538b0e9322212f048326318cff4f8674a", "Qwen2.5 Instruct", "qwen2"},
    {"87a2728cb8dc9fe424d624542f6060ec05a1d285ebbec578bb078900e33396b5", "Qwen3 0.6B", "qwen3"},
    {"a4aee8afcf2e0711942cf848899be66016f8d14a889ff9ede07bca099c28f715", "Qwen3.5 4B", "qwen35"},
    {"bbe594884b44d740667ee65a70bc8d333a565eab3d63ea59f291ea73ada84ba6", "DeepSeek R1 Distill Qwen 32B", "qwen2 llama"},
    {"d9f5f351b276cf9e81d009db08830db7d38e94927aecd09a7beb43e2aafee94e", "DeepSeek V3.1", "deepseek"},
    {"ecd6ae513fe103f0eb62e8ab5bfa8d0fe45c1074fa398b089c93a7e70c15cfd6", "Gemma 2 2B it", "gemma2"},
    {"1d35a24a2a63cc600c0cab43628a6df4cd3318e959b03307cf5f9f7e29ecf783", "Gemma 4 31B it", "gemma4"},
    {"93c0e9aa3629bbd77e68dbc0f5621f6e6b23aa8d74b932595cdb8d64684526d7", "Llama 3.1 8B Instruct", "llama mllama"},
    {"d82792f95932f1c9cef5c4bd992f171225e3bf8c7b609b4557c9e1ec96be819f", "Llama 3.2 3B Instruct", "llama mllama"},
    {"78d976a442bcde2f0be15aafbb8e3050e1104f86732266f68403251b89982a90", "Phi 3.5 mini instruct", "phi3"},
    {"e7deee034838db2bfc7487788a3013d8a307ab69f72f3c54a85f06fd76007d4e", "Mistral Nemo Instruct 2407", "llama mistral"},
    {"a4c9919cbbd4acdd51ccffe22da049264b1b73e59055fa58811a99efbd7c8146", "gpt-oss 120b", "gptoss"},
    {"872be49dbb638044ad01b60388f48d469ff2980e5f0dccdc22ec907db54d0788", "SmolLM2 135M Instruct", "llama"},
};

struct doctor {
    struct model *model;
    const struct chat_template *replacement;
    const struct tokenizer *tokenizer; /* NULL: none */
    json_t *found;
    struct str strange[MAX_STRANGE]; /* what check_specials() has told; each owned by `names` */
    char names[MAX_STRANGE][MAX_NAME_BYTES];
    size_t n_strange;
};

HOB_PRINTF(3, 4)
static void warn(struct doctor *doctor, const char *advice, const char *format, ...)
{
    char text[500];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_t *entry = json_object();
    json_object_set_new(entry, "warning", json_bytes(str_of(text)));
    json_object_set_new(entry, "advice", json_string(advice));
    json_array_append_new(doctor->found, entry);
}

/* Renders the request whose members are `members`, at a fixed time. The caller clears `out`. */
static bool render(const struct doctor *doctor, const char *members, struct rendered *out, struct hob_error *err)
{
    struct buf text = {0};
    *out = (struct rendered){0};
    buf_format(&text, "{\"now\": 1735689600, %s}", members);
    json_t *request = text.failed ? NULL : json_read(buf_view(&text), "doctor", err);
    bool good = request ? chat_render(doctor->model, doctor->replacement, request, out, err) : false;
    json_decref(request);
    buf_clear(&text);
    return good;
}

static bool holds(const struct rendered *rendered, struct str mark)
{
    return str_find(buf_view(&rendered->text), mark, 0) != SIZE_MAX;
}

static struct str without_tail(struct str text, const char *set)
{
    while (text.len && byte_in(text.ptr[text.len - 1], set))
        text.len--;
    return text;
}

/* What stands behind `mark`, up to `end` (may be empty) and less white space at its end. */
static struct str between(const struct rendered *rendered, struct str mark, struct str end)
{
    struct str text = buf_view(&rendered->text);
    size_t at = str_find(text, mark, 0);
    if (at == SIZE_MAX)
        return STR("");
    at += mark.len;
    size_t to = end.len ? str_find(text, end, at) : text.len;
    return to == SIZE_MAX ? STR("") : without_tail((struct str){text.ptr + at, to - at}, " \n\r\t");
}

/* The bytes of a name like <|im_start|>, <|turn>, <turn|> or with the wide bars of DeepSeek that starts at `at`, or 0.
 */
static size_t special_length(struct str text, size_t at)
{
    static const struct str wide = {"\xef\xbd\x9c", 3};
    size_t end = at + 1;
    while (end < text.len && end - at < MAX_NAME_BYTES - 1 && !byte_in(text.ptr[end], "<> \n\t\"'"))
        end++;
    if (end >= text.len || text.ptr[end] != '>')
        return 0;
    struct str name = {text.ptr + at + 1, end - at - 1};
    bool open = str_starts(name, STR("|")) || str_starts(name, wide);
    bool close = str_ends(name, STR("|")) || str_ends(name, wide);
    return (open || close) && name.len > 2 ? end + 1 - at : 0;
}

/* Names of special tokens that the tokenizer would cut like any other text. Those in messages are not there: the marks
 * hold none. */
static void check_specials(struct doctor *doctor, const struct rendered *rendered)
{
    struct str text = buf_view(&rendered->text);
    for (size_t at = 0; doctor->tokenizer && at < text.len && doctor->n_strange < MAX_STRANGE; at++) {
        size_t len = text.ptr[at] == '<' ? special_length(text, at) : 0, i = 0;
        struct str name = {text.ptr + at, len};
        enum token_type type = tokenizer_type(doctor->tokenizer, tokenizer_find(doctor->tokenizer, name));
        if (len == 0 || type == TOKEN_CONTROL || type == TOKEN_USER_DEFINED)
            continue;
        while (i < doctor->n_strange && !str_eq(doctor->strange[i], name))
            i++;
        if (i < doctor->n_strange)
            continue;
        memcpy(doctor->names[i], name.ptr, len);
        doctor->strange[doctor->n_strange++] = (struct str){doctor->names[i], len};
        warn(doctor, "the template is another model's, or the file's list of special tokens is not whole: " USE_ANOTHER,
             "the template writes %.*s, which the tokenizer does not know as special", (int)len, name.ptr);
    }
}

/* BOS once is what templates write; chat adds none. */
static void check_bos(struct doctor *doctor, const struct rendered *rendered)
{
    int32_t bos = doctor->tokenizer ? tokenizer_bos(doctor->tokenizer) : TOKEN_NONE;
    struct ids ids = {0};
    struct encode_options options = {
        .special = true, .untrusted = rendered->untrusted, .n_untrusted = rendered->n_untrusted};
    if (bos != TOKEN_NONE && tokenizer_encode(doctor->tokenizer, buf_view(&rendered->text), &options, &ids, NULL) &&
        ids.len >= 2 && ids.ptr[0] == bos && ids.ptr[1] == bos) {
        struct str text = tokenizer_text(doctor->tokenizer, bos);
        warn(doctor, "write it once: take it out of the template, or " USE_ANOTHER,
             "the template repeats the beginning-of-text token %.*s", (int)(text.len < 60 ? text.len : 60), text.ptr);
    }
    ids_clear(&ids);
}

/* Without a system message: does it render, and does the prompt end where the model's turn begins? Some templates have
 * the mark of that right behind the user's text ([/INST]) and need no generation prompt; then the same stands between
 * a question and its answer. */
static bool check_plain(struct doctor *doctor)
{
    struct rendered prompt, plain, answered;
    struct hob_error err = {0}, none;
    bool good = render(doctor, "\"messages\": [" USER_MESSAGE "]", &prompt, &err);
    if (!good)
        warn(doctor, USE_ANOTHER, "the template does not render a question: %s", err.text);
    else if (!holds(&prompt, STR(USER_MARK)))
        warn(doctor, USE_ANOTHER, "the template drops the user's message");
    else {
        bool same = render(doctor, "\"messages\": [" USER_MESSAGE "], " NO_PROMPT, &plain, &none) &&
                    str_eq(buf_view(&prompt.text), buf_view(&plain.text));
        bool turns =
            render(doctor, "\"messages\": [" USER_MESSAGE ", " REPLY_MESSAGE "], " NO_PROMPT, &answered, &none);
        struct str tail = between(&prompt, STR(USER_MARK), STR(""));
        if (same && (tail.len == 0 || !turns || !str_eq(tail, between(&answered, STR(USER_MARK), STR(REPLY_MARK)))))
            warn(doctor,
                 "let it write the beginning of the model's turn when add_generation_prompt is true, or " USE_ANOTHER,
                 "the prompt ends without the mark of the model's turn: add_generation_prompt has no effect");
        if (turns)
            check_specials(doctor, &answered);
        rendered_clear(&plain);
        rendered_clear(&answered);
    }
    if (good) {
        check_bos(doctor, &prompt);
        check_specials(doctor, &prompt);
    }
    rendered_clear(&prompt);
    return good;
}

static void check_system(struct doctor *doctor)
{
    struct rendered rendered;
    struct hob_error err = {0};
    if (!render(doctor, "\"messages\": [" SYSTEM_MESSAGE ", " USER_MESSAGE "]", &rendered, &err))
        warn(doctor, "put the instructions at the beginning of the first user message",
             "the template refuses a system message: %s", err.text);
    else if (!holds(&rendered, STR(SYSTEM_MARK)))
        warn(doctor, "put the instructions at the beginning of the first user message, or " USE_ANOTHER,
             "the template drops the system message");
    else
        check_specials(doctor, &rendered);
    rendered_clear(&rendered);
}

static void check_tools(struct doctor *doctor)
{
    struct rendered rendered;
    struct hob_error err = {0};
    if (!render(doctor,
                "\"messages\": [" USER_MESSAGE "], \"tools\": [{\"type\": \"function\", \"function\": {\"name\": "
                "\"" TOOL_MARK "\", \"description\": \"A tool.\", \"parameters\": {\"type\": \"object\", "
                "\"properties\": {\"city\": {\"type\": \"string\", \"description\": \"A city.\"}}, \"required\": "
                "[\"city\"]}}}]",
                &rendered, &err))
        warn(doctor, "give this model no tools, or " USE_ANOTHER, "the template does not render tools: %s", err.text);
    else if (!holds(&rendered, STR(TOOL_MARK)))
        warn(doctor, "give this model no tools, or take a template that has them: --template FILE",
             "the template drops tools");
    else
        check_specials(doctor, &rendered);
    rendered_clear(&rendered);
}

static const struct known *find_known(struct str text)
{
    char hex[65];
    struct sha256 *sha = sha256_new();
    if (!sha)
        return NULL;
    text = without_tail(text, "\n");
    sha256_add(sha, text.ptr, text.len);
    sha256_hex(sha, hex);
    sha256_free(sha);
    for (size_t i = 0; i < sizeof published / sizeof *published; i++)
        if (strcmp(published[i].sha256, hex) == 0)
            return &published[i];
    return NULL;
}

/* Whether `architecture` starts with one of the words of `starts`. */
static bool is_architecture(struct str architecture, const char *starts)
{
    char plain[64];
    size_t n = 0;
    for (size_t i = 0; i < architecture.len && n < sizeof plain; i++) {
        char c = architecture.ptr[i];
        if (c >= 'A' && c <= 'Z')
            plain[n++] = (char)(c - 'A' + 'a');
        else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            plain[n++] = c;
    }
    for (const char *word = starts; *word;) {
        size_t len = strcspn(word, " ");
        if (str_starts((struct str){plain, n}, (struct str){word, len}))
            return true;
        word += len + (word[len] == ' ');
    }
    return false;
}

static void check_known(struct doctor *doctor, struct str text)
{
    const struct known *known = find_known(text);
    struct str architecture = model_architecture(doctor->model);
    if (known && architecture.len && !is_architecture(architecture, known->architectures))
        warn(doctor, "compare it with the one that the model's publisher gives: --template FILE",
             "the template is that of %s, and the model is of another family: %.*s", known->name,
             (int)(architecture.len < 60 ? architecture.len : 60), architecture.ptr);
}

const char *doctor_known_template(struct str text)
{
    const struct known *known = find_known(text);
    return known ? known->name : NULL;
}

json_t *doctor_examine(struct model *model, const struct chat_template *replacement, struct hob_error *err)
{
    struct hob_error none, reason = {0};
    struct doctor doctor = {.model = model, .replacement = replacement, .found = json_array()};
    struct str text = replacement ? buf_view(&replacement->text) : model_template_text(model, false);
    if (!doctor.found) {
        error_memory(err, sizeof doctor);
        return NULL;
    }
    doctor.tokenizer = model_tokenizer(model, &none);
    if (!replacement && !model_template(model, false, &reason)) {
        if (reason.status != HOB_NOT_FOUND)
            warn(&doctor, USE_ANOTHER, "the template cannot be read: %s", reason.text);
        return doctor.found;
    }
    check_known(&doctor, text);
    if (check_plain(&doctor)) {
        check_system(&doctor);
        check_tools(&doctor);
    }
    return doctor.found;
}
