/* SPDX-License-Identifier: Apache-2.0
 *
 * Ctrl-C.
 */
#include "cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include "base/error.h"

static volatile sig_atomic_t pending, final;

static void on_signal(int number)
{
    if (pending)
        _exit(HOB_INTERRUPTED);
    pending = 1;
    if (number != SIGINT)
        final = 1;
}

void interrupt_init(void)
{
    /* No SA_RESTART: a read that waits for the person must return. */
    struct sigaction action = {.sa_handler = on_signal}, old;
    sigemptyset(&action.sa_mask);
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) /* nohup stays in force */
            sigaction(numbers[i], &action, NULL);
}

bool interrupt_pending(void)
{
    return pending != 0;
}

bool interrupt_take(void)
{
    bool was = pending != 0;
    if (!final)
        pending = 0;
    return was;
}

bool interrupt_is_final(void)
{
    return final != 0;
}

bool interrupt_error(struct hob_error *err)
{
    return error_set(err, HOB_INTERRUPTED, "interrupted");
}
