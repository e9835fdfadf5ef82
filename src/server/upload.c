/* SPDX-License-Identifier: Apache-2.0 */
#include "server/upload.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "server/generation.h"
#include "server/ollama.h"
#include "store/blob.h"

struct upload {
    struct file_writer writer;
    struct file there; /* what has its name already and is known to be whole; held, so that it stays. fd -1: none */
    bool was_there;    /* whole or not */
    struct hob_error error;
};

/* Files that were whole when they were last read, so that they are not read again for every upload. A row holds as long
 * as nothing about the file changes. */
enum { N_WHOLE = 64 };
static struct whole {
    char hex[65];
    uint64_t size, device, inode;
    int64_t mtime_ns, ctime_ns;
} whole[N_WHOLE];
static size_t n_whole; /* ever; row n is whole[n % N_WHOLE] */
static pthread_mutex_t whole_lock = PTHREAD_MUTEX_INITIALIZER;

static struct whole whole_of(const struct file *file)
{
    struct whole row = {.size = file->size,
                        .device = file->device,
                        .inode = file->inode,
                        .mtime_ns = file->mtime_ns,
                        .ctime_ns = file->ctime_ns};
    blob_is(file->path, row.hex);
    return row;
}

static bool is_whole(const struct file *file)
{
    struct whole row = whole_of(file);
    bool found = false;
    pthread_mutex_lock(&whole_lock);
    for (size_t i = 0; i < N_WHOLE && !found; i++)
        found = row.hex[0] && strcmp(whole[i].hex, row.hex) == 0 && whole[i].size == row.size &&
                whole[i].device == row.device && whole[i].inode == row.inode && whole[i].mtime_ns == row.mtime_ns &&
                whole[i].ctime_ns == row.ctime_ns;
    pthread_mutex_unlock(&whole_lock);
    return found;
}

/* Notes that the file, which was compared with its name just now, is whole. */
static void note_whole(const char *path)
{
    struct file file = {.fd = -1};
    if (file_open(&file, path, NULL) && !is_whole(&file)) {
        pthread_mutex_lock(&whole_lock);
        whole[n_whole++ % N_WHOLE] = whole_of(&file);
        pthread_mutex_unlock(&whole_lock);
    }
    file_close(&file);
}

/* Starts a file, unless it is there. */
static void start(struct exchange *exchange, struct upload *upload)
{
    struct buf path = {0};
    upload->writer.fd = upload->there.fd = -1;
    bool good = blob_path(exchange->tail, &path, &upload->error);
    if (good && file_open_for(&upload->there, path.ptr, FILE_HOLD, NULL)) {
        upload->was_there = true;
        if (!is_whole(&upload->there))
            file_close(&upload->there);
    }
    if (good && upload->there.fd < 0)
        blob_open(&upload->writer, path.ptr, &upload->error);
    buf_clear(&path);
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
    if (upload->error.status != HOB_OK || upload->there.fd >= 0)
        return;
    file_writer_add(&upload->writer, bytes, &upload->error);
}

void upload_drop(struct exchange *exchange)
{
    struct upload *upload = exchange->upload;
    if (!upload)
        return;
    file_writer_drop(&upload->writer);
    file_close(&upload->there);
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
    bool was_there = upload && upload->was_there;
    struct buf path = {0};
    if (err.status == HOB_OK && upload->there.fd < 0 && blob_end(&upload->writer, &err) &&
        blob_path(exchange->tail, &path, NULL))
        note_whole(path.ptr);
    buf_clear(&path);
    upload_drop(exchange);
    if (err.status != HOB_OK)
        exchange_fail(exchange, exchange_status(&err), NULL, &err);
    else
        exchange_answer(exchange, was_there ? MHD_HTTP_OK : MHD_HTTP_CREATED, NULL, &none);
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
