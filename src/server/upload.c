/* SPDX-License-Identifier: Apache-2.0 */
#include "server/upload.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"
#include "server/generation.h"
#include "server/ollama.h"
#include "store/home.h"

struct upload {
    struct file_writer writer;
    struct sha256 *sha;
    struct hob_error error;
};

/* The path for a digest: written anew from its digits, so that nothing else of the text can get into it. */
static bool blob_path(const char *digest, struct buf *path, struct hob_error *err)
{
    bool good =
        strncmp(digest, "sha256:", 7) == 0 && strlen(digest) == 7 + 64 && strspn(digest + 7, "0123456789abcdef") == 64;
    if (!good)
        return error_set(err, HOB_USAGE, "\"%.80s\": is no digest: want sha256: and 64 hex digits", digest);
    return home_data(path, err) &&
           ((buf_format(path, "/blobs/sha256-%.64s", digest + 7) && buf_text(path)) || error_memory(err, path->len));
}

bool upload_find(const char *digest, struct buf *path, struct hob_error *err)
{
    return blob_path(digest, path, err) &&
           (file_exists(path->ptr) || error_set(err, HOB_NOT_FOUND, "%s: was not sent", digest));
}

/* Starts a file. */
static bool start(struct exchange *exchange, struct upload *upload)
{
    struct buf path = {0}, folder = {0};
    upload->writer.fd = -1;
    bool good = blob_path(exchange->tail, &path, &upload->error) && home_data(&folder, &upload->error) &&
                buf_str(&folder, STR("/blobs")) && file_make_folder(buf_text(&folder), &upload->error) &&
                file_writer_open(&upload->writer, path.ptr, &upload->error) &&
                ((upload->sha = sha256_new()) != NULL || error_memory(&upload->error, 256));
    buf_clear(&path);
    buf_clear(&folder);
    return good;
}

void upload_add(struct exchange *exchange, struct str bytes)
{
    struct upload *upload = exchange->upload;
    if (!upload) {
        upload = exchange->upload = calloc(1, sizeof *upload);
        if (!upload)
            return;
        start(exchange, upload);
    }
    if (upload->error.status != HOB_OK)
        return;
    sha256_add(upload->sha, bytes.ptr, bytes.len);
    file_writer_add(&upload->writer, bytes, &upload->error);
}

void upload_drop(struct exchange *exchange)
{
    struct upload *upload = exchange->upload;
    if (!upload)
        return;
    file_writer_drop(&upload->writer);
    sha256_free(upload->sha);
    free(upload);
    exchange->upload = NULL;
}

void ollama_blob_post(struct exchange *exchange)
{
    struct upload *upload = exchange->upload;
    struct hob_error err = {0};
    struct buf none = {0};
    char hex[65];
    if (!upload)
        error_set(&err, HOB_FORMAT, "missing request body");
    else if (upload->error.status != HOB_OK)
        err = upload->error;
    if (err.status == HOB_OK) {
        sha256_hex(upload->sha, hex);
        if (strcmp(hex, exchange->tail + 7) != 0)
            error_set(&err, HOB_FORMAT, "digest mismatch: want %s, found sha256:%s", exchange->tail, hex);
        else
            file_writer_end(&upload->writer, &err);
    }
    upload_drop(exchange);
    if (err.status != HOB_OK)
        exchange_fail(exchange, exchange_status(&err), NULL, &err);
    else
        exchange_answer(exchange, MHD_HTTP_CREATED, NULL, &none);
}

void ollama_blob_head(struct exchange *exchange)
{
    struct hob_error err;
    struct buf path = {0}, none = {0};
    if (upload_find(exchange->tail, &path, &err))
        exchange_answer(exchange, MHD_HTTP_OK, NULL, &none);
    else
        exchange_fail(exchange, exchange_status(&err), NULL, &err);
    buf_clear(&path);
}
