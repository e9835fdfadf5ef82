/* SPDX-License-Identifier: Apache-2.0
 *
 * Matchers: a reply followed token by token, or byte by byte.
 */
#include "text/constraint/constraint.h"

#include <stdlib.h>

#include "base/error.h"
#include "text/constraint/matcher.h"

enum {
    KEPT_MASK_BYTES = 2 << 20, /* masks that a matcher keeps */
    MIN_KEPT = 4,
    MAX_KEPT = 64,
    TEXT_PART = 1024,       /* bytes of a text between looks at how large the tables are */
    SHRINK_BYTES = 12 << 20 /* of tables, beyond which what is not needed is forgotten */
};

static bool begin_masks(struct matcher *matcher)
{
    size_t words = matcher->trie->n_words, n = KEPT_MASK_BYTES / (words * sizeof(uint32_t) + 1);
    matcher->n_slots = n < MIN_KEPT ? MIN_KEPT : n > MAX_KEPT ? MAX_KEPT : n;
    matcher->masks = malloc((matcher->n_slots + 1) * words * sizeof *matcher->masks + 1);
    matcher->slot_state = malloc(matcher->n_slots * sizeof *matcher->slot_state);
    matcher->places = malloc((MAX_TOKEN_BYTES + 2) * sizeof *matcher->places);
    if (!matcher->masks || !matcher->slot_state || !matcher->places || !buf_reserve(&matcher->bytes, MAX_TOKEN_BYTES))
        return false;
    matcher_forget(matcher);
    return true;
}

struct matcher *matcher_new(const struct grammar *grammar, const struct token_trie *trie, bool text_start,
                            struct hob_error *err)
{
    struct matcher *matcher = calloc(1, sizeof *matcher);
    if (!matcher) {
        error_memory(err, sizeof *matcher);
        return NULL;
    }
    matcher->trie = trie;
    matcher->text_start = text_start;
    if (!states_begin(&matcher->states, grammar) || (trie && !begin_masks(matcher))) {
        matcher_free(matcher);
        error_memory(err, KEPT_MASK_BYTES);
        return NULL;
    }
    matcher->state = states_start(&matcher->states);
    if (matcher->states.failed) {
        matcher_free(matcher);
        error_set(err, HOB_LIMIT, "the grammar begins in too many ways at once");
        return NULL;
    }
    return matcher;
}

void matcher_free(struct matcher *matcher)
{
    if (!matcher)
        return;
    states_end(&matcher->states);
    buf_clear(&matcher->bytes);
    free(matcher->places);
    free(matcher->masks);
    free(matcher->slot_state);
    free(matcher);
}

void matcher_reset(struct matcher *matcher)
{
    matcher->started = matcher->ended = matcher->lost = false;
    matcher->state = states_start(&matcher->states);
}

const uint32_t *matcher_mask(struct matcher *matcher)
{
    return matcher_compute(matcher);
}

/* Once the tables are large, goes on with small ones. */
static void shrink(struct matcher *matcher)
{
    if (matcher->states.bytes < SHRINK_BYTES)
        return;
    matcher->state = states_shrink(&matcher->states, matcher->state);
    matcher_forget(matcher);
}

static bool lose(struct matcher *matcher)
{
    matcher->lost = true;
    return false;
}

/* The state after the bytes, or STATE_DEAD and where that was. */
static uint32_t step_all(struct matcher *matcher, uint32_t state, struct str bytes, size_t *at)
{
    size_t i = 0;
    for (; i < bytes.len; i++) {
        states_refill(&matcher->states, 1);
        uint32_t next = states_step(&matcher->states, state, (uint8_t)bytes.ptr[i]);
        if (next == STATE_DEAD)
            break;
        state = next;
    }
    *at = i;
    return i == bytes.len ? state : STATE_DEAD;
}

/* Where the token leads as one that the grammar names, or STATE_DEAD. */
static uint32_t step_named(struct matcher *matcher, int32_t id)
{
    struct states *s = &matcher->states;
    uint32_t to = STATE_DEAD;
    for (uint32_t i = 0; i < s->states[matcher->state].n_items; i++) {
        struct item item = s->items[s->states[matcher->state].first_item + i];
        if (item.leaf & ITEM_TOKENS &&
            token_set_has(s->grammar, matcher->trie, &s->grammar->token_sets[item.leaf & ~ITEM_TOKENS], id))
            to = states_join(s, to, states_expand(s, item.cont));
    }
    return to;
}

bool matcher_accept(struct matcher *matcher, int32_t id)
{
    const struct token_trie *trie = matcher->trie;
    if (matcher->ended || matcher->lost || matcher->states.failed || id < 0 || (size_t)id >= trie->n_tokens)
        return lose(matcher);
    bool accepts = matcher->states.states[matcher->state].accepts;
    if (accepts && (trie->eog[id / 32] >> (id % 32) & 1)) {
        matcher->ended = true;
        return true;
    }
    matcher->bytes.len = 0;
    if (!token_trie_bytes(trie, id, &matcher->bytes))
        return lose(matcher);
    struct str bytes = buf_view(&matcher->bytes);
    bool drops = matcher->text_start && !matcher->started && trie->drops_first_space;
    if (drops && bytes.len && bytes.ptr[0] == ' ')
        bytes = (struct str){bytes.ptr + 1, bytes.len - 1};
    uint32_t named = step_named(matcher, id), next = STATE_DEAD;
    size_t at;
    if (bytes.len)
        next = step_all(matcher, matcher->state, bytes, &at);
    next = states_join(&matcher->states, next, named);
    if (next == STATE_DEAD || matcher->states.failed)
        return lose(matcher);
    matcher->started = matcher->started || matcher->bytes.len;
    matcher->state = next;
    shrink(matcher);
    return true;
}

bool matcher_text(struct matcher *matcher, struct str bytes, size_t *at)
{
    size_t taken = 0;
    bool fits = !matcher->ended && !matcher->lost;
    while (fits && taken < bytes.len && !matcher->states.failed) {
        struct str part = {bytes.ptr + taken, bytes.len - taken < TEXT_PART ? bytes.len - taken : TEXT_PART};
        size_t n;
        uint32_t next = step_all(matcher, matcher->state, part, &n);
        taken += n;
        fits = next != STATE_DEAD;
        if (fits) {
            matcher->state = next;
            shrink(matcher);
        }
    }
    if (at)
        *at = taken;
    if (!fits || matcher->states.failed)
        return lose(matcher);
    matcher->started = matcher->started || bytes.len;
    return true;
}

bool matcher_whole(const struct matcher *matcher)
{
    return matcher->ended || (!matcher->lost && matcher->states.states[matcher->state].accepts);
}

bool matcher_ended(const struct matcher *matcher)
{
    const struct state *state = &matcher->states.states[matcher->state];
    return matcher->ended || (!matcher->lost && state->accepts && state->n_items == 0);
}

bool matcher_failed(const struct matcher *matcher)
{
    return matcher->states.failed;
}
