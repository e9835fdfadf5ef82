/* SPDX-License-Identifier: Apache-2.0
 *
 * The keeper's side.
 */
#include "wall/keeper.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "store/blob.h"
#include "store/collect.h"
#include "store/remote.h"
#include "wall/channel.h"
#include "wall/internal.h"
#include "wall/policy.h"

enum { MAX_WRITERS = 64 };

/* A file that the engine writes. */
struct writer {
    bool used, ending;
    atomic_bool ended;
    bool good; /* once it has ended */
    struct file_writer file;
    struct hob_error err;
    pthread_t thread;
};

struct keeper {
    int channel;
    bool sealed;
    struct hob_error hole; /* the wall that does not stand around it, if one does not */
    struct policy policy;
    struct writer writers[MAX_WRITERS]; /* handle h is writers[h - 1] */
    char *socket_path;                  /* removed at the end */
};

static bool may_read(void *user, const char *path)
{
    const struct keeper *keeper = user;
    return policy_allows(&keeper->policy, path, FILE_READ);
}

/* ------------------------------------------------------------------------------------------------------- files */

/* Opens for the engine; the descriptor goes to *fd, which the caller closes unless it is a writer's. */
static json_t *open_writer(struct keeper *keeper, const char *path, int *fd, struct hob_error *err)
{
    char hex[65];
    size_t i = 0;
    while (i < MAX_WRITERS && keeper->writers[i].used)
        i++;
    if (i == MAX_WRITERS) {
        error_set(err, HOB_LIMIT, "%d files are being written already", (int)MAX_WRITERS);
        return NULL;
    }
    struct writer *writer = &keeper->writers[i];
    *writer = (struct writer){.file = {.fd = -1}};
    bool is_blob = blob_is(path, hex), fresh = !file_exists(path);
    if (!(is_blob ? blob_open(&writer->file, path, err) : file_writer_open(&writer->file, path, err)))
        return NULL;
    if (keeper->policy.chat && fresh) /* what a chat has made it may write again */
        policy_grant(&keeper->policy, path, true);
    writer->used = true;
    *fd = dup(writer->file.fd);
    return json_pack("{s:i}", "handle", (int)i + 1);
}

static json_t *do_open(struct keeper *keeper, const char *path, const json_t *message, int *fd, struct hob_error *err)
{
    json_int_t use = json_integer_value(json_object_get(message, "use"));
    struct file file;
    if (use < FILE_READ || use > FILE_REPLACE) {
        error_set(err, HOB_USAGE, "open: want a path and a use");
        return NULL;
    }
    if (!policy_allows(&keeper->policy, path, (enum file_use)use)) { /* whether it is there is not looked at: names that
                                                                          are looked up can travel, as open files can */
        error_set(
            err, HOB_REFUSED,
            "%.300s: cannot be opened: it is not there, or was not named on the command line or added to the library",
            path);
        return NULL;
    }
    if (use == FILE_REPLACE)
        return open_writer(keeper, path, fd, err);
    if (use == FILE_READ || use == FILE_HOLD) {
        if (!file_open_for(&file, path, (enum file_use)use, err))
            return NULL;
        char hex[65];
        if (blob_is(path, hex))
            collect_renew(&file);
        free(file.path);
        *fd = file.fd;
    } else {
        *fd = file_descriptor(path, (enum file_use)use, err);
    }
    return *fd < 0 ? NULL : json_object();
}

/* What lies at a path that may be opened. */
static json_t *do_look(const struct keeper *keeper, const char *path)
{
    bool may = policy_allows(&keeper->policy, path, FILE_READ) || policy_allows(&keeper->policy, path, FILE_APPEND);
    char *absolute = may ? file_absolute(path) : NULL;
    json_t *found = json_pack("{s:i, s:o*}", "kind", may ? (int)file_kind(path) : FILE_NOTHING, "absolute",
                              absolute ? channel_path(absolute) : NULL);
    free(absolute);
    return found;
}

/* Ends a writer; a blob is read and compared first, which takes its time. */
static void *end_writer(void *user)
{
    struct writer *writer = user;
    char hex[65];
    writer->good = blob_is(writer->file.path, hex) ? blob_end(&writer->file, &writer->err)
                                                   : file_writer_end(&writer->file, &writer->err);
    atomic_store(&writer->ended, true);
    return NULL;
}

static json_t *do_finish(struct keeper *keeper, const json_t *message, struct hob_error *err)
{
    char hex[65];
    json_int_t handle = json_integer_value(json_object_get(message, "handle"));
    struct writer *writer =
        handle > 0 && handle <= MAX_WRITERS && keeper->writers[handle - 1].used ? &keeper->writers[handle - 1] : NULL;
    if (!writer) {
        error_set(err, HOB_USAGE, "finish: no such handle");
        return NULL;
    }
    if (!json_is_true(json_object_get(message, "keep")) && !writer->ending) {
        file_writer_drop(&writer->file);
        writer->used = false;
        return json_object();
    }
    bool threaded = writer->ending;
    if (!writer->ending) {
        writer->ending = true;
        threaded = blob_is(writer->file.path, hex) && pthread_create(&writer->thread, NULL, end_writer, writer) == 0;
        if (!threaded)
            end_writer(writer);
    }
    if (!atomic_load(&writer->ended))
        return json_pack("{s:b}", "pending", 1);
    if (threaded)
        pthread_join(writer->thread, NULL);
    writer->used = false;
    if (writer->good)
        return json_object();
    *err = writer->err;
    return NULL;
}

/* ---------------------------------------------------------------------------------------------------- messages */

/* What is granted before the engine is sealed. */
static json_t *do_grant(struct keeper *keeper, const char *call, const char *path, const json_t *message,
                        struct hob_error *err)
{
    bool good = true;
    if (keeper->sealed) {
        error_set(err, HOB_REFUSED, "%s: the walls stand", call);
        return NULL;
    }
    if (strcmp(call, "sealed") == 0 && keeper->hole.status && !json_is_true(json_object_get(message, "holes"))) {
        *err = keeper->hole;
        return NULL;
    }
    if (strcmp(call, "sealed") == 0)
        keeper->sealed = true;
    else if (strcmp(call, "chat") == 0)
        keeper->policy.chat = true;
    else if (strcmp(call, "grant") == 0)
        good = policy_grant(&keeper->policy, path, json_is_true(json_object_get(message, "write")));
    else
        good = keeper->socket_path || (keeper->socket_path = strdup(path)) != NULL;
    if (good)
        return json_object();
    error_memory(err, 1);
    return NULL;
}

/* Does what the engine asks of files. */
static json_t *answer_path(struct keeper *keeper, const char *call, const char *path, const json_t *message, int *fd,
                           struct hob_error *err)
{
    if (strcmp(call, "finish") == 0)
        return do_finish(keeper, message, err);
    if (strcmp(call, "look") == 0)
        return do_look(keeper, path);
    return strcmp(call, "open") == 0 ? do_open(keeper, path, message, fd, err)
                                     : do_grant(keeper, call, path, message, err);
}

static json_t *answer(struct keeper *keeper, const json_t *message, int *fd, struct hob_error *err)
{
    static const char *const own[] = {"open", "look", "finish", "grant", "chat", "socket", "sealed"};
    const char *call = json_string_value(json_object_get(message, "do"));
    call = call ? call : "";
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (strcmp(call, own[i]) != 0)
            continue;
        char *path = channel_read_path(json_object_get(message, "path"));
        json_t *done = answer_path(keeper, call, path ? path : "", message, fd, err);
        free(path);
        return done;
    }
    json_t *found = store_answer(call, message, may_read, keeper, err);
    const char *path = json_string_value(json_object_get(found, "path"));
    if (path && strcmp(call, "find") == 0) /* the model of a digest: the library has seen it */
        policy_grant(&keeper->policy, path, false);
    return found;
}

/* Serves until the engine is gone, then leaves nothing half done. */
static void serve(struct keeper *keeper)
{
    json_t *message;
    int came;
    while ((message = channel_receive(keeper->channel, &came))) {
        struct hob_error err = {0};
        int fd = -1;
        if (came >= 0)
            close(came);
        json_t *found = answer(keeper, message, &fd, &err);
        json_t *reply = found
                            ? json_pack("{s:o}", "ok", found)
                            : json_pack("{s:i, s:o}", "status", (int)err.status, "error", json_bytes(str_of(err.text)));
        bool sent = channel_send(keeper->channel, reply, fd);
        if (fd >= 0)
            close(fd);
        json_decref(reply);
        json_decref(message);
        if (!sent)
            break;
    }
    for (size_t i = 0; i < MAX_WRITERS; i++)
        if (keeper->writers[i].used && keeper->writers[i].ending)
            pthread_join(keeper->writers[i].thread, NULL);
        else if (keeper->writers[i].used)
            file_writer_drop(&keeper->writers[i].file);
    if (keeper->socket_path)
        unlink(keeper->socket_path);
    policy_clear(&keeper->policy);
    free(keeper->socket_path);
}

void keeper_serve(int channel, const struct hob_error *hole)
{
    static struct keeper keeper;
    keeper = (struct keeper){.channel = channel, .hole = *hole};
    serve(&keeper);
}

/* Whoever looks at the command line sees the engine's; here it is wiped before it is read. */
static void wipe_words(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        explicit_bzero(argv[i], strlen(argv[i]));
}

void keeper_run(int channel, int argc, char **argv)
{
    struct hob_error hole = {0};
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGTSTP, SIGQUIT}; /* it ends with the engine */
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    wipe_words(argc, argv);
    prctl(PR_SET_NAME, "hob-keeper", 0, 0, 0);
    struct wall_options options = {.role = WALL_KEEPER, .listener = -1, .keeper = channel, .keep = -1};
    if (!wall_raise(&options, &hole)) {
        options.allow_holes = true;
        wall_raise(&options, &(struct hob_error){0});
    }
    keeper_serve(channel, &hole);
    _exit(0);
}
