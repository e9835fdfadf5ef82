/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256, by Nettle.
 */
#include "base/sha256.h"

#include <nettle/sha2.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"

struct sha256 {
    struct sha256_ctx digest;
};

struct sha256 *sha256_new(void)
{
    struct sha256 *sha = malloc(sizeof *sha);
    if (sha)
        sha256_init(&sha->digest);
    return sha;
}

void sha256_add(struct sha256 *sha, const void *ptr, size_t len)
{
    sha256_update(&sha->digest, len, ptr);
}

void sha256_hex(struct sha256 *sha, char out[65])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[SHA256_DIGEST_SIZE];
    sha256_digest(&sha->digest, sizeof bytes, bytes); /* which begins the next */
    for (unsigned i = 0; i < sizeof bytes; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[64] = '\0';
}

void sha256_free(struct sha256 *sha)
{
    free(sha);
}

bool sha256_file(const struct file *file, char out[65], sha256_progress_fn *progress, void *ctx, struct hob_error *err)
{
    enum { CHUNK_BYTES = 1 << 18 };
    struct sha256 *sha = sha256_new();
    unsigned char *chunk = malloc(CHUNK_BYTES);
    bool good = sha && chunk;
    if (!good)
        error_memory(err, CHUNK_BYTES);
    for (uint64_t at = 0; good && at < file->size;) {
        size_t size = file->size - at < CHUNK_BYTES ? (size_t)(file->size - at) : CHUNK_BYTES;
        if (progress && !progress(ctx, (size_t)at, (size_t)file->size))
            good = error_set(err, HOB_INTERRUPTED, "%s: hashing was interrupted", file->path);
        else
            good = file_read_at(file, at, chunk, size, err);
        if (good)
            sha256_add(sha, chunk, size);
        at += size;
    }
    if (good)
        sha256_hex(sha, out);
    free(chunk);
    sha256_free(sha);
    return good;
}
