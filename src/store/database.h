/* SPDX-License-Identifier: Apache-2.0
 *
 * The data directory's index, SQLite: library.db. Any number of programs use it at once, and one that is killed within
 * a write leaves it as it was before or as it is after. To be read it needs no room on the disk and no right to write,
 * which is why its journal is one that rolls back; rows can be removed where the disk is full, because the journal
 * stays and has its room.
 *
 *   model    a name and what it stands for (library.h)
 *   digest   of a file, by what the file was when it was read (digest.h)
 *   facts    what a model file says of itself, for lists (facts.h)
 */
#ifndef HOB_STORE_DATABASE_H
#define HOB_STORE_DATABASE_H

#include <hob.h>
#include <sqlite3.h>

#include "base/str.h"

/* Opens the index to be written, and makes the data directory and it where they are missing. The caller closes it with
 * sqlite3_close(). NULL: HOB_DISK when it cannot be opened, read or written, HOB_FORMAT when a newer hob has written
 * it.
 */
sqlite3 *database_open(struct hob_error *err);

/* Opens it to be read. Where it is missing: NULL and HOB_OK in `err` (which is not NULL). */
sqlite3 *database_open_existing(struct hob_error *err);

/* Opens it as database_open() does and begins a transaction, which nobody else can do until it is committed or closed.
 * What is to be closed without a change is a lock. */
sqlite3 *database_begin(struct hob_error *err);

/* Ends the transaction. The caller closes the index all the same. */
bool database_commit(sqlite3 *db, struct hob_error *err);

/* The statement of `sql`, with `n` texts bound to ?1 and so on (a NULL text binds NULL). The caller finalizes it; NULL
 * after a failure. */
sqlite3_stmt *database_prepare(sqlite3 *db, const char *sql, const char *const *texts, int n, struct hob_error *err);

/* Runs a statement that returns no rows, in a transaction of its own. */
bool database_run(sqlite3 *db, const char *sql, const char *const *texts, int n, struct hob_error *err);

/* The error of the last call on `db`. Always returns false. */
bool database_error(sqlite3 *db, struct hob_error *err);

/* A column's text, empty for NULL. Borrowed until the next step. */
struct str database_text(sqlite3_stmt *statement, int column);

#endif
