/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine's side of the keeper.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "store/remote.h"
#include "wall/channel.h"
#include "wall/internal.h"
#include "wall/keeper.h"

static int channel = -1;
static pid_t process;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Sends a message, which it takes, and waits for the answer; a descriptor that comes goes to *fd, which may be NULL. */
static json_t *ask(const char *call, json_t *message, int *fd, struct hob_error *err)
{
    int came = -1;
    json_t *reply = NULL;
    if (message && json_object_set_new(message, "do", json_string(call)) == 0) {
        pthread_mutex_lock(&lock);
        if (channel_send(channel, message, -1))
            reply = channel_receive(channel, &came);
        pthread_mutex_unlock(&lock);
    }
    json_decref(message);
    json_t *good = json_incref(json_object_get(reply, "ok"));
    const char *text = json_string_value(json_object_get(reply, "error"));
    if (!good)
        error_set(err, text ? (enum hob_status)json_integer_value(json_object_get(reply, "status")) : HOB_DISK, "%s",
                  text ? text : "the keeper, which opens files, is gone; start hob anew");
    json_decref(reply);
    if (fd)
        *fd = came;
    else if (came >= 0)
        close(came);
    return good;
}

static int broker_open(const char *path, enum file_use use, int *handle, struct hob_error *err)
{
    int fd = -1;
    json_t *answer = ask("open", json_pack("{s:o, s:i}", "path", channel_path(path), "use", (int)use), &fd, err);
    if (answer && handle)
        *handle = (int)json_integer_value(json_object_get(answer, "handle"));
    if (answer && fd < 0)
        error_set(err, HOB_LIMIT, "%s: no descriptor can be had", path);
    json_decref(answer);
    return fd;
}

static bool broker_finish(int handle, bool keep, struct hob_error *err)
{
    bool pending = true, good = true;
    while (good && pending) {
        json_t *answer = ask("finish", json_pack("{s:i, s:b}", "handle", handle, "keep", (int)keep), NULL, err);
        good = answer != NULL;
        pending = json_is_true(json_object_get(answer, "pending"));
        json_decref(answer);
        if (pending)
            usleep(20000);
    }
    return good;
}

static enum file_kind broker_kind(const char *path)
{
    json_t *answer = ask("look", json_pack("{s:o}", "path", channel_path(path)), NULL, NULL);
    json_int_t kind = json_integer_value(json_object_get(answer, "kind"));
    json_decref(answer);
    return (enum file_kind)kind;
}

static char *broker_absolute(const char *path)
{
    json_t *answer = ask("look", json_pack("{s:o}", "path", channel_path(path)), NULL, NULL);
    char *absolute = channel_read_path(json_object_get(answer, "absolute"));
    json_decref(answer);
    if (!absolute)
        errno = ENOENT;
    return absolute;
}

static json_t *ask_store(const char *call, json_t *arguments, struct hob_error *err)
{
    return ask(call, arguments, NULL, err);
}

bool keeper_start(int argc, char **argv, struct hob_error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return error_set(err, HOB_LIMIT, "no socket pair can be had: %s", strerror(errno));
    fflush(NULL);
    process = fork();
    if (process == 0) {
        close(pair[0]);
        keeper_run(pair[1], argc, argv);
    }
    if (process < 0)
        error_set(err, HOB_LIMIT, "no process can be had for the keeper: %s (ulimit -u)", strerror(errno));
    close(pair[1]);
    if (process < 0)
        close(pair[0]);
    else
        channel = pair[0];
    return process > 0;
}

int keeper_channel(void)
{
    return channel;
}

/* Asks for what answers nothing. */
static bool tell(const char *call, json_t *message, struct hob_error *err)
{
    json_t *answer = ask(call, message, NULL, err);
    json_decref(answer);
    return answer != NULL;
}

bool keeper_grant(const char *path, bool write, struct hob_error *err)
{
    return tell("grant", json_pack("{s:o, s:b}", "path", channel_path(path), "write", (int)write), err);
}

bool keeper_grant_chat(struct hob_error *err)
{
    return tell("chat", json_object(), err);
}

bool keeper_grant_socket(const char *path, struct hob_error *err)
{
    return tell("socket", json_pack("{s:o}", "path", channel_path(path)), err);
}

bool keeper_use(bool allow_holes, struct hob_error *err)
{
    static const struct file_broker broker = {broker_open, broker_finish, broker_kind, broker_absolute};
    if (!tell("sealed", json_pack("{s:b}", "holes", (int)allow_holes), err))
        return false;
    file_broker = &broker;
    store_ask = ask_store;
    return true;
}

void keeper_stop(void)
{
    if (channel < 0)
        return;
    shutdown(channel, SHUT_RDWR);
    waitpid(process, NULL, 0);
    channel = -1;
}
