/* SPDX-License-Identifier: Apache-2.0
 *
 * What the keeper may open for the engine.
 */
#ifndef HOB_WALL_POLICY_H
#define HOB_WALL_POLICY_H

#include "base/file.h"

/* A path that was granted. */
struct grant {
    char *path;
    bool write, folder;
};

struct policy {
    struct grant *grants;
    size_t n;
    bool chat; /* files of chats may be named */
};

/* Adds a path. False without memory. */
bool policy_grant(struct policy *policy, const char *path, bool write);

/* Frees what was granted. */
void policy_clear(struct policy *policy);

/* Whether the path may be opened for this use: it was granted, lies in a folder that was, is another part of a split
 * file that was; or the library names it; or it is a blob, or the history of a chat. */
bool policy_allows(const struct policy *policy, const char *path, enum file_use use);

#endif
