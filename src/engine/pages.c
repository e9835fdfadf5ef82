/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/pages.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/checked.h"
#include "base/map.h"

struct page {
    uint32_t holders; /* sequences that hold it */
    bool published;
    uint32_t parent;       /* the page before it, PAGE_NONE at the start of a text */
    uint32_t parent_age;   /* the parent's age when this page was published: another age is another content */
    uint64_t owner;        /* whose text it starts, where it has no parent */
    uint32_t age;          /* how often the page was given new content */
    uint32_t chain;        /* next page of its bucket */
    uint32_t older, newer; /* in the list of unheld pages */
    int32_t tokens[CACHE_BLOCK];
};

struct pages {
    uint8_t *base;
    size_t n, bytes;
    size_t n_unheld;
    struct page *page;
    uint32_t *buckets; /* [n_buckets] heads of chains, by hash of parent and tokens */
    size_t n_buckets;
    uint32_t oldest, newest; /* unheld pages, the least recently used first */
};

#define HUGE_PAGE ((size_t)2 << 20)

struct pages *pages_new(size_t n, size_t page_bytes, struct hob_error *err)
{
    struct pages *pages = calloc(1, sizeof *pages);
    size_t bytes;
    if (n >= PAGE_NONE || !size_mul(n, page_bytes, &bytes) || !pages) {
        free(pages);
        error_memory(err, n);
        return NULL;
    }
    pages->n = n;
    pages->bytes = bytes;
    pages->n_buckets = 2 * n + 1;
    pages->oldest = pages->newest = PAGE_NONE;
    pages->page = calloc(n, sizeof *pages->page);
    pages->buckets = malloc(pages->n_buckets * sizeof *pages->buckets);
    pages->base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages->base == MAP_FAILED)
        pages->base = NULL;
    if (pages->base && page_bytes >= HUGE_PAGE) /* the first token of a page touches most of it anyway */
        madvise(pages->base, bytes, MADV_HUGEPAGE);
    if (!pages->page || !pages->buckets || !pages->base) {
        pages_free(pages);
        error_memory(err, bytes);
        return NULL;
    }
    memset(pages->buckets, 0xff, pages->n_buckets * sizeof *pages->buckets);
    for (uint32_t p = 0; p < n; p++) {
        pages->page[p].holders = 1;
        pages_drop(pages, p);
    }
    return pages;
}

void pages_free(struct pages *pages)
{
    if (!pages)
        return;
    if (pages->base)
        munmap(pages->base, pages->bytes);
    free(pages->page);
    free(pages->buckets);
    free(pages);
}

uint8_t *pages_base(const struct pages *pages)
{
    return pages->base;
}

static uint32_t *bucket(struct pages *pages, uint32_t parent, const int32_t *tokens)
{
    int32_t key[CACHE_BLOCK + 1];
    key[0] = (int32_t)parent;
    memcpy(key + 1, tokens, CACHE_BLOCK * sizeof *tokens);
    return &pages->buckets[hash_bytes(key, sizeof key) % pages->n_buckets];
}

size_t pages_unheld(const struct pages *pages)
{
    return pages->n_unheld;
}

/* Takes a page out of the list of unheld pages. */
static void unlink_page(struct pages *pages, uint32_t p)
{
    pages->n_unheld--;
    const struct page *page = &pages->page[p];
    *(page->older == PAGE_NONE ? &pages->oldest : &pages->page[page->older].newer) = page->newer;
    *(page->newer == PAGE_NONE ? &pages->newest : &pages->page[page->newer].older) = page->older;
}

/* Takes a page out of its bucket. */
static void unpublish(struct pages *pages, uint32_t p)
{
    struct page *page = &pages->page[p];
    if (!page->published)
        return;
    uint32_t *at = bucket(pages, page->parent, page->tokens);
    while (*at != p)
        at = &pages->page[*at].chain;
    *at = page->chain;
    page->published = false;
}

uint32_t pages_take(struct pages *pages)
{
    uint32_t p = pages->oldest;
    if (p == PAGE_NONE)
        return PAGE_NONE;
    unlink_page(pages, p);
    unpublish(pages, p);
    pages->page[p].age++;
    pages->page[p].holders = 1;
    return p;
}

void pages_drop(struct pages *pages, uint32_t p)
{
    struct page *page = &pages->page[p];
    if (--page->holders > 0)
        return;
    pages->n_unheld++;
    /* An unpublished page is worth nothing, so it is the next to go: its memory is in use already. */
    if (page->published) {
        page->older = pages->newest;
        page->newer = PAGE_NONE;
        *(page->older == PAGE_NONE ? &pages->oldest : &pages->page[page->older].newer) = p;
        pages->newest = p;
    } else {
        page->newer = pages->oldest;
        page->older = PAGE_NONE;
        *(page->newer == PAGE_NONE ? &pages->newest : &pages->page[page->newer].older) = p;
        pages->oldest = p;
    }
}

/* The published page of this content, or PAGE_NONE. */
static uint32_t lookup(struct pages *pages, uint32_t parent, uint64_t owner, const int32_t *tokens)
{
    uint32_t parent_age = parent == PAGE_NONE ? 0 : pages->page[parent].age;
    for (uint32_t p = *bucket(pages, parent, tokens); p != PAGE_NONE; p = pages->page[p].chain) {
        const struct page *page = &pages->page[p];
        if (page->parent == parent && page->parent_age == parent_age && (parent != PAGE_NONE || page->owner == owner) &&
            memcmp(page->tokens, tokens, sizeof page->tokens) == 0)
            return p;
    }
    return PAGE_NONE;
}

uint32_t pages_match(struct pages *pages, uint32_t parent, uint64_t owner, const int32_t *tokens)
{
    uint32_t p = lookup(pages, parent, owner, tokens);
    if (p == PAGE_NONE)
        return PAGE_NONE;
    if (pages->page[p].holders++ == 0)
        unlink_page(pages, p);
    return p;
}

uint32_t pages_publish(struct pages *pages, uint32_t p, uint32_t parent, uint64_t owner, const int32_t *tokens)
{
    struct page *page = &pages->page[p];
    uint32_t same = pages_match(pages, parent, owner, tokens);
    if (same != PAGE_NONE) {
        pages_drop(pages, p);
        return same;
    }
    uint32_t *head = bucket(pages, parent, tokens);
    page->published = true;
    page->parent = parent;
    page->owner = owner;
    page->parent_age = parent == PAGE_NONE ? 0 : pages->page[parent].age;
    memcpy(page->tokens, tokens, sizeof page->tokens);
    page->chain = *head;
    *head = p;
    return p;
}
