/* SPDX-License-Identifier: Apache-2.0 */
#include "wall/policy.h"

#include <stdlib.h>

#include "store/blob.h"
#include "store/home.h"
#include "store/library.h"

bool policy_grant(struct policy *policy, const char *path, bool write)
{
    struct grant *grown = realloc(policy->grants, (policy->n + 1) * sizeof *grown);
    char *copy = grown ? strdup(path) : NULL;
    policy->grants = grown ? grown : policy->grants;
    if (copy)
        policy->grants[policy->n++] = (struct grant){copy, write, file_is_folder(path)};
    return copy != NULL;
}

void policy_clear(struct policy *policy)
{
    for (size_t i = 0; i < policy->n; i++)
        free(policy->grants[i].path);
    free(policy->grants);
    *policy = (struct policy){0};
}

/* Whether `path` is a file that lies in the folder `folder`, not deeper but for the folders that a model's has. */
static bool lies_in(const char *path, const char *folder)
{
    static const char *const parts[] = {"1_Pooling/", "additional_chat_templates/"};
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/')
        n--;
    if (strncmp(path, folder, n) != 0 || (path[n] != '/' && folder[n - 1] != '/'))
        return false;
    const char *name = path + n + strspn(path + n, "/");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strncmp(name, parts[i], strlen(parts[i])) == 0) {
            name += strlen(parts[i]);
            break;
        }
    return *name && !strchr(name, '/') && strcmp(name, "..") != 0;
}

/* Whether the two are parts of one split file: NAME-00002-of-00005.gguf. */
static bool is_part(const char *path, const char *other)
{
    enum { TAIL = sizeof "-00001-of-00005.gguf" - 1, DIGITS = 6 };
    size_t n = strlen(path);
    if (n != strlen(other) || n <= TAIL)
        return false;
    const char *tail = path + n - TAIL, *other_tail = other + n - TAIL;
    return strncmp(path, other, n - TAIL + 1) == 0 && strspn(tail + 1, "0123456789") == DIGITS - 1 &&
           strspn(other_tail + 1, "0123456789") == DIGITS - 1 && strncmp(tail + DIGITS, "-of-", 4) == 0 &&
           strcmp(tail + DIGITS, other_tail + DIGITS) == 0;
}

static bool is_granted(const struct policy *policy, const char *path, bool write)
{
    for (size_t i = 0; i < policy->n; i++) {
        const struct grant *grant = &policy->grants[i];
        bool same = strcmp(grant->path, path) == 0;
        if (write ? grant->write && same
                  : same || (grant->folder && lies_in(path, grant->path)) || is_part(path, grant->path))
            return true;
    }
    return false;
}

/* Whether the library names the file, or the folder that it lies in. */
static bool is_registered(const char *path)
{
    struct arena arena = {0};
    struct library_entry *entries;
    size_t n = 0;
    bool found = false;
    if (library_has_path(path)) /* a list of all for each of many models takes seconds */
        return true;
    library_list(&arena, &entries, &n, NULL);
    for (size_t i = 0; i < n && !found; i++) {
        found = strcmp(entries[i].path, path) == 0 || lies_in(path, entries[i].path);
        for (size_t k = 0; k < entries[i].n_files && !found; k++)
            found = strcmp(entries[i].files[k], path) == 0;
    }
    arena_clear(&arena);
    return found;
}

/* Whether a person may name it in a chat: JSON, a template, a grammar, nothing hidden. What is written is JSON, and
 * new. */
static bool is_of_chat(const char *path, bool write)
{
    static const struct str kinds[] = {{".json", 5}, {".jinja", 6}, {".gbnf", 5}};
    bool known = false;
    for (size_t i = 0; i < (write ? 1 : sizeof kinds / sizeof *kinds); i++)
        known = known || str_ends(str_of(path), kinds[i]);
    if (strstr(path, "/.") || (path[0] == '.' && path[1] != '/'))
        return false;
    return known && !(write && file_exists(path));
}

/* Whether it is the file of what was typed in chats. */
static bool is_history(const char *path)
{
    struct buf history = {0};
    bool same =
        home_data(&history, NULL) && buf_str(&history, STR("/history")) && str_eq(buf_view(&history), str_of(path));
    buf_clear(&history);
    return same;
}

bool policy_allows(const struct policy *policy, const char *path, enum file_use use)
{
    char hex[65];
    bool write = use != FILE_READ && use != FILE_HOLD && use != FILE_STREAM && use != FILE_LIST;
    if (is_granted(policy, path, write) || (policy->chat && (is_of_chat(path, write) || is_history(path))))
        return true;
    if (blob_is(path, hex))
        return use == FILE_READ || use == FILE_HOLD || use == FILE_REPLACE;
    return (use == FILE_READ || use == FILE_LIST) && is_registered(path);
}
