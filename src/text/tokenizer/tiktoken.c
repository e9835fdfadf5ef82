/* SPDX-License-Identifier: Apache-2.0
 *
 * tiktoken's files: lines of base64, a space and a rank. They say neither how text is cut nor which tokens are special;
 * a tokenizer_config.json beside them may, and for files that are known by name or size it stands here. To add one, add
 * its special tokens and a row.
 */
#include <stdio.h>

#include "base/error.h"
#include "text/tokenizer/pretokenizer.h"
#include "text/tokenizer/files.h"
#include "text/tokenizer/ranked.h"

/* `n` special tokens whose ids follow one another, the first `offset` after the number of ranks. */
struct special_run {
    const char *format; /* with a number in it where there are several */
    int offset, n, number;
};

struct known_file {
    const char *name; /* part of the file's name */
    size_t n_ranks;   /* what the real file has */
    const char *pattern;
    const struct special_run *specials; /* ended by one of none */
    bool nfc;
    const char *bos, *eos; /* or NULL */
};

/* clang-format off */
#define SPACES "|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s"
#define UPPER  "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER  "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define BEFORE "[^\\r\\n\\p{L}\\p{N}]?"
#define SHORT  "(?i:'s|'t|'re|'ve|'m|'ll|'d)"

static const char r50k[] =
    "'(?:[sdmt]|ll|ve|re)| ?\\p{L}++| ?\\p{N}++| ?[^\\s\\p{L}\\p{N}]++|\\s++$|\\s+(?!\\S)|\\s";
static const char cl100k[] =
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+" SPACES;
static const char o200k[] =
    BEFORE UPPER "*" LOWER "+" SHORT "?|" BEFORE UPPER "+" LOWER "*" SHORT "?|\\p{N}{1,3}"
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
static const char llama3[] =
    SHORT "|" BEFORE "\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
static const char qwen[] =
    SHORT "|" BEFORE "\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
/* clang-format on */

static const struct special_run r50k_specials[] = {{"<|endoftext|>", 0, 1, 0}, {0}};
static const struct special_run p50k_specials[] = {{"<|endoftext|>", -24, 1, 0}, {0}};
static const struct special_run cl100k_specials[] = {{"<|endoftext|>", 1, 1, 0},    {"<|fim_prefix|>", 2, 1, 0},
                                                     {"<|fim_middle|>", 3, 1, 0},   {"<|fim_suffix|>", 4, 1, 0},
                                                     {"<|endofprompt|>", 20, 1, 0}, {0}};
static const struct special_run o200k_specials[] = {{"<|endoftext|>", 1, 1, 0}, {"<|endofprompt|>", 20, 1, 0}, {0}};
static const struct special_run qwen_specials[] = {
    {"<|endoftext|>", 0, 1, 0}, {"<|im_start|>", 1, 1, 0}, {"<|im_end|>", 2, 1, 0}, {"<|extra_%d|>", 3, 205, 0}, {0}};
static const struct special_run llama3_specials[] = {{"<|begin_of_text|>", 0, 1, 0},
                                                     {"<|end_of_text|>", 1, 1, 0},
                                                     {"<|reserved_special_token_%d|>", 2, 2, 0},
                                                     {"<|finetune_right_pad_id|>", 4, 1, 0},
                                                     {"<|reserved_special_token_%d|>", 5, 1, 2},
                                                     {"<|start_header_id|>", 6, 1, 0},
                                                     {"<|end_header_id|>", 7, 1, 0},
                                                     {"<|eom_id|>", 8, 1, 0},
                                                     {"<|eot_id|>", 9, 1, 0},
                                                     {"<|python_tag|>", 10, 1, 0},
                                                     {"<|reserved_special_token_%d|>", 11, 245, 3},
                                                     {0}};

static const struct known_file known_files[] = {
    {"qwen", 151643, qwen, qwen_specials, .nfc = true, .eos = "<|endoftext|>"},
    {"llama", 128000, llama3, llama3_specials, .bos = "<|begin_of_text|>", .eos = "<|end_of_text|>"},
    {"o200k", 199998, o200k, o200k_specials, .eos = "<|endoftext|>"},
    {"cl100k", 100256, cl100k, cl100k_specials, .eos = "<|endoftext|>"},
    {"p50k", 50280, r50k, p50k_specials, .eos = "<|endoftext|>"},
    {"r50k", 50256, r50k, r50k_specials, .eos = "<|endoftext|>"},
};

static const struct known_file *find_known(struct str name, size_t n_ranks)
{
    size_t n = sizeof(known_files) / sizeof(*known_files);
    for (size_t i = 0; i < n; i++)
        if (str_find(name, str_of(known_files[i].name), 0) != SIZE_MAX)
            return &known_files[i];
    for (size_t i = 0; i < n; i++)
        if (known_files[i].n_ranks == n_ranks)
            return &known_files[i];
    return NULL;
}

static bool read_line(struct ranked *ranked, struct str line, size_t number, struct hob_error *err)
{
    size_t space = str_find(line, STR(" "), 0), rank = 0;
    bool ok = space != SIZE_MAX && space + 1 < line.len;
    for (size_t i = space + 1; ok && i < line.len; i++) {
        ok = line.ptr[i] >= '0' && line.ptr[i] <= '9' && rank < RANKED_MAX_TOKENS;
        rank = rank * 10 + (size_t)(line.ptr[i] - '0');
    }
    if (!ok)
        return error_set(err, HOB_FORMAT, "line %zu: want base64, a space and a rank", number);
    return ranked_set_base64(ranked, rank, (struct str){line.ptr, space}, err) || error_prefix(err, "line %zu", number);
}

static bool read_lines(struct ranked *ranked, struct str file, size_t *n_ranks, struct hob_error *err)
{
    size_t number = 1;
    for (size_t at = 0; at < file.len; number++) {
        size_t end = str_find(file, STR("\n"), at);
        end = end == SIZE_MAX ? file.len : end;
        struct str line = {file.ptr + at, end - at};
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (line.len && !read_line(ranked, line, number, err))
            return false;
        *n_ranks += line.len > 0;
        at = end + 1;
    }
    return true;
}

static bool add_known(struct ranked *ranked, const struct known_file *known, size_t n_ranks, struct hob_error *err)
{
    for (const struct special_run *run = known->specials; run->format; run++) {
        for (int i = 0; i < run->n; i++) {
            char text[48];
            snprintf(text, sizeof(text), run->format, run->number + i);
            size_t id = (size_t)((long)n_ranks + run->offset + i);
            if (!ranked_set(ranked, id, str_of(text), TOKEN_CONTROL, err))
                return false;
        }
    }
    return true;
}

static int32_t find_special(const struct ranked *ranked, const char *text)
{
    for (size_t i = 0; text && i < ranked->n; i++)
        if (ranked->types[i] == TOKEN_CONTROL && str_eq(ranked->texts[i], str_of(text)))
            return (int32_t)i;
    return TOKEN_NONE;
}

/* How a configuration says text is cut, or an empty span. */
static struct str config_pattern(const json_t *config)
{
    struct str pattern = json_span(json_object_get(config, "pat_str"));
    return pattern.len ? pattern : json_span(json_object_get(config, "pattern"));
}

struct tokenizer *tokenizer_from_tiktoken(struct str file, struct str name, const struct tokenizer_config *given,
                                          struct hob_error *err)
{
    enum { MAX_SPECIALS = 65536 };
    size_t n_lines = 1, n_ranks = 0;
    for (size_t i = 0; i < file.len; i++)
        n_lines += file.ptr[i] == '\n';
    struct ranked ranked;
    struct ranked_rules rules = {.bos = TOKEN_NONE, .eos = TOKEN_NONE};
    bool ok = ranked_init(&ranked, n_lines + MAX_SPECIALS, err) && read_lines(&ranked, file, &n_ranks, err);
    rules.pattern = config_pattern(given->config);
    const struct known_file *known = ok && !rules.pattern.len ? find_known(name, n_ranks) : NULL;
    if (known)
        rules.pattern = str_of(known->pattern);
    else if (ok && !rules.pattern.len)
        ok = error_set(err, HOB_FORMAT,
                       "nothing says how text is cut: want \"pat_str\" in a tokenizer_config.json "
                       "beside the tiktoken file");
    if (ok && json_object_get(given->config, "added_tokens_decoder"))
        ok = ranked_set_added(&ranked, given->config, err);
    else if (ok && known)
        ok = add_known(&ranked, known, n_ranks, err);
    if (!ok) {
        ranked_clear(&ranked);
        return NULL;
    }
    if (known) {
        rules.nfc = known->nfc;
        rules.bos = find_special(&ranked, known->bos);
        rules.eos = find_special(&ranked, known->eos);
        rules.add_bos = known->bos != NULL;
    }
    return ranked_build(&ranked, &rules, given, err);
}
