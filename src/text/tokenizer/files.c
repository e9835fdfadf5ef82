/* SPDX-License-Identifier: Apache-2.0
 *
 * Which format a tokenizer file has.
 */
#include "text/tokenizer/files.h"

#include "base/error.h"
#include "text/tokenizer/json.h"

static bool is_base64(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
           c == '=';
}

/* Whether the first line is base64, a space and a digit. SentencePiece's files start with a line feed. */
static bool is_ranks(struct str file)
{
    size_t at = 0;
    while (at < file.len && is_base64(file.ptr[at]))
        at++;
    return at && at + 1 < file.len && file.ptr[at] == ' ' && file.ptr[at + 1] >= '0' && file.ptr[at + 1] <= '9';
}

static struct tokenizer *from_json(struct str file, const struct tokenizer_config *given, struct hob_error *err)
{
    json_t *root = json_read_wide(file, "JSON", err);
    if (!root)
        return NULL;
    bool tekken = !json_object_get(root, "model") && json_object_get(root, "config");
    struct tokenizer *tokenizer = tekken ? tokenizer_from_tekken(root, given, err)
                                         : tokenizer_from_json(root, given->config, given->eog, given->n_eog, err);
    json_decref(root);
    return tokenizer;
}

struct tokenizer *tokenizer_from_file(struct str file, struct str name, const struct tokenizer_config *given,
                                      struct hob_error *err)
{
    size_t at = 0;
    while (at < file.len && byte_in(file.ptr[at], " \t\r\n"))
        at++;
    if (at < file.len && file.ptr[at] == '{')
        return from_json(file, given, err);
    return is_ranks(file) ? tokenizer_from_tiktoken(file, name, given, err)
                          : tokenizer_from_sentencepiece(file, given, err);
}
