/* SPDX-License-Identifier: Apache-2.0
 *
 * The lexicon of a tokenizer.
 */
#include "text/tokenizer_lexicon.h"

#include "base/checked.h"
#include "base/error.h"

static bool copy_texts(struct lexicon *lexicon, struct arena *arena, const struct str *texts, struct hob_error *err)
{
    size_t bytes = 1;
    for (size_t i = 0; i < lexicon->n; i++)
        if (!size_add(bytes, texts[i].len, &bytes))
            return error_memory(err, SIZE_MAX);
    char *blob = arena_alloc(arena, bytes);
    if (!blob)
        return error_memory(err, bytes);
    for (size_t i = 0; i < lexicon->n; i++) {
        size_t len = texts[i].len;
        if (len)
            memcpy(blob, texts[i].ptr, len);
        lexicon->texts[i] = (struct str){blob, len};
        if (len > lexicon->max_bytes)
            lexicon->max_bytes = len;
        blob += len;
    }
    return true;
}

bool lexicon_init(struct lexicon *lexicon, struct arena *arena, size_t n, const struct str *texts, const uint8_t *types,
                  struct hob_error *err)
{
    *lexicon = (struct lexicon){.n = n};
    if (n == 0 || n > INT32_MAX)
        return error_set(err, HOB_FORMAT, "vocabulary: %zu tokens, want 1 to %d", n, INT32_MAX);
    lexicon->texts = arena_array(arena, n, sizeof(*lexicon->texts));
    lexicon->types = arena_array(arena, n, 1);
    if (!lexicon->texts || !lexicon->types || !map_reserve(&lexicon->ids, n))
        return error_memory(err, n * (sizeof(*lexicon->texts) + 1));
    if (!copy_texts(lexicon, arena, texts, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned type = types ? types[i] : TOKEN_NORMAL;
        if (type > TOKEN_BYTE)
            return error_set(err, HOB_FORMAT, "vocabulary: token %zu: type %u, want 0 to %d", i, type, TOKEN_BYTE);
        lexicon->types[i] = (uint8_t)type;
        if (texts[i].len == 0)
            lexicon->types[i] = TOKEN_UNUSED;
        else if (!map_add(&lexicon->ids, lexicon->texts[i], (uint32_t)i, NULL))
            return error_memory(err, n);
    }
    return true;
}

void lexicon_clear(struct lexicon *lexicon)
{
    map_clear(&lexicon->ids);
}

int32_t lexicon_find(const struct lexicon *lexicon, struct str text)
{
    if (text.len > lexicon->max_bytes)
        return TOKEN_NONE;
    uint32_t id = map_get(&lexicon->ids, text);
    return id == MAP_NONE ? TOKEN_NONE : (int32_t)id;
}

int32_t lexicon_find_plain(const struct lexicon *lexicon, struct str text)
{
    int32_t id = lexicon_find(lexicon, text);
    if (id == TOKEN_NONE || lexicon_is_control(lexicon, id) || lexicon->types[id] == TOKEN_BYTE)
        return TOKEN_NONE;
    return id;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

int lexicon_byte_of(struct str text)
{
    if (text.len != 6 || !str_starts(text, STR("<0x")) || text.ptr[5] != '>')
        return -1;
    int high = hex_digit(text.ptr[3]), low = hex_digit(text.ptr[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool lexicon_byte_tokens(const struct lexicon *lexicon, bool any_type, int32_t ids[256], struct hob_error *err)
{
    for (int i = 0; i < 256; i++)
        ids[i] = TOKEN_NONE;
    for (size_t i = 0; i < lexicon->n; i++) {
        bool is_byte = lexicon->types[i] == TOKEN_BYTE;
        if (!is_byte && !any_type)
            continue;
        int byte = lexicon_byte_of(lexicon->texts[i]);
        if (byte < 0 && is_byte)
            return error_set(err, HOB_FORMAT,
                             "vocabulary: token %zu is a byte token named \"%.*s\", want <0x00> to <0xFF>", i,
                             (int)(lexicon->texts[i].len < 40 ? lexicon->texts[i].len : 40), lexicon->texts[i].ptr);
        if (byte >= 0 && ids[byte] == TOKEN_NONE)
            ids[byte] = (int32_t)i;
    }
    return true;
}
