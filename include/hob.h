/* SPDX-License-Identifier: Apache-2.0
 *
 * hob.h: the public C API of hob, grouped from simple to expert.
 *
 *   1. Errors
 *   2. Models       plan, open, describe, close
 *   3. Text         tokenize, detokenize, render a chat
 *   4. Sessions     submit requests, step, read events, cancel
 *
 * Every function that can fail takes a `struct hob_error *`, returns false, NULL or a negative value,
 * and fills it; it may be NULL. The library never prints, exits, aborts or raises a signal because of input.
 * Unless a function says otherwise, an object may be used by one thread at a time.
 */
#ifndef HOB_H
#define HOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HOB_VERSION "0.1.0"

#if defined(__GNUC__)
#define HOB_API __attribute__((visibility("default")))
#define HOB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define HOB_API
#define HOB_PRINTF(fmt, args)
#endif

/* ---- 1. Errors ------------------------------------------------------------------------------------ */

/* What kind of failure; the numbers are the exit codes of the program. */
enum hob_status {
    HOB_OK = 0,
    HOB_USAGE = 2,       /* the caller asked for something that does not exist or is out of range */
    HOB_FORMAT = 3,      /* a file, template or request is malformed or of an unsupported kind */
    HOB_NOT_FOUND = 4,   /* a file, model or tensor is not there */
    HOB_LIMIT = 5,       /* a limit or the memory is exceeded */
    HOB_REFUSED = 6,     /* refused by policy */
    HOB_DISK = 7,        /* reading or writing failed */
    HOB_INTEGRITY = 8,   /* bytes are not what they should be */
    HOB_INTERRUPTED = 130 /* cancelled by the user */
};

/* One failure: its kind and one line that names the object, what was expected and what was found. */
struct hob_error {
    enum hob_status status;
    char text[480];
};

#ifdef __cplusplus
}
#endif
#endif
