/* SPDX-License-Identifier: Apache-2.0
 *
 * hob selftest: processes that raise the walls around themselves and then try to get out.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "wall/exits.h"
#include "wall/keeper.h"

/* A thread from before the walls: waits for them, then tries. */
struct early {
    pthread_barrier_t stand;
    int socket_error, file_error;
};

static void *try_early(void *user)
{
    struct early *early = user;
    pthread_barrier_wait(&early->stand);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    early->socket_error = fd < 0 ? errno : 0;
    return NULL;
}

/* Sends {"rows", "leaks"} or {"error"} through the pipe. */
static void report(int out, json_t *rows, unsigned n_leaks, const struct hob_error *err)
{
    struct buf text = {0};
    json_t *whole = rows ? json_pack("{s:o, s:i}", "rows", rows, "leaks", (int)n_leaks)
                         : json_pack("{s:i, s:s}", "status", (int)err->status, "error", err->text);
    json_write(whole, &text);
    for (size_t at = 0; at < text.len;) {
        ssize_t n = write(out, text.ptr + at, text.len - at);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    json_decref(whole);
    buf_clear(&text);
}

/* The child that raises the walls and tries everything that leaves it alive. */
static void try_all(const struct wall_options *wanted, int out)
{
    struct hob_error err = {0};
    struct early early;
    struct wall_options options = *wanted;
    static const struct exit_row before = {"a thread from before", "all-threads", NULL},
                                 inherited = {"a descriptor from before", "descriptors", NULL};
    pthread_t thread;
    unsigned n_leaks = 0;
    const struct rlimit some = {1 << 20, 1 << 20};
    setrlimit(RLIMIT_CORE, &some);
    int from_before = open("/dev/null", O_WRONLY | O_CLOEXEC);
    pthread_barrier_init(&early.stand, NULL, 2);
    char *no_words[] = {NULL};
    options.n_threads = 2;
    options.keep = out;
    bool good = keeper_start(0, no_words, &err);
    good = good && pthread_create(&thread, NULL, try_early, &early) == 0;
    options.keeper = keeper_channel();
    good = good && wall_raise(&options, &err);
    json_t *rows = NULL;
    if (good) {
        pthread_barrier_wait(&early.stand);
        pthread_join(thread, NULL);
        rows = wall_try_exits(&n_leaks);
        json_array_append_new(rows, exit_json(&before, early.socket_error, &n_leaks));
        json_array_append_new(rows, exit_json(&inherited, fcntl(from_before, F_GETFD) >= 0 ? 0 : EPERM, &n_leaks));
    }
    report(out, rows, n_leaks, &err);
    _exit(0);
}

#if defined(__x86_64__)
/* getpid() as a program of 32 bits asks for it, and as x32 does. */
static void call_32(void)
{
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
    (void)result;
}

static void call_x32(void)
{
    syscall(0x40000000L | SYS_getpid);
}

#endif

static const struct fatal {
    const char *name;
    void (*try)(void);
} fatal_rows[] = {
#if defined(__x86_64__)
    {"calls of 32 bits", call_32},
    {"x32 calls", call_x32},
#endif
    {NULL, NULL},
};

/* Runs `row` in a child of its own, which must not survive it. */
static int try_fatal(const struct fatal *row, const struct wall_options *options)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        struct hob_error err;
        if (!wall_raise(options, &err))
            _exit(2);
        row->try();
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return EAGAIN;
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? EPERM : 0;
}

/* Reads what a child reports. */
static json_t *read_report(int in)
{
    struct buf text = {0};
    char piece[4096];
    ssize_t n;
    while ((n = read(in, piece, sizeof piece)) > 0)
        buf_add(&text, piece, (size_t)n);
    json_t *json = json_read(buf_view(&text), "report", NULL);
    buf_clear(&text);
    return json;
}

json_t *wall_selftest(const char *without, unsigned *n_leaks, struct hob_error *err)
{
    struct wall_options options = {.role = WALL_ENGINE, .listener = -1, .keeper = -1, .keep = -1, .without = without};
    int fds[2];
    *n_leaks = 0;
    if (pipe(fds) != 0) {
        error_system(err, "pipe", "cannot be had");
        return NULL;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        try_all(&options, fds[1]);
    }
    close(fds[1]);
    json_t *found = pid > 0 ? read_report(fds[0]) : NULL;
    close(fds[0]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    json_t *rows = json_incref(json_object_get(found, "rows"));
    const char *text = json_string_value(json_object_get(found, "error"));
    if (!rows)
        error_set(err, text ? (enum hob_status)json_integer_value(json_object_get(found, "status")) : HOB_REFUSED, "%s",
                  text ? text : "the process behind the walls did not survive them");
    *n_leaks = (unsigned)json_integer_value(json_object_get(found, "leaks"));
    json_decref(found);
    for (const struct fatal *fatal = fatal_rows; rows && fatal->name; fatal++) {
        const struct exit_row row = {fatal->name, "foreign-calls", NULL};
        json_array_append_new(rows, exit_json(&row, try_fatal(fatal, &options), n_leaks));
    }
    return rows;
}
