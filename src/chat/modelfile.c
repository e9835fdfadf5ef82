/* SPDX-License-Identifier: Apache-2.0 */
#include "chat/modelfile.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "base/error.h"
#include "text/jinja/go_template.h"
#include "text/jinja/template.h"

/* Parameters that say how another program runs a model; they change no reply of hob's. */
static const char *const idle_parameters[] = {
    "num_keep", "num_gpu", "num_thread", "num_batch", "main_gpu",   "use_mmap",         "use_mlock",
    "low_vram", "f16_kv",  "numa",       "tfs_z",     "vocab_only", "penalize_newline", "draft_num_predict",
};

/* Text that is read line by line. */
struct reader {
    struct str text;
    size_t at, line;
};

static bool is_idle(struct str name)
{
    for (size_t i = 0; i < sizeof idle_parameters / sizeof *idle_parameters; i++)
        if (str_eq(name, str_of(idle_parameters[i])))
            return true;
    return false;
}

/* The number that a value is, or that its text writes. */
static bool read_number(const json_t *value, double *number)
{
    if (json_is_number(value)) {
        *number = json_number_value(value);
        return true;
    }
    char *end;
    const char *text = json_string_value(value);
    if (!text || !*text)
        return false;
    *number = strtod(text, &end);
    return !*end && isfinite(*number);
}

/* A JSON value for an option from a text, or the value itself. The caller owns the reference. */
static json_t *parameter_value(const struct option *option, const json_t *value)
{
    double number;
    bool whole = option->kind == OPTION_INT || option->kind == OPTION_SEED;
    if ((!whole && option->kind != OPTION_FLOAT) || (whole && json_is_integer(value)) || !read_number(value, &number))
        return json_incref((json_t *)value);
    if (!whole)
        return json_real(number);
    return fabs(number) < 0x1p53 && number == trunc(number) ? json_integer((json_int_t)number)
                                                            : json_incref((json_t *)value);
}

bool modelfile_parameter(json_t *settings, struct str name, const json_t *given, struct hob_error *err)
{
    size_t n, at = options_find_dialect(DIALECT_OLLAMA, name);
    const struct option *table = options_table(&n);
    if (at == SIZE_MAX && is_idle(name))
        return true;
    if (at == SIZE_MAX)
        return error_set(err, HOB_USAGE, "no parameter is called \"%.*s\"", (int)(name.len < 60 ? name.len : 60),
                         name.ptr);
    json_t *value = parameter_value(&table[at], given), *parameters = json_object_get(settings, "parameters");
    struct options scratch;
    char key[64];
    option_json_name(&table[at], key);
    bool none = json_is_integer(value) && json_integer_value(value) < 0 &&
                (table[at].kind == OPTION_SEED || strcmp(key, "max_tokens") == 0);
    bool good = options_init(&scratch, err) && (none || options_set_value(&scratch, at, value, err));
    options_clear(&scratch);
    if (!parameters)
        json_object_set_new(settings, "parameters", parameters = json_object());
    if (good && none) {
        json_object_del(parameters, key);
    } else if (good && table[at].kind == OPTION_LIST) { /* a line each */
        json_t *list = json_object_get(parameters, key);
        if (!list)
            json_object_set_new(parameters, key, list = json_array());
        if (json_is_array(value))
            json_array_extend(list, value);
        else
            json_array_append(list, value);
    } else if (good) {
        json_object_set(parameters, key, value);
    }
    json_decref(value);
    return good;
}

bool modelfile_template(json_t *settings, struct str text, struct hob_error *err)
{
    struct buf jinja = {0};
    bool is_go = go_template_is(text);
    bool good = is_go ? go_template_jinja(text, &jinja, err) : buf_str(&jinja, text) || error_memory(err, text.len);
    struct template *parsed = good ? template_parse(buf_view(&jinja), err) : NULL;
    good = parsed != NULL;
    if (good) {
        json_object_set_new(settings, "template", json_bytes(buf_view(&jinja)));
        if (is_go)
            json_object_set_new(settings, "go_template", json_bytes(text));
        else
            json_object_del(settings, "go_template");
    }
    template_free(parsed);
    buf_clear(&jinja);
    return good;
}

/* The next line, without its end. */
static bool next_line(struct reader *reader, struct str *line)
{
    if (reader->at >= reader->text.len)
        return false;
    const char *start = reader->text.ptr + reader->at;
    size_t left = reader->text.len - reader->at;
    const char *end = memchr(start, '\n', left);
    line->ptr = start;
    line->len = end ? (size_t)(end - start) : left;
    reader->at += line->len + (end != NULL);
    reader->line++;
    if (line->len && line->ptr[line->len - 1] == '\r')
        line->len--;
    return true;
}

static struct str trim(struct str s)
{
    while (s.len && isspace((unsigned char)*s.ptr)) {
        s.ptr++;
        s.len--;
    }
    while (s.len && isspace((unsigned char)s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* Takes the first word from the front. */
static struct str take_word(struct str *rest)
{
    struct str word = trim(*rest);
    size_t n = 0;
    while (n < word.len && !isspace((unsigned char)word.ptr[n]))
        n++;
    *rest = trim((struct str){word.ptr + n, word.len - n});
    word.len = n;
    return word;
}

/* The value that starts with `rest`: plain, in quotes, or in three quotes over several lines. */
static bool read_value(struct reader *reader, struct str rest, struct buf *out, struct hob_error *err)
{
    static const struct str fence = {"\"\"\"", 3};
    if (!str_starts(rest, fence)) {
        if (rest.len >= 2 && rest.ptr[0] == '"' && rest.ptr[rest.len - 1] == '"')
            rest = (struct str){rest.ptr + 1, rest.len - 2};
        return buf_str(out, rest) || error_memory(err, rest.len);
    }
    size_t from = (size_t)(rest.ptr + 3 - reader->text.ptr), end = str_find(reader->text, fence, from);
    if (end == SIZE_MAX)
        return error_set(err, HOB_FORMAT, "\"\"\" is not closed");
    struct str value = {reader->text.ptr + from, end - from}, skipped;
    while (reader->at < end + 3 && next_line(reader, &skipped))
        ;
    const char *after = reader->text.ptr + end + 3;
    if (trim((struct str){after, reader->at - (size_t)(after - reader->text.ptr)}).len)
        return error_set(err, HOB_FORMAT, "something follows the closing \"\"\"");
    return buf_str(out, value) || error_memory(err, value.len);
}

/* Adds a string to an array of the settings. */
static void append(json_t *settings, const char *key, json_t *value)
{
    json_t *list = json_object_get(settings, key);
    if (!list)
        json_object_set_new(settings, key, list = json_array());
    json_array_append_new(list, value);
}

static bool is(struct str word, const char *keyword)
{
    return word.len == strlen(keyword) && strncasecmp(word.ptr, keyword, word.len) == 0;
}

/* One instruction. */
static bool instruct(struct reader *reader, struct str word, struct str rest, json_t *settings, struct buf *from,
                     struct hob_error *err)
{
    struct buf value = {0};
    struct str name = {0};
    bool good = true;
    if (is(word, "PARAMETER") || is(word, "MESSAGE"))
        name = take_word(&rest);
    if (rest.len == 0)
        return error_set(err, HOB_FORMAT, "%.*s: wants a value", (int)(word.len < 20 ? word.len : 20), word.ptr);
    good = read_value(reader, rest, &value, err);
    struct str text = {value.ptr ? value.ptr : "", value.len};
    if (good && is(word, "FROM")) {
        good = (from->len == 0 || error_set(err, HOB_FORMAT, "FROM: a second one")) &&
               (buf_str(from, text) || error_memory(err, text.len));
    } else if (good && is(word, "PARAMETER")) {
        json_t *json = json_bytes(text);
        good = modelfile_parameter(settings, name, json, err);
        json_decref(json);
    } else if (good && is(word, "TEMPLATE")) {
        good = modelfile_template(settings, text, err);
    } else if (good && is(word, "SYSTEM")) {
        json_object_set_new(settings, "system", json_bytes(text));
    } else if (good && is(word, "LICENSE")) {
        append(settings, "license", json_bytes(text));
    } else if (good && is(word, "MESSAGE")) {
        static const char *const roles[] = {"system", "user", "assistant"};
        const char *role = NULL;
        for (size_t i = 0; i < 3; i++)
            role = is(name, roles[i]) ? roles[i] : role;
        good = role || error_set(err, HOB_FORMAT, "MESSAGE: want system, user or assistant, then a text");
        if (good)
            append(settings, "messages", json_pack("{s:s, s:o}", "role", role, "content", json_bytes(text)));
    } else if (good) {
        good = error_set(err, HOB_FORMAT,
                         "%.*s: cannot be honoured; want FROM, PARAMETER, TEMPLATE, SYSTEM, MESSAGE or LICENSE",
                         (int)(word.len < 20 ? word.len : 20), word.ptr);
    }
    buf_clear(&value);
    return good;
}

json_t *modelfile_read(struct str text, const char *name, struct buf *from, struct hob_error *err)
{
    json_t *settings = json_object();
    if (str_starts(text, STR("\xef\xbb\xbf")))
        text = (struct str){text.ptr + 3, text.len - 3};
    struct reader reader = {.text = text};
    struct str line;
    bool good = (settings || error_memory(err, 64)) &&
                (utf8_valid(text) || error_set(err, HOB_FORMAT, "%s: is not UTF-8 text", name));
    while (good && next_line(&reader, &line)) {
        struct str rest = trim(line);
        size_t at = reader.line;
        if (rest.len == 0 || rest.ptr[0] == '#')
            continue;
        struct str word = take_word(&rest);
        if (!instruct(&reader, word, rest, settings, from, err))
            good = error_prefix(err, "%s: line %zu", name, at);
    }
    if (good && from->len == 0)
        good = error_set(err, HOB_FORMAT, "%s: has no FROM", name);
    if (good && buf_text(from))
        return settings;
    json_decref(settings);
    return NULL;
}

/* A parameter's value as a Modelfile writes it. */
static void write_value(const json_t *value, bool quote, struct buf *out)
{
    if (json_is_string(value) && quote)
        buf_format(out, "\"%s\"", json_string_value(value));
    else if (json_is_string(value))
        buf_format(out, "%s", json_string_value(value));
    else if (json_is_real(value))
        buf_format(out, "%.9g", json_real_value(value));
    else
        json_write(value, out);
}

/* Each parameter and value, by `line`: "PARAMETER %s " or the padded form. */
static bool write_parameters(const json_t *settings, bool padded, struct buf *out)
{
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(settings, "parameters"), key, value)
    {
        size_t n, at = options_find(str_of(key)), count = json_is_array(value) ? json_array_size(value) : 1;
        const struct option *table = options_table(&n);
        const char *name = at == SIZE_MAX ? NULL : table[at].ollama;
        for (size_t i = 0; name && i < count; i++) {
            buf_format(out, padded ? "%-30s " : "PARAMETER %s ", name);
            write_value(json_is_array(value) ? json_array_get(value, i) : value, true, out);
            buf_byte(out, '\n');
        }
    }
    return !out->failed;
}

bool modelfile_parameters(const json_t *settings, struct buf *out)
{
    return write_parameters(settings, true, out);
}

/* A string's text; "" for what is none, as an index that somebody else has written may hold. */
static const char *text_of(const json_t *value)
{
    const char *text = json_string_value(value);
    return text ? text : "";
}

bool modelfile_write(const json_t *settings, struct str from, struct buf *out)
{
    const json_t *template = json_object_get(settings, "go_template");
    size_t i;
    json_t *item;
    if (!template)
        template = json_object_get(settings, "template");
    buf_format(out, "FROM %.*s\n", (int)from.len, from.ptr);
    if (template)
        buf_format(out, "TEMPLATE \"\"\"%s\"\"\"\n", text_of(template));
    if (json_object_get(settings, "system"))
        buf_format(out, "SYSTEM \"\"\"%s\"\"\"\n", text_of(json_object_get(settings, "system")));
    write_parameters(settings, false, out);
    json_array_foreach(json_object_get(settings, "messages"), i, item)
    {
        buf_format(out, "MESSAGE %s \"\"\"%s\"\"\"\n", text_of(json_object_get(item, "role")),
                   text_of(json_object_get(item, "content")));
    }
    json_array_foreach(json_object_get(settings, "license"), i, item)
    {
        buf_format(out, "LICENSE \"\"\"%s\"\"\"\n", text_of(item));
    }
    return !out->failed;
}
