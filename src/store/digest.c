/* SPDX-License-Identifier: Apache-2.0 */
#include "store/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "store/database.h"
#include "store/remote.h"

#define HEX 64

/* The stamp of an open file. */
static void stamp_open(const struct file *file, char out[128])
{
    snprintf(out, 128, "%llu %llu %llu %lld.%09lld %lld.%09lld", (unsigned long long)file->device,
             (unsigned long long)file->inode, (unsigned long long)file->size, (long long)(file->mtime_ns / 1000000000),
             (long long)(file->mtime_ns % 1000000000), (long long)(file->ctime_ns / 1000000000),
             (long long)(file->ctime_ns % 1000000000));
}

bool digest_stamp(const char *path, char out[128])
{
    struct file file;
    if (!file_open(&file, path, NULL))
        return false;
    stamp_open(&file, out);
    file_close(&file);
    return true;
}

/* The remembered digest of a stamp. */
static bool remembered(sqlite3 *db, const char *stamp, char out[65])
{
    sqlite3_stmt *statement =
        db ? database_prepare(db, "SELECT sha256 FROM digest WHERE stamp = ?1", &stamp, 1, NULL) : NULL;
    bool found = statement && sqlite3_step(statement) == SQLITE_ROW && database_text(statement, 0).len == HEX;
    if (found)
        snprintf(out, HEX + 1, "%s", database_text(statement, 0).ptr);
    sqlite3_finalize(statement);
    return found;
}

bool digest_recall(const char *stamp, char out[65])
{
    struct hob_error none;
    if (store_ask) {
        json_t *answer = store_ask("digest", json_pack("{s:s}", "stamp", stamp), NULL);
        struct str hex = json_span(json_object_get(answer, "sha256"));
        if (hex.len == HEX)
            snprintf(out, HEX + 1, "%s", hex.ptr);
        json_decref(answer);
        return hex.len == HEX;
    }
    sqlite3 *db = database_open_existing(&none);
    bool found = remembered(db, stamp, out);
    sqlite3_close(db);
    return found;
}

void digest_note(const char *stamp, const char *path, const char *digest)
{
    struct hob_error none;
    char *absolute = file_absolute(path);
    path = absolute ? absolute : path;
    if (store_ask) {
        json_decref(store_ask(
            "note", json_pack("{s:s, s:o, s:s}", "stamp", stamp, "path", json_bytes(str_of(path)), "sha256", digest),
            NULL));
    } else {
        sqlite3 *db = database_open(&none);
        const char *const texts[] = {stamp, path, digest};
        if (db)
            database_run(db, "INSERT OR REPLACE INTO digest (stamp, path, sha256) VALUES (?1, ?2, ?3)", texts, 3, NULL);
        sqlite3_close(db);
    }
    free(absolute);
}

/* The digest of one file, remembered or computed. */
static bool digest_file(const struct file *file, char out[65], sha256_progress_fn *progress, void *ctx,
                        struct hob_error *err)
{
    char stamp[128];
    stamp_open(file, stamp);
    if (digest_recall(stamp, out))
        return true;
    if (!sha256_file(file, out, progress, ctx, err))
        return false;
    digest_note(stamp, file->path, out);
    return true;
}

bool digest_model(const char *path, const struct file *const *files, size_t n, char out[65],
                  sha256_progress_fn *progress, void *ctx, struct hob_error *err)
{
    struct sha256 *sha = sha256_new();
    bool good = sha || error_memory(err, 256);
    for (size_t i = 0; good && i < n; i++) {
        good = digest_file(files[i], out, progress, ctx, err);
        if (good && n > 1) {
            sha256_add(sha, out, HEX);
            sha256_add(sha, "\n", 1);
        }
    }
    if (good && n > 1) {
        char key[HEX + 8];
        sha256_hex(sha, out);
        snprintf(key, sizeof key, "model %s", out); /* so that digest_find() finds the folder */
        digest_note(key, path, out);
    }
    sha256_free(sha);
    return good;
}

bool digest_known(sqlite3 *db, const char *const *paths, size_t n, char out[65])
{
    struct sha256 *sha = n > 1 ? sha256_new() : NULL;
    bool good = n == 1 || sha;
    char stamp[128];
    for (size_t i = 0; good && i < n; i++) {
        good = digest_stamp(paths[i], stamp) && remembered(db, stamp, out);
        if (good && sha) {
            sha256_add(sha, out, HEX);
            sha256_add(sha, "\n", 1);
        }
    }
    if (good && sha)
        sha256_hex(sha, out);
    sha256_free(sha);
    return good;
}

bool digest_find(const char *sha256, struct buf *path, struct hob_error *err)
{
    struct hob_error failure;
    if (store_ask) {
        json_t *answer = store_ask("find", json_pack("{s:s?}", "sha256", sha256), err);
        bool good = answer && (buf_str(path, json_span(json_object_get(answer, "path"))) || error_memory(err, 1));
        json_decref(answer);
        return good;
    }
    sqlite3 *db = database_open_existing(&failure);
    sqlite3_stmt *statement =
        db ? database_prepare(db, "SELECT path FROM digest WHERE sha256 = ?1 ORDER BY stamp LIKE 'model %' DESC",
                              &sha256, 1, NULL)
           : NULL;
    bool there = false;
    while (statement && !there && sqlite3_step(statement) == SQLITE_ROW) {
        struct str found = database_text(statement, 0);
        there = found.len > 0 && file_exists(found.ptr) && buf_str(path, found);
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return there || error_set(err, HOB_NOT_FOUND,
                              "no model with digest %.12s... is known here; give it with --model PATH", sha256);
}
