/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokenizers. The first byte of the input says what the rest is:
 *   0 mod 8  a text for a byte-level vocabulary      its ids decode to the text again, whole or as a stream
 *   1 mod 8  a text for a SentencePiece vocabulary   the same
 *   2 mod 8  a vocabulary: its kind, then its tokens, merges and a text, by lines
 *   3 mod 8  a tokenizer.json, its own tokenizer_config.json
 *   others   a tokenizer file of any format, by its content: tokenizer.model, tekken.json, tiktoken
 */
#include <stdio.h>
#include <stdlib.h>

#include "text/tokenizer/files.h"
#include "text/tokenizer/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_WORDS = 8, MAX_TOKENS = 512 };

/* A vocabulary of all bytes and a few words. */
static struct tokenizer *make(bool spm)
{
    static const char *const words[2][N_WORDS] = {
        {"ab", "abc", "\xc4\xa0t", "<|x|>", "<think>", "\xc4\xa0\xc4\xa0", "\xc4\x8a\xc4\x8a", "the"},
        {"ab", "abc", "\xe2\x96\x81t", "<|x|>", "<think>", "\xe2\x96\x81\xe2\x96\x81", "\xc3\xa9", "\xe2\x96\x81"}};
    static const uint8_t word_types[N_WORDS] = {1, 1, 1, 3, 4, 1, 1, 1};
    static const struct str merges[] = {{"a b", 3}, {"ab c", 4}, {"\xc4\xa0 \xc4\xa0", 5}, {"\xc4\x8a \xc4\x8a", 5}};
    char bytes[256][8];
    struct str tokens[256 + N_WORDS];
    uint8_t types[256 + N_WORDS];
    struct vocab vocab;
    if (!vocab_defaults(&vocab, spm ? STR("llama") : STR("gpt2"), STR("llama-bpe"), NULL))
        abort();
    for (unsigned i = 0; i < 256; i++) {
        bool shifted = i <= 0x20 || (i >= 0x7f && i <= 0xa0) || i == 0xad;
        unsigned code = !shifted ? i : i <= 0x20 ? 0x100 + i : i <= 0xa0 ? 0x121 + i - 0x7f : 0x143;
        size_t len = spm ? (size_t)snprintf(bytes[i], sizeof(bytes[i]), "<0x%02X>", i) : utf8_encode(code, bytes[i]);
        tokens[i] = (struct str){bytes[i], len};
        types[i] = spm ? TOKEN_BYTE : TOKEN_NORMAL;
    }
    for (unsigned i = 0; i < N_WORDS; i++) {
        tokens[256 + i] = str_of(words[spm][i]);
        types[256 + i] = word_types[i];
    }
    vocab.n_tokens = 256 + N_WORDS - (spm ? 0 : 1);
    vocab.tokens = tokens;
    vocab.types = types;
    vocab.n_merges = spm ? 0 : sizeof(merges) / sizeof(*merges);
    vocab.merges = merges;
    vocab.add_space_prefix = false;
    return tokenizer_new(&vocab, NULL);
}

/* Encodes and decodes; where `exact`, the text must come back. */
static void go_round(const struct tokenizer *tokenizer, struct str text, bool exact)
{
    struct hob_error err = {0};
    for (unsigned special = 0; special < 2; special++) {
        struct text_span half = {text.len / 3, text.len / 2};
        struct encode_options options = {.special = special, .untrusted = &half, .n_untrusted = special};
        struct ids ids = {0};
        struct buf out = {0};
        struct detokenizer detokenizer = {0};
        if (!tokenizer_encode(tokenizer, text, &options, &ids, &err)) {
            if (exact || err.status == HOB_OK || !utf8_valid(str_of(err.text)))
                abort();
            ids_clear(&ids);
            return;
        }
        for (size_t i = 0; i < ids.len; i++) {
            size_t before = out.len;
            if (ids.ptr[i] < 0 || (size_t)ids.ptr[i] >= tokenizer_size(tokenizer) ||
                !detokenizer_add(&detokenizer, tokenizer, ids.ptr[i], true, &out))
                abort();
            if (utf8_valid(text) && exact && !utf8_valid((struct str){out.ptr + before, out.len - before}))
                abort();
        }
        if (!detokenizer_end(&detokenizer, &out) || (exact && !str_eq(buf_view(&out), text)))
            abort();
        buf_clear(&out);
        ids_clear(&ids);
    }
}

static void try_vocabulary(struct str input)
{
    struct str lines[MAX_TOKENS];
    uint8_t types[MAX_TOKENS], attributes[MAX_TOKENS];
    float scores[MAX_TOKENS];
    size_t n = 0;
    for (size_t at = 0; at <= input.len && n < MAX_TOKENS; n++) {
        size_t end = str_find(input, STR("\n"), at);
        end = end == SIZE_MAX ? input.len : end;
        lines[n] = (struct str){input.ptr + at, end - at};
        at = end + 1;
    }
    struct vocab vocab;
    if (n < 4 || lines[0].len < 3)
        return;
    const char *head = lines[0].ptr;
    static const char *const kinds[] = {"gpt2", "llama", "t5", "bert", "gemma4", "gpt2", "llama", "t5"};
    if (!vocab_defaults(&vocab, str_of(kinds[(uint8_t)head[2] % 8]), head[0] & 2 ? STR("qwen2") : STR("falcon"), NULL))
        abort();
    vocab.remove_extra_spaces = head[0] & 8;
    vocab.prefix_once = head[0] & 16;
    vocab.n_tokens = 1 + (uint8_t)head[1] % (n - 2);
    vocab.tokens = lines + 1;
    vocab.merges = lines + 1 + vocab.n_tokens;
    vocab.n_merges = n - 1 - vocab.n_tokens;
    vocab.bos = vocab.unk = 0;
    vocab.eos = (int32_t)(vocab.n_tokens - 1);
    /* The last byte of a token says what it is. */
    for (size_t i = 0; i < vocab.n_tokens; i++) {
        uint8_t last = lines[1 + i].len ? (uint8_t)lines[1 + i].ptr[--lines[1 + i].len] : 0;
        types[i] = last % 8;
        attributes[i] = last / 16;
        scores[i] = -(float)(last % 32);
    }
    if (head[0] & 4)
        vocab.types = types;
    vocab.attributes = attributes;
    vocab.scores = scores;
    struct hob_error err = {0};
    struct tokenizer *tokenizer = tokenizer_new(&vocab, &err);
    if (tokenizer)
        go_round(tokenizer, input, false);
    else if (err.status == HOB_OK || !utf8_valid(str_of(err.text)))
        abort();
    tokenizer_free(tokenizer);
}

static void try_json(struct str input)
{
    struct hob_error err = {0};
    json_t *root = json_read(input, "input", NULL);
    if (!root)
        return;
    struct tokenizer *tokenizer = tokenizer_from_json(root, root, NULL, 0, &err);
    json_decref(root);
    if (tokenizer)
        go_round(tokenizer, STR("a b  c\n\xc3\xa9 12 <s>x</s>. \xff"), false);
    else if (err.status == HOB_OK || !utf8_valid(str_of(err.text)))
        abort();
    tokenizer_free(tokenizer);
}

static void try_file(struct str input)
{
    struct hob_error err = {0};
    struct tokenizer_config given = {.config = json_pack("{s:s, s:{s:{s:s, s:b}}}", "bos_token", "<s>",
                                                         "added_tokens_decoder", "9", "content", "<s>", "special", 1)};
    struct tokenizer *tokenizer = tokenizer_from_file(input, STR("cl100k"), &given, &err);
    json_decref((json_t *)given.config);
    if (tokenizer)
        go_round(tokenizer, STR("a b  c\n\xc3\xa9 12 <s>x</s>. \xff"), false);
    else if (err.status == HOB_OK || !utf8_valid(str_of(err.text)))
        abort();
    tokenizer_free(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tokenizer *fixed[2];
    if (size == 0)
        return 0;
    struct str rest = {(const char *)data + 1, size - 1};
    unsigned mode = data[0] % 8;
    if (mode < 2) {
        if (!fixed[mode] && !(fixed[mode] = make(mode == 1)))
            abort();
        /* U+2581 comes back as a space. */
        bool exact = mode == 0 || str_find(rest, STR("\xe2\x96\x81"), 0) == SIZE_MAX;
        go_round(fixed[mode], rest, exact);
    } else if (mode == 2) {
        try_vocabulary(rest);
    } else if (mode == 3) {
        try_json(rest);
    } else {
        try_file(rest);
    }
    return 0;
}
