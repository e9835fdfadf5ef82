/* SPDX-License-Identifier: Apache-2.0
 *
 * A hostile engine, after its walls were raised: whatever it asks, the keeper hands out no descriptor but of what was
 * granted, changes nothing else, and keeps none. The input is messages with a line feed between them; one that begins
 * with a zero goes out as it is, without the four bytes of its size.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hob.h>
#include <pthread.h>

#include "base/file.h"
#include "wall/channel.h"
#include "wall/internal.h"

enum { MAX_MESSAGES = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char home[] = "/tmp/hob-fuzz-keeper-XXXXXX";

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void leave(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", home);
    require(system(command) == 0);
}

/* A folder with what is granted (named, shelf/, out) and what is not (secret); relative names lead there. */
static void begin(void)
{
    static bool begun;
    if (begun)
        return;
    begun = true;
    require(mkdtemp(home) && chdir(home) == 0);
    atexit(leave);
    setenv("HOB_HOME", "home", 1);
    setenv("XDG_CACHE_HOME", "cache", 1);
    require(file_make_folder("shelf", NULL) && file_make_folder("home", NULL));
    static const char *const files[] = {"named", "secret", "shelf/book", "home/secret"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        require(file_save(files[i], STR("text"), NULL));
}

static void say(int channel, const char *call, const char *path, bool flag)
{
    json_t *message = json_pack("{s:s, s:s, s:b, s:b}", "do", call, "path", path, "write", (int)flag, "holes", 1);
    require(channel_send(channel, message, -1));
    json_decref(message);
}

static size_t count_open(void)
{
    size_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    require(dir != NULL);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

/* What a descriptor may lead to. */
static void check(int fd)
{
    static const char *const granted[] = {"/named", "/shelf", "/shelf/book", "/out", "/home/blobs/"};
    char link[32], path[512], want[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    require(n > 0);
    path[n] = '\0';
    bool good = false;
    for (size_t i = 0; i < sizeof granted / sizeof *granted; i++) {
        bool is_prefix = i >= 3; /* temporaries have longer names */
        snprintf(want, sizeof want, "%s%s", home, granted[i]);
        good = good || (is_prefix ? strncmp(path, want, strlen(want)) == 0 : strcmp(path, want) == 0);
    }
    require(good);
}

static void *serve(void *channel)
{
    keeper_serve(*(int *)channel, &(struct hob_error){0});
    close(*(int *)channel);
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2], fd;
    pthread_t keeper;
    struct buf left = {0};
    begin();
    size_t n_open = count_open();
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    require(pthread_create(&keeper, NULL, serve, &pair[1]) == 0);
    say(pair[0], "grant", "named", false);
    say(pair[0], "grant", "shelf", false);
    say(pair[0], "grant", "out", true);
    say(pair[0], "sealed", "", false);
    for (size_t at = 0, n = 0; at < size && n < MAX_MESSAGES; n++) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        uint32_t length = (uint32_t)(end ? (size_t)(end - data) - at : size - at);
        bool raw = length && data[at] == 0;
        if ((!raw && send(pair[0], &length, sizeof length, MSG_NOSIGNAL) != (ssize_t)sizeof length) ||
            send(pair[0], data + at, length, MSG_NOSIGNAL) != (ssize_t)length)
            break;
        at += length + 1;
    }
    shutdown(pair[0], SHUT_WR);
    for (json_t *reply; (reply = channel_receive(pair[0], &fd)); json_decref(reply)) {
        if (fd >= 0) {
            check(fd);
            close(fd);
        }
    }
    pthread_join(keeper, NULL);
    close(pair[0]);
    require(count_open() == n_open);
    require(file_load("secret", 16, &left, NULL) && str_eq(buf_view(&left), STR("text")));
    require(file_load("home/secret", 16, &left, NULL) && str_eq(buf_view(&left), STR("text")));
    require(file_load("named", 16, &left, NULL) && str_eq(buf_view(&left), STR("text")));
    buf_clear(&left);
    return 0;
}
