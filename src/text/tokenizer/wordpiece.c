/* SPDX-License-Identifier: Apache-2.0
 *
 * WordPiece.
 */
#include "text/tokenizer/wordpiece.h"

bool wordpiece_init(struct wordpiece *wordpiece, const struct lexicon *lexicon, struct str first, struct str next,
                    int32_t unknown, size_t max_characters, struct hob_error *err)
{
    wordpiece->unknown = unknown;
    wordpiece->max_characters = max_characters;
    for (size_t i = 0; i < lexicon->n; i++)
        if (!lexicon_is_control(lexicon, (int32_t)i) && !lexicon_is_foreign(lexicon, i) &&
            lexicon_text(lexicon, i).len &&
            !trie_add(&wordpiece->trie, lexicon_text(lexicon, i), (int32_t)i, NULL, err))
            return false;
    wordpiece->first = trie_walk(&wordpiece->trie, TRIE_ROOT, first);
    wordpiece->next = trie_walk(&wordpiece->trie, TRIE_ROOT, next);
    return true;
}

void wordpiece_clear(struct wordpiece *wordpiece)
{
    trie_clear(&wordpiece->trie);
    *wordpiece = (struct wordpiece){0};
}

/* The end of the longest entry from `at` on that ends with a character; `at` when there is none. */
static size_t longest(const struct wordpiece *wordpiece, struct str word, size_t at, int32_t *id)
{
    uint32_t node = at == 0 ? wordpiece->first : wordpiece->next;
    size_t end = at;
    for (size_t i = at; i < word.len && node != TRIE_NOWHERE; i++) {
        node = trie_step(&wordpiece->trie, node, (uint8_t)word.ptr[i]);
        bool between = i + 1 == word.len || ((uint8_t)word.ptr[i + 1] & 0xc0) != 0x80;
        if (node != TRIE_NOWHERE && wordpiece->trie.ids[node] != TOKEN_NONE && between) {
            *id = wordpiece->trie.ids[node];
            end = i + 1;
        }
    }
    return end;
}

bool wordpiece_encode(const struct wordpiece *wordpiece, struct str word, struct ids *out, struct hob_error *err)
{
    size_t n_characters = 0, before = out->len;
    for (size_t i = 0; i < word.len; i++)
        n_characters += ((uint8_t)word.ptr[i] & 0xc0) != 0x80;
    if (!utf8_valid(word))
        return error_set(err, HOB_FORMAT, "tokenize: the text is not UTF-8 and the vocabulary has no byte tokens");
    bool known = n_characters <= wordpiece->max_characters;
    for (size_t at = 0; known && at < word.len;) {
        int32_t id = TOKEN_NONE;
        size_t end = longest(wordpiece, word, at, &id);
        known = end > at;
        if (known && !ids_add(out, id))
            return error_memory(err, out->cap);
        at = end;
    }
    if (known)
        return true;
    out->len = before;
    if (wordpiece->unknown == TOKEN_NONE)
        return error_set(err, HOB_FORMAT,
                         "tokenize: the word \"%.*s\" is unknown and the vocabulary has no token for it",
                         (int)(word.len < 40 ? word.len : 40), word.ptr);
    return ids_add(out, wordpiece->unknown) || error_memory(err, out->cap);
}
