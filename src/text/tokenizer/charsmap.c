/* SPDX-License-Identifier: Apache-2.0
 *
 * SentencePiece's precompiled normalization. A unit of the double array, by bits:
 *
 *   leaf    31 set, 0..30 the value
 *   other   0..7 the label, 31 zero; 8 whether a leaf follows; 9 the offset is shifted by 8; 10..30 the offset
 *
 * From unit `at` the byte b leads to unit at ^ offset(at) ^ b if its label is b; the leaf of `at` is at ^ offset(at).
 */
#include "text/tokenizer/charsmap.h"

#include <stdlib.h>
#include <utf8proc.h>

static uint32_t read_u32(const char *bytes)
{
    const uint8_t *p = (const uint8_t *)bytes;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

bool charsmap_init(struct charsmap *map, struct str bytes, struct hob_error *err)
{
    *map = (struct charsmap){0};
    if (bytes.len == 0)
        return true;
    size_t n_bytes = bytes.len >= 4 ? read_u32(bytes.ptr) : 0;
    if (n_bytes == 0 || n_bytes % 4 != 0 || n_bytes > bytes.len - 4)
        return error_set(err, HOB_FORMAT,
                         "precompiled_charsmap: a trie of %zu bytes in %zu, want a multiple of 4 that fits", n_bytes,
                         bytes.len);
    map->n_units = n_bytes / 4;
    map->n_texts = bytes.len - 4 - n_bytes;
    map->units = reallocarray(NULL, map->n_units, sizeof(*map->units));
    map->texts = malloc(map->n_texts + 1);
    if (!map->units || !map->texts)
        return error_memory(err, bytes.len);
    for (size_t i = 0; i < map->n_units; i++)
        map->units[i] = read_u32(bytes.ptr + 4 + 4 * i);
    memcpy(map->texts, bytes.ptr + 4 + n_bytes, map->n_texts);
    map->texts[map->n_texts] = '\0';
    return true;
}

void charsmap_clear(struct charsmap *map)
{
    free(map->units);
    free(map->texts);
    *map = (struct charsmap){0};
}

static size_t offset_of(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & 0x200) >> 6);
}

/* The length of the longest (or the shortest) text of the map that `text` starts with, 0 for none, and what it
 * becomes. */
static size_t find(const struct charsmap *map, struct str text, bool longest, struct str *becomes)
{
    size_t found = 0, at = map->n_units ? offset_of(map->units[0]) : 0;
    for (size_t i = 0; map->n_units && i < text.len; i++) {
        at ^= (uint8_t)text.ptr[i];
        if (at >= map->n_units || (map->units[at] & 0x800000ffu) != (uint8_t)text.ptr[i] || text.ptr[i] == '\0')
            break;
        uint32_t unit = map->units[at];
        at ^= offset_of(unit);
        if (!(unit & 0x100) || at >= map->n_units)
            continue;
        size_t value = map->units[at] & 0x7fffffffu;
        if (value > map->n_texts)
            continue;
        *becomes = str_of(map->texts + value);
        found = i + 1;
        if (!longest)
            break;
    }
    return found;
}

bool charsmap_apply(const struct charsmap *map, struct str text, struct buf *out)
{
    for (size_t at = 0; at < text.len && !out->failed;) {
        struct str becomes;
        unsigned size;
        size_t found = find(map, str_from(text, at), true, &becomes);
        if (found) {
            buf_str(out, becomes);
            at += found;
            continue;
        }
        utf8_decode(text, at, &size);
        buf_add(out, text.ptr + at, size);
        at += size;
    }
    return !out->failed;
}

/* The end of the grapheme that starts at `at`. */
static size_t grapheme_end(struct str text, size_t at, bool *whole)
{
    unsigned size;
    int32_t state = 0, code = utf8_decode(text, at, &size);
    size_t end = at + size;
    *whole = code >= 0;
    while (code >= 0 && end < text.len) {
        int32_t next = utf8_decode(text, end, &size);
        if (next < 0 || utf8proc_grapheme_break_stateful(code, next, &state))
            break;
        code = next;
        end += size;
    }
    return end;
}

bool charsmap_apply_graphemes(const struct charsmap *map, struct str text, struct buf *out)
{
    enum { MAX_WHOLE = 5 };
    for (size_t at = 0; at < text.len && !out->failed;) {
        bool whole;
        size_t end = grapheme_end(text, at, &whole);
        struct str becomes;
        if (whole && end - at <= MAX_WHOLE && find(map, (struct str){text.ptr + at, end - at}, false, &becomes)) {
            buf_str(out, becomes);
            at = end;
            continue;
        }
        while (at < end) {
            unsigned size;
            utf8_decode(text, at, &size);
            struct str character = {text.ptr + at, size};
            buf_str(out, find(map, character, false, &becomes) ? becomes : character);
            at += size;
        }
    }
    return !out->failed;
}
