/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal's modes.
 */
#include "cli/tty.h"

#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/interrupt.h"

static struct termios before, held;
static volatile sig_atomic_t taken, marked, holding, resized, stopped;

static void set_modes(const struct termios *modes)
{
    tcsetattr(STDIN_FILENO, TCSADRAIN, modes);
}

/* Where it cannot be written, nothing is marked. */
static void write_sequence(const char *sequence)
{
    ssize_t n = write(STDOUT_FILENO, sequence, strlen(sequence));
    (void)n;
}

static void on_resize(int number)
{
    (void)number;
    resized = 1;
}

/* The shell has set the modes that it wants. */
static void on_continue(int number)
{
    (void)number;
    stopped = 1;
    if (holding)
        set_modes(&held);
    if (marked)
        write_sequence("\033[?2004h");
}

void tty_take(bool marks)
{
    /* Calls of the system go on after these signals; poll() alone does not, and looks. */
    struct sigaction resize = {.sa_handler = on_resize, .sa_flags = SA_RESTART};
    struct sigaction resume = {.sa_handler = on_continue, .sa_flags = SA_RESTART};
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return;
    held = before;
    held.c_lflag &= ~(tcflag_t)(ECHO | ICANON | IEXTEN);
    held.c_cc[VMIN] = 1;
    held.c_cc[VTIME] = 0;
    taken = 1;
    marked = marks;
    interrupt_before_end(tty_give_back);
    sigaction(SIGWINCH, &resize, NULL);
    sigaction(SIGCONT, &resume, NULL);
    if (marks)
        write_sequence("\033[?2004h");
}

void tty_give_back(void)
{
    if (!taken)
        return;
    taken = holding = 0;
    set_modes(&before);
    if (marked)
        write_sequence("\033[?2004l");
    marked = 0;
}

void tty_hold(bool on)
{
    if (!taken)
        return;
    holding = on;
    set_modes(on ? &held : &before);
}

bool tty_was_resized(void)
{
    bool was = resized;
    resized = 0;
    return was;
}

bool tty_was_stopped(void)
{
    bool was = stopped;
    stopped = 0;
    return was;
}
