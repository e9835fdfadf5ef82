/* SPDX-License-Identifier: Apache-2.0 */
#include "store/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/home.h"

#define MEMORY_BYTES ((size_t)4 << 20) /* the memory is started anew beyond this */
#define HEX          64

/* The memory's path and what is in it; empty where there is none. */
static bool memory_load(struct buf *path, struct buf *text)
{
    if (!home_data(path, NULL) || !buf_format(path, "/digests"))
        return false;
    if (!file_load(buf_text(path), MEMORY_BYTES, text, NULL))
        buf_clear(text);
    return true;
}

/* What stands behind the digest in the file's line: " device inode size mtime ctime path\n". */
static void stamp(const struct file *file, struct buf *out)
{
    char *absolute = realpath(file->path, NULL);
    buf_format(out, " %llu %llu %llu %lld %lld %s\n", (unsigned long long)file->device, (unsigned long long)file->inode,
               (unsigned long long)file->size, (long long)file->mtime_ns, (long long)file->ctime_ns,
               absolute ? absolute : file->path);
    free(absolute);
}

/* Adds a line to the memory, which holds `text`. */
static void memory_add(struct buf *path, struct buf *text, const char *digest, struct str rest)
{
    struct buf folder = {0};
    buf_add(text, digest, HEX);
    buf_str(text, rest);
    if (!text->failed && home_data(&folder, NULL) && file_make_folder(buf_text(&folder), NULL))
        file_save(buf_text(path), buf_view(text), NULL);
    buf_clear(&folder);
}

/* The digest of one file, remembered or computed. */
static bool digest_file(const struct file *file, char out[65], sha256_progress_fn *progress, void *ctx,
                        struct hob_error *err)
{
    struct buf path = {0}, text = {0}, line = {0};
    bool remembered = memory_load(&path, &text);
    stamp(file, &line);
    size_t at = text.len && line.len ? str_find(buf_view(&text), buf_view(&line), 0) : SIZE_MAX;
    bool good = !line.failed || error_memory(err, line.len);
    if (at != SIZE_MAX && at >= HEX) {
        memcpy(out, text.ptr + at - HEX, HEX);
        out[HEX] = 0;
    } else if (good && (good = sha256_file(file, out, progress, ctx, err)) && remembered) {
        memory_add(&path, &text, out, buf_view(&line));
    }
    buf_clear(&path);
    buf_clear(&text);
    buf_clear(&line);
    return good;
}

/* Remembers where a model of several files lies. */
static void remember_model(const char *path, const char *digest)
{
    struct buf memory = {0}, text = {0}, line = {0}, whole = {0};
    char *absolute = realpath(path, NULL);
    buf_format(&line, " model %s\n", absolute ? absolute : path);
    buf_add(&whole, digest, HEX);
    buf_str(&whole, buf_view(&line));
    if (!line.failed && !whole.failed && memory_load(&memory, &text) &&
        str_find(buf_view(&text), buf_view(&whole), 0) == SIZE_MAX)
        memory_add(&memory, &text, digest, buf_view(&line));
    free(absolute);
    buf_clear(&memory);
    buf_clear(&text);
    buf_clear(&line);
    buf_clear(&whole);
}

bool digest_model(const char *path, const struct file *const *files, size_t n, char out[65],
                  sha256_progress_fn *progress, void *ctx, struct hob_error *err)
{
    if (n == 1)
        return digest_file(files[0], out, progress, ctx, err);
    struct sha256 *sha = sha256_new();
    bool good = sha || error_memory(err, 256);
    for (size_t i = 0; good && i < n; i++) {
        good = digest_file(files[i], out, progress, ctx, err);
        if (good) {
            sha256_add(sha, out, HEX);
            sha256_add(sha, "\n", 1);
        }
    }
    if (good) {
        sha256_hex(sha, out);
        remember_model(path, out);
    }
    sha256_free(sha);
    return good;
}

bool digest_find(const char *sha256, struct buf *found, struct hob_error *err)
{
    struct buf path = {0}, text = {0};
    bool there = false;
    if (strlen(sha256) == HEX && memory_load(&path, &text) && buf_text(&text)) {
        for (char *line = text.ptr; line && *line && !there;) {
            char *end = strchr(line, '\n');
            int start = 0;
            if (end)
                *end = 0;
            if (strncmp(line, sha256, HEX) == 0 && strncmp(line + HEX, " model ", 7) == 0)
                start = HEX + 7;
            else if (strncmp(line, sha256, HEX) == 0)
                sscanf(line, "%*s %*s %*s %*s %*s %*s %n", &start);
            if (start > 0 && file_exists(line + start))
                there = buf_format(found, "%s", line + start);
            line = end ? end + 1 : NULL;
        }
    }
    buf_clear(&path);
    buf_clear(&text);
    return there || error_set(err, HOB_NOT_FOUND,
                              "no model with digest %.12s... is known here; give it with --model PATH", sha256);
}
