/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of tests/goldens/replies, one a format.
 */
#ifndef HOB_TESTS_TEXT_REPLIES_H
#define HOB_TESTS_TEXT_REPLIES_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

enum { MAX_REPLY_FORMATS = 64 };

/* The cases of a format, which must be there. The caller owns the reference. */
static json_t *replies_load(const char *name)
{
    char path[256];
    struct hob_error err = {0};
    snprintf(path, sizeof path, "tests/goldens/replies/%s.json", name);
    json_t *file = json_read_file(path, 1 << 22, &err);
    if (!file) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return file;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of all formats that have cases, in order; they live for ever. */
static size_t replies_list(char *names[MAX_REPLY_FORMATS])
{
    DIR *folder = opendir("tests/goldens/replies");
    size_t n = 0;
    for (struct dirent *entry; folder && n < MAX_REPLY_FORMATS && (entry = readdir(folder));) {
        char *end = strstr(entry->d_name, ".json");
        if (end)
            names[n++] = strndup(entry->d_name, (size_t)(end - entry->d_name));
    }
    if (folder)
        closedir(folder);
    qsort(names, n, sizeof *names, by_name);
    return n;
}

#endif
