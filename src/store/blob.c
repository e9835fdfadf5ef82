/* SPDX-License-Identifier: Apache-2.0 */
#include "store/blob.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/sha256.h"
#include "store/collect.h"
#include "store/database.h"
#include "store/home.h"

#define HEX 64

static const char folder[] = "/blobs/sha256-";

static bool is_hex(const char *text)
{
    return strlen(text) == HEX && strspn(text, "0123456789abcdef") == HEX;
}

bool blob_path(const char *digest, struct buf *path, struct hob_error *err)
{
    if (strncmp(digest, "sha256:", 7) != 0 || !is_hex(digest + 7))
        return error_set(err, HOB_USAGE, "\"%.80s\": is no digest: want sha256: and 64 hex digits", digest);
    return home_data(path, err) &&
           ((buf_format(path, "%s%.64s", folder, digest + 7) && buf_text(path)) || error_memory(err, path->len));
}

bool blob_find(const char *digest, struct buf *path, struct hob_error *err)
{
    return blob_path(digest, path, err) &&
           (file_exists(path->ptr) || error_set(err, HOB_NOT_FOUND, "%s: was not sent", digest));
}

bool blob_is(const char *path, char hex[65])
{
    struct buf home = {0};
    bool good = home_data(&home, NULL) && buf_str(&home, str_of(folder)) && str_starts(str_of(path), buf_view(&home)) &&
                is_hex(path + home.len);
    if (good)
        snprintf(hex, HEX + 1, "%s", path + home.len);
    buf_clear(&home);
    return good;
}

bool blob_open(struct file_writer *writer, const char *path, struct hob_error *err)
{
    const char *slash = strrchr(path, '/');
    char *parent = slash ? strndup(path, (size_t)(slash - path)) : NULL;
    *writer = (struct file_writer){.fd = -1};
    if (!file_broker)
        collect_old();
    bool good = (parent || error_memory(err, strlen(path))) && (file_broker || file_make_folder(parent, err)) &&
                file_writer_open(writer, path, err);
    free(parent);
    return good;
}

/* Whether the blob `path` is there already, and whole; then it is held for an hour. What a name uses is not written
 * anew, since it would seem to have changed. */
static bool is_there(const char *path, const char *want)
{
    char hex[65];
    struct file file = {.fd = -1};
    bool good = file_open_for(&file, path, FILE_HOLD, NULL) && sha256_file(&file, hex, NULL, NULL, NULL) &&
                strcmp(want, hex) == 0;
    if (good)
        collect_renew(&file);
    file_close(&file);
    return good;
}

bool blob_end(struct file_writer *writer, struct hob_error *err)
{
    char want[65], hex[65];
    struct file file = {.fd = -1};
    if (writer->handle) /* the broker compares */
        return file_writer_end(writer, err);
    bool good = blob_is(writer->path, want) && writer->temporary && file_open(&file, writer->temporary, err) &&
                sha256_file(&file, hex, NULL, NULL, err);
    file_close(&file);
    if (good && strcmp(want, hex) != 0)
        good = error_set(err, HOB_FORMAT, "digest mismatch: want sha256:%s, found sha256:%s", want, hex);
    bool other = good && file_exists(writer->path);
    if (!good || (other && is_there(writer->path, want))) {
        file_writer_drop(writer);
        return good;
    }
    fsync(writer->fd); /* so that what follows, errors and all, takes no time */
    /* Without the lock an old file of that name might be removed, and be this one by then. */
    sqlite3 *lock = database_begin(NULL);
    if (!other && file_exists(writer->path)) /* somebody else was faster, and a name may use it */
        file_writer_drop(writer);
    else
        good = file_writer_end(writer, err);
    sqlite3_close(lock);
    return good;
}
