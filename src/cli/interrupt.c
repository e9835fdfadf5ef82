/* SPDX-License-Identifier: Apache-2.0
 *
 * Ctrl-C.
 */
#include "cli/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/error.h"

static volatile sig_atomic_t caught, pending, final;
static void (*before_end)(void);
static int pipe_fds[2] = {-1, -1}; /* a byte lies in it while `pending` */

static void on_signal(int number)
{
    if (pending || !caught) {
        if (before_end)
            before_end();
        _exit(HOB_INTERRUPTED);
    }
    pending = 1;
    if (number != SIGINT)
        final = 1;
    int saved = errno;
    ssize_t n = write(pipe_fds[1], "", 1);
    (void)n;
    errno = saved;
}

void interrupt_init(void)
{
    /* No SA_RESTART: a read that waits for the person must return. */
    struct sigaction action = {.sa_handler = on_signal}, old;
    sigemptyset(&action.sa_mask);
    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) != 0)
        pipe_fds[0] = pipe_fds[1] = -1;
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) /* nohup stays in force */
            sigaction(numbers[i], &action, NULL);
}

void interrupt_before_end(void (*restore)(void))
{
    before_end = restore;
}

void interrupt_catch(void)
{
    caught = 1;
}

bool interrupt_pending(void)
{
    return pending != 0;
}

bool interrupt_take(void)
{
    bool was = pending != 0;
    char byte;
    if (was && !final) {
        pending = 0;
        while (read(pipe_fds[0], &byte, 1) > 0)
            continue;
    }
    return was;
}

int interrupt_fd(void)
{
    return pipe_fds[0];
}

bool interrupt_is_final(void)
{
    return final != 0;
}

bool interrupt_error(struct hob_error *err)
{
    return error_set(err, HOB_INTERRUPTED, "interrupted");
}
