/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 (FIPS 180-4), by Nettle.
 */
#ifndef HOB_BASE_SHA256_H
#define HOB_BASE_SHA256_H

#include <hob.h>

struct file;
struct sha256; /* a running digest */

/* A new running digest, or NULL when memory is exhausted. Allocates now, never in sha256_add(). */
struct sha256 *sha256_new(void);

/* Adds bytes. */
void sha256_add(struct sha256 *sha, const void *ptr, size_t len);

/* The digest as 64 lowercase hex digits and a NUL; the running digest starts anew. */
void sha256_hex(struct sha256 *sha, char out[65]);

/* Frees a running digest (NULL is fine). */
void sha256_free(struct sha256 *sha);

/* Hears of the bytes that were read; false ends it. */
typedef bool sha256_progress_fn(void *ctx, size_t done, size_t total);

/* The digest of a whole open file as hex. HOB_INTERRUPTED when `progress` (may be NULL) ends it. */
bool sha256_file(const struct file *file, char out[65], sha256_progress_fn *progress, void *ctx, struct hob_error *err);

#endif
