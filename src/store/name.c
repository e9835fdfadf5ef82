/* SPDX-License-Identifier: Apache-2.0 */
#include "store/name.h"

#include <stdio.h>
#include <strings.h>

#include "base/error.h"

enum { MAX_NAME = 160, MAX_PARTS = 3 };

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Takes `prefix` from the front, in any case. */
static struct str without(struct str name, struct str prefix)
{
    if (name.len > prefix.len && strncasecmp(name.ptr, prefix.ptr, prefix.len) == 0)
        return (struct str){name.ptr + prefix.len, name.len - prefix.len};
    return name;
}

bool name_canonical(struct str given, char out[NAME_BYTES], struct hob_error *err)
{
    struct str name = without(without(given, STR("registry.ollama.ai/")), STR("library/"));
    unsigned n_parts = 1;
    bool starts = true, tagged = false, good = name.len > 0 && name.len <= MAX_NAME;
    for (size_t i = 0; good && i < name.len; i++) {
        char c = name.ptr[i];
        if (c == '/' || c == ':') {
            good = !starts && !tagged && (c == ':' || ++n_parts <= MAX_PARTS);
            tagged = c == ':';
            starts = true;
        } else {
            good = is_word(c) || (!starts && (c == '.' || c == '-'));
            starts = false;
        }
    }
    if (!good || starts)
        return error_set(err, HOB_USAGE,
                         "\"%.*s\": is no name of a model: want letters, digits, \".\", \"_\", \"-\", and \":\" before "
                         "a tag",
                         (int)(given.len < 60 ? given.len : 60), given.len ? given.ptr : "");
    snprintf(out, NAME_BYTES, "%.*s%s", (int)name.len, name.ptr, tagged ? "" : ":latest");
    return true;
}

struct str name_shown(const char *name, bool short_form)
{
    struct str all = str_of(name);
    if (short_form && str_ends(all, STR(":latest")))
        all.len -= 7;
    return all;
}

bool name_equal(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}
