/* SPDX-License-Identifier: Apache-2.0
 *
 * The lexicon of a tokenizer.
 */
#include "text/tokenizer/lexicon.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/map.h"

/* The place of an id in the table from texts to ids: half the size of a map, which would hold the texts again. */
struct lexicon_slot {
    uint32_t hash;
    int32_t id; /* TOKEN_NONE: the slot is free */
};

/* The slot of `text`, or the free slot where it belongs. There is always a free one. */
static struct lexicon_slot *find_slot(const struct lexicon *lexicon, struct str text, uint32_t hash)
{
    size_t mask = lexicon->n_slots - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct lexicon_slot *slot = &lexicon->slots[i];
        if (slot->id == TOKEN_NONE || (slot->hash == hash && str_eq(lexicon_text(lexicon, (size_t)slot->id), text)))
            return slot;
    }
}

/* Makes the slots for all texts; the first of equal ones is found. */
static bool make_slots(struct lexicon *lexicon)
{
    lexicon->n_slots = 16;
    while (lexicon->n_slots / 4 * 3 < lexicon->n)
        lexicon->n_slots *= 2;
    lexicon->slots = reallocarray(NULL, lexicon->n_slots, sizeof *lexicon->slots);
    if (!lexicon->slots)
        return false;
    for (size_t i = 0; i < lexicon->n_slots; i++)
        lexicon->slots[i].id = TOKEN_NONE;
    for (size_t i = 0; i < lexicon->n; i++) {
        struct str text = lexicon_text(lexicon, i);
        uint32_t hash = (uint32_t)hash_bytes(text.ptr, text.len);
        struct lexicon_slot *slot = text.len ? find_slot(lexicon, text, hash) : NULL;
        if (slot && slot->id == TOKEN_NONE)
            *slot = (struct lexicon_slot){hash, (int32_t)i};
    }
    return true;
}

static bool copy_texts(struct lexicon *lexicon, struct arena *arena, const struct str *texts, struct hob_error *err)
{
    size_t bytes = 1, at = 0;
    for (size_t i = 0; i < lexicon->n; i++)
        if (!size_add(bytes, texts[i].len, &bytes))
            return error_memory(err, SIZE_MAX);
    if (bytes > UINT32_MAX)
        return error_set(err, HOB_LIMIT, "vocabulary: its texts have %zu bytes, the limit is 2^32", bytes);
    lexicon->blob = arena_alloc(arena, bytes);
    lexicon->offsets = arena_array(arena, lexicon->n + 1, sizeof *lexicon->offsets);
    if (!lexicon->blob || !lexicon->offsets)
        return error_memory(err, bytes);
    for (size_t i = 0; i < lexicon->n; i++) {
        size_t len = texts[i].len;
        if (len)
            memcpy(lexicon->blob + at, texts[i].ptr, len);
        if (len > lexicon->max_bytes)
            lexicon->max_bytes = len;
        at += len;
        lexicon->offsets[i + 1] = (uint32_t)at;
    }
    return true;
}

bool lexicon_init(struct lexicon *lexicon, struct arena *arena, size_t n, const struct str *texts, const uint8_t *types,
                  struct hob_error *err)
{
    *lexicon = (struct lexicon){.n = n};
    if (n == 0 || n > INT32_MAX)
        return error_set(err, HOB_FORMAT, "vocabulary: %zu tokens, want 1 to %d", n, INT32_MAX);
    lexicon->types = arena_array(arena, n, 1);
    if (!lexicon->types)
        return error_memory(err, n);
    if (!copy_texts(lexicon, arena, texts, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned type = types ? types[i] : TOKEN_NORMAL;
        if (type > TOKEN_BYTE)
            return error_set(err, HOB_FORMAT, "vocabulary: token %zu: type %u, want 0 to %d", i, type, TOKEN_BYTE);
        lexicon->types[i] = (uint8_t)type;
        if (texts[i].len == 0)
            lexicon->types[i] = TOKEN_UNUSED;
    }
    return make_slots(lexicon) || error_memory(err, n * sizeof *lexicon->slots);
}

void lexicon_clear(struct lexicon *lexicon)
{
    free(lexicon->slots);
    lexicon->slots = NULL;
}

int32_t lexicon_find(const struct lexicon *lexicon, struct str text)
{
    if (text.len == 0 || text.len > lexicon->max_bytes)
        return TOKEN_NONE;
    return find_slot(lexicon, text, (uint32_t)hash_bytes(text.ptr, text.len))->id;
}

int32_t lexicon_find_plain(const struct lexicon *lexicon, struct str text)
{
    int32_t id = lexicon_find(lexicon, text);
    if (id == TOKEN_NONE || lexicon_is_control(lexicon, id) || lexicon->types[id] == TOKEN_BYTE ||
        lexicon_is_foreign(lexicon, (size_t)id))
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
        int byte = lexicon_byte_of(lexicon_text(lexicon, i));
        if (byte < 0 && is_byte)
            return error_set(err, HOB_FORMAT,
                             "vocabulary: token %zu is a byte token named \"%.*s\", want <0x00> to <0xFF>", i,
                             (int)(lexicon_text(lexicon, i).len < 40 ? lexicon_text(lexicon, i).len : 40),
                             lexicon_text(lexicon, i).ptr);
        if (byte >= 0 && ids[byte] == TOKEN_NONE)
            ids[byte] = (int32_t)i;
    }
    return true;
}
