/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables, interned continuations, and many continuations made one.
 */
#include <stdlib.h>

#include "text/constraint/parts.h"

enum {
    MAX_MERGE_DEPTH = 50, /* of continuations that are merged under a common start */
    FIRST_SLOTS = 256
};

bool states_fail(struct states *s)
{
    s->failed = true;
    return false;
}

bool states_spend(struct states *s, size_t n)
{
    s->credit -= (int64_t)n;
    return s->credit >= 0 || states_fail(s);
}

void states_refill(struct states *s, size_t bytes)
{
    s->credit += (int64_t)bytes * BYTE_CREDIT;
    if (s->credit > FIRST_CREDIT)
        s->credit = FIRST_CREDIT;
}

bool states_reserve(struct states *s, void **array, size_t *cap, size_t n, size_t more, size_t size)
{
    if (s->failed)
        return false;
    if (n + more <= *cap)
        return true;
    size_t wanted = *cap * 2 < n + more ? n + more + 16 : *cap * 2;
    if (wanted >= UINT32_MAX || s->bytes + (wanted - *cap) * size > MAX_STATES_BYTES)
        return states_fail(s);
    void *grown = realloc(*array, wanted * size);
    if (!grown)
        return states_fail(s);
    s->bytes += (wanted - *cap) * size;
    *array = grown;
    *cap = wanted;
    return true;
}

uint64_t hash_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

/* ---- tables ---- */

bool int_table_reserve(struct states *s, struct int_table *table)
{
    if (table->n_used * 2 < table->n_slots)
        return true;
    size_t n = table->n_slots ? table->n_slots * 2 : FIRST_SLOTS;
    if (s->bytes + n * sizeof(uint32_t) > MAX_STATES_BYTES)
        return states_fail(s);
    uint32_t *slots = malloc(n * sizeof *slots);
    if (!slots)
        return states_fail(s);
    memset(slots, 0xFF, n * sizeof *slots);
    free(table->slots);
    s->bytes += (n - table->n_slots) * sizeof *slots;
    *table = (struct int_table){slots, n, 0};
    return true;
}

void int_table_put(struct int_table *table, uint64_t hash, uint32_t value)
{
    size_t at = hash & (table->n_slots - 1);
    while (table->slots[at] != UINT32_MAX)
        at = (at + 1) & (table->n_slots - 1);
    table->slots[at] = value;
    table->n_used++;
}

static uint64_t cont_hash(const struct cont *cont, const uint32_t *list)
{
    uint64_t hash = hash_mix(cont->node, cont->max);
    if (cont->node != CONT_CHOICE)
        return hash_mix(hash_mix(hash, cont->min), cont->next) >> 16;
    for (uint32_t i = 0; i < cont->max; i++)
        hash = hash_mix(hash, list[i]);
    return hash >> 16;
}

static const uint32_t *cont_list(const struct states *s, const struct cont *cont)
{
    return cont->node == CONT_CHOICE && s->lists ? s->lists + cont->min : s->lists;
}

/* `list` holds the members of a choice, not yet in s->lists. */
static bool cont_is(const struct states *s, const struct cont *a, const struct cont *b, const uint32_t *list)
{
    if (a->node != b->node || a->max != b->max)
        return false;
    if (a->node != CONT_CHOICE)
        return a->min == b->min && a->next == b->next;
    return memcmp(cont_list(s, a), list, a->max * sizeof *list) == 0;
}

uint32_t cont_intern(struct states *s, struct cont cont, const uint32_t *list)
{
    if (s->failed)
        return CONT_END;
    if (s->cont_table.n_used * 2 >= s->cont_table.n_slots) {
        if (!int_table_reserve(s, &s->cont_table))
            return CONT_END;
        for (uint32_t id = 1; id < s->n_conts; id++)
            int_table_put(&s->cont_table, cont_hash(&s->conts[id], cont_list(s, &s->conts[id])), id);
    }
    size_t mask = s->cont_table.n_slots - 1, at = cont_hash(&cont, list) & mask;
    for (; s->cont_table.slots[at] != UINT32_MAX; at = (at + 1) & mask)
        if (cont_is(s, &s->conts[s->cont_table.slots[at]], &cont, list))
            return s->cont_table.slots[at];
    if (!RESERVE(s, s, conts, 1) || (cont.node == CONT_CHOICE && !RESERVE(s, s, lists, cont.max)))
        return CONT_END;
    if (cont.node == CONT_CHOICE) {
        cont.min = (uint32_t)s->n_lists;
        memcpy(s->lists + s->n_lists, list, cont.max * sizeof *list);
        s->n_lists += cont.max;
    }
    cont.state = STATE_NONE;
    cont.merged = CONT_NONE;
    s->conts[s->n_conts] = cont;
    s->cont_table.slots[at] = (uint32_t)s->n_conts;
    s->cont_table.n_used++;
    return (uint32_t)s->n_conts++;
}

uint32_t cont_then(struct states *s, uint32_t node, uint32_t next)
{
    return cont_intern(s, (struct cont){.node = node, .next = next}, NULL);
}

/* `min` to `max` more turns of a repetition. */
uint32_t cont_turns(struct states *s, uint32_t node, uint32_t min, uint32_t max, uint32_t next)
{
    return max == 0 ? next : cont_intern(s, (struct cont){.node = node, .min = min, .max = max, .next = next}, NULL);
}

/* ---- merging continuations ---- */

bool merged_add(struct states *s, uint32_t value)
{
    struct number_list *list = &s->scratch->merged;
    if (!states_reserve(s, (void **)&list->ptr, &list->cap, list->n, 1, sizeof *list->ptr))
        return false;
    list->ptr[list->n++] = value;
    return true;
}

bool cont_is_turns(const struct states *s, const struct cont *cont)
{
    return cont->node != CONT_CHOICE && s->grammar->nodes[cont->node].kind == NODE_REPEAT;
}

int compare_u32(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

/* Continuations by what stands first. */
static int compare_heads(const void *x, const void *y, void *states)
{
    const struct states *s = states;
    const struct cont *a = &s->conts[*(const uint32_t *)x], *b = &s->conts[*(const uint32_t *)y];
    int order = compare_u32(a->node, b->node);
    order = order ? order : compare_u32(a->min, b->min);
    order = order ? order : compare_u32(a->max, b->max);
    return order ? order : compare_u32(a->next, b->next);
}

/* Continuations by what follows a repetition. */
static int compare_turns(const void *x, const void *y, void *states)
{
    const struct states *s = states;
    const struct cont *a = &s->conts[*(const uint32_t *)x], *b = &s->conts[*(const uint32_t *)y];
    int order = compare_u32(a->node, b->node);
    order = order ? order : compare_u32(a->next, b->next);
    return order ? order : compare_u32(a->min, b->min);
}

/* Those of merged[first..] that start alike become one, followed by a choice. */
static void merge_heads(struct states *s, size_t first, unsigned depth)
{
    struct number_list *list = &s->scratch->merged;
    size_t n = list->n, kept = first;
    qsort_r(list->ptr + first, n - first, sizeof *list->ptr, compare_heads, s);
    for (size_t i = first; i < n && !s->failed;) {
        struct cont head = s->conts[list->ptr[i]];
        size_t end = i + 1;
        while (end < n && depth < MAX_MERGE_DEPTH && list->ptr[i] != CONT_END &&
               s->conts[list->ptr[end]].node == head.node && s->conts[list->ptr[end]].min == head.min &&
               s->conts[list->ptr[end]].max == head.max)
            end++;
        uint32_t whole = list->ptr[i];
        if (end > i + 1) {
            size_t top = list->n;
            for (size_t k = i; k < end; k++)
                merged_add(s, s->conts[list->ptr[k]].next);
            head.next = conts_merge(s, top, depth + 1);
            whole = cont_intern(s, head, NULL);
            list = &s->scratch->merged;
        }
        if (s->failed)
            return;
        if (kept == first || list->ptr[kept - 1] != whole)
            list->ptr[kept++] = whole;
        i = end;
    }
    list->n = kept;
}

/* Repetitions of the same with counts that overlap become one. */
static void merge_turns(struct states *s, size_t first)
{
    struct number_list *list = &s->scratch->merged;
    size_t kept = first;
    qsort_r(list->ptr + first, list->n - first, sizeof *list->ptr, compare_turns, s);
    for (size_t i = first; i < list->n; i++) {
        struct cont cont = s->conts[list->ptr[i]], last = kept > first ? s->conts[list->ptr[kept - 1]] : cont;
        bool joins = kept > first && list->ptr[i] != CONT_END && list->ptr[kept - 1] != CONT_END &&
                     cont_is_turns(s, &cont) && cont.node == last.node && cont.next == last.next &&
                     (last.max == GRAMMAR_MANY || cont.min <= last.max + 1);
        if (!joins) {
            list->ptr[kept++] = list->ptr[i];
        } else {
            last.max = cont.max > last.max ? cont.max : last.max;
            list->ptr[kept - 1] = cont_intern(s, last, NULL);
        }
    }
    list->n = kept;
}

int compare_ids(const void *a, const void *b)
{
    return compare_u32(*(const uint32_t *)a, *(const uint32_t *)b);
}

static void sort_unique(struct number_list *list, size_t first)
{
    size_t kept = first;
    qsort(list->ptr + first, list->n - first, sizeof *list->ptr, compare_ids);
    for (size_t i = first; i < list->n; i++)
        if (kept == first || list->ptr[kept - 1] != list->ptr[i])
            list->ptr[kept++] = list->ptr[i];
    list->n = kept;
}

/* Puts the members of choices on merged[first..] in their place. */
static void flatten(struct states *s, size_t first)
{
    struct number_list *list = &s->scratch->merged;
    for (size_t i = first; i < list->n && !s->failed;) {
        struct cont cont = s->conts[list->ptr[i]];
        if (list->ptr[i] == CONT_END || cont.node != CONT_CHOICE) {
            i++;
            continue;
        }
        list->ptr[i] = s->lists[cont.min];
        for (uint32_t k = 1; k < cont.max; k++)
            merged_add(s, s->lists[cont.min + k]);
    }
}

static uint32_t intern_choice(struct states *s, size_t first)
{
    struct number_list *list = &s->scratch->merged;
    size_t n = list->n - first;
    if (n > MAX_STATE_ITEMS)
        states_fail(s);
    if (s->failed || n == 1)
        return s->failed ? CONT_END : list->ptr[first];
    return cont_intern(s, (struct cont){.node = CONT_CHOICE, .max = (uint32_t)n}, list->ptr + first);
}

/* One continuation for all of merged[first..], which are taken off. A choice keeps what it was merged to: lists with
 * shared tails lead to the same choices again and again. */
uint32_t conts_merge(struct states *s, size_t first, unsigned depth)
{
    struct number_list *list = &s->scratch->merged;
    flatten(s, first);
    if (!states_spend(s, list->n - first))
        return CONT_END;
    sort_unique(list, first);
    uint32_t choice = intern_choice(s, first), merged = choice;
    if (!s->failed && list->n - first > 1 && s->conts[choice].merged != CONT_NONE) {
        merged = s->conts[choice].merged;
    } else if (!s->failed && list->n - first > 1) {
        merge_heads(s, first, depth);
        if (!s->failed)
            merge_turns(s, first);
        sort_unique(list, first);
        merged = intern_choice(s, first);
        s->conts[choice].merged = merged;
    }
    list->n = first;
    return merged;
}
