/* SPDX-License-Identifier: Apache-2.0 */
#include "store/database.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "store/home.h"

enum { BUSY_MS = 5000, JOURNAL_BYTES = 128 << 10 };

/* The schema, a row each version: what makes it of the one before. */
static const char *const versions[] = {
    "CREATE TABLE model (name TEXT PRIMARY KEY COLLATE NOCASE, path TEXT NOT NULL, stamps TEXT NOT NULL,"
    " modified INTEGER NOT NULL, settings TEXT NOT NULL);"
    "CREATE TABLE digest (stamp TEXT PRIMARY KEY, path TEXT NOT NULL, sha256 TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX digest_sha256 ON digest (sha256);"
    "CREATE TABLE facts (stamp TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;",
};

enum { N_VERSIONS = sizeof versions / sizeof *versions };

bool database_error(sqlite3 *db, struct hob_error *err)
{
    int code = db ? sqlite3_errcode(db) & 0xff : SQLITE_NOMEM;
    if (code == SQLITE_NOMEM)
        return error_memory(err, 4096);
    const char *path = sqlite3_db_filename(db, "main"); /* NULL where it could not be opened */
    return error_set(err, HOB_DISK, "%s: %s", path && *path ? path : "library.db", sqlite3_errmsg(db));
}

sqlite3_stmt *database_prepare(sqlite3 *db, const char *sql, const char *const *texts, int n, struct hob_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool good = sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK;
    for (int i = 0; good && i < n; i++)
        good = sqlite3_bind_text(statement, i + 1, texts[i], -1, SQLITE_TRANSIENT) == SQLITE_OK;
    if (good)
        return statement;
    database_error(db, err);
    sqlite3_finalize(statement);
    return NULL;
}

bool database_run(sqlite3 *db, const char *sql, const char *const *texts, int n, struct hob_error *err)
{
    sqlite3_stmt *statement = database_prepare(db, sql, texts, n, err);
    if (!statement)
        return false;
    bool good = sqlite3_step(statement) == SQLITE_DONE || database_error(db, err);
    sqlite3_finalize(statement);
    return good;
}

struct str database_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return (struct str){text ? text : "", text ? (size_t)sqlite3_column_bytes(statement, column) : 0};
}

/* The version of the schema that the file has, or -1. */
static int version_of(sqlite3 *db)
{
    sqlite3_stmt *statement = database_prepare(db, "PRAGMA user_version", NULL, 0, NULL);
    int version = statement && sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int(statement, 0) : -1;
    sqlite3_finalize(statement);
    return version;
}

/* Whether this hob knows the version. */
static bool check_version(sqlite3 *db, int version, struct hob_error *err)
{
    return version <= N_VERSIONS || error_set(err, HOB_FORMAT, "%s: was written by a newer hob (schema %d, want %d)",
                                              sqlite3_db_filename(db, "main"), version, (int)N_VERSIONS);
}

/* Brings the schema to this version, in one transaction. Another program may be at it: whoever comes second finds it
 * done. */
static bool migrate(sqlite3 *db, struct hob_error *err)
{
    int version = version_of(db);
    if (version == N_VERSIONS)
        return true;
    if (!check_version(db, version, err))
        return false;
    if (version < 0 || sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return database_error(db, err);
    bool good = true;
    for (int i = version_of(db); good && i < N_VERSIONS; i++)
        good = sqlite3_exec(db, versions[i], NULL, NULL, NULL) == SQLITE_OK;
    char pragma[64];
    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", (int)N_VERSIONS);
    good = good && sqlite3_exec(db, pragma, NULL, NULL, NULL) == SQLITE_OK &&
           sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
    if (good)
        return true;
    database_error(db, err);
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

/* Makes the file with a mode of its own, so that the process's need not be changed. Only where there is none: to close
 * a descriptor of a file that is there would give up the locks that this process has on it. */
static void make_private(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
}

/* Takes room for the journal while there is some: so a row can be removed where the disk is full. Zeros are no journal,
 * and those behind one mean nothing. */
static bool reserve_journal(sqlite3 *db, struct hob_error *err)
{
    struct buf path = {0};
    struct stat st;
    bool good = (buf_format(&path, "%s-journal", sqlite3_db_filename(db, "main")) && buf_text(&path)) ||
                error_memory(err, path.len);
    int fd = good ? open(path.ptr, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    if (good && fd < 0)
        good = error_system(err, path.ptr, "cannot be written");
    if (good && fstat(fd, &st) == 0 && st.st_size < JOURNAL_BYTES)
        fallocate(fd, 0, 0, JOURNAL_BYTES); /* where it fails, what is there has to do */
    if (fd >= 0)
        close(fd);
    buf_clear(&path);
    return good;
}

/* Makes an open index ready to be written. */
static bool prepare_to_write(sqlite3 *db, struct hob_error *err)
{
    if (sqlite3_db_readonly(db, "main") == 1)
        return error_set(err, HOB_DISK, "%s: is read-only, so nothing can be added, changed or removed",
                         sqlite3_db_filename(db, "main"));
    if (sqlite3_exec(db, "PRAGMA journal_mode = PERSIST; PRAGMA synchronous = FULL", NULL, NULL, NULL) != SQLITE_OK)
        return database_error(db, err);
    return migrate(db, err) && reserve_journal(db, err);
}

/* Opens the file at `path`. To be read only, one without a schema is none: NULL and no error. */
static sqlite3 *open_at(const char *path, bool write, struct hob_error *err)
{
    sqlite3 *db = NULL;
    if (write)
        make_private(path);
    /* SQLite opens what cannot be written to be read, also when it is told otherwise; and to read, it must be able to
     * undo what a program that was killed has left half done. */
    bool good = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL) == SQLITE_OK;
    if (good) {
        sqlite3_busy_timeout(db, BUSY_MS);
        good = sqlite3_exec(db, "PRAGMA trusted_schema = OFF", NULL, NULL, NULL) == SQLITE_OK;
    }
    int version = good ? version_of(db) : -1;
    if (version < 0)
        good = database_error(db, err);
    else if (write)
        good = prepare_to_write(db, err);
    else if (version > 0)
        good = check_version(db, version, err);
    if (good && (write || version > 0))
        return db;
    sqlite3_close(db);
    return NULL;
}

static sqlite3 *open_index(bool write, struct hob_error *err)
{
    struct buf path = {0};
    sqlite3 *db = NULL;
    bool good = home_data(&path, err);
    if (good && write)
        good = file_make_folder(buf_text(&path), err);
    if (good && !buf_str(&path, STR("/library.db")))
        good = error_memory(err, path.len);
    if (good && (write || file_exists(buf_text(&path))))
        db = open_at(buf_text(&path), write, err);
    buf_clear(&path);
    return db;
}

sqlite3 *database_open(struct hob_error *err)
{
    return open_index(true, err);
}

sqlite3 *database_open_existing(struct hob_error *err)
{
    error_clear(err);
    return open_index(false, err);
}

sqlite3 *database_begin(struct hob_error *err)
{
    sqlite3 *db = database_open(err);
    if (!db || sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK)
        return db;
    database_error(db, err);
    sqlite3_close(db);
    return NULL;
}

bool database_commit(sqlite3 *db, struct hob_error *err)
{
    return sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK || database_error(db, err);
}
