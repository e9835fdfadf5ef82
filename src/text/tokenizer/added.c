/* SPDX-License-Identifier: Apache-2.0
 *
 * Added tokens, found as the `tokenizers` library finds them.
 */
#include "text/tokenizer/added.h"

#include "base/error.h"
#include "text/tokenizer/unicode.h"

void added_clear(struct added_tokens *added)
{
    trie_clear(&added->trie);
    regex_free(added->word);
    *added = (struct added_tokens){0};
}

bool added_add(struct added_tokens *added, struct str text, int32_t id, struct hob_error *err)
{
    if (text.len == 0 || !utf8_valid(text))
        return true;
    if (text.len > ADDED_MAX_BYTES)
        return error_set(err, HOB_FORMAT, "vocabulary: added token %d has %zu bytes, want at most %d", id, text.len,
                         ADDED_MAX_BYTES);
    if (!added->word && added->attributes && (added->attributes[id] & TOKEN_SINGLE_WORD)) {
        added->word =
            regex_compile(STR("\\G[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{200C}\\x{200D}]"), REGEX_ONIGURUMA, err);
        if (!added->word)
            return false;
    }
    bool is_new;
    if (!trie_add(&added->trie, text, id, &is_new, err))
        return false;
    added->starts[(uint8_t)text.ptr[0]] = true;
    added->n_tokens += is_new;
    return true;
}

/* The longest token that starts at `start` and ends at or before `limit`, or TOKEN_NONE. */
static int32_t find_token_at(const struct added_tokens *added, struct str text, size_t start, size_t limit,
                             struct text_span *found)
{
    int32_t id = TOKEN_NONE;
    if (!added->starts[(uint8_t)text.ptr[start]])
        return id;
    uint32_t node = TRIE_ROOT;
    for (size_t at = start; at < limit; at++) {
        node = trie_step(&added->trie, node, (uint8_t)text.ptr[at]);
        if (node == TRIE_NOWHERE)
            break;
        if (added->trie.ids[node] != TOKEN_NONE) {
            id = added->trie.ids[node];
            *found = (struct text_span){start, at + 1};
        }
    }
    return id;
}

static bool is_word_char(const struct added_walk *walk, size_t at, bool *is_word, struct hob_error *err)
{
    unsigned size;
    *is_word = false;
    if (utf8_decode(walk->text, at, &size) < 0)
        return true;
    struct text_span match;
    return regex_search(walk->added->word, walk->scratch, (struct str){walk->text.ptr + at, size}, 0, is_word, &match,
                        err);
}

static bool touches_word(const struct added_walk *walk, struct text_span found, bool *touches, struct hob_error *err)
{
    bool before = false, after = false;
    if (found.start > 0 && !is_word_char(walk, utf8_before(walk->text, found.start), &before, err))
        return false;
    if (found.end < walk->text.len && !is_word_char(walk, found.end, &after, err))
        return false;
    *touches = before || after;
    return true;
}

static size_t skip_space_left(struct str text, size_t at, size_t stop)
{
    while (at > stop) {
        unsigned size;
        size_t start = utf8_before(text, at);
        if (!unicode_is_space(utf8_decode(text, start, &size)))
            break;
        at = start;
    }
    return at;
}

static size_t skip_space_right(struct str text, size_t at)
{
    while (at < text.len) {
        unsigned size;
        if (!unicode_is_space(utf8_decode(text, at, &size)))
            break;
        at += size;
    }
    return at;
}

static bool is_control(const struct added_tokens *added, int32_t id)
{
    return added->types[id] == TOKEN_CONTROL || added->types[id] == TOKEN_UNKNOWN;
}

/* Whether an untrusted span shares a byte with `found`; `*span` is the first that does, in the walked text. */
static bool find_untrusted(struct added_walk *walk, struct text_span found, struct text_span *span)
{
    const struct added_trust *trust = walk->trust;
    size_t offset = trust->offset;
    while (walk->span < trust->n_untrusted && trust->untrusted[walk->span].end <= found.start + offset)
        walk->span++;
    if (walk->span == trust->n_untrusted || trust->untrusted[walk->span].start >= found.end + offset)
        return false;
    size_t start = trust->untrusted[walk->span].start;
    *span = (struct text_span){start > offset ? start - offset : 0, trust->untrusted[walk->span].end - offset};
    return true;
}

/* The token at or after walk->at that counts. A control token that may not stand here is passed over whole, as the
 * library does it, unless it reaches from a message into the template or back: then a shorter one may count, and
 * the search goes on at the end of the message, so that no message can hide a token of the template. */
static int32_t find_token(struct added_walk *walk, struct text_span *found)
{
    const struct added_tokens *added = walk->added;
    while (walk->at < walk->text.len) {
        int32_t id = find_token_at(added, walk->text, walk->at, walk->text.len, found);
        size_t after = id == TOKEN_NONE ? walk->at + 1 : found->end;
        while (id != TOKEN_NONE && is_control(added, id)) {
            if (!walk->trust->special) {
                id = TOKEN_NONE;
                break;
            }
            struct text_span span;
            if (!find_untrusted(walk, *found, &span))
                break;
            if (span.end < after)
                after = span.end;
            bool inside = span.start <= found->start && span.end >= found->end;
            id = inside ? TOKEN_NONE : find_token_at(added, walk->text, found->start, found->end - 1, found);
        }
        walk->at = id == TOKEN_NONE ? after : found->end;
        if (id != TOKEN_NONE)
            return id;
    }
    return TOKEN_NONE;
}

bool added_next(struct added_walk *walk, struct str *gap, int32_t *id, struct hob_error *err)
{
    const struct added_tokens *added = walk->added;
    struct str text = walk->text;
    struct text_span found;
    while (added->n_tokens && (*id = find_token(walk, &found)) != TOKEN_NONE) {
        uint8_t attributes = added->attributes ? added->attributes[*id] : 0;
        if (attributes & TOKEN_SINGLE_WORD) {
            bool touches;
            if (!touches_word(walk, found, &touches, err))
                return false;
            if (touches)
                continue;
        }
        if (attributes & TOKEN_RSTRIP)
            found.end = skip_space_right(text, found.end);
        if (attributes & TOKEN_LSTRIP) {
            found.start = walk->taken < found.start ? skip_space_left(text, found.start, walk->taken) : walk->taken;
            if (found.start >= found.end)
                continue; /* white space itself, and the token before took it */
        }
        *gap = (struct str){text.ptr + walk->taken, found.start > walk->taken ? found.start - walk->taken : 0};
        walk->taken = found.end;
        return true;
    }
    *id = TOKEN_NONE;
    *gap = str_from(text, walk->taken);
    walk->at = walk->taken = text.len;
    return true;
}
