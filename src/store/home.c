/* SPDX-License-Identifier: Apache-2.0 */
#include "store/home.h"

#include <stdlib.h>

#include "base/error.h"

/* $variable + tail, when the variable is an absolute path. */
static bool from_variable(const char *variable, const char *tail, struct buf *path)
{
    const char *value = getenv(variable);
    if (!value || value[0] != '/')
        return false;
    buf_format(path, "%s%s", value, tail);
    return true;
}

bool home_data(struct buf *path, struct hob_error *err)
{
    return from_variable("HOB_HOME", "", path) || from_variable("XDG_DATA_HOME", "/hob", path) ||
           from_variable("HOME", "/.local/share/hob", path) ||
           error_set(err, HOB_NOT_FOUND, "no data directory: set HOB_HOME or HOME to an absolute path");
}

bool home_cache(struct buf *path, struct hob_error *err)
{
    return from_variable("XDG_CACHE_HOME", "/hob", path) || from_variable("HOME", "/.cache/hob", path) ||
           error_set(err, HOB_NOT_FOUND, "no cache directory: set XDG_CACHE_HOME or HOME to an absolute path");
}
