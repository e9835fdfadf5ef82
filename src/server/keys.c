/* SPDX-License-Identifier: Apache-2.0 */
#include "server/keys.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/sha256.h"

enum { MAX_KEYS = 1024, MAX_KEY_FILE = 1 << 20, HEX = 64, RANDOM_BYTES = 24 };

static const char *const scope_names[] = {[SCOPE_USE] = "use", [SCOPE_MANAGE] = "manage"};

/* Takes one line. */
static bool read_key(struct keys *keys, const char *line)
{
    struct key key = {SCOPE_NONE, ""};
    size_t word = strcspn(line, " \t");
    for (enum scope scope = SCOPE_USE; scope <= SCOPE_MANAGE; scope++)
        if (strlen(scope_names[scope]) == word && strncmp(line, scope_names[scope], word) == 0)
            key.scope = scope;
    const char *digest = line + word + strspn(line + word, " \t");
    if (key.scope == SCOPE_NONE || strncmp(digest, "sha256:", 7) != 0 ||
        strspn(digest + 7, "0123456789abcdef") != HEX || (digest[7 + HEX] && !strchr(" \t", digest[7 + HEX])) ||
        keys->n == MAX_KEYS)
        return false;
    memcpy(key.sha256, digest + 7, HEX);
    keys->all[keys->n++] = key;
    return true;
}

bool keys_read(struct keys *keys, const char *path, struct hob_error *err)
{
    struct buf text = {0};
    struct stat st;
    unsigned number = 0;
    *keys = (struct keys){.all = calloc(MAX_KEYS, sizeof *keys->all)};
    bool good = keys->all ? file_load(path, MAX_KEY_FILE, &text, err) : error_memory(err, MAX_KEYS);
    if (good && stat(path, &st) == 0 && st.st_mode & 077)
        good = error_set(err, HOB_REFUSED, "%s: others may read it; chmod 600 %s", path, path);
    char *rest = NULL;
    for (char *line = good && buf_text(&text) ? strtok_r(text.ptr, "\r\n", &rest) : NULL; line && good;
         line = strtok_r(NULL, "\r\n", &rest)) {
        number++;
        if (*line != '#' && !read_key(keys, line)) /* the line may be a key: it is not told */
            good = error_set(err, HOB_USAGE,
                             "%s: key %u is no \"use sha256:HEX\" or \"manage sha256:HEX\", or one too many; "
                             "\"hob key\" writes such lines",
                             path, number);
    }
    if (good && keys->n == 0)
        good = error_set(err, HOB_USAGE, "%s: holds no key; \"hob key %s\" makes one", path, path);
    buf_clear(&text);
    return good;
}

void keys_clear(struct keys *keys)
{
    free(keys->all);
    *keys = (struct keys){0};
}

enum scope keys_scope(const struct keys *keys, const char *shown)
{
    char hex[HEX + 1];
    enum scope scope = SCOPE_NONE;
    struct sha256 *sha = sha256_new();
    if (!sha)
        return SCOPE_NONE;
    sha256_add(sha, shown, strlen(shown));
    sha256_hex(sha, hex);
    sha256_free(sha);
    for (size_t i = 0; i < keys->n; i++) {
        unsigned char differ = 0;
        for (size_t at = 0; at < HEX; at++)
            differ |= (unsigned char)(hex[at] ^ keys->all[i].sha256[at]);
        if (differ == 0 && keys->all[i].scope > scope)
            scope = keys->all[i].scope;
    }
    return scope;
}

bool keys_add(const char *path, enum scope scope, char key[64], struct hob_error *err)
{
    unsigned char random[RANDOM_BYTES];
    char hex[HEX + 1];
    struct sha256 *sha = sha256_new();
    if (!sha)
        return error_memory(err, HEX);
    bool good = getrandom(random, sizeof random, 0) == sizeof random ||
                error_set(err, HOB_DISK, "the system gives no random bytes");
    size_t n = (size_t)snprintf(key, 64, "hob-");
    for (size_t i = 0; i < sizeof random; i++)
        n += (size_t)snprintf(key + n, 64 - n, "%02x", random[i]);
    sha256_add(sha, key, n);
    sha256_hex(sha, hex);
    sha256_free(sha);
    int fd = good ? file_descriptor(path, FILE_HISTORY, err) : -1;
    good = fd >= 0 &&
           (dprintf(fd, "%s sha256:%s\n", scope_names[scope], hex) > 0 || error_system(err, path, "cannot be written"));
    if (fd >= 0)
        close(fd);
    return good;
}
