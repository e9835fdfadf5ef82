/* SPDX-License-Identifier: Apache-2.0
 *
 * Byte-pair encoding: what is known of a vocabulary. The encoding itself is in bpe_encode.c.
 */
#include "text/tokenizer/bpe.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/map.h"
#include "text/tokenizer/bpe_alphabet.h"
#include "text/tokenizer/bpe_pair.h"

enum { N_CODE_POINTS = 0x110000 };

static bool init_bytes(struct bpe *bpe, bool byte_fallback, bool bytes_by_name, struct hob_error *err)
{
    for (int i = 0; i < 256; i++)
        bpe->bytes[i] = TOKEN_NONE;
    if (bpe->unit == BPE_CHARACTERS)
        return !byte_fallback || lexicon_byte_tokens(bpe->lexicon, bytes_by_name, bpe->bytes, err);
    for (int i = 0; i < 256; i++) {
        char text[4] = {(char)i};
        unsigned len = bpe->unit == BPE_BYTES ? utf8_encode(alphabet_of_byte((uint8_t)i), text) : 1;
        bpe->bytes[i] = lexicon_find_plain(bpe->lexicon, (struct str){text, len});
    }
    return true;
}

bool bpe_init(struct bpe *bpe, const struct lexicon *lexicon, bool byte_fallback, bool bytes_by_name,
              struct hob_error *err)
{
    bpe->lexicon = lexicon;
    bpe->last_result = TOKEN_NONE;
    bpe->whole = calloc(lexicon->n, sizeof(*bpe->whole));
    if (!bpe->whole)
        return error_memory(err, lexicon->n);
    if (bpe->unit == BPE_CHARACTERS) {
        bpe->before_mark = calloc(N_CODE_POINTS / 64, sizeof(*bpe->before_mark));
        if (!bpe->before_mark)
            return error_memory(err, N_CODE_POINTS / 8);
    }
    for (int i = 0; i < 128; i++) {
        char c = (char)i;
        bpe->ascii[i] = lexicon_find_plain(lexicon, (struct str){&c, 1});
    }
    return init_bytes(bpe, byte_fallback, bytes_by_name, err);
}

void bpe_clear(struct bpe *bpe)
{
    free(bpe->pairs);
    free(bpe->ranks);
    free(bpe->before_mark);
    free(bpe->whole);
    *bpe = (struct bpe){0};
}

bool bpe_reserve_merges(struct bpe *bpe, size_t n, struct hob_error *err)
{
    size_t n_slots = 16;
    if (n >= BPE_NO_RANK)
        return error_set(err, HOB_FORMAT, "merges: %zu of them, want below %u", n, BPE_NO_RANK);
    bpe->pairs_shift = 60;
    for (; n_slots / 4 * 3 < n; n_slots *= 2)
        bpe->pairs_shift--;
    /* An odd factor nobody can foresee keeps crafted pairs from falling on one another. */
    bpe->pairs_factor = hash_bytes("pairs", 5) | 1;
    bpe->pairs = reallocarray(NULL, n_slots, sizeof(*bpe->pairs));
    if (!bpe->pairs)
        return error_memory(err, n_slots * sizeof(*bpe->pairs));
    for (size_t i = 0; i < n_slots; i++)
        bpe->pairs[i] = (struct bpe_pair){.key = BPE_FREE};
    return true;
}

/* The last code point of `text`, or -1. */
static int32_t last_code(struct str text)
{
    size_t at = text.len - 1;
    while (at > 0 && ((uint8_t)text.ptr[at] & 0xc0) == 0x80)
        at--;
    unsigned size;
    return utf8_decode(text, at, &size);
}

/* Notes that U+2581 at the start of `right` may follow `left` within a token. */
static void note_mark(struct bpe *bpe, struct str left, struct str right)
{
    if (!bpe->before_mark || !str_starts(right, STR(BPE_MARK)) || left.len == 0)
        return;
    int32_t code = last_code(left);
    if (code >= 0)
        bpe->before_mark[code / 64] |= (uint64_t)1 << code % 64;
}

/* The id of left + right, the prefix of the latter left out. Most lists of merges make one token after the other, so
 * that one is tried first. */
static int32_t find_joined(struct bpe *bpe, struct str left, struct str right)
{
    const struct lexicon *lexicon = bpe->lexicon;
    if (bpe->prefix.len && str_starts(right, bpe->prefix))
        right = str_from(right, bpe->prefix.len);
    size_t next = (size_t)(bpe->last_result + 1), len = left.len + right.len;
    if (next < lexicon->n && lexicon_text(lexicon, next).len == len && str_starts(lexicon_text(lexicon, next), left) &&
        str_ends(lexicon_text(lexicon, next), right))
        return (int32_t)next;
    char joined[512];
    if (len > lexicon->max_bytes)
        return TOKEN_NONE;
    char *text = len <= sizeof(joined) ? joined : malloc(len);
    if (!text)
        return TOKEN_NONE;
    memcpy(text, left.ptr, left.len);
    memcpy(text + left.len, right.ptr, right.len);
    int32_t id = lexicon_find(lexicon, (struct str){text, len});
    if (text != joined)
        free(text);
    return id;
}

bool bpe_add_merge(struct bpe *bpe, uint32_t rank, struct str left, struct str right, struct hob_error *err)
{
    const struct lexicon *lexicon = bpe->lexicon;
    int32_t a = lexicon_find(lexicon, left), b = lexicon_find(lexicon, right);
    int32_t result = a != TOKEN_NONE && b != TOKEN_NONE ? find_joined(bpe, left, right) : TOKEN_NONE;
    if (result == TOKEN_NONE) {
        const char *missing = a == TOKEN_NONE ? "its left part" : b == TOKEN_NONE ? "its right part" : "its result";
        return error_set(err, HOB_FORMAT, "merges: merge %u, \"%.*s %.*s\": %s is not in the vocabulary", rank,
                         (int)(left.len < 60 ? left.len : 60), left.ptr, (int)(right.len < 60 ? right.len : 60),
                         right.ptr, missing);
    }
    bpe->last_result = result;
    note_mark(bpe, left, right);
    /* Text never becomes a control token, not even where a merge says so. */
    if (lexicon_is_control(lexicon, result))
        return true;
    uint64_t key = bpe_key(a, b);
    struct bpe_pair *pair = bpe_find_pair(bpe, key);
    if (pair->key == BPE_FREE) {
        *pair = (struct bpe_pair){.key = key, .rank = rank, .result = result};
        bpe->n_pairs++;
    }
    return true;
}

/* A number that orders floats the other way round: the higher the score, the lower the rank. */
static uint32_t rank_of_score(float score)
{
    uint32_t bits;
    score += 0.0f; /* -0 is 0 */
    memcpy(&bits, &score, sizeof(bits));
    uint32_t ascending = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return ~ascending;
}

bool bpe_set_scores(struct bpe *bpe, const float *scores, struct hob_error *err)
{
    const struct lexicon *lexicon = bpe->lexicon;
    bpe->ranks = reallocarray(NULL, lexicon->n, sizeof(*bpe->ranks));
    if (!bpe->ranks)
        return error_memory(err, lexicon->n * sizeof(*bpe->ranks));
    for (size_t i = 0; i < lexicon->n; i++) {
        float score = scores ? scores[i] : 0;
        if (isnan(score))
            return error_set(err, HOB_FORMAT, "vocabulary: token %zu: its score is not a number", i);
        bpe->ranks[i] = rank_of_score(score);
        struct str text = lexicon_text(lexicon, i);
        bpe->has_unused = bpe->has_unused || (lexicon->types[i] == TOKEN_UNUSED && text.len);
        for (size_t at = str_find(text, STR(BPE_MARK), 1); at != SIZE_MAX; at = str_find(text, STR(BPE_MARK), at + 1))
            note_mark(bpe, (struct str){text.ptr, at}, str_from(text, at));
    }
    return true;
}
