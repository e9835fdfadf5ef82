/* SPDX-License-Identifier: Apache-2.0
 *
 * What a command reads.
 */
#include "cli/input.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "cli/interrupt.h"
#include "cli/output.h"

bool input_ids(const char *name, struct str text, struct ids *ids, struct hob_error *err)
{
    size_t at = 0;
    while (at < text.len) {
        if (byte_in(text.ptr[at], " \t\r\n,[]")) {
            at++;
            continue;
        }
        size_t start = at;
        int64_t id = 0;
        for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9' && id <= INT32_MAX; at++)
            id = id * 10 + (text.ptr[at] - '0');
        if (at == start || id > INT32_MAX || (at < text.len && !byte_in(text.ptr[at], " \t\r\n,[]")))
            return error_set(err, HOB_USAGE, "%s: found \"%.*s\", want whole numbers: 1,2,3", name,
                             (int)(text.len - start < 20 ? text.len - start : 20), text.ptr + start);
        if (!ids_add(ids, (int32_t)id))
            return error_memory(err, ids->len * sizeof *ids->ptr);
    }
    return true;
}

bool input_is_piped(void)
{
    return !isatty(STDIN_FILENO);
}

bool input_piped(const char *want, struct buf *out, struct hob_error *err)
{
    if (!input_is_piped())
        return error_set(err, HOB_USAGE, "want %s, as a word or on standard input", want);
    return file_load("-", INPUT_MAX_BYTES, out, err);
}

bool input_check_stdin(const struct args *args, bool taken, struct hob_error *err)
{
    return args_n_stdin(args) + taken < 2 ||
           error_set(err, HOB_USAGE, "standard input can be one thing only: an option's \"-\" wants another file");
}

FILE *input_open(const char *path, const char **name, struct hob_error *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    *name = is_stdin ? "standard input" : path;
    if (is_stdin)
        return stdin;
    int fd = file_descriptor(path, FILE_STREAM, err);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    if (fd >= 0 && !file) {
        error_memory(err, BUFSIZ);
        close(fd);
    }
    return file;
}

bool input_line(FILE *file, const char *name, size_t max, struct buf *line, bool *end, struct hob_error *err)
{
    int c;
    line->len = 0;
    while ((c = getc_unlocked(file)) != EOF && c != '\n') {
        if (line->len == max)
            return error_set(err, HOB_LIMIT, "%s: a line is longer than %zu bytes", name, max);
        if (!buf_byte(line, (char)c))
            return error_memory(err, line->len);
    }
    if (c == EOF && ferror(file))
        return interrupt_pending() ? interrupt_error(err) : error_system(err, name, "cannot be read");
    *end = c == EOF && line->len == 0;
    return true;
}

bool input_time(const char *name, const char *text, json_t **now, struct hob_error *err)
{
    static const char *const forms[] = {"%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"};
    char *end;
    errno = 0;
    long long seconds = strtoll(text, &end, 10);
    if (*text && !*end && !errno) {
        *now = json_integer(seconds);
        return *now || error_memory(err, 1);
    }
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm tm = {.tm_isdst = -1};
        const char *rest = strptime(text, forms[i], &tm);
        int day = tm.tm_mday;
        if (!rest || *rest)
            continue;
        time_t at = mktime(&tm);
        if (tm.tm_mday != day) /* there is no such day */
            break;
        *now = json_integer((json_int_t)at);
        return *now || error_memory(err, 1);
    }
    return error_set(err, HOB_USAGE, "%s: found \"%.40s\", want seconds since 1970, or YYYY-MM-DD [HH:MM[:SS]]", name,
                     text);
}

bool input_encode(const struct tokenizer *tokenizer, struct str text, bool special, struct ids *ids,
                  struct hob_error *err)
{
    size_t n_lost = 0;
    struct encode_options encode = {
        .special = special,
        .add_bos = tokenizer_adds_bos(tokenizer),
        .add_eos = tokenizer_adds_eos(tokenizer),
        .n_lost = &n_lost,
    };
    struct str bos = tokenizer_text(tokenizer, tokenizer_bos(tokenizer));
    if (special && encode.add_bos && bos.len && str_starts(text, bos))
        encode.add_bos = false;
    bool good = tokenizer_encode(tokenizer, text, &encode, ids, err);
    input_tell_lost(n_lost);
    return good;
}

void input_tell_lost(size_t n)
{
    if (n)
        message("%zu byte%s of the text left out, having no token in the vocabulary", n, n == 1 ? "" : "s");
}

bool input_model_ids(const struct args *args, struct model *model, struct ids *ids, struct hob_error *err)
{
    const struct option_value *tokens = args_own(args, "tokens"), *text = args_own(args, "text"),
                              *file = args_own(args, "file");
    if (tokens->given + text->given + file->given != 1)
        return error_set(err, HOB_USAGE, "want one of --tokens, --text and --file");
    if (tokens->given)
        return input_ids("--tokens", str_of(tokens->text), ids, err);
    const struct tokenizer *tokenizer = model_tokenizer(model, err);
    struct buf loaded = {0};
    bool good = tokenizer && (text->given || file_load(file->text, INPUT_MAX_BYTES, &loaded, err));
    good = good && input_encode(tokenizer, text->given ? str_of(text->text) : buf_view(&loaded),
                                args_own(args, "special")->flag, ids, err);
    buf_clear(&loaded);
    return good;
}

json_t *input_tools(const char *path, struct hob_error *err)
{
    json_t *file = json_read_file(path, INPUT_MAX_BYTES, err);
    json_t *list = json_is_object(file) ? json_object_get(file, "tools") : file;
    list = json_is_array(list) ? json_incref(list) : NULL;
    if (file && !list)
        error_set(err, HOB_FORMAT, "%s: want a JSON array of tools", path);
    json_decref(file);
    return list;
}

json_t *input_think(const char *text)
{
    if (!*text || strcmp(text, "on") == 0 || strcmp(text, "true") == 0)
        return json_true();
    if (strcmp(text, "off") == 0 || strcmp(text, "false") == 0)
        return json_false();
    return json_bytes(str_of(text));
}

json_t *input_chat(const struct args *args, struct hob_error *err)
{
    static const char *const words[] = {"auto", "none", "required"};
    const struct option_value *tools = args_own(args, "tools"), *choice = args_own(args, "tool-choice");
    const struct option_value *parallel = args_own(args, "parallel-tool-calls"), *think = args_own(args, "think");
    json_t *members = json_object(), *list = NULL;
    if (!members)
        error_memory(err, 64);
    if (!members || (tools->given && !(list = input_tools(tools->text, err)))) {
        json_decref(members);
        return NULL;
    }
    if (list)
        json_object_set_new(members, "tools", list);
    if (choice->given) {
        json_t *name = json_bytes(str_of(choice->text));
        bool word = false;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            word = word || strcmp(choice->text, words[i]) == 0;
        json_object_set_new(members, "tool_choice", word ? name : json_pack("{s:o}", "name", name));
    }
    if (parallel->given)
        json_object_set_new(members, "parallel_tool_calls", json_boolean(parallel->flag));
    if (think->given)
        json_object_set_new(members, "think", input_think(think->text));
    return members;
}
