/* SPDX-License-Identifier: Apache-2.0
 *
 * A hash table with open addressing and linear probing, at most 3/4 full.
 */
#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/checked.h"

struct map_slot {
    const char *ptr;
    size_t len;
    uint32_t hash;
    uint32_t value; /* MAP_NONE: the slot is free */
};

static uint64_t hash_key[4];
static pthread_once_t hash_key_once = PTHREAD_ONCE_INIT;

static void draw_hash_key(void)
{
    if (getrandom(hash_key, sizeof(hash_key), GRND_NONBLOCK) == (ssize_t)sizeof(hash_key))
        return;
    /* Early in boot the kernel may have no randomness yet: time and address layout are what is left. */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t seed = (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 32 ^ (uint64_t)(uintptr_t)&now;
    for (int i = 0; i < 4; i++) {
        seed = seed * 0x5851f42d4c957f2dULL + 0x14057b7ef767814fULL;
        hash_key[i] = seed ^ seed >> 29;
    }
}

static uint64_t load_u64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

/* Both halves of the 128-bit product, folded. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t hash_bytes(const void *ptr, size_t len)
{
    pthread_once(&hash_key_once, draw_hash_key);
    const unsigned char *p = ptr;
    uint64_t state = hash_key[0] ^ len;
    size_t left = len;
    for (; left > 16; left -= 16, p += 16)
        state = fold(load_u64(p) ^ hash_key[1] ^ state, load_u64(p + 8) ^ hash_key[2]);
    uint64_t a = 0, b = 0;
    if (left >= 8) {
        /* The two words may overlap; the length tells 8..16 apart. */
        a = load_u64(p);
        b = load_u64(p + left - 8);
    } else {
        for (size_t i = 0; i < left; i++)
            a |= (uint64_t)p[i] << (8 * i);
    }
    return fold(fold(a ^ hash_key[1] ^ state, b ^ hash_key[2]), state ^ hash_key[3]);
}

/* The slot of `key`, or the free slot where it belongs. There is always a free one. */
static struct map_slot *find_slot(const struct map *map, struct str key, uint32_t hash)
{
    size_t mask = map->n_slots - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct map_slot *slot = &map->slots[i];
        if (slot->value == MAP_NONE || (slot->hash == hash && str_eq((struct str){slot->ptr, slot->len}, key)))
            return slot;
    }
}

bool map_reserve(struct map *map, size_t n)
{
    size_t want;
    if (!size_mul(n, 4, &want) || !size_add(want, 2, &want))
        return false;
    want /= 3; /* rounded up */
    if (want <= map->n_slots)
        return true;
    size_t n_slots = map->n_slots ? map->n_slots : 16;
    while (n_slots < want)
        if (!size_mul(n_slots, 2, &n_slots))
            return false;
    size_t bytes;
    if (!size_mul(n_slots, sizeof(struct map_slot), &bytes))
        return false;
    struct map bigger = {.slots = malloc(bytes), .n_slots = n_slots};
    if (!bigger.slots)
        return false;
    for (size_t i = 0; i < n_slots; i++)
        bigger.slots[i] = (struct map_slot){.value = MAP_NONE};
    for (size_t i = 0; i < map->n_slots; i++) {
        const struct map_slot *slot = &map->slots[i];
        if (slot->value != MAP_NONE)
            *find_slot(&bigger, (struct str){slot->ptr, slot->len}, slot->hash) = *slot;
    }
    bigger.n_used = map->n_used;
    free(map->slots);
    *map = bigger;
    return true;
}

bool map_add(struct map *map, struct str key, uint32_t value, bool *existed)
{
    if (!map_reserve(map, map->n_used + 1))
        return false;
    uint32_t hash = (uint32_t)hash_bytes(key.ptr, key.len);
    struct map_slot *slot = find_slot(map, key, hash);
    if (existed)
        *existed = slot->value != MAP_NONE;
    if (slot->value != MAP_NONE)
        return true;
    *slot = (struct map_slot){.ptr = key.ptr, .len = key.len, .hash = hash, .value = value};
    map->n_used++;
    return true;
}

uint32_t map_get(const struct map *map, struct str key)
{
    return map->n_used ? find_slot(map, key, (uint32_t)hash_bytes(key.ptr, key.len))->value : MAP_NONE;
}

void map_clear(struct map *map)
{
    free(map->slots);
    *map = (struct map){0};
}
