/* SPDX-License-Identifier: Apache-2.0
 *
 * Slices of a vocabulary: what a repetition of one small automaton makes of all tokens, found in one walk and kept for
 * every grammar that repeats the same.
 */
#include <stdlib.h>

#include "text/constraint/vocabulary_trie.h"

/* ---- the walk ---- */

struct place {
    uint32_t at, end; /* children still to be seen */
    uint32_t turns;   /* whole ones so far */
    uint8_t state;
};

struct survey {
    const struct token_trie *trie;
    const struct turn_machine *machine;
    struct place *stack; /* [MAX_TOKEN_BYTES + 1] */
    uint32_t *turns;     /* [n_vocab] of each token, 0: none */
    struct survey_exit {
        uint32_t node, turns;
        uint8_t byte;
    } * exits;
    size_t n_exits, cap_exits;
    uint32_t max_turns;
};

static bool add_exit(struct survey *survey, uint32_t node, uint32_t turns)
{
    if (survey->n_exits == survey->cap_exits) {
        size_t cap = survey->cap_exits ? survey->cap_exits * 2 : 1024;
        struct survey_exit *exits = realloc(survey->exits, cap * sizeof *exits);
        if (!exits)
            return false;
        survey->exits = exits;
        survey->cap_exits = cap;
    }
    survey->exits[survey->n_exits++] = (struct survey_exit){node, turns, survey->trie->bytes[node]};
    return true;
}

static bool walk(struct survey *survey)
{
    const struct token_trie *trie = survey->trie;
    const struct turn_machine *machine = survey->machine;
    struct place *top = survey->stack;
    *top = (struct place){trie->first_child[0], trie->first_child[0] + trie->n_children[0], 0, 1};
    for (;;) {
        if (top->at == top->end) {
            if (top == survey->stack)
                return true;
            top--;
            continue;
        }
        uint32_t node = top->at++, turns = top->turns;
        uint8_t next = machine->next[top->state][trie->bytes[node]];
        if (next == TURN_NONE) {
            if (top->state == 1 && turns && !add_exit(survey, node, turns))
                return false;
            continue;
        }
        for (uint32_t id = trie->tokens[node]; id != TRIE_NONE; id = trie->same ? trie->same[id] : TRIE_NONE)
            survey->turns[id] = turns + 1;
        survey->max_turns = turns + 1 > survey->max_turns ? turns + 1 : survey->max_turns;
        if (trie->n_children[node])
            *++top = (struct place){trie->first_child[node], trie->first_child[node] + trie->n_children[node],
                                    turns + (next == 0), next == 0 ? 1 : next};
    }
}

/* ---- the slice ---- */

static bool sort_members(const struct survey *survey, struct slice *slice)
{
    size_t n = survey->trie->n_tokens;
    slice->max_turns = survey->max_turns;
    slice->first_token = calloc(survey->max_turns + 2, sizeof *slice->first_token);
    uint32_t *place = calloc(survey->max_turns + 2, sizeof *place);
    if (!slice->first_token || !place) {
        free(place);
        return false;
    }
    for (size_t id = 0; id < n; id++)
        if (survey->turns[id])
            slice->first_token[survey->turns[id] + 1]++;
    for (uint32_t i = 1; i < survey->max_turns + 2; i++)
        slice->first_token[i] += slice->first_token[i - 1];
    memcpy(place, slice->first_token, (survey->max_turns + 2) * sizeof *place);
    slice->tokens = malloc((slice->first_token[survey->max_turns + 1] + 1) * sizeof *slice->tokens);
    for (size_t id = 0; slice->tokens && id < n; id++)
        if (survey->turns[id])
            slice->tokens[place[survey->turns[id]]++] = (uint32_t)id;
    free(place);
    return slice->tokens != NULL;
}

static int compare_exits(const void *a, const void *b)
{
    const struct survey_exit *x = a, *y = b;
    if (x->byte != y->byte)
        return x->byte < y->byte ? -1 : 1;
    if (x->turns != y->turns)
        return x->turns < y->turns ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

static bool sort_exits(struct survey *survey, struct slice *slice)
{
    slice->exits = malloc((survey->n_exits + 1) * sizeof *slice->exits);
    if (!slice->exits)
        return false;
    if (survey->n_exits)
        qsort(survey->exits, survey->n_exits, sizeof *survey->exits, compare_exits);
    for (size_t i = 0; i < survey->n_exits; i++) {
        slice->exits[i] = (struct slice_exit){survey->exits[i].node, survey->exits[i].turns};
        slice->first_exit[survey->exits[i].byte + 1]++;
    }
    for (unsigned b = 1; b < 257; b++)
        slice->first_exit[b] += slice->first_exit[b - 1];
    return true;
}

void slice_free(struct slice *slice)
{
    if (!slice)
        return;
    for (size_t i = 0; i < SLICE_MASKS; i++)
        free(slice->masks[i]);
    free(slice->tokens);
    free(slice->first_token);
    free(slice->exits);
    free(slice);
}

static struct slice *slice_new(const struct token_trie *trie, const struct turn_machine *machine)
{
    struct slice *slice = calloc(1, sizeof *slice);
    struct survey survey = {
        .trie = trie,
        .machine = machine,
        .stack = malloc((MAX_TOKEN_BYTES + 2) * sizeof *survey.stack),
        .turns = calloc(trie->n_vocab + 1, sizeof *survey.turns),
    };
    bool good = slice && survey.stack && survey.turns && walk(&survey) && sort_members(&survey, slice) &&
                sort_exits(&survey, slice);
    free(survey.stack);
    free(survey.turns);
    free(survey.exits);
    if (good) {
        slice->machine = *machine;
        return slice;
    }
    slice_free(slice);
    return NULL;
}

static bool same_machine(const struct turn_machine *a, const struct turn_machine *b)
{
    return a->n == b->n && memcmp(a->next, b->next, a->n * sizeof *a->next) == 0;
}

struct slice *token_trie_slice(const struct token_trie *shared, const struct turn_machine *machine)
{
    /* What follows is guarded by the lock. */
    struct token_trie *trie = (struct token_trie *)(uintptr_t)shared;
    struct slice *slice = NULL;
    pthread_mutex_lock(&trie->lock);
    for (size_t i = 0; i < trie->n_slices && !slice; i++)
        if (same_machine(&trie->slices[i]->machine, machine))
            slice = trie->slices[i];
    if (!slice && trie->n_slices < MAX_SLICES && (slice = slice_new(trie, machine)) != NULL)
        trie->slices[trie->n_slices++] = slice;
    pthread_mutex_unlock(&trie->lock);
    return slice;
}

static void set_tokens(const struct slice *slice, uint32_t first, uint32_t end, uint32_t *mask)
{
    for (uint32_t i = first; i < end; i++)
        mask[slice->tokens[i] / 32] |= 1u << slice->tokens[i] % 32;
}

/* The kept mask of a slot, made if need be; NULL without memory. */
static const uint32_t *kept_mask(const struct token_trie *trie, struct slice *slice, uint32_t slot)
{
    uint32_t *mask = atomic_load_explicit(&slice->masks[slot], memory_order_acquire), *none = NULL;
    if (mask)
        return mask;
    mask = calloc(trie->n_words, sizeof *mask);
    if (!mask)
        return NULL;
    uint32_t most = slot == SLICE_MASKS - 1 || slot > slice->max_turns ? slice->max_turns : slot;
    set_tokens(slice, 0, slice->first_token[most + 1], mask);
    if (atomic_compare_exchange_strong(&slice->masks[slot], &none, mask))
        return mask;
    free(mask);
    return none;
}

void slice_fill(const struct token_trie *trie, struct slice *slice, uint32_t most, uint32_t *mask)
{
    uint32_t slot = most < SLICE_MASKS - 1 ? most : SLICE_MASKS - 1;
    const uint32_t *kept = kept_mask(trie, slice, slot);
    if (!kept) {
        memset(mask, 0, trie->n_words * sizeof *mask);
        set_tokens(slice, 0, slice->first_token[(most < slice->max_turns ? most : slice->max_turns) + 1], mask);
        return;
    }
    memcpy(mask, kept, trie->n_words * sizeof *mask);
    for (uint32_t i = most < slice->max_turns ? slice->first_token[most + 1] : slice->first_token[slice->max_turns + 1];
         i < slice->first_token[slice->max_turns + 1] && slot == SLICE_MASKS - 1; i++)
        mask[slice->tokens[i] / 32] &= ~(1u << slice->tokens[i] % 32);
}
