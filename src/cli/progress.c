/* SPDX-License-Identifier: Apache-2.0
 *
 * Progress bars.
 */
#include "cli/progress.h"

#include <stdio.h>

#include "base/clock.h"
#include "cli/output.h"

static const double DELAY_MS = 1000, REDRAW_MS = 100;

/* "12 MB", "3.4 GB", "512 tokens". */
static void format_amount(double amount, enum progress_unit unit, char *out, size_t size)
{
    if (unit == PROGRESS_BYTES && amount >= 1e9)
        snprintf(out, size, "%.1f GB", amount / 1e9);
    else if (unit == PROGRESS_BYTES)
        snprintf(out, size, "%.0f MB", amount / 1e6);
    else
        snprintf(out, size, "%.0f%s", amount, unit == PROGRESS_TOKENS ? " tokens" : "");
}

/* "4 s", "1:05", "2:03:04". */
static void format_time(double seconds, char *out, size_t size)
{
    unsigned long s = seconds > 0 && seconds < 1e6 ? (unsigned long)(seconds + 0.5) : 0;
    if (s < 60)
        snprintf(out, size, "%lu s", s);
    else if (s < 3600)
        snprintf(out, size, "%lu:%02lu", s / 60, s % 60);
    else
        snprintf(out, size, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
}

static void draw(const struct progress *progress, double now_ms, size_t done, size_t total)
{
    char amount[32], rate[32], left[32], bar[41], tail[128];
    double seconds = (now_ms - progress->start_ms) / 1000, share = (double)done / (double)total;
    double per_second = (double)(done - progress->first) / seconds;
    format_amount((double)total, progress->unit, amount, sizeof amount);
    format_amount(per_second, progress->unit, rate, sizeof rate);
    format_time(per_second > 0 ? (double)(total - done) / per_second : 0, left, sizeof left);
    int n_tail = snprintf(tail, sizeof tail, " %3.0f %% of %s, %s/s, %s left", share * 100, amount, rate, left);
    int room = (int)terminal_columns() - 1 - (int)strlen(progress->label) - n_tail - 3;
    int width = room > (int)sizeof bar - 1 ? (int)sizeof bar - 1 : room;
    for (int i = 0; i < width; i++)
        bar[i] = i < share * width ? '#' : '-';
    if (width >= 8)
        fprintf(stderr, "\r\033[K%s [%.*s]%s", progress->label, width, bar, tail);
    else
        fprintf(stderr, "\r\033[K%.*s", (int)terminal_columns() - 1, tail + 1);
    fflush(stderr);
}

void progress_set(struct progress *progress, size_t done, size_t total)
{
    double now_ms = clock_ms();
    if (!progress->started) {
        progress->started = true;
        progress->start_ms = now_ms;
        progress->first = done;
    }
    if (!total || done > total || now_ms - progress->start_ms < DELAY_MS || now_ms - progress->shown_ms < REDRAW_MS ||
        !messages_are_terminal())
        return;
    progress->visible = true;
    progress->shown_ms = now_ms;
    draw(progress, now_ms, done, total);
}

void progress_end(struct progress *progress)
{
    if (progress->visible) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    progress->started = progress->visible = false;
}
