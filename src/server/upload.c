/* SPDX-License-Identifier: Apache-2.0 */
#include "server/upload.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "server/generation.h"
#include "server/ollama.h"
#include "store/blob.h"

struct upload {
    struct file_writer writer;
    struct hob_error error;
};

/* Starts a file. */
static bool start(struct exchange *exchange, struct upload *upload)
{
    struct buf path = {0};
    upload->writer.fd = -1;
    bool good =
        blob_path(exchange->tail, &path, &upload->error) && blob_open(&upload->writer, path.ptr, &upload->error);
    buf_clear(&path);
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
    file_writer_add(&upload->writer, bytes, &upload->error);
}

void upload_drop(struct exchange *exchange)
{
    struct upload *upload = exchange->upload;
    if (!upload)
        return;
    file_writer_drop(&upload->writer);
    free(upload);
    exchange->upload = NULL;
}

void ollama_blob_post(struct exchange *exchange)
{
    struct upload *upload = exchange->upload;
    struct hob_error err = {0};
    struct buf none = {0};
    if (!upload)
        error_set(&err, HOB_FORMAT, "missing request body");
    else if (upload->error.status != HOB_OK)
        err = upload->error;
    if (err.status == HOB_OK)
        blob_end(&upload->writer, &err);
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
    struct file file = {.fd = -1};
    /* It is opened so that it stays for the hour in which something may be made of it. */
    if (blob_find(exchange->tail, &path, &err) && file_open(&file, path.ptr, &err))
        exchange_answer(exchange, MHD_HTTP_OK, NULL, &none);
    else
        exchange_fail(exchange, exchange_status(&err), NULL, &err);
    file_close(&file);
    buf_clear(&path);
}
