/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/str.h"

/* Whether a terminal would act on the code point instead of showing it, or it would start a new line. */
static bool is_control(int32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
}

/* Copies `line` to `out` (`size` bytes with the NUL): control and stray bytes become \n, \t, ... or \xHH, and a
 * line that is too long is cut between characters. */
static void escape_line(struct str line, char *out, size_t size)
{
    size_t used = 0;
    for (size_t at = 0; at < line.len;) {
        unsigned n_bytes;
        int32_t code = utf8_decode(line, at, &n_bytes);
        char piece[20];
        int len = 0;
        if (code == '\n' || code == '\r' || code == '\t') {
            len = snprintf(piece, sizeof(piece), "\\%c", code == '\n' ? 'n' : code == '\r' ? 'r' : 't');
        } else if (code < 0 || is_control(code)) {
            for (unsigned i = 0; i < n_bytes; i++)
                len += snprintf(piece + len, sizeof(piece) - (size_t)len, "\\x%02x", (unsigned char)line.ptr[at + i]);
        } else {
            memcpy(piece, line.ptr + at, n_bytes);
            len = (int)n_bytes;
        }
        if (used + (size_t)len >= size)
            break;
        memcpy(out + used, piece, (size_t)len);
        used += (size_t)len;
        at += n_bytes;
    }
    out[used] = '\0';
}

bool error_set(struct hob_error *err, enum hob_status status, const char *format, ...)
{
    if (!err)
        return false;
    char line[sizeof(err->text) * 2];
    va_list args;
    va_start(args, format);
    if (vsnprintf(line, sizeof(line), format, args) < 0)
        line[0] = '\0';
    va_end(args);
    err->status = status;
    escape_line(str_of(line), err->text, sizeof(err->text));
    return false;
}

bool error_prefix(struct hob_error *err, const char *format, ...)
{
    if (!err)
        return false;
    char prefix[sizeof(err->text)], rest[sizeof(err->text)];
    va_list args;
    va_start(args, format);
    if (vsnprintf(prefix, sizeof(prefix), format, args) < 0)
        prefix[0] = '\0';
    va_end(args);
    memcpy(rest, err->text, sizeof(rest));
    return error_set(err, err->status, "%s: %s", prefix, rest);
}

bool error_memory(struct hob_error *err, size_t bytes)
{
    size_t most;
    const char *bound = memory_ulimit(&most);
    if (!bound)
        return error_set(err, HOB_LIMIT, "out of memory: %zu bytes could not be had", bytes);
    return error_set(err, HOB_LIMIT, "out of memory: %zu bytes could not be had; %s is %zu KB", bytes, bound,
                     most >> 10);
}

void error_clear(struct hob_error *err)
{
    if (!err)
        return;
    err->status = HOB_OK;
    err->text[0] = '\0';
}

bool error_system(struct hob_error *err, const char *name, const char *action)
{
    int number = errno;
    char text[128];
    const char *reason = strerror_r(number, text, sizeof(text));
    if (number == ENOENT || number == ENOTDIR || number == ELOOP || number == ENAMETOOLONG)
        return error_set(err, HOB_NOT_FOUND, "%s: %s: %s", name, action, reason);
    if (number == ENOMEM)
        return error_set(err, HOB_LIMIT, "%s: %s: %s", name, action, reason);
    return error_set(err, HOB_DISK, "%s: %s: %s", name, action, reason);
}
