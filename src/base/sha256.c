/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256, by libcrypto.
 */
#include "base/sha256.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"

struct sha256 {
    EVP_MD_CTX *digest;
    bool failed; /* libcrypto refused; then the hex is empty and equals no digest */
};

/* A digest needs neither the system's configuration of OpenSSL nor the texts of its errors. */
static void init_library(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL);
}

struct sha256 *sha256_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);
    struct sha256 *sha = calloc(1, sizeof(*sha));
    if (!sha)
        return NULL;
    sha->digest = EVP_MD_CTX_new();
    if (!sha->digest || EVP_DigestInit_ex(sha->digest, EVP_sha256(), NULL) != 1) {
        sha256_free(sha);
        return NULL;
    }
    return sha;
}

void sha256_add(struct sha256 *sha, const void *ptr, size_t len)
{
    if (len && EVP_DigestUpdate(sha->digest, ptr, len) != 1)
        sha->failed = true;
}

void sha256_hex(struct sha256 *sha, char out[65])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    bool good = EVP_DigestFinal_ex(sha->digest, bytes, &size) == 1 && size == 32 && !sha->failed;
    for (unsigned i = 0; good && i < 32; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[good ? 64 : 0] = '\0';
    sha->failed = EVP_DigestInit_ex(sha->digest, NULL, NULL) != 1;
}

void sha256_free(struct sha256 *sha)
{
    if (!sha)
        return;
    EVP_MD_CTX_free(sha->digest);
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
