/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors: a status and one line of text. Functions that can fail take `struct hob_error *err` last, which
 * may be NULL, and return false or NULL after filling it.
 */
#ifndef HOB_BASE_ERROR_H
#define HOB_BASE_ERROR_H

#include <hob.h>

/* Fills `err` (may be NULL) with `status` and the formatted line; control bytes are escaped. Always
 * returns false, so that `return error_set(...)` reads well. Thread-safe for distinct `err`. */
bool error_set(struct hob_error *err, enum hob_status status, const char *format, ...) HOB_PRINTF(3, 4);

/* Puts "prefix: " before the text of `err` (may be NULL). Always returns false. */
bool error_prefix(struct hob_error *err, const char *format, ...) HOB_PRINTF(2, 3);

/* The error of a system call on `name` that failed as errno says: "name: action: reason", HOB_NOT_FOUND for a path that
 * leads nowhere, HOB_LIMIT without memory, else HOB_DISK. Always returns false. */
bool error_system(struct hob_error *err, const char *name, const char *action);

/* The error for a failed allocation of `bytes`. Always returns false. */
bool error_memory(struct hob_error *err, size_t bytes);

/* Empties `err` (may be NULL): status HOB_OK, no text. */
void error_clear(struct hob_error *err);

#endif
