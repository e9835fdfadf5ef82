/* SPDX-License-Identifier: Apache-2.0
 *
 * A hash table from byte strings to 32-bit numbers. Keys are borrowed: they must outlive the map.
 * Seeded per process, so that a crafted file cannot make it slow.
 */
#ifndef HOB_BASE_MAP_H
#define HOB_BASE_MAP_H

#include "base/str.h"

struct map_slot;

/* Zero-initialised is empty. Reading is thread-safe while nobody writes. */
struct map {
    struct map_slot *slots;
    size_t n_slots, n_used;
};

#define MAP_NONE UINT32_MAX

/* Makes room for `n` keys. False when memory is exhausted. */
bool map_reserve(struct map *map, size_t n);

/* Adds `key`; the first value wins when the key is there already (then `*existed` is true; may be NULL). False
 * when memory is exhausted. `value` must not be MAP_NONE. */
bool map_add(struct map *map, struct str key, uint32_t value, bool *existed);

/* The value of `key`, or MAP_NONE. */
uint32_t map_get(const struct map *map, struct str key);

/* Frees the table, not the keys. */
void map_clear(struct map *map);

/* A 64-bit hash of bytes, seeded per process; not for files or receipts. */
uint64_t hash_bytes(const void *ptr, size_t len);

#endif
